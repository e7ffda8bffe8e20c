//! How a caller watches a delta being computed, and stops it.

use crate::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading both exports; counted in bytes of their files.
    Reading,
    /// Finding out what is left over; counted in parts of the table.
    Comparing,
    /// Writing operations; counted in rows of either export that have no equal in the other.
    Writing,
}

/// How far a delta is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub phase: Phase,
    pub done: u64,
    pub total: u64,
}

/// A caller's eye and hand. The report is called from several threads, for every piece of work: it must be quick.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    pub report: &'w (dyn Fn(Progress) + Sync),
    /// Once true, the delta ends with [`Error::Cancelled`] soon.
    pub cancelled: &'w AtomicBool,
}

impl Watch<'static> {
    /// Nobody watches.
    pub fn none() -> Watch<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Watch { report: &|_| {}, cancelled: &NEVER }
    }
}

/// Counts what a phase has done, and stops its threads when one of them failed.
pub(crate) struct Meter<'w> {
    watch: Watch<'w>,
    phase: Phase,
    done: AtomicU64,
    total: u64,
    failed: AtomicBool,
}

impl<'w> Meter<'w> {
    pub fn new(watch: Watch<'w>, phase: Phase, total: u64) -> Meter<'w> {
        Meter { watch, phase, done: AtomicU64::new(0), total, failed: AtomicBool::new(false) }
    }

    /// Counts, reports, and fails if the work shall stop.
    pub fn advance(&self, by: u64) -> Result<(), Error> {
        let done = self.done.fetch_add(by, Ordering::Relaxed) + by;
        (self.watch.report)(Progress { phase: self.phase, done, total: self.total });
        self.check()
    }

    /// Fails if the work shall stop.
    pub fn check(&self) -> Result<(), Error> {
        let stop = self.watch.cancelled.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed);
        if stop { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Stops the other threads of the phase when this one failed.
    pub fn stop_on_error<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}
