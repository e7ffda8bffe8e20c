//! Opening: what the state engine kept, then the log past it, replayed as it was applied.

use super::{Shared, backfill::Step};
use crate::{
    FollowerId, OpenError, TableStats,
    catalog::Catalog,
    index::{self, Image},
    log::{
        entry::{ChangeEntry, Entry, Reader},
        frame::{Frame, read_stats},
    },
    rows,
    store::{Batch, Pressure},
};
use item::{Seq, TableId, codec};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// State being rebuilt.
pub(crate) struct Redo<'a> {
    shared: &'a Shared,
    catalog: Catalog,
    totals: HashMap<TableId, TableStats>,
    cursors: HashMap<FollowerId, Seq>,
    /// Totals that frames carried: newer than what the state engine kept of them.
    pub unsaved: BTreeMap<TableId, TableStats>,
    /// Newest position that is in the state.
    applied: Seq,
    /// Frames replayed.
    pub frames: u64,
}

/// A client's call as a frame tells of it: where its changes are, and the position of its row.
struct Called {
    request: u64,
    first: Seq,
    last: Seq,
    at: Seq,
}

impl<'a> Redo<'a> {
    /// Loads the catalogue and bookkeeping as of `applied`.
    pub fn load(shared: &'a Shared, applied: Seq) -> Result<Redo<'a>, OpenError> {
        shared.store.set_head(applied);
        let mut redo = Redo {
            shared,
            catalog: Catalog::default(),
            totals: HashMap::new(),
            cursors: HashMap::new(),
            unsaved: BTreeMap::new(),
            applied,
            frames: 0,
        };
        let (start, end) = rows::meta_range();
        for row in shared.store.range(&start, &end, applied, false) {
            let (key, value) = row.map_err(|error| OpenError::Store(error.to_string()))?;
            redo.load_row(&key, Some(&value)).map_err(|error| OpenError::Store(error.to_string()))?;
        }
        Ok(redo)
    }

    fn load_row(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), codec::DecodeError> {
        if self.catalog.load(key, value)? {
            return Ok(());
        }
        let malformed = codec::DecodeError { at: 0, what: "a bookkeeping row is too short" };
        match (rows::meta_kind(key), value) {
            (Some((b'X', id)), Some(value)) => {
                let stats = read_stats(&mut Reader(value)).ok_or(malformed)?;
                self.totals.insert(TableId(id), stats);
            }
            (Some((b'X', id)), None) => {
                self.totals.remove(&TableId(id));
            }
            (Some((b'F', id)), Some(value)) => {
                let cursor = Reader(value).u64().ok_or(malformed)?;
                self.cursors.insert(FollowerId(id), Seq(cursor));
            }
            (Some((b'F', id)), None) => {
                self.cursors.remove(&FollowerId(id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Applies a frame that lies past what the state engine has.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Result<(), String> {
        let mut batch = Batch::new();
        let mut calls: HashMap<[u8; 16], Called> = HashMap::new();
        for (seq, raw) in frame.entries() {
            match raw.decode().ok_or("an entry cannot be read; it may be of a newer version")? {
                Entry::Change(change) => {
                    if let Some((id, request)) = change.call {
                        let call = calls.entry(id).or_insert(Called { request, first: seq, last: seq, at: seq });
                        (call.last, call.at) = (seq, seq);
                    }
                    self.change(&change, seq, &mut batch)?;
                }
                Entry::Call { id, request, first, last } => {
                    calls.insert(id, Called { request, first, last, at: seq });
                }
                Entry::Schema(changed) => {
                    let before = self.catalog.clone();
                    for (key, value) in &changed {
                        self.load_row(key, *value).map_err(|error| error.to_string())?;
                    }
                    self.fill_indexes(&before, seq, &mut batch)?;
                    for (key, value) in changed {
                        match value {
                            Some(value) => batch.put(key.to_vec(), value.to_vec(), seq),
                            None => batch.remove(key.to_vec(), seq),
                        }
                    }
                }
                Entry::Follower { follower, upto, state } => {
                    follower_rows(&mut batch, follower, upto, state.into_iter(), seq);
                    self.cursors.insert(follower, upto);
                }
            }
        }
        for (id, Called { request, first, last, at }) in calls {
            let row = rows::call(frame.header.time_ms, &id);
            batch.put(row, super::evaluate::call_row(request, first, last), at);
        }
        self.finish(frame, batch)
    }

    fn finish(&mut self, frame: &Frame<'_>, mut batch: Batch) -> Result<(), String> {
        for (table, stats) in frame.totals().ok_or("the totals of a frame cannot be read")? {
            self.totals.insert(table, stats);
            self.unsaved.insert(table, stats);
        }
        self.applied = frame.header.last();
        self.shared.store.apply(&mut batch);
        self.shared.store.set_head(self.applied);
        self.frames += 1;
        self.relieve_pressure();
        Ok(())
    }

    /// A long replay writes the state out as it goes, with the totals of the moment, as the sequencer does.
    fn relieve_pressure(&mut self) {
        match self.shared.store.write_pressure() {
            Pressure::Fine => {}
            Pressure::Rotate => {
                let mut batch = Batch::new();
                super::put_totals(&mut batch, std::mem::take(&mut self.unsaved), self.applied);
                self.shared.store.apply(&mut batch);
                self.shared.store.rotate();
            }
            Pressure::Stall => self.shared.store.wait_for_room(),
        }
    }

    /// The rows of a change: the item's, and those of its indexes.
    fn change(&self, change: &ChangeEntry<'_>, seq: Seq, batch: &mut Batch) -> Result<(), String> {
        if self.catalog.has_resource(FollowerId(change.table.0)) {
            // A record: it is in the log and nowhere else.
            return Ok(());
        }
        let table = self.catalog.by_id.get(&change.table).ok_or("a change names a table that was never created")?;
        let decode = |image: &[u8]| codec::decode(image).map_err(|error| error.to_string());
        let new = change.new.map(decode).transpose()?;
        // The old image has something to say only where there are indexes, or no new one.
        let needed = new.is_none() || table.derived().next().is_some();
        let old = change.old.filter(|_| needed).map(decode).transpose()?;
        let image = new.as_ref().or(old.as_ref()).ok_or("a change has no image")?;
        let key = table.spec.key.key_of(image).map_err(|error| error.to_string())?;
        let (before, after) = (Image::of(old.as_ref(), change.old), Image::of(new.as_ref(), change.new));
        index::derive(table, &key, before, after).into_iter().for_each(|entry| entry.apply(batch, seq));
        let row = rows::item(table.id, &key);
        match change.new {
            Some(image) => batch.put(row, image.to_vec(), seq),
            None => batch.remove(row, seq),
        }
        Ok(())
    }

    /// Repeats the steps of fills that an entry tells of. A step is the first entry of its frame, so the state is what
    /// the step saw.
    fn fill_indexes(&self, before: &Catalog, seq: Seq, batch: &mut Batch) -> Result<(), String> {
        for table in self.catalog.by_id.values() {
            let Some(earlier) = before.by_id.get(&table.id).filter(|earlier| !Arc::ptr_eq(earlier, table)) else {
                continue;
            };
            for step in Step::between(earlier, table) {
                let mut put = |entry: index::Entry| batch.put(entry.row, entry.image, seq);
                step.entries(&self.shared.store, table, self.applied, &mut put).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Publishes what was rebuilt.
    pub fn publish(mut self) -> BTreeMap<TableId, TableStats> {
        let catalog = self.catalog;
        self.totals.retain(|id, _| catalog.trees.contains(id));
        self.unsaved.retain(|id, _| catalog.trees.contains(id));
        *self.shared.totals.write().expect("no holder panics") = self.totals;
        *self.shared.cursors.write().expect("no holder panics") = self.cursors;
        *self.shared.catalog.write().expect("no holder panics") = Arc::new(catalog);
        self.shared.head.set(self.applied, std::iter::empty(), true);
        self.unsaved
    }
}

/// A follower's state and cursor as rows of the state engine.
pub(super) fn follower_rows<'a>(
    batch: &mut Batch,
    follower: FollowerId,
    upto: Seq,
    state: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    seq: Seq,
) {
    for (key, value) in state {
        let row = rows::state(follower, key);
        match value {
            Some(value) => batch.put(row, value.to_vec(), seq),
            None => batch.remove(row, seq),
        }
    }
    batch.put(rows::cursor(follower), upto.0.to_le_bytes().to_vec(), seq);
}
