//! The annihilating join: an entry per row, in shards by the hash of its key; equal entries of the two sides delete each
//! other on sight. A shard that would outgrow the memory bound goes to disk, and so do its later entries.

use crate::{
    Config, Error,
    export::Hashes,
    scatter::{Scatter, Stream},
    table::Table,
};
use std::sync::{
    Mutex, MutexGuard, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

/// Entries of one side with the same key hash: beyond it they are copies of one row for certain, and the join stops.
pub(crate) const PILE_MAX: usize = 1024;

/// Shards, so that two threads seldom meet in one, and so that one of them is a small part of memory.
const SHARDS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Previous,
    Next,
}

/// A row that waits for its equal on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub key: u64,
    pub row: u64,
    /// Number of the row and, as the lowest bit, its side.
    at: u64,
}

impl Entry {
    /// No entry: rows are not numbered so high.
    pub const NONE: Entry = Entry { key: 0, row: 0, at: u64::MAX };

    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.at == u64::MAX
    }

    /// Whether it stands for the same row, on the other side.
    #[inline(always)]
    pub fn is_equal_of(&self, other: &Entry) -> bool {
        self.key == other.key && self.row == other.row && (self.at ^ other.at) & 1 == 1
    }

    fn new(hashes: Hashes, number: u64, side: Side) -> Entry {
        Entry { key: hashes.key, row: hashes.row, at: (number << 1) | u64::from(side == Side::Next) }
    }

    pub fn number(&self) -> u64 {
        self.at >> 1
    }

    pub fn side(&self) -> Side {
        if self.at & 1 == 0 { Side::Previous } else { Side::Next }
    }

    fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (into, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip([self.key, self.row, self.at]) {
            *into = number.to_le_bytes();
        }
        bytes
    }

    pub fn from_numbers([key, row, at]: [u64; 3]) -> Entry {
        Entry { key, row, at }
    }
}

/// All shards.
pub(crate) struct Join {
    shards: Vec<Mutex<Shard>>,
    pub scatter: Scatter,
    memory: usize,
    used: AtomicUsize,
    /// A key hash with too many entries.
    pile: OnceLock<u64>,
}

#[derive(Default)]
pub(crate) struct Shard {
    pub table: Table,
    /// Entries on disk, once there is no memory for the table.
    pub spilled: Stream,
    on_disk: bool,
    /// Key hashes of the pairs that deleted each other.
    pub matched: Stream,
}

/// What a thread that feeds the join uses again and again.
#[derive(Default)]
pub(crate) struct Scratch {
    order: Vec<u32>,
    starts: Vec<u32>,
    /// For each row of the batch, whether it found no equal.
    pub unmatched: Vec<bool>,
}

impl Join {
    /// `expected` entries will come before any can leave; 0 if that is not known.
    pub fn new(config: &Config, expected: u64) -> Result<Join, Error> {
        let scatter = Scatter::new(&config.spool).map_err(Error::io("creating a temporary file"))?;
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let join = Join { shards, scatter, memory: config.memory, used: AtomicUsize::new(0), pile: OnceLock::new() };
        if expected > 0 {
            let each = usize::try_from(expected / SHARDS as u64).unwrap_or(usize::MAX / 2);
            for shard in &join.shards {
                // Shards differ by a few standard deviations.
                let mut shard = lock(shard);
                shard.on_disk = !join.grow(&mut shard.table, each + 4 * each.isqrt() + 1);
            }
        }
        Ok(join)
    }

    pub fn pile(&self) -> Option<u64> {
        self.pile.get().copied()
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    pub fn into_shards(self) -> (Vec<Shard>, Scatter) {
        let shards = self.shards.into_iter();
        (shards.map(|shard| shard.into_inner().expect("nobody panicked with it")).collect(), self.scatter)
    }

    /// Joins rows of one side, numbered from `first`; `scratch.unmatched` tells which found no equal.
    pub fn batch(&self, side: Side, hashes: &[Hashes], first: u64, scratch: &mut Scratch) -> Result<(), Error> {
        scratch.sort(hashes, self.shards.len());
        scratch.unmatched.clear();
        scratch.unmatched.resize(hashes.len(), false);
        for (number, range) in scratch.starts.windows(2).enumerate() {
            let rows = &scratch.order[range[0] as usize..range[1] as usize];
            if rows.is_empty() {
                continue;
            }
            let mut shard = lock(&self.shards[number]);
            shard.table.fetch(rows.iter().map(|row| hashes[*row as usize].key));
            for row in rows {
                let row = *row as usize;
                let entry = Entry::new(hashes[row], first + row as u64, side);
                scratch.unmatched[row] = !self.meet(&mut shard, entry)?;
            }
        }
        Ok(())
    }

    /// Takes rows that have no other side to meet: only their key hashes are kept.
    pub fn alone(&self, hashes: &[Hashes], scratch: &mut Scratch) -> Result<(), Error> {
        scratch.sort(hashes, self.shards.len());
        scratch.unmatched.clear();
        scratch.unmatched.resize(hashes.len(), true);
        for (number, range) in scratch.starts.windows(2).enumerate() {
            let mut shard = lock(&self.shards[number]);
            for row in &scratch.order[range[0] as usize..range[1] as usize] {
                let key = hashes[*row as usize].key;
                shard.matched.push(&self.scatter, &key.to_le_bytes()).map_err(write_failed())?;
            }
        }
        Ok(())
    }

    /// Whether the entry met its equal, which is gone then; else it waits.
    #[inline(always)]
    fn meet(&self, shard: &mut Shard, entry: Entry) -> Result<bool, Error> {
        if !shard.on_disk {
            match shard.table.annihilate(&entry) {
                Ok(()) => {
                    shard.matched.push(&self.scatter, &entry.key.to_le_bytes()).map_err(write_failed())?;
                    return Ok(true);
                }
                Err(twins) if twins > 2 * PILE_MAX => {
                    // Reading on would cost the square of what is left. The caller tells why the join stopped.
                    let _ = self.pile.set(entry.key);
                    return Err(Error::Cancelled);
                }
                Err(_) => {}
            }
            if shard.table.is_full() {
                let size = shard.table.next_size();
                if !self.grow(&mut shard.table, size) {
                    self.spill(shard)?;
                }
            }
        }
        if shard.on_disk {
            shard.spilled.push(&self.scatter, &entry.bytes()).map_err(write_failed())?;
        } else {
            shard.table.insert(entry);
        }
        Ok(false)
    }

    /// Makes a table larger; answers whether memory allows it, also while both are there.
    fn grow(&self, table: &mut Table, entries: usize) -> bool {
        if self.used.load(Ordering::Relaxed).saturating_add(Table::bytes_for(entries)) > self.memory {
            return false;
        }
        self.used.fetch_sub(table.bytes(), Ordering::Relaxed);
        table.grow(entries);
        self.used.fetch_add(table.bytes(), Ordering::Relaxed);
        true
    }

    fn spill(&self, shard: &mut Shard) -> Result<(), Error> {
        let table = std::mem::take(&mut shard.table);
        self.used.fetch_sub(table.bytes(), Ordering::Relaxed);
        for entry in table.iter() {
            shard.spilled.push(&self.scatter, &entry.bytes()).map_err(write_failed())?;
        }
        shard.on_disk = true;
        Ok(())
    }
}

fn write_failed() -> impl FnOnce(std::io::Error) -> Error {
    Error::io("writing a temporary file")
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().expect("nobody panics with a shard")
}

impl Scratch {
    /// Orders rows by shard, which the upper half of the hash says.
    fn sort(&mut self, hashes: &[Hashes], shards: usize) {
        let shard = |hashes: &Hashes| (((hashes.key >> 32) * shards as u64) >> 32) as usize;
        self.starts.clear();
        self.starts.resize(shards + 2, 0);
        for hashes in hashes {
            self.starts[shard(hashes) + 2] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        self.order.resize(hashes.len(), 0);
        for (row, hashes) in hashes.iter().enumerate() {
            let place = &mut self.starts[shard(hashes) + 1];
            self.order[*place as usize] = row as u32;
            *place += 1;
        }
        self.starts.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as no export has them: every number is its own hash, spread over all bits.
    fn hashes(range: std::ops::Range<u64>) -> Vec<Hashes> {
        range.map(|number| Hashes { key: (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15), row: number }).collect()
    }

    #[test]
    fn entries_take_no_more_memory_than_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        for (memory, expected) in [(0, 0), (100_000, 0), (1_000_000, 0), (10_000_000, 0), (1_000_000, 100_000)] {
            let config = Config { memory, ..Config::new(folder.path()) };
            let join = Join::new(&config, expected).unwrap();
            let mut scratch = Scratch::default();
            for first in (0..100_000).step_by(1000) {
                join.batch(Side::Previous, &hashes(first..first + 1000), first, &mut scratch).unwrap();
                let tables: usize = join.shards.iter().map(|shard| lock(shard).table.bytes()).sum();
                assert_eq!(tables, join.used.load(Ordering::Relaxed));
                assert!(tables <= memory, "{tables} of {memory}");
            }
            let in_memory: usize = join.shards.iter().map(|shard| lock(shard).table.iter().count()).sum();
            let on_disk: u64 = join.shards.iter().map(|shard| lock(shard).spilled.len() / 24).sum();
            assert_eq!(in_memory as u64 + on_disk, 100_000);
            // What is allowed is used, unless it is too little for more than a shard or two.
            let fair =
                if memory < 1_000_000 { 0 } else { memory.min(100_000 * size_of::<Entry>()) / size_of::<Entry>() / 4 };
            assert!(in_memory >= fair, "{in_memory} of {memory}");
        }
    }

    #[test]
    fn equal_rows_find_each_other_in_whatever_order_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let join = Join::new(&Config::new(folder.path()), 0).unwrap();
        let (mut scratch, mut matched) = (Scratch::default(), 0);
        for (first, side, count) in [
            (0, Side::Previous, 5000),
            (3000, Side::Next, 7000),
            (5000, Side::Previous, 5000),
            (0, Side::Next, 3000),
            (10_000, Side::Next, 10),
        ] {
            join.batch(side, &hashes(first..first + count), first, &mut scratch).unwrap();
            matched += scratch.unmatched.iter().filter(|unmatched| !**unmatched).count();
        }
        assert_eq!(matched, 10_000);
        let left: Vec<u64> = join
            .shards
            .iter()
            .flat_map(|shard| lock(shard).table.iter().collect::<Vec<_>>())
            .map(|entry| entry.number())
            .collect();
        assert_eq!(left.len(), 10, "{left:?}");
    }
}
