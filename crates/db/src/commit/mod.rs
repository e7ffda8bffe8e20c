//! The write path: everything that waits is drained into a group, and the group becomes one frame.
//!
//! The core is a value that its caller steps, so that a thread can drive it in production and a seed in simulation.
//! The order is what keeps the promises: evaluate, write the frame, sync it, apply it to the state, publish, answer.

mod backfill;
mod evaluate;
mod head;
mod queue;
mod redo;
mod repeats;
mod resources;
mod schema;
mod transact;

pub(crate) use backfill::warm;
pub(crate) use queue::{Action, Limit, Queue};
pub(crate) use redo::Redo;

use crate::{
    Durability, Error, Fingerprint, FollowerId, RetryToken, Table, TableStats,
    catalog::Catalog,
    env::Env,
    log::{Recovered, Writer, frame::push_stats},
    rows,
    store::{Batch, Pressure, Store},
};
use head::Head;
use item::{Seq, TableId};
use queue::{Answer, Answers};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Condvar, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A group takes no more actions once its frame has this many bytes.
const GROUP_BYTES: usize = 4 << 20;

/// What readers see; the core replaces it after each group.
pub(crate) struct Shared {
    pub store: Store,
    pub head: Head,
    pub catalog: RwLock<Arc<Catalog>>,
    pub totals: RwLock<HashMap<TableId, TableStats>>,
    pub cursors: RwLock<HashMap<FollowerId, Seq>>,
    pub poison: Mutex<Option<String>>,
    /// Set when an index waits to be filled.
    pub fills: Wake,
    pub groups: AtomicU64,
    pub writes: AtomicU64,
}

impl Shared {
    pub fn new(store: Store) -> Shared {
        Shared {
            store,
            head: Head::default(),
            catalog: RwLock::default(),
            totals: RwLock::default(),
            cursors: RwLock::default(),
            poison: Mutex::default(),
            fills: Wake::default(),
            groups: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().expect("no holder panics").clone()
    }

    pub fn poisoned(&self) -> Option<String> {
        self.poison.lock().expect("no holder panics").clone()
    }

    pub fn poison(&self, why: &str) {
        self.poison.lock().expect("no holder panics").get_or_insert_with(|| why.to_owned());
    }
}

/// A mark that a thread waits for.
#[derive(Default)]
pub(crate) struct Wake {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    pub fn set(&self) {
        *self.set.lock().expect("no holder panics") = true;
        self.changed.notify_all();
    }

    /// Blocks until the mark is set, and takes it away.
    pub fn wait(&self) {
        let set = self.set.lock().expect("no holder panics");
        *self.changed.wait_while(set, |set| !*set).expect("no holder panics") = false;
    }
}

/// The sequencer's state. There is one, and whoever holds it commits.
pub(crate) struct Core {
    shared: Arc<Shared>,
    writer: Writer,
    env: Env,
    durability: Durability,
    /// Time of the last group; times never go backwards.
    last_ms: u64,
    group: Group,
    /// What is published, or will be with the group.
    catalog: Arc<Catalog>,
    /// Totals that changed since the state engine last kept them.
    unsaved: BTreeMap<TableId, TableStats>,
    /// Calls of which a repeat was carried out.
    repeats: repeats::Repeats,
}

/// What a group has become so far. Nothing of it is visible, so it can be dropped.
#[derive(Default)]
struct Group {
    batch: Batch,
    /// Rows that earlier writes of the group changed: the stored item after them.
    overlay: HashMap<Vec<u8>, Option<Vec<u8>>, foldhash::fast::RandomState>,
    totals: BTreeMap<TableId, TableStats>,
    cursors: HashMap<FollowerId, Seq>,
    /// It changes the catalogue, which was this before.
    catalog: Option<Arc<Catalog>>,
    /// It changed the catalogue, which is published.
    catalog_changed: bool,
    /// Resources whose records it holds.
    recorded: Vec<TableId>,
    /// Ids of calls in this group: a repeat waits for the next one.
    calls: Vec<[u8; 16]>,
    answers: Answers,
    time_ms: u64,
    writes: u64,
}

impl Group {
    /// An empty one in the room of this one, which is within what a group may hold.
    fn emptied(self) -> Group {
        let Group { mut batch, mut overlay, answers, .. } = self;
        batch.clear();
        overlay.clear();
        Group { batch, overlay, answers, ..Group::default() }
    }
}

impl Core {
    /// Goes on where recovery ended: with its time, and the totals that it took from frames.
    pub fn new(
        shared: Arc<Shared>,
        recovered: Recovered,
        env: Env,
        durability: Durability,
        unsaved: BTreeMap<TableId, TableStats>,
    ) -> Core {
        let Recovered { writer, last_ms } = recovered;
        let catalog = shared.catalog();
        Core {
            catalog,
            shared,
            writer,
            env,
            durability,
            last_ms,
            group: Group::default(),
            unsaved,
            repeats: repeats::Repeats::default(),
        }
    }

    /// Carries out the waiting actions as one group, as far as it has room, and answers them.
    pub fn commit(&mut self, queue: &Queue) {
        self.relieve_pressure();
        if let Some(why) = self.shared.poisoned() {
            let refuse = |waiting: queue::Waiting| waiting.action.refuse(&Error::Poisoned(why.clone()));
            queue.take().into_iter().for_each(refuse);
            return;
        }
        let mut waiting = queue.take();
        self.begin();
        while self.writer.builder.len() < GROUP_BYTES {
            let Some(next) = waiting.pop_front() else { break };
            let queue::Waiting { action, bytes } = next;
            if let Some(action) = self.take(action) {
                waiting.push_front(queue::Waiting { action, bytes });
                break;
            }
        }
        if !waiting.is_empty() {
            queue.put_back(waiting);
        }
        // Whoever asked is told.
        let _ = self.finish();
    }

    /// Whether a commit would wait for nothing but the log.
    pub fn is_unhindered(&self) -> bool {
        self.shared.store.write_pressure() == Pressure::Fine
    }

    fn begin(&mut self) {
        self.last_ms = self.last_ms.max(self.env.clock.now_ms());
        self.group.time_ms = self.last_ms;
        self.writer.builder.begin();
    }

    /// Adds one action to the group. Gives it back when it repeats a call that is in the group already.
    fn take(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Write(write, retry, reply) => match self.call(std::slice::from_ref(&write), retry) {
                evaluate::Called::Now(written) => {
                    let one = written.map(|mut written| written.pop().expect("one write has one answer"));
                    self.group.answers.push(Answer::Written(reply, one));
                }
                evaluate::Called::Later => return Some(Action::Write(write, retry.map(RetryToken::again), reply)),
            },
            Action::Batch(writes, retry, reply) => match self.call(&writes, retry) {
                evaluate::Called::Now(written) => self.group.answers.push(Answer::Batch(reply, written)),
                evaluate::Called::Later => return Some(Action::Batch(writes, retry.map(RetryToken::again), reply)),
            },
            Action::Transact(writes, token, reply) => match self.transact(&writes, token) {
                Some(transacted) => self.group.answers.push(Answer::Transacted(reply, transacted)),
                None => return Some(Action::Transact(writes, token, reply)),
            },
            Action::Create(spec, reply) => {
                let table = self.create_table(*spec);
                self.group.answers.push(Answer::Table(reply, table));
            }
            Action::Update(name, update, reply) => {
                let table = self.update_table(&name, *update);
                self.group.answers.push(Answer::Table(reply, table));
            }
            Action::Delete(name, reply) => {
                let table = self.delete_table(&name);
                self.group.answers.push(Answer::Table(reply, table));
            }
            Action::Records(records, retry, reply) => match self.put_records(&records, retry) {
                Some(entered) => self.group.answers.push(Answer::Records(reply, entered)),
                None => return Some(Action::Records(records, retry.map(RetryToken::again), reply)),
            },
            Action::PutResource(put, reply) => {
                let resource = self.put_resource(*put);
                self.group.answers.push(Answer::Resource(reply, resource));
            }
            Action::DeleteResource(kind, name, reply) => {
                let resource = self.delete_resource(&kind, &name);
                self.group.answers.push(Answer::Resource(reply, resource));
            }
            Action::Follower(commit, reply) => {
                let committed = self.follower_commit(*commit);
                self.group.answers.push(Answer::Seq(reply, committed));
            }
        }
        None
    }

    /// Writes, syncs, applies, publishes and answers the group.
    fn finish(&mut self) -> Result<(), Error> {
        let outcome = if self.writer.builder.is_empty() { Ok(()) } else { self.write_group() };
        if let Some(before) = self.group.catalog.take() {
            // The group was not written, so neither was its change of schema.
            self.catalog = before;
        }
        let head = self.shared.head.get();
        if outcome.is_ok() {
            self.shared.groups.fetch_add(1, Ordering::Relaxed);
            self.shared.writes.fetch_add(self.group.writes, Ordering::Relaxed);
        }
        self.group.answers.send(&outcome, head);
        self.group = std::mem::take(&mut self.group).emptied();
        outcome
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let totals: Vec<(TableId, TableStats)> = self.group.totals.iter().map(|(id, stats)| (*id, *stats)).collect();
        // Nothing is written yet: no space for the next segment refuses this group and leaves the database as it was.
        self.writer.make_room(totals.len()).map_err(|error| self.no_room(&error))?;
        let written = self.writer.append(self.group.time_ms, &totals).and_then(|header| {
            if self.durability == Durability::Durable {
                self.writer.sync()?;
            }
            Ok(header)
        });
        let header = written.map_err(|error| self.poison(&format!("writing the log failed: {error}")))?;
        self.apply(header.last(), &totals);
        Ok(())
    }

    /// Makes a group that is in the log visible: state, totals, log, head, in this order.
    fn apply(&mut self, last: Seq, totals: &[(TableId, TableStats)]) {
        self.shared.store.apply(&mut self.group.batch);
        self.shared.store.set_head(last);
        self.unsaved.extend(totals.iter().copied());
        if !totals.is_empty() {
            self.shared.totals.write().expect("no holder panics").extend(totals.iter().copied());
        }
        if !self.group.cursors.is_empty() {
            self.shared.cursors.write().expect("no holder panics").extend(self.group.cursors.drain());
        }
        if self.group.catalog.take().is_some() {
            self.group.catalog_changed = true;
            self.publish_catalog();
        }
        self.writer.publish();
        let schema = self.group.catalog_changed;
        let touched = totals.iter().map(|(id, _)| *id).chain(self.group.recorded.drain(..));
        self.shared.head.set(last, touched, schema);
    }

    fn publish_catalog(&mut self) {
        let catalog = self.catalog.clone();
        self.unsaved.retain(|id, _| catalog.trees.contains(id));
        self.shared.totals.write().expect("no holder panics").retain(|id, _| catalog.trees.contains(id));
        self.shared.cursors.write().expect("no holder panics").retain(|id, _| catalog.follows(*id));
        let exists = |id: TableId| catalog.trees.contains(&id) || catalog.has_resource(FollowerId(id.0));
        self.shared.head.retain(exists);
        let filling = backfill::next(&catalog).is_some();
        *self.shared.catalog.write().expect("no holder panics") = catalog;
        if filling {
            self.shared.fills.set();
        }
    }

    fn no_room(&self, error: &std::io::Error) -> Error {
        // A failed sync of the segment that was left cannot be told from a full disk by its caller, and must not be
        // taken for success later.
        if error.kind() == std::io::ErrorKind::StorageFull {
            Error::NoSpace(error.to_string())
        } else {
            self.poison(&format!("starting a log segment failed: {error}"))
        }
    }

    fn poison(&self, why: &str) -> Error {
        self.shared.poison(why);
        Error::Poisoned(why.to_owned())
    }

    /// Lets the state engine write out what it holds, before more is put in.
    fn relieve_pressure(&mut self) {
        if let Some(failure) = self.shared.store.failure() {
            self.shared.poison(&format!("the state engine failed: {failure}"));
            return;
        }
        match self.shared.store.write_pressure() {
            Pressure::Fine => {}
            Pressure::Rotate => self.rotate(),
            Pressure::Stall => self.shared.store.wait_for_room(),
        }
    }

    /// Seals the write buffer together with the totals that are right at this moment, and only then.
    pub fn rotate(&mut self) {
        self.save_totals();
        self.shared.store.rotate();
    }

    /// Makes the state durable up to the head.
    pub fn checkpoint(&mut self) -> Result<(), Error> {
        self.save_totals();
        self.shared.store.flush_and_wait().map_err(|error| Error::Read(error.to_string()))
    }

    fn save_totals(&mut self) {
        let head = self.shared.head.get();
        let mut batch = Batch::new();
        put_totals(&mut batch, std::mem::take(&mut self.unsaved), head);
        self.shared.store.apply(&mut batch);
    }

    /// Syncs everything appended; for a clean close under relaxed durability.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.writer.sync().map_err(|error| self.poison(&format!("syncing the log failed: {error}")))
    }

    /// Removes a bounded number of rows of dropped tables and of calls too old to be repeated; answers whether some
    /// may be left. These rows have no reader, so their removal is no business of the log.
    pub fn sweep(&mut self) -> Result<bool, Error> {
        self.relieve_pressure();
        let head = self.shared.head.get();
        let now = self.last_ms.max(self.env.clock.now_ms());
        let old_bucket = (now / rows::CALL_BUCKET_MS).saturating_sub(1);
        let mut ranges = vec![Garbage { range: rows::calls_before(old_bucket), done: None }];
        let (start, end) = rows::meta_range();
        for row in self.shared.store.range(&start, &end, head, false) {
            let (key, _) = row.map_err(|error| Error::Read(error.to_string()))?;
            if let Some((b'D', id)) = rows::meta_kind(&key) {
                let items = rows::items(TableId(id));
                let states = rows::states(FollowerId(id));
                ranges.push(Garbage { range: (items.clone(), rows::after(&items)), done: None });
                let done = Some(rows::dead(TableId(id)));
                ranges.push(Garbage { range: (states.clone(), rows::after(&states)), done });
            }
        }
        if self.durability == Durability::Relaxed && ranges.len() > 1 {
            // A power loss must not bring a table back whose rows are gone.
            self.sync()?;
        }
        self.remove_rows(ranges, head)
    }

    fn remove_rows(&mut self, ranges: Vec<Garbage>, head: Seq) -> Result<bool, Error> {
        const AT_ONCE: usize = 2_000;
        let mut batch = Batch::new();
        let mut removed = 0;
        for Garbage { range: (start, end), done } in ranges {
            let before = removed;
            for row in self.shared.store.range(&start, &end, head, false).take(AT_ONCE - removed) {
                let (key, _) = row.map_err(|error| Error::Read(error.to_string()))?;
                batch.remove(key.to_vec(), head);
                removed += 1;
            }
            if removed > before {
                self.shared.store.drop_range(&start, &end);
            }
            if removed >= AT_ONCE {
                break;
            }
            if let Some(row) = done {
                batch.remove(row, head);
            }
        }
        self.shared.store.apply(&mut batch);
        Ok(removed >= AT_ONCE)
    }

    fn table(&self, id: TableId) -> Result<Arc<Table>, Error> {
        self.catalog.by_id.get(&id).cloned().ok_or_else(|| Error::TableNotFound(format!("#{}", id.0)))
    }

    /// Position of the entry that is built next.
    fn next_seq(&self) -> Seq {
        Seq(self.writer.next().0 + u64::from(self.writer.builder.entries()))
    }

    /// A table's totals as the group sees them.
    fn totals_mut(&mut self, id: TableId) -> &mut TableStats {
        let shared = &self.shared;
        self.group
            .totals
            .entry(id)
            .or_insert_with(|| shared.totals.read().expect("no holder panics").get(&id).copied().unwrap_or_default())
    }
}

/// A range of rows that nobody reads any more.
struct Garbage {
    range: (Vec<u8>, Vec<u8>),
    /// The row that says so, to be removed last.
    done: Option<Vec<u8>>,
}

/// Totals as rows of the state engine, right at `head`.
fn put_totals(batch: &mut Batch, totals: BTreeMap<TableId, TableStats>, head: Seq) {
    for (id, stats) in totals {
        let mut value = Vec::new();
        push_stats(&stats, &mut value);
        batch.put(rows::totals(id), value, head);
    }
}

impl Fingerprint {
    pub(crate) fn replace(self, old: Option<&[u8]>, new: Option<&[u8]>) -> Fingerprint {
        let of = |image: Option<&[u8]>| image.map_or(0, item::codec::fingerprint);
        Fingerprint(self.0.wrapping_sub(of(old)).wrapping_add(of(new)))
    }
}
