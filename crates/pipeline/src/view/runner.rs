//! A thread for every view of the database. Threads wait for the log to grow; data never travels through here.

use super::{Phase, Shared, Step, View, ViewError, ViewStatus, status_of};
use db::{Db, Table};
use item::{Seq, TableId};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How soon an idle thread notices that it shall stop.
const STOP_NOTICED: Duration = Duration::from_millis(250);
/// When changes come in from several writers at once, a view lets some gather: every commit of its own costs the
/// writers' sequencer as much as one of theirs. One that has much to catch up with does not wait.
const BUSY_CHANGES: std::ops::Range<u64> = 4..1000;
const GATHER_POSITIONS: u64 = 1000;
const GATHER: Duration = Duration::from_millis(3);

/// All views of a database, running.
pub struct Views {
    db: Db,
    running: Mutex<BTreeMap<TableId, Thread>>,
}

struct Thread {
    stop: Arc<AtomicBool>,
    shared: Arc<Mutex<Shared>>,
    handle: JoinHandle<()>,
}

impl Views {
    /// Starts a thread for every table that is a view.
    #[must_use]
    pub fn start(db: Db) -> Views {
        let views = Views { db, running: Mutex::default() };
        views.refresh();
        views
    }

    /// Starts the views that were created since, and forgets those whose table was deleted. A changed definition or
    /// a source that comes or goes is noticed by the view itself.
    pub fn refresh(&self) {
        let tables = self.db.tables();
        let mut running = self.running.lock().expect("no holder panics");
        let is_there = |id: &TableId| tables.iter().any(|table| table.id == *id);
        let (keep, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut *running).into_iter().partition(|(id, _)| is_there(id));
        *running = keep;
        join(gone);
        for table in tables.into_iter().filter(|table| table.spec.view.is_some()) {
            if let std::collections::btree_map::Entry::Vacant(vacant) = running.entry(table.id)
                && let Some(thread) = start(&self.db, table)
            {
                vacant.insert(thread);
            }
        }
    }

    /// Stops all views after their current step and waits for them; each commits its cursor.
    pub fn stop(&self) {
        join(std::mem::take(&mut *self.running.lock().expect("no holder panics")));
    }

    /// The views' figures, by name of the table.
    #[must_use]
    pub fn status(&self) -> Vec<ViewStatus> {
        let running = self.running.lock().expect("no holder panics");
        let mut all: Vec<ViewStatus> = running.values().map(|thread| status(&self.db, thread)).collect();
        all.sort_by(|left, right| left.table.cmp(&right.table));
        all
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.stop();
    }
}

fn status(db: &Db, thread: &Thread) -> ViewStatus {
    let mut status = status_of(db, &thread.shared);
    // A thread that panicked could not say so itself.
    if thread.handle.is_finished() && !matches!(status.phase, Phase::Stopped { .. }) {
        status.phase = Phase::Stopped { reason: "the view's thread ended unexpectedly".to_string() };
    }
    status
}

fn start(db: &Db, table: Arc<Table>) -> Option<Thread> {
    let name = format!("view-{}", table.spec.name);
    let mut view = View::open(db.clone(), table).ok()?;
    let stop = Arc::new(AtomicBool::new(false));
    let shared = view.shared.clone();
    let stopped = stop.clone();
    let handle = std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            if let Err(error) = run(&mut view, &stopped) {
                let mut shared = view.shared.lock().expect("no holder panics");
                shared.status.phase = Phase::Stopped { reason: error.to_string() };
            }
        })
        .ok()?;
    Some(Thread { stop, shared, handle })
}

fn join(threads: BTreeMap<TableId, Thread>) {
    for thread in threads.values() {
        thread.stop.store(true, Ordering::Release);
    }
    for thread in threads.into_values() {
        // A panic has been reported by the panic hook; there is nothing to add.
        let _ = thread.handle.join();
    }
}

fn run(view: &mut View, stop: &AtomicBool) -> Result<(), ViewError> {
    while !stop.load(Ordering::Acquire) {
        match view.step()? {
            Step::Idle { seen } => {
                if view.wait(seen, STOP_NOTICED) <= seen && view.db.is_closed() {
                    return Ok(());
                }
            }
            Step::Progress if BUSY_CHANGES.contains(&view.folded_last()) => {
                let gathered = Seq(view.db.head().0 + GATHER_POSITIONS);
                let _ = view.db.wait_past(gathered, GATHER);
            }
            Step::Progress => {}
        }
    }
    match view.flush() {
        // The database was closed first: the next start reads a little more.
        Err(ViewError::Db(db::Error::Closed)) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sql::tests::{item, schema},
        verify,
    };
    use db::{Env, Op, Options, TableSpec, ViewSpec, Write};
    use item::{KeyKind, Origin};

    fn open(dir: &std::path::Path) -> Db {
        Db::open(Options { memory: 64 << 20, segment_bytes: 4 << 20, ..Options::new(dir) }, Env::real()).expect("opens")
    }

    fn put(db: &Db, text: &str) {
        let table = db.table("votes").expect("created");
        let key = table.spec.key.key_of(&item(text)).expect("a key");
        let write = Write { table: table.id, key, op: Op::Put(item(text)), condition: None, origin: Origin::Client };
        db.write(write, None).wait().expect("written");
    }

    fn create(db: &Db, spec: TableSpec) -> Arc<Table> {
        db.create_table(spec).wait().expect("created")
    }

    /// Waits until the view has looked at everything, at most ten seconds.
    fn settle(db: &Db, views: &Views, table: &str) -> ViewStatus {
        for _ in 0..1000 {
            let all = views.status();
            let status = all.into_iter().find(|status| status.table == table).expect("a view");
            if status.lag_changes == 0 {
                return status;
            }
            let _ = db.wait_past(db.head(), Duration::from_millis(10));
        }
        panic!("{table} does not come to rest: {:?}", views.status());
    }

    #[test]
    fn views_run_in_threads_from_start_to_stop_and_go_on_where_they_were() {
        let dir = tempfile::tempdir().expect("a directory");
        let db = open(dir.path());
        create(&db, TableSpec::new("votes", schema(("id", KeyKind::S), None)));
        put(&db, "id=0 region=SOUTH");
        let views = Views::start(db.clone());
        assert_eq!(views.status(), []);
        let sql = "SELECT region, COUNT(*) AS n FROM Votes GROUP BY region".to_string();
        let view = ViewSpec { sql, sources: vec![("Votes".to_string(), "votes".to_string())] };
        let spec = TableSpec { view: Some(view), ..TableSpec::new("regions", schema(("region", KeyKind::S), None)) };
        let regions = create(&db, spec.clone());
        create(&db, TableSpec { name: "other".to_string(), ..spec });
        views.refresh();
        for id in 1..200 {
            put(&db, &format!("id={id} region=R{}", id % 7));
        }
        let status = settle(&db, &views, "regions");
        assert_eq!((status.phase, status.groups, status.lag_ms), (Phase::Live, 8, 0));
        assert_eq!(status.source, "votes");
        assert!(verify(&db, &regions).expect("live").is_true());
        db.delete_table("other").wait().expect("deleted");
        views.refresh();
        assert_eq!(views.status().len(), 1);
        views.stop();
        assert_eq!(views.status(), []);
        put(&db, "id=200 region=R0");
        db.close().expect("closed");
        drop((views, db));

        let db = open(dir.path());
        let views = Views::start(db.clone());
        let status = settle(&db, &views, "regions");
        assert_eq!(status.folded_total, 201, "nothing was counted again");
        assert!(verify(&db, &regions).expect("live").is_true());
        db.close().expect("closed");
        views.stop();
    }

    /// Changes come in between any two of the backfill's reads.
    #[test]
    fn a_backfill_among_writers_misses_nothing_and_counts_nothing_twice() {
        let dir = tempfile::tempdir().expect("a directory");
        let db = open(dir.path());
        create(&db, TableSpec::new("votes", schema(("id", KeyKind::S), None)));
        for id in 0..200 {
            put(&db, &format!("id={id} region=R{} n=#{id}", id % 3));
        }
        let sql = "SELECT region, COUNT(*) AS c, SUM(n) AS s FROM votes GROUP BY region".to_string();
        let spec = TableSpec {
            view: Some(ViewSpec { sql, sources: Vec::new() }),
            ..TableSpec::new("regions", schema(("region", KeyKind::S), None))
        };
        let regions = create(&db, spec);
        let views = Views::start(db.clone());
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let db = &db;
                scope.spawn(move || {
                    for at in 0..300 {
                        put(db, &format!("id={} region=R{} n=#{at}", at * 7 % 200, (at + writer) % 5));
                    }
                });
            }
        });
        let status = settle(&db, &views, "regions");
        assert_eq!((status.phase, status.groups), (Phase::Live, 5));
        let found = verify(&db, &regions).expect("live");
        assert!(found.is_true(), "{:#?}", found.differences);
    }
}
