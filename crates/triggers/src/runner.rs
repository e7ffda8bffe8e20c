//! One trigger, running: its lanes as tasks, and the committer behind them.

use crate::{
    LaneStatus, Mapping,
    commit::{Commits, Halted, LaneCommits, LaneId, StateRows},
    driver::{Ask, Driver, Shared, lane_row},
    filter::Filters,
    handler::Handler,
    lane::{Lane, Parked, Rules, State},
    limits::STOP_GRACE_MS,
    parked,
    read::Reader,
    record::KeyId,
    wake::Synced,
};
use db::{Db, FollowerId, StateEntry, Stream};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use wire::Place;

/// Rows of state that are read at once.
const PAGE: usize = 1000;
/// Requests about parked keys that a lane has not taken up.
const ASKS_MAX: usize = 64;

/// What all triggers share.
pub struct House {
    pub db: Db,
    pub place: Place,
    pub handler: Arc<dyn Handler>,
    pub synced: Arc<Synced>,
}

pub struct Running {
    pub mapping: Arc<Mapping>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    asks: Mutex<HashMap<LaneId, mpsc::Sender<Ask>>>,
    trouble: Arc<Mutex<Option<String>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    /// Starts the lanes of a trigger, on the runtime that this is called in.
    pub fn start(house: &House, follower: FollowerId, mapping: Arc<Mapping>) -> Arc<Running> {
        let (stop, stopped) = watch::channel(false);
        // Patterns were checked when the mapping was put.
        let filters = Filters::parse(&mapping.settings.filters).unwrap_or_default();
        let shared = Arc::new(Shared {
            db: house.db.clone(),
            place: house.place.clone(),
            handler: house.handler.clone(),
            synced: house.synced.clone(),
            mapping: mapping.clone(),
            filters: Arc::new(filters),
            stop: stopped,
            shown: Mutex::default(),
            held: Mutex::default(),
            recursion: Mutex::default(),
        });
        let running = Arc::new(Running {
            mapping,
            shared,
            stop,
            asks: Mutex::default(),
            trouble: Arc::default(),
            task: Mutex::default(),
        });
        let own = Arc::downgrade(&running);
        let (shared, trouble) = (running.shared.clone(), running.trouble.clone());
        let task = tokio::spawn(async move {
            let lanes = |lanes| own.upgrade().map(|running| *lock(&running.asks) = lanes);
            if let Err(Halted(why)) = run(shared.clone(), follower, lanes).await
                && !*shared.stop.borrow()
            {
                tracing::error!("the trigger of {} stopped: {why}", shared.mapping.function);
                *lock(&trouble) = Some(why);
            }
        });
        *lock(&running.task) = Some(task);
        running
    }

    /// Lets calls under way end for a while, then gives them up.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let Some(mut task) = lock(&self.task).take() else { return };
        if tokio::time::timeout(Duration::from_millis(STOP_GRACE_MS), &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Asks the lane that has the key parked.
    pub async fn ask(&self, shard: u16, ask: Ask) -> bool {
        let lane = ask.0.lane(self.mapping.settings.parallelization);
        let sender = lock(&self.asks).get(&(shard, lane)).cloned();
        match sender {
            Some(sender) => sender.send(ask).await.is_ok(),
            None => false,
        }
    }

    pub fn lanes(&self) -> Vec<LaneStatus> {
        lock(&self.shared.shown).values().cloned().collect()
    }

    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    pub fn recursion_depth(&self) -> Option<u8> {
        *lock(&self.shared.recursion)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(
    shared: Arc<Shared>,
    follower: FollowerId,
    lanes: impl FnOnce(HashMap<LaneId, mpsc::Sender<Ask>>) -> Option<()>,
) -> Result<(), Halted> {
    let halted = |error: db::Error| Halted(error.to_string());
    let gone = || Halted("its stream does not exist any more".to_owned());
    let stream = shared.mapping.source.stream(&shared.db).ok_or_else(gone)?;
    let parked = parked_keys(&shared.db, follower).map_err(halted)?;
    let (states, rows) = states(&shared, follower, &stream).map_err(halted)?;
    let commits = Arc::new(Commits::new(shared.db.clone(), follower));
    commits.begin(rows).await?;
    let mut tasks = JoinSet::new();
    let mut asks = HashMap::new();
    for (id, state) in states {
        let (sender, receiver) = mpsc::channel(ASKS_MAX);
        asks.insert(id, sender);
        let lane = Lane::new(Rules::from(&shared.mapping.settings), state, of_lane(&parked, &shared.mapping, id));
        let reader = Reader {
            db: shared.db.clone(),
            place: shared.place.clone(),
            source: shared.mapping.source.clone(),
            stream: stream.clone(),
            shard: id.0,
            lane: id.1,
            lanes: shared.mapping.settings.parallelization,
        };
        let commits = LaneCommits::new(commits.clone(), id);
        tasks.spawn(Driver::new(shared.clone(), reader, lane, commits, receiver).run());
    }
    let _ = lanes(asks);
    let committing = tokio::spawn(async move { commits.run().await });
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        // A lane that panicked takes the others along: its part would stand still unseen.
        let ended = ended.unwrap_or_else(|_| Err(Halted("a lane ended unexpectedly".to_owned())));
        if ended.is_err() {
            outcome = ended;
            break;
        }
    }
    committing.abort();
    outcome
}

type ParkedKeys = Vec<(KeyId, u16, Parked)>;

/// All parked keys of a trigger; the quarantine's bound is theirs.
fn parked_keys(db: &Db, follower: FollowerId) -> Result<ParkedKeys, db::Error> {
    let rows = rows(db, follower, parked::KEYS)?;
    let key = |(row, bytes): (Vec<u8>, Vec<u8>)| {
        let id = std::str::from_utf8(row.get(parked::KEYS.len()..)?).ok()?;
        let (shard, parked) = parked::decode_key(&bytes)?;
        Some((parked::key_of(id)?, shard, parked))
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

fn of_lane(keys: &ParkedKeys, mapping: &Mapping, (shard, lane): LaneId) -> BTreeMap<KeyId, Parked> {
    let lanes = mapping.settings.parallelization;
    let own = keys.iter().filter(|(key, at, _)| (*at, key.lane(lanes)) == (shard, lane));
    own.map(|(key, _, parked)| (*key, parked.clone())).collect()
}

/// All rows whose keys begin like this.
fn rows(db: &Db, follower: FollowerId, prefix: &str) -> Result<Vec<StateEntry>, db::Error> {
    let mut all: Vec<StateEntry> = Vec::new();
    loop {
        let start = all.last().map_or_else(|| prefix.as_bytes().to_vec(), |(last, _)| [last, &[0][..]].concat());
        let page = db.follower_states(follower, &start, PAGE)?;
        let full = page.len() == PAGE;
        let before = all.len();
        all.extend(page.into_iter().take_while(|(row, _)| row.starts_with(prefix.as_bytes())));
        if !full || all.len() - before < PAGE {
            return Ok(all);
        }
    }
}

/// Where each lane goes on, and the rows to be changed first. With another number of lanes than before, all lanes of a
/// shard start at the lowest position of those there were: what the others had done comes again, nothing is skipped.
fn states(
    shared: &Shared,
    follower: FollowerId,
    stream: &Stream,
) -> Result<(Vec<(LaneId, State)>, StateRows), db::Error> {
    let kept = rows(&shared.db, follower, "lane/")?;
    let lanes = shared.mapping.settings.parallelization;
    let (mut all, mut changed): (Vec<(LaneId, State)>, StateRows) = (Vec::new(), Vec::new());
    for shard in 0..stream.shards {
        let prefix = format!("lane/{shard:05}/").into_bytes();
        let own: Vec<&StateEntry> = kept.iter().filter(|(row, _)| row.starts_with(&prefix)).collect();
        let states: Vec<State> = own.iter().filter_map(|(_, bytes)| State::decode(bytes)).collect();
        if states.len() == usize::from(lanes) {
            all.extend((0..lanes).zip(states).map(|(lane, state)| ((shard, lane), state)));
            continue;
        }
        let next = states.iter().map(|state| state.next).min().unwrap_or(shared.mapping.from);
        changed.extend(own.iter().map(|(row, _)| (row.clone(), None)));
        for lane in 0..lanes {
            let mut state = State::at(next);
            if lane == 0 {
                states.iter().for_each(|before| state.counts += before.counts);
                state.counts.parked_now = 0;
            }
            changed.push((lane_row((shard, lane)), Some(state.encode())));
            all.push(((shard, lane), state));
        }
    }
    Ok((all, changed))
}
