//! A frame: one group of entries, written and synced as one, chained to the frame before by its checksum.

use super::entry::{self, Raw, Reader};
use crate::{Fingerprint, TableStats};
use item::{Seq, TableId};
use xxhash_rust::xxh3::Xxh3;

/// Version of everything in a log segment.
pub(crate) const FORMAT: u32 = 3;

const MAGIC: u32 = u32::from_le_bytes(*b"SFgr");

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 56;

/// Bytes of one table's totals in a frame: number, items, bytes, fingerprint, last change.
const TOTALS_BYTES: usize = 4 + 8 + 8 + 16 + 8;

/// Frames start at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub body: u32,
    pub entries: u32,
    pub first: Seq,
    /// Commit time of every entry, milliseconds since the epoch.
    pub time_ms: u64,
    /// Newest position known to be on disk when this frame was written: a frame before it that is damaged is
    /// corruption, one after it may just have been torn.
    pub synced: Seq,
    /// Checksum of the frame before.
    pub previous: u64,
    pub checksum: u64,
}

impl Header {
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.entries) - 1)
    }

    /// Bytes from this frame's start to the next one's.
    pub fn span(&self) -> usize {
        (HEADER + self.body as usize).next_multiple_of(ALIGN)
    }

    /// Reads a header; `None` where there is none. The checksum is not yet checked.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let mut reader = Reader(bytes);
        if reader.u32()? != MAGIC {
            return None;
        }
        let body = reader.u32()?;
        let entries = reader.u32()?;
        reader.u32()?;
        let first = Seq(reader.u64()?);
        let time_ms = reader.u64()?;
        let synced = Seq(reader.u64()?);
        let previous = reader.u64()?;
        let checksum = reader.u64()?;
        (entries > 0).then_some(Header { body, entries, first, time_ms, synced, previous, checksum })
    }
}

/// A frame whose checksum is right, borrowed from its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub header: Header,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `bytes`; `None` when there is none or its checksum is wrong.
    pub fn read(bytes: &'a [u8]) -> Option<Frame<'a>> {
        let header = Header::read(bytes)?;
        let body = bytes.get(HEADER..HEADER.checked_add(header.body as usize)?)?;
        (checksum(&bytes[..HEADER - 8], body) == header.checksum).then_some(Frame { header, body })
    }

    /// Reads the frame that was just built, without checking what was just computed.
    fn built(bytes: &'a [u8]) -> Frame<'a> {
        let header = Header::read(bytes).expect("a built frame has a header");
        Frame { header, body: &bytes[HEADER..HEADER + header.body as usize] }
    }

    /// Entries with their positions, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Seq, Raw<'a>)> {
        let mut rest = self.body;
        let first = self.header.first.0;
        (0..u64::from(self.header.entries))
            .map_while(move |place| entry::split(&mut rest).map(|raw| (Seq(first + place), raw)))
    }

    /// Running totals of the tables that the frame touched, after it.
    pub fn totals(&self) -> Option<Vec<(TableId, TableStats)>> {
        let mut rest = self.body;
        for _ in 0..self.header.entries {
            entry::split(&mut rest)?;
        }
        let mut reader = Reader(rest);
        let count = reader.u32()?;
        let mut totals = Vec::new();
        for _ in 0..count {
            totals.push((TableId(reader.u32()?), read_stats(&mut reader)?));
        }
        Some(totals)
    }
}

/// Bytes of a table's running totals; the state engine keeps them in the same form.
pub(crate) fn push_stats(stats: &TableStats, out: &mut Vec<u8>) {
    out.extend_from_slice(&stats.items.to_le_bytes());
    out.extend_from_slice(&stats.bytes.to_le_bytes());
    out.extend_from_slice(&stats.fingerprint.0.to_le_bytes());
    out.extend_from_slice(&stats.changed.0.to_le_bytes());
}

/// Reads what [`push_stats`] wrote.
pub(crate) fn read_stats(reader: &mut Reader<'_>) -> Option<TableStats> {
    Some(TableStats {
        items: reader.u64()?,
        bytes: reader.u64()?,
        fingerprint: Fingerprint(reader.u128()?),
        changed: Seq(reader.u64()?),
    })
}

/// Builds frames in one buffer that is used again and again.
#[derive(Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    entries: u32,
}

impl Builder {
    pub fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER, 0);
        self.entries = 0;
    }

    /// The buffer to which the next entry is appended; call once per entry.
    pub fn entry(&mut self) -> &mut Vec<u8> {
        self.entries += 1;
        &mut self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Completes the frame: totals, header, checksum, padding. Answers its bytes and checksum.
    pub fn finish(
        &mut self,
        first: Seq,
        time_ms: u64,
        synced: Seq,
        previous: u64,
        totals: &[(TableId, TableStats)],
    ) -> (&[u8], Header) {
        let count = u32::try_from(totals.len()).expect("a group touches few tables");
        self.bytes.extend_from_slice(&count.to_le_bytes());
        for (table, stats) in totals {
            self.bytes.extend_from_slice(&table.0.to_le_bytes());
            push_stats(stats, &mut self.bytes);
        }
        let body = u32::try_from(self.bytes.len() - HEADER).expect("groups are bounded far below 4 GiB");
        let mut header = Header { body, entries: self.entries, first, time_ms, synced, previous, checksum: 0 };
        let mut head = Vec::with_capacity(HEADER);
        for word in [MAGIC, body, self.entries, 0] {
            head.extend_from_slice(&word.to_le_bytes());
        }
        for word in [first.0, time_ms, synced.0, previous] {
            head.extend_from_slice(&word.to_le_bytes());
        }
        self.bytes[..HEADER - 8].copy_from_slice(&head);
        header.checksum = checksum(&self.bytes[..HEADER - 8], &self.bytes[HEADER..]);
        self.bytes[HEADER - 8..HEADER].copy_from_slice(&header.checksum.to_le_bytes());
        self.bytes.resize(header.span(), 0);
        (&self.bytes, header)
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(body);
    hash.digest()
}

impl Builder {
    /// Bytes of the frame that [`Builder::finish`] would complete with so many totals.
    pub fn span(&self, totals: usize) -> u64 {
        (self.bytes.len() + 4 + totals * TOTALS_BYTES).next_multiple_of(ALIGN) as u64
    }

    /// The frame that [`Builder::finish`] completed.
    pub fn finished(&self) -> Frame<'_> {
        Frame::built(&self.bytes)
    }
}
