//! Counts per operation and of bytes, for the console and `/metrics`.

use super::operation::Operation;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// What one operation did since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationMetrics {
    /// `PutObject` and so on; `Other` stands for requests that name no operation that works here, or were not let in.
    pub operation: &'static str,
    /// Requests answered, refused ones included.
    pub count: u64,
    /// Of those, refused or failed.
    pub errors: u64,
    /// Time from the request's head to the answer's, summed, in nanoseconds: with an upload's body, without a download's.
    pub nanos: u64,
}

/// Bytes of objects since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes_in: u64,
    pub bytes_out: u64,
}

#[derive(Default)]
struct Counters {
    count: AtomicU64,
    errors: AtomicU64,
    nanos: AtomicU64,
}

/// A counter per operation and one for the rest.
pub(super) struct Metrics {
    operations: Vec<Counters>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Metrics {
    pub fn new() -> Metrics {
        let operations = (0..=Operation::ALL.len()).map(|_| Counters::default()).collect();
        Metrics { operations, bytes_in: AtomicU64::new(0), bytes_out: AtomicU64::new(0) }
    }

    pub fn record(&self, operation: Option<Operation>, failed: bool, took: Duration) {
        let place = operation.and_then(|operation| Operation::ALL.iter().position(|other| *other == operation));
        let counters = &self.operations[place.unwrap_or(Operation::ALL.len())];
        counters.count.fetch_add(1, Relaxed);
        counters.errors.fetch_add(u64::from(failed), Relaxed);
        counters.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn came(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub fn went(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    pub fn read(&self) -> Vec<OperationMetrics> {
        let names = Operation::ALL.iter().map(|operation| operation.name()).chain(["Other"]);
        let figures = |(operation, counters): (&'static str, &Counters)| OperationMetrics {
            operation,
            count: counters.count.load(Relaxed),
            errors: counters.errors.load(Relaxed),
            nanos: counters.nanos.load(Relaxed),
        };
        names.zip(&self.operations).map(figures).collect()
    }

    pub fn traffic(&self) -> Traffic {
        Traffic { bytes_in: self.bytes_in.load(Relaxed), bytes_out: self.bytes_out.load(Relaxed) }
    }
}
