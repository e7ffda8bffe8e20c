//! A segment: one pre-zeroed file of frames, its header, and the index of what lies where in it.

use super::{
    entry::Reader,
    frame::{FORMAT, Frame, HEADER, Header},
};
use crate::{OpenError, env::File, stream::StreamRead};
use item::{Seq, TableId};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use xxhash_rust::xxh3::xxh3_64;

/// Frames start here; the header fills the first page.
pub(crate) const START: u64 = 4096;

const MAGIC: &[u8; 8] = b"STRMFOLD";

/// A block of frames is closed once it has this many bytes: the unit in which readers read.
const BLOCK_BYTES: u64 = 64 * 1024;

/// Where a log stands among all logs: which database, and which history of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub database: [u8; 16],
    /// Changes with a restore; part of every SequenceNumber shown.
    pub timeline: u16,
}

/// A segment's first page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentHeader {
    /// Of what stands in the segment.
    pub format: u32,
    pub identity: Identity,
    pub number: u64,
    /// Position of its first entry.
    pub first: Seq,
    /// The segment before: checksum of its last frame, end of its frames, commit time of the last one.
    pub previous: Previous,
}

/// What a segment knows of the one before it, so that opening the log need not read that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Previous {
    pub checksum: u64,
    pub end: u64,
    pub last_ms: u64,
}

/// Bytes of a segment's header before its checksum.
const HEADER_BYTES: usize = 8 + 4 + 4 + 16 + 5 * 8;

impl SegmentHeader {
    pub fn new(identity: Identity, number: u64, first: Seq, previous: Previous) -> SegmentHeader {
        SegmentHeader { format: FORMAT, identity, number, first, previous }
    }

    /// Whether an older version reads the segment, and so must never find entries there that it does not know.
    pub fn is_older(&self) -> bool {
        self.format < FORMAT
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(usize::try_from(START).expect("a page"));
        page.extend_from_slice(MAGIC);
        page.extend_from_slice(&self.format.to_le_bytes());
        page.extend_from_slice(&u32::from(self.identity.timeline).to_le_bytes());
        page.extend_from_slice(&self.identity.database);
        let Previous { checksum, end, last_ms } = self.previous;
        for word in [self.number, self.first.0, checksum, end, last_ms] {
            page.extend_from_slice(&word.to_le_bytes());
        }
        let sum = xxh3_64(&page);
        page.extend_from_slice(&sum.to_le_bytes());
        page
    }

    /// Reads a header page. `Ok(None)`: the page was never completely written.
    pub fn decode(page: &[u8], path: &Path) -> Result<Option<SegmentHeader>, OpenError> {
        let Some((sealed, rest)) = page.split_at_checked(HEADER_BYTES) else { return Ok(None) };
        let Some(mut reader) = sealed.strip_prefix(MAGIC).map(Reader) else { return Ok(None) };
        // Before the checksum, which a newer format may keep elsewhere; a damaged number hardly looks like the next ones.
        let format = match reader.u32() {
            Some(found) if (1..=FORMAT).contains(&found) => found,
            Some(found) if (FORMAT..FORMAT + 1000).contains(&found) => {
                return Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT });
            }
            _ => return Ok(None),
        };
        if rest.get(..8) != Some(&xxh3_64(sealed).to_le_bytes()) {
            return Ok(None);
        }
        Ok(SegmentHeader::parse(format, &mut reader))
    }

    fn parse(format: u32, reader: &mut Reader<'_>) -> Option<SegmentHeader> {
        let timeline = u16::try_from(reader.u32()?).ok()?;
        let identity = Identity { database: reader.array()?, timeline };
        let (number, first) = (reader.u64()?, Seq(reader.u64()?));
        let previous = Previous { checksum: reader.u64()?, end: reader.u64()?, last_ms: reader.u64()? };
        Some(SegmentHeader { format, identity, number, first, previous })
    }
}

/// A run of frames that readers fetch at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub offset: u64,
    pub first: Seq,
    pub time_ms: u64,
}

/// Which blocks hold changes of which stream: a reader of a quiet table does not read everybody's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub blocks: Vec<Block>,
    streams: HashMap<(TableId, u16), Vec<u32>>,
}

impl Index {
    /// Takes note of a frame at `offset`.
    pub fn add(&mut self, frame: &Frame<'_>, offset: u64) {
        if self.blocks.last().is_none_or(|block| offset - block.offset >= BLOCK_BYTES) {
            self.blocks.push(Block { offset, first: frame.header.first, time_ms: frame.header.time_ms });
        }
        let block = u32::try_from(self.blocks.len() - 1).expect("a segment has few blocks");
        for (_, raw) in frame.entries() {
            if let Some(stream) = raw.stream() {
                let blocks = self.streams.entry(stream).or_default();
                if blocks.last() != Some(&block) {
                    blocks.push(block);
                }
            }
        }
    }

    /// Blocks at or after the one that holds `read.from` in which `read` finds something, in order.
    pub fn wanted(&self, read: &StreamRead) -> Vec<u32> {
        let after = self.blocks.partition_point(|block| block.first <= read.from);
        let start = u32::try_from(after.saturating_sub(1)).expect("a segment has few blocks");
        let mut wanted: Vec<u32> = Vec::new();
        for (_, blocks) in self
            .streams
            .iter()
            .filter(|((table, shard), _)| *table == read.table && read.shard.is_none_or(|want| want == *shard))
        {
            wanted.extend(&blocks[blocks.partition_point(|block| *block < start)..]);
        }
        if read.shard.is_none() {
            wanted.sort_unstable();
            wanted.dedup();
        }
        wanted
    }

    /// The index as a side file: magic, blocks, streams, checksum.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let count = |count: usize| u32::try_from(count).expect("a segment has few blocks").to_le_bytes();
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&count(self.blocks.len()));
        for block in &self.blocks {
            for word in [block.offset, block.first.0, block.time_ms] {
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
        out.extend_from_slice(&count(self.streams.len()));
        for ((table, shard), blocks) in &self.streams {
            out.extend_from_slice(&table.0.to_le_bytes());
            out.extend_from_slice(&shard.to_le_bytes());
            out.extend_from_slice(&count(blocks.len()));
            for block in blocks {
                out.extend_from_slice(&block.to_le_bytes());
            }
        }
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// `None` when the side file is damaged or of another format: the segment is read instead.
    pub fn decode(bytes: &[u8]) -> Option<Index> {
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
        if xxh3_64(content).to_le_bytes() != sum {
            return None;
        }
        let mut reader = Reader(content.strip_prefix(MAGIC)?);
        if reader.u32()? != FORMAT {
            return None;
        }
        let mut index = Index::default();
        for _ in 0..reader.u32()? {
            index.blocks.push(Block { offset: reader.u64()?, first: Seq(reader.u64()?), time_ms: reader.u64()? });
        }
        for _ in 0..reader.u32()? {
            let stream = (TableId(reader.u32()?), reader.u16()?);
            let blocks = (0..reader.u32()?).map(|_| reader.u32()).collect::<Option<Vec<u32>>>()?;
            index.streams.insert(stream, blocks);
        }
        Some(index)
    }
}

/// One segment as readers and the writer share it.
pub(crate) struct Segment {
    pub header: SegmentHeader,
    pub path: PathBuf,
    pub file: Arc<dyn File>,
    /// End of the frames that readers may see.
    end: AtomicU64,
    /// In memory while the segment is written, and for a while after somebody read it.
    index: Mutex<Option<Index>>,
    /// Commit time of its last frame; grows while it is written.
    last_ms: AtomicU64,
}

impl Segment {
    pub fn new(header: SegmentHeader, path: PathBuf, file: Arc<dyn File>) -> Segment {
        Segment {
            header,
            path,
            file,
            end: AtomicU64::new(START),
            index: Mutex::new(Some(Index::default())),
            // Until it has a frame: times never go backwards from segment to segment.
            last_ms: AtomicU64::new(header.previous.last_ms),
        }
    }

    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn last_ms(&self) -> u64 {
        self.last_ms.load(Ordering::Acquire)
    }

    /// Lets readers see a frame that lies at the current end.
    pub fn publish(&self, frame: &Frame<'_>) {
        let offset = self.end();
        let mut slot = self.slot();
        slot.get_or_insert_default().add(frame, offset);
        self.last_ms.store(frame.header.time_ms, Ordering::Release);
        self.end.store(offset + frame.header.span() as u64, Ordering::Release);
    }

    /// For a segment that was complete when the log was opened.
    pub fn seal_at(&self, end: u64, last_ms: u64) {
        self.end.store(end, Ordering::Release);
        self.last_ms.store(last_ms, Ordering::Release);
        *self.slot() = None;
    }

    /// Looks at the index and the end that it reaches to, under its lock: keep it short. `None` when the index must be
    /// loaded first.
    pub fn with_index<T>(&self, look: impl FnOnce(&Index, u64) -> T) -> Option<T> {
        self.slot().as_ref().map(|index| look(index, self.end()))
    }

    pub fn set_index(&self, index: Option<Index>) {
        *self.slot() = index;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Index>> {
        self.index.lock().expect("no holder of the index panics")
    }

    /// Reads `[from, to)` of the file.
    pub fn bytes(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(to - from).expect("a block is small");
        let mut bytes = vec![0; length];
        let count = self.file.read_at(&mut bytes, from)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Calls `visit` with each frame from `from` on and its offset, up to the first place where no valid frame lies,
    /// which it answers.
    pub fn walk(&self, from: u64, mut visit: impl FnMut(&Frame<'_>, u64) -> io::Result<()>) -> io::Result<u64> {
        let mut at = from;
        let length = self.file.size()?;
        let mut window = Vec::new();
        let mut window_at = at;
        loop {
            let start = usize::try_from(at - window_at).expect("within the window");
            let need = Header::read(&window[start.min(window.len())..]).map_or(HEADER, |header| header.span());
            if window.len() < start + need {
                if window_at + window.len() as u64 >= length || need as u64 > length - at {
                    return Ok(at);
                }
                window = self.bytes(at, length.min(at + (need as u64).max(1 << 20)))?;
                window_at = at;
                if Header::read(&window).is_none() {
                    return Ok(at);
                }
                continue;
            }
            match Frame::read(&window[start..]) {
                Some(frame) => {
                    visit(&frame, at)?;
                    at += frame.header.span() as u64;
                }
                None => return Ok(at),
            }
        }
    }
}
