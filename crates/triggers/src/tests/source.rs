//! Sources that end, or that the log keeps no longer.

use super::*;
use db::TableUpdate;

#[test]
fn a_stream_that_was_closed_is_delivered_to_its_end_and_no_further() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    life.settle(&uuid);
    life.update(&uuid, |mapping| mapping.enabled = false);
    life.until("it is disabled", |life| life.status(&uuid).state == State::Disabled);
    life.put("votes", "a2");
    let stream = |stream| TableUpdate { stream: Some(stream), ..TableUpdate::default() };
    life.db.update_table("votes", stream(None)).wait().expect("off");
    life.put("votes", "a3");
    life.db.update_table("votes", stream(Some(StreamViewType::KeysOnly))).wait().expect("on");
    life.put("votes", "a4");
    life.update(&uuid, |mapping| mapping.enabled = true);
    life.until("it ends", |life| life.status(&uuid).lanes.iter().any(|lane| lane.phase == LanePhase::Ended));
    assert_eq!(script.records(), ["a1", "a2"]);
}

#[test]
fn what_was_written_before_its_table_was_deleted_is_delivered() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Full);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 a2");
    let uuid = life.feed("votes", settings(|s| s.batch_size = 1));
    life.calls(1);
    life.db.delete_table("votes").wait().expect("deleted");
    script.becomes(|_| fine());
    life.triggers.refresh();
    life.until("it ends", |life| life.status(&uuid).lanes.iter().any(|lane| lane.phase == LanePhase::Ended));
    assert_eq!(script.records().split_off(script.records().len() - 2), ["a1", "a2"]);
}

/// Fills the log until its beginning can go, and lets it go.
fn trim(life: &Life) {
    let before = life.db.trimmed();
    life.clock.0.fetch_add(1000, Ordering::Relaxed);
    for n in 0..200 {
        life.put("other", &format!("{}{n}", "x".repeat(2000)));
    }
    life.until("the log is trimmed", |life| {
        life.clock.0.fetch_add(1000, Ordering::Relaxed);
        life.nudge();
        life.db.chores(true).expect("done");
        life.db.trimmed() > before
    });
}

#[test]
fn records_that_were_trimmed_unread_are_a_named_loss() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let options = Options { retention_ms: 1, segment_bytes: 64 << 10, ..options(dir.path()) };
    let life = Life::with(options, Env::real(), &script);
    life.table("votes");
    life.table("quiet");
    life.table("other");
    let uuid = life.feed("votes", Settings::default());
    let quiet = life.create(NewMapping { function: "quiet".to_owned(), ..life.mapping("quiet", Settings::default()) });
    for uuid in [&uuid, &quiet] {
        life.settle(uuid);
        life.update(uuid, |mapping| mapping.enabled = false);
        life.until("it is disabled", |life| life.status(uuid).state == State::Disabled);
    }
    let from = life.status(&uuid).lanes[0].position;
    life.puts("votes", "a1 a2");
    trim(&life);
    let horizon = life.db.trimmed();
    life.put("votes", "a3");
    life.update(&uuid, |mapping| mapping.enabled = true);
    life.until("the newest is delivered", |life| !life.script.calls().is_empty());
    assert_eq!(script.records(), ["a3"]);
    let status = life.settle(&uuid);
    assert_eq!(status.counts.lost, horizon.0 - from.0);
    // Nothing was lost where there was nothing.
    life.update(&quiet, |mapping| mapping.enabled = true);
    assert_eq!(life.settle(&quiet).counts.lost, 0);
}

#[test]
fn a_stream_that_is_gone_altogether_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let options = Options { retention_ms: 1, segment_bytes: 64 << 10, ..options(dir.path()) };
    let life = Life::with(options, Env::real(), &script);
    life.table("votes");
    life.table("other");
    let uuid = life.create(NewMapping { enabled: false, ..life.mapping("votes", Settings::default()) });
    life.db.delete_table("votes").wait().expect("deleted");
    trim(&life);
    life.update(&uuid, |mapping| mapping.enabled = true);
    life.until("it is said", |life| {
        life.status(&uuid).trouble.is_some_and(|why| why.ends_with("does not exist any more"))
    });
}
