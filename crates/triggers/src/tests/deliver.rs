//! What is delivered: which records, in which batches and order, and to whom.

use super::*;
use expect_test::expect;
use std::collections::BTreeMap;

#[test]
fn a_function_gets_records_as_aws_writes_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.put("votes", "a1");
    let uuid = life.feed("votes", Settings::default());
    let status = life.settle(&uuid);
    let calls = script.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((call.function.as_str(), call.depth), ("count", 0));
    let mut record = call.event["Records"][0].clone();
    assert_eq!(record["eventSourceARN"], status.mapping.source.arn(&life.place()));
    assert_eq!(record["eventID"].as_str().map(str::len), Some(32));
    assert!(record["dynamodb"]["ApproximateCreationDateTime"].is_f64());
    for field in ["eventID", "eventSourceARN"] {
        record[field] = Json::Null;
    }
    for field in ["ApproximateCreationDateTime", "SequenceNumber"] {
        record["dynamodb"][field] = Json::Null;
    }
    expect![[r#"{"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":null,"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"},"n":{"N":"1"}},"SequenceNumber":null,"SizeBytes":9,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":null,"eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":null,"eventVersion":"1.1"}"#]].assert_eq(&record.to_string());
    // A change has both images, and what follows is called with by itself.
    life.put("votes", "a2");
    let status = life.settle(&uuid);
    let record = &script.calls()[1].event["Records"][0];
    let old = &record["dynamodb"]["OldImage"]["n"]["N"];
    assert_eq!((record["eventName"].as_str(), old.as_str()), (Some("MODIFY"), Some("1")));
    assert_eq!((status.counts.calls, status.counts.delivered, status.last_result.as_str()), (2, 2, OK));
}

#[test]
fn triggers_start_where_they_were_told_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 a2");
    life.pass(Duration::from_secs(100));
    let later = life.db.now_ms();
    life.put("votes", "a3");
    let start = |function: &str, starting| {
        let mapping = life.mapping("votes", Settings::default());
        life.create(NewMapping { function: function.to_owned(), starting, ..mapping })
    };
    let oldest = start("oldest", StartingPosition::TrimHorizon);
    let latest = start("latest", StartingPosition::Latest);
    let timed = start("timed", StartingPosition::AtTimestamp(later));
    // Created, perhaps not started yet: nothing is missed.
    life.put("votes", "a4");
    for uuid in [&oldest, &latest, &timed] {
        life.settle(uuid);
    }
    let mut got: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in script.calls() {
        got.entry(call.function.clone()).or_default().extend(call.records());
    }
    assert_eq!(got["oldest"], ["a1", "a2", "a3", "a4"]);
    assert_eq!(got["latest"], ["a4"]);
    assert_eq!(got["timed"], ["a3", "a4"]);
}

#[test]
fn a_full_batch_goes_at_once_and_another_waits_for_its_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", settings(|s| (s.batch_size, s.batching_window_s) = (3, 300)));
    life.puts("votes", "a1 a2 a3 a4");
    life.until("one waits", |life| {
        matches!(life.status(&uuid).lanes.first().map(|lane| &lane.phase), Some(LanePhase::Gathering { .. }))
            && life.script.calls().len() == 1
    });
    life.pass(Duration::from_secs(299));
    life.until("time is seen", |life| life.status(&uuid).iterator_age_ms >= 299_000);
    assert_eq!(script.names(), ["a1 a2 a3"]);
    life.pass(Duration::from_secs(2));
    life.settle(&uuid);
    assert_eq!(script.names(), ["a1 a2 a3", "a4"]);
}

#[test]
fn lanes_call_side_by_side_and_keep_the_order_of_each_item() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Hold);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    for n in 0..20 {
        ids.iter().for_each(|id| life.put("votes", &format!("{id}{n}")));
    }
    let uuid = life.feed("votes", settings(|s| (s.parallelization, s.batch_size) = (4, 7)));
    life.until("four are under way", |_| script.under_way.load(Ordering::Relaxed) == 4);
    assert_eq!(life.status(&uuid).lanes.len(), 4);
    script.becomes(|_| fine());
    script.released.send_replace(true);
    let status = life.settle(&uuid);
    assert_eq!(status.counts.delivered, 320);
    let mut last: BTreeMap<String, i32> = BTreeMap::new();
    for record in script.records() {
        let (id, n) = record.split_at(1);
        let n: i32 = n.parse().expect("a number");
        assert_eq!(last.insert(id.to_owned(), n).unwrap_or(-1) + 1, n, "{record}");
    }
    assert!(last.values().all(|n| *n == 19));
}

#[test]
fn what_no_filter_wants_is_passed_and_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let pattern = r#"{"dynamodb":{"Keys":{"id":{"S":["b"]}}}}"#;
    let uuid = life.feed("votes", settings(|s| s.filters = vec![pattern.to_owned()]));
    life.puts("votes", "a1 b2 a3 b4 a5");
    let status = life.settle(&uuid);
    assert_eq!(script.records(), ["b2", "b4"]);
    assert_eq!((status.counts.filtered, status.counts.delivered), (3, 2));
    assert_eq!(status.lanes[0].position, life.db.head().next());
}

#[test]
fn an_idle_trigger_writes_nothing_and_costs_other_tables_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.table("other");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    life.settle(&uuid);
    let before = life.db.head().0;
    for n in 0..50 {
        life.put("other", &format!("x{n}"));
    }
    life.settle(&uuid);
    // The commit of the one batch may have come after it was seen to be delivered.
    let own = life.db.head().0 - before - 50;
    assert!(own <= 1, "{own}");
}

#[test]
fn a_position_that_moves_over_others_records_is_committed_now_and_then() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.settle(&uuid);
    let cursor = |life: &Life| life.db.follower_cursor(life.db.resource(KIND, &uuid).expect("there").id);
    let before = cursor(&life);
    life.pass(Duration::from_secs(59));
    life.settle(&uuid);
    assert_eq!(cursor(&life), before);
    life.pass(Duration::from_secs(2));
    life.until("it is committed", |life| cursor(life) > before);
}

#[test]
fn under_relaxed_durability_a_function_sees_only_what_is_on_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| fine());
    let disk = Arc::new(Gate::default());
    let env = Env { disk: disk.clone(), ..Env::real() };
    let life = Life::with(Options { durability: Durability::Relaxed, ..options(dir.path()) }, env, &script);
    life.table("votes");
    let uuid = life.feed("votes", Settings::default());
    life.put("votes", "a1");
    life.settle(&uuid);
    disk.close(true);
    life.put("votes", "a2");
    assert!(life.db.synced() < life.db.head());
    // Longer than a call would take to come.
    let _ = life.db.wait_past(life.db.head().next(), Duration::from_millis(200));
    assert_eq!(script.records(), ["a1"]);
    disk.close(false);
    life.calls(2);
    assert_eq!(script.records(), ["a1", "a2"]);
}

/// The machine's disk, on which nothing is synced while it is closed.
#[derive(Default)]
struct Gate {
    shared: Arc<(Mutex<bool>, std::sync::Condvar)>,
}

struct GatedFile(Arc<dyn db::env::File>, Arc<(Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    fn close(&self, closed: bool) {
        *self.shared.0.lock().expect("no holder panics") = closed;
        self.shared.1.notify_all();
    }

    fn gated(&self, file: std::io::Result<Arc<dyn db::env::File>>) -> std::io::Result<Arc<dyn db::env::File>> {
        Ok(Arc::new(GatedFile(file?, self.shared.clone())))
    }
}

impl db::env::Disk for Gate {
    fn create_dir_all(&self, dir: &Path) -> std::io::Result<()> {
        Env::real().disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        Env::real().disk.list(dir)
    }

    fn create(&self, path: &Path) -> std::io::Result<Arc<dyn db::env::File>> {
        self.gated(Env::real().disk.create(path))
    }

    fn open(&self, path: &Path) -> std::io::Result<Arc<dyn db::env::File>> {
        self.gated(Env::real().disk.open(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        Env::real().disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        Env::real().disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        Env::real().disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        Env::real().disk.sync_dir(dir)
    }
}

impl db::env::File for GatedFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> std::io::Result<()> {
        let closed = self.1.0.lock().expect("no holder panics");
        drop(self.1.1.wait_while(closed, |closed| *closed).expect("no holder panics"));
        self.0.sync()
    }

    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }
}
