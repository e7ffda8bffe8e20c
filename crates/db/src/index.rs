//! Secondary indexes and the index on expiry times: rows derived from a table's items, in the same group as the change
//! that makes them. Never in the log: recovery derives them again from the images that are.

use crate::{Error, IndexSpec, Table, rows, store::Batch};
use item::{Item, Key, KeyError, Number, Seq, TableId, Value, codec, size};

/// A secondary index that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Indexes are numbered together with tables: their rows, totals and garbage are kept as a table's are.
    pub id: TableId,
    pub spec: IndexSpec,
    /// How far it is filled with the items that were there before it; `None` once it is complete.
    pub backfill: Option<Backfill>,
}

/// The index on the expiry times of a table with time to live.
#[derive(Clone, Debug, PartialEq)]
pub struct Expiry {
    pub id: TableId,
    /// Name of the attribute that holds the expiry time, epoch seconds.
    pub attribute: String,
    pub backfill: Option<Backfill>,
}

/// A fill under way: the items up to `upto` have been entered, those behind it have not, except where they changed
/// since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfill {
    /// Encoded key of the last item; empty at the start.
    pub upto: Vec<u8>,
    /// Items read so far.
    pub items: u64,
}

/// Which attributes an index keeps beside the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projected {
    All,
    KeysOnly,
    Include(Vec<String>),
}

impl Projected {
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Projected::All
    }

    fn keeps(&self, name: &str) -> bool {
        match self {
            Projected::All => true,
            Projected::KeysOnly => false,
            Projected::Include(names) => names.iter().any(|other| other == name),
        }
    }
}

impl Index {
    /// Whether an entry of this index carries the attribute.
    #[must_use]
    pub fn carries(&self, table: &Table, name: &str) -> bool {
        self.spec.projected.keeps(name) || self.spec.key.has(name) || table.spec.key.has(name)
    }

    /// The place of an entry, from its `LastEvaluatedKey`: exactly the attributes of the index's and the table's key.
    ///
    /// # Errors
    /// When one is missing, does not fit, or there are others.
    pub fn position(&self, table: &Table, attributes: &Item) -> Result<Vec<u8>, KeyError> {
        if attributes.iter().any(|(name, _)| !self.spec.key.has(name) && !table.spec.key.has(name)) {
            return Err(KeyError::Count);
        }
        let key = table.spec.key.key_of(attributes)?;
        let place = self.spec.key.key_of(attributes)?.ok_or(KeyError::Count)?;
        let mut position = Vec::new();
        place.encode(&key, &mut position);
        Ok(position)
    }

    /// The attributes that tell where an entry is: what [`Index::position`] takes.
    pub(crate) fn place(&self, table: &Table, entry: &Item) -> Item {
        let mut place = self.spec.key.project(entry);
        let own = entry.iter().filter(|(name, _)| table.spec.key.has(name));
        own.for_each(|(name, value)| {
            place.insert(name, value.clone());
        });
        place
    }

    /// The sizes of the entries that a change of an item writes to the index or removes from it, for consumed capacity:
    /// none where the index does not see the change, two where the entry moves.
    #[must_use]
    pub fn written(&self, table: &Table, old: Option<&Item>, new: Option<&Item>) -> Vec<usize> {
        let entry = |item: &Item| {
            let place = self.spec.key.key_of(item).ok().flatten()?;
            Some((place, self.project(table, item)))
        };
        match (old.and_then(entry), new.and_then(entry)) {
            (None, None) => Vec::new(),
            (Some((_, entry)), None) | (None, Some((_, entry))) => vec![size::item(&entry)],
            (Some((from, old)), Some((to, new))) if from != to => vec![size::item(&old), size::item(&new)],
            (Some((_, old)), Some((_, new))) if old == new => Vec::new(),
            (Some((_, old)), Some((_, new))) => vec![size::item(&old).max(size::item(&new))],
        }
    }

    fn project(&self, table: &Table, item: &Item) -> Item {
        let kept = item.iter().filter(|(name, _)| self.carries(table, name));
        kept.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    fn entry(&self, table: &Table, key: &Key, image: Image<'_>) -> Option<Entry> {
        // What does not fit is not there: new items are checked, and a fill passes over old ones, as AWS does.
        let place = self.spec.key.key_of(image.item).ok().flatten()?;
        let mut row = rows::items(self.id);
        place.encode(key, &mut row);
        let (image, bytes) = match self.spec.projected {
            Projected::All => (image.stored.to_vec(), size::item(image.item)),
            _ => {
                let projected = self.project(table, image.item);
                let mut stored = Vec::with_capacity(128);
                codec::encode(&projected, &mut stored);
                (stored, size::item(&projected))
            }
        };
        Some(Entry { row, image, bytes: bytes as u64 })
    }
}

/// Times older than this are not deleted any more, as on AWS: most likely they were never meant as expiry times.
const EXPIRED_SECONDS_MAX: u64 = 5 * 365 * 24 * 60 * 60;

impl Expiry {
    fn entry(&self, key: &Key, item: &Item) -> Option<Entry> {
        let mut row = self.rows_before(expires(item, &self.attribute)?);
        key.encode(&mut row);
        Some(Entry { row, image: Vec::new(), bytes: 0 })
    }

    fn rows_before(&self, seconds: u64) -> Vec<u8> {
        let mut row = rows::items(self.id);
        row.extend_from_slice(&seconds.to_be_bytes());
        row
    }

    /// The rows of items that have expired by `now`, seconds since the epoch.
    pub(crate) fn due(&self, now: u64) -> (Vec<u8>, Vec<u8>) {
        (self.rows_before(now.saturating_sub(EXPIRED_SECONDS_MAX)), self.rows_before(now + 1))
    }

    /// Expiry time and encoded item key of a row.
    pub(crate) fn read(row: &[u8]) -> Option<(u64, &[u8])> {
        let (seconds, key) = row.get(rows::ITEM_PREFIX..)?.split_first_chunk()?;
        Some((u64::from_be_bytes(*seconds), key))
    }
}

/// When an item expires, seconds since the epoch: only numbers count, fractions are cut.
pub(crate) fn expires(item: &Item, attribute: &str) -> Option<u64> {
    let whole = |number: &Number| number.to_i64().unwrap_or(number.to_f64() as i64);
    match item.get(attribute)? {
        Value::N(number) => u64::try_from(whole(number)).ok(),
        _ => None,
    }
}

/// An item with its stored form.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    pub item: &'a Item,
    pub stored: &'a [u8],
}

impl<'a> Image<'a> {
    pub fn of(item: Option<&'a Item>, stored: Option<&'a [u8]>) -> Option<Image<'a>> {
        Some(Image { item: item?, stored: stored? })
    }
}

/// A row of an index.
#[derive(PartialEq)]
pub(crate) struct Entry {
    pub row: Vec<u8>,
    pub image: Vec<u8>,
    /// Size of the projected item as DynamoDB counts it.
    pub bytes: u64,
}

/// What a change of an item makes of its entry in one index.
pub(crate) struct EntryChange {
    pub index: TableId,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

impl EntryChange {
    pub fn apply(self, batch: &mut Batch, seq: Seq) {
        if let Some(old) = self.old
            && self.new.as_ref().is_none_or(|new| new.row != old.row)
        {
            batch.remove(old.row, seq);
        }
        if let Some(new) = self.new {
            batch.put(new.row, new.image, seq);
        }
    }
}

/// What a change of an item does to the table's indexes, as far as they are filled: an item behind the end of a fill
/// will be read by it, with this change.
pub(crate) fn derive(table: &Table, key: &Key, old: Option<Image<'_>>, new: Option<Image<'_>>) -> Vec<EntryChange> {
    if table.indexes.is_empty() && table.expiry.is_none() {
        return Vec::new();
    }
    let mut encoded = Vec::new();
    key.encode(&mut encoded);
    let filled = |backfill: &Option<Backfill>| backfill.as_ref().is_none_or(|backfill| encoded <= backfill.upto);
    let mut changes: Vec<EntryChange> = Vec::with_capacity(table.indexes.len() + 1);
    for index in table.indexes.iter().filter(|index| filled(&index.backfill)) {
        let entry = |image: Image<'_>| index.entry(table, key, image);
        changes.push(EntryChange { index: index.id, old: old.and_then(entry), new: new.and_then(entry) });
    }
    if let Some(expiry) = table.expiry.as_ref().filter(|expiry| filled(&expiry.backfill)) {
        let entry = |image: Image<'_>| expiry.entry(key, image.item);
        changes.push(EntryChange { index: expiry.id, old: old.and_then(entry), new: new.and_then(entry) });
    }
    changes.retain(|change| change.old != change.new);
    changes
}

/// The entry that filling an index makes of an item that is there.
pub(crate) fn fill(table: &Table, index: TableId, key: &Key, image: Image<'_>) -> Option<Entry> {
    match table.indexes.iter().find(|other| other.id == index) {
        Some(index) => index.entry(table, key, image),
        None => table.expiry.as_ref().filter(|expiry| expiry.id == index)?.entry(key, image.item),
    }
}

/// Refuses a new image whose attribute cannot be a key of an index, unless it was so before: a table may hold items
/// that an index made later passes over.
pub(crate) fn check(table: &Table, old: Option<&Item>, new: &Item) -> Result<(), Error> {
    for index in &table.indexes {
        let Err(error) = index.spec.key.key_of(new) else { continue };
        let unchanged = |name: &str| old.is_some_and(|old| old.get(name) == new.get(name));
        if !error.attribute().is_some_and(unchanged) {
            return Err(Error::IndexKey { index: index.spec.name.clone(), error });
        }
    }
    Ok(())
}
