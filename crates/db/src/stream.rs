//! A table's change stream: positions, pages, and what outlives the table.

use crate::{
    Error,
    log::{Log, read::Next},
};
use item::{Change, KeySchema, Origin, Seq, TableId};
use std::ops::ControlFlow;

/// Which images a stream shows. The log always has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamViewType {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

/// One stream of one table: opened at a position, perhaps closed at another (stream off, table deleted); readable
/// until the log is trimmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    pub table: TableId,
    pub table_name: String,
    pub key: KeySchema,
    pub view_type: StreamViewType,
    pub shards: u16,
    /// The label in the stream's ARN, formatted by the door: milliseconds since the epoch; unique per table name.
    pub created_ms: u64,
    /// Its records have `seq > opened`.
    pub opened: Seq,
    /// Its records have `seq < closed`.
    pub closed: Option<Seq>,
}

/// What to read of the log.
#[derive(Clone, Copy, Debug)]
pub struct StreamRead {
    pub table: TableId,
    /// One shard, or all.
    pub shard: Option<u16>,
    /// First position wanted.
    pub from: Seq,
    /// Most changes in the page.
    pub records_max: usize,
    /// Most bytes of stored images in the page; the first change always fits.
    pub bytes_max: usize,
}

/// Changes in order of `Seq`.
#[derive(Clone, Debug, Default)]
pub struct ChangePage {
    pub changes: Vec<Change>,
    /// Where to continue: past the last change, or past the head at the time of reading when nothing more is there.
    pub next: Seq,
}

/// A change as it lies in the log, its images in stored form ([`item::codec`]): for readers that look at little of it.
#[derive(Clone, Copy, Debug)]
pub struct RawChange<'a> {
    pub seq: Seq,
    pub time_ms: u64,
    pub shard: u16,
    pub origin: Origin,
    pub old: Option<&'a [u8]>,
    pub new: Option<&'a [u8]>,
}

/// As [`changes`], without copying; answers where to continue. A visitor that breaks has seen its last change.
pub(crate) fn visit(
    log: &Log,
    head: Seq,
    read: &StreamRead,
    mut visit: impl FnMut(RawChange<'_>) -> ControlFlow<()>,
) -> Result<Seq, Error> {
    let (mut records, mut bytes, mut seen) = (0, 0, head);
    let stopped = log.read(read, |seq, time_ms, change| {
        records += 1;
        bytes += change.image_bytes();
        seen = seen.max(seq);
        let flow = visit(RawChange {
            seq,
            time_ms,
            shard: change.shard,
            origin: change.origin,
            old: change.old,
            new: change.new,
        });
        let full = records >= read.records_max || bytes >= read.bytes_max;
        Ok(if flow.is_break() || full { Next::Enough } else { Next::More })
    })?;
    Ok(stopped.unwrap_or_else(|| seen.next()).max(read.from))
}

pub(crate) fn changes(log: &Log, head: Seq, read: &StreamRead) -> Result<ChangePage, Error> {
    let mut page = ChangePage::default();
    let mut bytes = 0;
    let stopped = log.read(read, |seq, time_ms, change| {
        bytes += change.image_bytes();
        page.changes.push(change.to_change(seq, time_ms).map_err(|error| Error::Read(error.to_string()))?);
        let full = page.changes.len() >= read.records_max || bytes >= read.bytes_max;
        Ok(if full { Next::Enough } else { Next::More })
    })?;
    // Frames behind the head may have come in while reading; those that were seen are passed, the others are not.
    let seen = page.changes.last().map_or(head, |last| last.seq.max(head));
    page.next = stopped.unwrap_or_else(|| seen.next()).max(read.from);
    Ok(page)
}
