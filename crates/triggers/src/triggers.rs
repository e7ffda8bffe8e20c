//! All triggers of a database: creating, changing and deleting them, and what they say of themselves.

use crate::{
    Error, Handler, LanePhase, Mapping, NewMapping, ParkedPage, ParkedRecord, State, TriggerStatus, driver,
    lane::Wanted,
    mapping::KIND,
    parked,
    runner::{House, Running},
    status,
    wake::Synced,
};
use db::{Db, Expected, Resource, ResourcePut};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};
use tokio::{runtime::Handle, sync::Mutex};
use wire::Place;

/// Keys in one page of what is parked, and records of a key that are shown.
const KEYS_PAGE: usize = 100;
const RECORDS_SHOWN: usize = 100;

/// The triggers of one database, running.
pub struct Triggers {
    db: Db,
    place: Place,
    house: House,
    runtime: Handle,
    running: std::sync::Mutex<BTreeMap<String, Arc<Running>>>,
    /// One change of a definition at a time.
    changing: Mutex<()>,
}

impl Triggers {
    /// Starts every trigger that the database has, as tasks of `runtime`.
    #[must_use]
    pub fn start(db: Db, place: Place, handler: Arc<dyn Handler>, runtime: Handle) -> Triggers {
        let synced = Arc::new(Synced::start(db.clone()));
        let house = House { db: db.clone(), place: place.clone(), handler, synced };
        let triggers =
            Triggers { db, place, house, runtime, running: std::sync::Mutex::default(), changing: Mutex::default() };
        for resource in triggers.db.resources(KIND) {
            triggers.run(&resource);
        }
        triggers
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
        self.run(&resource);
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
        self.end(uuid).await;
        self.run(&resource);
        Ok(self.status_of(&resource, mapping, State::Updating))
    }

    /// Deletes a trigger with its position and what it has parked; a call under way is given up.
    ///
    /// # Errors
    /// It does not exist.
    pub async fn delete(&self, uuid: &str) -> Result<TriggerStatus, Error> {
        let _one = self.changing.lock().await;
        let (_, mapping) = self.find(uuid)?;
        self.end(uuid).await;
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

    /// Stops all lanes; calls under way have a while to end.
    pub async fn stop(&self) {
        let all = std::mem::take(&mut *self.running());
        let mut ends = tokio::task::JoinSet::new();
        all.into_values().for_each(|running| drop(ends.spawn(async move { running.stop().await })));
        while ends.join_next().await.is_some() {}
    }

    /// Keys that are parked, after the one of this id, in order of ids.
    ///
    /// # Errors
    /// The trigger does not exist, or its state cannot be read.
    pub fn quarantine(&self, uuid: &str, after: Option<&str>) -> Result<ParkedPage, Error> {
        let (resource, _) = self.find(uuid)?;
        let start = format!("{}{}", parked::KEYS, after.map(|after| format!("{after}\0")).unwrap_or_default());
        let rows = self.db.follower_states(resource.id, start.as_bytes(), KEYS_PAGE)?;
        let full = rows.len() == KEYS_PAGE;
        let key = |(row, bytes): (Vec<u8>, Vec<u8>)| {
            let id = parked::key_of(std::str::from_utf8(row.strip_prefix(parked::KEYS.as_bytes())?).ok()?)?;
            let (shard, found) = parked::decode_key(&bytes)?;
            Some(parked::shown(id, shard, found))
        };
        let keys: Vec<crate::ParkedKey> = rows.into_iter().map_while(key).collect();
        let next = keys.last().filter(|_| full && keys.len() == KEYS_PAGE).map(|last| last.id.clone());
        Ok(ParkedPage { keys, next })
    }

    /// The records of a parked key, the one that failed first; so many at most.
    ///
    /// # Errors
    /// The trigger does not exist, or its state cannot be read.
    pub fn parked_records(&self, uuid: &str, id: &str) -> Result<Vec<ParkedRecord>, Error> {
        let (resource, _) = self.find(uuid)?;
        let key = parked::key_of(id).ok_or_else(|| not_parked(uuid, id))?;
        let start = parked::records_start(key);
        let rows = self.db.follower_states(resource.id, &start, RECORDS_SHOWN)?;
        let own = rows.into_iter().take_while(|(row, _)| row.starts_with(&start));
        let records = own.filter_map(|(_, bytes)| parked::decode_record(key, &bytes));
        let shown = |record: crate::record::Record| ParkedRecord {
            seq: record.seq,
            time_ms: record.time_ms,
            depth: record.depth,
            event: String::from_utf8_lossy(&record.event).into_owned(),
        };
        Ok(records.map(shown).collect())
    }

    /// Calls with a key's parked records again, one after the other, until one fails.
    ///
    /// # Errors
    /// The trigger does not exist or does not run, or has no such key parked.
    pub async fn retry_parked(&self, uuid: &str, id: &str) -> Result<(), Error> {
        self.ask(uuid, id, Wanted::Retry).await
    }

    /// Takes a key's first parked record away, and goes on with those behind it.
    ///
    /// # Errors
    /// As [`Triggers::retry_parked`].
    pub async fn drop_parked(&self, uuid: &str, id: &str) -> Result<(), Error> {
        self.ask(uuid, id, Wanted::Drop).await
    }

    async fn ask(&self, uuid: &str, id: &str, wanted: Wanted) -> Result<(), Error> {
        let (resource, _) = self.find(uuid)?;
        let key = parked::key_of(id).ok_or_else(|| not_parked(uuid, id))?;
        let row = self.db.follower_state(resource.id, &parked::key_row(key))?;
        let (shard, _) = row.and_then(|row| parked::decode_key(&row)).ok_or_else(|| not_parked(uuid, id))?;
        let running = self.running().get(uuid).cloned();
        let running = running.ok_or_else(|| Error::NotRunning(uuid.to_owned()))?;
        if running.ask(shard, (key, wanted)).await { Ok(()) } else { Err(Error::NotRunning(uuid.to_owned())) }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the lanes of a trigger that is enabled.
    fn run(&self, resource: &Resource) {
        let Some(mapping) = Mapping::from_item(&resource.body).filter(|mapping| mapping.enabled) else { return };
        let _inside = self.runtime.enter();
        let running = Running::start(&self.house, resource.id, Arc::new(mapping));
        self.running().insert(resource.name.clone(), running);
    }

    async fn end(&self, uuid: &str) {
        let running = self.running().remove(uuid);
        if let Some(running) = running {
            running.stop().await;
        }
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
        let running = self.running().get(&mapping.uuid).cloned();
        let lanes = running.as_ref().map(|running| running.lanes()).unwrap_or_default();
        let mut counts = status::Counts::default();
        lanes.iter().for_each(|lane| counts += lane.counts);
        let stopped = lanes.iter().find_map(|lane| match &lane.phase {
            LanePhase::Stopped { reason } => Some(reason.clone()),
            _ => None,
        });
        let failing = lanes.iter().any(|lane| lane.attempts > 0 || matches!(lane.phase, LanePhase::BackingOff { .. }));
        let last_result = if failing {
            status::CALL_FAILED
        } else if counts.calls > 0 {
            status::OK
        } else {
            status::NOTHING_YET
        };
        TriggerStatus {
            mapping: Arc::new(mapping),
            state,
            created_ms: resource.created_ms,
            changed_ms: resource.changed_ms,
            last_result: last_result.to_owned(),
            trouble: running.as_ref().and_then(|running| running.trouble()).or(stopped),
            recursion_depth: running.as_ref().and_then(|running| running.recursion_depth()),
            counts,
            iterator_age_ms: lanes.iter().map(|lane| lane.age_ms).max().unwrap_or_default(),
            lanes,
        }
    }

    fn uuid(&self) -> String {
        driver::uuid(&self.db)
    }
}

fn not_parked(uuid: &str, id: &str) -> Error {
    Error::NotParked { uuid: uuid.to_owned(), id: id.to_owned() }
}
