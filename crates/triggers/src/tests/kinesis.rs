//! Triggers on Kinesis streams: what differs from tables' streams.

use super::*;
use ::kinesis::{RECORD_KIB_MAX, RETENTION_HOURS};
use expect_test::expect;
use std::collections::BTreeMap;

#[test]
fn a_function_gets_records_as_aws_writes_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.put("deltas", "a1");
    let uuid = life.feed("deltas", Settings::default());
    life.settle(&uuid);
    let calls = script.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    let mut record = call.event["Records"][0].clone();
    let sequence = call.sequence(0);
    assert_eq!(record["eventID"], format!("shardId-000000000000:{sequence}"));
    assert!(wire::names::parse_sequence_number(sequence).is_some());
    assert!(record["kinesis"]["approximateArrivalTimestamp"].is_f64());
    record["eventID"] = Json::Null;
    for field in ["approximateArrivalTimestamp", "sequenceNumber"] {
        record["kinesis"][field] = Json::Null;
    }
    expect![[r#"{"awsRegion":"us-east-1","eventID":null,"eventName":"aws:kinesis:record","eventSource":"aws:kinesis","eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/deltas","eventVersion":"1.0","invokeIdentityArn":"arn:aws:iam::000000000000:role/lambda","kinesis":{"approximateArrivalTimestamp":null,"data":"MQ==","kinesisSchemaVersion":"1.0","partitionKey":"a","sequenceNumber":null}}"#]].assert_eq(&record.to_string());
}

#[test]
fn triggers_start_where_they_were_told_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 2);
    life.puts("deltas", "a1 b2");
    life.pass(Duration::from_secs(100));
    let later = life.db.now_ms();
    life.put("deltas", "a3");
    let start = |function: &str, starting| {
        let mapping = life.mapping("deltas", Settings::default());
        life.create(NewMapping { function: function.to_owned(), starting, ..mapping })
    };
    let oldest = start("oldest", StartingPosition::TrimHorizon);
    let latest = start("latest", StartingPosition::Latest);
    let timed = start("timed", StartingPosition::AtTimestamp(later));
    life.put("deltas", "b4");
    for uuid in [&oldest, &latest, &timed] {
        life.settle(uuid);
    }
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in script.calls() {
        got.entry(call.function.clone()).or_default().extend(call.records());
    }
    got.values_mut().for_each(|records| records.sort());
    assert_eq!(got["oldest"], ["a1", "a3", "b2", "b4"]);
    assert_eq!(got["latest"], ["b4"]);
    assert_eq!(got["timed"], ["a3", "b4"]);
}

#[test]
fn lanes_call_side_by_side_and_keep_the_order_of_each_partition_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Hold);
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    for n in 0..5 {
        keys.iter().for_each(|key| life.put("deltas", &format!("{key}{n}")));
    }
    let uuid = life.feed("deltas", settings(|s| (s.parallelization, s.batch_size) = (4, 7)));
    life.until("four are under way", |_| script.under_way.load(Ordering::Relaxed) == 4);
    script.becomes(|_| fine());
    script.released.send_replace(true);
    assert_eq!(life.settle(&uuid).counts.delivered, 80);
    let mut last: BTreeMap<String, i32> = BTreeMap::new();
    for record in script.records() {
        let (key, n) = record.split_at(1);
        let n: i32 = n.parse().expect("a number");
        assert_eq!(last.insert(key.to_owned(), n).unwrap_or(-1) + 1, n, "{record}");
    }
}

#[test]
fn filters_read_data_as_json_and_drop_what_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    let filtered = |function: &str, pattern: &str| {
        let settings = settings(|s| s.filters = vec![pattern.to_owned()]);
        life.create(NewMapping { function: function.to_owned(), ..life.mapping("deltas", settings) })
    };
    let buyers = filtered("buyers", r#"{"data":{"order":{"type":["buy"]}}}"#);
    let others = filtered("others", r#"{"data":{"order":{"type":[{"exists":false}]}}}"#);
    let keyed = filtered("keyed", r#"{"partitionKey":["a"],"eventName":["aws:kinesis:record"]}"#);
    for (key, data) in [("a", r#"{"order":{"type":"buy"}}"#), ("b", r#"{"n":1}"#), ("a", "no JSON"), ("b", "\u{0}")] {
        life.put_data("deltas", key, data.as_bytes(), Origin::Client);
    }
    let counts: Vec<(u64, u64)> = [buyers, others, keyed]
        .iter()
        .map(|uuid| life.settle(uuid).counts)
        .map(|counts| (counts.delivered, counts.filtered))
        .collect();
    assert_eq!(counts, [(1, 3), (1, 3), (2, 2)]);
    let of = |function: &str| {
        let calls = script.calls().into_iter().filter(|call| call.function == function);
        calls.flat_map(|call| call.records()).collect::<Vec<String>>()
    };
    assert_eq!(of("buyers"), [r#"a{"order":{"type":"buy"}}"#]);
    assert_eq!(of("others"), [r#"b{"n":1}"#]);
    assert_eq!(of("keyed"), [r#"a{"order":{"type":"buy"}}"#, "ano JSON"]);

    let text = settings(|s| s.filters = vec![r#"{"$or":[{"data":["text"]},{"partitionKey":["a"]}]}"#.to_owned()]);
    let refused = life.runtime.block_on(life.triggers.create(life.mapping("deltas", text)));
    assert!(matches!(refused, Err(Error::InvalidFilter { .. })), "{refused:?}");
}

#[test]
fn what_is_given_up_becomes_a_letter_of_kinesis_with_the_full_records() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| if call.names().contains("b2") { Reply::Raise("no") } else { fine() });
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.puts("deltas", "a1 b2 c3");
    let settings = settings(|s| {
        (s.batch_size, s.retry_attempts) = (2, Some(1));
        s.on_failure = Some(QUEUE.to_owned());
    });
    let uuid = life.feed("deltas", settings);
    life.settle(&uuid);
    assert_eq!(script.names(), ["a1 b2", "a1 b2", "c3"]);
    let letters = life.some_letters(3);
    let message: Json = serde_json::from_str(text(&letters[0], "message")).expect("JSON");
    let info = &message["KinesisBatchInfo"];
    assert_eq!(info["shardId"], "shardId-000000000000");
    assert_eq!(info["streamArn"], "arn:aws:kinesis:us-east-1:000000000000:stream/deltas");
    assert_eq!(
        (info["batchSize"].as_u64(), info["startSequenceNumber"].as_str()),
        (Some(2), Some(script.calls()[0].sequence(0)))
    );
    let arrival = info["approximateArrivalOfFirstRecord"].as_str().expect("a text");
    assert_eq!(arrival.len(), "2022-07-13T13:48:01.000Z".len(), "with milliseconds: {arrival}");
    let record: Json = serde_json::from_str(text(&letters[2], "record")).expect("JSON");
    assert_eq!(record, script.calls()[0].event["Records"][1]);
}

#[test]
fn an_answer_may_name_what_failed_and_the_rest_is_tried_again_from_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| {
        let failed = call.records().iter().position(|name| name == "c3").filter(|at| *at > 0);
        let name = |at: usize| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, call.sequence(at));
        failed.map_or_else(fine, |at| Reply::Return(name(at)))
    });
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.puts("deltas", "a1 b2 c3 d4");
    let uuid = life.feed("deltas", settings(|s| s.report_item_failures = true));
    life.settle(&uuid);
    assert_eq!(script.names(), ["a1 b2 c3 d4", "c3 d4"]);
}

#[test]
fn a_poison_record_parks_its_partition_key_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| if call.names().contains("b2") { Reply::Raise("bad") } else { fine() });
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.puts("deltas", "a1 b2 c3 b4 a5");
    let quarantine = settings(|s| (s.quarantine, s.retry_attempts) = (Some(Quarantine::default()), Some(0)));
    let uuid = life.feed("deltas", quarantine);
    let counts = life.settle(&uuid).counts;
    assert_eq!((counts.parked_now, counts.delivered), (2, 3));
    let page = life.triggers.quarantine(&uuid, None, 10).expect("read");
    assert_eq!(page.keys[0].key, r#"{"partitionKey":"b"}"#);
    script.becomes(|_| fine());
    life.runtime.block_on(life.triggers.retry_parked(&uuid, &page.keys[0].id)).expect("asked");
    life.until("none is parked", |life| life.status(&uuid).counts.parked_now == 0);
    let records = script.records();
    assert_eq!(records[records.len() - 2..], ["b2", "b4"]);
}

#[test]
fn a_window_counts_a_shards_records_in_its_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| {
        let n = call.event["state"]["n"].as_u64().unwrap_or(0) + call.records().len() as u64;
        Reply::Return(format!(r#"{{"state":{{"n":{n}}}}}"#))
    });
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    // Well within a window.
    life.pass(Duration::from_millis(900_000 - life.db.now_ms() % 900_000 + 1000));
    life.puts("deltas", "a1 b2 c3");
    let uuid = life.feed("deltas", settings(|s| (s.tumbling_window_s, s.batch_size) = (900, 2)));
    life.settle(&uuid);
    let calls = script.calls();
    assert_eq!((calls.len(), calls[1].event["state"]["n"].as_u64()), (2, Some(2)));
    assert_eq!(calls[1].event["shardId"], "shardId-000000000000");
    assert_eq!(calls[1].event["eventSourceARN"], "arn:aws:kinesis:us-east-1:000000000000:stream/deltas");
    life.pass(Duration::from_secs(901));
    life.calls(3);
    let last = &script.calls()[2].event;
    assert_eq!((&last["isFinalInvokeForWindow"], &last["state"]["n"]), (&Json::Bool(true), &Json::from(3)));
}

#[test]
fn records_that_the_stream_keeps_no_longer_are_given_up_and_new_ones_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Raise("no"));
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.put("deltas", "a1");
    let uuid = life.feed("deltas", settings(|s| s.on_failure = Some(QUEUE.to_owned())));
    life.calls(1);
    let keep = Duration::from_secs(u64::from(RETENTION_HOURS) * 3600 + 1);
    life.clock.0.fetch_add(u64::try_from(keep.as_millis()).expect("small"), Ordering::Relaxed);
    life.until("it is given up", |life| life.status(&uuid).counts.given_up == 1);
    let letters = life.some_letters(2);
    assert_eq!(text(&letters[0], "condition"), "RecordAgeExceeded");
    script.becomes(|_| fine());
    life.put("deltas", "a2");
    life.settle(&uuid);
    assert_eq!(script.records().last().map(String::as_str), Some("a2"));
    // Whoever starts now starts with what is kept.
    let late = NewMapping { function: "late".to_owned(), ..life.mapping("deltas", Settings::default()) };
    let late = life.create(late);
    life.settle(&late);
    let of_late: Vec<String> = script.calls().iter().filter(|call| call.function == "late").map(Call::names).collect();
    assert_eq!(of_late, ["a2"]);
}

#[test]
fn records_that_functions_feed_to_themselves_are_put_aside_after_sixteen_rounds() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    let uuid = life.feed("deltas", Settings::default());
    for depth in [1, 15, 16] {
        life.put_as("deltas", &format!("a{depth}"), Origin::Function { depth });
    }
    life.settle(&uuid);
    let depths: Vec<u8> = script.calls().iter().map(|call| call.depth).collect();
    assert_eq!(depths, [1, 15]);
    assert_eq!(text(&life.some_letters(2)[0], "condition"), "RecursionDetected");
}

#[test]
fn a_record_that_no_event_has_room_for_is_given_up_at_once_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    let definition = Definition { record_kib: RECORD_KIB_MAX, ..Definition::new("deltas") };
    life.streams().create(&definition).expect("created");
    life.put("deltas", "a1");
    // As base64 it is a third longer.
    life.put_data("deltas", "b", &vec![b'x'; 5 << 20], Origin::Client);
    life.put_data("deltas", "c", &vec![b'x'; 4 << 20], Origin::Client);
    life.put("deltas", "d1");
    // Nothing is said of retries, of ages, or of whom to tell.
    let uuid = life.feed("deltas", Settings::default());
    let status = life.settle(&uuid);
    assert_eq!((status.counts.given_up, status.counts.errors, status.counts.delivered), (1, 0, 3));
    assert!(script.calls().iter().all(|call| call.event.to_string().len() <= 6 << 20));
    let letters = life.letters();
    let head = letters.iter().find(|letter| letter.get("condition").is_some()).expect("a letter");
    assert_eq!(text(head, "condition"), "PayloadTooLarge");
    // 5 MB as base64, in items of 350 KB.
    let parts = letters.iter().find_map(|letter| letter.get("parts")).expect("it is long");
    assert_eq!(parts, &Value::N(20u64.into()), "the letter has the whole record");
}

#[test]
fn a_deleted_stream_takes_its_records_along_and_one_of_its_name_is_another_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.put("deltas", "a1");
    let mapping = life.mapping("deltas", Settings::default());
    let uuid = life.create(mapping.clone());
    life.settle(&uuid);
    life.streams().delete("deltas").expect("deleted");
    life.nudge();
    life.until("it ends", |life| life.status(&uuid).lanes.iter().any(|lane| lane.phase == LanePhase::Ended));
    life.stream("deltas", 1);
    life.put("deltas", "a2");
    life.update(&uuid, |mapping| mapping.enabled = false);
    life.until("it is disabled", |life| life.status(&uuid).state == State::Disabled);
    life.update(&uuid, |mapping| mapping.enabled = true);
    life.until("it is said", |life| {
        life.status(&uuid).trouble.is_some_and(|why| why.ends_with("stream/deltas does not exist any more"))
    });
    let again = life.runtime.block_on(life.triggers.create(NewMapping { function: "x".to_owned(), ..mapping }));
    assert!(matches!(again, Err(Error::StreamNotFound(_))), "{again:?}");
    let fresh = life.feed("deltas", Settings::default());
    life.settle(&fresh);
    assert_eq!(script.records(), ["a1", "a2"]);
}
