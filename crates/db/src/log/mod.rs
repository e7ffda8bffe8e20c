//! The log: segments of frames on disk. It knows entries and positions, not what they mean.
//!
//! One writer appends frames and makes them visible once they are on disk; any number of readers read what is
//! visible. Order that matters: write, sync, apply, publish.

pub(crate) mod entry;
pub(crate) mod frame;
pub(crate) mod read;
mod recover;
pub(crate) mod segment;
mod writer;

pub(crate) use recover::Recovered;
pub(crate) use segment::Identity;
pub(crate) use writer::{Syncer, Writer};

use crate::{Error, env::Disk};
use item::Seq;
use segment::{Index, Segment};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, RwLock},
};

/// Indexes of sealed segments kept in memory for readers.
const INDEXES_KEPT: usize = 64;

/// How the log lays itself out on disk.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub dir: PathBuf,
    /// Size to which spare segments are pre-zeroed.
    pub segment_bytes: u64,
}

impl Layout {
    fn segment(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:012}.seg"))
    }

    fn index(segment: &Path) -> PathBuf {
        segment.with_extension("idx")
    }

    /// A zeroed file that waits to become the next segment.
    fn spare(&self) -> PathBuf {
        self.dir.join("spare.zero")
    }

    /// The spare while it is being zeroed.
    fn unfinished_spare(&self) -> PathBuf {
        self.dir.join("spare.unfinished")
    }

    /// What the sequencer zeroes itself when it needs a segment before the spare is ready: a name of its own, the
    /// other thread may be in the midst of its file.
    fn hurried(&self) -> PathBuf {
        self.dir.join("hurried.zero")
    }
}

/// The log as readers and maintenance see it.
pub(crate) struct Log {
    layout: Layout,
    disk: Arc<dyn Disk>,
    pub identity: Identity,
    /// Oldest first; the last one is being written.
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Numbers of sealed segments whose index is in memory, least recently loaded first.
    loaded: Mutex<VecDeque<u64>>,
    spare: Spare,
}

/// Hands pre-zeroed files from maintenance to the writer.
#[derive(Default)]
struct Spare {
    state: Mutex<SpareState>,
    wanted: Condvar,
}

#[derive(Default)]
struct SpareState {
    ready: Option<Arc<dyn crate::env::File>>,
    closed: bool,
    /// Segments that have just been sealed: their index goes to its side file.
    sealed: Vec<Arc<Segment>>,
}

/// Work for the maintenance thread.
pub(crate) enum Chore {
    /// Prepare a spare segment.
    Zero,
    /// Write a sealed segment's index to its side file.
    SaveIndex(Arc<Segment>),
    /// The log is closed.
    Stop,
}

impl Log {
    /// Blocks until there is something to do beside writing.
    pub fn wait_for_chore(&self) -> Chore {
        let mut state = self.spare.state.lock().expect("no holder panics");
        loop {
            if let Some(segment) = state.sealed.pop() {
                return Chore::SaveIndex(segment);
            }
            if state.closed {
                return Chore::Stop;
            }
            if state.ready.is_none() {
                return Chore::Zero;
            }
            state = self.spare.wanted.wait(state).expect("no holder panics");
        }
    }

    /// Whether a chore waits; for a caller that steps everything itself.
    pub fn poll_chore(&self) -> Option<Chore> {
        let mut state = self.spare.state.lock().expect("no holder panics");
        if let Some(segment) = state.sealed.pop() {
            return Some(Chore::SaveIndex(segment));
        }
        state.ready.is_none().then_some(Chore::Zero)
    }

    /// Ends [`Log::wait_for_chore`].
    pub fn close(&self) {
        self.spare.state.lock().expect("no holder panics").closed = true;
        self.spare.wanted.notify_all();
    }

    /// Zeroes a file that becomes the next segment, so that commits never wait for it.
    pub fn prepare_spare(&self) -> io::Result<()> {
        let file = writer::zeroed(&*self.disk, &self.layout.unfinished_spare(), self.layout.segment_bytes)?;
        // Under the lock, which the sequencer holds from taking a spare until it has its new name.
        let mut state = self.spare.state.lock().expect("no holder panics");
        self.disk.rename(&self.layout.unfinished_spare(), &self.layout.spare())?;
        state.ready = Some(file);
        Ok(())
    }

    /// Writes the index of a sealed segment beside it. It can be rebuilt, so it is not synced, only checksummed.
    pub fn save_index(&self, segment: &Segment) -> io::Result<()> {
        let Some(bytes) = segment.with_index(|index, _| index.encode()) else { return Ok(()) };
        self.disk.create(&Layout::index(&segment.path))?.write_at(&bytes, 0)?;
        self.note_loaded(segment.header.number);
        Ok(())
    }

    /// Oldest position that can be read.
    pub fn trimmed(&self) -> Seq {
        self.segments.read().expect("no holder panics").first().map_or(Seq::ZERO, |segment| segment.header.first)
    }

    /// Bytes of frames on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.read().expect("no holder panics").iter().map(|segment| segment.end()).sum()
    }

    /// Removes segments whose last frame is older than `before_ms` and whose entries are all `<= applied`: durable in
    /// the state engine.
    pub fn trim(&self, before_ms: u64, applied: Seq) -> io::Result<usize> {
        let mut removed = 0;
        loop {
            let oldest = {
                let mut segments = self.segments.write().expect("no holder panics");
                let [oldest, next, ..] = segments.as_slice() else { break };
                if oldest.last_ms() >= before_ms || next.header.first.0 > applied.0 + 1 {
                    break;
                }
                segments.remove(0)
            };
            let _ = self.disk.remove(&Layout::index(&oldest.path));
            self.disk.remove(&oldest.path)?;
            // One by one: after a power loss no segment may be missing between two others.
            self.disk.sync_dir(&self.layout.dir)?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Looks at a segment's index, loading it from its side file or, failing that, from its frames.
    fn with_index<T>(&self, segment: &Segment, look: impl Fn(&Index, u64) -> T) -> Result<T, Error> {
        if let Some(answer) = segment.with_index(&look) {
            return Ok(answer);
        }
        let index = self.load_index(segment).map_err(|error| read_error(&segment.path, &error))?;
        let answer = look(&index, segment.end());
        segment.set_index(Some(index));
        self.note_loaded(segment.header.number);
        Ok(answer)
    }

    fn load_index(&self, segment: &Segment) -> io::Result<Index> {
        let saved = self.disk.open(&Layout::index(&segment.path)).and_then(|file| {
            let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
            file.read_at(&mut bytes, 0)?;
            Ok(bytes)
        });
        if let Some(index) = saved.ok().and_then(|bytes| Index::decode(&bytes)) {
            return Ok(index);
        }
        let mut index = Index::default();
        segment.walk(segment::START, |frame, offset| {
            index.add(frame, offset);
            Ok(())
        })?;
        Ok(index)
    }

    /// Forgets the index that was loaded longest ago when there are too many.
    fn note_loaded(&self, number: u64) {
        let mut loaded = self.loaded.lock().expect("no holder panics");
        loaded.push_back(number);
        while loaded.len() > INDEXES_KEPT {
            let Some(oldest) = loaded.pop_front() else { break };
            let segments = self.segments.read().expect("no holder panics");
            if let Ok(at) = segments.binary_search_by_key(&oldest, |segment| segment.header.number) {
                segments[at].set_index(None);
            }
        }
    }
}

fn read_error(path: &Path, error: &io::Error) -> Error {
    Error::Read(format!("{}: {error}", path.display()))
}
