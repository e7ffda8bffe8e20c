//! What a Query or Scan reads, a table or one of its indexes, with AWS's rules for it; and the page that comes of it.

use super::{
    capacity::{self, Units},
    expressions::projected,
    keys::{self, invalid},
    query::Select,
    validate::Consumed,
};
use crate::{
    Inner,
    json::Object,
    protocol::Fault,
    routes::{Call, Step},
};
use db::{Db, Index, IndexQuery, IndexScan, PageEnd, Query, Scan, Table};
use item::{
    IndexRange, Item, Key, KeySchema, KeyValue, SortRange,
    codec::DecodeError,
    expression::{Condition, Projection},
};
use std::sync::Arc;

/// Items read on the runtime's own threads. Such a page takes some ten microseconds, less than handing it to another
/// thread; where more is wanted and there, the page is read again elsewhere, so that the runtime is never held up by a
/// page of a megabyte.
const INLINE_ITEMS: usize = 64;

const BAD_START: &str = "The provided starting key is invalid";

/// A table, or one of its indexes.
pub(super) struct Source {
    pub table: Arc<Table>,
    /// Place among the table's indexes.
    index: Option<usize>,
}

impl Source {
    /// `index`: its name, where one is asked.
    pub fn find(table: Arc<Table>, index: Option<&str>, consistent: bool) -> Result<Source, Fault> {
        let Some(name) = index else { return Ok(Source { table, index: None }) };
        let place = table.indexes.iter().position(|index| index.spec.name == name).ok_or_else(|| no_index(name))?;
        let index = &table.indexes[place];
        if consistent && !index.spec.local {
            return Err(Fault::validation("Consistent reads are not supported on global secondary indexes"));
        }
        if index.backfill.is_some() {
            return Err(Fault::validation(format!("Cannot read from backfilling global secondary index: {name}")));
        }
        Ok(Source { table, index: Some(place) })
    }

    pub fn index(&self) -> Option<&Index> {
        self.index.map(|place| &self.table.indexes[place])
    }

    /// Names of the key attributes of what is read, partition first.
    fn key(&self) -> Vec<&str> {
        let schema = &self.table.spec.key;
        let attributes: Vec<_> = match self.index() {
            Some(index) => index.spec.key.attributes().collect(),
            None => std::iter::once(&schema.partition).chain(&schema.sort).collect(),
        };
        attributes.into_iter().map(|attribute| attribute.name.as_str()).collect()
    }

    /// A Query's filter sees what the key condition left: it may not name the key.
    pub fn check_filter_key(&self, filter: Option<&Condition>, is_legacy: bool) -> Result<(), Fault> {
        let names = filter.map(Condition::attributes).unwrap_or_default();
        match self.key().into_iter().find(|name| names.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let parameter = if is_legacy { "QueryFilter" } else { "Filter Expression" };
                Err(Fault::validation(format!(
                    "{parameter} can only contain non-primary key attributes: Primary key attribute: {name}"
                )))
            }
        }
    }

    /// Nor may it name, on either kind of index, what is not projected.
    pub fn check_filter_projected(&self, filter: Option<&Condition>) -> Result<(), Fault> {
        let (Some(index), Some(filter)) = (self.index(), filter) else { return Ok(()) };
        let missing = self.missing(index, filter.attributes().into_iter());
        if missing.is_empty() {
            return Ok(());
        }
        Err(invalid(format!(
            "Secondary index {} does not project one or more filter attributes: [{}]",
            index.spec.name,
            missing.join(", ")
        )))
    }

    /// Whether all attributes of an index's items can be had.
    pub fn check_all(&self, select: Option<Select>) -> Result<(), Fault> {
        match self.index() {
            Some(index) if select == Some(Select::All) && !index.spec.local && !index.spec.projected.is_all() => {
                Err(invalid(format!(
                    "Select type ALL_ATTRIBUTES is not supported for global secondary index {} because its projection \
                     type is not ALL",
                    index.spec.name
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the table's items have to be fetched by the index's entries. Only a local index can: its items are beside
    /// it.
    pub fn fetches(&self, select: Option<Select>, projection: Option<&Projection>) -> Result<bool, Fault> {
        let Some(index) = self.index() else { return Ok(false) };
        if index.spec.projected.is_all() {
            return Ok(false);
        }
        let names = projection.iter().flat_map(|projection| projection.paths()).map(|path| path.name.as_str());
        let missing = self.missing(index, names);
        if index.spec.local || missing.is_empty() {
            return Ok(select == Some(Select::All) || !missing.is_empty());
        }
        Err(invalid(format!("Global secondary index {} does not project [{}]", index.spec.name, missing.join(", "))))
    }

    /// Those of the attributes that the index does not carry, each once.
    fn missing<'n>(&self, index: &Index, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
        let mut missing: Vec<&str> = Vec::new();
        for name in names.filter(|name| !index.carries(&self.table, name)) {
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        missing
    }

    /// The place of an index's entry that an `ExclusiveStartKey` names: by the attributes of both keys.
    fn place(&self, index: &Index, start: &Item) -> Result<Vec<u8>, Fault> {
        let own = &self.table.spec.key;
        let mut names = self.key();
        names.extend(
            std::iter::once(&own.partition)
                .chain(&own.sort)
                .map(|attribute| attribute.name.as_str())
                .filter(|name| !index.spec.key.has(name)),
        );
        if start.len() != names.len() || names.iter().any(|name| start.get(name).is_none()) {
            return Err(Fault::validation(BAD_START));
        }
        index.spec.key.key_of(start).map_err(|error| Fault::validation(keys::words(error)))?;
        own.key_of(start).map_err(bad_start)?;
        index.position(&self.table, start).map_err(bad_start)
    }

    /// Where a Query of an index goes on: within what it asks for.
    pub fn query_place(&self, index: &Index, start: &Item, range: &IndexRange) -> Result<Vec<u8>, Fault> {
        let place = self.place(index, start)?;
        let key = index.spec.key.key_of(start).ok().flatten().ok_or_else(|| Fault::validation(BAD_START))?;
        check_within(key.partition == range.partition, range.contains(&key))?;
        Ok(place)
    }

    /// Where a Query of the table goes on.
    pub fn query_key(&self, start: &Item, partition: &KeyValue, sort: &SortRange) -> Result<Key, Fault> {
        let key = self.table.spec.key.exact_key(start).map_err(|_| Fault::validation(BAD_START))?;
        let inside = key.sort.as_ref().is_none_or(|value| sort.contains(value));
        check_within(key.partition == *partition, inside)?;
        Ok(key)
    }

    /// Where a Scan of an index goes on: within its segment.
    pub fn scan_place(&self, index: &Index, start: &Item, segment: (u32, u32)) -> Result<Vec<u8>, Fault> {
        let place = self.place(index, start)?;
        let (hash, _) = place.split_first_chunk().expect("a place begins with the hash of its partition");
        check_segment(u32::from_be_bytes(*hash), segment)?;
        Ok(place)
    }

    /// Where a Scan of the table goes on.
    pub fn scan_key(&self, start: &Item, segment: (u32, u32)) -> Result<Key, Fault> {
        let key = self.table.spec.key.exact_key(start).map_err(bad_start)?;
        check_segment(item::partition_hash(&key.partition), segment)?;
        Ok(key)
    }
}

pub(super) fn no_index(name: &str) -> Fault {
    Fault::validation(format!("The table does not have the specified index: {name}"))
}

/// What a Scan says of a start where the index it names is not there.
pub(super) fn no_start() -> Fault {
    Fault::validation(BAD_START)
}

fn bad_start(error: item::KeyError) -> Fault {
    Fault::validation(format!("{BAD_START}: {}", keys::words(error)))
}

fn check_within(same_partition: bool, inside: bool) -> Result<(), Fault> {
    match (same_partition, inside) {
        (true, true) => Ok(()),
        (true, false) => Err(Fault::validation("The provided starting key does not match the range key predicate")),
        (false, _) => {
            Err(Fault::validation("The provided starting key is outside query boundaries based on provided conditions"))
        }
    }
}

/// The hash's range in as many equal parts as there are segments, the same way `db` cuts it.
fn check_segment(hash: u32, (segment, total): (u32, u32)) -> Result<(), Fault> {
    if (u64::from(hash) * u64::from(total)) >> 32 == u64::from(segment) {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "{BAD_START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: \
         {total} Segment: {segment}"
    )))
}

/// One page to be read.
pub(super) enum Request {
    Query(Query),
    Scan(Scan),
    IndexQuery(IndexQuery),
    IndexScan(IndexScan),
}

impl Request {
    fn limit(&mut self) -> &mut Option<usize> {
        match self {
            Request::Query(query) => &mut query.limit,
            Request::Scan(scan) => &mut scan.limit,
            Request::IndexQuery(query) => &mut query.limit,
            Request::IndexScan(scan) => &mut scan.limit,
        }
    }

    /// Sets what is decided last: the filter, and whether an index's entries or the items they stand for are shown.
    pub fn showing(mut self, filter: Option<Condition>, whole: bool) -> Request {
        match &mut self {
            Request::Query(query) => query.filter = filter,
            Request::Scan(scan) => scan.filter = filter,
            Request::IndexQuery(query) => (query.filter, query.whole) = (filter, whole),
            Request::IndexScan(scan) => (scan.filter, scan.whole) = (filter, whole),
        }
        self
    }

    fn page(
        &mut self,
        db: &Db,
        source: &Source,
        limit: Option<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<PageEnd<Item>, db::Error> {
        *self.limit() = limit;
        let table = &source.table;
        let index = || source.index().expect("a request for an index is made for one");
        match self {
            Request::Query(query) => db.visit_query(table, query, sink).map(|end| placed(&table.spec.key, end)),
            Request::Scan(scan) => db.visit_scan(table, scan, sink).map(|end| placed(&table.spec.key, end)),
            Request::IndexQuery(query) => db.visit_query_index((table, index()), query, sink),
            Request::IndexScan(scan) => db.visit_scan_index((table, index()), scan, sink),
        }
    }
}

/// What the images of a page go to, one by one.
type Sink<'s> = dyn FnMut(&[u8]) -> Result<(), DecodeError> + 's;

/// The end of a table's page with its last key as attributes.
fn placed(schema: &KeySchema, end: PageEnd) -> PageEnd<Item> {
    let PageEnd { scanned, bytes, fetched_blocks, last } = end;
    PageEnd { scanned, bytes, fetched_blocks, last: last.map(|key| schema.attributes(&key)) }
}

/// How a page is shown.
pub(super) struct View {
    pub source: Source,
    pub count_only: bool,
    pub projection: Option<Projection>,
    pub consumed: Consumed,
    pub consistent: bool,
}

/// Reads a page, here if it is small.
pub(super) fn read(call: &Call<'_>, view: View, mut request: Request) -> Result<Step, Fault> {
    let limit = *request.limit();
    let wanted = limit.unwrap_or(usize::MAX);
    let inline = Some(wanted.min(INLINE_ITEMS));
    let (first, end) = view.answer(|sink| request.page(&call.door.db, &view.source, inline, sink))?;
    let complete = end.last.is_none() || end.scanned >= wanted || end.scanned < INLINE_ITEMS;
    if complete {
        return Ok(Step::Done(first));
    }
    let door: Arc<Inner> = Arc::clone(call.door);
    Ok(Step::Blocking(Box::new(move || {
        let (whole, _) = view.answer(|sink| request.page(&door.db, &view.source, limit, sink))?;
        Ok(whole)
    })))
}

/// Room for a small page, so that its answer does not move as it grows.
const PAGE_CAPACITY: usize = 8 * 1024;

impl View {
    /// Reads a page and shows each image as it passes by.
    fn answer(
        &self,
        read: impl FnOnce(&mut Sink<'_>) -> Result<PageEnd<Item>, db::Error>,
    ) -> Result<(Vec<u8>, PageEnd<Item>), Fault> {
        let mut out = Vec::with_capacity(if self.count_only { 128 } else { PAGE_CAPACITY });
        let mut response = Object::new(&mut out);
        let mut count = 0usize;
        let end = if self.count_only {
            read(&mut |_| {
                count += 1;
                Ok(())
            })?
        } else {
            let mut items = response.array("Items");
            let end = read(&mut |image| {
                count += 1;
                projected(items.element(), image, self.projection.as_ref())
            })?;
            items.end();
            end
        };
        response.bare("Count", count);
        response.bare("ScannedCount", end.scanned);
        if let Some(last) = &end.last {
            response.item("LastEvaluatedKey", last);
        }
        capacity::add(&mut response, self.consumed, &self.source.table.spec.name, || {
            Units::of_page(self.source.index(), &end, self.consistent)
        });
        response.end();
        Ok((out, end))
    }
}
