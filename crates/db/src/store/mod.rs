//! The state: every key's newest value and the older ones somebody still reads, numbered by the log's Seq.
//!
//! Answers: what was the value of this key at this Seq? One ordered map holds everything (items, catalogue, followers,
//! retry tokens), told apart by key prefix, so that what is on disk is always a prefix of the log. Only this room
//! names the storage engine. It must not know what keys and values mean, nor the log: whoever owns the log applies
//! groups after they are synced and replays what lies past [`Store::persisted`].

mod filter;
mod lsm;
mod map;
mod newest;
mod readers;
#[cfg(test)]
mod tests;

use item::Seq;
use readers::Readers;
use std::{
    borrow::Borrow,
    io,
    ops::{Bound, Deref},
    path::PathBuf,
    sync::Arc,
};

/// How to open a store on disk.
pub struct Options {
    /// Belongs to the store alone; created when missing.
    pub dir: PathBuf,
    /// Bytes for all of this room: write buffers, caches, indexes and filters.
    pub memory: usize,
}

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The versions visible at this Seq were given up before the read was announced: read at a newer one.
    #[error("versions at {0} are gone")]
    Gone(Seq),
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Stored bytes do not read back.
    #[error("stored state is damaged: {0}")]
    Damaged(String),
    /// Writing tables failed earlier and nothing is written any more; the log has it all.
    #[error("the state engine stopped: {0}")]
    Stopped(String),
}

/// Bytes as stored; cloning shares them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(lsm_tree::Slice);

/// What a key maps to.
pub type Value = Bytes;

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes.into())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes(bytes.into())
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.escape_ascii())
    }
}

/// Keys from here on belong to the store. All others sort before it.
const RESERVED: &[u8] = &[0xff; 4];

struct Put {
    key: Bytes,
    /// `None` removes the key.
    value: Option<Bytes>,
    seq: Seq,
}

/// What one group of the log changes. A key may appear once per Seq, oldest first.
#[derive(Default)]
pub struct Batch(Vec<Put>);

impl Batch {
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// # Panics
    /// When the key is empty, longer than 65,535 bytes or starts with four bytes of 0xff.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>, seq: Seq) {
        self.push(key, Some(value.into()), seq);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// # Panics
    /// As [`Batch::put`].
    pub fn remove(&mut self, key: Vec<u8>, seq: Seq) {
        self.push(key, None, seq);
    }

    fn push(&mut self, key: Vec<u8>, value: Option<Bytes>, seq: Seq) {
        assert!(!key.is_empty() && key.len() <= usize::from(u16::MAX), "a key has 1 to 65,535 bytes");
        assert!(*key < *RESERVED, "the key is reserved");
        self.0.push(Put { key: key.into(), value, seq });
    }
}

/// What the sequencer should do before it takes more writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    Fine,
    /// The write buffer is full: apply the bookkeeping rows, then [`Store::rotate`].
    Rotate,
    /// The disk does not keep up: [`Store::wait_for_room`], then ask again.
    Stall,
}

/// What the store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub disk_bytes: u64,
    /// Write buffers, by the engine's count; the heap takes up to a half more.
    pub buffer_bytes: u64,
    pub cache_bytes: u64,
    /// Indexes and filters that never leave memory, and the filters of write buffers.
    pub pinned_bytes: u64,
    pub tables: usize,
    /// Overlapping runs of tables that were flushed and not yet merged.
    pub runs: usize,
    /// Files of large values.
    pub blobs: usize,
    /// Bytes in those that nothing refers to any more.
    pub blob_stale_bytes: u64,
    pub snapshots: usize,
}

type Hook = Box<dyn Fn() -> io::Result<()> + Send + Sync>;

enum Engine {
    Lsm(lsm::Lsm),
    Map(map::Map),
}

struct Shared {
    engine: Engine,
    readers: Arc<Readers>,
}

/// The state of one database. Clones share it; the last one dropped stops its threads.
///
/// One thread, the sequencer, applies, sets the head and rotates; any thread reads.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

impl Store {
    /// Opens or creates the store on disk. It has everything up to [`Store::persisted`] and nothing newer.
    ///
    /// # Errors
    /// When the disk fails or what is there does not read back.
    pub fn open(options: Options) -> Result<Store, Error> {
        let readers = Arc::new(Readers::default());
        let engine = Engine::Lsm(lsm::Lsm::open(&options, Arc::clone(&readers))?);
        Ok(Store(Arc::new(Shared { engine, readers })))
    }

    /// A store that lives in memory, for simulation: rotating it persists at once, on the caller's thread.
    #[must_use]
    pub fn in_memory() -> Store {
        let readers = Arc::new(Readers::default());
        Store(Arc::new(Shared { engine: Engine::Map(map::Map::new(Arc::clone(&readers))), readers }))
    }

    /// What a store in memory would hold after a crash: the state at [`Store::persisted`].
    ///
    /// # Panics
    /// On a store on disk: drop that one and open the directory again.
    #[must_use]
    pub fn crash(&self) -> Store {
        let Engine::Map(map) = &self.0.engine else { panic!("only a store in memory can be crashed") };
        let readers = Arc::new(Readers::default());
        Store(Arc::new(Shared { engine: Engine::Map(map.crash(Arc::clone(&readers))), readers }))
    }

    /// Takes the batch in and leaves it empty. Memory only; readers at the head see none of it before the head moves.
    pub fn apply(&self, batch: &mut Batch) {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.apply(batch),
            Engine::Map(map) => map.apply(batch),
        }
    }

    /// Everything up to `head` has been applied: new readers start there.
    pub fn set_head(&self, head: Seq) {
        self.0.readers.set_head(head);
    }

    /// Where new readers start.
    #[must_use]
    pub fn head(&self) -> Seq {
        Seq(self.0.readers.head())
    }

    /// The newest version with a Seq `<= at`. `at` is the head, or held by a [`Snapshot`].
    ///
    /// # Errors
    /// [`Error::Gone`] when `at` is neither: a flush went by since it was the head.
    pub fn get(&self, key: &[u8], at: Seq) -> Result<Option<Value>, Error> {
        let value = match &self.0.engine {
            Engine::Lsm(lsm) => lsm.get(key, at)?,
            Engine::Map(map) => map.get(key, at),
        };
        // After the read: what it saw may have been thinned out by a flush that was published meanwhile.
        self.0.readers.check(at)?;
        Ok(value)
    }

    /// The keys from `start` to before `end` with their newest version `<= at`, read as the iterator advances. It keeps
    /// `at` readable for as long as it lives, and up to three write buffers in memory: do not leave it lying.
    /// An empty `end` means no end.
    #[must_use]
    pub fn range(&self, start: &[u8], end: &[u8], at: Seq, reverse: bool) -> Range {
        let end = if end.is_empty() || end > RESERVED { RESERVED } else { end };
        Range {
            shared: Arc::clone(&self.0),
            hold: Some(Snapshot::hold(&self.0.readers, at)),
            start: start.into(),
            end: end.into(),
            at,
            reverse,
            chunk: None,
            left: 0,
        }
    }

    /// Keeps the versions visible at the head until the guard is dropped: read at [`Snapshot::seq`]. Unlike reading the
    /// head first, nothing can come in between.
    #[must_use]
    pub fn latest(&self) -> Snapshot {
        Snapshot { seq: self.0.readers.open_head(), readers: Arc::clone(&self.0.readers) }
    }

    /// Cheap; to be asked after every group.
    #[must_use]
    pub fn write_pressure(&self) -> Pressure {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.write_pressure(),
            Engine::Map(map) => map.write_pressure(),
        }
    }

    /// Seals the write buffer; a thread of the store writes it out. Does nothing when it is empty.
    pub fn rotate(&self) {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.rotate(),
            Engine::Map(map) => map.rotate(),
        }
    }

    /// Blocks while the pressure is [`Pressure::Stall`]; returns at once when the store has failed.
    pub fn wait_for_room(&self) {
        if let Engine::Lsm(lsm) = &self.0.engine {
            lsm.wait_for_room();
        }
    }

    /// The newest Seq such that everything up to it survives a power loss; `None` while nothing does.
    #[must_use]
    pub fn persisted(&self) -> Option<Seq> {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.persisted(),
            Engine::Map(map) => map.persisted(),
        }
    }

    /// Rotates and blocks until all that was applied is persisted. Called by the sequencer, or when it is idle.
    ///
    /// # Errors
    /// When the store has failed.
    pub fn flush_and_wait(&self) -> Result<(), Error> {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.flush_and_wait(),
            Engine::Map(map) => map.flush_and_wait(),
        }
    }

    /// Sets what runs before a write buffer goes to disk: it syncs the log, so that the state is never ahead of it.
    /// Should it fail, nothing is written and the store stops.
    pub fn before_flush(&self, hook: Hook) {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.before_flush(hook),
            Engine::Map(map) => map.before_flush(hook),
        }
    }

    /// Why the store stopped persisting, if so. It still answers reads; no more writes may be taken.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.failure(),
            Engine::Map(map) => map.failure(),
        }
    }

    /// Frees in the background what lies wholly in a key range that nobody reads any more, without reading it. Keys at
    /// its edges and recent ones stay, and older values of keys in it may come to light again: remove those that are
    /// left one by one if it matters. Nothing of this survives a crash before it has happened.
    pub fn drop_range(&self, start: &[u8], end: &[u8]) {
        match &self.0.engine {
            Engine::Lsm(lsm) => lsm.drop_range(start, end),
            Engine::Map(map) => map.drop_range(start, end),
        }
    }

    #[must_use]
    pub fn usage(&self) -> Usage {
        let usage = match &self.0.engine {
            Engine::Lsm(lsm) => lsm.usage(),
            Engine::Map(map) => map.usage(),
        };
        Usage { snapshots: self.0.readers.count(), ..usage }
    }

    /// Stops the threads. What was not flushed is left to the log.
    pub fn close(self) {
        if let Engine::Lsm(lsm) = &self.0.engine {
            lsm.stop();
        }
    }
}

/// Keeps the versions visible at its Seq from being given up.
pub struct Snapshot {
    readers: Arc<Readers>,
    seq: Seq,
}

impl Snapshot {
    /// Where to read.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    fn hold(readers: &Arc<Readers>, at: Seq) -> Result<Snapshot, Error> {
        readers.open_at(at)?;
        Ok(Snapshot { readers: Arc::clone(readers), seq: at })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.readers.close(self.seq);
    }
}

/// How many keys are read before the range lets go of the write buffers and tables it reads from.
const CHUNK: usize = 4096;

enum Chunk {
    Lsm(lsm::Cursor),
    Map(map::Cursor),
}

/// Iterator over keys and values, see [`Store::range`].
pub struct Range {
    shared: Arc<Shared>,
    /// Becomes `None` with the last item, or when `at` was gone to begin with.
    hold: Option<Result<Snapshot, Error>>,
    start: Bytes,
    end: Bytes,
    at: Seq,
    reverse: bool,
    chunk: Option<Chunk>,
    left: usize,
}

impl Range {
    fn open(&mut self) {
        if self.start >= self.end {
            return;
        }
        let bounds = (Bound::Included(&*self.start), Bound::Excluded(&*self.end));
        self.left = CHUNK;
        self.chunk = Some(match &self.shared.engine {
            Engine::Lsm(lsm) => Chunk::Lsm(lsm.range(bounds, self.at, self.reverse)),
            Engine::Map(map) => Chunk::Map(map.range(bounds, self.at, self.reverse)),
        });
    }

    /// Narrows the range to what lies behind `key`, so that the next chunk starts there.
    fn pass(&mut self, key: &Bytes) {
        self.chunk = None;
        if self.reverse {
            self.end = key.clone();
        } else {
            let mut next = key.to_vec();
            next.push(0);
            self.start = next.into();
        }
    }

    fn advance(&mut self) -> Option<Result<(Bytes, Value), Error>> {
        if self.chunk.is_none() {
            self.open();
        }
        match (self.chunk.as_mut()?, &self.shared.engine) {
            (Chunk::Lsm(cursor), _) => cursor.next(),
            (Chunk::Map(cursor), Engine::Map(map)) => cursor.next(map).map(Ok),
            (Chunk::Map(_), Engine::Lsm(_)) => unreachable!("a cursor stays with its engine"),
        }
    }
}

impl Iterator for Range {
    type Item = Result<(Bytes, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(gone) = self.hold.take()?.map(|hold| self.hold = Some(Ok(hold))) {
            return Some(Err(gone));
        }
        let next = self.advance();
        match &next {
            Some(Ok((key, _))) => {
                self.left -= 1;
                if self.left == 0 {
                    self.pass(key);
                }
            }
            Some(Err(_)) | None => {
                self.chunk = None;
                self.hold = None;
            }
        }
        next
    }
}
