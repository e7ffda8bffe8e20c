//! Reading items: one, a range of one partition, or a table, each at a `Seq`.

use crate::{Error, Index, Table, commit::Shared, rows, store};
use item::{IndexRange, Item, Key, KeyValue, Seq, SortRange, TableId, codec, expression::Condition, size};

/// DynamoDB's page: at most this many bytes of items are read for one Query or Scan page, before filtering.
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// One page of one partition.
#[derive(Clone, Debug)]
pub struct Query {
    pub partition: KeyValue,
    pub sort: SortRange,
    pub reverse: bool,
    /// Continue after this key (`ExclusiveStartKey`).
    pub start: Option<Key>,
    /// Most items to evaluate.
    pub limit: Option<usize>,
    pub filter: Option<Condition>,
}

/// One page of a table, or of one segment of it.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Segment number and count; `(0, 1)` is the whole table.
    pub segment: (u32, u32),
    pub start: Option<Key>,
    pub limit: Option<usize>,
    pub filter: Option<Condition>,
}

/// One page of one partition of an index.
#[derive(Clone, Debug)]
pub struct IndexQuery {
    pub range: IndexRange,
    pub reverse: bool,
    /// Continue after this place: see [`Index::position`].
    pub start: Option<Vec<u8>>,
    pub limit: Option<usize>,
    pub filter: Option<Condition>,
    /// Show the table's items in place of the entries (a local index can).
    pub whole: bool,
}

/// One page of an index, or of one segment of it.
#[derive(Clone, Debug)]
pub struct IndexScan {
    pub segment: (u32, u32),
    pub start: Option<Vec<u8>>,
    pub limit: Option<usize>,
    pub filter: Option<Condition>,
    pub whole: bool,
}

/// `L` is how a reader says where to continue: a table's key, or the attributes that [`Index::position`] takes.
#[derive(Clone, Debug)]
pub struct Page<L = Key> {
    /// Those that passed the filter.
    pub items: Vec<Item>,
    /// How many items were evaluated (`ScannedCount`).
    pub scanned: usize,
    /// Their size, for consumed capacity.
    pub bytes: usize,
    /// Of items fetched from the table by an index's entries: their sizes in blocks of 4 KB, each rounded up.
    pub fetched_blocks: usize,
    /// Where to continue; `None` when the range is exhausted.
    pub last: Option<L>,
}

impl<L> Default for Page<L> {
    fn default() -> Page<L> {
        Page { items: Vec::new(), scanned: 0, bytes: 0, fetched_blocks: 0, last: None }
    }
}

/// The item at the head.
pub(crate) fn get(shared: &Shared, table: &Table, key: &Key) -> Result<Option<Item>, Error> {
    let row = rows::item(table.id, key);
    let stored = at_head(shared, |head| shared.store.get(&row, head))?;
    stored.map(|image| codec::decode(&image)).transpose().map_err(|error| Error::Read(error.to_string()))
}

/// Reads at the head, again should the head have moved so far meanwhile that its versions are gone.
pub(crate) fn at_head<T>(shared: &Shared, read: impl Fn(Seq) -> Result<T, store::Error>) -> Result<T, Error> {
    loop {
        match read(shared.head.get()) {
            Err(store::Error::Gone(_)) => {}
            answer => return answer.map_err(|error| Error::Read(error.to_string())),
        }
    }
}

/// The items of several keys, all at one moment.
pub(crate) fn get_many(shared: &Shared, keys: &[(TableId, Key)]) -> Result<Vec<Option<Item>>, Error> {
    let at = shared.store.latest();
    let get = |(table, key): &(TableId, Key)| {
        let stored =
            shared.store.get(&rows::item(*table, key), at.seq()).map_err(|error| Error::Read(error.to_string()))?;
        stored.map(|image| codec::decode(&image)).transpose().map_err(|error| Error::Read(error.to_string()))
    };
    keys.iter().map(get).collect()
}

pub(crate) fn query(shared: &Shared, table: &Table, query: &Query) -> Result<Page, Error> {
    let after = query.start.as_ref().map(encoded);
    let bounds = Bounds { tree: table.id, range: query.sort.encode(&query.partition), after, reverse: query.reverse };
    let at = shared.store.latest();
    page(shared, &bounds, at.seq(), query.limit, query.filter.as_ref(), &Items(table))
}

pub(crate) fn scan(shared: &Shared, table: &Table, scan: &Scan, at: Seq) -> Result<Page, Error> {
    let after = scan.start.as_ref().map(encoded);
    let bounds = Bounds { tree: table.id, range: segment(scan.segment), after, reverse: false };
    page(shared, &bounds, at, scan.limit, scan.filter.as_ref(), &Items(table))
}

pub(crate) fn query_index(
    shared: &Shared,
    table: &Table,
    index: &Index,
    query: &IndexQuery,
) -> Result<Page<Item>, Error> {
    let after = query.start.clone();
    let bounds = Bounds { tree: index.id, range: query.range.encode(), after, reverse: query.reverse };
    let at = shared.store.latest();
    let entries = Entries { shared, table, index, at: at.seq(), whole: query.whole };
    page(shared, &bounds, at.seq(), query.limit, query.filter.as_ref(), &entries)
}

pub(crate) fn scan_index(shared: &Shared, table: &Table, index: &Index, scan: &IndexScan) -> Result<Page<Item>, Error> {
    let bounds = Bounds { tree: index.id, range: segment(scan.segment), after: scan.start.clone(), reverse: false };
    let at = shared.store.latest();
    let entries = Entries { shared, table, index, at: at.seq(), whole: scan.whole };
    page(shared, &bounds, at.seq(), scan.limit, scan.filter.as_ref(), &entries)
}

fn encoded(key: &Key) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes
}

/// The range of hashes of one of `count` segments.
fn segment((segment, count): (u32, u32)) -> (Vec<u8>, Vec<u8>) {
    let edge = |segment: u32| (u64::from(segment) << 32).div_ceil(u64::from(count));
    let hash = |edge: u64| u32::try_from(edge).ok().map(u32::to_be_bytes);
    let start = hash(edge(segment)).expect("a segment starts within the hashes").to_vec();
    let end = hash(edge(segment + 1)).map_or_else(Vec::new, |hash| hash.to_vec());
    (start, end)
}

/// A range of encoded keys within a table's or an index's tree.
struct Bounds {
    tree: TableId,
    /// The end, exclusive; empty: to the tree's end.
    range: (Vec<u8>, Vec<u8>),
    /// Exclusive; the page continues behind it, in its direction.
    after: Option<Vec<u8>>,
    reverse: bool,
}

impl Bounds {
    /// The range in the state engine's key space.
    fn rows(&self) -> (Vec<u8>, Vec<u8>) {
        let prefix = rows::items(self.tree);
        let within = |key: &[u8]| [prefix.as_slice(), key].concat();
        let (start, end) = &self.range;
        let mut start = within(start);
        let mut end = if end.is_empty() { rows::after(&prefix) } else { within(end) };
        if let Some(key) = &self.after {
            let mut row = within(key);
            if self.reverse {
                end = end.min(row);
            } else {
                row.push(0);
                start = start.max(row);
            }
        }
        (start, end)
    }
}

/// What the rows of a tree mean.
trait Rows {
    type Last;

    /// The item that a row shows. Counts in the page what was read.
    fn item(&self, image: &[u8], page: &mut Page<Self::Last>) -> Result<Item, Error>;

    /// Where to continue after a row.
    fn last(&self, key: &[u8], image: &[u8]) -> Result<Self::Last, Error>;
}

fn decode(image: &[u8]) -> Result<Item, Error> {
    codec::decode(image).map_err(|error| Error::Read(error.to_string()))
}

/// A table's items.
struct Items<'a>(&'a Table);

impl Rows for Items<'_> {
    type Last = Key;

    fn item(&self, image: &[u8], page: &mut Page) -> Result<Item, Error> {
        let item = decode(image)?;
        page.bytes += size::item(&item);
        Ok(item)
    }

    fn last(&self, key: &[u8], _image: &[u8]) -> Result<Key, Error> {
        self.0.spec.key.decode(key).ok_or_else(|| Error::Read("a stored key is malformed".to_owned()))
    }
}

/// An index's entries, or the items that they stand for.
struct Entries<'a> {
    shared: &'a Shared,
    table: &'a Table,
    index: &'a Index,
    at: Seq,
    whole: bool,
}

impl Rows for Entries<'_> {
    type Last = Item;

    fn item(&self, image: &[u8], page: &mut Page<Item>) -> Result<Item, Error> {
        let entry = decode(image)?;
        page.bytes += size::item(&entry);
        if !self.whole {
            return Ok(entry);
        }
        let astray = || Error::Read(format!("an entry of index {} has no item", self.index.spec.name));
        let key = self.table.spec.key.key_of(&entry).map_err(|_| astray())?;
        let stored = self.shared.store.get(&rows::item(self.table.id, &key), self.at);
        let stored = stored.map_err(|error| Error::Read(error.to_string()))?.ok_or_else(astray)?;
        let item = decode(&stored)?;
        page.fetched_blocks += size::item(&item).div_ceil(4096);
        Ok(item)
    }

    fn last(&self, _key: &[u8], image: &[u8]) -> Result<Item, Error> {
        Ok(self.index.place(self.table, &decode(image)?))
    }
}

fn page<R: Rows>(
    shared: &Shared,
    bounds: &Bounds,
    at: Seq,
    limit: Option<usize>,
    filter: Option<&Condition>,
    tree: &R,
) -> Result<Page<R::Last>, Error> {
    let (start, end) = bounds.rows();
    let limit = limit.unwrap_or(usize::MAX);
    let mut page = Page::default();
    if start >= end {
        return Ok(page);
    }
    for row in shared.store.range(&start, &end, at, bounds.reverse) {
        let (key, image) = row.map_err(|error| Error::Read(error.to_string()))?;
        let item = tree.item(&image, &mut page)?;
        page.scanned += 1;
        if filter.is_none_or(|filter| filter.matches(Some(&item))) {
            page.items.push(item);
        }
        // DynamoDB answers where it stopped even when nothing follows; the next page is then empty.
        if page.scanned >= limit || page.bytes >= PAGE_BYTES_MAX {
            page.last = Some(tree.last(&key[rows::ITEM_PREFIX..], &image)?);
            break;
        }
    }
    Ok(page)
}

/// Calls `visit` with the stored image of every item of a table.
pub(crate) fn each(
    shared: &Shared,
    table: &Table,
    at: Seq,
    mut visit: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let start = rows::items(table.id);
    for row in shared.store.range(&start, &rows::after(&start), at, false) {
        let (_, image) = row.map_err(|error| Error::Read(error.to_string()))?;
        visit(&image)?;
    }
    Ok(())
}
