//! Failures: what is repeated, what is given up, and what is left of it.

use super::*;

/// Fails every batch with a record of these names.
fn poison(names: &'static [&'static str]) -> impl FnMut(&Call) -> Reply + Send {
    |call| {
        let is_poison = |name: &String| names.contains(&name.as_str());
        if call.records().iter().any(is_poison) { Reply::Raise("no such thing") } else { fine() }
    }
}

#[test]
fn what_is_given_up_becomes_a_letter_with_the_full_records() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["b2"]));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b2 c3");
    let settings = settings(|s| {
        (s.batch_size, s.retry_attempts) = (2, Some(1));
        s.on_failure = Some(QUEUE.to_owned());
    });
    let uuid = life.feed("votes", settings);
    let status = life.settle(&uuid);
    assert_eq!(script.names(), ["a1 b2", "a1 b2", "c3"]);
    let letters = life.some_letters(3);
    assert_eq!((text(&letters[0], "destination"), text(&letters[0], "trigger")), (QUEUE, uuid.as_str()));
    let message: Json = serde_json::from_str(text(&letters[0], "message")).expect("JSON");
    assert_eq!(message["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(message["requestContext"]["requestId"], "request-2");
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 2);
    assert_eq!(message["DDBStreamBatchInfo"]["startSequenceNumber"], script.calls()[0].sequence(0));
    assert_eq!(message["DDBStreamBatchInfo"]["endSequenceNumber"], script.calls()[0].sequence(1));
    for (at, letter) in letters[1..].iter().enumerate() {
        let record: Json = serde_json::from_str(text(letter, "record")).expect("JSON");
        assert_eq!(record, script.calls()[0].event["Records"][at]);
    }
    let counts = status.counts;
    assert_eq!((counts.given_up, counts.dead_letters, counts.errors, counts.delivered), (2, 1, 2, 1));
    assert_eq!(status.last_result, OK);
}

#[test]
fn halving_finds_the_one_poison_of_a_batch_and_only_that_becomes_a_letter() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["a2"]));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a0 a1 a2 a3 a4 a5");
    let settings = settings(|s| (s.bisect, s.retry_attempts, s.on_failure) = (true, Some(1), Some(QUEUE.to_owned())));
    let uuid = life.feed("votes", settings);
    let counts = life.settle(&uuid).counts;
    assert_eq!((counts.given_up, counts.dead_letters, counts.delivered), (1, 1, 5));
    let letters = life.some_letters(2);
    assert!(letters.iter().all(|letter| text(letter, "destination") == QUEUE));
    let message: Json = serde_json::from_str(text(&letters[0], "message")).expect("JSON");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 2, "a split is no attempt");
    assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 1);
    let record: Json = serde_json::from_str(text(&letters[1], "record")).expect("JSON");
    assert_eq!(record_text(&record), "a2");
}

#[test]
fn what_is_given_up_with_nobody_to_tell_is_counted_and_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["b2"]));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b2 c3");
    let uuid = life.feed("votes", settings(|s| (s.batch_size, s.retry_attempts) = (1, Some(0))));
    let status = life.settle(&uuid);
    assert_eq!(script.names(), ["a1", "b2", "c3"]);
    let lane = &status.lanes[0];
    let gave_up = lane.gave_up.as_ref().expect("something");
    assert_eq!((gave_up.first, gave_up.records), (gave_up.last, 1));
    assert_eq!(wire::names::sequence_number(1000, gave_up.first), script.calls()[1].sequence(0));
    assert_eq!(gave_up.error.as_deref(), Some("ValueError: no such thing"));
    assert_eq!(lane.last_error.as_deref(), Some("ValueError: no such thing"));
    assert_eq!((status.counts.given_up, status.counts.dead_letters, life.letters().len()), (1, 0, 0));
}

#[test]
fn a_failing_batch_shows_and_holds_up_its_lane_until_it_succeeds() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["a1"]));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b2");
    let uuid = life.feed("votes", settings(|s| s.batch_size = 1));
    life.calls(3);
    life.until("it waits", |life| matches!(life.status(&uuid).lanes[0].phase, LanePhase::BackingOff { .. }));
    let status = life.status(&uuid);
    assert_eq!(status.last_result, CALL_FAILED);
    assert!(status.lanes[0].attempts >= 3);
    script.becomes(|_| fine());
    let status = life.settle(&uuid);
    assert_eq!(script.records().last().map(String::as_str), Some("b2"));
    assert_eq!((status.last_result.as_str(), status.lanes[0].attempts), (OK, 0));
}

#[test]
fn records_too_old_are_given_up_without_a_response() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Raise("no"));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    life.buckets.create("letters", None).expect("created");
    let settings = settings(|s| (s.record_age_s, s.on_failure) = (Some(60), Some(BUCKET.to_owned())));
    let uuid = life.feed("votes", settings);
    life.calls(1);
    life.clock.0.fetch_add(61_000, Ordering::Relaxed);
    let status = life.settle(&uuid);
    let objects = life.objects("letters");
    let [(_, message)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(message.get("responseContext"), None);
    assert_eq!(message["payload"]["Records"], script.calls()[0].event["Records"]);
    assert_eq!(status.counts.given_up, 1);
}

#[test]
fn a_letter_for_a_bucket_is_an_object_named_as_on_aws() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["b2"]));
    let life = Life::start(dir.path(), &script);
    life.stream("deltas", 1);
    life.buckets.create("letters", None).expect("created");
    life.puts("deltas", "a1 b2");
    let settings = settings(|s| (s.retry_attempts, s.on_failure) = (Some(0), Some(BUCKET.to_owned())));
    let uuid = life.feed("deltas", settings);
    life.settle(&uuid);
    let objects = life.objects("letters");
    let [(key, message)] = objects.as_slice() else { panic!("{objects:?}") };
    let own = format!("aws/lambda/{uuid}/shardId-000000000000/");
    let rest = key.strip_prefix(&own).unwrap_or_else(|| panic!("{key}"));
    let time = message["timestamp"].as_str().expect("a text")[..19].replace(':', ".");
    let name = format!("{}/{time}-", time[..10].replace('-', "/"));
    assert_eq!(rest.strip_prefix(&name).map(str::len), Some(36), "a random uuid follows {name} in {key}");
    assert_eq!(message["payload"]["Records"], script.calls()[0].event["Records"]);
    let (object, _) = life.buckets.open_object("letters", key).expect("it is there");
    assert_eq!(object.details.headers["content-type"], "application/json");
    assert!(life.letters().is_empty());
}

#[test]
fn a_bucket_for_letters_must_be_there_and_one_that_goes_later_costs_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison(&["b2"]));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let to_bucket = settings(|s| (s.retry_attempts, s.on_failure) = (Some(0), Some(BUCKET.to_owned())));
    let create = || life.runtime.block_on(life.triggers.create(life.mapping("votes", to_bucket.clone())));
    let missing = "the on-failure destination is the bucket letters, which does not exist";
    assert_eq!(create().expect_err("there is none").to_string(), missing);
    life.buckets.create("letters", None).expect("created");
    let uuid = create().expect("created").mapping.uuid.clone();
    life.buckets.delete_bucket("letters").expect("deleted");
    // What it had may stay, though something else changes.
    life.update(&uuid, |mapping| mapping.settings.batch_size = 5);
    let other = |mapping: &mut Mapping| mapping.settings.on_failure = Some("arn:aws:s3:::others".to_owned());
    assert!(matches!(life.runtime.block_on(life.triggers.update(&uuid, other)), Err(Error::Invalid(_))));
    life.put("votes", "b2");
    life.settle(&uuid);
    let letters = life.some_letters(1);
    let message: Json = serde_json::from_str(text(&letters[0], "message")).expect("JSON");
    assert_eq!(message["payload"]["Records"].as_array().map(Vec::len), Some(1));
    let note = "the letter is kept here, for the bucket letters does not exist";
    assert_eq!((text(&letters[0], "destination"), text(&letters[0], "note")), (BUCKET, note));
    assert!(text(&letters[0], "object").starts_with(&format!("aws/lambda/{uuid}/shardId-")));
}

#[test]
fn an_answer_may_name_what_failed_and_the_rest_is_tried_again_from_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|call| {
        let failed = call.records().iter().position(|name| name == "c3");
        let name = |at: usize| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, call.sequence(at));
        failed.map_or_else(fine, |at| Reply::Return(name(at)))
    });
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b2 c3 d4");
    let uuid = life.feed("votes", settings(|s| (s.report_item_failures, s.retry_attempts) = (true, Some(1))));
    let status = life.settle(&uuid);
    assert_eq!(script.names(), ["a1 b2 c3 d4", "c3 d4", "c3 d4"]);
    assert_eq!((status.counts.delivered, status.counts.given_up), (2, 2));
    // Nobody asked for a report: the answer is of no account.
    life.update(&uuid, |mapping| mapping.settings.report_item_failures = false);
    life.put("votes", "c3");
    life.put("votes", "e5");
    life.settle(&uuid);
    assert_eq!(life.status(&uuid).counts.given_up, 2);
}

#[test]
fn records_that_functions_feed_to_themselves_are_noticed_and_put_aside_after_sixteen_rounds() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    assert_eq!(life.settle(&uuid).recursion_depth, None);
    for depth in [1, 15, 16] {
        life.put_as("votes", &format!("a{}", depth + 100), Origin::Function { depth });
    }
    let status = life.settle(&uuid);
    let depths: Vec<(u8, String)> = script.calls().iter().map(|call| (call.depth, call.names())).collect();
    let expected = [(0, "a1"), (1, "a101"), (15, "a115")].map(|(depth, name)| (depth, name.to_owned()));
    assert_eq!(depths, expected);
    assert_eq!(status.recursion_depth, Some(15));
    let letters = life.some_letters(2);
    let own = format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}");
    assert_eq!((text(&letters[0], "destination"), text(&letters[0], "condition")), (own.as_str(), "RecursionDetected"));
    assert!(text(&letters[1], "record").contains("116"));
}

#[test]
fn a_function_whose_letters_call_it_again_is_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Raise("no"));
    let life = Life::start(dir.path(), &script);
    let stream = Some(StreamViewType::KeysOnly);
    life.db.create_table(TableSpec { stream, ..TableSpec::new(DEAD_LETTERS, post::key()) }).wait().expect("created");
    let wanted = |s: &mut Settings| (s.retry_attempts, s.on_failure) = (Some(0), Some(QUEUE.to_owned()));
    let uuid = life.feed(DEAD_LETTERS, settings(wanted));
    let key = Key { partition: KeyValue::S(QUEUE.to_owned()), sort: Some(KeyValue::S("first".to_owned())) };
    let table = life.db.table(DEAD_LETTERS).expect("created");
    let item = table.spec.key.attributes(&key);
    let write = Write { table: table.id, key, op: Op::Put(item), condition: None, origin: Origin::Client };
    life.db.write(write, None).wait().expect("written");
    life.until("the last letter is passed", |life| {
        let lanes = life.status(&uuid).lanes;
        lanes.iter().any(|lane| lane.gave_up.as_ref().is_some_and(|gave_up| gave_up.condition == "RecursionDetected"))
    });
    let status = life.settle(&uuid);
    let depths: Vec<u8> = script.calls().iter().map(|call| call.depth).collect();
    assert_eq!((depths.first(), depths.last()), (Some(&0), Some(&(DEPTH_MAX - 1))));
    assert_eq!(status.recursion_depth, Some(DEPTH_MAX - 1), "it was noticed");
    let told = status.counts.dead_letters;
    life.nudge();
    assert_eq!(life.settle(&uuid).counts.dead_letters, told, "no letter tells of the last letter");
}

#[test]
fn a_chain_of_functions_is_no_loop() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.table("totals");
    let uuid = life.feed("totals", Settings::default());
    life.create(NewMapping { function: "other".to_owned(), ..life.mapping("votes", Settings::default()) });
    // The other function wrote it.
    life.put_as("totals", "a1", Origin::Function { depth: 1 });
    assert_eq!(life.settle(&uuid).recursion_depth, None);
    life.put_as("totals", "a2", Origin::Function { depth: 2 });
    assert_eq!(life.settle(&uuid).recursion_depth, Some(2));
}

#[test]
fn a_function_that_is_missing_or_busy_holds_records_up_and_loses_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Missing);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    let uuid = life.feed("votes", settings(|s| s.retry_attempts = Some(0)));
    life.until("it is missed", |life| life.status(&uuid).trouble.as_deref() == Some("function count does not exist"));
    script.becomes(|_| Reply::Full);
    life.triggers.refresh();
    life.until("it is busy", |life| {
        life.status(&uuid).lanes[0].last_error.as_deref() == Some("all processes are busy")
    });
    script.becomes(|_| fine());
    life.triggers.refresh();
    let status = life.settle(&uuid);
    assert_eq!((status.counts.delivered, status.counts.given_up, status.trouble), (1, 0, None));
    assert!(status.counts.throttles >= 2);
}

#[test]
fn letters_need_a_table_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Raise("no"));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.table(DEAD_LETTERS);
    life.put("votes", "a1");
    let settings = settings(|s| (s.retry_attempts, s.on_failure) = (Some(0), Some(QUEUE.to_owned())));
    let uuid = life.feed("votes", settings);
    life.until("it stops", |life| life.status(&uuid).trouble.is_some());
    let trouble = life.status(&uuid).trouble.unwrap_or_default();
    assert!(trouble.starts_with("letters need a table dead_letters"), "{trouble}");
    // Once that is repaired it goes on, and the letter is written.
    life.db.delete_table(DEAD_LETTERS).wait().expect("deleted");
    life.triggers.refresh();
    life.some_letters(2);
}
