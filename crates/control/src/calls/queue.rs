//! The calls that wait under one resource: a function's events, a schedule's runs. Memory has when each is due, the
//! database has the rest; a call that was accepted is there until it is done, through crashes. One may be made twice, when
//! a crash comes between the call and its end.

use super::{
    Context, Counts, LastRun, Owner, RunOutcome,
    letters::{self, Letter},
    verdict::{Condition, Policy, Verdict},
    waiting::{PREFIX, Waiting},
};
use crate::{Error, Invocation, InvokeError, Outcome, blocking, clock, keep};
use db::FollowerId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinSet};
use triggers::{Parcel, PostError};

/// Rows read at once at start; each may have a megabyte.
const PAGE_ROWS: usize = 16;
/// An end that the database does not take now is committed again after this.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// What is kept of a function's error document, bytes.
const ERROR_BYTES_MAX: usize = 1024;

pub(crate) struct Queue {
    context: Arc<Context>,
    pub id: FollowerId,
    pub owner: Owner,
    index: Mutex<Index>,
    wake: Notify,
}

/// A call under way: where it lies, what it takes, what it is.
struct Call {
    key: Vec<u8>,
    bytes: u64,
    waiting: Waiting,
}

/// How a try of it ended; the error is empty where nothing went wrong.
struct Ended {
    outcome: RunOutcome,
    error: String,
}

/// What waits, without its payloads.
#[derive(Default)]
struct Index {
    /// By due time and key; the bytes that each takes.
    waiting: BTreeMap<(u64, Vec<u8>), u64>,
    /// Calls accepted and not done, under way ones included, and their bytes.
    count: usize,
    bytes: u64,
    /// The resource was deleted.
    removed: bool,
    counts: Counts,
}

impl Queue {
    /// The queue of a resource, with the calls that it has from before. Blocks.
    pub fn open(context: Arc<Context>, id: FollowerId, owner: Owner) -> Result<Queue, db::Error> {
        let mut index = Index::default();
        let mut from = PREFIX.to_vec();
        loop {
            let rows = context.db.follower_states(id, &from, PAGE_ROWS)?;
            let whole = rows.len() == PAGE_ROWS;
            let Some((last, _)) = rows.last() else { break };
            from.clone_from(last);
            from.push(0);
            let ours = rows.iter().take_while(|(key, _)| key.starts_with(PREFIX));
            let read = ours.map(|(key, value)| index.load(key, value)).count();
            if read < PAGE_ROWS || !whole {
                break;
            }
        }
        Ok(Queue { context, id, owner, index: Mutex::new(index), wake: Notify::new() })
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("no holder panics")
    }

    pub fn is_empty(&self) -> bool {
        self.index().count == 0
    }

    /// What it counted since the start, and how many calls are not done.
    pub fn counts(&self) -> (Counts, usize) {
        let index = self.index();
        (index.counts.clone(), index.count)
    }

    /// Takes a call, durably, together with other rows of the resource. Must not be dropped half-way.
    pub async fn accept(&self, waiting: Waiting, mut state: Vec<keep::Change>) -> Result<(), Error> {
        let (key, value) = (waiting.key(), waiting.encode());
        let bytes = value.len() as u64;
        self.reserve(bytes)?;
        state.push((key.clone(), Some(value)));
        let committed = keep::commit(&self.context.db, self.id, state).await;
        let mut index = self.index();
        match committed {
            Ok(()) => {
                index.counts.accepted += 1;
                index.waiting.insert((waiting.due_ms, key), bytes);
                self.wake.notify_one();
                Ok(())
            }
            Err(error) => {
                index.release(bytes);
                Err(Error::of(self.owner.kind(), error))
            }
        }
    }

    fn reserve(&self, bytes: u64) -> Result<(), Error> {
        let settings = &self.context.settings;
        let mut index = self.index();
        if index.removed {
            return Err(Error::not_found(self.owner.kind(), self.owner.name()));
        }
        if *self.context.stopping.borrow() {
            return Err(Error::Closed);
        }
        if index.count >= settings.waiting_max || index.bytes + bytes > settings.waiting_bytes_max {
            index.counts.refused += 1;
            let (kind, name, count) = (self.owner.kind(), self.owner.name(), index.count);
            return Err(Error::TooManyRequests(format!("{count} calls of {kind} {name} wait, as many as may")));
        }
        index.count += 1;
        index.bytes += bytes;
        Ok(())
    }

    /// Its resource was deleted, and with it what waits.
    pub fn remove(&self) {
        let mut index = self.index();
        index.removed = true;
        if !index.waiting.is_empty() {
            let (kind, name, count) = (self.owner.kind(), self.owner.name(), index.waiting.len());
            tracing::warn!("{kind} {name} was deleted with {count} calls that waited");
        }
        index.waiting.clear();
        self.wake.notify_one();
    }

    /// Makes the calls that are due, until everything stops or the resource is gone; lets those under way end.
    pub async fn run(self: Arc<Queue>) {
        let mut running = JoinSet::new();
        let mut stopping = self.context.stopping.clone();
        loop {
            let stopped = *stopping.borrow_and_update();
            if stopped || self.index().removed {
                break;
            }
            let wait = self.start_due(&mut running);
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
                Some(_) = running.join_next() => {}
                _ = stopping.changed() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Starts what is due and has room; answers how long to wait for the next.
    fn start_due(self: &Arc<Queue>, running: &mut JoinSet<()>) -> Duration {
        let settings = &self.context.settings;
        while running.len() < settings.running_max {
            let now_ms = self.context.db.now_ms();
            let mut index = self.index();
            let Some(entry) = index.waiting.first_entry() else { return settings.look_again };
            let due_ms = entry.key().0;
            if due_ms > now_ms {
                return Duration::from_millis(due_ms - now_ms).min(settings.look_again);
            }
            let ((_, key), bytes) = entry.remove_entry();
            running.spawn(self.clone().make(key, bytes));
        }
        settings.look_again
    }

    /// Makes one call, and commits what came of it.
    async fn make(self: Arc<Queue>, key: Vec<u8>, bytes: u64) {
        let (queue, row) = (self.clone(), key.clone());
        let read = blocking(move || queue.context.db.follower_state(queue.id, &row)).await;
        let waiting = match read {
            Ok(Some(stored)) => Waiting::decode(&stored),
            // Removed with its resource.
            Ok(None) => return self.index().release(bytes),
            Err(error) => return self.keep_for_later(key, bytes, &error),
        };
        let waiting = match waiting {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::error!("a call of {} {} is dropped: {error}", self.owner.kind(), self.owner.name());
                return self.end(&key, bytes, Vec::new(), None, None).await;
            }
        };
        let (verdict, answer) = self.try_once(&waiting).await;
        self.carry_out(Call { key, bytes, waiting }, verdict, answer).await;
    }

    /// It cannot be read now: perhaps later.
    fn keep_for_later(&self, key: Vec<u8>, bytes: u64, error: &db::Error) {
        tracing::error!("a call of {} {} cannot be read: {error}", self.owner.kind(), self.owner.name());
        let later = self.context.db.now_ms() + COMMIT_AGAIN.as_millis() as u64;
        self.index().waiting.insert((later, key), bytes);
    }

    async fn try_once(&self, waiting: &Waiting) -> (Verdict, Option<Result<Outcome, InvokeError>>) {
        let policy = self.policy(&waiting.function);
        if policy.is_too_old(waiting, self.context.db.now_ms()) {
            return (Verdict::GiveUp(Condition::EventAgeExceeded), None);
        }
        if waiting.invocation.depth >= triggers::DEPTH_MAX {
            return (Verdict::GiveUp(Condition::RecursionDetected), None);
        }
        self.index().counts.calls += 1;
        let answer = self.context.runner.call(&waiting.function, self.invocation(waiting)).await;
        let verdict = policy.judge(waiting, &answer, &self.context.settings.delays, self.context.db.now_ms());
        (verdict, Some(answer))
    }

    /// The call as this try makes it: a schedule's input may name the try's number. Tries that a function failed are the
    /// function's affair; EventBridge Scheduler delivers anew only what found no room.
    fn invocation(&self, waiting: &Waiting) -> Invocation {
        let mut invocation = waiting.invocation.clone();
        if let Owner::Schedule(key) = &self.owner
            && let Some(schedule) = self.context.schedule(key)
        {
            let attempt = waiting.refusals.saturating_add(1);
            invocation.payload = clock::attempted(schedule.definition.service, &invocation.payload, attempt);
        }
        invocation
    }

    async fn carry_out(&self, call: Call, verdict: Verdict, answer: Option<Result<Outcome, InvokeError>>) {
        let outcome = match &verdict {
            Verdict::Stay => return,
            Verdict::Done => RunOutcome::Succeeded,
            Verdict::Again(_) => RunOutcome::WillTryAgain,
            Verdict::GiveUp(condition) => RunOutcome::GaveUp(*condition),
        };
        let ended = Ended { outcome, error: answer.as_ref().map_or_else(String::new, error_of) };
        let state: Vec<keep::Change> = self.last_run(&call.waiting, &ended).into_iter().collect();
        match verdict {
            Verdict::Again(next) => self.put_back(call, &next, state, &ended).await,
            Verdict::GiveUp(condition) => {
                let reason = if ended.error.is_empty() { condition.name() } else { &ended.error };
                let (kind, name) = (self.owner.kind(), self.owner.name());
                tracing::warn!("a call of {kind} {name} is given up ({}): {reason}", condition.name());
                let last = Waiting { invocation: self.invocation(&call.waiting), ..call.waiting.clone() };
                let letter = self.letter(&last, condition, reason, answer.as_ref());
                self.end(&call.key, call.bytes, state, letter, Some(&ended)).await;
            }
            Verdict::Done | Verdict::Stay => {
                let letter = self.success(&call.waiting, answer.as_ref());
                self.end(&call.key, call.bytes, state, letter, Some(&ended)).await;
            }
        }
    }

    async fn put_back(&self, call: Call, next: &Waiting, mut state: Vec<keep::Change>, ended: &Ended) {
        let (kind, name, at) = (self.owner.kind(), self.owner.name(), wire::time::label(next.due_ms));
        tracing::info!("a call of {kind} {name} is tried again at {at}: {}", ended.error);
        state.push((call.key.clone(), Some(next.encode())));
        if self.commit(state, None).await {
            let mut index = self.index();
            index.counts.count(ended.outcome, &ended.error, self.context.db.now_ms());
            if !index.removed {
                index.waiting.insert((next.due_ms, call.key), call.bytes);
                self.wake.notify_one();
            }
        }
    }

    /// Removes a call that is done, with whatever its end leaves behind in the same entry.
    async fn end(
        &self,
        key: &[u8],
        bytes: u64,
        mut state: Vec<keep::Change>,
        letter: Option<Parcel>,
        ended: Option<&Ended>,
    ) {
        state.push((key.to_vec(), None));
        let is_dead = letter.is_some() && ended.is_some_and(|ended| ended.outcome != RunOutcome::Succeeded);
        if self.commit(state, letter).await {
            let mut index = self.index();
            index.release(bytes);
            index.counts.dead_letters += u64::from(is_dead);
            if let Some(ended) = ended {
                index.counts.count(ended.outcome, &ended.error, self.context.db.now_ms());
            }
            self.context.ended.notify_one();
        }
    }

    /// Commits the end of a call, as soon as the database takes it. Where it takes nothing any more, the call stays and is
    /// made again after the next start.
    async fn commit(&self, state: Vec<keep::Change>, letter: Option<Parcel>) -> bool {
        let Context { db, post, .. } = &*self.context;
        let letter = letter.map(Arc::new);
        loop {
            match keep::commit_with(db, post, self.id, state.clone(), letter.clone()).await {
                Ok(()) => return true,
                // The table of letters was deleted a moment ago: they get a new one.
                Err(PostError::Db(db::Error::TableNotFound(_))) => {}
                Err(PostError::Db(db::Error::Busy | db::Error::NoSpace(_))) if !*self.context.stopping.borrow() => {
                    tokio::time::sleep(COMMIT_AGAIN).await;
                }
                // The resource is gone, and with it the call.
                Err(PostError::Db(db::Error::FollowerNotFound(_))) => return true,
                Err(error) => {
                    tracing::error!(
                        "the end of a call of {} {} was not kept: {error}; it will be made again",
                        self.owner.kind(),
                        self.owner.name()
                    );
                    return false;
                }
            }
        }
    }

    /// The row that says what came of a schedule's run.
    fn last_run(&self, waiting: &Waiting, ended: &Ended) -> Option<keep::Change> {
        let last = LastRun {
            scheduled_ms: waiting.scheduled_ms?,
            ended_ms: self.context.db.now_ms(),
            outcome: ended.outcome,
            error: ended.error.clone(),
        };
        Some((LastRun::KEY.to_vec(), Some(last.encode())))
    }

    fn policy(&self, function: &str) -> Policy {
        let events = self.context.events_of(function);
        let retries = events.retry_attempts();
        match &self.owner {
            Owner::Function(_) => Policy { retries, refusals: None, age_ms: u64::from(events.age_s()) * 1000 },
            Owner::Schedule(key) => {
                let retry = self.context.schedule(key).map(|schedule| schedule.definition.retry).unwrap_or_default();
                Policy { retries, refusals: Some(retry.attempts), age_ms: u64::from(retry.age_s) * 1000 }
            }
        }
    }

    /// What tells of a call that was given up, if anybody wants to know. A call that a function failed is the
    /// function's affair, one that was not made is its schedule's.
    fn letter(
        &self,
        waiting: &Waiting,
        condition: Condition,
        error: &str,
        answer: Option<&Result<Outcome, InvokeError>>,
    ) -> Option<Parcel> {
        let events = self.context.events_of(&waiting.function);
        let destination = match &self.owner {
            Owner::Schedule(key) if !matches!(answer, Some(Ok(_))) => {
                self.context.schedule(key).and_then(|schedule| schedule.definition.dead_letter)
            }
            _ => events.on_failure().map(str::to_owned),
        };
        Some(self.told(&destination?, waiting, condition.name(), error, answer).parcel())
    }

    /// What tells of a call that succeeded, if anybody wants to know.
    fn success(&self, waiting: &Waiting, answer: Option<&Result<Outcome, InvokeError>>) -> Option<Parcel> {
        let events = self.context.events_of(&waiting.function);
        let destination = events.on_success()?;
        let made = Waiting { invocation: self.invocation(waiting), ..waiting.clone() };
        Some(self.told(destination, &made, letters::SUCCESS, "", answer).parcel())
    }

    fn told<'l>(
        &'l self,
        destination: &'l str,
        waiting: &'l Waiting,
        condition: &'static str,
        error: &'l str,
        answer: Option<&'l Result<Outcome, InvokeError>>,
    ) -> Letter<'l> {
        // One that found no room, or nobody, is no call.
        let attempts = waiting.failures + u32::from(matches!(answer, Some(Ok(_))));
        Letter {
            place: &self.context.place,
            destination,
            owner: (self.owner.kind(), self.owner.name()),
            waiting,
            condition,
            attempts,
            error,
            outcome: answer.and_then(|answer| answer.as_ref().ok()),
            now_ms: self.context.db.now_ms(),
        }
    }
}

impl Index {
    /// One row that was there before.
    fn load(&mut self, key: &[u8], value: &[u8]) {
        // What does not read is found out when it is called.
        let due_ms = Waiting::decode(value).map_or(0, |waiting| waiting.due_ms);
        let bytes = value.len() as u64;
        self.waiting.insert((due_ms, key.to_vec()), bytes);
        self.count += 1;
        self.bytes += bytes;
    }

    fn release(&mut self, bytes: u64) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// What went wrong, in a line; empty when nothing did.
fn error_of(answer: &Result<Outcome, InvokeError>) -> String {
    match answer {
        Ok(outcome) if outcome.error.is_none() => String::new(),
        Ok(outcome) => {
            let text = String::from_utf8_lossy(&outcome.payload);
            text[..text.floor_char_boundary(ERROR_BYTES_MAX)].to_owned()
        }
        Err(error) => error.to_string(),
    }
}
