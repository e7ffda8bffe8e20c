//! Reading the log by position, by table and by time.

use super::{
    Log,
    entry::{ChangeEntry, Entry},
    frame::Frame,
    read_error,
    segment::Segment,
};
use crate::{Error, stream::StreamRead};
use item::Seq;
use std::sync::Arc;

/// Whether a visitor wants more.
pub(crate) enum Next {
    More,
    Enough,
}

impl Log {
    /// Calls `visit` with the changes that `read` wants, in order, as far as frames are visible. Answers where to
    /// continue after when the visitor had enough, `None` when no visible frame is left.
    ///
    /// # Errors
    /// [`Error::Trimmed`] when `read.from` is older than the log keeps.
    pub fn read(
        &self,
        read: &StreamRead,
        mut visit: impl FnMut(Seq, u64, &ChangeEntry<'_>) -> Result<Next, Error>,
    ) -> Result<Option<Seq>, Error> {
        let from = StreamRead { from: read.from.max(Seq(1)), ..*read };
        let mut next = Some(self.segment_of(from.from)?);
        while let Some(segment) = next {
            // Asked before reading: a segment with a successor is complete. Asked afterwards, frames that came into this
            // segment meanwhile would be skipped for those of the next.
            let after = self.segment_after(&segment);
            if let Some(stopped) = self.read_segment(&segment, &from, &mut visit)? {
                return Ok(Some(stopped));
            }
            next = after;
        }
        Ok(None)
    }

    /// The segment that holds a position, or will.
    fn segment_of(&self, seq: Seq) -> Result<Arc<Segment>, Error> {
        let segments = self.segments.read().expect("no holder panics");
        match segments.partition_point(|segment| segment.header.first <= seq).checked_sub(1) {
            Some(at) => Ok(segments[at].clone()),
            None => Err(Error::Trimmed(segments.first().map_or(Seq::ZERO, |segment| segment.header.first))),
        }
    }

    fn segment_after(&self, segment: &Segment) -> Option<Arc<Segment>> {
        let segments = self.segments.read().expect("no holder panics");
        let at = segments.partition_point(|other| other.header.number <= segment.header.number);
        segments.get(at).cloned()
    }

    fn read_segment(
        &self,
        segment: &Segment,
        read: &StreamRead,
        visit: &mut impl FnMut(Seq, u64, &ChangeEntry<'_>) -> Result<Next, Error>,
    ) -> Result<Option<Seq>, Error> {
        let spans = self.with_index(segment, |index, end| {
            let start = |block: u32| index.blocks[block as usize].offset;
            let stop = |block: u32| index.blocks.get(block as usize + 1).map_or(end, |next| next.offset);
            index.wanted(read).into_iter().map(|block| (start(block), stop(block))).collect::<Vec<_>>()
        })?;
        for (start, stop) in spans {
            let bytes = segment.bytes(start, stop).map_err(|error| read_error(&segment.path, &error))?;
            if let Some(stopped) = read_block(segment, start, &bytes, read, visit)? {
                return Ok(Some(stopped));
            }
        }
        Ok(None)
    }

    /// First position whose commit time is `>= time_ms`; `None` when every visible one is older.
    pub fn seq_at(&self, time_ms: u64) -> Result<Option<Seq>, Error> {
        let segment = {
            let segments = self.segments.read().expect("no holder panics");
            let at = segments.partition_point(|segment| segment.last_ms() < time_ms);
            let Some(segment) = segments.get(at) else { return Ok(None) };
            segment.clone()
        };
        let span = self.with_index(&segment, |index, end| {
            let after = index.blocks.partition_point(|block| block.time_ms < time_ms);
            let start = index.blocks.get(after.saturating_sub(1))?.offset;
            let next = index.blocks.get(after);
            Some((start, next.map_or(end, |next| next.offset), next.map(|next| next.first)))
        })?;
        let Some((start, stop, next)) = span else { return Ok(None) };
        let bytes = segment.bytes(start, stop).map_err(|error| read_error(&segment.path, &error))?;
        let mut rest = bytes.as_slice();
        while let Some(frame) = Frame::read(rest) {
            if frame.header.time_ms >= time_ms {
                return Ok(Some(frame.header.first));
            }
            rest = rest.get(frame.header.span()..).unwrap_or_default();
        }
        Ok(next)
    }
}

fn read_block(
    segment: &Segment,
    start: u64,
    bytes: &[u8],
    read: &StreamRead,
    visit: &mut impl FnMut(Seq, u64, &ChangeEntry<'_>) -> Result<Next, Error>,
) -> Result<Option<Seq>, Error> {
    let damaged = |at: usize| {
        Error::Read(format!("{} is damaged at byte {}", segment.path.display(), start + (bytes.len() - at) as u64))
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let frame = Frame::read(rest).ok_or_else(|| damaged(rest.len()))?;
        let left = rest.len();
        rest = rest.get(frame.header.span()..).unwrap_or_default();
        if frame.header.last() < read.from {
            continue;
        }
        for (seq, raw) in frame.entries() {
            if seq < read.from || !raw.wanted(read) {
                continue;
            }
            let Some(Entry::Change(change)) = raw.decode() else { return Err(damaged(left)) };
            if let Next::Enough = visit(seq, frame.header.time_ms, &change)? {
                return Ok(Some(seq.next()));
            }
        }
    }
    Ok(None)
}
