//! The newest version of rows that were read or written lately, so that reading one of them is one look-up instead of a
//! search through write buffers and tables. Must not know the engine.
//!
//! What it says of a key is right at every Seq from the one it is known since: whoever changes the key tells it before
//! anybody reads at the change's Seq. What a reader found elsewhere it takes only if no batch came in meanwhile.

use super::{Bytes, Value};
use foldhash::fast::RandomState;
use item::Seq;
use quick_cache::{
    Weighter,
    sync::{Cache, GuardResult},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Longer rows are left to the engine: a few of them would push out everything else.
const ROW_BYTES_MAX: usize = 8 << 10;

/// What a row takes besides its key and value: its place in the cache, two reference counts, the allocator's rounding.
const OVERHEAD: usize = 160;

pub(super) struct Newest {
    rows: Cache<Bytes, Row, Weight, RandomState>,
    /// The newest Seq of the batches that came in, or that the engine had before them.
    applied: AtomicU64,
    /// How many came in.
    batches: AtomicU64,
}

#[derive(Clone)]
struct Row {
    since: u64,
    /// `None` where the key was removed.
    value: Option<Value>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Bytes, Row> for Weight {
    fn weight(&self, key: &Bytes, row: &Row) -> u64 {
        (row_bytes(key, row.value.as_deref()) + OVERHEAD) as u64
    }
}

fn row_bytes(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len() + value.map_or(0, <[u8]>::len)
}

/// Taken before a row is looked for elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Stamp(u64);

impl Newest {
    pub(super) fn new(bytes: usize, applied: u64) -> Newest {
        // An estimate only: most items have a few hundred bytes.
        let rows = Cache::with(bytes / 512, bytes as u64, Weight, RandomState::default(), Default::default());
        Newest { rows, applied: AtomicU64::new(applied), batches: AtomicU64::new(0) }
    }

    /// The newest Seq that was applied.
    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.rows.weight()
    }

    /// What the key maps to at `at`; `None` when the engine must be asked.
    pub(super) fn get(&self, key: &[u8], at: Seq) -> Option<Option<Value>> {
        let row = self.rows.get(key)?;
        (row.since <= at.0).then_some(row.value)
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp(self.batches.load(Ordering::Acquire))
    }

    /// Keeps what a reader found at `at`, if it is the newest there is.
    pub(super) fn keep(&self, key: &[u8], value: &Value, at: Seq, stamp: Stamp) {
        if row_bytes(key, Some(value)) > ROW_BYTES_MAX {
            return;
        }
        let key: Bytes = key.into();
        let GuardResult::Guard(place) = self.rows.get_value_or_guard(&key, Some(Duration::ZERO)) else { return };
        // A batch of which this knows nothing yet will find the place taken, and put its own row there.
        if self.applied() <= at.0 && self.stamp().0 == stamp.0 {
            // A copy: the value may share its bytes with a whole block of a table.
            let row = Row { since: at.0, value: Some(Bytes::from(&**value)) };
            // Refused where a batch was faster: its row is newer.
            let _ = place.insert(row);
        }
    }

    /// A batch up to `newest` is in the engine; its rows follow, and only then may anybody read at their Seqs.
    pub(super) fn begin(&self, newest: u64) {
        self.applied.fetch_max(newest, Ordering::AcqRel);
        self.batches.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn put(&self, key: Bytes, value: Option<Value>, since: u64) {
        if row_bytes(&key, value.as_deref()) > ROW_BYTES_MAX {
            self.rows.remove(&key);
        } else {
            self.rows.insert(key, Row { since, value });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"key";

    fn value(text: &str) -> Value {
        text.as_bytes().into()
    }

    fn apply(newest: &Newest, text: &str, seq: u64) {
        newest.begin(seq);
        newest.put(KEY.into(), Some(value(text)), seq);
    }

    fn get(newest: &Newest, at: u64) -> Option<Option<Value>> {
        newest.get(KEY, Seq(at))
    }

    #[test]
    fn what_is_known_holds_from_its_seq_on_and_older_readers_are_sent_on() {
        let newest = Newest::new(1 << 20, 0);
        assert_eq!(get(&newest, 9), None);
        apply(&newest, "five", 5);
        assert_eq!((get(&newest, 4), get(&newest, 5)), (None, Some(Some(value("five")))));
        newest.begin(7);
        newest.put(KEY.into(), None, 7);
        assert_eq!((get(&newest, 6), get(&newest, 8)), (None, Some(None)));
    }

    #[test]
    fn what_a_reader_found_is_kept_unless_a_batch_came_in_meanwhile() {
        let newest = Newest::new(1 << 20, 0);
        newest.begin(5);
        let stamp = newest.stamp();
        // Read before the newest batch, at the Seq before it.
        newest.keep(KEY, &value("old"), Seq(4), stamp);
        assert_eq!(get(&newest, 9), None);
        // Nothing moves the Seq of rows that are removed at the head: only the count tells.
        newest.begin(5);
        newest.keep(KEY, &value("removed"), Seq(5), stamp);
        assert_eq!(get(&newest, 9), None);
        newest.keep(KEY, &value("right"), Seq(6), newest.stamp());
        assert_eq!((get(&newest, 5), get(&newest, 6)), (None, Some(Some(value("right")))));
        // A row that is there is newer than what a slow reader brings.
        apply(&newest, "seven", 7);
        newest.keep(KEY, &value("late"), Seq(7), newest.stamp());
        assert_eq!(get(&newest, 7), Some(Some(value("seven"))));
    }

    #[test]
    fn long_rows_are_not_kept_and_leave_nothing_older_behind() {
        let newest = Newest::new(1 << 20, 0);
        apply(&newest, "short", 1);
        apply(&newest, &"x".repeat(ROW_BYTES_MAX), 2);
        assert_eq!(get(&newest, 2), None);
        newest.keep(KEY, &value(&"x".repeat(ROW_BYTES_MAX)), Seq(2), newest.stamp());
        assert_eq!(get(&newest, 2), None);
    }

    #[test]
    fn it_stays_within_its_bytes() {
        let newest = Newest::new(64 << 10, 0);
        newest.begin(1);
        (0..10_000_u32).for_each(|n| newest.put(n.to_be_bytes()[..].into(), Some(value("some value")), 1));
        assert!((32 << 10..=64 << 10).contains(&newest.bytes()), "{}", newest.bytes());
    }
}
