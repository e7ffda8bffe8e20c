//! Carrying out an execution: the steps after the lock. Each commit proves that the lock is still ours and keeps how far it
//! came, so another run goes on from there.

use crate::{
    Execution, Hold, Outcome, Progress, Statistics, Status, Step,
    engine::{Claim, Engine, settle_earlier},
    files::{Attempt, Files},
    operation::{self, Of},
    status::Imported,
    table::{Base, Draft},
};
use delta::{Operation, Operations, Reader};
use std::sync::atomic::Ordering;

/// How often progress is told of in the program's log.
const TELL_EVERY_MS: u64 = 5000;

/// Why work on an execution ended.
#[derive(Debug)]
pub enum Stop {
    /// It came to its end, or a person must decide.
    Ended,
    /// The lock is somebody else's, or the execution was rejected.
    Fenced,
    /// The program ends.
    Stopping,
    /// The database or the disk has trouble; to be tried again.
    Trouble(crate::Error),
    /// It cannot go on as it is.
    Failed(String),
}

impl<E: Into<crate::Error>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Trouble(error.into())
    }
}

/// Somebody's work on an execution.
pub struct Work<'e> {
    pub engine: &'e Engine,
    pub claim: Claim,
    /// Reads operations, and which one is next.
    reader: Option<(Reader, u64)>,
}

impl<'e> Work<'e> {
    pub fn new(engine: &'e Engine, claim: Claim) -> Work<'e> {
        let work = Work { engine, claim, reader: None };
        work.show(None);
        work
    }

    pub fn execution(&self) -> &Execution {
        &self.claim.execution
    }

    /// Carries it out as far as it goes.
    pub fn run(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.step() {
                return stop;
            }
        }
    }

    /// The next piece of it: a step, or a chunk of one.
    pub fn step(&mut self) -> Result<(), Stop> {
        if self.claim.busy.is_cancelled() {
            return Err(self.cancelled());
        }
        let done = match self.execution().step() {
            Step::Register | Step::Lock | Step::Delta => self.delta(),
            Step::Publish => self.publish(),
            Step::Apply => self.apply(),
            Step::Release => self.release(),
        };
        match done {
            Err(Stop::Failed(why)) => Err(self.fail(why)),
            done => done,
        }
    }

    /// Why work was told to end.
    pub fn cancelled(&self) -> Stop {
        if self.engine.schedule.is_stopped() { Stop::Stopping } else { Stop::Fenced }
    }

    /// Commits a change of the execution, if the lock is still ours.
    pub fn commit(
        &mut self,
        mut change: impl FnMut(&mut Draft<'_>, &mut Execution) -> Result<(), crate::Error>,
    ) -> Result<(), Stop> {
        let Claim { table, token, execution, busy, .. } = &self.claim;
        let engine = self.engine;
        let committed = table.change(&engine.db, |draft| {
            let Some(mut execution) = draft.held_by(*token, &execution.version)? else { return Ok(None) };
            engine.extend(draft);
            change(draft, &mut execution)?;
            // Unless the change took it back.
            draft.put(execution.clone());
            Ok(Some(execution))
        })?;
        let Some(execution) = committed else { return Err(Stop::Fenced) };
        engine.locked(busy);
        self.claim.execution = execution;
        self.show(None);
        Ok(())
    }

    /// Shows what is being done.
    pub fn show(&self, progress: Option<Progress>) {
        let Claim { execution, busy, .. } = &self.claim;
        busy.set_doing(&execution.version, execution.step(), progress);
    }

    fn fail(&mut self, why: String) -> Stop {
        let committed = self.commit(|draft, execution| {
            let step = execution.step();
            execution.status = Status::Failed;
            execution.end(step, Outcome::Failed, draft.now_ms);
            let record = execution.steps.last_mut().expect("it has begun");
            record.error = Some(why.clone());
            execution.error = Some(why.clone());
            execution.ended_ms = Some(draft.now_ms);
            draft.head.lock = None;
            Ok(())
        });
        if let Err(stop) = committed {
            return stop;
        }
        tracing::error!("{} {} failed: {why}", self.claim.table.name, self.execution().version);
        self.engine.count(|counts| counts.failed += 1);
        Stop::Ended
    }

    /// Holds before anything left.
    pub fn hold(&mut self, hold: &Hold, found: impl Fn(&mut Execution)) -> Result<(), Stop> {
        self.commit(|draft, execution| {
            found(execution);
            execution.status = Status::Held;
            execution.end(Step::Delta, Outcome::Held, draft.now_ms);
            execution.hold = Some(hold.clone());
            draft.head.lock = None;
            Ok(())
        })?;
        let (table, version) = (&self.claim.table.name, &self.execution().version);
        tracing::warn!("{table} {version} is held: {}", hold.reasons.join("; "));
        self.engine.count(|counts| counts.held += 1);
        Err(Stop::Ended)
    }

    /// One chunk of operations to the stream.
    fn publish(&mut self) -> Result<(), Stop> {
        let Some(name) = self.execution().stream.clone() else { return self.pass(Step::Publish) };
        let stream = self.engine.streams.find(&name);
        let stream = stream.ok_or_else(|| Stop::Failed(format!("stream {name} does not exist")))?;
        let id = stream.resource.id;
        if self.execution().stream_id.is_some_and(|before| before != id) {
            let what = "was deleted and created anew since this began to publish to it";
            return Err(Stop::Failed(format!("stream {name} {what}: retry it to publish all of it again")));
        }
        let from = self.execution().published;
        let (table, version) = (self.claim.table.clone(), self.execution().version.clone());
        let of = Of::new(&table, &version);
        let mut records = Vec::new();
        let upto = chunk(self, from, |operation| {
            let record = operation::record(of, operation, &stream)?;
            let bytes = item::size::item(&record.item);
            records.push(record);
            Ok(bytes)
        })?;
        self.commit(|draft, execution| {
            draft.records.clone_from(&records);
            execution.stream_id = Some(id);
            execution.published = upto;
            if upto == operations(execution) {
                execution.advance(Step::Publish, Outcome::Done, draft.now_ms);
            }
            Ok(())
        })?;
        self.engine.count(|counts| counts.published += upto - from);
        self.tell("published", upto);
        Ok(())
    }

    /// One chunk of operations to the target.
    fn apply(&mut self) -> Result<(), Stop> {
        let Some(name) = self.execution().target.clone() else { return self.pass(Step::Apply) };
        let target = self.engine.db.table(&name);
        let target = target.ok_or_else(|| Stop::Failed(format!("target table {name} does not exist")))?;
        let id = target.id;
        if self.execution().target_id.is_some_and(|before| before != id) {
            let what = "was deleted and created anew since the delta was computed";
            let then = "retry it to apply all of it to the new table, which lacks the rows of earlier versions";
            return Err(Stop::Failed(format!("target table {name} {what}: {then}")));
        }
        let from = self.execution().applied;
        let numbers = self.claim.binding.numbers.clone();
        let mut rows = Vec::new();
        let upto = chunk(self, from, |operation| {
            let row = operation::row(operation, &target, &numbers)?;
            let bytes = row.new.as_ref().map_or(0, item::size::item);
            rows.push(row);
            Ok(bytes)
        })?;
        self.commit(|draft, execution| {
            draft.rows.clone_from(&rows);
            execution.target_id = Some(id);
            execution.applied = upto;
            if upto == operations(execution) {
                execution.advance(Step::Apply, Outcome::Done, draft.now_ms);
            }
            Ok(())
        })?;
        self.engine.count(|counts| counts.applied += upto - from);
        self.tell("applied", upto);
        Ok(())
    }

    /// Passes over a step that nobody asked for.
    fn pass(&mut self, step: Step) -> Result<(), Stop> {
        self.commit(|draft, execution| {
            execution.advance(step, Outcome::Skipped, draft.now_ms);
            Ok(())
        })
    }

    /// Comes to the end: what the next delta starts from, and the lock, in one commit.
    fn release(&mut self) -> Result<(), Stop> {
        self.commit(|draft, execution| {
            let now_ms = draft.now_ms;
            execution.end(Step::Release, Outcome::Done, now_ms);
            execution.status = Status::Succeeded;
            execution.ended_ms = Some(now_ms);
            let attempt = execution.attempt.as_deref().expect("its delta was computed");
            draft.head.base = Some(Base {
                version: execution.version.clone(),
                state: Files::state_name(attempt),
                files: execution.files.clone(),
                columns: execution.columns.clone(),
                target: execution.target.clone().zip(execution.target_id),
            });
            draft.head.imported = Some(Imported {
                version: execution.version.clone(),
                ended_ms: now_ms,
                duration_ms: now_ms.saturating_sub(execution.started_ms.unwrap_or(now_ms)),
                operations: operations(execution),
            });
            draft.head.lock = None;
            settle_earlier(draft, &execution.version)
        })?;
        let Execution { version, statistics, .. } = self.execution();
        let Statistics { inserts, updates, deletes, unchanged, .. } = statistics.unwrap_or_default();
        let table = &self.claim.table.name;
        tracing::info!(
            "{table} {version} is imported: {inserts} inserts, {updates} updates, {deletes} deletes, {unchanged} unchanged"
        );
        self.engine.count(|counts| counts.succeeded += 1);
        self.engine.sweep(&self.claim.table);
        Err(Stop::Ended)
    }

    /// Operations from one on; the file is computed again where it is gone.
    fn reader(&mut self, from: u64) -> Result<Reader, Stop> {
        match self.reader.take() {
            Some((reader, at)) if at == from => Ok(reader),
            _ => self.operations()?.read_from(from).map_err(|error| self.damaged(error)),
        }
    }

    /// Where the delta writes.
    pub fn attempt(&self) -> Attempt {
        self.engine.files.attempt(&self.claim.table, self.execution().attempt.as_deref().unwrap_or("none"))
    }

    /// A damaged operations file is removed, so that the next try computes it again.
    pub fn damaged(&self, error: delta::Error) -> Stop {
        if matches!(error, delta::Error::Operations { .. }) {
            // Where it cannot be removed, the next try says so again.
            let _ = std::fs::remove_file(self.attempt().operations);
        }
        error.into()
    }

    fn operations(&mut self) -> Result<Operations, Stop> {
        match Operations::open(self.attempt().operations) {
            Ok(operations) => Ok(operations),
            Err(error) => {
                tracing::warn!("{} {}: {error}; computed again", self.claim.table.name, self.execution().version);
                self.compute_again()
            }
        }
    }

    /// Says how far it is, every few seconds.
    fn tell(&self, what: &str, done: u64) {
        let Claim { table, execution, busy, .. } = &self.claim;
        let total = operations(execution);
        self.show(Some(Progress { unit: "operations", done, total }));
        if self.engine.is_time_to_tell(busy) {
            tracing::info!("{} {}: {done} of {total} operations {what}", table.name, execution.version);
        }
    }
}

impl Engine {
    /// Whether some seconds have passed since progress was told of; true for one of those who ask.
    pub fn is_time_to_tell(&self, busy: &crate::schedule::Busy) -> bool {
        let now = self.db.now_ms();
        let due = busy.told_ms.load(Ordering::Relaxed);
        let next = now + TELL_EVERY_MS;
        let is_ours = || busy.told_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        // The first time is when it begins, which is not worth a line.
        now >= due && is_ours() && due != 0
    }
}

/// Takes operations until the chunk is full or they end; answers the ordinal behind the last one.
fn chunk(
    work: &mut Work<'_>,
    from: u64,
    mut take: impl FnMut(&Operation<'_>) -> Result<usize, String>,
) -> Result<u64, Stop> {
    let (count_max, bytes_max) = (work.engine.settings.chunk_operations, work.engine.settings.chunk_bytes);
    let mut reader = work.reader(from)?;
    let (mut upto, mut bytes) = (from, 0);
    while upto - from < count_max && bytes < bytes_max {
        let Some(operation) = reader.next().map_err(|error| work.damaged(error))? else { break };
        bytes += take(&operation).map_err(Stop::Failed)?;
        upto += 1;
    }
    work.reader = Some((reader, upto));
    Ok(upto)
}

/// An error of the delta with its cause.
pub fn explain(error: &delta::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn operations(execution: &Execution) -> u64 {
    execution.statistics.map_or(0, |statistics| statistics.operations())
}
