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
/// writers' sequencer as much as one of theirs.
const BUSY_CHANGES: u64 = 4;
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
                let _ = view.db.wait_past(seen, STOP_NOTICED);
            }
            Step::Progress if view.folded_last() >= BUSY_CHANGES => {
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
