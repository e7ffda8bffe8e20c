//! Reading items: one, a range of one partition, or a table, each at a `Seq`.

use crate::{Error, Table, commit::Shared, rows, store};
use item::{
    Item, Key, KeyValue, Seq, SortRange,
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

#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Those that passed the filter.
    pub items: Vec<Item>,
    /// How many items were evaluated (`ScannedCount`).
    pub scanned: usize,
    /// Their size, for consumed capacity.
    pub bytes: usize,
    /// Where to continue; `None` when the range is exhausted.
    pub last: Option<Key>,
}

/// Where a page of images ended that were looked at one by one.
#[derive(Clone, Debug, Default)]
pub struct PageEnd {
    /// How many items were evaluated (`ScannedCount`).
    pub scanned: usize,
    /// Their size, for consumed capacity.
    pub bytes: usize,
    /// Where to continue; `None` when the range is exhausted.
    pub last: Option<Key>,
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

impl Page {
    /// A page whose images are decoded into items.
    pub(crate) fn collect(read: impl FnOnce(&mut Visit<'_>) -> Result<PageEnd, Error>) -> Result<Page, Error> {
        let mut items = Vec::new();
        let PageEnd { scanned, bytes, last } = read(&mut |image| {
            items.push(codec::decode(image)?);
            Ok(())
        })?;
        Ok(Page { items, scanned, bytes, last })
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
        match read(shared.head.get()) {
            Err(store::Error::Gone(_)) => {}
            answer => return answer.map_err(|error| Error::Read(error.to_string())),
        }
    }
}

pub(crate) fn query(shared: &Shared, table: &Table, query: &Query, visit: &mut Visit<'_>) -> Result<PageEnd, Error> {
    let (start, end) = query.sort.encode(&query.partition);
    let bounds = Bounds { start, end, after: query.start.as_ref(), reverse: query.reverse };
    let at = shared.store.latest();
    page(shared, table, bounds, at.seq(), (query.limit, query.filter.as_ref()), visit)
}

pub(crate) fn scan(
    shared: &Shared,
    table: &Table,
    scan: &Scan,
    at: Seq,
    visit: &mut Visit<'_>,
) -> Result<PageEnd, Error> {
    let (segment, count) = scan.segment;
    let edge = |segment: u32| (u64::from(segment) << 32).div_ceil(u64::from(count));
    let hash = |edge: u64| u32::try_from(edge).ok().map(u32::to_be_bytes);
    let start = hash(edge(segment)).expect("a segment starts within the hashes").to_vec();
    let end = hash(edge(segment + 1)).map_or_else(Vec::new, |hash| hash.to_vec());
    let bounds = Bounds { start, end, after: scan.start.as_ref(), reverse: false };
    page(shared, table, bounds, at, (scan.limit, scan.filter.as_ref()), visit)
}

/// A range of encoded keys within a table.
struct Bounds<'a> {
    start: Vec<u8>,
    /// Empty: to the table's end.
    end: Vec<u8>,
    /// Exclusive; the page continues behind it, in its direction.
    after: Option<&'a Key>,
    reverse: bool,
}

impl Bounds<'_> {
    /// The range in the state engine's key space.
    fn rows(&self, table: &Table) -> (Vec<u8>, Vec<u8>) {
        let prefix = rows::items(table.id);
        let within = |key: &[u8]| [prefix.as_slice(), key].concat();
        let mut start = within(&self.start);
        let mut end = if self.end.is_empty() { rows::after(&prefix) } else { within(&self.end) };
        if let Some(key) = self.after {
            let mut row = rows::item(table.id, key);
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

fn page(
    shared: &Shared,
    table: &Table,
    bounds: Bounds<'_>,
    at: Seq,
    (limit, filter): (Option<usize>, Option<&Condition>),
    visit: &mut Visit<'_>,
) -> Result<PageEnd, Error> {
    let (start, end) = bounds.rows(table);
    let limit = limit.unwrap_or(usize::MAX);
    let mut page = PageEnd::default();
    if start >= end {
        return Ok(page);
    }
    // Of what a filter leaves out nothing is decoded but the attributes that it looks at.
    let filter = filter.map(|filter| (filter, filter.attributes()));
    for row in shared.store.range(&start, &end, at, bounds.reverse) {
        let (key, image) = row.map_err(|error| Error::Read(error.to_string()))?;
        page.scanned += 1;
        page.bytes += size::stored(&image).map_err(malformed)?;
        let passes = match &filter {
            Some((filter, names)) => filter.matches(Some(&codec::pick(&image, names).map_err(malformed)?)),
            None => true,
        };
        if passes {
            visit(&image).map_err(malformed)?;
        }
        // DynamoDB answers where it stopped even when nothing follows; the next page is then empty.
        if page.scanned >= limit || page.bytes >= PAGE_BYTES_MAX {
            let last = table.spec.key.decode(&key[rows::ITEM_PREFIX..]);
            page.last = Some(last.ok_or_else(|| Error::Read("a stored key is malformed".to_owned()))?);
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
