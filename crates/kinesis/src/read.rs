//! Reading a shard: where a reader may start, and pages from there.

use crate::{Error, Record, Stream, Streams};
use db::{RawChange, StreamRead};
use item::Seq;
use std::ops::ControlFlow;

/// Where a reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is kept.
    Horizon,
    /// After the newest record of now.
    Latest,
    At(Seq),
    After(Seq),
    /// At the first record that was committed then or later, milliseconds since the epoch.
    Time(u64),
}

/// Records of one shard, in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub records: Vec<Record>,
    /// Where to continue.
    pub next: Seq,
    /// How old the next record is, milliseconds; 0 when there is none.
    pub behind_ms: u64,
}

impl Streams {
    /// The first position that a reader who starts there wants. What is older than the stream keeps is its oldest.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn position(&self, stream: &Stream, start: Start) -> Result<Seq, Error> {
        let wanted = match start {
            Start::Horizon => Seq::ZERO,
            Start::Latest => self.db().head().next(),
            Start::At(seq) => seq,
            Start::After(seq) => seq.next(),
            Start::Time(ms) => self.db().seq_at(ms)?,
        };
        Ok(wanted.max(self.horizon(stream)?))
    }

    /// The oldest position that the stream shows.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn horizon(&self, stream: &Stream) -> Result<Seq, Error> {
        let kept = self.horizons().get(self.db(), stream.resource.keep_ms)?;
        Ok(kept.max(stream.opened.next()))
    }

    /// A page of a shard from a position on: at most so many records and bytes, of which the first record is free. A
    /// reader who stands at what is not kept any more goes on at the oldest that is.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(&self, stream: &Stream, shard: u16, from: Seq, limit: usize, bytes: usize) -> Result<Page, Error> {
        let mut from = from.max(self.horizon(stream)?);
        loop {
            match self.read_from(stream, shard, from, limit, bytes) {
                // The log was trimmed meanwhile.
                Err(Error::Db(db::Error::Trimmed(_))) if self.db().trimmed() > from => from = self.db().trimmed(),
                page => return page,
            }
        }
    }

    fn read_from(&self, stream: &Stream, shard: u16, from: Seq, limit: usize, bytes: usize) -> Result<Page, Error> {
        let read = StreamRead {
            table: stream.resource.records(),
            shard: Some(shard),
            from,
            records_max: limit.max(1),
            bytes_max: usize::MAX,
        };
        // Taken first: what is synced now may be less than what is read.
        let synced = self.db().synced();
        let mut filling = Filling { synced, bytes_left: bytes, records: Vec::new(), left: None, failed: None };
        let seen = self.db().visit_changes(&read, |change| filling.take(&change))?;
        if let Some(error) = filling.failed {
            return Err(Error::Db(db::Error::Read(error.to_string())));
        }
        // A record that a power loss could take back is not shown: its position would be given to another one.
        let next = filling.left.unwrap_or(seen).min(synced.next()).max(from);
        let behind_ms = if next > synced { 0 } else { self.behind(StreamRead { from: next, records_max: 1, ..read })? };
        Ok(Page { records: filling.records, next, behind_ms })
    }

    /// How old the first record is that a read finds.
    fn behind(&self, read: StreamRead) -> Result<u64, Error> {
        let mut arrival_ms = None;
        self.db().visit_changes(&read, |change| {
            arrival_ms = Some(change.time_ms);
            ControlFlow::Break(())
        })?;
        Ok(arrival_ms.map_or(0, |arrival_ms| self.db().now_ms().saturating_sub(arrival_ms)))
    }
}

/// A page that is being filled.
struct Filling {
    synced: Seq,
    bytes_left: usize,
    records: Vec<Record>,
    /// The first record that was seen and not taken.
    left: Option<Seq>,
    failed: Option<item::codec::DecodeError>,
}

impl Filling {
    fn take(&mut self, change: &RawChange<'_>) -> ControlFlow<()> {
        let record = match Record::read(change) {
            Ok(record) => record,
            Err(error) => {
                self.failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        let fits = self.records.is_empty() || record.bytes() <= self.bytes_left;
        if change.seq > self.synced || !fits {
            self.left = Some(change.seq);
            return ControlFlow::Break(());
        }
        self.bytes_left = self.bytes_left.saturating_sub(record.bytes());
        self.records.push(record);
        ControlFlow::Continue(())
    }
}
