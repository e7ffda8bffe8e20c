//! The store on disk: one `lsm-tree` without a journal, its flushes and merges run by two threads of ours.
//!
//! What the engine would do otherwise, and why it must not here:
//! - It numbers its lists of tables from the same counter as the versions of keys, and a read at an old number would
//!   go to an old list, which pins write buffers and tables for as long as somebody reads. We shift our Seqs past
//!   that counter ([`SHIFT`]), so that every read goes to the newest list.
//! - Then its rule for giving up old versions ("the next newer one is below the watermark") is wrong for a reader
//!   between the two. So a flush is thinned out here, exactly; merges give up either everything but the newest
//!   versions, when nobody reads below what was flushed last, or nothing.
//! - Its write buffers keep every version of a key, so that reading a counter's neighbours means passing over thousands.
//!   We take out of the active buffer what nobody needs, a thousand overwrites late ([`LATE`]).
//! - The newest number in its tables may shrink when merges drop versions. A row of our own ([`MARK`]) goes with every
//!   flush and carries its newest Seq.

use super::{
    Batch, Bytes, Error, Hook, Options, Pressure, RESERVED, Readers, Usage, Value,
    filter::{Filter, Filters},
    newest::Newest,
    readers::Needed,
};
use item::Seq;
use lsm_tree::{
    AbstractTree, AnyTree, BlobTree, Cache, Config, DescriptorTable, Guard, InternalValue, KvSeparationOptions,
    Memtable, SeqNo, Slice, ValueType, compaction::Leveled, config::PinningPolicy,
    table::filter::standard_bloom::Builder as TableFilter,
};
use std::{
    collections::VecDeque,
    fs::File,
    io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Our Seq 0 in the engine's numbers. Below it the engine counts its lists of tables: four thousand million of them.
const SHIFT: SeqNo = 1 << 32;

/// As a watermark: give up no version, but let go of all lists of tables but the newest.
const NOTHING: SeqNo = SHIFT;

/// As a watermark: give up every version that has a newer one.
const ALL_BUT_NEWEST: SeqNo = SeqNo::MAX >> 1;

/// A row whose newest version is at the newest Seq flushed.
const MARK: &[u8] = RESERVED;

/// Values from this size live in files of their own, so that merges do not copy them.
const APART_BYTES: u32 = 16 << 10;

/// Full write buffers that may wait to be written before writers must wait.
const SEALED_MAX: usize = 2;

/// Unmerged runs of tables, through all of which reads must look, before writers are slowed down step by step.
const RUNS_PACED: usize = 10;

/// Unmerged runs before writers must wait for a merge.
const RUNS_MAX: usize = 32;

/// Bytes between two short waits of a writer that is slowed down.
const PACED_BYTES: u64 = 256 << 10;

/// Size of one table: small, because publishing a merge syncs its last table while readers wait.
const TABLE_BYTES: u64 = 8 << 20;

/// How long to wait before asking again whether a merge has picked its tables.
const PICKING: Duration = Duration::from_millis(1);

/// Overwritten versions that stay in the active buffer for those who learnt the head a moment ago and hold no snapshot.
const LATE: usize = 1024;

/// What a row takes besides its key and value: list node, two reference counts, the allocator's rounding.
const ROW_BYTES: u64 = 150;

pub(super) struct Lsm {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Core {
    tree: BlobTree,
    cache: Arc<Cache>,
    newest: Newest,
    filters: Filters,
    blobs: PathBuf,
    readers: Arc<Readers>,
    active: Mutex<Active>,
    buffer_bytes: u64,
    /// As [`Work::runs`], to look at without the lock.
    runs: AtomicUsize,
    /// While writers are slowed down: the size of the active buffer at which they wait next.
    paced: AtomicU64,
    /// One more than the newest Seq on disk; 0 while there is none.
    persisted: AtomicU64,
    hook: Mutex<Option<Hook>>,
    work: Mutex<Work>,
    changed: Condvar,
}

/// The engine's current write buffer, held so that applying does not wait for the lock that a flush publishes under.
struct Active {
    buffer: Arc<Memtable>,
    filter: Arc<Filter>,
    bytes: u64,
    /// Rows of the buffer with a newer version in it, oldest overwrite first.
    stale: VecDeque<Stale>,
}

struct Stale {
    key: Slice,
    seq: u64,
    newer: u64,
}

/// What the two threads have to do and how they fare.
#[derive(Default)]
struct Work {
    /// Oldest first; each stays until it is on disk.
    sealed: VecDeque<Sealed>,
    drops: Vec<(Vec<u8>, Vec<u8>)>,
    merge: bool,
    merging: bool,
    /// A merge knows what it may give up and is about to pick its tables.
    picking: bool,
    runs: usize,
    failure: Option<String>,
    stop: bool,
}

#[derive(Clone)]
struct Sealed {
    buffer: Arc<Memtable>,
    bytes: u64,
    newest: u64,
}

impl From<lsm_tree::Error> for Error {
    fn from(error: lsm_tree::Error) -> Self {
        match error {
            lsm_tree::Error::Io(error) => Error::Io(error),
            error => Error::Damaged(format!("{error:?}")),
        }
    }
}

/// The engine reads what is below a number, we what is at or below a Seq.
fn at_or_below(at: Seq) -> SeqNo {
    at.0.saturating_add(SHIFT + 1).min(SeqNo::MAX >> 1)
}

/// How long a writer waits every [`PACED_BYTES`]: from 128 MB/s down to 6 MB/s.
fn pace(runs: usize) -> Duration {
    Duration::from_millis(2 * (1 + runs.saturating_sub(RUNS_PACED)).min(20) as u64)
}

impl Lsm {
    pub(super) fn open(options: &Options, readers: Arc<Readers>) -> Result<Lsm, Error> {
        let core = Arc::new(Core::open(options, readers)?);
        let lsm = Lsm { core: Arc::clone(&core), threads: Mutex::default() };
        let flusher = Arc::clone(&core);
        lsm.start("store-flush", move || flusher.flush_until_stopped())?;
        lsm.start("store-merge", move || core.merge_until_stopped())?;
        Ok(lsm)
    }

    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work)?;
        self.threads.lock().expect("starting a thread does not panic").push(thread);
        Ok(())
    }

    pub(super) fn apply(&self, batch: &mut Batch) {
        let mut active = self.core.active();
        let mut newest = 0;
        for put in &batch.0 {
            let (value, kind) = match &put.value {
                Some(value) => (value.0.clone(), ValueType::Value),
                None => (Slice::empty(), ValueType::Tombstone),
            };
            newest = newest.max(put.seq.0);
            active.insert(InternalValue::from_components(put.key.0.clone(), value, put.seq.0 + SHIFT, kind));
        }
        active.take_out_stale(&self.core.readers);
        self.core.newest.begin(newest);
        batch.0.drain(..).for_each(|put| self.core.newest.put(put.key, put.value, put.seq.0));
    }

    pub(super) fn get(&self, key: &[u8], at: Seq) -> Result<Option<Value>, Error> {
        let newest = &self.core.newest;
        if let Some(known) = newest.get(key, at) {
            return Ok(known);
        }
        let stamp = newest.stamp();
        let found = self.core.search(key, at_or_below(at))?.map(Bytes);
        if let Some(value) = &found {
            newest.keep(key, value, at, stamp);
        }
        Ok(found)
    }

    pub(super) fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>), at: Seq, reverse: bool) -> Cursor {
        Cursor { inner: self.core.tree.range::<&[u8], _>(bounds, at_or_below(at), None), reverse }
    }

    pub(super) fn write_pressure(&self) -> Pressure {
        let core = &self.core;
        let size = core.active().bytes;
        if size >= core.buffer_bytes {
            return if core.work().has_room() { Pressure::Rotate } else { Pressure::Stall };
        }
        let slow = core.runs.load(Ordering::Relaxed) >= RUNS_PACED && size >= core.paced.load(Ordering::Relaxed);
        if slow { Pressure::Stall } else { Pressure::Fine }
    }

    pub(super) fn wait_for_room(&self) {
        let core = &self.core;
        let size = core.active().bytes;
        core.paced.store(size + PACED_BYTES, Ordering::Relaxed);
        let mut work = core.work();
        if size < core.buffer_bytes {
            // A timed wait rather than a sleep, so that a merge or a failure ends it.
            let pace = pace(work.runs);
            let slow = |work: &mut Work| work.runs >= RUNS_PACED && work.failure.is_none() && !work.stop;
            drop(core.changed.wait_timeout_while(work, pace, slow).expect("nothing panics while holding the work"));
            return;
        }
        while !work.has_room() {
            work = core.wait(work);
        }
    }

    pub(super) fn rotate(&self) {
        let core = &self.core;
        let mut active = core.active();
        let newest = core.newest.applied().max(core.readers.head());
        // Groups that are in the log and nowhere else leave no row, and move the mark all the same: up to there the log
        // may be trimmed.
        if active.buffer.is_empty() && newest < core.marked().max(1) {
            return;
        }
        active.insert(InternalValue::from_components(MARK, Slice::empty(), newest + SHIFT, ValueType::Value));
        let buffer = core.tree.rotate_memtable().expect("the mark is a row");
        let sealed = std::mem::replace(&mut *active, Active::new(core.tree.active_memtable(), core.filters.add()));
        core.paced.store(0, Ordering::Relaxed);
        core.work().sealed.push_back(Sealed { buffer, bytes: sealed.bytes, newest });
        core.changed.notify_all();
    }

    pub(super) fn persisted(&self) -> Option<Seq> {
        self.core.persisted.load(Ordering::Acquire).checked_sub(1).map(Seq)
    }

    pub(super) fn flush_and_wait(&self) -> Result<(), Error> {
        self.rotate();
        let mut work = self.core.work();
        while !work.sealed.is_empty() && work.failure.is_none() && !work.stop {
            work = self.core.wait(work);
        }
        match &work.failure {
            Some(failure) => Err(Error::Stopped(failure.clone())),
            None if !work.sealed.is_empty() => Err(Error::Stopped("the store is closed".into())),
            None => Ok(()),
        }
    }

    pub(super) fn before_flush(&self, hook: Hook) {
        *self.core.hook.lock().expect("a failing hook is caught") = Some(hook);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.core.work().failure.clone()
    }

    pub(super) fn drop_range(&self, start: &[u8], end: &[u8]) {
        self.core.work().drops.push((start.into(), end.into()));
        self.core.changed.notify_all();
    }

    pub(super) fn usage(&self) -> Usage {
        let tree = &self.core.tree;
        let active = self.core.active().bytes;
        let work = self.core.work();
        let sealed: u64 = work.sealed.iter().map(|sealed| sealed.bytes).sum();
        let runs = work.runs;
        drop(work);
        Usage {
            disk_bytes: tree.disk_space(),
            buffer_bytes: sealed + active,
            cache_bytes: self.core.cache.size() + self.core.newest.bytes(),
            pinned_bytes: (tree.pinned_filter_size() + tree.pinned_block_index_size()) as u64
                + self.core.filters.bytes(),
            tables: tree.table_count(),
            runs,
            blobs: tree.blob_file_count(),
            blob_stale_bytes: tree.stale_blob_bytes(),
            snapshots: 0,
        }
    }

    pub(super) fn stop(&self) {
        self.core.work().stop = true;
        self.core.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().expect("starting a thread does not panic"));
        for thread in threads {
            // A panic in a thread has become the store's failure already.
            thread.join().ok();
        }
    }

    /// Waits until the threads have nothing more to do.
    #[cfg(test)]
    pub(super) fn settle(&self) -> Result<(), Error> {
        self.flush_and_wait()?;
        let mut work = self.core.work();
        while work.failure.is_none() && (work.merge || work.merging || !work.drops.is_empty()) {
            work = self.core.wait(work);
        }
        work.failure.take().map_or(Ok(()), |failure| Err(Error::Stopped(failure)))
    }

    /// Merges all tables into the last level.
    #[cfg(test)]
    pub(super) fn merge_everything(&self) -> Result<(), Error> {
        self.settle()?;
        self.core.tree.major_compact(TABLE_BYTES, self.core.watermark())?;
        self.core.work().picking = false;
        Ok(())
    }
}

impl Drop for Lsm {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Work {
    fn has_room(&self) -> bool {
        self.stop || self.failure.is_some() || (self.sealed.len() < SEALED_MAX && self.runs < RUNS_MAX)
    }
}

impl Core {
    fn open(options: &Options, readers: Arc<Readers>) -> Result<Core, Error> {
        // Three write buffers and the caches of blocks and rows fill seven eighths of the memory. The rest is for what is
        // pinned, for merges and for the allocator's waste.
        let buffer_bytes = (options.memory as u64 / 8).clamp(256 << 10, 64 << 20);
        let cache = Arc::new(Cache::with_capacity_bytes(options.memory as u64 / 8 * 3));
        // Indexes and filters of the last level, nearly all of them, are cut up and cached like data. Those of the
        // levels before it are cached as a whole, which takes a look-up less, or pinned.
        let partitioned = PinningPolicy::new([false, false, false, true]);
        sync_names(&options.dir)?;
        let tree = Config::new(&options.dir, Default::default(), Default::default())
            .use_cache(Arc::clone(&cache))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::new(400))))
            .index_block_partitioning_policy(partitioned.clone())
            .filter_block_partitioning_policy(partitioned)
            .index_block_pinning_policy(PinningPolicy::new([true, true, false]))
            .filter_block_pinning_policy(PinningPolicy::new([true, true, false]))
            .with_kv_separation(Some(
                KvSeparationOptions::default()
                    .separation_threshold(APART_BYTES)
                    .file_target_size(u64::from(APART_BYTES) << 11)
                    .staleness_threshold(0.3)
                    // All stale files are rewritten in time, not only the oldest of many.
                    .age_cutoff(1.0),
            ))
            .open()?;
        let AnyTree::Blob(tree) = tree else { unreachable!("values are kept apart") };
        let persisted = tree.get_highest_persisted_seqno().map_or(0, |seqno| seqno - SHIFT + 1);
        readers.start_at(persisted.saturating_sub(1));
        let filters = Filters::new(buffer_bytes);
        Ok(Core {
            active: Mutex::new(Active::new(tree.active_memtable(), filters.add())),
            filters,
            cache,
            newest: Newest::new(options.memory / 8, persisted.saturating_sub(1)),
            blobs: options.dir.join("blobs"),
            readers,
            buffer_bytes,
            runs: AtomicUsize::new(tree.l0_run_count()),
            paced: AtomicU64::new(0),
            persisted: AtomicU64::new(persisted),
            hook: Mutex::default(),
            work: Mutex::new(Work { merge: true, runs: tree.l0_run_count(), ..Work::default() }),
            changed: Condvar::new(),
            tree,
        })
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.active.lock().expect("inserting does not panic")
    }

    /// The newest version below a number, found in the tables alone where no write buffer can have it: most writes are of
    /// keys that are in none, and searching the buffers was a quarter of the sequencer's time.
    fn search(&self, key: &[u8], below: SeqNo) -> Result<Option<Slice>, Error> {
        let hash = TableFilter::get_hash(key);
        if self.filters.may_have(hash) {
            return Ok(self.tree.get(key, below)?);
        }
        // After the filters: what left a buffer meanwhile is in these tables.
        let version = self.tree.current_version();
        let runs = version.iter_levels().flat_map(|level| level.iter());
        for table in runs.filter_map(|run| run.get_for_key(key)) {
            let Some(row) = table.get(key, below, hash)? else { continue };
            return match row.key.value_type {
                ValueType::Value => Ok(Some(row.value)),
                ValueType::Tombstone | ValueType::WeakTombstone => Ok(None),
                // The value lies apart; the engine knows where.
                ValueType::Indirection => Ok(self.tree.get(key, below)?),
            };
        }
        Ok(None)
    }

    /// One past the newest position that a sealed buffer or a table is marked with.
    fn marked(&self) -> u64 {
        let sealed = self.work().sealed.back().map(|sealed| sealed.newest + 1);
        sealed.unwrap_or_default().max(self.persisted.load(Ordering::Acquire))
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().expect("nothing panics while holding the list of work")
    }

    fn wait<'a>(&self, work: MutexGuard<'a, Work>) -> MutexGuard<'a, Work> {
        self.changed.wait(work).expect("nothing panics while holding the list of work")
    }

    fn flush_until_stopped(&self) {
        self.guard(|| {
            while let Some(sealed) = self.next_sealed() {
                self.flush(&sealed)?;
                let runs = self.tree.l0_run_count();
                let mut work = self.work();
                work.sealed.pop_front();
                self.set_runs(&mut work, runs);
                work.merge = true;
                drop(work);
                self.changed.notify_all();
            }
            Ok(())
        });
    }

    fn next_sealed(&self) -> Option<Sealed> {
        let mut work = self.work();
        loop {
            if work.stop || work.failure.is_some() {
                return None;
            }
            if let Some(sealed) = work.sealed.front() {
                return Some(sealed.clone());
            }
            work = self.wait(work);
        }
    }

    fn flush(&self, sealed: &Sealed) -> Result<(), Error> {
        if let Some(hook) = &*self.hook.lock().expect("a failing hook is caught") {
            hook()?;
        }
        let needed = self.readers.thin_out(sealed.newest);
        let (tables, blobs) = self
            .tree
            .flush_to_tables(Thinned { rows: sealed.buffer.iter(), needed: &needed, last: None }.map(Ok))?
            .expect("a flush answers its tables");
        // The engine syncs the tables, their folder and the files of large values, but not the folder of those.
        if blobs.as_ref().is_some_and(|blobs| !blobs.is_empty()) {
            File::open(&self.blobs)?.sync_all()?;
        }
        self.readers.publish(&needed);
        self.wait_until_picked();
        self.tree.register_tables(&tables, blobs.as_deref(), None, &[sealed.buffer.id()], NOTHING)?;
        self.filters.remove_oldest();
        self.persisted.fetch_max(sealed.newest + 1, Ordering::AcqRel);
        Ok(())
    }

    fn merge_until_stopped(&self) {
        self.guard(|| {
            let strategy = Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES));
            while let Some(drops) = self.next_merge() {
                for (start, end) in drops {
                    self.tree.drop_range::<&[u8], _>(&start[..]..&end[..])?;
                }
                while self.merge_once(&strategy)? {}
            }
            Ok(())
        });
    }

    /// Answers whether there may be more to merge.
    fn merge_once(&self, strategy: &Arc<Leveled>) -> Result<bool, Error> {
        let before = self.tree.current_version().id();
        self.tree.compact(strategy.clone(), self.watermark())?;
        let changed = self.tree.current_version().id() != before;
        let runs = self.tree.l0_run_count();
        let mut work = self.work();
        self.set_runs(&mut work, runs);
        work.picking = false;
        work.merging = changed && !work.stop;
        let more = work.merging;
        drop(work);
        self.changed.notify_all();
        Ok(more)
    }

    /// Waits for something to do; answers the ranges to drop first.
    fn next_merge(&self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut work = self.work();
        loop {
            if work.stop || work.failure.is_some() {
                return None;
            }
            if work.merge || !work.drops.is_empty() {
                work.merge = false;
                work.merging = true;
                return Some(std::mem::take(&mut work.drops));
            }
            work = self.wait(work);
        }
    }

    fn set_runs(&self, work: &mut Work, runs: usize) {
        work.runs = runs;
        self.runs.store(runs, Ordering::Relaxed);
    }

    /// What a merge that starts now may give up. Its tables have nothing newer than the newest buffer sealed so far:
    /// flushes of later ones wait until it has picked them.
    fn watermark(&self) -> SeqNo {
        let mut work = self.work();
        work.picking = true;
        let persisted = self.persisted.load(Ordering::Acquire).saturating_sub(1);
        let newest = work.sealed.back().map_or(persisted, |sealed| sealed.newest);
        if self.readers.only_newest(newest) { ALL_BUT_NEWEST } else { NOTHING }
    }

    /// Before a flush adds a table that a merge must not pick, see [`Core::watermark`]. The engine does not say when
    /// it has picked, so ask from time to time; the gap is of microseconds.
    fn wait_until_picked(&self) {
        // Asked without holding the work, because the engine answers late while it publishes.
        while !self.tree.index.is_compacting() {
            let work = self.work();
            if !work.picking || work.stop || work.failure.is_some() {
                return;
            }
            drop(self.changed.wait_timeout(work, PICKING).expect("nothing panics while holding the list of work"));
        }
    }

    /// Runs a thread; its failure or panic becomes the store's.
    fn guard(&self, run: impl FnOnce() -> Result<(), Error>) {
        let failure = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(message) => message.clone(),
                None => panic.downcast_ref::<&str>().copied().unwrap_or("a thread of the store panicked").into(),
            },
        };
        self.work().failure.get_or_insert(failure);
        self.changed.notify_all();
    }
}

/// A process that was killed right after naming its newest list of tables did not make that name durable. The engine
/// removes as it opens what only older lists name, and with the name undone by a power loss that would be missed.
fn sync_names(dir: &Path) -> Result<(), Error> {
    match File::open(dir) {
        Ok(folder) => Ok(folder.sync_all()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn row_bytes(key: &Slice, value: &Slice) -> u64 {
    key.len() as u64 + value.len() as u64 + ROW_BYTES
}

impl Active {
    fn new(buffer: Arc<Memtable>, filter: Arc<Filter>) -> Self {
        Active { buffer, filter, bytes: 0, stale: VecDeque::new() }
    }

    /// Past the engine's own function, which does not tell what lies next to the new row.
    fn insert(&mut self, row: InternalValue) {
        self.bytes += row_bytes(&row.key.user_key, &row.value);
        let first = self.filter.insert(TableFilter::get_hash(&row.key.user_key));
        let entry = self.buffer.items.insert(row.key, row.value);
        if first {
            return;
        }
        let Some(next) = entry.next() else { return };
        if next.key().user_key == entry.key().user_key {
            let (seq, newer) = (next.key().seqno - SHIFT, entry.key().seqno - SHIFT);
            self.stale.push_back(Stale { key: entry.key().user_key.clone(), seq, newer });
        }
    }

    /// Rows that a snapshot still needs are left to the flush.
    fn take_out_stale(&mut self, readers: &Readers) {
        let Some(last) = self.stale.len().checked_sub(LATE) else { return };
        let needed = readers.thin_out(self.stale[last].newer);
        readers.publish(&needed);
        for stale in self.stale.drain(..last) {
            if !needed.shadowed(stale.seq, stale.newer) {
                continue;
            }
            let sought = InternalValue::new_tombstone(stale.key, stale.seq + SHIFT);
            if let Some(row) = self.buffer.items.remove(&sought.key) {
                self.bytes -= row_bytes(&row.key().user_key, row.value());
            }
        }
    }
}

/// The rows of a write buffer without those that nobody needs.
struct Thinned<'a, I> {
    /// By key ascending, then newest first.
    rows: I,
    needed: &'a Needed,
    last: Option<(Slice, SeqNo)>,
}

impl<I: Iterator<Item = InternalValue>> Iterator for Thinned<'_, I> {
    type Item = InternalValue;

    fn next(&mut self) -> Option<InternalValue> {
        loop {
            let row = self.rows.next()?;
            let seqno = row.key.seqno;
            match &mut self.last {
                Some((key, newer)) if *key == row.key.user_key => {
                    let shadowed = self.needed.shadowed(seqno - SHIFT, *newer - SHIFT);
                    *newer = seqno;
                    if shadowed {
                        continue;
                    }
                }
                last => *last = Some((row.key.user_key.clone(), seqno)),
            }
            return Some(row);
        }
    }
}

/// An open read of a range: it pins the tables and write buffers there were when it was opened.
pub(super) struct Cursor {
    inner: Box<dyn DoubleEndedIterator<Item = lsm_tree::IterGuardImpl> + Send>,
    reverse: bool,
}

impl Cursor {
    pub(super) fn next(&mut self) -> Option<Result<(Bytes, Value), Error>> {
        let guard = if self.reverse { self.inner.next_back() } else { self.inner.next() }?;
        Some(guard.into_inner().map(|(key, value)| (Bytes(key), Bytes(value))).map_err(Error::from))
    }
}
