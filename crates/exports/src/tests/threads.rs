//! As the program runs it: threads, a real disk, a real clock.

use super::{binding, export, key, rows};
use crate::{Binding, Exports, Settings, Status};
use db::{Db, Env, Options};
use kinesis::{Definition, Streams};
use s3::{Buckets, Put};
use std::{path::Path, time::Duration};
use wire::Place;

struct Program {
    db: Db,
    buckets: Buckets,
    exports: Exports,
}

fn start(dir: &Path) -> Program {
    let options = Options { memory: 64 << 20, segment_bytes: 4 << 20, ..Options::new(dir) };
    let db = Db::open(options, Env::real()).expect("opens");
    let buckets = Buckets::open(db.clone(), &Env::real(), dir, "us-east-1").expect("opens");
    let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
    let streams = Streams::new(db.clone(), place);
    streams.ensure(&Definition::new("changes")).expect("created");
    let exports = Exports::start(db.clone(), buckets.clone(), streams, Settings::new(dir)).expect("started");
    Program { db, buckets, exports }
}

impl Program {
    fn upload(&self, table: &str, version: &str, text: &str) {
        let bytes = export(&rows(text));
        self.buckets.put_from("imports", Put::new(&key(table, version)), &mut &*bytes).expect("put");
    }

    /// Waits until a version has this status, at most ten seconds.
    fn reaches(&self, table: &str, version: &str, status: Status) {
        for _ in 0..1000 {
            if self.exports.show(table, version).is_ok_and(|execution| execution.status == status) {
                return;
            }
            let _ = self.db.wait_past(self.db.head(), Duration::from_millis(10));
        }
        panic!("{table} {version}: {:?}", self.exports.show(table, version));
    }

    fn end(self) {
        self.exports.stop();
        self.db.close().expect("closed");
    }
}

#[test]
fn exports_run_in_threads_from_start_to_stop_and_go_on_where_they_were() {
    let dir = tempfile::tempdir().expect("a directory");
    let program = start(dir.path());
    program.buckets.ensure("imports").expect("created");
    program.exports.bind(vec![Binding { target: None, ..binding() }]).expect("bound");
    for table in ["t/x", "t/y", "t/z"] {
        program.upload(table, "V1", "a=1 b=2");
        program.upload(table, "V2", "a=1 b=3");
    }
    for table in ["t/x", "t/y", "t/z"] {
        program.reaches(table, "V2", Status::Succeeded);
    }
    assert_eq!(program.exports.counts().published, 9);
    let status = program.exports.status().expect("reads");
    assert_eq!(status.len(), 3);
    assert_eq!(status[0].imported.as_ref().map(|imported| &*imported.version), Some("V2"));
    assert_eq!(program.exports.list(None).expect("reads").len(), 6);
    program.upload("t/x", "V3", "");
    program.reaches("t/x", "V3", Status::Held);
    program.end();

    let program = start(dir.path());
    program.upload("t/x", "V4", "a=1 b=4");
    program.reaches("t/x", "V4", Status::Queued);
    program.exports.reject("t/x", "V3").expect("rejected");
    program.reaches("t/x", "V4", Status::Succeeded);
    program.end();
}
