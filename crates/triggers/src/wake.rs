//! What is new on disk, awaited: one thread waits on the database for all lanes, and only while one of them waits.
//!
//! Wake-ups carry a position, never data. The position is what is synced: under relaxed durability a function must not
//! see what a power loss may take back.

use db::Db;
use item::Seq;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Longest single wait on the database; also how long the thread may outlive its triggers.
const PATIENCE: Duration = Duration::from_millis(250);
/// A busy log wakes lanes this often at most; after a pause it wakes them at once.
const GATHER: Duration = Duration::from_millis(1);
/// How soon it is noticed that what is visible has come to the disk, under relaxed durability only.
const SYNC_NOTICED: Duration = Duration::from_millis(5);

/// Dropping it ends the thread.
pub struct Synced {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    synced: watch::Sender<Seq>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

#[derive(Default)]
struct Gate {
    waiting: usize,
    ended: bool,
}

impl Synced {
    /// Starts the thread, which sleeps until somebody waits.
    ///
    /// # Panics
    /// When no thread can be started.
    #[must_use]
    pub fn start(db: Db) -> Synced {
        let synced = watch::Sender::new(Seq::ZERO);
        let shared = Arc::new(Shared { db, synced, gate: Mutex::default(), opened: Condvar::new() });
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("synced".into())
            .spawn(move || own.run())
            .expect("a thread can be started at start-up");
        Synced { shared }
    }

    /// Waits until the position `seen` and more is on disk; for ever once the database is closed.
    pub async fn reaches(&self, seen: Seq) {
        if self.shared.db.synced() >= seen {
            return;
        }
        // Subscribe before waiting counts: what is announced in between is seen.
        let mut synced = self.shared.synced.subscribe();
        let _waiter = Waiter::enter(&self.shared);
        synced.wait_for(|synced| *synced >= seen).await.map(drop).expect("the sender lives as long as this does");
    }
}

impl Drop for Synced {
    fn drop(&mut self) {
        self.shared.gate().ended = true;
        self.shared.opened.notify_all();
    }
}

/// One task that waits; leaves when it is woken or dropped.
struct Waiter<'a>(&'a Shared);

impl Waiter<'_> {
    fn enter(shared: &Shared) -> Waiter<'_> {
        shared.gate().waiting += 1;
        shared.opened.notify_all();
        Waiter(shared)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.gate().waiting -= 1;
    }
}

impl Shared {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while self.wait_for_a_waiter() && !self.db.is_closed() {
            let seen = *self.synced.borrow();
            let head = self.db.wait_past(seen, PATIENCE);
            let synced = self.db.synced();
            if synced > seen {
                self.synced.send_replace(synced);
                self.pause(GATHER);
            } else if head > synced {
                self.pause(SYNC_NOTICED);
            }
        }
    }

    fn pause(&self, time: Duration) {
        let _ = self.db.wait_past(Seq(u64::MAX), time);
    }

    /// Sleeps until a task waits; false when the triggers are gone.
    fn wait_for_a_waiter(&self) -> bool {
        let mut gate = self.gate();
        while gate.waiting == 0 && !gate.ended {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        !gate.ended
    }
}
