//! The handle that doors and followers hold.

use crate::{
    ChangePage, Error, Fingerprint, FollowerCommit, FollowerId, Image, Index, IndexQuery, IndexScan, OpenError, Page,
    PageEnd, Query, RawChange, Record, Resource, ResourcePut, RetryToken, Scan, StateEntry, Stream, StreamRead, Table,
    TableSpec, TableStats, TableUpdate, Ticket, Transacted, Write, Written,
    commit::{Action, Core, Limit, Queue, Redo, Shared},
    env::Env,
    keeper, lock,
    log::{Layout, Log},
    store::{self, Store},
    write::Reply,
};
use item::{
    Item, Key, Seq, TableId,
    codec::{self, DecodeError},
};
use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

/// Requests that may wait for the sequencer.
const WAITING_MAX: usize = 1 << 16;
/// A part of the memory in so many is what these requests may take.
const WAITING_SHARE: usize = 8;

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After its group is on disk.
    Durable,
    /// At once; the log is synced every 50 ms, so a power loss may take the last 50 ms.
    Relaxed,
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    pub dir: PathBuf,
    /// Bytes for write buffers and caches together.
    pub memory: usize,
    pub durability: Durability,
    /// How long the log is kept for readers, milliseconds; DynamoDB Streams shows 24 h.
    pub retention_ms: u64,
    /// Size of a log segment, bytes.
    pub segment_bytes: u64,
    /// How long after its expiry time an item is deleted, milliseconds; on AWS it may be two days.
    pub expiry_delay_ms: u64,
}

impl Options {
    /// The usual settings: durable, 512 MiB, 24 h, segments of 64 MB.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            memory: 512 << 20,
            durability: Durability::Durable,
            retention_ms: 24 * 60 * 60 * 1000,
            segment_bytes: 64 << 20,
            expiry_delay_ms: 0,
        }
    }
}

/// Figures about the whole database, for the console and metrics.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub head: Seq,
    pub synced: Seq,
    /// Oldest position a reader can start from.
    pub trimmed: Seq,
    pub log_bytes: u64,
    pub state_bytes: u64,
    /// Write buffers, caches, pinned indexes and filters.
    pub memory_bytes: u64,
    /// Groups and writes committed since the start.
    pub groups: u64,
    pub writes: u64,
    /// Log frames replayed when the database was opened.
    pub replayed: u64,
    /// Why no more writes are taken, if so.
    pub poisoned: Option<String>,
}

/// A database, open. Clones share it; the last one dropped closes it without a flush, as a crash would.
#[derive(Clone)]
pub struct Db(Arc<Handle>);

/// Closes the database when the last clone of [`Db`] goes; the threads hold `Inner` only.
struct Handle {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.stop();
        self.join();
    }
}

impl Handle {
    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder panics"));
        for thread in threads {
            // A thread that panicked has poisoned what it held; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

/// What the handle and the threads share.
pub(crate) struct Inner {
    pub shared: Arc<Shared>,
    pub queue: Queue,
    core: Mutex<Core>,
    pub log: Arc<Log>,
    pub syncer: crate::log::Syncer,
    pub env: Env,
    pub options: Options,
    replayed: u64,
    /// No thread commits; whoever waits steps.
    pub stepped: bool,
    pub stopping: keeper::Stop,
    _lock: Option<lock::Lock>,
}

impl Inner {
    /// Commits one group of what waits.
    pub fn step(&self) {
        self.core().commit(&self.queue);
    }

    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().expect("the sequencer does not panic while it holds the core")
    }

    /// The core, where nobody commits, nothing waits and the state engine takes more.
    fn idle_core(&self) -> Option<MutexGuard<'_, Core>> {
        let core = self.core.try_lock().ok()?;
        (self.queue.is_empty() && core.is_unhindered()).then_some(core)
    }

    fn stop(&self) {
        self.queue.close();
        self.stopping.stop();
        self.shared.fills.set();
        self.log.close();
        self.shared.head.close();
    }
}

impl Db {
    /// Opens or creates the database in `options.dir`; replays the log past what the state engine has.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing on disk was changed.
    pub fn open(options: Options, env: Env) -> Result<Db, OpenError> {
        let dir = options.dir.clone();
        let io = |source| OpenError::Io { path: dir.clone(), source };
        env.disk.create_dir_all(&dir).map_err(io)?;
        let lock = lock::Lock::take(&dir)?;
        // Refuse a newer format before anything else looks at the files.
        Log::check_format(&log_dir(&dir), &*env.disk)?;
        // A quarter of the memory is left to requests, pages and followers.
        let memory = options.memory / 4 * 3;
        let store = Store::open(store::Options { dir: dir.join("state"), memory })
            .map_err(|error| OpenError::Store(error.to_string()))?;
        let inner = Arc::new(Db::recover(options, env, store, Some(lock), false)?);
        let threads = keeper::spawn(&inner).map_err(io)?;
        Ok(Db(Arc::new(Handle { inner, threads: Mutex::new(threads) })))
    }

    /// A database without threads over a state engine in memory: whoever waits for an answer commits, and
    /// [`Db::step`] and [`Db::chores`] do the rest. For simulation; `store` survives in the caller's hands.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_stepped(options: Options, env: Env, store: &SimStore) -> Result<Db, OpenError> {
        let inner = Arc::new(Db::recover(options, env, store.0.clone(), None, true)?);
        Ok(Db(Arc::new(Handle { inner, threads: Mutex::default() })))
    }

    fn recover(
        options: Options,
        env: Env,
        store: Store,
        lock: Option<lock::Lock>,
        stepped: bool,
    ) -> Result<Inner, OpenError> {
        let shared = Arc::new(Shared::new(store));
        let applied = shared.store.persisted();
        let mut redo = Redo::load(&shared, applied.unwrap_or_default())?;
        let layout = Layout { dir: log_dir(&options.dir), segment_bytes: options.segment_bytes };
        let dir = layout.dir.clone();
        let recovered = Log::open(layout, &env, applied, |frame| {
            let at = frame.header.first;
            redo.frame(frame).map_err(|what| {
                let what = format!("position {at} does not replay: {what}");
                OpenError::Corrupt { path: dir.clone(), offset: 0, what }
            })
        })?;
        let replayed = redo.frames;
        let unsaved = redo.publish();
        let log = recovered.writer.log.clone();
        let syncer = recovered.writer.syncer();
        if options.durability == Durability::Relaxed {
            let (log, syncer, weak) = (log.clone(), syncer.clone(), Arc::downgrade(&shared));
            shared.store.before_flush(Box::new(move || {
                let Some(shared) = weak.upgrade() else { return Ok(()) };
                syncer.sync(&log, shared.head.get())
            }));
        }
        let core = Core::new(shared.clone(), recovered, env.clone(), options.durability, unsaved);
        let waiting = Limit { count: WAITING_MAX, bytes: options.memory / WAITING_SHARE };
        Ok(Inner {
            shared,
            queue: Queue::new(waiting),
            core: Mutex::new(core),
            log,
            syncer,
            env,
            options,
            replayed,
            stepped,
            stopping: keeper::Stop::default(),
            _lock: lock,
        })
    }

    /// Carries out what waits, flushes, stops the threads and releases the directory. Later requests answer
    /// [`Error::Closed`].
    ///
    /// # Errors
    /// When the last flush fails; everything acknowledged is in the log all the same.
    pub fn close(&self) -> Result<(), Error> {
        let inner = &self.0.inner;
        inner.queue.close();
        while inner.stepped && !inner.queue.is_empty() {
            inner.step();
        }
        inner.stop();
        self.0.join();
        let mut core = inner.core();
        core.sync()?;
        core.checkpoint()?;
        inner.shared.store.clone().close();
        Ok(())
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0.inner
    }

    fn submit<T>(&self, action: impl FnOnce(Reply<T>) -> Action) -> Ticket<T> {
        let inner = &self.0.inner;
        inner.queue.submit(action).stepped_by(inner.stepped.then(|| inner.clone()))
    }

    /// Commits one group of what waits; for a stepped database.
    pub fn step(&self) {
        self.inner().step();
    }

    /// Whether anything waits to be committed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner().queue.is_empty()
    }

    /// Carries out maintenance that is due: spare segments, trimming, removal of dropped tables, and (`checkpoint`)
    /// making the state durable. The threads of an ordinary database do this by themselves.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn chores(&self, checkpoint: bool) -> Result<(), Error> {
        keeper::chores(self.inner(), checkpoint)
    }

    /// One step of filling an index, for a stepped database; answers whether there was one.
    #[cfg(test)]
    pub(crate) fn fill_step(&self) -> Result<bool, Error> {
        self.inner().core().backfill()
    }

    /// The newest position readers see.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.inner().shared.head.get()
    }

    /// The newest position on disk; sinks act on nothing newer. Equal to `head` unless durability is relaxed.
    #[must_use]
    pub fn synced(&self) -> Seq {
        self.inner().syncer.synced().min(self.head())
    }

    /// Blocks until `head > seen`, the database closes or the time is up; answers the head.
    #[must_use]
    pub fn wait_past(&self, seen: Seq, timeout: Duration) -> Seq {
        self.inner().shared.head.wait_past(seen, timeout)
    }

    /// As [`Db::wait_past`], but sleeps through what changes none of these tables (or resources' records) and no schema.
    #[must_use]
    pub fn wait_change(&self, tables: &[TableId], seen: Seq, timeout: Duration) -> Seq {
        self.inner().shared.head.wait_change(tables, seen, timeout)
    }

    /// Whether the database was closed: [`Db::wait_past`] does not block any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner().queue.is_closed()
    }

    /// Database clock, milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.inner().env.clock.now_ms()
    }

    /// Fills `bytes` with the database's randomness.
    pub fn roll(&self, bytes: &mut [u8]) {
        self.inner().env.dice.fill(bytes);
    }

    #[must_use]
    pub fn status(&self) -> Status {
        let inner = self.inner();
        let usage = inner.shared.store.usage();
        Status {
            head: self.head(),
            synced: self.synced(),
            trimmed: self.trimmed(),
            log_bytes: inner.log.bytes(),
            state_bytes: usage.disk_bytes,
            memory_bytes: usage.buffer_bytes + usage.cache_bytes + usage.pinned_bytes,
            groups: inner.shared.groups.load(Ordering::Relaxed),
            writes: inner.shared.writes.load(Ordering::Relaxed),
            replayed: inner.replayed,
            poisoned: inner.shared.poisoned(),
        }
    }

    /// Generation of positions: changes with a restore, part of every SequenceNumber shown. Starts at 1000.
    #[must_use]
    pub fn timeline(&self) -> u16 {
        self.inner().log.identity.timeline
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.inner().shared.catalog().by_name.get(name).cloned()
    }

    #[must_use]
    pub fn table_by_id(&self, id: TableId) -> Option<Arc<Table>> {
        self.inner().shared.catalog().by_id.get(&id).cloned()
    }

    /// All tables, sorted by name.
    #[must_use]
    pub fn tables(&self) -> Vec<Arc<Table>> {
        self.inner().shared.catalog().by_name.values().cloned().collect()
    }

    /// A table's running totals at the head.
    #[must_use]
    pub fn stats(&self, table: TableId) -> TableStats {
        self.inner().shared.totals.read().expect("no holder panics").get(&table).copied().unwrap_or_default()
    }

    pub fn create_table(&self, spec: TableSpec) -> Ticket<Arc<Table>> {
        self.submit(|reply| Action::Create(Box::new(spec), reply))
    }

    /// Answers the table as it is after the update.
    pub fn update_table(&self, name: &str, update: TableUpdate) -> Ticket<Arc<Table>> {
        self.submit(|reply| Action::Update(name.to_owned(), Box::new(update), reply))
    }

    /// Answers the table as it was.
    pub fn delete_table(&self, name: &str) -> Ticket<Arc<Table>> {
        self.submit(|reply| Action::Delete(name.to_owned(), reply))
    }

    /// Enters records of a resource into the log, in this order; answers their positions.
    pub fn put_records(&self, records: Vec<Record>, retry: Option<RetryToken>) -> Ticket<Vec<Seq>> {
        self.submit(|reply| Action::Records(records, retry, reply))
    }

    /// The resource of this kind and name.
    #[must_use]
    pub fn resource(&self, kind: &str, name: &str) -> Option<Arc<Resource>> {
        self.inner().shared.catalog().resource(kind, name).cloned()
    }

    /// All resources of a kind, sorted by name.
    #[must_use]
    pub fn resources(&self, kind: &str) -> Vec<Arc<Resource>> {
        let catalog = self.inner().shared.catalog();
        let from = catalog.resources.range((kind.to_owned(), String::new())..);
        from.take_while(|((found, _), _)| found == kind).map(|(_, resource)| resource.clone()).collect()
    }

    /// Creates or replaces a resource; answers it as it then is.
    pub fn put_resource(&self, put: ResourcePut) -> Ticket<Arc<Resource>> {
        self.submit(|reply| Action::PutResource(Box::new(put), reply))
    }

    /// Deletes a resource, and the state of the follower of its number; answers it as it was.
    pub fn delete_resource(&self, kind: &str, name: &str) -> Ticket<Arc<Resource>> {
        self.submit(|reply| Action::DeleteResource(kind.to_owned(), name.to_owned(), reply))
    }

    pub fn write(&self, write: Write, retry: Option<RetryToken>) -> Ticket<Written> {
        self.submit(|reply| Action::Write(Box::new(write), retry, reply))
    }

    /// As [`Db::write`], but commits on the caller's thread when nothing else is to be committed: two wake-ups less.
    /// It blocks for as long as the disk takes, so it is for a caller who keeps nobody else waiting.
    pub fn write_here(&self, write: Write, retry: Option<RetryToken>) -> Ticket<Written> {
        let inner = self.inner();
        let action = |reply| Action::Write(Box::new(write), retry, reply);
        match inner.idle_core() {
            Some(mut core) => {
                let _guard = keeper::Abandoned(inner);
                let ticket = inner.queue.submit_quietly(action);
                core.commit(&inner.queue);
                ticket
            }
            None => self.submit(action),
        }
    }

    /// Independent writes of one call (BatchWriteItem), in one group; no key twice.
    pub fn write_batch(&self, writes: Vec<Write>, retry: Option<RetryToken>) -> Ticket<Vec<Written>> {
        self.submit(|reply| Action::Batch(writes, retry, reply))
    }

    /// Several writes, all or none (TransactWriteItems), in one group; no key twice. A token stands for one transaction
    /// for ten minutes, whoever sends it again.
    pub fn transact(&self, writes: Vec<Write>, token: Option<RetryToken>) -> Ticket<Transacted> {
        self.submit(|reply| Action::Transact(writes, token, reply))
    }

    /// The items of several keys as they are stored, all at one moment (TransactGetItems).
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn images(&self, keys: &[(TableId, Key)]) -> Result<Vec<Option<Image>>, Error> {
        crate::read::images(&self.inner().shared, keys)
    }

    /// The item at the head.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn get(&self, table: &Table, key: &Key) -> Result<Option<Item>, Error> {
        crate::read::decoded(self.image(table, key)?)
    }

    /// The item at the head, as it is stored.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn image(&self, table: &Table, key: &Key) -> Result<Option<Image>, Error> {
        crate::read::get(&self.inner().shared, table, key)
    }

    /// One page of one partition.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn query(&self, table: &Table, query: &Query) -> Result<Page, Error> {
        Page::collect(|visit| crate::read::query(&self.inner().shared, table, query, visit))
    }

    /// As [`Db::query`]; the stored images of the page's items pass by one by one.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read, or `visit` cannot.
    pub fn visit_query(
        &self,
        table: &Table,
        query: &Query,
        mut visit: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<PageEnd, Error> {
        crate::read::query(&self.inner().shared, table, query, &mut visit)
    }

    /// One page of one partition of an index. Where the index is still being filled, what is missing is missing.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn query_index(&self, table: &Table, index: &Index, query: &IndexQuery) -> Result<Page<Item>, Error> {
        Page::collect(|visit| crate::read::query_index(&self.inner().shared, (table, index), query, visit))
    }

    /// As [`Db::query_index`]; the stored images of the page's items pass by one by one.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read, or `visit` cannot.
    pub fn visit_query_index(
        &self,
        (table, index): (&Table, &Index),
        query: &IndexQuery,
        mut visit: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<PageEnd<Item>, Error> {
        crate::read::query_index(&self.inner().shared, (table, index), query, &mut visit)
    }

    /// One page of an index.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn scan_index(&self, table: &Table, index: &Index, scan: &IndexScan) -> Result<Page<Item>, Error> {
        Page::collect(|visit| crate::read::scan_index(&self.inner().shared, (table, index), scan, visit))
    }

    /// As [`Db::scan_index`]; the stored images of the page's items pass by one by one.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read, or `visit` cannot.
    pub fn visit_scan_index(
        &self,
        (table, index): (&Table, &Index),
        scan: &IndexScan,
        mut visit: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<PageEnd<Item>, Error> {
        crate::read::scan_index(&self.inner().shared, (table, index), scan, &mut visit)
    }

    /// One page of a table at the head.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn scan(&self, table: &Table, scan: &Scan) -> Result<Page, Error> {
        self.scan_at(table, scan, &self.snapshot())
    }

    /// One page of a table at an older position that a snapshot holds open.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn scan_at(&self, table: &Table, scan: &Scan, at: &Snapshot) -> Result<Page, Error> {
        Page::collect(|visit| crate::read::scan(&self.inner().shared, table, scan, at.seq(), visit))
    }

    /// As [`Db::scan`]; the stored images of the page's items pass by one by one.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read, or `visit` cannot.
    pub fn visit_scan(
        &self,
        table: &Table,
        scan: &Scan,
        mut visit: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<PageEnd, Error> {
        crate::read::scan(&self.inner().shared, table, scan, self.snapshot().seq(), &mut visit)
    }

    /// Pins the current head for reading; drop it soon, old versions are kept as long as it lives.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let pinned = self.inner().shared.store.latest();
        // A group reaches the state a moment before the log shows it; whoever reads both must find it in both.
        let before = Seq(pinned.seq().0.saturating_sub(1));
        while self.head() < pinned.seq() && !self.is_closed() {
            let _ = self.wait_past(before, Duration::from_millis(100));
        }
        Snapshot(pinned)
    }

    /// Recomputes a table's totals from its items at one position; compare with [`Db::stats`] when nothing writes.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn recount(&self, table: &Table) -> Result<TableStats, Error> {
        let at = self.snapshot();
        let mut stats = TableStats { changed: at.seq(), ..TableStats::default() };
        crate::read::each(&self.inner().shared, table, at.seq(), |image| {
            let item = codec::decode(image).map_err(|error| Error::Read(error.to_string()))?;
            stats.items += 1;
            stats.bytes += item::size::item(&item) as u64;
            stats.fingerprint = stats.fingerprint.replace(None, Some(image));
            Ok(())
        })?;
        Ok(stats)
    }

    /// Recomputes a table's fingerprint at one position, with the totals that the log keeps; they agree unless
    /// something wrote meanwhile (`Seq` is where) or the data is damaged.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn verify(&self, table: TableId) -> Result<(Seq, Fingerprint, TableStats), Error> {
        let table = self.table_by_id(table).ok_or_else(|| Error::TableNotFound(format!("#{}", table.0)))?;
        let counted = self.recount(&table)?;
        Ok((counted.changed, counted.fingerprint, self.stats(table.id)))
    }

    /// Streams that can still be read, open and closed, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        let trimmed = self.trimmed();
        let catalog = self.inner().shared.catalog();
        catalog.streams.iter().filter(|stream| stream.closed.is_none_or(|closed| closed > trimmed)).cloned().collect()
    }

    /// A page of changes of one table.
    ///
    /// # Errors
    /// [`Error::Trimmed`] when `from` is older than the log keeps.
    pub fn changes(&self, read: &StreamRead) -> Result<ChangePage, Error> {
        crate::stream::changes(&self.inner().log, self.head(), read)
    }

    /// The same changes where they lie in the log, one by one; answers where to continue. For followers that fold many
    /// and keep few.
    ///
    /// # Errors
    /// As [`Db::changes`].
    pub fn visit_changes(
        &self,
        read: &StreamRead,
        visit: impl FnMut(RawChange<'_>) -> ControlFlow<()>,
    ) -> Result<Seq, Error> {
        crate::stream::visit(&self.inner().log, self.head(), read, visit)
    }

    /// The oldest readable position.
    #[must_use]
    pub fn trimmed(&self) -> Seq {
        self.inner().log.trimmed()
    }

    /// First position whose commit time is `>= time_ms`; one past the head when there is none yet.
    ///
    /// # Errors
    /// [`Error::Read`] when the log cannot be read.
    pub fn seq_at(&self, time_ms: u64) -> Result<Seq, Error> {
        let head = self.head();
        Ok(self.inner().log.seq_at(time_ms)?.unwrap_or_else(|| head.next()))
    }

    /// Answers the head after the commit.
    pub fn follower_commit(&self, commit: FollowerCommit) -> Ticket<Seq> {
        self.submit(|reply| Action::Follower(Box::new(commit), reply))
    }

    /// The follower's cursor; `None` when it never committed (or was removed with its table).
    #[must_use]
    pub fn follower_cursor(&self, follower: FollowerId) -> Option<Seq> {
        self.inner().shared.cursors.read().expect("no holder panics").get(&follower).copied()
    }

    /// One entry of the follower's state.
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn follower_state(&self, follower: FollowerId, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        crate::follower::state(&self.inner().shared, follower, key)
    }

    /// A range of the follower's state, at most `max` entries from `start` (inclusive).
    ///
    /// # Errors
    /// [`Error::Read`] when stored bytes cannot be read.
    pub fn follower_states(&self, follower: FollowerId, start: &[u8], max: usize) -> Result<Vec<StateEntry>, Error> {
        crate::follower::states(&self.inner().shared, follower, start, max)
    }
}

/// A pinned position: versions visible at it are kept while it lives.
pub struct Snapshot(store::Snapshot);

impl Snapshot {
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.0.seq()
    }
}

/// A state engine in memory for [`Db::open_stepped`], which survives the database that uses it.
pub struct SimStore(Store);

impl SimStore {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "an empty disk is made on purpose")]
    pub fn new() -> SimStore {
        SimStore(Store::in_memory())
    }

    /// What is left of it after a crash.
    #[must_use]
    pub fn crash(&self) -> SimStore {
        SimStore(self.0.crash())
    }
}

fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}
