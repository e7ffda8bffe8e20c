//! The one writer of the log: appends frames, syncs them, moves on to the next segment.

use super::{
    Layout, Log,
    frame::{Builder, Header},
    segment::{Previous, START, Segment, SegmentHeader},
};
use crate::{
    TableStats,
    env::{Disk, File},
};
use item::{Seq, TableId};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Size of a segment that the sequencer zeroes itself, since no spare is ready: at the first start, or when more is
/// written than maintenance keeps up with. Writers wait for it, so it is small.
const HURRIED_BYTES: u64 = 4 << 20;

/// Appends to the last segment of a [`Log`].
pub(crate) struct Writer {
    pub log: Arc<Log>,
    active: Arc<Segment>,
    /// Where the next frame goes; ahead of the segment's visible end until it is published.
    end: u64,
    /// Size of the segment's file; it grows past it only for a frame that would fit into no segment.
    room: u64,
    /// Checksum of the last frame.
    chain: u64,
    /// Position of the next entry.
    next: Seq,
    /// Newest position known to be on disk; others sync too (relaxed durability).
    synced: Arc<Synced>,
    pub builder: Builder,
}

impl Writer {
    /// Continues where recovery found the end.
    pub fn new(log: Arc<Log>, active: Arc<Segment>, chain: u64, next: Seq) -> Writer {
        let end = active.end();
        let synced = Arc::new(Synced { upto: AtomicU64::new(next.0 - 1), failed: AtomicBool::new(false) });
        let room = room(&active);
        Writer { log, active, end, room, chain, next, synced, builder: Builder::default() }
    }

    /// Position of the next entry.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// A handle that syncs everything appended so far, for whoever syncs on a timer.
    pub fn syncer(&self) -> Syncer {
        Syncer { synced: self.synced.clone() }
    }

    /// Makes room for the frame in `builder` with so many totals: the next segment when this one is full. Nothing is
    /// written of the frame yet, so a failure (no space left) leaves the log as it was.
    pub fn make_room(&mut self, totals: usize) -> io::Result<()> {
        let needed = self.end + self.builder.span(totals);
        if needed <= self.room || self.end == START {
            return Ok(());
        }
        self.rotate()
    }

    /// Writes the frame in `builder` at the end. It is neither on disk nor visible yet.
    pub fn append(&mut self, time_ms: u64, totals: &[(TableId, TableStats)]) -> io::Result<Header> {
        let synced = self.synced.upto();
        let (bytes, header) = self.builder.finish(self.next, time_ms, synced, self.chain, totals);
        self.active.file.write_at(bytes, self.end)?;
        self.chain = header.checksum;
        self.end += header.span() as u64;
        self.next = header.last().next();
        Ok(header)
    }

    /// Makes everything appended durable.
    pub fn sync(&self) -> io::Result<()> {
        let upto = self.next.0 - 1;
        self.synced.sync(&*self.active.file, upto)
    }

    /// Lets readers see the frame that was appended last.
    pub fn publish(&self) {
        self.active.publish(&self.builder.finished());
    }

    /// Leaves a segment that an older version began, before anything that it does not know comes into it.
    pub fn leave_older_segment(&mut self) -> io::Result<()> {
        if self.active.header.is_older() { self.rotate() } else { Ok(()) }
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Relaxed durability may have left frames unsynced in the segment that nobody will sync from now on.
        // Nor may its failure pass for a mere lack of space: what it lost is lost.
        self.sync().map_err(io::Error::other)?;
        let previous = Previous { checksum: self.chain, end: self.end, last_ms: self.active.last_ms() };
        let number = self.active.header.number + 1;
        let header = SegmentHeader::new(self.log.identity, number, self.next, previous);
        let segment = Arc::new(self.log.create_segment(header)?);
        let sealed = std::mem::replace(&mut self.active, segment.clone());
        (self.end, self.room) = (START, room(&self.active));
        self.log.segments.write().expect("no holder panics").push(segment);
        self.log.spare.state.lock().expect("no holder panics").sealed.push(sealed);
        self.log.spare.wanted.notify_all();
        Ok(())
    }
}

/// Syncs the log from another thread.
#[derive(Clone)]
pub(crate) struct Syncer {
    synced: Arc<Synced>,
}

/// How far the log is on disk, and whether a sync of it ever failed.
struct Synced {
    upto: AtomicU64,
    failed: AtomicBool,
}

impl Synced {
    fn upto(&self) -> Seq {
        Seq(self.upto.load(Ordering::Acquire))
    }

    /// After one failure all later ones fail: the operating system takes the pages that it could not write for clean,
    /// so its next answer would be success.
    fn sync(&self, file: &dyn File, upto: u64) -> io::Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of the log failed"));
        }
        file.sync().inspect_err(|_| self.failed.store(true, Ordering::Release))?;
        self.upto.fetch_max(upto, Ordering::AcqRel);
        Ok(())
    }
}

impl Syncer {
    pub fn synced(&self) -> Seq {
        self.synced.upto()
    }

    /// Makes everything that readers can see durable. Rotation syncs the segment it leaves, so only the last one can
    /// hold unsynced frames.
    pub fn sync(&self, log: &Log, head: Seq) -> io::Result<()> {
        if self.synced() >= head {
            return Ok(());
        }
        let last = log.segments.read().expect("no holder panics").last().cloned();
        last.map_or(Ok(()), |segment| self.synced.sync(&*segment.file, head.0))
    }
}

impl Log {
    /// Makes a file the next segment, durable under its name before the first frame goes into it.
    pub(super) fn create_segment(&self, header: SegmentHeader) -> io::Result<Segment> {
        let path = self.layout.segment(header.number);
        // The lock is kept until the spare has its new name: the other thread must not touch a spare in use.
        let mut spare = self.spare.state.lock().expect("no holder panics");
        let (file, name) = match spare.ready.take() {
            Some(file) => (file, self.layout.spare()),
            None => {
                let name = self.layout.hurried();
                (zeroed(&*self.disk, &name, HURRIED_BYTES.min(self.layout.segment_bytes))?, name)
            }
        };
        file.write_at(&header.encode(), 0)?;
        file.sync()?;
        self.disk.rename(&name, &path)?;
        drop(spare);
        // From here on the segment is there: going on in the one before it would contradict its header.
        self.disk.sync_dir(&self.layout.dir).map_err(io::Error::other)?;
        Ok(Segment::new(header, path, file))
    }
}

/// Bytes that may be written into a segment without its file growing. One whose size cannot be told counts as full.
fn room(segment: &Segment) -> u64 {
    segment.file.size().unwrap_or(0)
}

/// Creates a file of zeros whose blocks are allocated, so that later writes change no metadata and `fdatasync` is one
/// write.
pub(super) fn zeroed(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Arc<dyn File>> {
    const CHUNK: u64 = 1 << 20;
    let zeros = vec![0; usize::try_from(CHUNK).expect("a megabyte")];
    let file = disk.create(path)?;
    let fill = || {
        let mut at = 0;
        while at < bytes {
            let count = CHUNK.min(bytes - at);
            file.write_at(&zeros[..usize::try_from(count).expect("a megabyte")], at)?;
            at += count;
        }
        file.sync()
    };
    match fill() {
        Ok(()) => Ok(file),
        Err(error) => {
            // What is left of the disk is for the state engine, which must still be able to flush.
            let _ = disk.remove(path);
            Err(error)
        }
    }
}

impl Layout {
    /// Whether a path is one of a segment, and which number.
    pub(super) fn number(path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        name.strip_suffix(".seg")?.parse().ok()
    }
}
