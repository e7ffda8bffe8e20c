//! A trigger at work: a task that starts its lanes, follows its definition, and stops them.

mod load;
mod shared;
mod task;

pub use shared::{Ask, Trigger, World};

use crate::{
    LanePhase, Mapping, State,
    commit::{Commits, Halted, LaneCommits, LaneId},
    lane::{Lane, Rules},
    read::Reader,
};
use shared::{Live, SeenLane};
use std::{collections::BTreeMap, sync::Arc};
use task::{At, Task};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

/// Requests about parked keys that wait for one lane.
const ASKS_MAX: usize = 16;

/// How often a start is repeated because somebody committed for the trigger meanwhile.
const BEGINNINGS_MAX: usize = 10;

/// What a trigger is to be.
#[derive(Clone)]
pub struct Order {
    pub mapping: Arc<Mapping>,
    pub stop: bool,
}

/// Runs a trigger as it is ordered, until it is to stop.
pub async fn run(trigger: Arc<Trigger>, mut orders: watch::Receiver<Order>) {
    loop {
        let order = orders.borrow_and_update().clone();
        if order.stop {
            return;
        }
        let trouble = if order.mapping.enabled {
            match Session::start(&trigger, &order.mapping).await {
                Ok(session) => {
                    trigger.set_trouble(None);
                    trigger.set_state(State::Enabled);
                    match session.follow(&trigger, &mut orders, &order).await {
                        None => continue,
                        trouble => trouble,
                    }
                }
                Err(Halted(reason)) => Some(reason),
            }
        } else {
            None
        };
        rest(&trigger, &order.mapping, trouble).await;
        if orders.changed().await.is_err() {
            return;
        }
    }
}

/// Shows a trigger that does nothing: it is disabled, or cannot run.
async fn rest(trigger: &Arc<Trigger>, mapping: &Mapping, trouble: Option<String>) {
    if let Some(reason) = &trouble {
        tracing::error!("trigger {} of {} cannot run: {reason}", mapping.uuid, mapping.function);
    }
    let (db, follower) = (trigger.world.db.clone(), trigger.follower);
    let stored = tokio::task::spawn_blocking(move || load::stored(&db, follower)).await;
    let reason = trouble.clone().unwrap_or_else(|| "the trigger is disabled".to_owned());
    let seen = |state: &crate::lane::State| SeenLane::of(state, LanePhase::Stopped { reason: reason.clone() });
    let stored = stored.ok().and_then(Result::ok).unwrap_or_default();
    trigger.set_lanes(stored.iter().map(|(id, state)| (*id, seen(state))).collect(), BTreeMap::new());
    trigger.set_trouble(trouble);
    trigger.set_state(if mapping.enabled { State::Enabled } else { State::Disabled });
}

/// Reads a trigger's lanes, and takes it over from whoever ran it: whoever begins last goes on.
async fn begin(
    trigger: &Arc<Trigger>,
    mapping: &Arc<Mapping>,
    shards: u16,
) -> Result<(Arc<Commits>, load::Lanes), Halted> {
    for _ in 0..BEGINNINGS_MAX {
        let (db, follower, definition) = (trigger.world.db.clone(), trigger.follower, Arc::clone(mapping));
        // Before its state is read: what another one commits meanwhile is noticed.
        let commits = Arc::new(Commits::new(db.clone(), trigger.world.post.clone(), follower));
        let loaded = tokio::task::spawn_blocking(move || load::lanes(&db, follower, &definition, shards));
        let mut loaded =
            loaded.await.map_err(|error| Halted(error.to_string()))?.map_err(|error| Halted(error.to_string()))?;
        if commits.begin(std::mem::take(&mut loaded.rows)).await? {
            return Ok((commits, loaded));
        }
    }
    Err(Halted("somebody else runs this trigger".to_owned()))
}

/// The lanes of a trigger between a start and a stop.
struct Session {
    lanes: JoinSet<Result<(), Halted>>,
    /// The committer; it outlives the lanes.
    commits: JoinSet<Halted>,
    live: watch::Sender<Arc<Live>>,
    stop: watch::Sender<bool>,
}

impl Session {
    async fn start(trigger: &Arc<Trigger>, mapping: &Arc<Mapping>) -> Result<Session, Halted> {
        let arn = mapping.source.arn(&trigger.world.place);
        let stream = mapping
            .source
            .stream(&trigger.world.db, &trigger.world.place)
            .ok_or_else(|| Halted(format!("stream {arn} does not exist any more")))?;
        let (commits, loaded) = begin(trigger, mapping, stream.shards()).await?;
        trigger.room.reset(loaded.parked);
        let (live, stop) = (watch::Sender::new(Arc::new(Live::new(Arc::clone(mapping)))), watch::Sender::new(false));
        let mut session = Session { lanes: JoinSet::new(), commits: JoinSet::new(), live, stop };
        let mut asks = BTreeMap::new();
        let mut tasks = Vec::new();
        for (id, lane) in loaded.lanes {
            let (sender, receiver) = mpsc::channel(ASKS_MAX);
            asks.insert(id, sender);
            let reader = Reader {
                db: trigger.world.db.clone(),
                place: trigger.world.place.clone(),
                source: mapping.source.clone(),
                stream: stream.clone(),
                shard: id.0,
                lane: id.1,
                lanes: mapping.settings.lanes(),
            };
            tasks.push(session.task(trigger, id, reader, receiver, LaneCommits::new(Arc::clone(&commits), id), lane));
        }
        let seen = |task: &Task| (task.id, SeenLane::of(&task.lane.state, LanePhase::Idle));
        trigger.set_lanes(tasks.iter().map(seen).collect(), asks);
        tasks.into_iter().for_each(|task| drop(session.lanes.spawn(task.run())));
        session.commits.spawn(async move { commits.run().await });
        Ok(session)
    }

    fn task(
        &self,
        trigger: &Arc<Trigger>,
        id: LaneId,
        reader: Reader,
        asks: mpsc::Receiver<Ask>,
        commits: LaneCommits,
        loaded: load::Loaded,
    ) -> Task {
        let live = self.live.subscribe();
        let rules = Rules::from(&live.borrow().mapping.settings);
        let at = At::start(loaded.state.next, trigger.world.db.now_ms());
        let lane = Lane::new(rules, loaded.state, loaded.parked);
        Task { trigger: Arc::clone(trigger), id, reader, live, stop: self.stop.subscribe(), asks, commits, lane, at }
    }

    /// Lets lanes follow their definition, until it needs other lanes, or none, or one cannot go on: answers why.
    async fn follow(
        mut self,
        trigger: &Arc<Trigger>,
        orders: &mut watch::Receiver<Order>,
        first: &Order,
    ) -> Option<String> {
        let trouble = loop {
            tokio::select! {
                changed = orders.changed() => {
                    let order = orders.borrow().clone();
                    if changed.is_err() || needs_restart(&first.mapping, &order) {
                        break None;
                    }
                    orders.borrow_and_update();
                    self.live.send_replace(Arc::new(Live::new(order.mapping)));
                    trigger.set_state(State::Enabled);
                }
                // A lane with nothing to commit does not notice.
                Some(Ok(Halted(reason))) = self.commits.join_next() => break Some(reason),
                Some(ended) = self.lanes.join_next() => {
                    if let Some(reason) = why(ended) {
                        break Some(reason);
                    }
                }
            }
        };
        self.stop.send_replace(true);
        while self.lanes.join_next().await.is_some() {}
        trouble
    }
}

/// Whether other lanes are needed than those that run.
fn needs_restart(running: &Mapping, order: &Order) -> bool {
    let (before, after) = (&running.settings, &order.mapping.settings);
    order.stop || !order.mapping.enabled || before.lanes() != after.lanes()
}

/// Why a lane ended although nobody told it to.
fn why(ended: Result<Result<(), Halted>, tokio::task::JoinError>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(Halted(reason))) => Some(reason),
        Err(error) if error.is_panic() => Some("a lane ended unexpectedly".to_owned()),
        Err(_) => None,
    }
}
