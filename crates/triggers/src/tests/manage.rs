//! Creating, changing, disabling and deleting triggers.

use super::*;

#[test]
fn states_are_those_of_aws() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let mapping = life.mapping("votes", Settings::default());
    let created = life.runtime.block_on(life.triggers.create(mapping.clone())).expect("created");
    let uuid = created.mapping.uuid.clone();
    assert_eq!((created.state, created.last_result.as_str()), (State::Creating, NOTHING_YET));
    assert_eq!((uuid.len(), created.mapping.from), (36, created.mapping.from));
    life.until("it is enabled", |life| life.status(&uuid).state == State::Enabled);
    assert_eq!(life.update(&uuid, |mapping| mapping.settings.batch_size = 5), State::Updating);
    life.until("it is enabled", |life| life.status(&uuid).state == State::Enabled);
    assert_eq!(life.update(&uuid, |mapping| mapping.enabled = false), State::Disabling);
    life.until("it is disabled", |life| life.status(&uuid).state == State::Disabled);
    assert_eq!(life.update(&uuid, |mapping| mapping.enabled = true), State::Enabling);
    life.until("it is enabled", |life| life.status(&uuid).state == State::Enabled);
    assert_eq!(life.triggers.status().len(), 1);
    let again = life.runtime.block_on(life.triggers.create(mapping.clone()));
    assert!(matches!(&again, Err(Error::Exists { uuid: other, .. }) if *other == uuid), "{again:?}");
    let deleted = life.runtime.block_on(life.triggers.delete(&uuid)).expect("deleted");
    assert_eq!(deleted.state, State::Deleting);
    assert!(matches!(life.triggers.get(&uuid), Err(Error::NotFound(_))));
    assert!(life.triggers.status().is_empty());
    let gone = Source::Table { name: "votes".to_owned(), created_ms: 1 };
    let missing = life.runtime.block_on(life.triggers.create(NewMapping { source: gone, ..mapping.clone() }));
    assert!(matches!(missing, Err(Error::StreamNotFound(_))));
    let bad = settings(|s| s.filters = vec!["no".to_owned()]);
    let refused = life.runtime.block_on(life.triggers.create(NewMapping { settings: bad, ..mapping }));
    assert!(matches!(refused, Err(Error::InvalidFilter { .. })));
}

#[test]
fn a_disabled_trigger_keeps_its_position() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    life.settle(&uuid);
    life.update(&uuid, |mapping| mapping.enabled = false);
    life.until("it is disabled", |life| life.status(&uuid).state == State::Disabled);
    life.puts("votes", "a2 a3");
    let status = life.status(&uuid);
    assert!(status.lanes[0].lag >= 2);
    assert_eq!((status.trouble, script.records().len()), (None, 1));
    life.update(&uuid, |mapping| mapping.enabled = true);
    life.until("it runs", |life| life.script.records().len() == 3);
    assert_eq!(script.records(), ["a1", "a2", "a3"]);
    life.stop();
    // Also over a restart.
    let life = Life::start(dir.path(), &script);
    life.put("votes", "a4");
    life.settle(&uuid);
    assert_eq!(script.records(), ["a1", "a2", "a3", "a4"]);
}

#[test]
fn new_settings_and_another_function_take_effect_with_the_next_batch() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Hold);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 a2 a3 a4 b5");
    let uuid = life.feed("votes", settings(|s| s.batch_size = 1));
    life.calls(1);
    life.update(&uuid, |mapping| {
        mapping.function = "other".to_owned();
        mapping.settings.batch_size = 2;
        mapping.settings.filters = vec![r#"{"dynamodb":{"Keys":{"id":{"S":["a"]}}}}"#.to_owned()];
        // What it reads is fixed.
        mapping.source = Source::Table { name: "else".to_owned(), created_ms: 1 };
    });
    life.until("it is known", |life| life.status(&uuid).state == State::Enabled);
    script.becomes(|_| fine());
    script.released.send_replace(true);
    life.settle(&uuid);
    assert_eq!(script.names(), ["a1", "a2 a3", "a4"]);
    let functions: Vec<String> = script.calls().into_iter().map(|call| call.function).collect();
    assert_eq!(functions, ["count", "other", "other"]);
}

#[test]
fn another_number_of_lanes_repeats_records_and_leaves_none_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| if call.names().contains("a1") { Reply::Raise("no") } else { fine() });
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let ids = ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1"];
    life.puts("votes", &ids.join(" "));
    let uuid = life.feed("votes", settings(|s| (s.parallelization, s.batch_size) = (3, 1)));
    life.until("all but one lane are done", |life| {
        life.status(&uuid).lanes.iter().filter(|lane| lane.phase == LanePhase::Idle).count() == 2
    });
    life.update(&uuid, |mapping| mapping.settings.parallelization = 5);
    script.becomes(|_| fine());
    life.until("there are five", |life| life.status(&uuid).lanes.len() == 5);
    life.settle(&uuid);
    let records = script.records();
    assert!(ids.iter().all(|id| records.iter().any(|record| record == id)), "{records:?}");
    life.update(&uuid, |mapping| mapping.settings.parallelization = 1);
    life.until("there is one", |life| life.status(&uuid).lanes.len() == 1);
    life.put("votes", "a2");
    life.settle(&uuid);
    let again = script.records().split_off(records.len());
    assert_eq!(again.last().map(String::as_str), Some("a2"));
}

#[test]
fn deleting_gives_a_call_up_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Hold);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    let uuid = life.feed("votes", Settings::default());
    life.calls(1);
    let follower = life.db.resource(KIND, &uuid).expect("there").id;
    life.runtime.block_on(life.triggers.delete(&uuid)).expect("deleted");
    life.until("its state is gone", |life| {
        life.db.chores(true).expect("done");
        life.db.follower_states(follower, b"", 1).expect("read").is_empty()
    });
    assert_eq!(life.db.follower_cursor(follower), None);
}

#[test]
fn of_two_that_run_a_trigger_one_gives_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    life.settle(&uuid);
    let second = Life::triggers(&life.db, &life.buckets, &script, &life.runtime);
    life.until("the second runs", |_| {
        second.get(&uuid).is_ok_and(|status| status.lanes.iter().any(|lane| lane.phase == LanePhase::Idle))
    });
    life.put("votes", "a2");
    life.until("the first gives way", |life| life.status(&uuid).trouble.is_some());
    let trouble = life.status(&uuid).trouble.unwrap_or_default();
    assert!(trouble.starts_with("the follower's cursor is at"), "{trouble}");
    life.put("votes", "a3");
    life.until("the second goes on", |life| life.script.records().iter().any(|record| record == "a3"));
    assert_eq!(second.get(&uuid).expect("there").trouble, None);
}
