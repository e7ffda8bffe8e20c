//! All triggers of a database: creating, changing and deleting them, and what they say of themselves.

use crate::{Error, Handler, Mapping, NewMapping, State, TriggerStatus, mapping::KIND, status};
use db::{Db, Expected, Resource, ResourcePut};
use std::{fmt::Write, sync::Arc};
use tokio::{runtime::Handle, sync::Mutex};
use wire::Place;

/// The triggers of one database, running.
pub struct Triggers {
    db: Db,
    place: Place,
    /// One change of a definition at a time.
    changing: Mutex<()>,
}

impl Triggers {
    /// Starts every trigger that the database has, as tasks of `runtime`.
    #[must_use]
    pub fn start(db: Db, place: Place, handler: Arc<dyn Handler>, runtime: Handle) -> Triggers {
        let _ = (handler, runtime);
        Triggers { db, place, changing: Mutex::default() }
    }

    /// Creates a trigger; it starts at once when it is enabled. The status says `Creating`, as AWS does.
    ///
    /// # Errors
    /// Settings out of range, a stream that does not exist, or one that feeds the function already.
    pub async fn create(&self, new: NewMapping) -> Result<TriggerStatus, Error> {
        new.settings.check()?;
        let _one = self.changing.lock().await;
        let stream = new.source.stream(&self.db);
        let stream = stream.ok_or_else(|| Error::StreamNotFound(new.source.arn(&self.place)))?;
        let same = |mapping: &Mapping| mapping.source == new.source && mapping.function == new.function;
        if let Some(mapping) = self.mappings().into_iter().find(same) {
            let source_arn = new.source.arn(&self.place);
            return Err(Error::Exists { uuid: mapping.uuid, function: mapping.function, source_arn });
        }
        let from = new.starting.resolve(&self.db, &stream)?;
        let NewMapping { function, source, starting, settings, enabled } = new;
        let mapping = Mapping { uuid: self.uuid(), function, source, starting, from, settings, enabled };
        let resource = self.put(&mapping, Expected::Absent).await?;
        Ok(self.status_of(&resource, mapping, State::Creating))
    }

    /// Changes a trigger's function, settings, or whether it is enabled; takes effect with the next batch.
    ///
    /// # Errors
    /// It does not exist, or the settings are out of range.
    pub async fn update(&self, uuid: &str, change: impl FnOnce(&mut Mapping)) -> Result<TriggerStatus, Error> {
        let _one = self.changing.lock().await;
        let (resource, before) = self.find(uuid)?;
        let mut mapping = before.clone();
        change(&mut mapping);
        // What it reads and from where is fixed when it is created.
        mapping =
            Mapping { function: mapping.function, settings: mapping.settings, enabled: mapping.enabled, ..before };
        mapping.settings.check()?;
        let resource = self.put(&mapping, Expected::Revision(resource.revision)).await?;
        Ok(self.status_of(&resource, mapping, State::Updating))
    }

    /// Deletes a trigger with its position and what it has parked; a call under way is given up.
    ///
    /// # Errors
    /// It does not exist.
    pub async fn delete(&self, uuid: &str) -> Result<TriggerStatus, Error> {
        let _one = self.changing.lock().await;
        let (_, mapping) = self.find(uuid)?;
        let resource = self.db.delete_resource(KIND, uuid).await?;
        Ok(self.status_of(&resource, mapping, State::Deleting))
    }

    /// One trigger.
    ///
    /// # Errors
    /// It does not exist.
    pub fn get(&self, uuid: &str) -> Result<TriggerStatus, Error> {
        let (resource, mapping) = self.find(uuid)?;
        let state = if mapping.enabled { State::Enabled } else { State::Disabled };
        Ok(self.status_of(&resource, mapping, state))
    }

    /// All triggers, in order of their uuids.
    #[must_use]
    pub fn status(&self) -> Vec<TriggerStatus> {
        self.mappings().iter().filter_map(|mapping| self.get(&mapping.uuid).ok()).collect()
    }

    fn mappings(&self) -> Vec<Mapping> {
        self.db.resources(KIND).iter().filter_map(|resource| Mapping::from_item(&resource.body)).collect()
    }

    fn find(&self, uuid: &str) -> Result<(Arc<Resource>, Mapping), Error> {
        let not_found = || Error::NotFound(uuid.to_owned());
        let resource = self.db.resource(KIND, uuid).ok_or_else(not_found)?;
        let mapping = Mapping::from_item(&resource.body).ok_or_else(not_found)?;
        Ok((resource, mapping))
    }

    async fn put(&self, mapping: &Mapping, expected: Expected) -> Result<Arc<Resource>, Error> {
        let put = ResourcePut::new(KIND, &mapping.uuid, mapping.to_item(), expected);
        Ok(self.db.put_resource(put).await?)
    }

    fn status_of(&self, resource: &Resource, mapping: Mapping, state: State) -> TriggerStatus {
        TriggerStatus {
            mapping: Arc::new(mapping),
            state,
            created_ms: resource.created_ms,
            changed_ms: resource.changed_ms,
            last_result: status::NOTHING_YET.to_owned(),
            trouble: None,
            recursion_depth: None,
            counts: status::Counts::default(),
            iterator_age_ms: 0,
            lanes: Vec::new(),
        }
    }

    /// A random one, of version 4.
    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.db.roll(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if [4, 6, 8, 10].contains(&at) {
                text.push('-');
            }
            write!(text, "{byte:02x}").expect("writing to memory cannot fail");
        }
        text
    }
}
