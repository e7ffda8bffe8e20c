//! Reading items: one, a range of one partition, or a table, each at a `Seq`.

use crate::{Error, Index, Table, commit::Shared, rows, store};
use item::{
    IndexRange, Item, Key, KeyValue, Seq, SortRange, TableId,
    codec::{self, DecodeError},
    expression::Condition,
    size,
};

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

/// Where a page of images ended that were looked at one by one: as [`Page`], without its items.
#[derive(Clone, Debug)]
pub struct PageEnd<L = Key> {
    pub scanned: usize,
    pub bytes: usize,
    pub fetched_blocks: usize,
    pub last: Option<L>,
}

impl<L> Default for PageEnd<L> {
    fn default() -> PageEnd<L> {
        PageEnd { scanned: 0, bytes: 0, fetched_blocks: 0, last: None }
    }
}

/// An item as it lies in the state, see [`codec`]: for readers that show it and need no [`Item`] made of it.
pub struct Image(store::Value);

impl std::ops::Deref for Image {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// What looks at the images of a page.
pub(crate) type Visit<'v> = dyn FnMut(&[u8]) -> Result<(), DecodeError> + 'v;

impl<L> Page<L> {
    /// A page whose images are decoded into items.
    pub(crate) fn collect(read: impl FnOnce(&mut Visit<'_>) -> Result<PageEnd<L>, Error>) -> Result<Page<L>, Error> {
        let mut items = Vec::new();
        let PageEnd { scanned, bytes, fetched_blocks, last } = read(&mut |image| {
            items.push(codec::decode(image)?);
            Ok(())
        })?;
        Ok(Page { items, scanned, bytes, fetched_blocks, last })
    }
}

/// The item at the head.
pub(crate) fn get(shared: &Shared, table: &Table, key: &Key) -> Result<Option<Image>, Error> {
    let row = rows::item(table.id, key);
    Ok(at_head(shared, |head| shared.store.get(&row, head))?.map(Image))
}

pub(crate) fn decoded(image: Option<Image>) -> Result<Option<Item>, Error> {
    image.map(|image| codec::decode(&image)).transpose().map_err(malformed)
}

fn malformed(error: DecodeError) -> Error {
    Error::Read(error.to_string())
}

/// Reads at the head, again should the head have moved so far meanwhile that its versions are gone.
pub(crate) fn at_head<T>(shared: &Shared, read: impl Fn(Seq) -> Result<T, store::Error>) -> Result<T, Error> {
    loop {
        // The store's, where snapshots begin too: the log's moves a moment later, and would show an earlier state than a
        // range or a cursor that was read before.
        match read(shared.store.head()) {
            Err(store::Error::Gone(_)) => {}
            answer => return answer.map_err(|error| Error::Read(error.to_string())),
        }
    }
}

/// The items of several keys, all at one moment.
pub(crate) fn images(shared: &Shared, keys: &[(TableId, Key)]) -> Result<Vec<Option<Image>>, Error> {
    let at = shared.store.latest();
    let get = |(table, key): &(TableId, Key)| {
        let stored = shared.store.get(&rows::item(*table, key), at.seq());
        Ok(stored.map_err(|error| Error::Read(error.to_string()))?.map(Image))
    };
    keys.iter().map(get).collect()
}

/// How much of a range a page shows.
type Limits<'a> = (Option<usize>, Option<&'a Condition>);

pub(crate) fn query(shared: &Shared, table: &Table, query: &Query, visit: &mut Visit<'_>) -> Result<PageEnd, Error> {
    let after = query.start.as_ref().map(encoded);
    let bounds = Bounds { tree: table.id, range: query.sort.encode(&query.partition), after, reverse: query.reverse };
    let at = shared.store.latest();
    page(shared, &bounds, at.seq(), (query.limit, query.filter.as_ref()), &Items(table), visit)
}

pub(crate) fn scan(
    shared: &Shared,
    table: &Table,
    scan: &Scan,
    at: Seq,
    visit: &mut Visit<'_>,
) -> Result<PageEnd, Error> {
    let after = scan.start.as_ref().map(encoded);
    let bounds = Bounds { tree: table.id, range: segment(scan.segment), after, reverse: false };
    page(shared, &bounds, at, (scan.limit, scan.filter.as_ref()), &Items(table), visit)
}

pub(crate) fn query_index(
    shared: &Shared,
    (table, index): (&Table, &Index),
    query: &IndexQuery,
    visit: &mut Visit<'_>,
) -> Result<PageEnd<Item>, Error> {
    let after = query.start.clone();
    let bounds = Bounds { tree: index.id, range: query.range.encode(), after, reverse: query.reverse };
    let at = shared.store.latest();
    let entries = Entries { shared, table, index, at: at.seq(), whole: query.whole };
    page(shared, &bounds, at.seq(), (query.limit, query.filter.as_ref()), &entries, visit)
}

pub(crate) fn scan_index(
    shared: &Shared,
    (table, index): (&Table, &Index),
    scan: &IndexScan,
    visit: &mut Visit<'_>,
) -> Result<PageEnd<Item>, Error> {
    let bounds = Bounds { tree: index.id, range: segment(scan.segment), after: scan.start.clone(), reverse: false };
    let at = shared.store.latest();
    let entries = Entries { shared, table, index, at: at.seq(), whole: scan.whole };
    page(shared, &bounds, at.seq(), (scan.limit, scan.filter.as_ref()), &entries, visit)
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

    /// The stored item that a row shows. Counts in the page what was read beside the row.
    fn shown(&self, row: store::Value, page: &mut PageEnd<Self::Last>) -> Result<store::Value, Error>;

    /// Where to continue after a row.
    fn last(&self, key: &[u8], row: &[u8]) -> Result<Self::Last, Error>;
}

/// A table's items.
struct Items<'a>(&'a Table);

impl Rows for Items<'_> {
    type Last = Key;

    fn shown(&self, row: store::Value, _page: &mut PageEnd) -> Result<store::Value, Error> {
        Ok(row)
    }

    fn last(&self, key: &[u8], _row: &[u8]) -> Result<Key, Error> {
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

    fn shown(&self, row: store::Value, page: &mut PageEnd<Item>) -> Result<store::Value, Error> {
        if !self.whole {
            return Ok(row);
        }
        let astray = || Error::Read(format!("an entry of index {} has no item", self.index.spec.name));
        let entry = codec::decode(&row).map_err(malformed)?;
        let key = self.table.spec.key.key_of(&entry).map_err(|_| astray())?;
        let stored = self.shared.store.get(&rows::item(self.table.id, &key), self.at);
        let stored = stored.map_err(|error| Error::Read(error.to_string()))?.ok_or_else(astray)?;
        page.fetched_blocks += size::stored(&stored).map_err(malformed)?.div_ceil(4096);
        Ok(stored)
    }

    fn last(&self, _key: &[u8], row: &[u8]) -> Result<Item, Error> {
        Ok(self.index.place(self.table, &codec::decode(row).map_err(malformed)?))
    }
}

fn page<R: Rows>(
    shared: &Shared,
    bounds: &Bounds,
    at: Seq,
    (limit, filter): Limits<'_>,
    tree: &R,
    visit: &mut Visit<'_>,
) -> Result<PageEnd<R::Last>, Error> {
    let (start, end) = bounds.rows();
    let limit = limit.unwrap_or(usize::MAX);
    let mut page = PageEnd::default();
    if start >= end {
        return Ok(page);
    }
    // Of what a filter leaves out nothing is decoded but the attributes that it looks at.
    let filter = filter.map(|filter| (filter, filter.attributes()));
    for row in shared.store.range(&start, &end, at, bounds.reverse) {
        let (key, row) = row.map_err(|error| Error::Read(error.to_string()))?;
        page.scanned += 1;
        page.bytes += size::stored(&row).map_err(malformed)?;
        let image = tree.shown(row.clone(), &mut page)?;
        let passes = match &filter {
            Some((filter, names)) => filter.matches(Some(&codec::pick(&image, names).map_err(malformed)?)),
            None => true,
        };
        if passes {
            visit(&image).map_err(malformed)?;
        }
        // DynamoDB answers where it stopped even when nothing follows; the next page is then empty.
        if page.scanned >= limit || page.bytes >= PAGE_BYTES_MAX {
            page.last = Some(tree.last(&key[rows::ITEM_PREFIX..], &row)?);
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
