//! Schedules: a run for each moment, across crashes, and what becomes of those that were missed.

use super::{
    Life, MINUTE, START, Scripted, World,
    events::{BUCKET, object},
};
use crate::{Error, Missed, RunOutcome, ScheduleDefinition, Service, calls::Condition};

const HOUR: u64 = 60 * MINUTE;

fn hourly(name: &str) -> ScheduleDefinition {
    let input = Some(format!("{{\"at\":\"{name} <aws.scheduler.scheduled-time>\"}}"));
    ScheduleDefinition { input, ..ScheduleDefinition::new(Service::Scheduler, name, "cron(0 * * * ? *)", "count") }
}

/// Calls, as the hours they were for.
fn hours(told: &[String]) -> Vec<String> {
    let hour = |line: &String| {
        let (_, text) = line.split_once("{\"at\":\"")?;
        Some(text.trim_end_matches("\"}").replace("2026-01-0", "").replace(":00:00Z", ""))
    };
    told.iter().filter_map(hour).collect()
}

async fn due(life: &Life, count: usize) -> Vec<String> {
    hours(&life.told(count).await)
}

#[test]
fn each_moment_has_one_run_and_a_crash_neither_repeats_nor_forgets_it() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        life.control.create_schedule(hourly("h")).await.expect("created");
        assert_eq!(due(&life, 1).await, ["h 1T00"], "due at the very moment of its creation");
        life.advance(HOUR - 1);
        assert_eq!(life.quiet().await, [""; 0]);
        life.advance(1);
        assert_eq!(due(&life, 1).await, ["h 1T01"]);
        life.until("both are done", |life| status(life, "h").waiting == 0).await;
    });
    world.live(async |life| {
        assert_eq!(life.quiet().await, ["put count"], "nothing is repeated");
        life.script.answer(&[Scripted::Hangs]);
        life.advance(HOUR);
        assert_eq!(due(&life, 1).await, ["h 1T02"]);
    });
    world.live(async |life| {
        assert_eq!(due(&life, 2).await, ["h 1T02"], "it was under way, so nobody knows whether it happened");
        life.until("it is done", |life| status(life, "h").waiting == 0).await;
        life.control.stop().await;
    });
    world.live(async |life| {
        assert_eq!(life.quiet().await, ["put count"]);
        life.set_back(2 * MINUTE);
        assert_eq!(life.quiet().await, [""; 0]);
        life.advance(2 * MINUTE);
        assert_eq!(life.quiet().await, [""; 0], "a clock that was set back for a moment repeats nothing");
    });
}

fn status(life: &Life, name: &str) -> crate::ScheduleStatus {
    life.control.schedule_status(&format!("schedule/default/{name}"), 3).expect("it exists")
}

#[test]
fn what_was_missed_while_nobody_was_there_is_one_run_or_none_as_the_schedule_says() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        life.control.create_schedule(hourly("run")).await.expect("created");
        life.control
            .create_schedule(ScheduleDefinition { missed: Missed::Skip, ..hourly("skip") })
            .await
            .expect("created");
        let off = ScheduleDefinition { enabled: false, ..hourly("off") };
        life.control.create_schedule(off).await.expect("created");
        assert_eq!(due(&life, 2).await.len(), 2);
        life.until("both are done", |life| status(life, "run").waiting + status(life, "skip").waiting == 0).await;
        life.advance(5 * HOUR + 2 * MINUTE);
        // Crashes before it can look at the clock: nothing is awaited here.
    });
    world.live(async |life| {
        life.until("the hours are taken care of", |life| status(life, "skip").missed > 0).await;
        assert_eq!(hours(&life.quiet().await), ["run 1T05"]);
        assert_eq!((status(&life, "run").missed, status(&life, "skip").missed), (4, 5));
        life.advance(58 * MINUTE);
        let mut told = due(&life, 2).await;
        told.sort();
        assert_eq!(told, ["run 1T06", "skip 1T06"]);
        // Nothing is owed from while it was off.
        let on = ScheduleDefinition { enabled: true, ..hourly("off") };
        life.advance(MINUTE);
        life.control.update_schedule(on).await.expect("updated");
        assert_eq!(life.quiet().await, [""; 0]);
        life.advance(59 * MINUTE);
        let mut told = due(&life, 3).await;
        told.sort();
        assert_eq!(told, ["off 1T07", "run 1T07", "skip 1T07"]);
    });
}

#[test]
fn a_schedule_shows_what_comes_and_what_came() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        life.advance(1);
        life.control.create_schedule(hourly("h")).await.expect("created");
        let key = "schedule/default/h";
        let before = status(&life, "h");
        let hour = |hour: u64| i64::try_from(START + hour * HOUR).expect("it fits");
        assert_eq!((before.next_ms, before.last), (vec![hour(1), hour(2), hour(3)], None));

        life.script.answer(&[Scripted::Fails]);
        life.control.run_schedule_now(key).await.expect("it exists");
        life.until("it failed", |life| status(life, "h").counts.tried_again == 1).await;
        let last = status(&life, "h").last.expect("there was one");
        assert_eq!((last.scheduled_ms, last.outcome), (START + 1, RunOutcome::WillTryAgain));
        assert_eq!(last.error, r#"{"errorMessage":"no"}"#);
        life.advance(MINUTE);
        life.until("it succeeded", |life| status(life, "h").counts.succeeded == 1).await;
        assert_eq!(status(&life, "h").next_ms[0], hour(1), "running it now takes nothing away");
        life.script.take();

        life.control.delete_function("count").await.expect("deleted");
        life.advance(HOUR);
        life.until("it was given up", |life| status(life, "h").counts.given_up == 1).await;
        let last = status(&life, "h").last.expect("there was one");
        assert_eq!(last.outcome, RunOutcome::GaveUp(Condition::FunctionGone));
        life.control.delete_schedule(key).await.expect("deleted");
        life.script.take();
        life.advance(HOUR);
        assert_eq!(life.quiet().await, [""; 0]);
    });
}

#[test]
fn an_input_names_the_attempt_that_delivers_it() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        // Not at the very hour, when it would be due by itself.
        life.advance(1);
        let input = Some(r#""attempt <aws.scheduler.attempt-number>""#.to_owned());
        life.control.create_schedule(ScheduleDefinition { input, ..hourly("h") }).await.expect("created");
        // One that found no room is delivered anew; one that the function failed is the same delivery.
        life.script.answer(&[Scripted::Busy, Scripted::Fails]);
        life.control.run_schedule_now("schedule/default/h").await.expect("it exists");
        assert_eq!(life.told(1).await, [r#"call count "attempt 1""#]);
        life.advance(1000);
        assert_eq!(life.told(1).await, [r#"call count "attempt 2""#]);
        life.advance(MINUTE);
        assert_eq!(life.told(1).await, [r#"call count "attempt 2""#]);
    });
}

#[test]
fn a_schedule_that_is_over_is_deleted_if_it_says_so() {
    let world = World::new();
    world.live(async |life| {
        life.function("count").await;
        let once = |name: &str, delete_after| ScheduleDefinition {
            delete_after,
            expression: "at(2026-01-01T01:00:00)".to_owned(),
            ..hourly(name)
        };
        life.control.create_schedule(once("goes", true)).await.expect("created");
        life.control.create_schedule(once("stays", false)).await.expect("created");
        life.script.answer(&[Scripted::Fails, Scripted::Fails]);
        life.advance(HOUR);
        life.told(2).await;
        life.quiet().await;
        assert_eq!(life.control.schedules().expect("they read").len(), 2, "its run is tried again");
        life.advance(MINUTE);
        life.told(2).await;
        life.until("it is deleted", |life| life.control.schedules().expect("they read").len() == 1).await;
        assert_eq!(status(&life, "stays").next_ms, [0; 0]);
    });
}

#[test]
fn a_run_that_reaches_nobody_is_an_object_of_the_bucket_that_its_schedule_names() {
    let world = World::new();
    world.live(async |life| {
        let definition = ScheduleDefinition { dead_letter: Some(BUCKET.to_owned()), ..hourly("h") };
        let refused = life.control.create_schedule(definition.clone()).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        life.buckets.create("letters", None).expect("created");
        life.control.create_schedule(definition).await.expect("created");
        life.until("it is given up", |life| status(life, "h").counts.given_up == 1).await;
        let (key, document) = object(&life);
        assert!(key.starts_with("aws/lambda/async/count/2026/01/01/2026-01-01T00.00.00-"), "{key}");
        assert_eq!(document["requestContext"]["condition"], "FunctionGone");
        assert_eq!(document["requestPayload"]["at"], "h 2026-01-01T00:00:00Z");
        assert_eq!(document.get("responseContext"), None, "nobody was called");
    });
}
