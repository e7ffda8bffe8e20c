//! Filling an index with the items that were there before it, a bounded step at a time.
//!
//! A step runs between two groups, on the newest state: the items up to its end are entered, and from then on their
//! changes maintain the entries; those behind it are left to the next step. Its entry in the log is only the new end;
//! recovery repeats the step on the state that it saw, which is why it is always the first entry of its frame.

use super::{Core, Shared};
use crate::{
    Backfill, Error, Table,
    catalog::Catalog,
    index::{self, Entry, EntryChange, Image},
    rows,
    store::{self, Store},
};
use item::{Seq, TableId, codec};
use std::sync::Arc;

/// Items of one step: writers wait for about a millisecond.
const STEP_ITEMS: usize = 256;
/// Bytes of stored items of one step; the first one always fits.
const STEP_BYTES: usize = 256 << 10;

/// The items of one step: encoded keys in `(after, upto]`, to the table's end where `upto` is `None`.
pub(super) struct Step {
    index: TableId,
    after: Vec<u8>,
    upto: Option<Vec<u8>>,
}

impl Step {
    /// The steps that led from one description of a table to the next.
    pub fn between(before: &Table, after: &Table) -> Vec<Step> {
        let fills = fills(before).into_iter().flatten();
        let stepped = |(index, backfill): (TableId, Backfill)| {
            // An index that is gone needs no entries.
            let now = fill_of(after, index)?;
            let upto = now.as_ref().map(|backfill| backfill.upto.clone());
            (upto.as_ref() != Some(&backfill.upto)).then_some(Step { index, after: backfill.upto, upto })
        };
        fills.filter_map(stepped).collect()
    }

    /// The entries that the step makes.
    pub fn entries(
        &self,
        store: &Store,
        table: &Table,
        at: Seq,
        put: &mut impl FnMut(Entry),
    ) -> Result<(), store::Error> {
        let prefix = rows::items(table.id);
        let (start, table_end) = range(table, &self.after);
        // The end belongs to the step, and one zero more is the next possible key.
        let end = self.upto.as_ref().map_or(table_end, |upto| [&prefix, upto.as_slice(), &[0]].concat());
        for row in store.range(&start, &end, at, false) {
            let (row, stored) = row?;
            if let Some(entry) = entry(table, self.index, &row, &stored)? {
                put(entry);
            }
        }
        Ok(())
    }
}

/// The rows behind an encoded key.
fn range(table: &Table, after: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let prefix = rows::items(table.id);
    let start = if after.is_empty() { prefix.clone() } else { [&prefix, after, &[0]].concat() };
    (start, rows::after(&prefix))
}

fn entry(table: &Table, index: TableId, row: &[u8], stored: &[u8]) -> Result<Option<Entry>, store::Error> {
    let damaged = || store::Error::Damaged("an item of a table that is indexed".to_owned());
    let item = codec::decode(stored).map_err(|_| damaged())?;
    let key = table.spec.key.decode(&row[rows::ITEM_PREFIX..]).ok_or_else(damaged)?;
    Ok(index::fill(table, index, &key, Image { item: &item, stored }))
}

/// Indexes of the table that are being filled.
fn fills(table: &Table) -> [Option<(TableId, Backfill)>; 2] {
    let index = table.indexes.iter().find_map(|index| Some((index.id, index.backfill.clone()?)));
    let expiry = table.expiry.as_ref().and_then(|expiry| Some((expiry.id, expiry.backfill.clone()?)));
    [index, expiry]
}

/// How far an index is filled; the outer `None`: there is none such.
fn fill_of(table: &Table, index: TableId) -> Option<&Option<Backfill>> {
    let indexes = table.indexes.iter().map(|index| (index.id, &index.backfill));
    let expiry = table.expiry.iter().map(|expiry| (expiry.id, &expiry.backfill));
    indexes.chain(expiry).find(|(id, _)| *id == index).map(|(_, backfill)| backfill)
}

impl Core {
    /// One step of one fill, in a group of its own; answers whether there was anything to do.
    pub fn backfill(&mut self) -> Result<bool, Error> {
        self.relieve_pressure();
        if let Some(why) = self.shared.poisoned() {
            return Err(Error::Poisoned(why));
        }
        let Some((table, index, backfill)) = next(&self.catalog) else { return Ok(false) };
        self.begin();
        let read = |error: store::Error| Error::Read(error.to_string());
        let at = self.shared.head.get();
        let (end, entries) = read_step(&self.shared.store, &table, index, &backfill, at).map_err(read)?;
        let seq = self.next_seq();
        for new in entries {
            self.enter_index(EntryChange { index, old: None, new: Some(new) }, seq);
        }
        let mut changed = (*table).clone();
        let indexes = changed.indexes.iter_mut().map(|index| (index.id, &mut index.backfill));
        let expiry = changed.expiry.iter_mut().map(|expiry| (expiry.id, &mut expiry.backfill));
        if let Some((_, backfill)) = indexes.chain(expiry).find(|(id, _)| *id == index) {
            *backfill = end;
        }
        let mut catalog = (*self.catalog).clone();
        let row = catalog.put_table(changed);
        self.enter(catalog, vec![row]);
        self.finish().map(|()| true)
    }
}

/// The fill that goes on next.
pub(super) fn next(catalog: &Catalog) -> Option<(Arc<Table>, TableId, Backfill)> {
    let filling = |table: &Arc<Table>| {
        let (index, backfill) = fills(table).into_iter().flatten().next()?;
        Some((table.clone(), index, backfill))
    };
    catalog.by_name.values().find_map(filling)
}

/// Reads what the next step will read, so that the step finds it in the cache and writers do not wait for the disk.
pub(crate) fn warm(shared: &Shared) {
    if let Some((table, index, backfill)) = next(&shared.catalog()) {
        let at = shared.store.latest();
        // What goes wrong here goes wrong again in the step, which says so.
        let _ = read_step(&shared.store, &table, index, &backfill, at.seq());
    }
}

/// The end of the next step, `None` where it completes the index, and its entries.
fn read_step(
    store: &Store,
    table: &Table,
    index: TableId,
    backfill: &Backfill,
    at: Seq,
) -> Result<(Option<Backfill>, Vec<Entry>), store::Error> {
    let (start, end) = range(table, &backfill.upto);
    let (mut entries, mut items, mut bytes) = (Vec::new(), 0, 0);
    for row in store.range(&start, &end, at, false) {
        let (row, stored) = row?;
        entries.extend(entry(table, index, &row, &stored)?);
        items += 1;
        bytes += stored.len();
        if items >= STEP_ITEMS || bytes >= STEP_BYTES {
            let upto = row[rows::ITEM_PREFIX..].to_vec();
            return Ok((Some(Backfill { upto, items: backfill.items + items as u64 }), entries));
        }
    }
    Ok((None, entries))
}
