//! A client's second attempt can overtake its first, which lay in a slow connection. First attempts are not looked up
//! in the state, so those that were overtaken must be known: the calls of which a repeat was carried out lately.

use crate::rows::CALL_BUCKET_MS;
use std::collections::HashSet;

/// Ids kept per bucket of time. Where there are more, every first attempt is looked up.
const IDS_MAX: usize = 1 << 16;

/// Calls of the current bucket of time and the one before. Lost with the process, as the slow connections are.
#[derive(Default)]
pub(super) struct Repeats {
    bucket: u64,
    current: Ids,
    before: Ids,
}

#[derive(Default)]
struct Ids {
    ids: HashSet<[u8; 16]>,
    full: bool,
}

impl Ids {
    fn may_hold(&self, id: &[u8; 16]) -> bool {
        self.full || self.ids.contains(id)
    }
}

impl Repeats {
    pub fn add(&mut self, time_ms: u64, id: [u8; 16]) {
        self.turn(time_ms);
        if self.current.ids.len() < IDS_MAX {
            self.current.ids.insert(id);
        } else {
            self.current.full = true;
        }
    }

    /// Whether a repeat of this call may have been carried out.
    pub fn may_hold(&mut self, time_ms: u64, id: &[u8; 16]) -> bool {
        self.turn(time_ms);
        self.current.may_hold(id) || self.before.may_hold(id)
    }

    fn turn(&mut self, time_ms: u64) {
        let bucket = time_ms / CALL_BUCKET_MS;
        if bucket != self.bucket {
            let last = std::mem::take(&mut self.current);
            self.before = if bucket == self.bucket + 1 { last } else { Ids::default() };
            self.bucket = bucket;
        }
    }
}
