//! Large answers at once: each may have ten megabytes, and there may be many readers. Knows nothing of records.

use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Most large answers that are being made or sent.
const PLACES: usize = 8;

/// Who has a place may make a large answer.
#[derive(Default)]
pub(crate) struct Places(Arc<AtomicUsize>);

/// One of the places; free again when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    /// A place, if one is free.
    pub(crate) fn take(&self) -> Option<Place> {
        let taken = self.0.fetch_update(Relaxed, Relaxed, |taken| (taken < PLACES).then_some(taken + 1));
        taken.ok().map(|_| Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// An answer that keeps its place until it is sent.
struct Held(Vec<u8>, #[expect(dead_code, reason = "it is dropped with the answer")] Option<Place>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

pub(super) fn held(answer: Vec<u8>, place: Option<Place>) -> Bytes {
    Bytes::from_owner(Held(answer, place))
}
