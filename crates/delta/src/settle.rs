//! What is left over when both sides are read: rows that came or stayed, rows that went or were, and which of them have the
//! same key hash. Works on one shard after the other, and on a shard in several passes if it does not fit.

use crate::{
    Config, Error,
    join::{Entry, Join, PILE_MAX, Shard, Side},
    scatter::{Ranges, Scatter},
    watch::Meter,
};
use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
    io,
    panic::resume_unwind,
    sync::Mutex,
    thread,
};

/// Key hashes that are looked at together when they may be duplicates.
const SUSPECTS_MAX: usize = 1 << 16;

/// A pass that has so many times the entries that it should have holds a pile of entries with one key hash: no spread of
/// hashes makes it so large.
const CROWD: usize = 8;

/// Ranges that rows are spread over, at most, as long as a range need not be longer than what follows.
const RANGES_MAX: u64 = 1024;
const RANGE_ROWS_MAX: usize = 1 << 20;

/// What is left over, by number of row.
pub(crate) struct Leftovers {
    pub scatter: Scatter,
    /// Rows of the next export that are no row of the previous one: `[row]`.
    pub next: Ranges,
    /// Rows of the previous export that are no row of the next one: `[row]`.
    pub previous: Ranges,
    /// Rows of both with the same key hash, by the previous one: `[previous, next]`.
    pub pairs: Ranges,
    pub next_count: u64,
    pub previous_count: u64,
}

/// Rows of both exports.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub previous: u64,
    pub next: u64,
    /// Bytes of a previous key, on average: it is held beside the rows that it may belong to.
    pub key_bytes: u64,
}

/// Shards that are settled at the same time.
const THREADS: usize = 2;

/// Settles all shards. `suspect` is given key hashes that occurred more than once on a side and fails if a key did.
pub(crate) fn settle(
    join: Join,
    config: &Config,
    rows: Rows,
    meter: &Meter<'_>,
    suspect: impl Fn(&[u64]) -> Result<(), Error> + Sync,
) -> Result<Leftovers, Error> {
    let (mut shards, scatter) = join.into_shards();
    // Those in memory go first, so that theirs is free when those on disk need some.
    shards.sort_by_key(|shard| shard.spilled.len() > 0);
    let each = 256 + usize::try_from(rows.key_bytes).unwrap_or(usize::MAX / 2);
    let range_rows = (config.memory / each).clamp(config.grain, RANGE_ROWS_MAX.max(config.grain)) as u64;
    let ranges = |count: u64| Mutex::new(Ranges::new(count, range_rows.max(count / RANGES_MAX)));
    let shared = Shared {
        shards: Mutex::new(shards.into_iter()),
        grain: (config.memory / 64 / THREADS).max(config.grain) as u64,
        next: ranges(rows.next),
        previous: ranges(rows.previous),
        pairs: ranges(rows.previous),
        scatter,
    };
    let settled = thread::scope(|scope| {
        let work = || meter.stop_on_error(Settling::default().run(&shared, meter, &suspect));
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.collect::<Vec<_>>()
    });
    let cancelled = |result: &Result<_, Error>| matches!(result, Err(Error::Cancelled));
    // One thread is cancelled when the other one fails: tell what failed.
    let (cancelled, settled): (Vec<_>, Vec<_>) = settled.into_iter().partition(cancelled);
    let (mut next_count, mut previous_count) = (0, 0);
    for counts in settled.into_iter().chain(cancelled) {
        let (next, previous) = counts?;
        next_count += next;
        previous_count += previous;
    }
    let Shared { scatter, next, previous, pairs, .. } = shared;
    let all = |ranges: Mutex<Ranges>| ranges.into_inner().expect("nobody panicked with it");
    let (next, previous, pairs) = (all(next), all(previous), all(pairs));
    Ok(Leftovers { scatter, next, previous, pairs, next_count, previous_count })
}

/// What the threads share.
struct Shared {
    shards: Mutex<std::vec::IntoIter<Shard>>,
    /// Entries that each works on at once.
    grain: u64,
    scatter: Scatter,
    next: Mutex<Ranges>,
    previous: Mutex<Ranges>,
    pairs: Mutex<Ranges>,
}

/// One thread's.
#[derive(Default)]
struct Settling {
    /// Key hashes of pairs of equal rows.
    seen: HashSet<u64, BuildHasherDefault<Hashed>>,
    suspects: HashSet<u64, BuildHasherDefault<Hashed>>,
    entries: Vec<Entry>,
    /// What is left over of a pass.
    next: Vec<[u64; 1]>,
    previous: Vec<[u64; 1]>,
    pairs: Vec<[u64; 2]>,
    /// Rows that are left over of all passes.
    counts: (u64, u64),
}

impl Settling {
    fn run(
        mut self,
        shared: &Shared,
        meter: &Meter<'_>,
        suspect: impl Fn(&[u64]) -> Result<(), Error>,
    ) -> Result<(u64, u64), Error> {
        loop {
            let shard = shared.shards.lock().expect("nobody panics with it").next();
            let last = shard.is_none();
            if let Some(shard) = shard {
                self.shard(&shard, shared, meter, &suspect)?;
                meter.advance(1)?;
            }
            if last && !self.suspects.is_empty() {
                suspect(&self.suspects.drain().collect::<Vec<_>>())?;
            }
            if last {
                return Ok(self.counts);
            }
        }
    }

    fn shard(
        &mut self,
        shard: &Shard,
        shared: &Shared,
        meter: &Meter<'_>,
        suspect: impl Fn(&[u64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let most = (shard.spilled.len() / 24).max(shard.matched.len() / 8);
        let passes = most.div_ceil(shared.grain).max(1);
        for pass in 0..passes {
            meter.check()?;
            let pile = self.load(shard, shared, pass, passes).map_err(Error::io("reading a temporary file"))?;
            if let Some(key) = pile {
                return Err(suspect(&[key]).err().unwrap_or(Error::Collisions));
            }
            self.entries.sort_unstable_by_key(|entry| (entry.key, entry.row));
            let entries = std::mem::take(&mut self.entries);
            for group in entries.chunk_by(|left, right| left.key == right.key) {
                self.group(group);
            }
            self.entries = entries;
            if self.suspects.len() > SUSPECTS_MAX {
                suspect(&self.suspects.drain().collect::<Vec<_>>())?;
            }
            self.hand_on(shared).map_err(Error::io("writing a temporary file"))?;
        }
        Ok(())
    }

    /// Loads what belongs to a pass: equal pairs into `seen`, what waited into `entries`. Answers the key hash of a pile, which
    /// is not loaded to its end: it may have any size.
    fn load(&mut self, shard: &Shard, shared: &Shared, pass: u64, passes: u64) -> io::Result<Option<u64>> {
        let here = |key: u64| ((key & 0xFFFF_FFFF) * passes) >> 32 == pass;
        self.seen.clear();
        self.entries.clear();
        let mut matched = shard.matched.read(&shared.scatter);
        while let Some([key]) = matched.numbers()? {
            if here(key) && !self.seen.insert(key) {
                self.suspects.insert(key);
            }
        }
        self.entries.extend(shard.table.iter().filter(|entry| here(entry.key)));
        let mut spilled = shard.spilled.read(&shared.scatter);
        while let Some(numbers) = spilled.numbers()? {
            let entry = Entry::from_numbers(numbers);
            if here(entry.key) {
                self.entries.push(entry);
                if self.entries.len() > (CROWD * shared.grain as usize).max(4 * PILE_MAX) {
                    return Ok(Some(self.largest_pile()));
                }
            }
        }
        Ok(None)
    }

    /// The key hash of most entries.
    fn largest_pile(&mut self) -> u64 {
        self.entries.sort_unstable_by_key(|entry| entry.key);
        let piles = self.entries.chunk_by(|left, right| left.key == right.key);
        piles.max_by_key(|pile| pile.len()).map_or(0, |pile| pile[0].key)
    }

    /// Entries with the same key hash, ordered by row hash. Equal ones that met on disk delete each other here.
    fn group(&mut self, group: &[Entry]) {
        let key = group[0].key;
        let (next, previous) = (self.next.len(), self.previous.len());
        for equal in group.chunk_by(|left, right| left.row == right.row) {
            let of = |side| equal.iter().filter(move |entry| entry.side() == side).map(|entry| [entry.number()]);
            let pairs = of(Side::Previous).count().min(of(Side::Next).count());
            for _ in 0..pairs {
                if !self.seen.insert(key) {
                    self.suspects.insert(key);
                }
            }
            self.previous.extend(of(Side::Previous).skip(pairs));
            self.next.extend(of(Side::Next).skip(pairs));
        }
        let (next, previous) = (&self.next[next..], &self.previous[previous..]);
        let some = !next.is_empty() || !previous.is_empty();
        if next.len() > 1 || previous.len() > 1 || some && self.seen.contains(&key) {
            self.suspects.insert(key);
        }
        // More of them are duplicates for certain, and the suspicion ends the delta.
        if next.len() <= PILE_MAX && previous.len() <= PILE_MAX {
            let pairs = previous.iter().flat_map(|[previous]| next.iter().map(|[next]| [*previous, *next]));
            self.pairs.extend(pairs);
        }
    }

    /// Hands on what a pass left over.
    fn hand_on(&mut self, shared: &Shared) -> io::Result<()> {
        self.counts.0 += self.next.len() as u64;
        self.counts.1 += self.previous.len() as u64;
        push_all(&shared.next, &shared.scatter, &mut self.next)?;
        push_all(&shared.previous, &shared.scatter, &mut self.previous)?;
        push_all(&shared.pairs, &shared.scatter, &mut self.pairs)
    }
}

fn push_all<const COUNT: usize>(
    ranges: &Mutex<Ranges>,
    scatter: &Scatter,
    records: &mut Vec<[u64; COUNT]>,
) -> io::Result<()> {
    let mut ranges = ranges.lock().expect("nobody panics with it");
    for record in records.drain(..) {
        ranges.push(scatter, record[0], record.map(u64::to_le_bytes).as_flattened())?;
    }
    Ok(())
}

/// The hash of what is a hash already. Its upper bits are the same all over a shard, so the halves change places.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash.rotate_left(32);
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Watch, export::Hashes, join::Scratch, watch::Phase};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Settles rows of the next export alone, with memory for few of them.
    fn settle_alone(
        count: u64,
        key: impl Fn(u64) -> u64,
        suspect: impl Fn(&[u64]) -> Result<(), Error> + Sync,
    ) -> Result<Leftovers, Error> {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { memory: 0, grain: 256, ..Config::new(folder.path()) };
        let join = Join::new(&config, 0).unwrap();
        let hashes: Vec<Hashes> = (0..count).map(|row| Hashes { key: key(row), row }).collect();
        join.batch(Side::Next, &hashes, 0, &mut Scratch::default()).unwrap();
        let rows = Rows { previous: 0, next: count, key_bytes: 0 };
        settle(join, &config, rows, &Meter::new(Watch::none(), Phase::Comparing, 64), suspect)
    }

    #[test]
    fn a_pile_of_entries_on_disk_is_not_loaded_to_its_end_and_other_entries_only_in_parts() {
        let suspected = AtomicU64::new(0);
        let pile = settle_alone(
            10_000,
            |_| 7,
            |suspects| {
                assert_eq!(suspects, [7]);
                suspected.fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        );
        // Had all of them been looked at, they would have been left over, and the suspicion would have come last.
        assert!(matches!(pile, Err(Error::Collisions)));
        assert_eq!(suspected.into_inner(), 1);
        // All in one shard; loaded at once, they would look like a pile.
        let spread = settle_alone(10_000, |row| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32, |_| Ok(()));
        assert_eq!(spread.unwrap().next_count, 10_000);
    }
}
