//! The clock that calls: one task for all schedules. A run is committed together with how far its schedule has come,
//! before it is called, so a restart neither repeats nor forgets it.

mod due;
mod event;

pub(crate) use event::attempted;

use crate::{
    Error, SCHEDULE, Schedule,
    calls::{Calls, Context, Owner, Waiting},
    fields::{Body, Fields},
    keep,
};
use ::schedule::Runs;
use bytes::Bytes;
use db::{FollowerId, Resource};
use due::{Due, due};
use item::codec;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::Notify;
use wire::{Place, names};

/// Row that says how far a schedule has come.
const KEPT: &[u8] = b"kept";

pub(crate) struct Clock {
    context: Arc<Context>,
    calls: Arc<Calls>,
    place: Place,
    entries: Mutex<BTreeMap<String, Entry>>,
    changed: Notify,
    /// Held while a definition changes.
    changing: Arc<tokio::sync::Mutex<()>>,
}

/// A schedule as the clock knows it.
#[derive(Clone)]
struct Entry {
    id: FollowerId,
    schedule: Arc<Schedule>,
    /// `None` while it is disabled, or where its expression does not read.
    runs: Option<Arc<Runs>>,
    kept: Kept,
    next_ms: Option<i64>,
    trouble: Option<String>,
}

/// How far a schedule has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    /// Everything up to here is taken care of.
    ms: Option<i64>,
    /// Moments that got no run of their own, ever.
    missed: u64,
}

/// What the clock knows of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub next: Vec<i64>,
    pub missed: u64,
    pub trouble: Option<String>,
}

impl Clock {
    /// Knows all stored schedules; calls nothing yet.
    pub fn new(
        context: Arc<Context>,
        calls: Arc<Calls>,
        place: Place,
        changing: Arc<tokio::sync::Mutex<()>>,
    ) -> Result<Clock, Error> {
        let clock = Clock { context, calls, place, entries: Mutex::default(), changed: Notify::new(), changing };
        for resource in clock.context.db.resources(SCHEDULE) {
            clock.put(&resource)?;
        }
        Ok(clock)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().expect("no holder panics")
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.context.db.now_ms()).unwrap_or(i64::MAX)
    }

    /// A schedule was created or changed.
    pub fn put(&self, resource: &Resource) -> Result<(), Error> {
        let schedule = match Schedule::from_item(&resource.body) {
            Ok(schedule) => Arc::new(schedule),
            Err(error) => {
                tracing::error!("schedule {}: {error}; it does not run", resource.name);
                return Ok(());
            }
        };
        let known = self.entries().get(&resource.name).filter(|entry| entry.id == resource.id).map(|entry| entry.kept);
        let kept = match known {
            Some(kept) => kept,
            None => self.load(resource.id)?,
        };
        let runs = schedule.runs();
        let trouble = runs.as_ref().err().map(ToString::to_string);
        let runs = runs.ok().filter(|_| schedule.definition.enabled).map(Arc::new);
        let mut entry = Entry { id: resource.id, schedule, runs, kept, next_ms: None, trouble };
        entry.look_ahead(self.now_ms());
        self.entries().insert(resource.name.clone(), entry);
        self.changed.notify_one();
        Ok(())
    }

    /// A schedule was deleted.
    pub fn remove(&self, key: &str) {
        self.entries().remove(key);
    }

    fn load(&self, id: FollowerId) -> Result<Kept, Error> {
        let row = self.context.db.follower_state(id, KEPT).map_err(|error| Error::of(SCHEDULE, error))?;
        Ok(row.and_then(|row| Kept::decode(&row)).unwrap_or_default())
    }

    /// Calls what is due, until everything stops.
    pub async fn run(self: Arc<Clock>) {
        let mut stopping = self.context.stopping.clone();
        while !*stopping.borrow_and_update() {
            let wait = self.step().await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
                () = self.context.ended.notified() => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Takes care of what is due now; answers how long to wait for the next.
    async fn step(&self) -> Duration {
        let look_again = self.context.settings.look_again;
        let now_ms = self.now_ms();
        let is_due = |entry: &Entry| entry.next_ms.is_some_and(|next| next <= now_ms);
        let due: Vec<String> =
            self.entries().iter().filter(|(_, entry)| is_due(entry)).map(|(key, _)| key.clone()).collect();
        for key in due {
            if let Err(error) = self.take_care_of(&key, now_ms).await {
                tracing::error!("schedule {key} is due, but: {error}; trying again");
                return look_again;
            }
        }
        self.delete_finished().await;
        let next = self.entries().values().filter_map(|entry| entry.next_ms).min();
        let wait = next.map(|next| u64::try_from(next - self.now_ms()).unwrap_or(0));
        wait.map_or(look_again, |wait| Duration::from_millis(wait).min(look_again))
    }

    async fn take_care_of(&self, key: &str, now_ms: i64) -> Result<(), Error> {
        // A definition that changes now is seen before or after, not in between.
        let _changing = self.changing.lock().await;
        let Some(entry) = self.entries().get(key).cloned() else { return Ok(()) };
        let Some(runs) = &entry.runs else { return Ok(()) };
        let from = due::kept(entry.kept.ms, entry.schedule.owed_ms, now_ms);
        let kept = match due(runs, entry.schedule.definition.missed, from, now_ms) {
            None => entry.kept,
            Some(due) => self.keep(key, &entry, &due).await?,
        };
        if let Some(entry) = self.entries().get_mut(key) {
            entry.kept = kept;
            entry.look_ahead(now_ms);
        }
        Ok(())
    }

    /// Commits how far a schedule has come, and the run that is due, in one entry.
    async fn keep(&self, key: &str, entry: &Entry, due: &Due) -> Result<Kept, Error> {
        let mut kept = Kept { ms: Some(due.kept_ms), missed: entry.kept.missed + due.missed };
        if due.missed > 0 {
            let what = if due.run_ms.is_some() { "one run stands for all" } else { "they are skipped" };
            tracing::warn!("schedule {key} missed {} runs; {what}", due.missed);
        }
        if let Some(run_ms) = due.run_ms {
            let accepted = self.accept(key, entry, run_ms, vec![kept.change()]).await;
            let Err(Error::TooManyRequests(why)) = accepted else { return accepted.map(|()| kept) };
            tracing::warn!("schedule {key} is due, but {why}; this run is skipped");
            kept.missed += 1;
        }
        let committed = keep::commit(&self.context.db, entry.id, vec![kept.change()]).await;
        committed.map_err(|error| Error::of(SCHEDULE, error)).map(|()| kept)
    }

    async fn accept(&self, key: &str, entry: &Entry, run_ms: i64, state: Vec<keep::Change>) -> Result<(), Error> {
        let db = &self.context.db;
        let id = names::random_uuid(db);
        let scheduled_ms = u64::try_from(run_ms).unwrap_or(0);
        let payload: Bytes = event::payload(&entry.schedule, &self.place, &id, scheduled_ms);
        let invocation = crate::Invocation { payload, client_context: None, depth: 0, request_id: None };
        let waiting = Waiting::new(id, &entry.schedule.definition.function, invocation, db.now_ms());
        let waiting = Waiting { scheduled_ms: Some(scheduled_ms), ..waiting };
        self.calls.accept(entry.id, Owner::Schedule(key.to_owned()), waiting, state).await
    }

    /// Calls a schedule's function once, now. What is due stays due.
    pub async fn run_now(&self, key: &str) -> Result<(), Error> {
        let entry = self.entries().get(key).cloned().ok_or_else(|| Error::not_found(SCHEDULE, key))?;
        self.accept(key, &entry, self.now_ms(), Vec::new()).await
    }

    /// Deletes schedules that have had their last run and are to be deleted then.
    async fn delete_finished(&self) {
        let entries = self.entries().clone();
        for (key, _) in entries.iter().filter(|(_, entry)| self.is_finished(entry)) {
            let _changing = self.changing.lock().await;
            // It may have changed while the lock was waited for.
            let still = self.entries().get(key).is_some_and(|entry| self.is_finished(entry));
            if !still {
                continue;
            }
            match self.context.db.delete_resource(SCHEDULE, key).await {
                Ok(gone) => {
                    tracing::info!("schedule {key} has had its last run and is deleted");
                    self.remove(key);
                    self.calls.remove(gone.id);
                }
                Err(error) => tracing::error!("schedule {key} has had its last run, but is not deleted: {error}"),
            }
        }
    }

    fn is_finished(&self, entry: &Entry) -> bool {
        let over = entry.runs.is_some() && entry.next_ms.is_none() && entry.kept.ms.is_some();
        entry.schedule.definition.delete_after
            && over
            && self.calls.known(entry.id).is_none_or(|queue| queue.is_empty())
    }

    /// What there is to say about a schedule, with its next `count` moments.
    pub fn standing(&self, key: &str, count: usize) -> Standing {
        let Some(entry) = self.entries().get(key).cloned() else { return Standing::default() };
        let from = due::kept(entry.kept.ms, entry.schedule.owed_ms, self.now_ms()).max(self.now_ms());
        let next = entry.runs.map_or_else(Vec::new, |runs| runs.next(from, count));
        Standing { next, missed: entry.kept.missed, trouble: entry.trouble }
    }
}

impl Entry {
    fn look_ahead(&mut self, now_ms: i64) {
        let from = due::kept(self.kept.ms, self.schedule.owed_ms, now_ms);
        self.next_ms = self.runs.as_ref().and_then(|runs| runs.next_after(from));
    }
}

impl Kept {
    fn change(self) -> keep::Change {
        let item = Body::default().optional_number("ms", self.ms).number("missed", self.missed).item();
        let mut bytes = Vec::new();
        codec::encode(&item, &mut bytes);
        (KEPT.to_vec(), Some(bytes))
    }

    fn decode(bytes: &[u8]) -> Option<Kept> {
        let item = codec::decode(bytes).ok()?;
        let fields = Fields(&item);
        Some(Kept { ms: fields.optional_number("ms").ok()?, missed: fields.number("missed").ok()? })
    }
}
