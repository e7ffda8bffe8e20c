//! Reading a lane's records: its part of one shard, filtered, as events.

use crate::{
    Source,
    event::OfKinesis,
    filter::Filters,
    limits::SCAN_BYTES,
    record::{KeyId, Record, depth},
    source::Stream,
};
use db::{Db, Error, RawChange, StreamRead};
use item::{Change, Item, Key, Seq, codec};
use std::{ops::ControlFlow, sync::Arc};
use wire::{Object, Place, record::Shown};

/// One lane's place in one stream.
#[derive(Clone)]
pub struct Reader {
    pub db: Db,
    pub place: Place,
    pub source: Source,
    pub stream: Stream,
    pub shard: u16,
    pub lane: u16,
    pub lanes: u16,
}

/// What to read.
#[derive(Clone)]
pub struct Want {
    pub from: Seq,
    pub filters: Arc<Filters>,
    pub records: usize,
    pub bytes: usize,
}

#[derive(Default)]
pub struct Page {
    pub records: Vec<Record>,
    /// Records of the lane that no filter wanted.
    pub filtered: u64,
    /// Where to go on.
    pub next: Seq,
    /// There is more by now.
    pub more: bool,
    /// The stream ends here, and so does the page.
    pub ended: bool,
    /// How long the stream keeps its records by now, where that is less than what the log keeps.
    pub keep_ms: Option<u64>,
}

/// What a change is to a lane.
enum Picked {
    /// It belongs to another one.
    Others,
    /// No filter wants it.
    Unwanted,
    Wanted(Record),
}

impl Reader {
    /// The page from a position on where that can be told without reading: there is nothing.
    pub fn nothing(&self, from: Seq) -> Option<Page> {
        let upto = self.db.synced();
        if upto >= from && !self.is_untouched(from) {
            return None;
        }
        Some(self.cut(Page { next: upto.next().max(from), ..Page::default() }))
    }

    /// Reads what is on disk.
    ///
    /// # Errors
    /// [`Error::Trimmed`] when the log does not go back so far.
    pub fn page(&self, want: &Want) -> Result<Page, Error> {
        let upto = self.db.synced();
        let page = self.scan(want, upto)?;
        let more = page.next <= upto;
        // Asked after reading: a stream that was closed before the page's end is known to be by now.
        Ok(self.cut(Page { more, ..page }))
    }

    /// Whether the table has no change from a position on, which its totals know. Streams that are no table's have none.
    fn is_untouched(&self, from: Seq) -> bool {
        let Stream::Table(stream) = &self.stream else { return false };
        let changed = self.db.stats(stream.table).changed;
        // Asked afterwards: a table that is there now had its totals then.
        self.db.table_by_id(stream.table).is_some() && changed < from
    }

    fn scan(&self, want: &Want, upto: Seq) -> Result<Page, Error> {
        let read = StreamRead {
            table: self.stream.records(),
            shard: Some(self.shard),
            from: want.from,
            records_max: usize::MAX,
            bytes_max: SCAN_BYTES,
        };
        let mut page = Page::default();
        let mut scan = Scan { reader: self, want, page: &mut page, bytes: 0, now_ms: self.db.now_ms(), failed: None };
        let next = self.db.visit_changes(&read, |change| scan.visit(change, upto))?;
        if let Some(error) = scan.failed {
            return Err(error);
        }
        page.next = next.min(upto.next());
        Ok(page)
    }

    /// Ends a page where the stream does.
    fn cut(&self, mut page: Page) -> Page {
        // One that is gone altogether ended before what the log still has.
        let stream = self.source.stream(&self.db, &self.place);
        page.keep_ms = stream.as_ref().and_then(Stream::keep_ms);
        let closed = stream.map_or(Some(self.db.trimmed()), |stream| stream.closed());
        if let Some(closed) = closed.filter(|closed| page.next >= *closed) {
            page.records.retain(|record| record.seq < closed);
            (page.more, page.ended) = (false, true);
        }
        page
    }

    fn pick(&self, change: RawChange<'_>, filters: &Filters, now_ms: u64) -> Result<Picked, codec::DecodeError> {
        match &self.stream {
            Stream::Table(stream) => self.pick_change(stream, change, filters, now_ms),
            Stream::Kinesis(stream) => self.pick_record(stream, &change, filters, now_ms),
        }
    }

    fn pick_change(
        &self,
        stream: &db::Stream,
        change: RawChange<'_>,
        filters: &Filters,
        now_ms: u64,
    ) -> Result<Picked, codec::DecodeError> {
        let key = KeyId::of(&key(stream, &change)?);
        if key.lane(self.lanes) != self.lane {
            return Ok(Picked::Others);
        }
        let RawChange { seq, time_ms, shard, origin, .. } = change;
        let image = |image: Option<&[u8]>| image.map(codec::decode).transpose();
        let (old, new) = (image(change.old)?, image(change.new)?);
        let event = self.event(stream, &Change { seq, time_ms, table: stream.table, shard, origin, old, new });
        if !filters.matches(&event) {
            return Ok(Picked::Unwanted);
        }
        Ok(Picked::Wanted(Record { seq, time_ms, depth: depth(origin), key, arrived_ms: now_ms, event }))
    }

    fn pick_record(
        &self,
        stream: &kinesis::Stream,
        change: &RawChange<'_>,
        filters: &Filters,
        now_ms: u64,
    ) -> Result<Picked, codec::DecodeError> {
        let record = kinesis::Record::read(change)?;
        let key = KeyId::of_partition(&record.partition_key);
        if key.lane(self.lanes) != self.lane {
            return Ok(Picked::Others);
        }
        let event = OfKinesis { place: &self.place, timeline: self.db.timeline(), stream }.event(&record);
        if !filters.match_data(&event, &record.data) {
            return Ok(Picked::Unwanted);
        }
        let (seq, time_ms, depth) = (record.seq, record.arrival_ms, depth(record.origin));
        Ok(Picked::Wanted(Record { seq, time_ms, depth, key, arrived_ms: now_ms, event }))
    }

    fn event(&self, stream: &db::Stream, change: &Change) -> Vec<u8> {
        let shown = Shown { stream, timeline: self.db.timeline(), place: &self.place };
        let mut event = Vec::with_capacity(512);
        shown.event(Object::new(&mut event), change, &self.source.arn(&self.place));
        event
    }
}

/// The key of a changed item.
fn key(stream: &db::Stream, change: &RawChange<'_>) -> Result<Key, codec::DecodeError> {
    let schema = &stream.key;
    let names = std::iter::once(&schema.partition).chain(&schema.sort).map(|attribute| attribute.name.as_str());
    let image = change.new.or(change.old).expect("a change has an image");
    let key: Item = codec::pick(image, &names.collect::<Vec<_>>())?;
    Ok(schema.key_of(&key).expect("a committed image carries its key"))
}

/// A page being filled.
struct Scan<'a> {
    reader: &'a Reader,
    want: &'a Want,
    page: &'a mut Page,
    bytes: usize,
    now_ms: u64,
    failed: Option<Error>,
}

impl Scan<'_> {
    fn visit(&mut self, change: RawChange<'_>, upto: Seq) -> ControlFlow<()> {
        if change.seq > upto {
            return ControlFlow::Break(());
        }
        match self.reader.pick(change, &self.want.filters, self.now_ms) {
            Ok(Picked::Wanted(record)) => {
                self.bytes += record.event.len();
                self.page.records.push(record);
            }
            Ok(Picked::Unwanted) => self.page.filtered += 1,
            Ok(Picked::Others) => {}
            Err(error) => {
                self.failed = Some(Error::Read(error.to_string()));
                return ControlFlow::Break(());
            }
        }
        let full = self.page.records.len() >= self.want.records || self.bytes >= self.want.bytes;
        if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
