//! Schedules: stored, and told to the clock that calls.

use super::{Control, Defined, Inner, defined, to_its_end};
use crate::{Counts, Error, LastRun, SCHEDULE, Schedule, ScheduleDefinition};
use db::{Expected, Resource};

/// What a schedule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    pub key: String,
    pub definition: ScheduleDefinition,
    /// Its next moments, milliseconds since the epoch; none while it is disabled or when it is over.
    pub next_ms: Vec<i64>,
    pub last: Option<LastRun>,
    /// Moments that got no run of their own, since it was created.
    pub missed: u64,
    /// Runs that are not done.
    pub waiting: usize,
    /// What happened to runs since the start.
    pub counts: Counts,
    /// Why it does not run, if so.
    pub trouble: Option<String>,
}

impl Control {
    /// Creates a schedule.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Invalid`].
    pub async fn create_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            let name = definition.key();
            if inner.db.resource(SCHEDULE, &name).is_some() {
                return Err(Error::Exists { kind: SCHEDULE, name });
            }
            inner.put_schedule(definition).await
        })
        .await
    }

    /// Replaces a schedule's definition. A rate goes on counting from where it did unless its times change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            inner.resource(SCHEDULE, &definition.key())?;
            inner.put_schedule(definition).await
        })
        .await
    }

    /// Deletes the schedule of this key with its runs that wait.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_schedule(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (self.0.clone(), key.to_owned());
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            let gone = inner.delete(SCHEDULE, &key).await?;
            inner.clock.remove(&key);
            inner.calls.remove(gone.id);
            Ok(())
        })
        .await
    }

    /// The schedule of this key.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn schedule(&self, key: &str) -> Result<Defined<Schedule>, Error> {
        read(&*self.0.resource(SCHEDULE, key)?)
    }

    /// All schedules, sorted by key.
    ///
    /// # Errors
    /// When one does not read.
    pub fn schedules(&self) -> Result<Vec<Defined<Schedule>>, Error> {
        self.0.db.resources(SCHEDULE).iter().map(|resource| read(resource)).collect()
    }

    /// Calls a schedule's function once, as soon as possible, whether it is enabled or not. What is due stays due.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooManyRequests`], and those of the database.
    pub async fn run_schedule_now(&self, key: &str) -> Result<(), Error> {
        let (inner, key) = (self.0.clone(), key.to_owned());
        to_its_end(async move { inner.clock.run_now(&key).await }).await
    }

    /// What a schedule does, with its next `count` moments.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of the database.
    pub fn schedule_status(&self, key: &str, count: usize) -> Result<ScheduleStatus, Error> {
        let resource = self.0.resource(SCHEDULE, key)?;
        let schedule = read(&resource)?;
        let last = self.0.db.follower_state(resource.id, LastRun::KEY);
        let last = last.map_err(|error| Error::of(SCHEDULE, error))?;
        let standing = self.0.clock.standing(key, count);
        let (counts, waiting) = self.0.calls.known(resource.id).map_or_else(Default::default, |queue| queue.counts());
        Ok(ScheduleStatus {
            key: key.to_owned(),
            definition: schedule.definition.definition,
            next_ms: standing.next,
            last: last.and_then(|last| LastRun::decode(&last).ok()),
            missed: standing.missed,
            waiting,
            counts,
            trouble: standing.trouble,
        })
    }
}

impl Inner {
    pub(super) async fn put_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        definition.check()?;
        let key = definition.key();
        let found = self.db.resource(SCHEDULE, &key).map(|found| read(&found)).transpose()?;
        let before = found.as_ref().and_then(|found| found.definition.definition.dead_letter.as_deref());
        self.check_destination(before, definition.dead_letter.as_deref())?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Revision(found.revision));
        let now_ms = i64::try_from(self.db.now_ms()).unwrap_or(i64::MAX);
        let schedule = Schedule::put(definition, found.as_ref().map(|found| &found.definition), now_ms);
        let stored = self.put(SCHEDULE, &key, schedule.to_item(), expected).await?;
        self.clock.put(&stored)?;
        read(&stored)
    }
}

pub(super) fn read(resource: &Resource) -> Result<Defined<Schedule>, Error> {
    defined(SCHEDULE, resource, Schedule::from_item(&resource.body))
}
