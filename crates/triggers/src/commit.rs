//! One committer for each trigger: what its lanes have come to, in as few entries of the log as go.
//!
//! A lane hands in its row, and goes on; a newer row takes the place of one that is not committed yet. What an outcome
//! leaves behind, letters and parked records, is committed in the same entry as the row that says it is done with, and
//! of those a lane has one under way at most.

use crate::{
    limits,
    post::{Parcel, Post, PostError},
};
use db::{Db, FollowerCommit, FollowerId};
use item::Seq;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Shard and number within it.
pub type LaneId = (u16, u16);

/// Entries of the follower's state: key and value, `None` removes.
pub type StateRows = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What an outcome leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub letters: Vec<Arc<Parcel>>,
    pub rows: StateRows,
}

/// Why nothing more is committed: the trigger stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halted(pub String);

/// What lanes hand their rows to.
pub struct Commits {
    db: Db,
    post: Post,
    follower: FollowerId,
    /// Of the last commit, by whomever.
    cursor: Mutex<Option<Seq>>,
    waiting: Mutex<BTreeMap<LaneId, Waiting>>,
    arrived: Notify,
    halted: watch::Sender<Option<Halted>>,
}

/// A lane's newest row that is not committed.
#[derive(Clone)]
struct Waiting {
    row: (Vec<u8>, Vec<u8>),
    side: Option<Arc<Side>>,
    version: u64,
    /// The side came with this version.
    side_version: u64,
    done: watch::Sender<u64>,
}

/// A lane's end.
pub struct LaneCommits {
    commits: Arc<Commits>,
    lane: LaneId,
    version: u64,
    side_version: u64,
    done: watch::Sender<u64>,
}

impl Side {
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.rows.is_empty()
    }

    fn bytes(&self) -> usize {
        let rows = self.rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
        rows.sum::<usize>() + self.letters.iter().map(|letter| letter.bytes()).sum::<usize>()
    }
}

impl LaneCommits {
    pub fn new(commits: Arc<Commits>, lane: LaneId) -> LaneCommits {
        LaneCommits { commits, lane, version: 0, side_version: 0, done: watch::Sender::new(0) }
    }

    /// Hands in the lane's row, and what its outcome leaves behind. Waits while an earlier outcome that left something
    /// behind is not committed.
    pub async fn hand_in(&mut self, row: (Vec<u8>, Vec<u8>), side: Side) -> Result<(), Halted> {
        let has_side = !side.is_empty();
        if has_side {
            self.wait_for(self.side_version).await?;
        }
        self.version += 1;
        if has_side {
            self.side_version = self.version;
        }
        let mut waiting = self.commits.waiting();
        let kept = waiting.remove(&self.lane).and_then(|before| before.side);
        let side = if has_side { Some(Arc::new(side)) } else { kept };
        let (version, side_version, done) = (self.version, self.side_version, self.done.clone());
        waiting.insert(self.lane, Waiting { row, side, version, side_version, done });
        drop(waiting);
        self.commits.arrived.notify_one();
        Ok(())
    }

    /// Waits until everything that was handed in is committed.
    pub async fn settled(&self) -> Result<(), Halted> {
        self.wait_for(self.version).await
    }

    async fn wait_for(&self, version: u64) -> Result<(), Halted> {
        let (mut done, mut halted) = (self.done.subscribe(), self.commits.halted.subscribe());
        tokio::select! {
            biased;
            _ = done.wait_for(|done| *done >= version) => Ok(()),
            why = halted.wait_for(Option::is_some) => Err(why.ok().and_then(|why| why.clone()).unwrap_or(closed())),
        }
    }
}

fn closed() -> Halted {
    Halted(db::Error::Closed.to_string())
}

impl Commits {
    pub fn new(db: Db, post: Post, follower: FollowerId) -> Commits {
        let cursor = Mutex::new(db.follower_cursor(follower));
        let (waiting, halted) = (Mutex::default(), watch::Sender::new(None));
        Commits { db, post, follower, cursor, waiting, arrived: Notify::new(), halted }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<LaneId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits rows of the trigger before its lanes start. Whoever ran it before cannot commit any more. Answers false
    /// when somebody committed since this was made: what was read of the trigger is old.
    pub async fn begin(&self, rows: StateRows) -> Result<bool, Halted> {
        match self.commit(rows, Vec::new()).await {
            Ok(()) => Ok(true),
            Err(PostError::Db(db::Error::CursorMoved { .. })) => Ok(false),
            Err(error) => Err(Halted(error.to_string())),
        }
    }

    /// Commits what comes, until nothing can be committed any more; answers why.
    pub async fn run(&self) -> Halted {
        loop {
            let batch = self.batch();
            if batch.is_empty() {
                self.arrived.notified().await;
                continue;
            }
            if let Err(halted) = self.commit_batch(&batch).await {
                self.halted.send_replace(Some(halted.clone()));
                return halted;
            }
            self.committed(&batch);
        }
    }

    /// Lanes' rows, as many as go together.
    fn batch(&self) -> Vec<(LaneId, Waiting)> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        for (lane, waiting) in self.waiting().iter() {
            bytes += waiting.side.as_ref().map_or(0, |side| side.bytes());
            if bytes > limits::COMMIT_BYTES && !batch.is_empty() {
                break;
            }
            batch.push((*lane, waiting.clone()));
        }
        batch
    }

    /// Takes off what is committed, and tells the lanes.
    fn committed(&self, batch: &[(LaneId, Waiting)]) {
        let mut waiting = self.waiting();
        for (lane, committed) in batch {
            let newest = waiting.get_mut(lane);
            if newest.as_ref().is_some_and(|newest| newest.version == committed.version) {
                waiting.remove(lane);
            } else if let Some(newest) = newest.filter(|newest| newest.side_version <= committed.version) {
                newest.side = None;
            }
            committed.done.send_replace(committed.version);
        }
    }

    async fn commit_batch(&self, batch: &[(LaneId, Waiting)]) -> Result<(), Halted> {
        loop {
            let mut rows: StateRows = Vec::new();
            let mut letters = Vec::new();
            for (_, waiting) in batch {
                rows.push((waiting.row.0.clone(), Some(waiting.row.1.clone())));
                if let Some(side) = &waiting.side {
                    rows.extend(side.rows.iter().cloned());
                    letters.extend(side.letters.iter().cloned());
                }
            }
            match self.commit(rows, letters).await {
                Ok(()) => return Ok(()),
                // It was deleted a moment ago: letters get a new one.
                Err(PostError::Db(db::Error::TableNotFound(_))) => {}
                Err(PostError::Db(db::Error::NoSpace(_) | db::Error::Busy)) => {
                    tokio::time::sleep(Duration::from_millis(limits::COMMIT_AGAIN_MS)).await;
                }
                Err(error) => return Err(Halted(error.to_string())),
            }
        }
    }

    async fn commit(&self, state: StateRows, letters: Vec<Arc<Parcel>>) -> Result<(), PostError> {
        // The cursor says when a trigger committed last, and so fends off anybody who has not seen that commit: it moves
        // with every commit, for the one before is an entry of the log as well. Where the trigger is, its lanes say.
        let (expected, upto) = (*self.cursor(), self.db.head());
        let (rows, records) = (Vec::new(), Vec::new());
        let commit = FollowerCommit { follower: self.follower, expected, upto, rows, records, state };
        self.post.commit(commit, letters).await?;
        *self.cursor() = Some(upto);
        Ok(())
    }

    fn cursor(&self) -> MutexGuard<'_, Option<Seq>> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
