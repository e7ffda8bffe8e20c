//! Removes blobs that nothing refers to any more: a follower of the tables of all buckets.
//!
//! Its output is the disk, so it acts on what is durable only, and commits how far it came after the removals are durable:
//! a crash repeats some of them, and forgets none. Where the log was trimmed before it came by, every blob is looked at.

use crate::{
    Buckets,
    blobs::BlobId,
    buckets::{Bucket, Inner, Waiting},
    error::{Error, io},
    object,
};
use db::{FollowerCommit, FollowerId, StreamRead};
use item::{Change, Seq};
use std::{collections::HashMap, sync::MutexGuard, thread::JoinHandle, time::Duration};

/// Changes that are looked at together.
const CHANGES_MAX: usize = 1000;
const BYTES_MAX: usize = 4 << 20;
/// How often it is looked whether there is something, where nobody said so.
const ROUND_EVERY: Duration = Duration::from_secs(60);
/// How long it rests after something failed.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// A position that moved although nothing was removed is committed this often, so that the log is not trimmed before a
/// start reads on from it.
const COMMIT_EVERY_MS: u64 = 60 * 60 * 1000;
/// How long to wait at a time for what is not on disk yet.
const SYNC_WAIT: Duration = Duration::from_millis(50);

/// How far it has come.
#[derive(Default)]
pub(crate) struct Sweeper {
    buckets: HashMap<FollowerId, Position>,
}

#[derive(Clone, Copy)]
struct Position {
    /// First position that was not looked at.
    next: Seq,
    committed: Option<Seq>,
    committed_ms: u64,
}

/// The thread that sweeps. Dropped, it ends.
pub struct Sweeping {
    buckets: Buckets,
    thread: Option<JoinHandle<()>>,
}

impl Buckets {
    /// Starts the thread that removes blobs which nothing refers to.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start(&self) -> std::io::Result<Sweeping> {
        let buckets = self.clone();
        let thread = std::thread::Builder::new().name("objects".to_owned()).spawn(move || buckets.0.sweep_often())?;
        Ok(Sweeping { buckets: self.clone(), thread: Some(thread) })
    }

    /// Why the thread could not remove what nothing refers to when it last tried, if so. It goes on trying.
    #[must_use]
    pub fn sweep_trouble(&self) -> Option<String> {
        self.0.chores.trouble.lock().expect("no holder panics").clone()
    }

    /// Removes what nothing refers to by now, on the caller's thread.
    ///
    /// # Errors
    /// When the disk or the database fails.
    pub fn sweep(&self) -> Result<(), Error> {
        self.0.sweep()
    }
}

impl Drop for Sweeping {
    fn drop(&mut self) {
        let chores = &self.buckets.0.chores;
        chores.waiting.lock().expect("no holder panics").stop = true;
        chores.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so; what it left is removed by the next one.
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn sweep_often(&self) {
        // The first round is about what an earlier process left.
        let mut pause = Duration::ZERO;
        while self.wait(pause) {
            let wanted = std::mem::take(&mut self.chores.waiting.lock().expect("no holder panics").usage);
            let counted = if wanted { self.count_usage() } else { Ok(()) };
            let trouble = self.sweep().and(counted).err().map(|error| error.to_string());
            // What fails now is tried again: the position was not committed.
            pause = if trouble.is_some() { RETRY_EVERY } else { ROUND_EVERY };
            *self.chores.trouble.lock().expect("no holder panics") = trouble;
        }
    }

    /// Waits for something to do, so long at most; `false` when it is time to end.
    fn wait(&self, pause: Duration) -> bool {
        let changed = &self.chores.changed;
        let waiting = self.chores.waiting.lock().expect("no holder panics");
        let idle = |waiting: &mut Waiting| {
            !waiting.stop && !waiting.usage && waiting.released <= waiting.swept && waiting.moves.is_empty()
        };
        if pause == RETRY_EVERY {
            return self.wait_on(waiting, pause);
        }
        let (waiting, _) = changed.wait_timeout_while(waiting, pause, idle).expect("no holder panics");
        // It is not on disk yet: that takes a moment.
        let newest = waiting.moves.iter().map(|(seq, _)| *seq).max().unwrap_or_default().max(waiting.released);
        if self.db.synced() < newest {
            return self.wait_on(waiting, SYNC_WAIT);
        }
        self.goes_on(&waiting)
    }

    /// Waits, whatever there is to do.
    fn wait_on(&self, waiting: MutexGuard<'_, Waiting>, pause: Duration) -> bool {
        let until_stop = |waiting: &mut Waiting| !waiting.stop;
        let waited = self.chores.changed.wait_timeout_while(waiting, pause, until_stop);
        let (waiting, _) = waited.expect("no holder panics");
        self.goes_on(&waiting)
    }

    fn goes_on(&self, waiting: &Waiting) -> bool {
        !waiting.stop && !self.db.is_closed()
    }

    /// Looks at everything that is on disk by now.
    pub fn sweep(&self) -> Result<(), Error> {
        let mut sweeper = self.sweeper.lock().expect("no holder panics");
        let upto = self.db.synced();
        self.move_settled(upto);
        let buckets = self.buckets();
        sweeper.buckets.retain(|id, _| buckets.iter().any(|bucket| bucket.resource.id == *id));
        let mut trimmed = Vec::new();
        for bucket in &buckets {
            match self.sweep_bucket(&mut sweeper, bucket, upto) {
                Err(Error::Db(db::Error::Trimmed(_))) => trimmed.push(bucket),
                // It was deleted meanwhile.
                Err(Error::Db(db::Error::FollowerNotFound(_))) => {}
                swept => swept?,
            }
        }
        if !trimmed.is_empty() {
            self.sweep_all()?;
        }
        for bucket in trimmed {
            let position = sweeper.buckets.get_mut(&bucket.resource.id).expect("it was looked at");
            position.next = upto.next();
            self.commit_position(bucket, position)?;
        }
        let mut waiting = self.chores.waiting.lock().expect("no holder panics");
        waiting.swept = waiting.swept.max(upto);
        Ok(())
    }

    /// Looks at everything that was done by now, which may have to come to the disk before.
    pub fn sweep_to_head(&self) -> Result<(), Error> {
        self.wait_for_sync(self.db.head())?;
        self.sweep()
    }

    fn sweep_bucket(&self, sweeper: &mut Sweeper, bucket: &Bucket, upto: Seq) -> Result<(), Error> {
        let follower = bucket.resource.id;
        let position = sweeper.buckets.entry(follower).or_insert_with(|| {
            let committed = self.db.follower_cursor(follower);
            let next = committed.map_or(bucket.objects.created, Seq::next);
            Position { next, committed, committed_ms: self.db.now_ms() }
        });
        while position.next <= upto {
            let (released, next) = self.released(bucket, position.next, upto)?;
            self.blobs.remove(&released).map_err(io("removing blobs in", self.blobs.root()))?;
            position.next = next;
            let due = self.db.now_ms().saturating_sub(position.committed_ms) >= COMMIT_EVERY_MS;
            if !released.is_empty() || due {
                self.commit_position(bucket, position)?;
            }
        }
        Ok(())
    }

    /// Blobs that lost their item from a position on, and the position up to which they are known.
    fn released(&self, bucket: &Bucket, from: Seq, upto: Seq) -> Result<(Vec<BlobId>, Seq), Error> {
        let mut released = Vec::new();
        let mut next = upto.next();
        for table in [&bucket.objects, &bucket.uploads] {
            let read =
                StreamRead { table: table.id, shard: None, from, records_max: CHANGES_MAX, bytes_max: BYTES_MAX };
            let page = self.db.changes(&read)?;
            next = next.min(page.next);
            released.extend(page.changes.iter().filter_map(|change| Some((change.seq, lost(change)?))));
        }
        let released = released.into_iter().filter(|(seq, _)| *seq < next).map(|(_, id)| id);
        Ok((released.collect(), next))
    }

    fn commit_position(&self, bucket: &Bucket, position: &mut Position) -> Result<(), Error> {
        let upto = Seq(position.next.0 - 1);
        let commit = FollowerCommit {
            follower: bucket.resource.id,
            expected: position.committed,
            upto,
            rows: Vec::new(),
            records: Vec::new(),
            state: Vec::new(),
        };
        self.db.follower_commit(commit).wait()?;
        position.committed = Some(upto);
        position.committed_ms = self.db.now_ms();
        Ok(())
    }

    /// Looks at every blob: for when the log does not tell any more which ones lost their items.
    fn sweep_all(&self) -> Result<(), Error> {
        let root = self.blobs.root();
        for ids in self.blobs.all_kept() {
            let ids = ids.map_err(io("listing", root))?;
            let buckets = self.tables();
            let mut astray = Vec::new();
            for id in ids {
                if !self.is_referred_to(&buckets, &id)? {
                    astray.push(id);
                }
            }
            // A blob that has its place had an item, and will never have one again; that it lost it must be durable.
            if !astray.is_empty() {
                self.wait_for_sync(self.db.head())?;
                self.blobs.remove(&astray).map_err(io("removing blobs in", root))?;
            }
        }
        Ok(())
    }

    /// Moves blobs whose items are on disk by now.
    fn move_settled(&self, synced: Seq) {
        let mut waiting = self.chores.waiting.lock().expect("no holder panics");
        let (settled, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut waiting.moves).into_iter().partition(|(seq, _)| *seq <= synced);
        waiting.moves = rest;
        drop(waiting);
        for (_, id) in settled {
            // Readers look in both places, and a start tries again.
            let _ = self.blobs.keep(&id);
        }
    }

    /// Waits until the log is on disk up to a position; with the usual durability it always is.
    fn wait_for_sync(&self, upto: Seq) -> Result<(), Error> {
        while self.db.synced() < upto {
            if self.db.is_closed() {
                return Err(Error::Db(db::Error::Closed));
            }
            // The head may not move meanwhile: then this waits for the time given.
            let _ = self.db.wait_past(self.db.head(), SYNC_WAIT);
        }
        Ok(())
    }
}

/// The blob that a change leaves without an item.
fn lost(change: &Change) -> Option<BlobId> {
    let blob = |image: &Option<item::Item>| image.as_ref().and_then(object::blob);
    let old = blob(&change.old)?;
    (blob(&change.new).as_ref() != Some(&old)).then_some(old)
}
