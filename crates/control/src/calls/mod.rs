//! Calls that nobody waits for: events that were accepted, runs of schedules. Each is kept until it is done.

mod letters;
mod queue;
mod verdict;
mod waiting;

use crate::{
    Error, Events, FUNCTION, FunctionDefinition, Runner, SCHEDULE, Schedule, blocking,
    fields::{Body, Fields, Malformed},
    keep,
};
use db::{Db, FollowerId};
use item::codec;
use queue::Queue;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use triggers::Post;
use wire::Place;

pub use verdict::{Condition, Delays};
pub(crate) use waiting::Waiting;

/// How many calls may wait, and how they are tried.
#[derive(Clone, Debug)]
pub struct CallSettings {
    /// Calls that may wait under one function or schedule, and the bytes that they may take.
    pub waiting_max: usize,
    pub waiting_bytes_max: u64,
    /// Calls of one function's events, or of one schedule, that are under way at once.
    pub running_max: usize,
    pub delays: Delays,
    /// The wall clock may jump: whoever waits for it looks at it at least this often.
    pub look_again: Duration,
}

impl Default for CallSettings {
    fn default() -> CallSettings {
        CallSettings {
            waiting_max: 10_000,
            waiting_bytes_max: 64 << 20,
            running_max: 10,
            delays: Delays::default(),
            look_again: Duration::from_secs(5),
        }
    }
}

/// Whose calls they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A function's events, by its name.
    Function(String),
    /// A schedule's runs, by its key.
    Schedule(String),
}

impl Owner {
    pub fn kind(&self) -> &'static str {
        match self {
            Owner::Function(_) => FUNCTION,
            Owner::Schedule(_) => SCHEDULE,
        }
    }

    pub fn name(&self) -> &str {
        let (Owner::Function(name) | Owner::Schedule(name)) = self;
        name
    }
}

/// How a try of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    Succeeded,
    WillTryAgain,
    GaveUp(Condition),
}

const OUTCOMES: [(&str, RunOutcome); 7] = [
    ("succeeded", RunOutcome::Succeeded),
    ("will try again", RunOutcome::WillTryAgain),
    ("retries exhausted", RunOutcome::GaveUp(Condition::RetriesExhausted)),
    ("too old", RunOutcome::GaveUp(Condition::EventAgeExceeded)),
    ("function gone", RunOutcome::GaveUp(Condition::FunctionGone)),
    ("payload too large", RunOutcome::GaveUp(Condition::PayloadTooLarge)),
    ("recursion detected", RunOutcome::GaveUp(Condition::RecursionDetected)),
];

/// What came of a schedule's newest run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The moment that it was for, and when it ended. Milliseconds since the epoch.
    pub scheduled_ms: u64,
    pub ended_ms: u64,
    pub outcome: RunOutcome,
    /// The beginning of the error document, or why there was no call; empty when all went well.
    pub error: String,
}

impl LastRun {
    pub(crate) const KEY: &'static [u8] = b"last";

    pub(crate) fn encode(&self) -> Vec<u8> {
        let item = Body::default()
            .number("scheduled_ms", self.scheduled_ms)
            .number("ended_ms", self.ended_ms)
            .word("outcome", &OUTCOMES, &self.outcome)
            .text("error", &self.error)
            .item();
        let mut bytes = Vec::new();
        codec::encode(&item, &mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<LastRun, Malformed> {
        let item = codec::decode(bytes).map_err(|error| Malformed::new(error.what, "malformed"))?;
        let fields = Fields(&item);
        Ok(LastRun {
            scheduled_ms: fields.number("scheduled_ms")?,
            ended_ms: fields.number("ended_ms")?,
            outcome: fields.word("outcome", &OUTCOMES)?,
            error: fields.text_or_empty("error")?,
        })
    }
}

/// What happened to calls since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub accepted: u64,
    /// Refused, for as many waited as may.
    pub refused: u64,
    pub calls: u64,
    pub succeeded: u64,
    pub tried_again: u64,
    pub given_up: u64,
    pub dead_letters: u64,
    /// The newest error, and when.
    pub last_error: Option<(u64, String)>,
}

impl Counts {
    fn count(&mut self, outcome: RunOutcome, error: &str, now_ms: u64) {
        match outcome {
            RunOutcome::Succeeded => self.succeeded += 1,
            RunOutcome::WillTryAgain => self.tried_again += 1,
            RunOutcome::GaveUp(_) => self.given_up += 1,
        }
        if !error.is_empty() {
            self.last_error = Some((now_ms, error.to_owned()));
        }
    }
}

/// What all queues share.
pub(crate) struct Context {
    pub db: Db,
    pub place: Place,
    pub post: Post,
    pub runner: Arc<dyn Runner>,
    pub settings: CallSettings,
    pub stopping: watch::Receiver<bool>,
    /// Rings when a call is done.
    pub ended: Notify,
}

impl Context {
    /// How a function's events are tried.
    fn events_of(&self, function: &str) -> Events {
        let resource = self.db.resource(FUNCTION, function);
        let read = resource.and_then(|found| FunctionDefinition::from_item(function, &found.body).ok());
        read.map(|definition| definition.events).unwrap_or_default()
    }

    fn schedule(&self, key: &str) -> Option<Schedule> {
        Schedule::from_item(&self.db.resource(SCHEDULE, key)?.body).ok()
    }
}

/// Queues and the tasks that run them, by their resources.
type Queues = BTreeMap<FollowerId, (Arc<Queue>, JoinHandle<()>)>;

/// All queues.
pub(crate) struct Calls {
    context: Arc<Context>,
    queues: Mutex<Queues>,
}

impl Calls {
    pub fn new(context: Arc<Context>) -> Calls {
        Calls { context, queues: Mutex::default() }
    }

    /// Takes up the calls that wait from before.
    pub async fn take_up(&self) -> Result<(), Error> {
        self.take_up_of(FUNCTION, Owner::Function).await?;
        self.take_up_of(SCHEDULE, Owner::Schedule).await
    }

    async fn take_up_of(&self, kind: &'static str, owner: fn(String) -> Owner) -> Result<(), Error> {
        for resource in self.context.db.resources(kind) {
            if self.context.db.follower_cursor(resource.id).is_some() {
                let queue = self.queue(resource.id, owner(resource.name.clone())).await;
                queue.map_err(|error| Error::of(kind, error))?;
            }
        }
        Ok(())
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().expect("no holder panics")
    }

    /// The queue of a resource, running.
    pub async fn queue(&self, id: FollowerId, owner: Owner) -> Result<Arc<Queue>, db::Error> {
        if let Some(queue) = self.known(id) {
            return Ok(queue);
        }
        let context = self.context.clone();
        let opened = Arc::new(blocking(move || Queue::open(context, id, owner)).await?);
        let mut queues = self.queues();
        // Another one may have been faster; nothing was accepted into this one.
        let (queue, _) = queues.entry(id).or_insert_with(|| {
            let task = tokio::spawn(opened.clone().run());
            (opened, task)
        });
        Ok(queue.clone())
    }

    /// The queue of a resource, if it has ever had a call.
    pub fn known(&self, id: FollowerId) -> Option<Arc<Queue>> {
        self.queues().get(&id).map(|(queue, _)| queue.clone())
    }

    /// Takes a call, durably, together with other rows of its resource.
    pub async fn accept(
        &self,
        id: FollowerId,
        owner: Owner,
        waiting: Waiting,
        state: Vec<keep::Change>,
    ) -> Result<(), Error> {
        let kind = owner.kind();
        let queue = self.queue(id, owner).await.map_err(|error| Error::of(kind, error))?;
        queue.accept(waiting, state).await
    }

    /// A resource was deleted.
    pub fn remove(&self, id: FollowerId) {
        if let Some((queue, _)) = self.queues().remove(&id) {
            queue.remove();
        }
    }

    /// Waits for the calls under way, at most so long; those that do not end are made again after the next start.
    pub async fn stop(&self, patience: Duration) {
        let queues = std::mem::take(&mut *self.queues());
        let end = tokio::time::Instant::now() + patience;
        for (_, mut task) in queues.into_values() {
            if tokio::time::timeout_at(end, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}
