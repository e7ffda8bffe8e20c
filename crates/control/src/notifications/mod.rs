//! Events of buckets call functions: for each bucket with targets a follower of its objects, which hands S3's events to
//! the queues where events wait for their function, as durable as any.

mod event;
mod follow;

use crate::{
    NOTIFICATION,
    calls::{Calls, Context},
};
use db::{FollowerId, Resource};
use follow::{Follower, Seen};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{sync::Notify, task::JoinHandle};
use triggers::Synced;
use wire::Place;

/// What became of a bucket's events since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were handed to a function's queue.
    pub told: u64,
    /// Calls whose function is gone, or that would be made with what tells of a function that feeds itself.
    pub dropped: u64,
    /// Positions of the log that were trimmed before they were read.
    pub lost: u64,
}

/// Followers and the tasks that run them, by their resources.
type Running = BTreeMap<FollowerId, (Arc<Follower>, JoinHandle<()>)>;

pub(crate) struct Notifications {
    context: Arc<Context>,
    calls: Arc<Calls>,
    synced: Arc<Synced>,
    place: Place,
    running: Mutex<Running>,
}

impl Notifications {
    /// Follows every bucket that has targets. Call it inside a runtime.
    pub fn start(context: Arc<Context>, calls: Arc<Calls>, place: Place) -> Notifications {
        let synced = Arc::new(Synced::start(context.db.clone()));
        let notifications = Notifications { context, calls, synced, place, running: Mutex::default() };
        for resource in notifications.context.db.resources(NOTIFICATION) {
            notifications.put(&resource);
        }
        notifications
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no holder panics")
    }

    /// Follows the bucket of a definition; one that is followed goes on with what the definition says now.
    pub fn put(&self, resource: &Resource) {
        let mut running = self.running();
        if running.get(&resource.id).is_some_and(|(_, task)| !task.is_finished()) {
            return;
        }
        let follower = Arc::new(Follower {
            context: self.context.clone(),
            calls: self.calls.clone(),
            synced: self.synced.clone(),
            place: self.place.clone(),
            id: resource.id,
            bucket: resource.name.clone(),
            gone: Notify::new(),
            seen: Mutex::default(),
        });
        let task = tokio::spawn(follower.clone().run());
        running.insert(resource.id, (follower, task));
    }

    /// A definition was deleted.
    pub fn remove(&self, id: FollowerId) {
        if let Some((follower, _)) = self.running().remove(&id) {
            follower.gone.notify_one();
        }
    }

    /// What a follower has come to: its counts, the first position that it has not looked at, its trouble.
    pub fn standing(&self, id: FollowerId) -> (Counts, item::Seq, Option<String>) {
        let found = self.running().get(&id).map(|(follower, _)| follower.clone());
        let Seen { next, counts, trouble, .. } =
            found.map(|follower| follower.seen.lock().expect("no holder panics").clone()).unwrap_or_default();
        (counts, next, trouble)
    }

    /// Waits for what is being handed over; all followers have been told to stop.
    pub async fn stop(&self) {
        let running = std::mem::take(&mut *self.running());
        for (_, (_, task)) in running {
            // One that panicked has been reported by the panic hook.
            let _ = task.await;
        }
    }
}
