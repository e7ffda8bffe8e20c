//! Opening the log: what is there, what is torn, what is corrupt.
//!
//! A group that was being written when the power went leaves a torn frame at the end; it was never acknowledged and is
//! cut. A damaged frame that was known to be on disk (a later frame says so) is corruption: the log refuses to open and
//! says where.

use super::{
    Identity, Layout, Log, Spare, Writer,
    frame::{ALIGN, Frame, HEADER, Header},
    segment::{Previous, START, Segment, SegmentHeader},
};
use crate::{Env, OpenError, env::Disk};
use item::Seq;
use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Arc, Mutex, RwLock},
};

/// A log that is open for writing.
pub(crate) struct Recovered {
    pub writer: Writer,
    /// Commit time of the last frame; times never go backwards.
    pub last_ms: u64,
}

impl Log {
    /// Refuses a log of a newer format before anything is touched.
    pub fn check_format(dir: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
        let Ok(paths) = disk.list(dir) else { return Ok(()) };
        for path in paths.iter().filter(|path| Layout::number(path).is_some()) {
            let failed = |error| io_error(path, error);
            let mut page = vec![0; 128];
            let count = disk.open(path).map_err(failed)?.read_at(&mut page, 0).map_err(failed)?;
            SegmentHeader::decode(&page[..count], path)?;
        }
        Ok(())
    }

    /// Opens or creates the log and hands every frame with entries after `applied` to `replay`, in order.
    pub fn open(
        layout: Layout,
        env: &Env,
        applied: Option<Seq>,
        replay: impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
    ) -> Result<Recovered, OpenError> {
        let disk = env.disk.clone();
        let at_dir = |error| io_error(&layout.dir, error);
        // Makes the name of the state engine's folder beside it durable too, which the engine does not do.
        disk.create_dir_all(&layout.dir).map_err(at_dir)?;
        // A process that died after naming a segment may not have made its name durable.
        disk.sync_dir(&layout.dir).map_err(at_dir)?;
        let paths = disk.list(&layout.dir).map_err(at_dir)?;
        let mut numbers: Vec<u64> = paths.iter().filter_map(|path| Layout::number(path)).collect();
        numbers.sort_unstable();
        let mut segments = Vec::new();
        for number in numbers {
            let path = layout.segment(number);
            let file = disk.open(&path).map_err(|error| io_error(&path, error))?;
            segments.push(Arc::new(open_segment(&layout, number, file)?));
        }
        let identity = match segments.first() {
            Some(segment) => segment.header.identity,
            None if applied.is_some_and(|applied| applied > Seq::ZERO) => {
                return Err(corrupt(&layout.dir, 0, "there is state, but no log".to_owned()));
            }
            None => new_identity(env),
        };
        let log = Log {
            layout,
            disk,
            identity,
            segments: RwLock::default(),
            loaded: Mutex::default(),
            spare: Spare::default(),
        };
        if segments.is_empty() {
            let header = SegmentHeader::new(identity, 1, Seq(1), Previous::default());
            segments.push(Arc::new(log.create_segment(header).map_err(|error| io_error(&log.layout.dir, error))?));
        }
        log.recover(segments, applied.unwrap_or_default(), replay)
    }

    fn recover(
        self,
        segments: Vec<Arc<Segment>>,
        applied: Seq,
        mut replay: impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
    ) -> Result<Recovered, OpenError> {
        for pair in segments.windows(2) {
            check_neighbours(&pair[0], &pair[1])?;
            pair[0].seal_at(pair[1].header.previous.end, pair[1].header.previous.last_ms);
        }
        let last = segments.last().expect("there is always a segment").clone();
        // What was written may not be on disk yet; what is replayed must be.
        last.file.sync().map_err(|error| io_error(&last.path, error))?;
        let from = segments.partition_point(|segment| segment.header.first <= applied.next()).saturating_sub(1);
        let first = segments[from].header.first;
        if first > applied.next() {
            let what = format!("the log begins at {first}, but the state has only {applied}");
            return Err(corrupt(&segments[from].path, 0, what));
        }
        let mut tail = Tail::at(&segments[from].header);
        let mut unsure = VecDeque::new();
        for segment in &segments[from..] {
            let is_last = Arc::ptr_eq(segment, &last);
            tail = walk(segment, is_last.then_some(&mut unsure), tail, applied, &mut replay)?;
        }
        if tail.next.0 <= applied.0 {
            let what = format!("the log ends at {}, but the state has {applied}", tail.next.0 - 1);
            return Err(corrupt(&last.path, last.end(), what));
        }
        if let Some(Unsure { offset, .. }) = unsure.front() {
            write_again(&last, *offset)?;
        }
        cut_torn_tail(&last, tail.next)?;
        *self.segments.write().expect("no holder panics") = segments;
        let path = last.path.clone();
        let mut writer = Writer::new(Arc::new(self), last, tail.chain, tail.next);
        writer.leave_older_segment().map_err(|error| io_error(&path, error))?;
        Ok(Recovered { writer, last_ms: tail.last_ms })
    }
}

/// Where a walk through the frames stands.
#[derive(Clone, Copy)]
struct Tail {
    chain: u64,
    next: Seq,
    last_ms: u64,
}

impl Tail {
    fn at(header: &SegmentHeader) -> Tail {
        Tail { chain: header.previous.checksum, next: header.first, last_ms: header.previous.last_ms }
    }
}

/// A frame that no later one says to be on disk.
struct Unsure {
    offset: u64,
    last: Seq,
}

/// Writes the frames from `offset` on once more. Had their sync failed before the process ended, the operating system
/// would have them in its cache as if they were on disk, and syncing alone would do nothing.
fn write_again(last: &Segment, offset: u64) -> Result<(), OpenError> {
    let failed = |error| io_error(&last.path, error);
    let bytes = last.bytes(offset, last.end()).map_err(failed)?;
    last.file.write_at(&bytes, offset).map_err(failed)?;
    last.file.sync().map_err(failed)
}

/// Replays one segment; the last one (with `unsure`) is made visible frame by frame, a sealed one must end where its
/// successor says.
fn walk(
    segment: &Segment,
    mut unsure: Option<&mut VecDeque<Unsure>>,
    mut tail: Tail,
    applied: Seq,
    replay: &mut impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
) -> Result<Tail, OpenError> {
    let is_last = unsure.is_some();
    let mut problem = None;
    let walked = segment.walk(START, |frame, offset| {
        let header = frame.header;
        if header.previous != tail.chain || header.first != tail.next {
            let what = format!("a frame at position {} does not follow position {}", header.first, tail.next.0 - 1);
            problem = Some(corrupt(&segment.path, offset, what));
            return Err(io::ErrorKind::InvalidData.into());
        }
        tail = Tail { chain: header.checksum, next: header.last().next(), last_ms: header.time_ms };
        if let Some(unsure) = &mut unsure {
            segment.publish(frame);
            while unsure.pop_front_if(|frame| frame.last <= header.synced).is_some() {}
            unsure.push_back(Unsure { offset, last: header.last() });
        }
        if header.last() > applied
            && let Err(error) = replay(frame)
        {
            problem = Some(error);
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    });
    match (walked, problem) {
        (_, Some(problem)) => Err(problem),
        (Err(error), None) => Err(io_error(&segment.path, error)),
        (Ok(end), None) if !is_last && end != segment.end() => {
            Err(corrupt(&segment.path, end, format!("a frame is damaged (position {})", tail.next)))
        }
        (Ok(_), None) => Ok(tail),
    }
}

/// Looks past the last valid frame. Zeros: a clean end. Anything else is a torn group, and is zeroed, unless a valid
/// frame further on says that what is damaged had been on disk.
fn cut_torn_tail(last: &Segment, next: Seq) -> Result<(), OpenError> {
    const CHUNK: u64 = 1 << 20;
    let failed = |error| io_error(&last.path, error);
    let length = last.file.size().map_err(failed)?;
    let end = last.end();
    let mut at = end;
    let mut torn = false;
    while at < length {
        let chunk = last.bytes(at, length.min(at + CHUNK + HEADER as u64)).map_err(failed)?;
        // Without an early end, which would be a byte at a time: this is most of a clean start.
        if chunk.iter().fold(0, |all, byte| all | byte) != 0 {
            torn = true;
            refuse_later_frames(last, at, &chunk, end, next)?;
        }
        at += CHUNK;
    }
    if torn {
        let zeros = vec![0; usize::try_from(CHUNK).expect("a megabyte")];
        let mut at = end;
        while at < length {
            let count = usize::try_from(CHUNK.min(length - at)).expect("a megabyte");
            last.file.write_at(&zeros[..count], at).map_err(failed)?;
            at += CHUNK;
        }
        last.file.sync().map_err(failed)?;
    }
    Ok(())
}

fn refuse_later_frames(last: &Segment, at: u64, chunk: &[u8], end: u64, next: Seq) -> Result<(), OpenError> {
    let failed = |error| io_error(&last.path, error);
    for start in (0..chunk.len()).step_by(ALIGN) {
        let Some(header) = Header::read(&chunk[start..]) else { continue };
        // The damaged frame itself may still have its header.
        if header.first <= next || header.synced < next {
            continue;
        }
        let offset = at + start as u64;
        let bytes = last.bytes(offset, offset + HEADER as u64 + u64::from(header.body)).map_err(failed)?;
        if Frame::read(&bytes).is_some() {
            let what =
                format!("a frame that was on disk is damaged (position {next}); a valid one follows at {offset}");
            return Err(corrupt(&last.path, end, what));
        }
    }
    Ok(())
}

fn open_segment(layout: &Layout, number: u64, file: Arc<dyn crate::env::File>) -> Result<Segment, OpenError> {
    let path = layout.segment(number);
    let mut page = vec![0; 128];
    let count = file.read_at(&mut page, 0).map_err(|error| io_error(&path, error))?;
    page.truncate(count);
    match SegmentHeader::decode(&page, &path)? {
        Some(header) if header.number == number => Ok(Segment::new(header, path, file)),
        Some(header) => Err(corrupt(&path, 0, format!("this is segment {} under another name", header.number))),
        None => Err(corrupt(&path, 0, "the segment's header is damaged".to_owned())),
    }
}

fn check_neighbours(segment: &Segment, next: &Segment) -> Result<(), OpenError> {
    let (header, follows) = (&segment.header, &next.header);
    if follows.number != header.number + 1 {
        return Err(corrupt(&next.path, 0, format!("segment {} is missing", header.number + 1)));
    }
    if follows.identity != header.identity {
        return Err(corrupt(&next.path, 0, "the segment belongs to another database".to_owned()));
    }
    Ok(())
}

fn new_identity(env: &Env) -> Identity {
    let mut database = [0; 16];
    env.dice.fill(&mut database);
    Identity { database, timeline: 1000 }
}

fn corrupt(path: &Path, offset: u64, what: String) -> OpenError {
    OpenError::Corrupt { path: path.to_owned(), offset, what }
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}
