//! Schedules: stored, read, deleted. The clock that calls reads them from the same place.

use super::{Control, Defined, defined};
use crate::{Error, SCHEDULE, Schedule, ScheduleDefinition};
use db::{Expected, Resource};

impl Control {
    /// Creates a schedule.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Invalid`].
    pub async fn create_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        let _changing = self.0.changing.lock().await;
        let name = definition.key();
        if self.0.db.resource(SCHEDULE, &name).is_some() {
            return Err(Error::Exists { kind: SCHEDULE, name });
        }
        self.put_schedule(definition).await
    }

    /// Replaces a schedule's definition. A rate goes on counting from where it did unless its times change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn update_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        let _changing = self.0.changing.lock().await;
        self.0.resource(SCHEDULE, &definition.key())?;
        self.put_schedule(definition).await
    }

    /// Deletes the schedule of this key; its runs that wait are dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_schedule(&self, key: &str) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        self.0.delete(SCHEDULE, key).await.map(drop)
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

    async fn put_schedule(&self, definition: ScheduleDefinition) -> Result<Defined<Schedule>, Error> {
        definition.check()?;
        let key = definition.key();
        let found = self.0.db.resource(SCHEDULE, &key).map(|found| read(&found)).transpose()?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Revision(found.revision));
        let now_ms = i64::try_from(self.0.db.now_ms()).unwrap_or(i64::MAX);
        let schedule = Schedule::put(definition, found.as_ref().map(|found| &found.definition), now_ms);
        read(&*self.0.put(SCHEDULE, &key, schedule.to_item(), expected).await?)
    }
}

pub(super) fn read(resource: &Resource) -> Result<Defined<Schedule>, Error> {
    defined(SCHEDULE, resource, Schedule::from_item(&resource.body))
}
