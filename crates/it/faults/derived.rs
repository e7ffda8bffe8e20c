//! What a table's items entail: every index holds exactly those that have its key, projected, with its totals; the index
//! on expiry times has as many entries as items expire.

use super::{Votes, text};
use db::{Db, Fingerprint, Index, IndexScan, Table};
use it::wait::Deadline;
use item::{Item, codec, size};
use std::{sync::Arc, time::Duration};

/// How long it may take to fill an index of a few hundred items.
const PATIENCE: Duration = Duration::from_secs(20);

/// Checks indexes and expiry against the items of the table, to which nobody writes.
pub fn derived(db: &Db, table: &Table, items: &Votes) -> Result<(), String> {
    table.indexes.iter().try_for_each(|index| check_index(db, table, index, items))?;
    let expiry = table.expiry.as_ref().ok_or("the table has no time to live any more")?;
    let expiring = items.values().filter(|item| item.get(&expiry.attribute).is_some()).count();
    let kept = db.stats(expiry.id).items;
    if kept == expiring as u64 {
        return Ok(());
    }
    Err(format!("the index on expiry times says it has {kept} items, but {expiring} expire"))
}

/// The table once its new indexes are filled: a fill that a power loss interrupted goes on where it was.
pub fn filled(db: &Db, name: &str) -> Result<Arc<Table>, String> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        let head = db.head();
        let table = db.table(name).ok_or("the table is gone")?;
        let Some(index) = table.indexes.iter().find(|index| index.backfill.is_some()) else { return Ok(table) };
        if deadline.left().is_zero() {
            return Err(format!("index {} is not filled", index.spec.name));
        }
        // Each step is an entry, the last one too.
        let _ = db.wait_past(head, deadline.left());
    }
}

fn check_index(db: &Db, table: &Table, index: &Index, items: &Votes) -> Result<(), String> {
    let keyed = |item: &&Item| index.spec.key.attributes().all(|attribute| item.get(&attribute.name).is_some());
    let wanted: Votes =
        items.values().filter(keyed).map(|item| (text(item, "id"), projected(table, index, item))).collect();
    let (name, found) = (&index.spec.name, entries(db, table, index)?);
    let count = found.len();
    let found: Votes = found.into_iter().map(|entry| (text(&entry, "id"), entry)).collect();
    if found != wanted || count != wanted.len() {
        return Err(super::differ(
            &format!("index {name} is not its table's items ({count} entries)"),
            &found,
            &wanted,
        ));
    }
    let kept = db.stats(index.id);
    let counted = totals(&wanted);
    if (kept.items, kept.bytes, kept.fingerprint) != counted {
        return Err(format!("index {name} says {kept:?}, but a recount is {counted:?}"));
    }
    Ok(())
}

fn projected(table: &Table, index: &Index, item: &Item) -> Item {
    let mut entry = item.clone();
    entry.retain(|name, _| index.carries(table, name));
    entry
}

fn entries(db: &Db, table: &Table, index: &Index) -> Result<Vec<Item>, String> {
    let mut entries = Vec::new();
    let mut scan = IndexScan { segment: (0, 1), start: None, limit: None, filter: None, whole: false };
    loop {
        let page = db.scan_index(table, index, &scan);
        let page = page.map_err(|error| format!("index {} cannot be scanned: {error}", index.spec.name))?;
        entries.extend(page.items);
        let Some(last) = page.last else { return Ok(entries) };
        let start = index.position(table, &last).map_err(|error| format!("a page ends nowhere: {error}"))?;
        scan.start = Some(start);
    }
}

fn totals(entries: &Votes) -> (u64, u64, Fingerprint) {
    let bytes = entries.values().map(|entry| size::item(entry) as u64).sum();
    let fingerprint = entries.values().fold(0_u128, |sum, entry| {
        let mut stored = Vec::new();
        codec::encode(entry, &mut stored);
        sum.wrapping_add(codec::fingerprint(&stored))
    });
    (entries.len() as u64, bytes, Fingerprint(fingerprint))
}
