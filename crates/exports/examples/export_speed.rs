//! How long two exports of a table take from their arrival to their release, published and applied: `cargo run --release -p
//! exports --example export_speed [rows]`. Knows nothing but the public interface.

use db::{Db, Env, Options, TableSpec};
use exports::{Binding, Execution, Exports, Settings, Status};
use item::{KeyAttribute, KeyKind, KeySchema};
use kinesis::{Definition, Streams};
use s3::{Buckets, Put};
use std::time::Duration;
use wire::Place;

fn main() {
    let rows: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let db = Db::open(Options::new(dir.path()), Env::real()).expect("opens");
    let buckets = Buckets::open(db.clone(), &Env::real(), dir.path(), "us-east-1").expect("opens");
    let streams =
        Streams::new(db.clone(), Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() });
    let partition = KeyAttribute { name: "PK".to_owned(), kind: KeyKind::S };
    db.create_table(TableSpec::new("copy", KeySchema { partition, sort: None })).wait().expect("created");
    streams.ensure(&Definition::new("changes")).expect("created");
    buckets.ensure("imports").expect("created");
    let running = Exports::start(db.clone(), buckets.clone(), streams, Settings::new(dir.path())).expect("started");
    let (stream, target) = (Some("changes".to_owned()), Some("copy".to_owned()));
    running.bind(vec![Binding { stream, target, ..Binding::new("imports") }]).expect("bound");
    let sample = delta::sample::Sample::new(rows, 1);
    for version in [1, 2] {
        let mut export = Vec::new();
        sample.write_gz(version, &mut export).expect("in memory");
        let name = format!("V{version}");
        buckets.put_from("imports", Put::new(&format!("t/x/{name}/export.csv.gz")), &mut &*export).expect("put");
        print(&wait(&db, &running, &name));
    }
    running.stop();
    db.close().expect("closed");
}

/// Waits for an execution to come to its end.
fn wait(db: &Db, running: &Exports, version: &str) -> Execution {
    loop {
        if let Ok(execution) = running.show("t/x", version)
            && !matches!(execution.status, Status::Waiting | Status::Queued | Status::Running)
        {
            return execution;
        }
        let _ = db.wait_past(db.head(), Duration::from_millis(100));
    }
}

fn print(execution: &Execution) {
    let operations = execution.statistics.map_or(0, |statistics| statistics.operations());
    let steps: Vec<String> = execution
        .steps
        .iter()
        .map(|record| {
            let ms = record.ended_ms.map_or(0, |ended| ended.saturating_sub(record.started_ms));
            format!("{} {ms} ms", record.step.name())
        })
        .collect();
    let (version, status) = (&execution.version, execution.status.name());
    println!("{version} {status}, {operations} operations: {}", steps.join(", "));
    if let Some(error) = &execution.error {
        println!("{error}");
    }
}
