//! Who reads at which Seq, and so which old versions may be given up. Must not know the engine.

use super::Error;
use item::Seq;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// The open snapshots of one store.
#[derive(Default)]
pub(super) struct Readers {
    open: Mutex<Open>,
    head: AtomicU64,
    /// Reads below this may meet thinned-out versions, unless a snapshot holds their Seq.
    published: AtomicU64,
}

#[derive(Default)]
struct Open {
    /// How many snapshots hold each Seq.
    seqs: BTreeMap<u64, usize>,
    /// Below this nothing new may be held: versions are being given up, or were.
    floor: u64,
}

/// Which versions are still needed: of every key the newest at or below each of these Seqs, and all above `limit`.
pub(super) struct Needed {
    limit: u64,
    /// Ascending.
    held: Vec<u64>,
}

impl Needed {
    /// Whether nobody needs the version `seq` of a key whose next version is `newer`.
    pub(super) fn shadowed(&self, seq: u64, newer: u64) -> bool {
        let first = self.held.partition_point(|&held| held < seq);
        newer <= self.limit && self.held.get(first).is_none_or(|&held| held >= newer)
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }
}

impl Readers {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics while holding the list of readers")
    }

    pub(super) fn set_head(&self, head: Seq) {
        self.head.fetch_max(head.0, Ordering::Release);
    }

    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// A store just opened has only the versions visible at `seq`.
    pub(super) fn start_at(&self, seq: u64) {
        self.head.store(seq, Ordering::Release);
        self.published.store(seq, Ordering::Release);
        self.lock().floor = seq;
    }

    /// Opens a snapshot of the head. The head is read under the lock, otherwise a flush could slip in between.
    pub(super) fn open_head(&self) -> Seq {
        let mut open = self.lock();
        let head = self.head();
        *open.seqs.entry(head).or_default() += 1;
        Seq(head)
    }

    pub(super) fn open_at(&self, at: Seq) -> Result<(), Error> {
        let mut open = self.lock();
        if at.0 < open.floor && !open.seqs.contains_key(&at.0) {
            return Err(Error::Gone(at));
        }
        *open.seqs.entry(at.0).or_default() += 1;
        Ok(())
    }

    pub(super) fn close(&self, at: Seq) {
        let mut open = self.lock();
        let count = open.seqs.get_mut(&at.0).expect("an open snapshot is listed");
        *count -= 1;
        if *count == 0 {
            open.seqs.remove(&at.0);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.lock().seqs.values().sum()
    }

    /// Whether what was just read at `at` is right.
    pub(super) fn check(&self, at: Seq) -> Result<(), Error> {
        if at.0 >= self.published.load(Ordering::Acquire) || self.lock().seqs.contains_key(&at.0) {
            return Ok(());
        }
        Err(Error::Gone(at))
    }

    /// Decides what a flush of versions up to `newest` may give up. From now on nobody can start to read below that;
    /// whoever reads without a snapshot is told once it is [`Readers::publish`]ed.
    pub(super) fn thin_out(&self, newest: u64) -> Needed {
        let mut open = self.lock();
        // The head may lag behind what is flushed; new readers start there, so nothing above it may go.
        let limit = newest.min(self.head());
        open.floor = open.floor.max(limit);
        let held = open.seqs.range(..limit).map(|(&seq, _)| seq).collect();
        Needed { limit, held }
    }

    /// To be called before readers can meet what was thinned out.
    pub(super) fn publish(&self, needed: &Needed) {
        self.published.fetch_max(needed.limit, Ordering::Release);
    }

    /// Whether all versions but the newest of each key may go from tables that have nothing newer than `newest`.
    pub(super) fn only_newest(&self, newest: u64) -> bool {
        let mut open = self.lock();
        if self.head() < newest || open.seqs.range(..newest).next().is_some() {
            return false;
        }
        open.floor = open.floor.max(newest);
        self.published.fetch_max(newest, Ordering::Release);
        true
    }
}
