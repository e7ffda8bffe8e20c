//! Which keys a write buffer certainly lacks, so that looking for a key that nobody wrote lately goes past the buffers: a
//! search of one costs a few microseconds of waiting for memory. Must not know the engine.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};

/// Bits of the filter for each of the buffer's bytes: ten or more a row.
const BYTES_PER_BIT: u64 = 16;

/// A Bloom filter whose bits of one key lie in one word: a look-up waits for memory once.
pub(super) struct Filter {
    words: Box<[AtomicU64]>,
}

impl Filter {
    /// For a buffer of this size; where it grows past that, fewer keys are told to be missing.
    fn new(buffer_bytes: u64) -> Filter {
        let words = (buffer_bytes / BYTES_PER_BIT / 64).max(1);
        Filter { words: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The word of a hash and its bits there.
    fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        // The upper half tells the word, by multiplication instead of a division.
        let at = (u128::from(hash) * self.words.len() as u128) >> 64;
        let bits = (0..4).fold(0, |bits, n| bits | 1 << (hash >> (6 * n) & 63));
        (&self.words[usize::try_from(at).expect("below the number of words")], bits)
    }

    /// Answers whether the key certainly was not there before. Readers must learn of the row later than of this.
    pub(super) fn insert(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        word.fetch_or(bits, Ordering::Relaxed) & bits != bits
    }

    fn may_have(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        word.load(Ordering::Relaxed) & bits == bits
    }
}

/// The filters of the write buffers that are not in tables yet, oldest first.
pub(super) struct Filters {
    buffer_bytes: u64,
    filters: RwLock<Vec<Arc<Filter>>>,
}

impl Filters {
    pub(super) fn new(buffer_bytes: u64) -> Filters {
        Filters { buffer_bytes, filters: RwLock::default() }
    }

    /// That of a new buffer, to be called before it takes rows.
    pub(super) fn add(&self) -> Arc<Filter> {
        let filter = Arc::new(Filter::new(self.buffer_bytes));
        self.filters.write().expect("no holder panics").push(Arc::clone(&filter));
        filter
    }

    /// The oldest buffer is in tables.
    pub(super) fn remove_oldest(&self) {
        self.filters.write().expect("no holder panics").remove(0);
    }

    /// Whether a buffer may have the key. If none has, it is in the tables that are there from now on, or nowhere.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.filters.read().expect("no holder panics").iter().any(|filter| filter.may_have(hash))
    }

    pub(super) fn bytes(&self) -> u64 {
        let filters = self.filters.read().expect("no holder panics");
        filters.iter().map(|filter| 8 * filter.words.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads numbers over all bits (the finalizer of splitmix64).
    fn hash(n: u64) -> u64 {
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    }

    #[test]
    fn what_was_inserted_is_found_until_its_buffer_is_in_tables_and_little_else() {
        let filters = Filters::new(32 << 20);
        let first = filters.add();
        (1..=100_000).for_each(|n| {
            first.insert(hash(n));
        });
        let second = filters.add();
        assert!(second.insert(hash(200_000)));
        assert!(!second.insert(hash(200_000)), "it may be there now");
        assert!((1..=100_000).chain([200_000]).all(|n| filters.may_have(hash(n))));
        let wrong = (300_000..400_000).filter(|n| filters.may_have(hash(*n))).count();
        assert!(wrong < 2_000, "{wrong} of 100,000");
        assert_eq!(filters.bytes(), 2 * (32 << 20) / 16 / 8);
        filters.remove_oldest();
        assert!(filters.may_have(hash(200_000)));
        assert!((1..=100_000).filter(|n| filters.may_have(hash(*n))).count() < 10);
    }
}
