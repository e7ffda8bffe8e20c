//! How many records a second go from the log into calls of a function that does nothing, and how long after its write a
//! record is called with: `cargo run --release -p triggers --example trigger_speed [records]`. Knows nothing but the
//! public interface.

use bytes::Bytes;
use db::{Db, Env, Op, Options, StreamViewType, TableSpec, Write};
use item::{Item, KeyAttribute, KeyKind, KeySchema, Origin, TableId, Value};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::{sync::Notify, time::Instant};
use triggers::{Answer, Called, Handler, NewMapping, Settings, Source, StartingPosition, Triggers};

/// Counts records by what only they have in an event.
#[derive(Default)]
struct Nothing {
    records: AtomicU64,
    called: Notify,
}

impl Handler for Nothing {
    fn call(&self, _function: &str, payload: Bytes, _depth: u8) -> Answer<'_> {
        let records = payload.windows(9).filter(|window| window == b"\"eventID\"").count();
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.called.notify_waiters();
        Box::pin(async { Called::Answered { payload: Bytes::from_static(b"null"), request_id: String::new() } })
    }
}

fn key() -> KeySchema {
    KeySchema { partition: KeyAttribute { name: "id".to_owned(), kind: KeyKind::S }, sort: None }
}

fn write(table: TableId, at: u64) -> Write {
    let text = |text: String| Value::S(text);
    let item = Item::from_iter([
        ("id", text(format!("vote-{at:09}"))),
        ("improvement", text(format!("IMPROVEMENT_{}", at % 4))),
        ("region", text(format!("REGION_{}", at % 5))),
    ]);
    let key = key().key_of(&item).expect("a key");
    Write { table, key, op: Op::Put(item), condition: None, origin: Origin::Client }
}

#[tokio::main]
async fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(Options::new(dir.path()), Env::real()).expect("opens");
    let stream = Some(StreamViewType::NewAndOldImages);
    let table = db.create_table(TableSpec { stream, ..TableSpec::new("votes", key()) }).await.expect("created").id;
    for chunk in 0..count / 1000 {
        db.write_batch((0..1000).map(|at| write(table, chunk * 1000 + at)).collect(), None).await.expect("written");
    }
    let function = Arc::new(Nothing::default());
    let place = wire::Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
    let buckets = s3::Buckets::open(db.clone(), &Env::real(), dir.path(), &place.region).expect("opens");
    let post = triggers::Post::new(db.clone(), buckets);
    let triggers = Triggers::start(db.clone(), post, place, function.clone(), tokio::runtime::Handle::current());
    let source = Source::of(db.streams().first().expect("a stream"));
    for (batch_size, parallelization) in [(1, 1), (100, 1), (1000, 1), (1, 4)] {
        let settings = Settings { batch_size, parallelization, ..Settings::default() };
        let starting = StartingPosition::TrimHorizon;
        let new = NewMapping { function: "f".to_owned(), source: source.clone(), starting, settings, enabled: true };
        function.records.store(0, Ordering::Relaxed);
        let start = Instant::now();
        let uuid = triggers.create(new).await.expect("created").mapping.uuid.clone();
        reach(&function, count).await;
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!(
            "batches of {batch_size}, {parallelization} lanes: {rate:.0} records/s, {}",
            delay(&db, table, &function).await
        );
        triggers.delete(&uuid).await.expect("deleted");
    }
    triggers.stop().await;
}

/// Waits until the function had so many records.
async fn reach(function: &Nothing, count: u64) {
    loop {
        let called = function.called.notified();
        if function.records.load(Ordering::Relaxed) >= count {
            return;
        }
        called.await;
    }
}

/// Median and worst time from a write's answer to its call, the trigger being idle before.
async fn delay(db: &Db, table: TableId, function: &Nothing) -> String {
    let mut delays = Vec::new();
    for at in 0..200 {
        let before = function.records.load(Ordering::Relaxed);
        // Another region each time, so that it is a change.
        let written = db.write(write(table, at % 10), None).await.expect("written");
        let start = Instant::now();
        let changed = written.seq.is_some();
        if !changed {
            db.write(Write { op: Op::Delete, ..write(table, at % 10) }, None).await.expect("written");
        }
        reach(function, before + 1).await;
        delays.push(start.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    delays.sort_by(f64::total_cmp);
    format!("{:.2} ms after the write, {:.2} ms at worst", delays[delays.len() / 2], delays[delays.len() - 1])
}
