//! All triggers of a database: creating, changing and deleting them, what they say of themselves, and what is asked of
//! their quarantines.

use crate::{
    Error, Handler, Mapping, NewMapping, ParkedKey, ParkedPage, ParkedRecord, Settings, State, TriggerStatus,
    lane::Wanted,
    limits::STOP_GRACE_MS,
    mapping::KIND,
    parked,
    post::Post,
    record::KeyId,
    runner::{self, Ask, Order, Trigger, World},
    wake::Synced,
};
use db::{Db, Expected, Resource, ResourcePut};
use item::Seq;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use wire::{Place, names};

/// The triggers of one database, running. Dropping it ends them where they are, as a crash would.
pub struct Triggers {
    world: World,
    runtime: Handle,
    /// One change of a definition at a time.
    changing: tokio::sync::Mutex<()>,
    /// By uuid.
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    trigger: Arc<Trigger>,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Triggers {
    /// Starts every trigger that the database has, as tasks of `runtime`.
    #[must_use]
    pub fn start(db: Db, post: Post, place: Place, handler: Arc<dyn Handler>, runtime: Handle) -> Triggers {
        let synced = Arc::new(Synced::start(db.clone()));
        let world = World { db, place, handler, synced, post };
        let triggers = Triggers { world, runtime, changing: Default::default(), running: Mutex::default() };
        triggers.refresh();
        triggers
    }

    /// Starts triggers that were created since otherwise than here, forgets those that were deleted, and lets those
    /// that wait after a failure try again: the function may have come.
    pub fn refresh(&self) {
        let there = self.resources();
        let mut running = self.running();
        running.retain(|uuid, _| there.iter().any(|(_, mapping)| mapping.uuid == *uuid));
        for (resource, mapping) in there {
            match running.get(&mapping.uuid) {
                Some(running) => running.orders.send_modify(|order| order.mapping = Arc::new(mapping)),
                None => {
                    let state = if mapping.enabled { State::Enabled } else { State::Disabled };
                    running.insert(mapping.uuid.clone(), self.run(&resource, mapping, state));
                }
            }
        }
    }

    /// Stops all triggers after the calls under way, which get a few seconds, and commits their positions.
    pub async fn stop(&self) {
        let mut all = std::mem::take(&mut *self.running());
        for running in all.values() {
            running.orders.send_modify(|order| order.stop = true);
        }
        let ended = async {
            for running in all.values_mut() {
                // One that panicked has ended as well.
                let _ = (&mut running.task).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(STOP_GRACE_MS), ended).await;
    }

    /// Creates a trigger; it starts at once when it is enabled. The status says `Creating`, as AWS does.
    ///
    /// # Errors
    /// Settings out of range, a stream that does not exist, or one that feeds the function already.
    pub async fn create(&self, new: NewMapping) -> Result<TriggerStatus, Error> {
        new.settings.check_for(&new.source)?;
        self.check_destination(&new.settings)?;
        let _one = self.changing.lock().await;
        let World { db, place, .. } = &self.world;
        let arn = || new.source.arn(place);
        let stream = new.source.stream(db, place).ok_or_else(|| Error::StreamNotFound(arn()))?;
        let same = |mapping: &Mapping| mapping.source == new.source && mapping.function == new.function;
        if let Some((_, mapping)) = self.resources().into_iter().find(|(_, mapping)| same(mapping)) {
            return Err(Error::Exists { uuid: mapping.uuid, function: mapping.function, source_arn: arn() });
        }
        let from = stream.position(db, place, new.starting)?;
        let NewMapping { function, source, starting, settings, enabled } = new;
        let mapping = Mapping { uuid: names::random_uuid(db), function, source, starting, from, settings, enabled };
        let resource = self.put(&mapping, Expected::Absent).await?;
        let running = self.run(&resource, mapping.clone(), State::Creating);
        let status = TriggerStatus { state: State::Creating, ..running.trigger.status(&resource, mapping.clone()) };
        self.running().insert(mapping.uuid, running);
        Ok(status)
    }

    /// Whether what is to know of records that are given up is there.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check_destination(&self, settings: &Settings) -> Result<(), Error> {
        settings.on_failure.as_deref().map_or(Ok(()), |arn| self.world.post.check(arn)).map_err(Error::Invalid)
    }

    /// Changes a trigger's function, settings, or whether it is enabled; takes effect with the next batch.
    ///
    /// # Errors
    /// It does not exist, or the settings are out of range.
    pub async fn update(&self, uuid: &str, change: impl FnOnce(&mut Mapping)) -> Result<TriggerStatus, Error> {
        let _one = self.changing.lock().await;
        let (resource, before) = self.find(uuid)?;
        let mut changed = before.clone();
        change(&mut changed);
        // What it reads and from where is fixed when it is created.
        let Mapping { function, settings, enabled, .. } = changed;
        settings.check_for(&before.source)?;
        if settings.on_failure != before.settings.on_failure {
            self.check_destination(&settings)?;
        }
        let state = match (before.enabled, enabled) {
            (false, true) => State::Enabling,
            (true, false) => State::Disabling,
            _ => State::Updating,
        };
        let mapping = Mapping { function, settings, enabled, ..before };
        let resource = self.put(&mapping, Expected::Revision(resource.revision)).await?;
        let mut all = self.running();
        let running = all.entry(uuid.to_owned()).or_insert_with(|| self.run(&resource, mapping.clone(), state));
        running.trigger.set_state(state);
        running.orders.send_modify(|order| order.mapping = Arc::new(mapping.clone()));
        Ok(TriggerStatus { state, ..running.trigger.status(&resource, mapping) })
    }

    /// Deletes a trigger with its position and what it has parked; a call under way is given up.
    ///
    /// # Errors
    /// It does not exist.
    pub async fn delete(&self, uuid: &str) -> Result<TriggerStatus, Error> {
        let _one = self.changing.lock().await;
        let status = self.get(uuid)?;
        drop(self.running().remove(uuid));
        self.world.db.delete_resource(KIND, uuid).await?;
        Ok(TriggerStatus { state: State::Deleting, ..status })
    }

    /// One trigger.
    ///
    /// # Errors
    /// It does not exist.
    pub fn get(&self, uuid: &str) -> Result<TriggerStatus, Error> {
        let (resource, mapping) = self.find(uuid)?;
        let running = self.running();
        let running = running.get(uuid).ok_or_else(|| Error::NotRunning(uuid.to_owned()))?;
        Ok(running.trigger.status(&resource, mapping))
    }

    /// All triggers, in order of their uuids.
    #[must_use]
    pub fn status(&self) -> Vec<TriggerStatus> {
        self.resources().iter().filter_map(|(_, mapping)| self.get(&mapping.uuid).ok()).collect()
    }

    /// Some of a trigger's parked keys, those after the id `after`, at most `max`.
    ///
    /// # Errors
    /// It does not exist, or what is stored cannot be read.
    pub fn quarantine(&self, uuid: &str, after: Option<&str>, max: usize) -> Result<ParkedPage, Error> {
        let (resource, _) = self.find(uuid)?;
        let start = after.map_or_else(|| parked::KEYS.to_owned(), |after| format!("{}{after}\0", parked::KEYS));
        let rows = self.world.db.follower_states(resource.id, start.as_bytes(), max.saturating_add(1))?;
        let key =
            |row: &[u8]| std::str::from_utf8(row.strip_prefix(parked::KEYS.as_bytes())?).ok().and_then(parked::key_of);
        let shown = rows.iter().map_while(|(row, value)| {
            let (shard, parked) = parked::decode_key(value)?;
            Some(parked::shown(key(row)?, shard, parked))
        });
        let mut keys: Vec<ParkedKey> = shown.collect();
        let more = keys.len() > max;
        keys.truncate(max);
        let next = if more { keys.last().map(|key| key.id.clone()) } else { None };
        Ok(ParkedPage { keys, next })
    }

    /// A parked key and some of its records in order, those after a position, at most `max`.
    ///
    /// # Errors
    /// It is not parked, or what is stored cannot be read.
    pub fn parked(
        &self,
        uuid: &str,
        id: &str,
        after: Option<Seq>,
        max: usize,
    ) -> Result<(ParkedKey, Vec<ParkedRecord>), Error> {
        let (resource, _) = self.find(uuid)?;
        let (key, shown) = self.parked_key(&resource, uuid, id)?;
        let start = after.map_or_else(|| parked::records_start(key), |seq| parked::record_row(key, seq.next()));
        let rows = self.world.db.follower_states(resource.id, &start, max)?;
        let own = rows.iter().take_while(|(row, _)| row.starts_with(&parked::records_start(key)));
        let records = own.filter_map(|(_, value)| parked::decode_record(key, value)).map(|record| ParkedRecord {
            seq: record.seq,
            time_ms: record.time_ms,
            depth: record.depth,
            event: String::from_utf8_lossy(&record.event).into_owned(),
        });
        Ok((shown, records.collect()))
    }

    /// Calls the function with the records of a parked key, one by one in order, until one fails. Answers once the
    /// request is on disk; it is carried out between batches, also after a restart.
    ///
    /// # Errors
    /// The key is not parked, or the trigger does not run.
    pub async fn retry_parked(&self, uuid: &str, id: &str) -> Result<(), Error> {
        self.ask(uuid, id, Wanted::Retry).await
    }

    /// Drops the first record of a parked key, the one that failed, and then does as [`Triggers::retry_parked`].
    ///
    /// # Errors
    /// The key is not parked, or the trigger does not run.
    pub async fn drop_parked(&self, uuid: &str, id: &str) -> Result<(), Error> {
        self.ask(uuid, id, Wanted::Drop).await
    }

    async fn ask(&self, uuid: &str, id: &str, wanted: Wanted) -> Result<(), Error> {
        let (resource, mapping) = self.find(uuid)?;
        let (key, shown) = self.parked_key(&resource, uuid, id)?;
        let lane = (shown.shard, key.lane(mapping.settings.lanes()));
        let not_running = || Error::NotRunning(uuid.to_owned());
        let asks = self.running().get(uuid).and_then(|running| running.trigger.asks(lane)).ok_or_else(not_running)?;
        let (reply, answer) = oneshot::channel();
        asks.send(Ask { key, wanted, reply }).await.map_err(|_| not_running())?;
        match answer.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::NotParked { uuid: uuid.to_owned(), id: id.to_owned() }),
            Err(_) => Err(not_running()),
        }
    }

    fn parked_key(&self, resource: &Resource, uuid: &str, id: &str) -> Result<(KeyId, ParkedKey), Error> {
        let not_parked = || Error::NotParked { uuid: uuid.to_owned(), id: id.to_owned() };
        let key = parked::key_of(id).ok_or_else(not_parked)?;
        let stored = self.world.db.follower_state(resource.id, &parked::key_row(key))?.ok_or_else(not_parked)?;
        let (shard, parked) = parked::decode_key(&stored).ok_or_else(not_parked)?;
        Ok((key, parked::shown(key, shard, parked)))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, resource: &Resource, mapping: Mapping, state: State) -> Running {
        let trigger = Arc::new(Trigger::new(self.world.clone(), resource.id, state));
        let (orders, receiver) = watch::channel(Order { mapping: Arc::new(mapping), stop: false });
        let task = self.runtime.spawn(runner::run(Arc::clone(&trigger), receiver));
        Running { trigger, orders, task }
    }

    fn resources(&self) -> Vec<(Arc<Resource>, Mapping)> {
        let resources = self.world.db.resources(KIND).into_iter();
        resources.filter_map(|resource| Mapping::from_item(&resource.body).map(|mapping| (resource, mapping))).collect()
    }

    fn find(&self, uuid: &str) -> Result<(Arc<Resource>, Mapping), Error> {
        let not_found = || Error::NotFound(uuid.to_owned());
        let resource = self.world.db.resource(KIND, uuid).ok_or_else(not_found)?;
        let mapping = Mapping::from_item(&resource.body).ok_or_else(not_found)?;
        Ok((resource, mapping))
    }

    async fn put(&self, mapping: &Mapping, expected: Expected) -> Result<Arc<Resource>, Error> {
        let put = ResourcePut::new(KIND, &mapping.uuid, mapping.to_item(), expected);
        Ok(self.world.db.put_resource(put).await?)
    }
}
