//! Whose turn it is: tables that may have something to do, and those that somebody works on. In memory; what is to be done
//! is in the database, so all of it is forgotten with the process and found again by looking at every table.

use crate::{Progress, Step};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

#[derive(Default)]
pub struct Schedule {
    turns: Mutex<Turns>,
    changed: Condvar,
}

#[derive(Default)]
struct Turns {
    stop: bool,
    /// Tables to look at.
    ready: BTreeMap<String, Ready>,
    /// How many have asked for a turn.
    asked: u64,
    busy: HashMap<String, Arc<Busy>>,
}

/// A table that waits for its turn.
#[derive(Clone, Copy)]
struct Ready {
    /// Milliseconds since the epoch.
    not_before_ms: u64,
    /// Who asked first comes first, so that a table with many versions does not keep others waiting.
    place: u64,
}

/// Somebody at work on a table.
#[derive(Default)]
pub struct Busy {
    /// Work shall end soon.
    pub cancelled: AtomicBool,
    /// His lock expired and the table was given to somebody else.
    pub replaced: AtomicBool,
    /// When the lock expires; 0: he has none yet.
    pub expires_ms: AtomicU64,
    /// When progress is told of next.
    pub told_ms: AtomicU64,
    doing: Mutex<Option<Doing>>,
}

/// What somebody at work does.
#[derive(Clone, Debug)]
pub struct Doing {
    pub version: String,
    pub step: Step,
    pub progress: Option<Progress>,
}

impl Busy {
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub fn doing(&self) -> Option<Doing> {
        self.doing.lock().expect("no holder panics").clone()
    }

    pub fn set_doing(&self, version: &str, step: Step, progress: Option<Progress>) {
        *self.doing.lock().expect("no holder panics") = Some(Doing { version: version.to_owned(), step, progress });
    }
}

impl Schedule {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().expect("no holder panics")
    }

    /// Has a table looked at.
    pub fn look_at(&self, table: &str) {
        self.look_later(table, 0);
    }

    pub fn look_later(&self, table: &str, not_before_ms: u64) {
        self.turns().ask(table, not_before_ms);
        self.changed.notify_all();
    }

    /// A table whose turn it is, and which is ours until [`Schedule::done`]; `None`: none at this moment.
    #[cfg(test)]
    pub fn take(&self, now_ms: u64) -> Option<(String, Arc<Busy>)> {
        self.turns().take(now_ms)
    }

    /// Waits for a table whose turn it is, and which is ours until [`Schedule::done`]; `None`: it is time to end.
    pub fn wait(&self, now_ms: impl Fn() -> u64) -> Option<(String, Arc<Busy>)> {
        let mut turns = self.turns();
        while !turns.stop {
            let now = now_ms();
            if let Some(taken) = turns.take(now) {
                return Some(taken);
            }
            turns = match turns.next_ms() {
                Some(next) => {
                    let pause = Duration::from_millis(next.saturating_sub(now).max(1));
                    self.changed.wait_timeout(turns, pause).expect("no holder panics").0
                }
                None => self.changed.wait(turns).expect("no holder panics"),
            };
        }
        None
    }

    /// Gives a table back.
    pub fn done(&self, table: &str, busy: &Arc<Busy>) {
        let mut turns = self.turns();
        if turns.busy.get(table).is_some_and(|other| Arc::ptr_eq(other, busy)) {
            turns.busy.remove(table);
        }
        drop(turns);
        self.changed.notify_all();
    }

    pub fn busy(&self, table: &str) -> Option<Arc<Busy>> {
        self.turns().busy.get(table).cloned()
    }

    /// Takes tables away from those whose locks expired; answers how many.
    pub fn replace_expired(&self, now_ms: u64) -> usize {
        let mut turns = self.turns();
        let is_late = |busy: &Busy| {
            let expires_ms = busy.expires_ms.load(Ordering::Relaxed);
            expires_ms != 0 && expires_ms <= now_ms
        };
        let late: Vec<String> =
            turns.busy.iter().filter(|(_, busy)| is_late(busy)).map(|(table, _)| table.clone()).collect();
        for table in &late {
            let busy = turns.busy.remove(table).expect("found just now");
            busy.replaced.store(true, Ordering::Relaxed);
            busy.cancelled.store(true, Ordering::Relaxed);
            turns.ask(table, 0);
        }
        drop(turns);
        if !late.is_empty() {
            self.changed.notify_all();
        }
        late.len()
    }

    /// Has everybody end soon.
    pub fn stop(&self) {
        let mut turns = self.turns();
        turns.stop = true;
        turns.busy.values().for_each(|busy| busy.cancelled.store(true, Ordering::Relaxed));
        drop(turns);
        self.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.turns().stop
    }
}

impl Turns {
    fn ask(&mut self, table: &str, not_before_ms: u64) {
        self.asked += 1;
        let place = self.ready.get(table).map_or(self.asked, |ready| ready.place);
        self.ready.insert(table.to_owned(), Ready { not_before_ms, place });
    }

    fn waiting(&self) -> impl Iterator<Item = (&String, &Ready)> {
        self.ready.iter().filter(|(table, _)| !self.busy.contains_key(*table))
    }

    fn take(&mut self, now_ms: u64) -> Option<(String, Arc<Busy>)> {
        let due = self.waiting().filter(|(_, ready)| ready.not_before_ms <= now_ms);
        let table = due.min_by_key(|(_, ready)| ready.place)?.0.clone();
        self.ready.remove(&table);
        let busy = Arc::new(Busy::default());
        self.busy.insert(table.clone(), busy.clone());
        Some((table, busy))
    }

    fn next_ms(&self) -> Option<u64> {
        self.waiting().map(|(_, ready)| ready.not_before_ms).min()
    }
}
