//! Triggers at work on a real database, with a function that is scripted.

mod deliver;
mod fail;
mod kinesis;
mod lives;
mod manage;
mod quarantine;
mod source;
mod window;

use crate::*;
use ::kinesis::{Definition, Streams};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use db::{Db, Durability, Env, Op, OpenError, Options, StreamViewType, TableSpec, Write, env::Clock};
use item::{Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Origin, Value};
use s3::Buckets;
use serde_json::Value as Json;
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Runtime, sync::watch};
use wire::Place;

/// The machine's clock, put forward by tests.
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        Env::real().clock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

/// One call of the function.
#[derive(Clone, Debug)]
struct Call {
    function: String,
    depth: u8,
    event: Json,
}

impl Call {
    /// Its records in short: the item's id and its `n`, `a1`.
    fn records(&self) -> Vec<String> {
        let records = self.event["Records"].as_array().expect("a list of records");
        records.iter().map(record_text).collect()
    }

    fn names(&self) -> String {
        self.records().join(" ")
    }

    fn sequence(&self, at: usize) -> &str {
        let record = &self.event["Records"][at];
        let of_table = record["dynamodb"]["SequenceNumber"].as_str();
        of_table.or(record["kinesis"]["sequenceNumber"].as_str()).expect("a text")
    }
}

fn record_text(record: &Json) -> String {
    if let Some(key) = record["kinesis"]["partitionKey"].as_str() {
        return format!("{key}{}", String::from_utf8(data(record)).expect("text"));
    }
    let body = &record["dynamodb"];
    let id = body["Keys"]["id"]["S"].as_str().expect("a key");
    let image = if body["NewImage"].is_object() { &body["NewImage"] } else { &body["OldImage"] };
    format!("{id}{}", image["n"]["N"].as_str().unwrap_or(""))
}

/// What was put into a Kinesis stream.
fn data(record: &Json) -> Vec<u8> {
    STANDARD.decode(record["kinesis"]["data"].as_str().expect("a text")).expect("base64")
}

/// What the function does.
#[derive(Clone, Debug)]
enum Reply {
    Return(String),
    Raise(&'static str),
    Full,
    Missing,
    /// It does not come back before it is released.
    Hold,
}

fn fine() -> Reply {
    Reply::Return("null".to_owned())
}

type Rule = Box<dyn FnMut(&Call) -> Reply + Send>;

/// The scripted function.
#[derive(Clone)]
struct Script {
    rule: Arc<Mutex<Rule>>,
    calls: Arc<Mutex<Vec<Call>>>,
    under_way: Arc<AtomicU64>,
    released: watch::Sender<bool>,
}

impl Script {
    fn new(rule: impl FnMut(&Call) -> Reply + Send + 'static) -> Script {
        Script {
            rule: Arc::new(Mutex::new(Box::new(rule))),
            calls: Arc::default(),
            under_way: Arc::default(),
            released: watch::Sender::new(false),
        }
    }

    fn becomes(&self, rule: impl FnMut(&Call) -> Reply + Send + 'static) {
        *self.rule.lock().expect("no holder panics") = Box::new(rule);
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no holder panics").clone()
    }

    /// The calls so far, each as the names of its records.
    fn names(&self) -> Vec<String> {
        self.calls().iter().map(Call::names).collect()
    }

    /// All records, in the order of calls.
    fn records(&self) -> Vec<String> {
        self.calls().iter().flat_map(Call::records).collect()
    }
}

impl Handler for Script {
    fn call(&self, function: &str, payload: Bytes, depth: u8) -> Answer<'_> {
        let event = serde_json::from_slice(&payload).expect("an event is JSON");
        let call = Call { function: function.to_owned(), depth, event };
        let reply = (self.rule.lock().expect("no holder panics"))(&call);
        let mut calls = self.calls.lock().expect("no holder panics");
        calls.push(call);
        let request_id = format!("request-{}", calls.len());
        let mut released = self.released.subscribe();
        Box::pin(async move {
            self.under_way.fetch_add(1, Ordering::Relaxed);
            let called = match reply {
                Reply::Return(payload) => Called::Answered { payload: payload.into(), request_id },
                Reply::Raise(why) => {
                    let payload = format!(r#"{{"errorType":"ValueError","errorMessage":"{why}"}}"#).into();
                    Called::Failed { kind: "Unhandled".to_owned(), payload, request_id }
                }
                Reply::Full => Called::Throttled { why: "all processes are busy".to_owned() },
                Reply::Missing => Called::Gone,
                Reply::Hold => {
                    released.wait_for(|released| *released).await.expect("the script lives");
                    Called::Answered { payload: "null".into(), request_id }
                }
            };
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            called
        })
    }
}

/// A database with its triggers, from a start to a stop or a crash.
struct Life {
    runtime: Runtime,
    triggers: Triggers,
    db: Db,
    buckets: Buckets,
    script: Script,
    clock: Arc<Ahead>,
}

fn options(dir: &Path) -> Options {
    Options { memory: 64 << 20, segment_bytes: 1 << 20, ..Options::new(dir) }
}

/// Opens a database, once the one before has let go of it: what waits for its log notices soon.
fn open(options: &Options, env: &Env) -> Db {
    let (_nobody, never) = std::sync::mpsc::channel::<()>();
    for _ in 0..1000 {
        match Db::open(options.clone(), env.clone()) {
            Err(OpenError::Locked(..)) => {}
            opened => return opened.expect("opens"),
        }
        let _ = never.recv_timeout(Duration::from_millis(10));
    }
    panic!("{} stays locked", options.dir.display());
}

impl Life {
    fn start(dir: &Path, script: &Script) -> Life {
        Life::with(options(dir), Env::real(), script)
    }

    fn with(options: Options, env: Env, script: &Script) -> Life {
        let clock = Arc::new(Ahead(AtomicU64::new(0)));
        let db = open(&options, &Env { clock: clock.clone(), ..env });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("built");
        let buckets = Buckets::open(db.clone(), &Env::real(), &options.dir, "us-east-1").expect("opened");
        let triggers = Life::triggers(&db, &buckets, script, &runtime);
        Life { runtime, triggers, db, buckets, script: script.clone(), clock }
    }

    fn triggers(db: &Db, buckets: &Buckets, script: &Script, runtime: &Runtime) -> Triggers {
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let post = Post::new(db.clone(), buckets.clone());
        Triggers::start(db.clone(), post, place, Arc::new(script.clone()), runtime.handle().clone())
    }

    fn place(&self) -> Place {
        Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() }
    }

    /// Ends as a crash would: nothing is stopped, nothing is flushed.
    fn crash(self) {
        let Life { runtime, triggers, db, buckets, .. } = self;
        drop(triggers);
        // Tasks end with their runtime, and with them what they hold of the database.
        drop(runtime);
        drop((db, buckets));
    }

    fn stop(self) {
        self.runtime.block_on(self.triggers.stop());
        self.crash();
    }

    fn table(&self, name: &str) -> Arc<db::Table> {
        self.sharded(name, 1)
    }

    fn sharded(&self, name: &str, shards: u16) -> Arc<db::Table> {
        let attribute = KeyAttribute { name: "id".to_owned(), kind: KeyKind::S };
        let key = KeySchema { partition: attribute, sort: None };
        let stream = Some(StreamViewType::NewAndOldImages);
        self.db.create_table(TableSpec { stream, shards, ..TableSpec::new(name, key) }).wait().expect("created")
    }

    fn streams(&self) -> Streams {
        Streams::new(self.db.clone(), self.place())
    }

    /// Creates a Kinesis stream.
    fn stream(&self, name: &str, shards: u16) {
        self.streams().create(&Definition { shards, ..Definition::new(name) }).expect("created");
    }

    /// Puts a record into a Kinesis stream.
    fn put_data(&self, stream: &str, key: &str, data: &[u8], origin: Origin) {
        let (streams, put) = (self.streams(), ::kinesis::Put::new(key, data));
        let stream = streams.get(stream).expect("created");
        streams.put(&stream, vec![put], origin, None).expect("fits").wait().expect("put");
    }

    /// Writes an item by its text: an id of letters and a number, `a1`. Where there is a Kinesis stream of the table's name,
    /// it gets a record with the id as partition key.
    fn put(&self, table: &str, text: &str) {
        self.put_as(table, text, Origin::Client);
    }

    fn put_as(&self, table: &str, text: &str, origin: Origin) {
        let digits = text.find(|c: char| c.is_ascii_digit()).expect("a number");
        let (id, n) = text.split_at(digits);
        if self.db.table(table).is_none() {
            return self.put_data(table, id, n.as_bytes(), origin);
        }
        let n = Value::N(n.parse::<Number>().expect("a number"));
        let item = Item::from_iter([("id", Value::S(id.to_owned())), ("n", n)]);
        let table = self.db.table(table).expect("created");
        let key = Key { partition: KeyValue::S(id.to_owned()), sort: None };
        let write = Write { table: table.id, key, op: Op::Put(item), condition: None, origin };
        self.db.write(write, None).wait().expect("written");
    }

    fn puts(&self, table: &str, texts: &str) {
        texts.split(' ').for_each(|text| self.put(table, text));
    }

    fn mapping(&self, table: &str, settings: Settings) -> NewMapping {
        let stream = self.db.streams().into_iter().rev().find(|stream| stream.table_name == table);
        let source = stream.map(|stream| Source::of(&stream));
        let source = source.or_else(|| self.streams().find(table).map(|stream| Source::of_kinesis(&stream)));
        NewMapping {
            function: "count".to_owned(),
            source: source.expect("a stream"),
            starting: StartingPosition::TrimHorizon,
            settings,
            enabled: true,
        }
    }

    /// Creates a trigger from the table's beginning on; answers its uuid.
    fn feed(&self, table: &str, settings: Settings) -> String {
        self.create(self.mapping(table, settings))
    }

    fn create(&self, mapping: NewMapping) -> String {
        self.runtime.block_on(self.triggers.create(mapping)).expect("created").mapping.uuid.clone()
    }

    fn update(&self, uuid: &str, change: impl FnOnce(&mut Mapping)) -> State {
        self.runtime.block_on(self.triggers.update(uuid, change)).expect("updated").state
    }

    fn status(&self, uuid: &str) -> TriggerStatus {
        self.triggers.get(uuid).expect("it is there")
    }

    /// Waits until something is so, at most ten seconds.
    fn until(&self, what: &str, is_so: impl Fn(&Life) -> bool) {
        for _ in 0..1000 {
            if is_so(self) {
                return;
            }
            let _ = self.db.wait_past(self.db.head(), Duration::from_millis(10));
        }
        panic!("not within ten seconds: {what}; calls {:?}; {:#?}", self.script.names(), self.triggers.status());
    }

    /// Waits until the trigger has nothing before it.
    fn settle(&self, uuid: &str) -> TriggerStatus {
        let quiet = |lane: &LaneStatus| lane.phase == LanePhase::Idle && lane.age_ms == 0 && lane.lag == 0;
        self.until("everything is delivered", |life| {
            let status = life.status(uuid);
            !status.lanes.is_empty() && status.lanes.iter().all(quiet) && life.is_on_disk(&status)
        });
        self.status(uuid)
    }

    /// Whether what is parked and what letters tell of is committed: commits run behind what is shown.
    fn is_on_disk(&self, status: &TriggerStatus) -> bool {
        let parked = self.triggers.quarantine(&status.mapping.uuid, None, 1000).expect("read").keys;
        let heads = self.letters().iter().filter(|letter| letter.get("condition").is_some()).count();
        let heads = heads + self.buckets.buckets().iter().map(|bucket| self.objects(&bucket.name).len()).sum::<usize>();
        parked.iter().map(|key| key.records).sum::<u64>() == status.counts.parked_now
            && heads as u64 >= status.counts.dead_letters
    }

    /// Waits for so many calls.
    fn calls(&self, count: usize) {
        self.until("calls are made", |life| life.script.calls().len() >= count);
    }

    /// Puts the clock forward; whoever waits for the log looks at it.
    fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("not that long");
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
        self.nudge();
    }

    /// Moves the log's head by nothing of interest.
    fn nudge(&self) {
        if self.db.table("other").is_none() {
            self.table("other");
        }
        let n = self.db.head().0;
        self.put("other", &format!("x{n}"));
    }

    /// The dead letters, once there are so many.
    fn some_letters(&self, count: usize) -> Vec<Item> {
        self.until("letters are written", |life| life.letters().len() == count);
        self.letters()
    }

    /// The letters in a bucket: keys and documents, in order of the keys.
    fn objects(&self, bucket: &str) -> Vec<(String, Json)> {
        let all = s3::Listed { prefix: String::new(), delimiter: None, from: s3::From::Start, max: 1000 };
        let listed = self.buckets.list(bucket, &all).expect("listed");
        let read = |key: &str| {
            let (_, blob) = self.buckets.open_object(bucket, key).expect("it is there");
            serde_json::from_reader(blob.expect("it has bytes").reader()).expect("JSON")
        };
        let keys = listed.entries.into_iter().filter_map(|entry| match entry {
            s3::Entry::One(object) => Some(object.key),
            s3::Entry::Group(_) => None,
        });
        keys.map(|key| (key.clone(), read(&key))).collect()
    }

    /// The dead letters, in order of their ids.
    fn letters(&self) -> Vec<Item> {
        let Some(table) = self.db.table(DEAD_LETTERS) else { return Vec::new() };
        let all = db::Scan { segment: (0, 1), start: None, limit: None, filter: None };
        self.db.scan(&table, &all).expect("read").items
    }
}

fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    match item.get(name) {
        Some(Value::S(text)) => text,
        other => panic!("{name} is {other:?} in {item:?}"),
    }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:letters";
const BUCKET: &str = "arn:aws:s3:::letters";
