//! What threads of exports share, and what they do with it one piece at a time: claim a table, renew a lock.

use crate::{
    Binding, Counts, Error, Execution, Outcome, Settings, Status, Step,
    binding::BINDING,
    files::Files,
    rules,
    schedule::{Busy, Schedule},
    table::{Draft, Lock, Table},
};
use db::{Db, FollowerId};
use item::Seq;
use kinesis::Streams;
use s3::Buckets;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

/// How long to wait at a time for what is not on disk yet.
const SYNC_WAIT: Duration = Duration::from_millis(50);

/// Everything that a thread of exports needs.
pub struct Engine {
    pub db: Db,
    pub buckets: Buckets,
    pub streams: Streams,
    pub settings: Settings,
    pub files: Files,
    pub schedule: Schedule,
    /// Held while files are linked for a commit and while those are removed that nobody refers to.
    pub gate: Mutex<()>,
    /// This run of the program. The data directory is its alone, so whoever else holds a lock is dead.
    pub holder: String,
    /// Where each binding looks on in its bucket's changes: never behind its cursor, which is committed less often.
    pub positions: Mutex<HashMap<FollowerId, Seq>>,
    counts: Mutex<Counts>,
}

/// A table whose lock we hold, and the execution that it is held for.
pub struct Claim {
    pub table: Table,
    pub token: u64,
    pub execution: Execution,
    pub binding: Binding,
    pub busy: Arc<Busy>,
}

impl Engine {
    /// # Errors
    /// When the disk or the database fails.
    pub fn open(db: Db, buckets: Buckets, streams: Streams, settings: Settings) -> Result<Engine, Error> {
        let files = Files::open(&settings.dir)?;
        files.sweep_all(&db)?;
        let mut random = [0; 8];
        db.roll(&mut random);
        let holder = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let engine = Engine {
            db,
            buckets,
            streams,
            settings,
            files,
            schedule: Schedule::default(),
            gate: Mutex::default(),
            holder,
            positions: Mutex::default(),
            counts: Mutex::default(),
        };
        Table::all(&engine.db).iter().for_each(|table| engine.schedule.look_at(&table.name));
        Ok(engine)
    }

    pub fn bindings(&self) -> Vec<(FollowerId, Binding)> {
        let resources = self.db.resources(BINDING);
        resources.iter().filter_map(|resource| Some((resource.id, Binding::read(&resource.body)?))).collect()
    }

    pub fn binding(&self, name: &str) -> Option<Binding> {
        self.db.resource(BINDING, name).and_then(|resource| Binding::read(&resource.body))
    }

    pub fn counts(&self) -> Counts {
        *self.counts.lock().expect("no holder panics")
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().expect("no holder panics"));
    }

    /// Takes the lock of a table for the execution whose turn it is; `None`: there is nothing to do.
    pub fn claim(&self, name: &str, busy: &Arc<Busy>) -> Result<Option<Claim>, Error> {
        let Some(table) = Table::find(&self.db, name) else { return Ok(None) };
        let Some(binding) = self.binding(&table.binding) else { return Ok(None) };
        let claimed = table.change(&self.db, |draft| {
            let Some(mut execution) = next(draft)? else { return Ok(None) };
            let token = self.lock(draft, &execution.version);
            enter(draft, &mut execution, &binding, token);
            draft.put(execution.clone());
            Ok(Some((execution, token)))
        })?;
        let Some((execution, token)) = claimed else { return Ok(None) };
        self.locked(busy);
        // What it began with is what it goes on with.
        let binding = execution.binding.as_ref().and_then(Binding::read).unwrap_or(binding);
        Ok(Some(Claim { table, token, execution, binding, busy: busy.clone() }))
    }

    fn lock(&self, draft: &mut Draft<'_>, version: &str) -> u64 {
        draft.head.token += 1;
        let token = draft.head.token;
        let expires_ms = draft.now_ms + self.settings.lock_ms;
        let holder = self.holder.clone();
        draft.head.lock = Some(Lock { holder, token, expires_ms, version: version.to_owned() });
        token
    }

    /// Lets the lock be held for longer, with the commit in the making.
    pub fn extend(&self, draft: &mut Draft<'_>) {
        let expires_ms = draft.now_ms + self.settings.lock_ms;
        if let Some(lock) = &mut draft.head.lock {
            lock.expires_ms = expires_ms;
        }
    }

    /// Notes that the lock was taken or extended.
    pub fn locked(&self, busy: &Busy) {
        busy.expires_ms.store(self.db.now_ms() + self.settings.lock_ms, Ordering::Relaxed);
    }

    /// Whether a third of the lock's time has passed since it was extended.
    fn is_due(&self, busy: &Busy) -> bool {
        let left = busy.expires_ms.load(Ordering::Relaxed).saturating_sub(self.db.now_ms());
        left < self.settings.lock_ms / 3 * 2
    }

    /// A sign of life from work that commits nothing for a while; called from several threads. Work that lost its lock is
    /// told to end.
    pub fn beat(&self, table: &Table, token: u64, version: &str, busy: &Busy) {
        if busy.is_cancelled() || !self.is_due(busy) {
            return;
        }
        // One of the threads is enough.
        self.locked(busy);
        let renewed = table.change(&self.db, |draft| {
            let is_ours = draft.held_by(token, version)?.is_some();
            if is_ours {
                self.extend(draft);
            }
            Ok(is_ours)
        });
        // Where the database has trouble, the next commit of the work meets it.
        if let Ok(false) = renewed {
            busy.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Removes files that nobody refers to any more.
    pub fn sweep(&self, table: &Table) {
        if !self.is_synced() {
            // A later sweep finds them, or the next start.
            return;
        }
        let _gate = self.gate.lock().expect("no holder panics");
        if let Err(error) = self.files.sweep(&self.db, table) {
            tracing::warn!("exports of {}: files that are not needed stay: {error}", table.name);
        }
    }
}

impl Engine {
    /// Waits until all of it is on disk: a loss of power must not bring back who refers to a file that is gone. With the
    /// usual durability it always is.
    fn is_synced(&self) -> bool {
        let head = self.db.head();
        for _ in 0..self.settings.sync_tries {
            if self.db.synced() >= head {
                return true;
            }
            let _ = self.db.wait_past(Seq(u64::MAX), SYNC_WAIT);
        }
        self.db.synced() >= head
    }
}

/// The execution whose turn it is. Versions that are too late by now are refused on the way.
fn next(draft: &mut Draft<'_>) -> Result<Option<Execution>, Error> {
    let live = draft.live()?;
    if let Some(running) = live.iter().find(|execution| execution.status == Status::Running) {
        return Ok(Some(running.clone()));
    }
    let blocks = |execution: &&Execution| match execution.status {
        Status::Held => true,
        Status::Failed => execution.has_begun_to_publish(),
        _ => false,
    };
    if live.iter().any(|execution| blocks(&execution)) {
        return Ok(None);
    }
    Ok(live.into_iter().find(|execution| execution.status == Status::Queued))
}

/// What an execution is once it is locked.
fn enter(draft: &Draft<'_>, execution: &mut Execution, binding: &Binding, token: u64) {
    let now_ms = draft.now_ms;
    execution.token = token;
    if execution.status == Status::Running {
        return;
    }
    execution.status = Status::Running;
    execution.started_ms = Some(now_ms);
    execution.previous = draft.head.base.as_ref().map(|base| base.version.clone());
    execution.binding = Some(binding.to_item());
    execution.stream.clone_from(&binding.stream);
    execution.target.clone_from(&binding.target);
    execution.begin(Step::Lock, now_ms);
    execution.advance(Step::Lock, Outcome::Done, now_ms);
}

/// Refuses what cannot be imported any more, now that a version was.
pub fn settle_earlier(draft: &mut Draft<'_>, version: &str) -> Result<(), Error> {
    for mut execution in draft.live()? {
        let Some(why) = rules::too_late(&execution.version, Some(version)) else { continue };
        match execution.status {
            Status::Failed => draft.settle(execution),
            Status::Waiting | Status::Queued => {
                execution.status = Status::Refused;
                execution.ended_ms = Some(draft.now_ms);
                execution.error = Some(format!("{} {why}", execution.version));
                draft.put(execution);
            }
            _ => {}
        }
    }
    Ok(())
}
