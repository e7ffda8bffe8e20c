//! Events of buckets: told to functions, through crashes, full queues and functions that feed themselves.

use super::{Life, MINUTE, Scripted, World};
use crate::{Code, Error, EventInvoke, Events, FunctionDefinition, NotificationDefinition, Origin};
use expect_test::expect;
use s3::{Buckets, Expectation, Put, Target};
use serde_json::Value;

/// Functions that an object's change came through.
fn through(depth: u8) -> item::Origin {
    if depth == 0 { item::Origin::Client } else { item::Origin::Function { depth } }
}

impl World {
    /// A bucket, whose objects are told of as a target says.
    async fn bucket(&self, life: &Life, targets: &[Target]) -> Buckets {
        life.buckets.ensure("cats").expect("it is there");
        tell(life, targets).await.expect("told");
        life.buckets.clone()
    }
}

async fn tell(life: &Life, targets: &[Target]) -> Result<(), Error> {
    let definition =
        NotificationDefinition { bucket: "cats".to_owned(), targets: targets.to_vec(), origin: Origin::Api };
    life.control.set_notification(definition).await
}

fn target(kind: &str, prefix: &str) -> Target {
    Target {
        id: "configuration".to_owned(),
        function: "see".to_owned(),
        kinds: vec![kind.to_owned()],
        prefix: prefix.to_owned(),
        suffix: String::new(),
    }
}

fn put(buckets: &Buckets, key: &str, depth: u8) {
    let put = Put { origin: through(depth), ..Put::new(key) };
    buckets.put_from("cats", put, &mut &b"meow"[..]).expect("put");
}

/// The events in lines that were told.
fn records(told: &[String]) -> Vec<Value> {
    let record = |line: &String| {
        let document: Value = serde_json::from_str(line.strip_prefix("call see ")?).ok()?;
        Some(document["Records"][0].clone())
    };
    told.iter().filter_map(record).collect()
}

/// Keys of the events in lines that were told, sorted.
fn keys(told: &[String]) -> Vec<String> {
    let key = |record: &Value| record["s3"]["object"]["key"].as_str().unwrap_or_default().to_owned();
    let mut keys: Vec<String> = records(told).iter().map(key).collect();
    keys.sort();
    keys
}

#[test]
fn an_object_that_is_made_or_removed_calls_the_function_with_the_event_of_s3() {
    let world = World::new();
    world.live(async |life| {
        life.function("see").await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "in/")]).await;
        put(&buckets, "out/a", 0);
        put(&buckets, "in/red flower.jpg", 0);
        let told = life.told(1).await;
        expect![[r#"
            {
              "awsRegion": "us-east-1",
              "eventName": "ObjectCreated:Put",
              "eventSource": "aws:s3",
              "eventTime": "2026-01-01T00:00:00.000Z",
              "eventVersion": "2.1",
              "requestParameters": {
                "sourceIPAddress": "127.0.0.1"
              },
              "responseElements": {
                "x-amz-id-2": "00000000000000000000000000000007",
                "x-amz-request-id": "0000000000000007"
              },
              "s3": {
                "bucket": {
                  "arn": "arn:aws:s3:::cats",
                  "name": "cats",
                  "ownerIdentity": {
                    "principalId": "000000000000"
                  }
                },
                "configurationId": "configuration",
                "object": {
                  "eTag": "4a4be40c96ac6314e91d93f38043a634",
                  "key": "in/red+flower.jpg",
                  "sequencer": "000000000000000007",
                  "size": 4
                },
                "s3SchemaVersion": "1.0"
              },
              "userIdentity": {
                "principalId": "000000000000"
              }
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&records(&told)[0]).expect("it is JSON"));
        tell(&life, &[target("s3:ObjectRemoved:*", "")]).await.expect("told");
        put(&buckets, "in/b", 0);
        buckets.delete("cats", "in/b", &Expectation::Anything, item::Origin::Client).expect("deleted");
        let told = life.told(1).await;
        let record = &records(&told)[0];
        assert_eq!((&record["eventName"], keys(&told)), (&"ObjectRemoved:Delete".into(), vec!["in/b".to_owned()]));
        assert_eq!(record["s3"]["object"].as_object().map(|object| object.len()), Some(2), "its key and its place");
        life.control.stop().await;
    });
}

#[test]
fn every_event_is_told_although_everything_crashes() {
    let world = World::new();
    let all = |from: usize, upto: usize| (from..upto).map(|at| format!("{at:03}")).collect::<Vec<_>>();
    world.live(async |life| {
        life.function("see").await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "")]).await;
        all(0, 100).iter().for_each(|key| put(&buckets, key, 0));
    });
    world.live(async |life| {
        let mut told = life.told(1).await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "")]).await;
        all(100, 200).iter().for_each(|key| put(&buckets, key, 0));
        life.until("all of them are told", |life| {
            told.extend(life.script.take());
            let mut keys = keys(&told);
            keys.dedup();
            keys == all(0, 200)
        })
        .await;
        life.control.stop().await;
    });
    // What was told before a stop is not told again after it.
    world.live(async |life| {
        assert_eq!(keys(&life.quiet().await), [""; 0]);
    });
}

#[test]
fn a_full_queue_is_waited_for_and_a_failing_function_is_called_again() {
    let mut world = World::new();
    world.calls.waiting_max = 2;
    world.calls.running_max = 1;
    world.live(async |life| {
        life.function("see").await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "")]).await;
        life.script.answer(&[Scripted::Fails]);
        ["a", "b", "c", "d"].iter().for_each(|key| put(&buckets, key, 0));
        life.until("it says that there is no room", |life| {
            life.control.notifications().iter().any(|status| status.trouble.is_some() && status.behind > 0)
        })
        .await;
        life.until("the failed one waits", |life| life.control.events("see").expect("it exists").0.tried_again == 1)
            .await;
        life.advance(MINUTE);
        let told = life.told(5).await;
        assert_eq!((keys(&told).len(), told.len()), (5, 5), "one of them twice");
        life.until("the follower has come to the end", |life| {
            life.control.notifications().iter().all(|status| status.behind == 0 && status.trouble.is_none())
        })
        .await;
        assert_eq!(life.control.notifications()[0].counts.told, 4);
        life.control.stop().await;
    });
}

#[test]
fn a_function_that_feeds_itself_is_stopped() {
    let world = World::new();
    world.live(async |life| {
        life.function("see").await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "")]).await;
        put(&buckets, "deep", triggers::DEPTH_MAX - 1);
        put(&buckets, "too-deep", triggers::DEPTH_MAX);
        put(&buckets, "flat", 0);
        assert_eq!(keys(&life.told(2).await), ["deep", "flat"]);
        life.until("the third is given up", |life| life.control.events("see").expect("it exists").0.given_up == 1)
            .await;
        life.control.stop().await;
    });
}

#[test]
fn a_function_whose_letters_call_it_again_is_stopped() {
    let world = World::new();
    world.live(async |life| {
        life.buckets.ensure("cats").expect("it is there");
        let dead_letter = Some("arn:aws:s3:::cats".to_owned());
        life.define(FunctionDefinition {
            events: Events {
                dead_letter,
                invoke: Some(EventInvoke { retry_attempts: Some(0), ..EventInvoke::default() }),
            },
            ..FunctionDefinition::new("see", "python3.12", "app.handler", Code::Folder(std::env::temp_dir()))
        })
        .await;
        let buckets = world.bucket(&life, &[target("s3:ObjectCreated:*", "")]).await;
        life.script.answer(&vec![Scripted::Fails; 100]);
        put(&buckets, "first", 0);
        let most = usize::from(triggers::DEPTH_MAX);
        life.until("the last letter calls nobody", |life| life.control.notifications()[0].counts.dropped == 1).await;
        assert_eq!(life.told(most).await.len(), most);
        assert_eq!(life.quiet().await, [""; 0]);
        let all = s3::Listed { prefix: String::new(), delimiter: None, from: s3::From::Start, max: 1000 };
        let objects = buckets.list("cats", &all).expect("listed").entries.len();
        assert_eq!(
            objects,
            1 + most + 1,
            "the first one, a letter of each call, and one of the call that was not made"
        );
        life.control.stop().await;
    });
}

#[test]
fn targets_name_functions_that_are_there_and_go_with_their_bucket() {
    let world = World::new();
    world.live(async |life| {
        life.function("see").await;
        let buckets = world.bucket(&life, &[]).await;
        let strange = Target { function: "nobody".to_owned(), ..target("s3:ObjectCreated:*", "") };
        assert!(matches!(tell(&life, &[strange]).await, Err(Error::NotFound { .. })));
        let twice = [target("s3:ObjectCreated:*", ""), Target { id: "b".into(), ..target("s3:ObjectCreated:Put", "") }];
        assert!(matches!(tell(&life, &twice).await, Err(Error::Invalid { .. })), "they overlap");
        put(&buckets, "before", 0);
        tell(&life, &[target("s3:ObjectRemoved:*", "")]).await.expect("told");
        buckets.delete("cats", "before", &Expectation::Anything, item::Origin::Client).expect("deleted");
        buckets.delete_bucket("cats").expect("deleted");
        assert_eq!(keys(&life.told(1).await), ["before"], "its last event is told");
        life.until("its targets are gone", |life| life.control.notifications().is_empty()).await;
        buckets.create("cats", None).expect("created");
        assert_eq!(life.control.notification("cats").expect("reads"), None);
        put(&buckets, "after", 0);
        assert_eq!(life.quiet().await, [""; 0]);
        life.control.stop().await;
    });
}
