//! Triggers over a real database, with a scripted function: what it saw, in which order, whatever failed or crashed.

use crate::{Answer, Called, Handler, NewMapping, Quarantine, Settings, Source, StartingPosition, State, Triggers};
use bytes::Bytes;
use db::{Db, Env, Op, Options, Scan, StreamViewType, TableSpec, Write};
use item::{Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Origin, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use wire::Place;

const PATIENCE: Duration = Duration::from_secs(30);

/// A call: the records' keys and numbers, the event, the depth.
#[derive(Clone)]
struct Seen {
    records: Vec<(String, u64)>,
    event: Json,
    depth: u8,
}

type Reply = Box<dyn Fn(&Seen) -> Called + Send + Sync>;

/// A function that does as it is told, and remembers.
struct Script {
    seen: Mutex<Vec<Seen>>,
    reply: Mutex<Reply>,
}

impl Script {
    fn new(reply: impl Fn(&Seen) -> Called + Send + Sync + 'static) -> Arc<Script> {
        Arc::new(Script { seen: Mutex::default(), reply: Mutex::new(Box::new(reply)) })
    }

    fn now(&self, reply: impl Fn(&Seen) -> Called + Send + Sync + 'static) {
        *self.reply.lock().expect("no panic") = Box::new(reply);
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Numbers seen of each key, in order.
    fn of_keys(&self) -> BTreeMap<String, Vec<u64>> {
        let mut keys: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (key, number) in self.seen().into_iter().flat_map(|seen| seen.records) {
            keys.entry(key).or_default().push(number);
        }
        keys
    }
}

impl Handler for Script {
    fn call(&self, _: &str, payload: Bytes, depth: u8) -> Answer<'_> {
        let event: Json = serde_json::from_slice(&payload).expect("an event");
        let record = |record: &Json| {
            let image = &record["dynamodb"]["NewImage"];
            let number = image["n"]["N"].as_str().expect("a number").parse().expect("a number");
            (image["id"]["S"].as_str().expect("a key").to_owned(), number)
        };
        let records = event["Records"].as_array().expect("records").iter().map(record).collect();
        let seen = Seen { records, event, depth };
        let called = (self.reply.lock().expect("no panic"))(&seen);
        self.seen.lock().expect("no panic").push(seen);
        Box::pin(std::future::ready(called))
    }
}

fn done(payload: &str) -> Called {
    Called::Answered { payload: Bytes::from(payload.to_owned()), request_id: "r".to_owned() }
}

fn failed() -> Called {
    let payload = Bytes::from_static(br#"{"errorType":"ValueError","errorMessage":"no"}"#);
    Called::Failed { kind: "Unhandled".to_owned(), payload, request_id: "r".to_owned() }
}

fn place() -> Place {
    Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() }
}

struct House {
    dir: TempDir,
    db: Db,
}

impl House {
    fn new() -> House {
        let dir = tempfile::tempdir().expect("a directory");
        let db = open(&dir);
        let key = KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None };
        let spec =
            TableSpec { stream: Some(StreamViewType::NewAndOldImages), shards: 2, ..TableSpec::new("votes", key) };
        db.create_table(spec).wait().expect("created");
        House { dir, db }
    }

    /// As after a crash: nothing was stopped, nothing flushed.
    fn reopen(self) -> House {
        let House { dir, db } = self;
        drop(db);
        let db = open(&dir);
        House { dir, db }
    }

    fn put(&self, id: &str, n: u64, origin: Origin) {
        let table = self.db.table("votes").expect("created").id;
        let item = Item::from_iter([("id", Value::S(id.to_owned())), ("n", Value::N(Number::from(n)))]);
        let key = Key { partition: KeyValue::S(id.to_owned()), sort: None };
        self.db.write(Write { table, key, op: Op::Put(item), condition: None, origin }, None).wait().expect("written");
    }

    fn letters(&self) -> Vec<Item> {
        let Some(table) = self.db.table(crate::DEAD_LETTERS) else { return Vec::new() };
        let scan = Scan { segment: (0, 1), start: None, limit: None, filter: None };
        self.db.scan(&table, &scan).expect("reads").items
    }
}

/// Opens the database once the tasks and threads of a life before have let it go.
fn open(dir: &TempDir) -> Db {
    let options = Options { memory: 64 << 20, segment_bytes: 1 << 20, ..Options::new(dir.path()) };
    for _ in 0..30_000 {
        match Db::open(options.clone(), Env::real()) {
            Ok(db) => return db,
            Err(db::OpenError::Locked(..)) => std::thread::park_timeout(Duration::from_millis(1)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nobody lets the database go");
}

fn start(house: &House, script: &Arc<Script>) -> Triggers {
    Triggers::start(house.db.clone(), place(), script.clone(), tokio::runtime::Handle::current())
}

async fn create(house: &House, triggers: &Triggers, settings: Settings) -> String {
    let stream = house.db.streams().into_iter().find(|stream| stream.table_name == "votes").expect("a stream");
    let (source, starting) = (Source::of(&stream), StartingPosition::TrimHorizon);
    let new = NewMapping { function: "f".to_owned(), source, starting, settings, enabled: true };
    let status = triggers.create(new).await.expect("created");
    assert_eq!(status.state, State::Creating);
    status.mapping.uuid.clone()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    until_or(|| what.to_owned(), holds).await;
}

async fn until_or(what: impl Fn() -> String, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            let _ = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {}", what());
}

/// Runs something; what it leaves running ends in the middle of whatever it does.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().expect("a runtime");
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

#[test]
fn a_record_written_while_nothing_happens_is_delivered_at_once_in_batches_of_the_event_aws_sends() {
    run(async {
        let house = House::new();
        let script = Script::new(|_| done("null"));
        let triggers = start(&house, &script);
        house.put("a", 1, Origin::Client);
        let uuid = create(&house, &triggers, Settings::default()).await;
        until("the first record", || script.seen().len() == 1).await;
        house.put("a", 2, Origin::Function { depth: 1 });
        until("the second record", || script.seen().len() == 2).await;
        let seen = script.seen();
        assert_eq!((seen[0].depth, seen[1].depth), (0, 1));
        let record = &seen[1].event["Records"][0];
        assert_eq!((&record["eventName"], &record["dynamodb"]["OldImage"]["n"]["N"]), (&json!("MODIFY"), &json!("1")));
        assert!(record["eventSourceARN"].as_str().expect("text").starts_with("arn:aws:dynamodb:us-east-1:"));
        triggers.update(&uuid, |mapping| mapping.enabled = false).await.expect("updated");
        house.put("a", 3, Origin::Client);
        triggers.update(&uuid, |mapping| mapping.enabled = true).await.expect("updated");
        until("what came while it was disabled", || script.seen().len() == 3).await;
        assert_eq!(script.of_keys()["a"], [1, 2, 3], "nothing again, nothing skipped");
        let status = triggers.get(&uuid).expect("there");
        assert_eq!((status.counts.delivered, status.counts.calls, status.last_result.as_str()), (3, 3, "OK"));
        triggers.delete(&uuid).await.expect("deleted");
        assert!(triggers.get(&uuid).is_err());
        triggers.stop().await;
    });
}

#[test]
fn records_whose_attempts_are_used_up_go_to_the_destination_with_all_that_is_in_them() {
    run(async {
        let house = House::new();
        (0..6).for_each(|n| house.put("poison", n, Origin::Client));
        let script = Script::new(|seen| if seen.records.iter().any(|(_, n)| *n == 2) { failed() } else { done("{}") });
        let triggers = start(&house, &script);
        let queue = "arn:aws:sqs:us-east-1:000000000000:letters".to_owned();
        let settings =
            Settings { bisect: true, retry_attempts: Some(1), on_failure: Some(queue.clone()), ..Settings::default() };
        let uuid = create(&house, &triggers, settings).await;
        until("the letters", || house.letters().len() == 2).await;
        let counts = triggers.get(&uuid).expect("there").counts;
        assert_eq!((counts.given_up, counts.dead_letters), (1, 1));
        until("the last record", || {
            script.seen().last().is_some_and(|seen| seen.records.ends_with(&[("poison".to_owned(), 5)]))
        })
        .await;
        triggers.stop().await;
        let letters = house.letters();
        let text = |item: &Item, name: &str| match item.get(name) {
            Some(Value::S(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(letters.len(), 2, "the letter and its one record: halving found it");
        assert!(letters.iter().all(|letter| text(letter, "destination") == queue));
        let message: Json = serde_json::from_str(&text(&letters[0], "message")).expect("JSON");
        assert_eq!(message["requestContext"]["condition"], "RetryAttemptsExhausted");
        assert_eq!(message["requestContext"]["approximateInvokeCount"], 2);
        assert_eq!(message["DDBStreamBatchInfo"]["batchSize"], 1);
        let record: Json = serde_json::from_str(&text(&letters[1], "record")).expect("JSON");
        assert_eq!(record["dynamodb"]["NewImage"]["n"]["N"], "2");
    });
}

#[test]
fn an_answer_that_names_a_record_is_tried_again_from_there() {
    run(async {
        let house = House::new();
        (0..4).for_each(|n| house.put("a", n, Origin::Client));
        let script = Script::new(|seen| {
            let third = seen.event["Records"].as_array().and_then(|records| records.get(2));
            let name = |record: &Json| record["dynamodb"]["SequenceNumber"].clone();
            let failures: Vec<Json> = third.iter().map(|record| json!({ "itemIdentifier": name(record) })).collect();
            done(&json!({ "batchItemFailures": failures }).to_string())
        });
        let triggers = start(&house, &script);
        create(&house, &triggers, Settings { report_item_failures: true, ..Settings::default() }).await;
        until("both calls", || script.seen().len() == 2).await;
        assert_eq!(script.of_keys()["a"], [0, 1, 2, 3, 2, 3]);
        triggers.stop().await;
    });
}

fn is_parked(triggers: &Triggers, uuid: &str, records: u64) -> bool {
    let page = triggers.quarantine(uuid, None, 10).expect("reads");
    page.keys.len() == 1 && page.keys[0].records == records
}

#[test]
fn a_poison_record_parks_its_key_until_somebody_lets_it_go_and_nothing_overtakes() {
    let refuse = |seen: &Seen| if seen.records.contains(&("bad".to_owned(), 3)) { failed() } else { done("") };
    let (house, uuid) = run(async {
        let house = House::new();
        for n in 0..20 {
            house.put(["good", "bad"][n % 2], n as u64, Origin::Client);
        }
        let script = Script::new(refuse);
        let triggers = start(&house, &script);
        let quarantine = Some(Quarantine { records: 50, ..Quarantine::default() });
        let settings = Settings { quarantine, retry_attempts: Some(1), ..Settings::default() };
        let uuid = create(&house, &triggers, settings).await;
        let good: Vec<u64> = (0..20).step_by(2).collect();
        until("the parked records", || is_parked(&triggers, &uuid, 9)).await;
        until("the other key", || script.of_keys().get("good").and_then(|seen| seen.last()) == Some(&18)).await;
        let first_times = |script: &Script, key: &str| {
            let mut seen = BTreeSet::new();
            script.of_keys()[key].iter().copied().filter(|n| seen.insert(*n)).collect::<Vec<u64>>()
        };
        assert_eq!(first_times(&script, "good"), good);
        house.put("bad", 21, Origin::Client);
        until("the one behind", || is_parked(&triggers, &uuid, 10)).await;

        (house, uuid)
    });

    // It survives a crash; a retry that fails leaves it; one that succeeds delivers all in order.
    let house = house.reopen();
    run(async {
        let script = Script::new(refuse);
        let triggers = start(&house, &script);
        let key = triggers.quarantine(&uuid, None, 10).expect("reads").keys.remove(0);
        assert_eq!((key.records, key.key.as_str()), (10, r#"{"id":{"S":"bad"}}"#));
        let records = triggers.parked(&uuid, &key.id, None, 100).expect("reads").1;
        assert!(records.len() == 10 && records[0].event.contains(r#""n":{"N":"3"}"#));
        let calls = || script.of_keys().get("bad").map_or(0, Vec::len);
        until("a lane that takes it", || triggers.get(&uuid).is_ok_and(|status| status.lanes.len() == 2)).await;
        let before = calls();
        triggers.retry_parked(&uuid, &key.id).await.expect("asked");
        until("the retry", || calls() > before).await;
        until("its end", || triggers.quarantine(&uuid, None, 10).expect("reads").keys[0].wanted.is_none()).await;
        assert!(is_parked(&triggers, &uuid, 10), "it failed again");
        script.now(|_| done(""));
        script.seen.lock().expect("no panic").clear();
        triggers.retry_parked(&uuid, &key.id).await.expect("asked");
        until("an empty quarantine", || triggers.quarantine(&uuid, None, 10).expect("reads").keys.is_empty()).await;
        assert_eq!(script.of_keys()["bad"], [3, 5, 7, 9, 11, 13, 15, 17, 19, 21]);
        triggers.stop().await;
    });
}

#[test]
fn a_function_that_feeds_itself_is_stopped_and_what_it_wrote_is_kept() {
    run(async {
        let house = House::new();
        house.put("a", 0, Origin::Function { depth: 15 });
        house.put("a", 1, Origin::Function { depth: 16 });
        house.put("a", 2, Origin::Client);
        let script = Script::new(|_| done(""));
        let triggers = start(&house, &script);
        let uuid = create(&house, &triggers, Settings::default()).await;
        until("the last record", || script.of_keys().get("a").is_some_and(|seen| seen.contains(&2))).await;
        assert_eq!(script.of_keys()["a"], [0, 2]);
        assert_eq!(triggers.get(&uuid).expect("there").recursion_depth, Some(15));
        triggers.stop().await;
        assert_eq!(house.letters().len(), 2);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails, and wherever it crashes: each record at least once, each key's first times in order.
    #[test]
    fn every_record_is_delivered_in_order_per_key_whatever_fails_and_crashes(
        batch_size in 1u32..20,
        parallelization in 1u16..4,
        bisect in any::<bool>(),
        every in 3usize..9,
        lives in 1usize..4,
    ) {
        let mut house = House::new();
        let mut number = 0;
        let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for life in 0..=lives {
            for _ in 0..40 {
                let key = format!("k{}", number % 7);
                house.put(&key, number, Origin::Client);
                all.entry(key).or_default().push(number);
                number += 1;
            }
            let calls = std::sync::atomic::AtomicUsize::new(0);
            let script = Script::new(move |_: &Seen| {
                let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if call % every == every - 1 { failed() } else { done("") }
            });
            let is_last = life == lives;
            let is_missing = |key: &String, n: &u64, now: &BTreeMap<String, Vec<u64>>| {
                ![&seen, now].iter().any(|keys| keys.get(key).is_some_and(|numbers| numbers.contains(n)))
            };
            run(async {
                let triggers = start(&house, &script);
                if life == 0 {
                    let settings = Settings { batch_size, parallelization, bisect, ..Settings::default() };
                    create(&house, &triggers, settings).await;
                }
                // The last life goes on to the end; the others crash in the middle.
                let stands = || format!("the records of life {life}: {:#?}", triggers.status());
                until_or(stands, || {
                    let now = script.of_keys();
                    let mut missing = all.iter().flat_map(|(key, numbers)| numbers.iter().map(move |n| (key, n)));
                    let complete = !missing.any(|(key, n)| is_missing(key, n, &now));
                    complete || !is_last && script.seen().len() >= 3
                })
                .await;
                if is_last {
                    triggers.stop().await;
                }
            });
            // Once the database is let go, nothing of this life calls any more.
            house = house.reopen();
            for (key, numbers) in script.of_keys() {
                seen.entry(key).or_default().extend(numbers);
            }
        }
        for (key, expected) in &all {
            let mut first = BTreeSet::new();
            let order: Vec<u64> = seen[key].iter().copied().filter(|n| first.insert(*n)).collect();
            prop_assert_eq!(&order, expected, "{}", key);
        }
    }
}
