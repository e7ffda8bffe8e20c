//! Follows one bucket: each event that a target wants becomes a call that waits in the queue of the target's function.
//! How far it has come is committed after the calls were accepted, so that a crash repeats some and forgets none. Where a
//! queue is full it waits, and reads no further.

use super::{Counts, event::Happened};
use crate::{
    Invocation, NOTIFICATION, blocking,
    calls::{Calls, Context, Owner, Waiting},
    notification::Notification,
};
use bytes::Bytes;
use db::{FollowerCommit, FollowerId, StreamRead};
use item::{Change, Seq};
use s3::Bucket;
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinSet};
use triggers::Synced;
use wire::{Place, names};

/// Changes that are looked at together, and about their bytes.
const CHANGES_MAX: usize = 64;
const BYTES_MAX: usize = 1 << 20;
/// Calls that are handed over at once.
const CALLS_AT_ONCE: usize = 64;
/// A queue that is full, or a database that takes nothing, is asked again after this.
const AGAIN: Duration = Duration::from_millis(500);
/// A position that moved past nothing that anybody wanted is committed this often, so that a start need not read the log
/// from far behind.
const LAZY_MS: u64 = 60_000;

pub(super) struct Follower {
    pub context: Arc<Context>,
    pub calls: Arc<Calls>,
    pub synced: Arc<Synced>,
    pub place: Place,
    pub id: FollowerId,
    pub bucket: String,
    /// Its definition is gone.
    pub gone: Notify,
    pub seen: Mutex<Seen>,
}

/// What others may look at.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// First position that was not looked at.
    pub next: Seq,
    pub counts: Counts,
    /// Functions feed themselves, and that was said.
    pub recursion: bool,
    /// Why it does not go on, if so.
    pub trouble: Option<String>,
}

/// How far it has come.
struct Position {
    next: Seq,
    committed: Option<Seq>,
    committed_ms: u64,
}

/// A call to be accepted.
struct Call {
    function: String,
    payload: Bytes,
    depth: u8,
}

/// What became of one.
enum Handed {
    Accepted,
    /// Its function is gone.
    Dropped,
    /// There is no room now, and why.
    Later(Call, String),
}

/// Why it ends.
struct Ended;

impl Follower {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder panics")
    }

    /// Follows until everything stops, or there is nothing to follow any more.
    pub async fn run(self: Arc<Follower>) {
        let committed = self.context.db.follower_cursor(self.id);
        let next = committed.map_or(Seq::ZERO, Seq::next);
        let mut at = Position { next, committed, committed_ms: self.context.db.now_ms() };
        let mut stopping = self.context.stopping.clone();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = self.gone.notified() => return,
                () = self.synced.reaches(at.next) => {}
            }
            if self.step(&mut at).await.is_err() {
                return;
            }
            self.seen().next = at.next;
        }
    }

    /// The definition, as it is now.
    fn notification(&self) -> Option<Notification> {
        let resource = self.context.db.resource(NOTIFICATION, &self.bucket).filter(|found| found.id == self.id)?;
        let read = Notification::from_item(&self.bucket, &resource.body);
        read.inspect_err(|error| tracing::error!("events of bucket {} go nowhere: {error}", self.bucket)).ok()
    }

    /// Looks at what is on disk by now.
    async fn step(self: &Arc<Follower>, at: &mut Position) -> Result<(), Ended> {
        let notification = self.notification().ok_or(Ended)?;
        at.next = at.next.max(notification.from);
        let upto = self.context.db.synced();
        let changed = self.context.db.stats(notification.table).changed;
        // Asked afterwards: a table that is there now had its totals then.
        let exists = self.context.db.table_by_id(notification.table).is_some();
        if exists && changed < at.next {
            at.next = at.next.max(upto.next());
            return Ok(());
        }
        let page = self.page(&notification, at, upto).await?;
        let calls = self.calls_of(&notification, &page);
        let wanted = !calls.is_empty();
        self.hand_over(calls).await?;
        let due = self.context.db.now_ms().saturating_sub(at.committed_ms) >= LAZY_MS;
        if wanted || due {
            self.commit(at).await?;
        }
        if !exists && at.next > upto {
            return self.forget().await;
        }
        Ok(())
    }

    /// The next changes; the position moves past them.
    async fn page(&self, notification: &Notification, at: &mut Position, upto: Seq) -> Result<Vec<Change>, Ended> {
        let (db, table, from) = (self.context.db.clone(), notification.table, at.next);
        let read = StreamRead { table, shard: None, from, records_max: CHANGES_MAX, bytes_max: BYTES_MAX };
        match blocking(move || db.changes(&read)).await {
            Ok(mut page) => {
                page.changes.retain(|change| change.seq <= upto);
                at.next = page.next.min(upto.next());
                Ok(page.changes)
            }
            Err(db::Error::Trimmed(oldest)) => {
                let bucket = &self.bucket;
                tracing::error!("events of bucket {bucket} from {from} to {oldest} are lost: the log was trimmed");
                self.seen().counts.lost += oldest.0.saturating_sub(from.0);
                at.next = oldest;
                Ok(Vec::new())
            }
            Err(error) => self.wait_out(&error).await.map(|()| Vec::new()),
        }
    }

    fn calls_of(&self, notification: &Notification, changes: &[Change]) -> Vec<Call> {
        // Of a bucket that is gone, the region is not known any more.
        let region = Bucket::find(&self.context.db, &self.bucket).map(|bucket| bucket.region);
        let region = region.unwrap_or_else(|| self.place.region.clone());
        let mut calls = Vec::new();
        for change in changes {
            let Some(happened) = Happened::of(change) else { continue };
            let depth = triggers::depth(change.origin);
            let targets = notification.definition.targets.iter();
            for target in targets.filter(|target| target.wants(happened.event, &happened.object.key)) {
                if self.ends_with(depth, &happened.object.key, &target.function) {
                    continue;
                }
                calls.push(Call {
                    function: target.function.clone(),
                    payload: happened.document((&self.bucket, &region), &self.place, &target.id),
                    depth,
                });
            }
        }
        calls
    }

    /// Says once that functions feed themselves; answers whether an event is of a letter that tells of that, which ends it.
    fn ends_with(&self, depth: u8, key: &str, function: &str) -> bool {
        // A chain that is longer than there are functions is a ring.
        let is_ring = depth > 0 && usize::from(depth) > self.context.db.resources(crate::FUNCTION).len();
        let bucket = &self.bucket;
        let mut seen = self.seen();
        if is_ring && !std::mem::replace(&mut seen.recursion, true) {
            let most = triggers::DEPTH_MAX;
            tracing::warn!(
                "function {function} gets events of bucket {bucket} that its own calls have made, {key} among them: it \
                 feeds itself, and is stopped after {most} rounds"
            );
        }
        let ends = depth == triggers::DEPTH_LAST;
        if ends {
            tracing::warn!("{bucket}/{key} tells of a function that feeds itself: {function} is not called with it");
            seen.counts.dropped += 1;
        }
        ends
    }

    /// Hands calls over until all of them are accepted.
    async fn hand_over(self: &Arc<Follower>, mut calls: Vec<Call>) -> Result<(), Ended> {
        while !calls.is_empty() {
            let rest = calls.split_off(calls.len().min(CALLS_AT_ONCE));
            let mut under_way = JoinSet::new();
            for call in calls {
                under_way.spawn(self.clone().accept(call));
            }
            let handed = under_way.join_all().await;
            calls = self.count(handed);
            let must_wait = !calls.is_empty();
            calls.extend(rest);
            if must_wait {
                self.pause().await?;
            }
        }
        self.seen().trouble = None;
        Ok(())
    }

    /// Counts what became of calls; answers those that found no room.
    fn count(&self, handed: Vec<Handed>) -> Vec<Call> {
        let mut seen = self.seen();
        let mut later = Vec::new();
        for handed in handed {
            match handed {
                Handed::Accepted => seen.counts.told += 1,
                Handed::Dropped => seen.counts.dropped += 1,
                Handed::Later(call, why) => {
                    seen.trouble = Some(why);
                    later.push(call);
                }
            }
        }
        later
    }

    async fn accept(self: Arc<Follower>, call: Call) -> Handed {
        let db = &self.context.db;
        let Some(function) = db.resource(crate::FUNCTION, &call.function) else { return self.drop_call(&call) };
        let Call { function: name, payload, depth } = &call;
        let invocation = Invocation { payload: payload.clone(), client_context: None, depth: *depth, request_id: None };
        let waiting = Waiting::new(names::random_uuid(db), name, invocation, db.now_ms());
        let owner = Owner::Function(name.clone());
        match self.calls.accept(function.id, owner, waiting, Vec::new()).await {
            Ok(()) => Handed::Accepted,
            Err(crate::Error::NotFound { .. }) => self.drop_call(&call),
            Err(error) => Handed::Later(call, error.to_string()),
        }
    }

    fn drop_call(&self, call: &Call) -> Handed {
        tracing::warn!("an event of bucket {} is dropped: there is no function {}", self.bucket, call.function);
        Handed::Dropped
    }

    async fn commit(&self, at: &mut Position) -> Result<(), Ended> {
        let upto = Seq(at.next.0.saturating_sub(1));
        let commit = FollowerCommit {
            follower: self.id,
            expected: at.committed,
            upto,
            rows: Vec::new(),
            records: Vec::new(),
            state: Vec::new(),
        };
        loop {
            match self.context.db.follower_commit(commit.clone()).await {
                Ok(_) => {
                    (at.committed, at.committed_ms) = (Some(upto), self.context.db.now_ms());
                    return Ok(());
                }
                Err(error) => self.wait_out(&error).await?,
            }
        }
    }

    /// The bucket is gone, and all of its events are told.
    async fn forget(&self) -> Result<(), Ended> {
        match self.context.db.delete_resource(NOTIFICATION, &self.bucket).await {
            Ok(_) | Err(db::Error::ResourceNotFound { .. }) => Err(Ended),
            Err(error) => self.wait_out(&error).await,
        }
    }

    /// After what may pass it waits; after all else it ends.
    async fn wait_out(&self, error: &db::Error) -> Result<(), Ended> {
        match error {
            db::Error::Busy | db::Error::NoSpace(_) => {
                self.seen().trouble = Some(error.to_string());
                self.pause().await
            }
            // The definition was deleted meanwhile, or everything closes.
            db::Error::FollowerNotFound(_) | db::Error::Closed => Err(Ended),
            error => {
                tracing::error!("events of bucket {} go nowhere until a restart: {error}", self.bucket);
                self.seen().trouble = Some(error.to_string());
                Err(Ended)
            }
        }
    }

    async fn pause(&self) -> Result<(), Ended> {
        let mut stopping = self.context.stopping.clone();
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => Err(Ended),
            () = self.gone.notified() => Err(Ended),
            () = tokio::time::sleep(AGAIN) => Ok(()),
        }
    }
}
