//! Tumbling windows.

use super::*;

/// A function that counts the records of a window in its state.
fn count(call: &Call) -> Reply {
    let so_far = call.event["state"]["n"].as_u64().unwrap_or(0);
    let n = so_far + call.event["Records"].as_array().map_or(0, Vec::len) as u64;
    Reply::Return(format!(r#"{{"state":{{"n":{n}}}}}"#))
}

/// Each call: its records, the state it came with, and whether it is the window's last.
fn seen(script: &Script) -> Vec<(String, Json, bool)> {
    let is_final = |call: &Call| call.event["isFinalInvokeForWindow"].as_bool().expect("a flag");
    script.calls().iter().map(|call| (call.names(), call.event["state"]["n"].clone(), is_final(call))).collect()
}

#[test]
fn a_window_carries_its_state_from_call_to_call_over_a_crash_and_ends_with_a_last_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(count);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    // More lanes make no sense: the state is the shard's.
    let windows = settings(|s| (s.tumbling_window_s, s.batch_size, s.parallelization) = (900, 1, 4));
    let uuid = life.feed("votes", windows);
    // Well within a window.
    let into = life.db.now_ms() % 900_000;
    life.pass(Duration::from_millis(900_000 - into + 1000));
    life.puts("votes", "a1 b2");
    life.calls(2);
    assert_eq!(life.status(&uuid).lanes.len(), 1);
    life.settle(&uuid);
    let ahead = life.clock.0.load(Ordering::Relaxed);
    life.crash();

    let life = Life::start(dir.path(), &script);
    life.pass(Duration::from_millis(ahead));
    life.put("votes", "c3");
    life.calls(3);
    let event = &script.calls()[2].event;
    assert_eq!(event["isWindowTerminatedEarly"], false);
    assert_eq!(event["eventSourceARN"], event["Records"][0]["eventSourceARN"]);
    assert!(event["shardId"].as_str().is_some_and(|id| id.starts_with("shardId-")));
    let bounds = (event["window"]["start"].as_str().map(str::len), event["window"]["end"].as_str().map(str::len));
    assert_eq!(bounds, (Some(20), Some(20)));
    life.pass(Duration::from_secs(901));
    life.calls(4);
    life.put("votes", "d4");
    life.calls(5);
    let nothing = Json::Null;
    let expected = [
        ("a1".to_owned(), nothing.clone(), false),
        ("b2".to_owned(), Json::from(1), false),
        ("c3".to_owned(), Json::from(2), false),
        (String::new(), Json::from(3), true),
        ("d4".to_owned(), nothing, false),
    ];
    assert_eq!(seen(&script), expected);
}

#[test]
fn an_answer_without_a_state_is_a_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    let uuid = life.feed("votes", settings(|s| (s.tumbling_window_s, s.retry_attempts) = (900, Some(1))));
    life.until("it is given up", |life| life.status(&uuid).counts.given_up == 1);
    assert_eq!(script.names(), ["a1", "a1"]);
    let error = life.status(&uuid).lanes[0].last_error.clone();
    assert!(error.is_some_and(|error| error.starts_with("the answer has no object `state`")));
}

#[test]
fn a_window_is_closed_with_its_state_when_windows_are_turned_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(count);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    let uuid = life.feed("votes", settings(|s| (s.tumbling_window_s, s.parallelization) = (900, 3)));
    life.settle(&uuid);
    life.update(&uuid, |mapping| mapping.settings.tumbling_window_s = 0);
    life.until("there are three lanes", |life| life.status(&uuid).lanes.len() == 3);
    life.puts("votes", "a2 b2 c2 d2 e2 f2 g2 h2");
    life.settle(&uuid);
    let is_last = |call: &Call| call.event["isFinalInvokeForWindow"] == true;
    let last: Vec<Json> =
        script.calls().iter().filter(|call| is_last(call)).map(|call| call.event["state"]["n"].clone()).collect();
    assert_eq!(last, [Json::from(1)]);
}
