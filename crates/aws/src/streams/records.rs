//! GetRecords.

use super::{describe::check_limit, iterator::ShardIterator};
use crate::{
    Inner,
    dynamodb::validate::Checks,
    json::{self, Integer, Object, Text},
    protocol::{Code, Fault, trimmed},
    routes::{Call, Step},
};
use db::{ChangePage, Stream, StreamRead};
use item::{Change, size};
use std::sync::Arc;
use wire::record::Shown;

/// Records of one answer.
const RECORDS_MAX: usize = 1000;
/// Bytes of images in one answer.
const BYTES_MAX: usize = 1024 * 1024;
/// What is read and written out on the runtime's own threads: a tailing reader's usual page. The rest of a longer page
/// is read elsewhere.
const INLINE_RECORDS: usize = 64;
const INLINE_BYTES: usize = 128 * 1024;

shape! {
    GetRecordsInput<'a> (request) {
        "ShardIterator" => iterator: Text<'a>,
        "Limit" => limit: Integer,
    }
}

/// A page of one shard, so far.
struct Reading {
    stream: Arc<Stream>,
    iterator: ShardIterator,
    /// How many records are still wanted.
    wanted: usize,
    bytes: usize,
    changes: Vec<Change>,
    /// Whether the shard has ended and all of it is read.
    ended: bool,
}

pub(crate) fn get_records(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetRecordsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("shardIterator", input.iterator.is_some());
    let wanted = check_limit(&mut checks, input.limit, RECORDS_MAX);
    checks.finish()?;
    let door = call.door;
    let text = input.iterator.as_deref().unwrap_or_default();
    let mut iterator = ShardIterator::accept(text, door.db.now_ms(), door.db.timeline())?;
    let stream = door
        .db
        .streams()
        .into_iter()
        .find(|stream| stream.table == iterator.table && stream.opened == iterator.opened)
        .ok_or_else(|| Fault::new(Code::ResourceNotFound, "Requested resource not found: Stream not found"))?;
    let oldest = door.horizon.get(door)?.max(stream.opened.next());
    if iterator.from < oldest {
        if !iterator.oldest {
            return Err(trimmed());
        }
        iterator.from = oldest;
    }
    let mut reading = Reading { stream, iterator, wanted, bytes: BYTES_MAX, changes: Vec::new(), ended: false };
    let more = reading.read(door, INLINE_RECORDS, INLINE_BYTES)?;
    if !more {
        return Ok(Step::Done(reading.show(door)));
    }
    let door = Arc::clone(door);
    Ok(Step::Blocking(Box::new(move || {
        while reading.read(&door, RECORDS_MAX, BYTES_MAX)? {}
        Ok(reading.show(&door))
    })))
}

impl Reading {
    /// Reads on; answers whether there may be more for this page.
    fn read(&mut self, door: &Inner, records_max: usize, bytes_max: usize) -> Result<bool, Fault> {
        let records_max = records_max.min(self.wanted);
        let read = StreamRead {
            table: self.iterator.table,
            shard: Some(self.iterator.shard),
            from: self.iterator.from,
            records_max,
            bytes_max: bytes_max.min(self.bytes),
        };
        // Taken first: what is synced now may be less than what is read.
        let synced = door.db.synced();
        let ChangePage { mut changes, mut next } = door.db.changes(&read)?;
        let full = changes.len() >= records_max || next <= synced;
        // A record that a power loss could take back is not shown: its position would be given to another one.
        if next > synced.next() {
            changes.retain(|change| change.seq <= synced);
            next = synced.next();
        }
        if let Some(closed) = self.stream.closed {
            changes.retain(|change| change.seq < closed);
            self.ended = next >= closed;
        }
        let images = |change: &Change| change.old.iter().chain(&change.new).map(size::item).sum::<usize>();
        self.bytes = self.bytes.saturating_sub(changes.iter().map(images).sum());
        self.wanted -= changes.len();
        self.iterator.from = next.max(self.iterator.from);
        self.iterator.oldest &= changes.is_empty();
        let progress = !changes.is_empty();
        self.changes.append(&mut changes);
        Ok(full && progress && !self.ended && self.wanted > 0 && self.bytes > 0)
    }

    fn show(mut self, door: &Inner) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + (BYTES_MAX - self.bytes) * 2 + self.changes.len() * 384);
        let mut response = Object::new(&mut out);
        let shown = Shown { stream: &self.stream, timeline: door.db.timeline(), place: &door.config.place };
        let mut records = response.array("Records");
        for change in &self.changes {
            shown.record(records.object(), change);
        }
        records.end();
        if !self.ended {
            self.iterator.issued_ms = door.db.now_ms();
            response.text("NextShardIterator", &self.iterator.encode());
        }
        response.end();
        out
    }
}
