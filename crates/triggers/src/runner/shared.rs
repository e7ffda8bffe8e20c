//! What the tasks of one trigger share: whom they call, how much is parked, and what they say of themselves.

use crate::{
    Counts, GaveUp, Handler, LanePhase, LaneStatus, Mapping, Quarantine, State, TriggerStatus,
    commit::LaneId,
    filter::Filters,
    lane::{self, Amount, Wanted},
    post::Post,
    record::KeyId,
    status,
    wake::Synced,
};
use db::{Db, FollowerId, Resource};
use item::Seq;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, oneshot, watch};
use wire::Place;

/// The kind of functions' resources: their number bounds how long a chain without a loop can be.
const FUNCTIONS: &str = "function";

/// What all triggers share.
#[derive(Clone)]
pub struct World {
    pub db: Db,
    pub place: Place,
    pub handler: Arc<dyn Handler>,
    pub synced: Arc<Synced>,
    pub post: Post,
}

/// One trigger, as its tasks and whoever asks see it.
pub struct Trigger {
    pub world: World,
    pub follower: FollowerId,
    pub room: Room,
    seen: Mutex<Seen>,
}

/// Settings that take effect with the next batch.
pub struct Live {
    pub mapping: Arc<Mapping>,
    pub filters: Arc<Filters>,
}

impl Live {
    pub fn new(mapping: Arc<Mapping>) -> Live {
        // They were parsed when the mapping was put; what a later version does not take any more is not applied.
        let filters = Filters::parse(&mapping.settings.filters).unwrap_or_default();
        Live { mapping, filters: Arc::new(filters) }
    }
}

/// Somebody wants something of a parked key.
pub struct Ask {
    pub key: KeyId,
    pub wanted: Wanted,
    /// Answers whether the key is parked, once the request is on disk.
    pub reply: oneshot::Sender<bool>,
}

/// What is parked, all lanes together.
pub struct Room {
    taken: Mutex<Amount>,
    /// Counts how often some became free.
    freed: watch::Sender<u64>,
}

impl Room {
    fn new() -> Room {
        Room { taken: Mutex::default(), freed: watch::Sender::new(0) }
    }

    pub fn reset(&self, taken: Amount) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = taken;
    }

    /// Lets `plan` decide with what is free, and takes what it says it needs.
    pub fn plan<T>(&self, bound: Option<Quarantine>, plan: impl FnOnce(Amount) -> (T, Amount)) -> (T, Amount) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys that were parked before it was turned off go on waiting within the usual bound.
        let bound = bound.unwrap_or_default();
        let bound = Amount { records: bound.records.into(), bytes: bound.bytes };
        let (plan, needs) = plan(bound.less(*taken));
        *taken = taken.and(needs);
        (plan, needs)
    }

    /// Gives back what was taken and not used, or is not parked any more.
    pub fn free(&self, amount: Amount) {
        if !amount.is_zero() {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            *taken = taken.less(amount);
            drop(taken);
            self.freed.send_modify(|times| *times += 1);
        }
    }

    pub fn watch(&self) -> watch::Receiver<u64> {
        self.freed.subscribe()
    }
}

/// What is to be seen of a trigger.
struct Seen {
    state: State,
    trouble: Option<String>,
    recursion_depth: Option<u8>,
    lanes: BTreeMap<LaneId, SeenLane>,
    asks: BTreeMap<LaneId, mpsc::Sender<Ask>>,
}

/// What is to be seen of a lane.
#[derive(Clone)]
pub struct SeenLane {
    pub position: Seq,
    /// The log was read up to here.
    pub read: Seq,
    /// Commit time of the oldest record at hand.
    pub oldest_ms: Option<u64>,
    pub attempts: u32,
    pub failures: u32,
    pub phase: LanePhase,
    pub counts: Counts,
    pub last_error: Option<String>,
    pub gave_up: Option<GaveUp>,
}

impl SeenLane {
    pub fn of(state: &lane::State, phase: LanePhase) -> SeenLane {
        SeenLane {
            position: state.next,
            read: state.next,
            oldest_ms: None,
            attempts: state.attempts,
            failures: state.failures,
            phase,
            counts: state.counts,
            last_error: state.last_error.clone(),
            gave_up: state.gave_up.clone(),
        }
    }

    fn status(&self, (shard, lane): LaneId, head: Seq, now_ms: u64) -> LaneStatus {
        let from = if self.oldest_ms.is_some() { self.position } else { self.read };
        LaneStatus {
            shard,
            lane,
            position: self.position,
            lag: head.next().0.saturating_sub(from.0),
            age_ms: self.oldest_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest)),
            attempts: self.attempts,
            phase: self.phase.clone(),
            counts: self.counts,
            last_error: self.last_error.clone(),
            gave_up: self.gave_up.clone(),
        }
    }
}

impl Trigger {
    pub fn new(world: World, follower: FollowerId, state: State) -> Trigger {
        let (lanes, asks) = (BTreeMap::new(), BTreeMap::new());
        let seen = Seen { state, trouble: None, recursion_depth: None, lanes, asks };
        Trigger { world, follower, room: Room::new(), seen: Mutex::new(seen) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_state(&self, state: State) {
        self.seen().state = state;
    }

    /// Its lanes come and go together.
    pub fn set_lanes(&self, lanes: BTreeMap<LaneId, SeenLane>, asks: BTreeMap<LaneId, mpsc::Sender<Ask>>) {
        let mut seen = self.seen();
        (seen.lanes, seen.asks) = (lanes, asks);
    }

    pub fn set_trouble(&self, trouble: Option<String>) {
        self.seen().trouble = trouble;
    }

    pub fn set_lane(&self, id: LaneId, lane: SeenLane) {
        self.seen().lanes.insert(id, lane);
    }

    /// The way to the lane that owns a parked key.
    pub fn asks(&self, id: LaneId) -> Option<mpsc::Sender<Ask>> {
        self.seen().asks.get(&id).cloned()
    }

    /// Notes that a function gets records that came through so many functions; true when that is news, and a loop: a
    /// chain of different functions is no longer than there are functions beside this one.
    pub fn is_new_recursion(&self, depth: u8) -> bool {
        if self.seen().recursion_depth.is_some_and(|known| known >= depth) {
            return false;
        }
        let db = &self.world.db;
        let fed = db.resources(crate::KIND);
        let fed: BTreeSet<String> = fed
            .iter()
            .filter_map(|resource| Mapping::from_item(&resource.body))
            .map(|mapping| mapping.function)
            .collect();
        let functions = db.resources(FUNCTIONS).len().max(fed.len());
        if usize::from(depth) < functions {
            return false;
        }
        self.seen().recursion_depth.replace(depth).is_none()
    }

    /// The figures at this moment.
    pub fn status(&self, resource: &Resource, mapping: Mapping) -> TriggerStatus {
        let (head, now_ms) = (self.world.db.head(), self.world.db.now_ms());
        let seen = self.seen();
        let lanes: Vec<LaneStatus> = seen.lanes.iter().map(|(id, lane)| lane.status(*id, head, now_ms)).collect();
        let mut counts = Counts::default();
        lanes.iter().for_each(|lane| counts += lane.counts);
        let failing = seen.lanes.values().any(|lane| lane.failures > 0);
        let last_result = match counts.calls {
            _ if failing => status::CALL_FAILED,
            0 => status::NOTHING_YET,
            _ => status::OK,
        };
        let stopped = |lane: &LaneStatus| match &lane.phase {
            LanePhase::Stopped { reason } => Some(reason.clone()),
            _ => None,
        };
        TriggerStatus {
            state: seen.state,
            created_ms: resource.created_ms,
            changed_ms: resource.changed_ms,
            last_result: last_result.to_owned(),
            trouble: seen.trouble.clone().or_else(|| lanes.iter().find_map(stopped).filter(|_| mapping.enabled)),
            recursion_depth: seen.recursion_depth,
            counts,
            iterator_age_ms: lanes.iter().map(|lane| lane.age_ms).max().unwrap_or_default(),
            lanes,
            mapping: Arc::new(mapping),
        }
    }
}
