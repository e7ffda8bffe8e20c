//! The log's head, awaited: one thread waits on the database for all async tasks, and only while one of them waits.
//!
//! Wake-ups carry a position, never data. A busy log does not wake the thread for each of its groups: nobody waits
//! while producers pace themselves.

use item::Seq;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Longest single wait on the database; also how long the thread may outlive its console.
const PATIENCE: Duration = Duration::from_secs(1);
/// A wait that answers no new head much earlier than asked, this often in a row: the database is closed.
const EARLY_MAX: u32 = 3;

/// Dropping it ends the thread.
pub struct Head {
    shared: Arc<Shared>,
}

struct Shared {
    db: db::Db,
    head: watch::Sender<Seq>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

struct Gate {
    waiting: usize,
    ended: bool,
}

impl Head {
    pub fn start(db: db::Db) -> Head {
        let gate = Mutex::new(Gate { waiting: 0, ended: false });
        let head = watch::Sender::new(Seq::ZERO);
        let shared = Arc::new(Shared { db, head, gate, opened: Condvar::new() });
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("console-head".into())
            .spawn(move || own.run())
            .expect("a thread can be started at start-up");
        Head { shared }
    }

    /// Waits for a head newer than `seen`; forever once the database is closed.
    pub async fn past(&self, seen: Seq) {
        if self.shared.db.head() > seen {
            return;
        }
        // Subscribe before waiting counts: a head announced in between is seen.
        let mut head = self.shared.head.subscribe();
        let _waiter = Waiter::enter(&self.shared);
        head.wait_for(|head| *head > seen).await.map(drop).expect("the sender lives as long as this head");
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.shared.gate().ended = true;
        self.shared.opened.notify_all();
    }
}

/// One task that waits; leaves when it is woken or cancelled.
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
        let mut early = 0;
        while self.wait_for_a_waiter() && early < EARLY_MAX {
            let seen = *self.head.borrow();
            let asked = Instant::now();
            let head = self.db.wait_past(seen, PATIENCE);
            if head > seen {
                early = 0;
                self.head.send_replace(head);
            } else if asked.elapsed() < PATIENCE / 2 {
                early += 1;
            }
        }
    }

    /// Sleeps until a task waits; false when the console is gone.
    fn wait_for_a_waiter(&self) -> bool {
        let mut gate = self.gate();
        while gate.waiting == 0 && !gate.ended {
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        !gate.ended
    }
}
