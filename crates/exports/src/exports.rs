//! All exports of a database, running: threads that register and carry out, and what people ask of executions.

use crate::{
    Binding, Counts, Error, Execution, TableStatus,
    asked::found,
    engine::Engine,
    schedule::Busy,
    work::{Stop, Work},
};
use db::Db;
use item::{Seq, TableId};
use kinesis::Streams;
use s3::Buckets;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How soon an idle thread notices that it shall stop, and that a lock expired.
const NOTICED: Duration = Duration::from_millis(250);
/// How long a table rests after the database or the disk had trouble with it.
const TROUBLE_REST_MS: u64 = 1000;
/// How long a stop waits at a time for threads that do not end, and how often.
const STOP_WAIT: Duration = Duration::from_millis(20);
const STOP_TRIES: usize = 500;
/// Threads that may hang, for each worker, before no more are started in their place.
const LATE_MAX: usize = 4;
/// Most executions that are listed.
pub const LISTED_MAX: usize = 1000;

/// How exports are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory; files lie under `exports/` in it. It must be on the file system of the buckets' objects.
    pub dir: PathBuf,
    /// Executions that run side by side, each of another table.
    pub workers: usize,
    /// Bytes for all of them together.
    pub memory: usize,
    /// How long a lock lasts without a sign of life, milliseconds.
    pub lock_ms: u64,
    /// Most operations, and bytes of them, that are committed together.
    pub chunk_operations: u64,
    pub chunk_bytes: usize,
    /// How often a sweep waits 50 ms for the log, under relaxed durability, before it is left to a later one.
    pub sync_tries: usize,
    /// Bits of the hashes of keys that are used.
    #[cfg(test)]
    pub hash_mask: u64,
}

impl Settings {
    /// Two at a time, 256 MiB, locks of a minute, chunks of a megabyte and of at most 10,000 operations: others who write
    /// wait for a chunk, and every chunk waits for the disk.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Settings {
        Settings {
            dir: dir.into(),
            workers: 2,
            memory: 256 << 20,
            lock_ms: 60_000,
            chunk_operations: 10_000,
            chunk_bytes: 1 << 20,
            sync_tries: 40,
            #[cfg(test)]
            hash_mask: u64::MAX,
        }
    }
}

/// An execution and the table it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// `TENANT/TABLE`.
    pub table: String,
    pub execution: Execution,
}

/// All exports of a database. Dropping it stops them.
pub struct Exports {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    engine: Engine,
    /// Threads that were replaced and have not come back.
    late: AtomicUsize,
}

impl Exports {
    /// Starts with the bindings that the database has. What an earlier run left unfinished goes on.
    ///
    /// # Errors
    /// When the disk or the database fails.
    pub fn start(db: Db, buckets: Buckets, streams: Streams, settings: Settings) -> Result<Exports, Error> {
        let dir = settings.dir.clone();
        let workers = settings.workers.max(1);
        let engine = Engine::open(db, buckets, streams, settings)?;
        let shared = Arc::new(Shared { engine, late: AtomicUsize::new(0) });
        let exports = Exports { shared: shared.clone(), threads: Mutex::default() };
        let mut threads = Vec::new();
        let failed = crate::error::io("starting threads for exports in", dir);
        let started = (0..workers).try_for_each(|_| shared.start_worker().map(|thread| threads.push(thread)));
        let started = started.and_then(|()| {
            let shared = shared.clone();
            let follow = move || shared.follow();
            std::thread::Builder::new().name("exports".to_owned()).spawn(follow).map(|thread| threads.push(thread))
        });
        *exports.threads.lock().expect("no holder panics") = threads;
        started.map_err(failed)?;
        Ok(exports)
    }

    /// Makes these the bindings, and no others. Executions of a table whose binding is gone wait.
    ///
    /// # Errors
    /// [`Error::Binding`] says which one makes no sense; then nothing changed.
    pub fn bind(&self, bindings: Vec<Binding>) -> Result<(), Error> {
        self.shared.engine.bind(&bindings)
    }

    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        self.shared.engine.bindings().into_iter().map(|(_, binding)| binding).collect()
    }

    /// Every TENANT/TABLE that an export came for, sorted.
    ///
    /// # Errors
    /// When the database fails.
    pub fn status(&self) -> Result<Vec<TableStatus>, Error> {
        self.shared.engine.status()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.engine.counts()
    }

    /// Executions, newest first, at most [`LISTED_MAX`]; of one table, or of all.
    ///
    /// # Errors
    /// When the table is not known, or the database fails.
    pub fn list(&self, table: Option<&str>) -> Result<Vec<Listed>, Error> {
        self.shared.engine.listed(table)
    }

    /// # Errors
    /// [`Error::NotFound`], and when the database fails.
    pub fn show(&self, table: &str, version: &str) -> Result<Execution, Error> {
        let engine = &self.shared.engine;
        found(engine.table(table)?.find_execution(&engine.db, version)?, table, version)
    }

    /// Tries a failed execution again, with the objects as they are now. One that had begun to publish goes on where it was.
    ///
    /// # Errors
    /// [`Error::Refused`] says why not.
    pub fn retry(&self, table: &str, version: &str) -> Result<Execution, Error> {
        self.shared.engine.retry(table, version)
    }

    /// Has a held execution publish what it computed.
    ///
    /// # Errors
    /// [`Error::Refused`] says why not.
    pub fn release(&self, table: &str, version: &str) -> Result<Execution, Error> {
        self.shared.engine.release(table, version)
    }

    /// Gives an execution up that has not begun to publish; what was imported before stays.
    ///
    /// # Errors
    /// [`Error::Refused`] says why not.
    pub fn reject(&self, table: &str, version: &str) -> Result<Execution, Error> {
        self.shared.engine.reject(table, version)
    }

    /// Stops after the commits under way; what is unfinished goes on with the next start.
    pub fn stop(&self) {
        self.shared.engine.schedule.stop();
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder panics"));
        let db = &self.shared.engine.db;
        for _ in 0..STOP_TRIES {
            if db.is_closed() || threads.iter().all(JoinHandle::is_finished) {
                break;
            }
            let _ = db.wait_past(Seq(u64::MAX), STOP_WAIT);
        }
        for thread in threads {
            if thread.is_finished() || db.is_closed() {
                // A panic has been reported by the panic hook; there is nothing to add.
                let _ = thread.join();
            } else {
                tracing::error!("a thread of exports hangs; what it does not come to do goes on with the next start");
            }
        }
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn start_worker(self: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
        let shared = self.clone();
        std::thread::Builder::new().name("exports-worker".to_owned()).spawn(move || shared.work())
    }

    /// Carries out one execution after the other.
    fn work(&self) {
        while let Some((table, busy)) = self.engine.schedule.wait(|| self.engine.db.now_ms()) {
            let ends = self.engine.carry_out(&table, &busy);
            if busy.replaced.load(Ordering::Relaxed) {
                // Somebody else was started in our place.
                self.late.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            if ends {
                return;
            }
        }
    }

    /// Registers what arrives, and has those replaced whose locks expired.
    fn follow(self: Arc<Shared>) {
        let engine = &self.engine;
        let mut watched: Vec<TableId> = Vec::new();
        let mut trouble = String::new();
        while !engine.schedule.is_stopped() && !engine.db.is_closed() {
            let seen = engine.db.head();
            match engine.register() {
                Ok(tables) => {
                    watched = tables;
                    trouble.clear();
                }
                Err(error) if is_end(&error) => return,
                Err(error) => {
                    // Once is enough, for as long as it is the same.
                    if trouble != error.to_string() {
                        tracing::error!("exports cannot be registered, tried again: {error}");
                        trouble = error.to_string();
                    }
                    let _ = engine.db.wait_past(Seq(u64::MAX), NOTICED);
                }
            }
            self.replace_late();
            let _ = engine.db.wait_change(&watched, seen, NOTICED);
        }
    }

    fn replace_late(self: &Arc<Shared>) {
        for _ in 0..self.engine.schedule.replace_expired(self.engine.db.now_ms()) {
            let late = self.late.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(
                "a lock of an export expired: whoever held it is replaced; {late} of them have not come back"
            );
            if late <= LATE_MAX * self.engine.settings.workers.max(1) {
                // They are not waited for: should they hang, so would the stop.
                if let Err(error) = self.start_worker() {
                    tracing::error!("no thread can be started in its place: {error}");
                }
            }
        }
    }
}

/// Whether the database takes nothing more.
fn is_end(error: &Error) -> bool {
    matches!(error, Error::Db(db::Error::Closed | db::Error::Poisoned(_)))
}

impl Engine {
    /// Does what there is to do for a table; answers whether the database takes nothing more.
    pub fn carry_out(&self, table: &str, busy: &Arc<Busy>) -> bool {
        let stop = match self.claim(table, busy) {
            Ok(None) => None,
            Ok(Some(claim)) => Some(Work::new(self, claim).run()),
            Err(error) => Some(Stop::Trouble(error)),
        };
        let ends = matches!(&stop, Some(Stop::Trouble(error)) if is_end(error));
        match stop {
            None | Some(Stop::Stopping | Stop::Fenced) => {}
            Some(Stop::Trouble(error)) => {
                tracing::error!("{table}: {error}; tried again");
                self.schedule.look_later(table, self.db.now_ms() + TROUBLE_REST_MS);
            }
            // Another version may wait.
            Some(Stop::Ended | Stop::Failed(_)) => self.schedule.look_at(table),
        }
        self.schedule.done(table, busy);
        ends
    }
}
