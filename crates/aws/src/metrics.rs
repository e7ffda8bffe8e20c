//! Counts per operation, for the console and `/metrics`. Knows no operation by name.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What one operation did since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationMetrics {
    /// `PutItem` and so on; `Other` stands for requests that name no operation that works here.
    pub operation: &'static str,
    /// Requests answered, refused ones included.
    pub count: u64,
    /// Of those, refused or failed.
    pub errors: u64,
    /// Time from having the whole request to having the whole answer, summed, in nanoseconds.
    pub nanos: u64,
}

/// One counter per route and one for the rest.
pub(crate) struct Metrics(Vec<Counters>);

#[derive(Default)]
struct Counters {
    count: AtomicU64,
    errors: AtomicU64,
    nanos: AtomicU64,
}

impl Metrics {
    pub fn new(routes: usize) -> Metrics {
        Metrics((0..=routes).map(|_| Counters::default()).collect())
    }

    /// `route`: its place in the table; past the end for the rest.
    pub fn record(&self, route: usize, failed: bool, took: Duration) {
        let counters = &self.0[route];
        counters.count.fetch_add(1, Relaxed);
        counters.errors.fetch_add(u64::from(failed), Relaxed);
        counters.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn read(&self, names: impl Iterator<Item = &'static str>) -> Vec<OperationMetrics> {
        let figures = |(operation, counters): (&'static str, &Counters)| OperationMetrics {
            operation,
            count: counters.count.load(Relaxed),
            errors: counters.errors.load(Relaxed),
            nanos: counters.nanos.load(Relaxed),
        };
        names.zip(&self.0).map(figures).collect()
    }
}
