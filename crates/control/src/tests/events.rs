//! Events: accepted means kept until done.

use super::{Life, MINUTE, Scripted, World, event};
use crate::{Code, Error, EventInvoke, Events, FunctionDefinition, Invocation};
use bytes::Bytes;
use expect_test::expect;
use item::{Item, Value};

/// All letters, oldest first.
fn letters(life: &Life) -> Vec<Item> {
    let Some(table) = life.db.table(triggers::DEAD_LETTERS) else { return Vec::new() };
    let scan = db::Scan { segment: (0, 1), start: None, limit: None, filter: None };
    life.db.scan(&table, &scan).expect("reads").items
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(Value::S(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

async fn idle(life: &Life, name: &str) {
    life.until("nothing waits", |life| life.control.events(name).expect("it exists").1 == 0).await;
}

fn with_letters(name: &str) -> FunctionDefinition {
    let dead_letter = Some("arn:aws:sqs:us-east-1:000000000000:letters".to_owned());
    FunctionDefinition {
        events: Events { dead_letter, ..Events::default() },
        ..FunctionDefinition::new(name, "python3.12", "app.handler", Code::Folder(std::env::temp_dir()))
    }
}

#[test]
fn an_event_is_called_again_after_a_minute_and_two_more_and_then_its_letter_is_written() {
    let world = World::new();
    world.live(async |life| {
        life.define(with_letters("count")).await;
        life.script.answer(&[Scripted::Fails, Scripted::Fails, Scripted::Fails]);
        let id = life.control.invoke_event("count", event("a vote")).await.expect("accepted");
        assert_eq!(life.told(1).await, [r#"call count "a vote""#]);
        for minutes in [1, 2] {
            life.advance(minutes * MINUTE - 1);
            assert_eq!(life.quiet().await, [""; 0], "not yet");
            life.advance(1);
            assert_eq!(life.told(1).await, [r#"call count "a vote""#]);
        }
        idle(&life, "count").await;
        let letters = letters(&life);
        assert_eq!(letters.len(), 1);
        let shown = ["destination", "function", "condition", "error", "message"].map(|name| text(&letters[0], name));
        let destination = "arn:aws:sqs:us-east-1:000000000000:letters";
        let error = r#"{"errorMessage":"no"}"#;
        assert_eq!(shown, [destination, "count", "RetriesExhausted", error, r#""a vote""#]);
        assert_eq!(text(&letters[0], "request_id"), id);
        assert_eq!(letters[0].get("attempts"), Some(&Value::N(3i64.into())));
        // As the triggers write theirs, in the same table.
        let at = "2026-01-01T00:03:00.000Z";
        assert_eq!(["created", "id"].map(|name| text(&letters[0], name)), [at.to_owned(), format!("{at}-{id}")]);
        let (counts, _) = life.control.events("count").expect("it exists");
        let counts = (counts.accepted, counts.calls, counts.tried_again, counts.given_up, counts.dead_letters);
        assert_eq!(counts, (1, 3, 2, 1, 1));
        life.control.stop().await;
    });
}

#[test]
fn events_that_were_accepted_are_called_after_a_crash_and_none_that_was_done() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        life.control.invoke_event("count", event("done")).await.expect("accepted");
        idle(&life, "count").await;
        life.script.answer(&[Scripted::Hangs, Scripted::Fails]);
        life.control.invoke_event("count", event("under way")).await.expect("accepted");
        life.told(2).await;
        life.control.invoke_event("count", event("failed once")).await.expect("accepted");
        life.until("it will be tried again", |life| {
            life.control.events("count").expect("it exists").0.tried_again == 1
        })
        .await;
        life.script.take();
    });
    world.live(async |life| {
        let told = life.told(2).await;
        assert_eq!(told, ["put count", r#"call count "under way""#]);
        assert_eq!(life.quiet().await, [""; 0], "its minute is not over");
        life.script.answer(&[Scripted::Fails]);
        life.advance(MINUTE);
        assert_eq!(life.told(1).await, [r#"call count "failed once""#]);
        life.until("it will be tried again", |life| {
            life.control.events("count").expect("it exists").0.tried_again == 1
        })
        .await;
    });
    world.live(async |life| {
        // The second failure was counted: the next retry is two minutes later, and the last.
        life.advance(2 * MINUTE - 1);
        assert_eq!(life.quiet().await, ["put count"]);
        life.script.answer(&[Scripted::Fails]);
        life.advance(1);
        assert_eq!(life.told(1).await, [r#"call count "failed once""#]);
        idle(&life, "count").await;
    });
    world.live(async |life| {
        life.advance(1000 * MINUTE);
        assert_eq!(life.quiet().await, ["put count"], "all is done");
    });
}

#[test]
fn as_many_events_wait_as_may_and_those_of_a_busy_function_wait_until_they_are_too_old() {
    let mut world = World::new();
    (world.calls.waiting_max, world.calls.waiting_bytes_max, world.calls.running_max) = (3, 2 << 20, 1);
    world.live(async |life| {
        life.define(with_letters("count")).await;
        life.script.answer(&[Scripted::Hangs]);
        for text in ["one", "two", "three"] {
            life.control.invoke_event("count", event(text)).await.expect("accepted");
        }
        let refused = life.control.invoke_event("count", event("four")).await;
        assert!(matches!(refused, Err(Error::TooManyRequests(_))), "{refused:?}");
        assert_eq!(life.quiet().await, [r#"call count "one""#], "one at a time");
        life.control.delete_function("count").await.expect("deleted");

        life.define(with_letters("other")).await;
        life.script.answer(&vec![Scripted::Busy; 1000]);
        let large = |bytes: usize| Invocation { payload: Bytes::from(vec![b'1'; bytes]), ..event("") };
        let refused = life.control.invoke_event("other", large((1 << 20) + 1)).await;
        assert!(matches!(refused, Err(Error::TooLarge(_))), "{refused:?}");
        life.control.invoke_event("other", large(1 << 20)).await.expect("accepted");
        let refused = life.control.invoke_event("other", large(1 << 20)).await;
        assert!(matches!(refused, Err(Error::TooManyRequests(_))), "two take more bytes than may wait: {refused:?}");
        for _ in 0..30 {
            life.advance(5 * MINUTE);
            life.told(1).await;
        }
        life.advance(6 * 60 * MINUTE);
        idle(&life, "other").await;
        let letters = letters(&life);
        let condition = ["condition", "function"].map(|name| text(&letters[0], name));
        assert_eq!(condition, ["EventAgeExceeded", "other"]);
        assert_eq!(letters[0].get("attempts"), Some(&Value::N(0i64.into())), "it never found room");
        // The payload is longer than an item may be: it is all there, in parts.
        let parts: usize = letters.iter().map(|letter| text(letter, "message").len()).sum();
        assert_eq!((letters.len(), parts), (4, 1 << 20));
    });
}

#[test]
fn events_go_with_their_function_and_stop_waits_for_what_is_under_way() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        life.script.answer(&[Scripted::Fails]);
        life.control.invoke_event("count", event("first life")).await.expect("accepted");
        life.told(1).await;
        life.control.delete_function("count").await.expect("deleted");
        let refused = life.control.invoke_event("count", event("nobody")).await;
        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
        life.function("count").await;
        life.advance(60 * MINUTE);
        assert_eq!(life.quiet().await, [""; 0], "the new function has nothing of the old one");

        life.control.invoke_event("count", event("last")).await.expect("accepted");
        life.control.stop().await;
        let refused = life.control.invoke_event("count", event("late")).await;
        assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    });
    world.live(async |life| {
        let told = life.quiet().await;
        assert!(told.len() <= 2, "done before the stop, or called now: {told:?}");
        idle(&life, "count").await;
    });
}

pub const BUCKET: &str = "arn:aws:s3:::letters";

/// The one object of the bucket: its key and its document.
pub fn object(life: &Life) -> (String, serde_json::Value) {
    let all = s3::Listed { prefix: String::new(), delimiter: None, from: s3::From::Start, max: 10 };
    let mut entries = life.buckets.list("letters", &all).expect("listed").entries;
    let Some(s3::Entry::One(object)) = entries.pop().filter(|_| entries.is_empty()) else { panic!("{entries:?}") };
    let (_, blob) = life.buckets.open_object("letters", &object.key).expect("it is there");
    (object.key, serde_json::from_reader(blob.expect("it has bytes").reader()).expect("JSON"))
}

#[test]
fn a_call_that_succeeds_is_told_of_with_its_answer_where_somebody_wants_to_know() {
    let world = World::new();
    world.live(async |life| {
        let on_success = Some("arn:aws:sns:us-east-1:000000000000:done".to_owned());
        let invoke = EventInvoke { on_success, ..EventInvoke::default() };
        let events = Events { invoke: Some(invoke), ..Events::default() };
        life.define(FunctionDefinition { events, ..with_letters("count") }).await;
        life.script.answer(&[Scripted::Fails]);
        let id = life.control.invoke_event("count", event("a vote")).await.expect("accepted");
        life.told(1).await;
        assert_eq!(letters(&life), [], "it is tried again");
        life.advance(MINUTE);
        life.told(1).await;
        idle(&life, "count").await;
        let letters = letters(&life);
        assert_eq!(letters.len(), 1);
        let shown = ["destination", "function", "condition"].map(|name| text(&letters[0], name));
        assert_eq!(shown, ["arn:aws:sns:us-east-1:000000000000:done", "count", "Success"]);
        expect![[r#"{"requestContext":{"approximateInvokeCount":2,"condition":"Success","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","requestId":"ID"},"requestPayload":"a vote","responseContext":{"executedVersion":"$LATEST","statusCode":200},"responsePayload":null,"timestamp":"2026-01-01T00:01:00.000Z","version":"1.0"}"#]].assert_eq(&text(&letters[0], "message").replace(&id, "ID"));
        assert_eq!(life.control.events("count").expect("it exists").0.dead_letters, 0, "nothing was given up");
        life.control.stop().await;
    });
}

#[test]
fn buckets_are_told_of_failures_only() {
    let invoke = EventInvoke { on_success: Some(BUCKET.to_owned()), ..EventInvoke::default() };
    let events = Events { invoke: Some(invoke), ..Events::default() };
    let refused = FunctionDefinition { events, ..with_letters("count") }.check().expect_err("as on AWS").to_string();
    assert!(refused.starts_with("S3 buckets are supported only for on-failure destinations."), "{refused}");
}

fn into_bucket(name: &str) -> FunctionDefinition {
    let on_failure = Some(BUCKET.to_owned());
    let invoke = EventInvoke { retry_attempts: Some(0), on_failure, ..EventInvoke::default() };
    let events = Events { invoke: Some(invoke), ..Events::default() };
    FunctionDefinition { events, ..with_letters(name) }
}

#[test]
fn a_letter_for_a_bucket_is_an_object_named_as_on_aws_with_the_record_of_the_invocation() {
    let world = World::new();
    world.live(async |life| {
        life.buckets.create("letters", None).expect("created");
        life.define(into_bucket("count")).await;
        life.script.answer(&[Scripted::Fails]);
        let id = life.control.invoke_event("count", event("a vote")).await.expect("accepted");
        life.told(1).await;
        idle(&life, "count").await;
        let (key, document) = object(&life);
        assert_eq!(key, format!("aws/lambda/async/count/2026/01/01/2026-01-01T00.00.00-{id}"));
        expect![[r#"{"requestContext":{"approximateInvokeCount":1,"condition":"RetriesExhausted","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","requestId":"ID"},"requestPayload":"a vote","responseContext":{"executedVersion":"$LATEST","functionError":"Unhandled","statusCode":200},"responsePayload":{"errorMessage":"no"},"timestamp":"2026-01-01T00:00:00.000Z","version":"1.0"}"#]].assert_eq(&document.to_string().replace(&id, "ID"));
        assert_eq!(letters(&life), []);
        assert_eq!(life.control.events("count").expect("it exists").0.dead_letters, 1);
    });
}

#[test]
fn a_bucket_for_letters_must_be_there_and_one_that_goes_later_costs_none() {
    let world = World::new();
    world.live(async |life| {
        let folder = || crate::Package::Folder(std::env::temp_dir());
        let refused = life.control.create_function(into_bucket("count"), folder()).await.expect_err("there is none");
        assert_eq!(refused.to_string(), "the on-failure destination is the bucket letters, which does not exist");
        life.buckets.create("letters", None).expect("created");
        life.define(into_bucket("count")).await;
        life.buckets.delete_bucket("letters").expect("deleted");
        // What it had may stay, though something else changes.
        let described = |definition: &mut FunctionDefinition| definition.description = "counts".to_owned();
        life.control.update_function("count", None, described, None).await.expect("updated");
        life.script.take();
        life.script.answer(&[Scripted::Fails]);
        life.control.invoke_event("count", event("a vote")).await.expect("accepted");
        life.told(1).await;
        idle(&life, "count").await;
        let letters = letters(&life);
        let note = "the letter is kept here, for the bucket letters does not exist";
        assert_eq!(["destination", "note"].map(|name| text(&letters[0], name)), [BUCKET, note]);
        let document: serde_json::Value = serde_json::from_str(&text(&letters[0], "message")).expect("JSON");
        assert_eq!(document["requestPayload"], "a vote");
    });
}
