//! The newest position that readers see, and those who wait for it to move.

use item::{Seq, TableId};
use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

#[derive(Default)]
pub(crate) struct Head {
    seq: AtomicU64,
    waiting: Mutex<Waiting>,
    moved: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Who waits for whatever it be.
    any: usize,
    /// Who waits for a change of a table.
    tables: HashMap<TableId, usize>,
    /// The newest change of each table that somebody waited for since.
    changed: HashMap<TableId, Seq>,
    /// The newest change of the catalogue.
    schema: Seq,
    closed: bool,
}

impl Waiting {
    /// Whether one of these tables, or the catalogue, may have changed past `seen`.
    fn passed(&self, tables: &[TableId], seen: Seq) -> bool {
        self.schema > seen || tables.iter().any(|table| self.changed.get(table).is_some_and(|at| *at > seen))
    }

    fn enter(&mut self, tables: &[TableId]) {
        for table in tables {
            *self.tables.entry(*table).or_default() += 1;
        }
    }

    /// What nobody waits for is not kept: who comes next is told to look.
    fn leave(&mut self, tables: &[TableId]) {
        for table in tables {
            if let Some(count) = self.tables.get_mut(table) {
                *count -= 1;
            }
        }
    }
}

impl Head {
    pub fn get(&self) -> Seq {
        Seq(self.seq.load(Ordering::Acquire))
    }

    /// Moves the head past a group that touched these tables and, perhaps, the catalogue.
    pub fn set(&self, head: Seq, touched: impl Iterator<Item = TableId>, schema: bool) {
        self.seq.store(head.0, Ordering::Release);
        // A waiter counts itself under the lock before it looks at the position, so either it sees the new one or we
        // see it.
        let mut waiting = self.waiting.lock().expect("no holder panics");
        let mut wanted = schema || waiting.any > 0;
        for table in touched {
            if let Some(waiters) = waiting.tables.get(&table).copied() {
                waiting.changed.insert(table, head);
                wanted |= waiters > 0;
            }
        }
        if schema {
            waiting.schema = head;
        }
        if wanted {
            self.moved.notify_all();
        }
    }

    pub fn close(&self) {
        self.waiting.lock().expect("no holder panics").closed = true;
        self.moved.notify_all();
    }

    pub fn wait_past(&self, seen: Seq, timeout: Duration) -> Seq {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        waiting.any += 1;
        let still = |waiting: &mut Waiting| !waiting.closed && self.get() <= seen;
        let (mut waiting, _) = self.moved.wait_timeout_while(waiting, timeout, still).expect("no holder panics");
        waiting.any -= 1;
        drop(waiting);
        self.get()
    }

    /// As [`Head::wait_past`], but sleeps through groups that touch none of these tables. Who waits for a table for the
    /// first time does not sleep: what went before is not known.
    pub fn wait_change(&self, tables: &[TableId], seen: Seq, timeout: Duration) -> Seq {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        let known = tables.iter().all(|table| waiting.tables.contains_key(table));
        waiting.enter(tables);
        if known || self.get() <= seen {
            let still = |waiting: &mut Waiting| !waiting.closed && !waiting.passed(tables, seen);
            waiting = self.moved.wait_timeout_while(waiting, timeout, still).expect("no holder panics").0;
        }
        waiting.leave(tables);
        drop(waiting);
        self.get()
    }

    /// Forgets tables that are no more.
    pub fn retain(&self, exists: impl Fn(TableId) -> bool) {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        waiting.tables.retain(|table, count| *count > 0 || exists(*table));
        waiting.changed.retain(|table, _| exists(*table));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_table_sleeps_through_the_changes_of_others() {
        const SHORT: Duration = Duration::from_millis(1);
        const LONG: Duration = Duration::from_secs(60);
        let (mine, other) = (TableId(1), TableId(2));
        let head = Head::default();
        head.set(Seq(5), [mine].into_iter(), false);
        assert_eq!(head.wait_change(&[mine], Seq(4), LONG), Seq(5), "unknown: it is told to look");
        head.set(Seq(6), [other].into_iter(), false);
        // Times out: what passed was not ours. Were it to wake, it could not be told from this; so ask again with a
        // change that is ours, which must not wait.
        assert_eq!(head.wait_change(&[mine], Seq(5), SHORT), Seq(6));
        head.set(Seq(7), [other, mine].into_iter(), false);
        assert_eq!(head.wait_change(&[mine], Seq(6), LONG), Seq(7));
        head.set(Seq(8), [].into_iter(), true);
        assert_eq!(head.wait_change(&[mine], Seq(7), LONG), Seq(8), "a change of schema is for everybody");
        std::thread::scope(|scope| {
            let woken = scope.spawn(|| head.wait_change(&[mine], Seq(8), LONG));
            head.set(Seq(9), [other].into_iter(), false);
            head.set(Seq(10), [mine].into_iter(), false);
            assert_eq!(woken.join().expect("does not panic"), Seq(10));
        });
        head.close();
        assert_eq!(head.wait_change(&[mine], Seq(10), LONG), Seq(10));
    }
}
