//! What a table's items entail: every index holds exactly those that have its key, projected, with its totals; the index
//! on expiry times has those that expire, so that what is due can be deleted.

use super::{Votes, all, text};
use crate::power_loss::load;
use db::{Db, Fingerprint, Index, IndexScan, Table};
use item::{Item, Value, codec, size};

/// Checks indexes and expiry against the items of the table, to which nobody writes.
pub fn derived(db: &Db, table: &Table, items: &Votes) -> Result<(), String> {
    table.indexes.iter().try_for_each(|index| check_index(db, table, index, items))?;
    let Some(expiry) = table.expiry.as_ref().filter(|expiry| expiry.backfill.is_none()) else { return Ok(()) };
    let (kept, expiring) = (db.stats(expiry.id).items, items.values().filter(|item| until(item).is_some()).count());
    if kept == expiring as u64 {
        return Ok(());
    }
    Err(format!("the index on expiry times says it has {kept} items, but {expiring} expire"))
}

/// Deletes what is due, which is that and nothing else; answers what is left.
pub fn expire(db: &Db, table: &Table, items: Votes) -> Result<Votes, String> {
    // Again while anything happens: the database's own thread may be at it too.
    while {
        let head = db.head();
        db.chores(false).map_err(|error| format!("what is due cannot be deleted: {error}"))?;
        db.head() > head
    } {}
    let mut wanted = items;
    let now = load::now();
    wanted.retain(|_, item| until(item).is_none_or(|until| until > now));
    let found = all(db, table)?;
    if found == wanted {
        return Ok(found);
    }
    Err(super::differ("what is due is not what was deleted", &found, &wanted))
}

fn until(item: &Item) -> Option<u64> {
    match item.get("until") {
        Some(Value::N(until)) => until.to_string().parse().ok(),
        _ => None,
    }
}

fn check_index(db: &Db, table: &Table, index: &Index, items: &Votes) -> Result<(), String> {
    let keyed = |item: &&Item| index.spec.key.attributes().all(|attribute| item.get(&attribute.name).is_some());
    let wanted = items.values().filter(keyed).filter(|item| is_filled(table, index, item));
    let wanted: Votes = wanted.map(|item| (text(item, "id"), projected(table, index, item))).collect();
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

/// Whether a fill under way has come to the item.
fn is_filled(table: &Table, index: &Index, item: &Item) -> bool {
    let mut place = Vec::new();
    table.spec.key.key_of(item).expect("an item of the table has its key").encode(&mut place);
    index.backfill.as_ref().is_none_or(|backfill| place <= backfill.upto)
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
