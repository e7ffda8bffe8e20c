//! Entries that wait in memory, found by the hash of their key. An open table with linear probing, because a lookup then
//! touches one line of memory where a table with separate control bytes touches two, and because it can be asked to fetch
//! the lines of many lookups at once: waiting for memory is most of what a join does.

use crate::join::Entry;

/// Used places, in parts of 16: fuller ones take less memory and half as long again.
const FULL: usize = 10;

/// Fewest places of a table that has any.
const PLACES_MIN: usize = 16;

#[derive(Default)]
pub(crate) struct Table {
    places: Vec<Entry>,
    len: usize,
}

impl Table {
    pub fn is_full(&self) -> bool {
        self.len >= self.places.len() / 16 * FULL
    }

    /// Bytes that the table takes, and those of one for so many entries.
    pub fn bytes(&self) -> usize {
        self.places.len() * size_of::<Entry>()
    }

    pub fn bytes_for(entries: usize) -> usize {
        places_for(entries).saturating_mul(size_of::<Entry>())
    }

    /// How many entries it should hold when it grows.
    pub fn next_size(&self) -> usize {
        self.len + self.len / 2 + 1
    }

    /// Makes a table of this size out of this one.
    pub fn grow(&mut self, entries: usize) {
        let old = std::mem::replace(&mut self.places, vec![Entry::NONE; places_for(entries)]);
        self.len = 0;
        for entry in old.into_iter().filter(|entry| !entry.is_none()) {
            self.insert(entry);
        }
    }

    /// The place where an entry would like to be. Places are in the order of the hash's lower half; shards take the upper.
    #[inline(always)]
    fn home(&self, key: u64) -> usize {
        (((key & 0xFFFF_FFFF) * self.places.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn after(&self, place: usize) -> usize {
        if place + 1 == self.places.len() { 0 } else { place + 1 }
    }

    /// Fetches what lookups of these keys will touch first; the loads do not wait for each other.
    #[inline(always)]
    pub fn fetch(&self, keys: impl Iterator<Item = u64>) {
        if !self.places.is_empty() {
            std::hint::black_box(keys.fold(0, |sum, key| sum ^ self.places[self.home(key)].key));
        }
    }

    /// Takes the entry's equal of the other side out; or else answers how many entries have its key hash.
    #[inline(always)]
    pub fn annihilate(&mut self, entry: &Entry) -> Result<(), usize> {
        if self.places.is_empty() {
            return Err(0);
        }
        let (mut place, mut twins) = (self.home(entry.key), 0);
        loop {
            let other = &self.places[place];
            if other.key == entry.key && !other.is_none() {
                if other.is_equal_of(entry) {
                    self.remove(place);
                    return Ok(());
                }
                twins += 1;
            } else if other.is_none() {
                return Err(twins);
            }
            place = self.after(place);
        }
    }

    /// Puts an entry in; the table must not be full.
    #[inline(always)]
    pub fn insert(&mut self, entry: Entry) {
        let mut place = self.home(entry.key);
        while !self.places[place].is_none() {
            place = self.after(place);
        }
        self.places[place] = entry;
        self.len += 1;
    }

    /// Empties a place, moving up what only stands further back because of it.
    fn remove(&mut self, mut hole: usize) {
        self.len -= 1;
        let count = self.places.len();
        let distance = |from: usize, to: usize| if to >= from { to - from } else { to + count - from };
        let mut place = hole;
        loop {
            place = self.after(place);
            let entry = self.places[place];
            if entry.is_none() {
                break;
            }
            if distance(self.home(entry.key), place) >= distance(hole, place) {
                self.places[hole] = entry;
                hole = place;
            }
        }
        self.places[hole] = Entry::NONE;
    }

    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        self.places.iter().copied().filter(|entry| !entry.is_none())
    }
}

fn places_for(entries: usize) -> usize {
    (entries.saturating_mul(16) / FULL + 1).max(PLACES_MIN).next_multiple_of(16)
}
