//! From what is left over to operations. Everything is read in order: first the previous keys that are left over, then the
//! next rows, which say whether a key of the same hash is the same key, then the keys that went.

use crate::{
    Config, Empty, Error,
    codec::Texts,
    columns::Layout,
    csv,
    export::Files,
    operations::{Kind, OperationsWriter},
    rows::RowReader,
    scan::{Row, Scanner},
    scatter::{Ranges, Scatter},
    settle::Leftovers,
    spool,
    state::{KeyReader, StateWriter},
    watch::Meter,
};
use std::{
    io::{self, Read},
    ops::Range,
};

/// Keys that are written together.
const KEY_BYTES: usize = 1 << 16;

/// What the operations are made of.
pub(crate) struct Source<'a> {
    pub config: &'a Config,
    pub leftovers: &'a Leftovers,
    /// Whether every row of the next export is new, whatever the leftovers say.
    pub all_new: bool,
    pub next: &'a Files,
    /// For each column of the operations, its place in the order in which rows are hashed.
    pub columns: &'a [usize],
    pub meter: &'a Meter<'a>,
}

/// How many operations there are of each kind.
#[derive(Default)]
pub(crate) struct Counts {
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
}

/// Writes all operations. `keys` are those of the previous export, if there is one.
pub(crate) fn emit(
    source: &Source<'_>,
    keys: Option<KeyReader>,
    rows: RowReader,
    out: &mut OperationsWriter,
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    let mut candidates = source.leftovers.next.alike();
    let left = keys.map(|keys| source.left_keys(keys, &mut candidates)).transpose()?;
    let updated = source.came_or_changed(rows, &candidates, out, &mut counts)?;
    if let Some(left) = left {
        source.went(left, &updated, out, &mut counts)?;
    }
    let Leftovers { next_count, previous_count, .. } = source.leftovers;
    let came = if source.all_new { source.next.rows } else { *next_count };
    assert_eq!(counts.inserts + counts.updates, came, "every next row that is left over is an operation");
    assert_eq!(counts.updates + counts.deletes, *previous_count, "and so is every previous one");
    Ok(counts)
}

fn writing(error: io::Error) -> Error {
    Error::io("writing a temporary file")(error)
}

fn reading(error: io::Error) -> Error {
    Error::io("reading a temporary file")(error)
}

impl Source<'_> {
    /// Collects the keys of previous rows that are left over, in order, and hands those that may be updates to the next rows
    /// that they may belong to.
    fn left_keys(&self, mut keys: KeyReader, candidates: &mut Ranges) -> Result<KeyReader, Error> {
        let Leftovers { scatter, previous, pairs, .. } = self.leftovers;
        let (mut left, mut pairs) = (Sorted::<1>::new(previous, scatter), Sorted::<2>::new(pairs, scatter));
        let mut writer = KeyWriter::new(self.config).map_err(writing)?;
        while let Some((first, texts)) = keys.next()? {
            self.meter.check()?;
            while let Some([row]) = left.below(first + texts.len() as u64).map_err(reading)? {
                let key = texts.get((row - first) as usize);
                writer.push(key).map_err(writing)?;
                while let Some([_, next]) = pairs.below(row + 1).map_err(reading)? {
                    let head = [next.to_le_bytes(), row.to_le_bytes(), (key.len() as u64).to_le_bytes()];
                    candidates.push(scatter, next, head.as_flattened()).map_err(writing)?;
                    candidates.push(scatter, next, key).map_err(writing)?;
                }
            }
        }
        writer.finish().map_err(writing)
    }

    /// Writes INSERT and UPDATE in the order of the next export; answers the previous rows that were updated.
    fn came_or_changed(
        &self,
        mut rows: RowReader,
        candidates: &Ranges,
        out: &mut OperationsWriter,
        counts: &mut Counts,
    ) -> Result<Ranges, Error> {
        let scatter = &self.leftovers.scatter;
        let mut updated = self.leftovers.previous.alike();
        let mut wanted = Sorted::<1>::new(&self.leftovers.next, scatter);
        let mut candidates = Candidates::new(candidates, scatter);
        let (mut scanner, mut key) = (Scanner::new(0), Vec::new());
        while let Some(mut rows) = rows.next().map_err(reading)? {
            let layout = self.next.layout(rows.file);
            let before = out.operations();
            while let Some((row, text)) = rows.next().map_err(reading)? {
                if !self.all_new && wanted.below(row + 1).map_err(reading)?.is_none() {
                    continue;
                }
                let parsed = scanner.row(text);
                key.clear();
                layout.push_key(&parsed, &mut key).expect("rows without a key were refused");
                let same = candidates.find(row, &key).map_err(reading)?;
                if let Some(old) = same {
                    updated.push(scatter, old, &old.to_le_bytes()).map_err(writing)?;
                    counts.updates += 1;
                } else {
                    counts.inserts += 1;
                }
                let kind = if same.is_some() { Kind::Update } else { Kind::Insert };
                self.row(kind, &parsed, layout, out)?;
            }
            self.meter.advance(out.operations() - before)?;
        }
        Ok(updated)
    }

    /// Writes a row that came or changed.
    fn row(&self, kind: Kind, row: &Row<'_>, layout: &Layout, out: &mut OperationsWriter) -> Result<(), Error> {
        let absent = self.config.empty == Empty::Absent;
        let fields = self.columns.iter().map(|place| {
            let field = layout.field(row, *place)?;
            (!absent || !csv::is_empty(field)).then_some(field)
        });
        out.row(kind, fields).map_err(Error::io("writing operations"))
    }

    /// Writes DELETE in the order of the previous export.
    fn went(
        &self,
        mut keys: KeyReader,
        updated: &Ranges,
        out: &mut OperationsWriter,
        counts: &mut Counts,
    ) -> Result<(), Error> {
        let Leftovers { scatter, previous, .. } = self.leftovers;
        let (mut left, mut updated) = (Sorted::<1>::new(previous, scatter), Sorted::<1>::new(updated, scatter));
        while let Some((_, texts)) = keys.next()? {
            for at in 0..texts.len() {
                let [row] = left.below(u64::MAX).map_err(reading)?.expect("there is a key for each row");
                if updated.below(row + 1).map_err(reading)?.is_some() {
                    continue;
                }
                out.delete(texts.get(at)).map_err(Error::io("writing operations"))?;
                counts.deletes += 1;
            }
            self.meter.advance(texts.len() as u64)?;
        }
        Ok(())
    }
}

/// Collects keys into a spool.
struct KeyWriter {
    state: StateWriter,
    keys: Texts,
}

impl KeyWriter {
    fn new(config: &Config) -> io::Result<KeyWriter> {
        let state = StateWriter::keys(spool::file(&config.spool)?)?;
        Ok(KeyWriter { state, keys: Texts::default() })
    }

    fn push(&mut self, key: &[u8]) -> io::Result<()> {
        self.keys.bytes.extend_from_slice(key);
        self.keys.end();
        if self.keys.bytes.len() >= KEY_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.state.keys_only(&self.keys)?;
        self.keys.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<KeyReader> {
        self.flush()?;
        KeyReader::spool(self.state.finish()?)
    }
}

/// Records of ranges by their first number, in order, a range at a time.
struct Sorted<'a, const COUNT: usize> {
    ranges: &'a Ranges,
    scatter: &'a Scatter,
    range: usize,
    loaded: Vec<[u64; COUNT]>,
    at: usize,
}

impl<'a, const COUNT: usize> Sorted<'a, COUNT> {
    fn new(ranges: &'a Ranges, scatter: &'a Scatter) -> Self {
        Sorted { ranges, scatter, range: 0, loaded: Vec::new(), at: 0 }
    }

    /// The next record if it belongs to a row below `end`.
    #[inline]
    fn below(&mut self, end: u64) -> io::Result<Option<[u64; COUNT]>> {
        while self.at == self.loaded.len() {
            let Some(stream) = self.ranges.streams().get(self.range) else { return Ok(None) };
            self.range += 1;
            (self.at, self.loaded) = (0, std::mem::take(&mut self.loaded));
            self.loaded.clear();
            let mut reader = stream.read(self.scatter);
            while let Some(record) = reader.numbers()? {
                self.loaded.push(record);
            }
            self.loaded.sort_unstable();
        }
        let record = self.loaded[self.at];
        if record[0] >= end {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(record))
    }
}

/// A previous row whose key has the same hash as a next row's.
struct Candidate {
    next: u64,
    previous: u64,
    /// Where its key is.
    key: Range<usize>,
}

/// Previous keys by the next rows that they may belong to, a range at a time.
struct Candidates<'a> {
    ranges: &'a Ranges,
    scatter: &'a Scatter,
    loaded: Option<usize>,
    rows: Vec<Candidate>,
    keys: Vec<u8>,
    at: usize,
}

impl<'a> Candidates<'a> {
    fn new(ranges: &'a Ranges, scatter: &'a Scatter) -> Self {
        Candidates { ranges, scatter, loaded: None, rows: Vec::new(), keys: Vec::new(), at: 0 }
    }

    /// The previous row with this key among the candidates of a next row. Rows must be asked for in order.
    fn find(&mut self, row: u64, key: &[u8]) -> io::Result<Option<u64>> {
        let range = self.ranges.place(row);
        if self.loaded != Some(range) {
            self.load(range)?;
        }
        while self.rows.get(self.at).is_some_and(|candidate| candidate.next < row) {
            self.at += 1;
        }
        let mut here = self.rows[self.at..].iter().take_while(|candidate| candidate.next == row);
        let same = here.find(|candidate| self.keys[candidate.key.clone()] == *key);
        Ok(same.map(|candidate| candidate.previous))
    }

    fn load(&mut self, range: usize) -> io::Result<()> {
        self.rows.clear();
        self.keys.clear();
        (self.loaded, self.at) = (Some(range), 0);
        let mut reader = self.ranges.streams()[range].read(self.scatter);
        while let Some([next, previous, length]) = reader.numbers()? {
            let start = self.keys.len();
            self.keys.resize(start + length as usize, 0);
            reader.read_exact(&mut self.keys[start..])?;
            self.rows.push(Candidate { next, previous, key: start..self.keys.len() });
        }
        self.rows.sort_unstable_by_key(|candidate| (candidate.next, candidate.previous));
        Ok(())
    }
}
