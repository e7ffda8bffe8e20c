//! Executions on a machine that crashes: the log on a simulated disk, the bytes of objects and the files of deltas on a real
//! one.

mod crashes;
mod fences;
mod holds;
mod random;
mod relaxed;
mod steps;
mod threads;
mod versions;

use crate::{
    Binding, Execution, Settings, Status,
    engine::Engine,
    schedule::Busy,
    table::Table,
    work::{Stop, Work},
};
use db::{Db, Durability, Env, Options, SimStore, StreamRead, TableSpec, env::sim::World};
use flate2::{Compression, write::GzEncoder};
use item::{Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Origin, Seq, Value};
use kinesis::{Definition, Streams};
use s3::{Buckets, Expectation, Put};
use std::{collections::BTreeMap, io::Write, ops::ControlFlow, path::PathBuf, sync::Arc};
use wire::Place;

/// Rows by their keys.
pub type Rows = BTreeMap<String, String>;

/// An operation of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub data: String,
    pub partition_key: String,
}

/// A machine that crashes.
pub struct Machine {
    pub world: World,
    store: SimStore,
    dir: tempfile::TempDir,
    pub settings: Settings,
    retention_ms: u64,
    pub durability: Durability,
    running: Option<Run>,
}

struct Run {
    db: Db,
    engine: Engine,
}

impl Machine {
    /// With a bucket, a stream and a target, which a binding brings together.
    pub fn new(seed: u64) -> Machine {
        let machine = Machine::empty(seed);
        machine.make_places();
        machine.engine().bind(&[binding()]).expect("bound");
        machine
    }

    pub fn empty(seed: u64) -> Machine {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = Settings { chunk_operations: 3, lock_ms: 10_000, sync_tries: 0, ..Settings::new(dir.path()) };
        let (world, store) = (World::new(seed), SimStore::new());
        let (retention_ms, durability) = (u64::MAX, Durability::Durable);
        let mut machine = Machine { world, store, dir, settings, retention_ms, durability, running: None };
        machine.start();
        machine
    }

    pub fn make_places(&self) {
        self.engine().buckets.ensure("imports").expect("created");
        let stream = Definition { shards: 2, ..Definition::new("changes") };
        self.engine().streams.ensure(&stream).expect("created");
        if self.db().table("copy").is_none() {
            self.make_target();
        }
    }

    pub fn make_target(&self) {
        let partition = KeyAttribute { name: "PK".to_owned(), kind: KeyKind::S };
        let spec = TableSpec::new("copy", KeySchema { partition, sort: None });
        self.db().create_table(spec).wait().expect("created");
    }

    fn start(&mut self) {
        let options = Options {
            durability: self.durability,
            retention_ms: self.retention_ms,
            segment_bytes: 64 << 10,
            ..Options::new("/data")
        };
        let db = Db::open_stepped(options, self.world.env(), &self.store).expect("opens");
        let env = Env { disk: Env::real().disk, ..self.world.env() };
        let buckets = Buckets::open(db.clone(), &env, self.dir.path(), "us-east-1").expect("opens");
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let streams = Streams::new(db.clone(), place);
        let engine = Engine::open(db.clone(), buckets, streams, self.settings.clone()).expect("opens");
        self.running = Some(Run { db, engine });
    }

    /// The process dies. Whatever was on its way must have been forgotten by the caller.
    pub fn crash(&mut self) {
        self.stop(false);
    }

    /// The process dies, and what the log had not synced goes with the power.
    pub fn lose_power(&mut self) {
        self.stop(true);
    }

    fn stop(&mut self, power: bool) {
        self.running = None;
        self.world.heal();
        if power {
            self.world.lose_power();
        } else {
            self.world.halt_in(u64::MAX);
        }
        self.store = self.store.crash();
        self.start();
    }

    /// Starts anew, with the log kept for a day.
    pub fn keep_log_for_a_day(&mut self) {
        self.retention_ms = 24 * 60 * 60 * 1000;
        self.crash();
    }

    pub fn db(&self) -> &Db {
        &self.running.as_ref().expect("it runs").db
    }

    pub fn engine(&self) -> &Engine {
        &self.running.as_ref().expect("it runs").engine
    }

    pub fn upload(&self, key: &str, bytes: &[u8]) {
        self.try_upload(key, bytes).expect("put");
    }

    pub fn try_upload(&self, key: &str, bytes: &[u8]) -> Result<(), s3::Error> {
        self.engine().buckets.put_from("imports", Put::new(key), &mut &*bytes).map(|_| ())
    }

    pub fn delete(&self, key: &str) {
        self.engine().buckets.delete("imports", key, &Expectation::Anything, Origin::Client).expect("deleted");
    }

    /// Registers what arrived, and carries out what can be.
    pub fn settle(&self) {
        self.engine().register().expect("registered");
        while self.carry_out_one() {}
    }

    /// Carries out what there is to do for one table; answers whether there was one.
    pub fn carry_out_one(&self) -> bool {
        let Some((table, busy)) = self.engine().schedule.take(self.db().now_ms()) else { return false };
        let ends = self.engine().carry_out(&table, &busy);
        assert!(!ends, "the database takes more");
        true
    }

    /// Begins to work on the table whose turn it is.
    pub fn begin(&self) -> Option<Work<'_>> {
        let (table, busy) = self.engine().schedule.take(self.db().now_ms())?;
        self.begin_on(&table, &busy)
    }

    pub fn begin_on(&self, table: &str, busy: &Arc<Busy>) -> Option<Work<'_>> {
        match self.engine().claim(table, busy).expect("a healthy database") {
            Some(claim) => Some(Work::new(self.engine(), claim)),
            None => {
                self.engine().schedule.done(table, busy);
                None
            }
        }
    }

    pub fn show(&self, table: &str, version: &str) -> Execution {
        let table = self.engine().table(table).expect("known");
        table.find_execution(self.db(), version).expect("reads").expect("known")
    }

    pub fn status(&self, version: &str) -> Status {
        self.show("t/x", version).status
    }

    /// The target's rows: `v` of each `PK`.
    pub fn target(&self) -> Rows {
        let table = self.db().table("copy").expect("created");
        let scan = db::Scan { segment: (0, 1), start: None, limit: None, filter: None };
        let text = |item: &Item, name: &str| match item.get(name) {
            Some(Value::S(text)) => text.clone(),
            Some(Value::N(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        let items = self.db().scan(&table, &scan).expect("reads").items;
        items.iter().map(|item| (text(item, "PK"), text(item, "v"))).collect()
    }

    /// All records of the stream, in order.
    pub fn stream(&self) -> Vec<Seen> {
        let stream = self.engine().streams.get("changes").expect("created");
        let table = stream.resource.records();
        let read = StreamRead { table, shard: None, from: Seq(1), records_max: 1 << 20, bytes_max: 1 << 30 };
        let mut seen = Vec::new();
        let visit = |change: db::RawChange<'_>| {
            let record = kinesis::Record::read(&change).expect("a record");
            let data = String::from_utf8(record.data).expect("JSON");
            seen.push(Seen { data, partition_key: record.partition_key });
            ControlFlow::Continue(())
        };
        self.db().visit_changes(&read, visit).expect("reads");
        seen
    }

    /// `VERSION ordinal OPERATION key value` of each record of a table.
    pub fn operations(&self, table: &str) -> Vec<String> {
        let table = format!("\"table\":\"{}\"", table.split_once('/').expect("TENANT/TABLE").1);
        let all = self.stream();
        all.iter().filter(|seen| seen.data.contains(&table)).map(|seen| short(&seen.data)).collect()
    }

    /// A row of the registry.
    pub fn registry(&self, table: &str, execution: &str) -> Option<Item> {
        let registry = self.db().table("registry").expect("there");
        let sort = Some(KeyValue::S(execution.to_owned()));
        self.db().get(&registry, &Key { partition: KeyValue::S(table.to_owned()), sort }).expect("reads")
    }

    /// Sort keys and statuses of a partition of the registry.
    pub fn registered(&self, table: &str) -> Vec<String> {
        let registry = self.db().table("registry").expect("there");
        let query = db::Query {
            partition: KeyValue::S(table.to_owned()),
            sort: item::SortRange::All,
            reverse: false,
            start: None,
            limit: None,
            filter: None,
        };
        let text = |item: &Item, name: &str| crate::fields::get_text(item, name).unwrap_or_default();
        let items = self.db().query(&registry, &query).expect("reads").items;
        items.iter().map(|item| format!("{} {}", text(item, "execution"), text(item, "status"))).collect()
    }

    /// Names of the files that a table keeps.
    pub fn files(&self, table: &str) -> Vec<PathBuf> {
        let table = self.engine().table(table).expect("known");
        let folder = self.engine().files.path(&table, "");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| entries.map(|entry| entry.expect("lists").path()).collect())
            .unwrap_or_default();
        files.sort();
        files
    }

    pub fn table(&self, name: &str) -> Table {
        self.engine().table(name).expect("known")
    }

    /// Fails unless the stream has each operation once and in order, and they add up to the target; and unless the target
    /// is the export that was imported last, and no file stays that nobody needs.
    pub fn check(&self, table: &str, last: &Rows) {
        let mut rows = Rows::new();
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for line in self.operations(table) {
            let parts: Vec<&str> = line.split(' ').collect();
            let [version, ordinal, operation, key, value] = parts[..] else { panic!("{line}") };
            let expected = next.entry(version.to_owned()).or_default();
            assert_eq!(ordinal.parse::<u64>().expect("a number"), *expected, "each once and in order: {line}");
            *expected += 1;
            let had = rows.contains_key(key);
            assert_eq!(had, operation != "INSERT", "{line}");
            match operation {
                "DELETE" => drop(rows.remove(key)),
                _ => drop(rows.insert(key.to_owned(), value.to_owned())),
            }
        }
        assert_eq!(&rows, last, "left: what the stream adds up to; right: the last export");
        let head = self.table(table).head(self.db()).expect("reads");
        assert_eq!(head.lock, None, "nobody holds the lock");
        let kept = head.base.map_or(0, |base| 1 + base.files.len());
        let live = self.table(table).live(self.db()).expect("reads");
        if live.is_empty() {
            assert_eq!(self.files(table).len(), kept, "{:?}", self.files(table));
        }
    }
}

/// `VERSION ordinal OPERATION key value` of a record.
fn short(data: &str) -> String {
    let field = |name: &str| {
        let at = data.find(&format!("\"{name}\":")).map(|at| &data[at + name.len() + 3..]).unwrap_or("-");
        at.trim_start_matches('"').split(['"', ',', '}']).next().unwrap_or_default().to_owned()
    };
    let value = if data.contains("\"row\"") { field("v") } else { "-".to_owned() };
    format!("{} {} {} {} {value}", field("exportVersion"), field("ordinal"), field("operation"), field("PK"))
}

/// Key `PK`, everything that can be asked for.
pub fn binding() -> Binding {
    Binding { stream: Some("changes".to_owned()), target: Some("copy".to_owned()), ..Binding::new("imports") }
}

/// `key=value` and so on.
pub fn rows(text: &str) -> Rows {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').expect("key=value");
        (key.to_owned(), value.to_owned())
    };
    text.split_whitespace().map(pair).collect()
}

/// An export of these rows.
pub fn export(rows: &Rows) -> Vec<u8> {
    let mut text = "PK,v\n".to_owned();
    rows.iter().for_each(|(key, value)| text.push_str(&format!("{key},{value}\n")));
    gzip(&text)
}

pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(text.as_bytes()).expect("in memory");
    encoder.finish().expect("in memory")
}

/// An object's key.
pub fn key(table: &str, version: &str) -> String {
    format!("{table}/{version}/export.csv.gz")
}

/// Works until it ends, and says why it did.
pub fn finish(work: &mut Work<'_>) -> Stop {
    let stop = work.run();
    work.engine.schedule.done(&work.claim.table.name, &work.claim.busy);
    work.engine.schedule.look_at(&work.claim.table.name);
    stop
}
