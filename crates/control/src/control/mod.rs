//! What is defined, kept as resources, and applied: whoever changes a definition goes through here.

mod functions;
mod notifications;
mod parameters;
mod schedules;
mod wanted;

use crate::{
    Error, Runner, blocking,
    calls::{CallSettings, Calls, Context},
    clock::Clock,
    code::{CodeStore, UNPACKED_BYTES_MAX},
    feed::Feed,
    notifications::Notifications,
};
use db::{Db, Expected, Resource, ResourcePut};
use functions::apply_all;
use s3::Buckets;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
};
use triggers::{Post, Triggers};
use wire::Place;

pub use functions::EVENT_BYTES_MAX;
pub use notifications::NotificationStatus;
pub use parameters::ParameterPage;
pub use schedules::ScheduleStatus;
pub use wanted::{Planned, Refused, Step, Wanted, WantedSource, WantedTrigger};

/// How control runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packages are kept: `DATA/functions/code`.
    pub code: PathBuf,
    pub calls: CallSettings,
    /// How long a stop waits for calls under way; those that take longer are made again after the next start.
    pub stop_patience: Duration,
}

impl Settings {
    /// The usual settings for a data directory.
    #[must_use]
    pub fn new(data: &Path) -> Settings {
        Settings {
            code: data.join("functions").join("code"),
            calls: CallSettings::default(),
            stop_patience: Duration::from_secs(5),
        }
    }
}

/// A definition and its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined<D> {
    pub definition: D,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    pub changed_ms: u64,
    /// 1 when created, one more with every change.
    pub revision: u64,
}

/// Functions, schedules, parameters, and whom buckets' events call. Clones share it.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    db: Db,
    runner: Arc<dyn Runner>,
    place: Place,
    code: CodeStore,
    calls: Arc<Calls>,
    clock: Arc<Clock>,
    post: Post,
    triggers: Triggers,
    notifications: Notifications,
    /// Held while a definition changes: what runs is then changed in the same order.
    changing: Arc<tokio::sync::Mutex<()>>,
    stopping: watch::Sender<bool>,
    stop_patience: Duration,
    ticking: Mutex<Option<JoinHandle<()>>>,
}

impl Control {
    /// Applies everything stored, takes up the calls that wait, and starts the clock. Call it inside a runtime.
    ///
    /// # Errors
    /// When the code store or stored state cannot be read.
    pub async fn start(
        db: Db,
        buckets: Buckets,
        runner: Arc<dyn Runner>,
        place: Place,
        settings: Settings,
    ) -> Result<Control, Error> {
        let dir = settings.code;
        let code = blocking(move || CodeStore::open(dir, UNPACKED_BYTES_MAX)).await?;
        let (stopping, stop) = watch::channel(false);
        let post = Post::new(db.clone(), buckets);
        let context = Arc::new(Context {
            db: db.clone(),
            place: place.clone(),
            post: post.clone(),
            runner: runner.clone(),
            settings: settings.calls,
            stopping: stop,
            ended: Notify::new(),
        });
        let changing = Arc::new(tokio::sync::Mutex::default());
        let calls = Arc::new(Calls::new(context.clone()));
        let clock = Arc::new(Clock::new(context.clone(), calls.clone(), place.clone(), changing.clone())?);
        // Functions first: what waits is called as soon as it is taken up.
        apply_all(&db, &*runner, &place, &code);
        let feed = Arc::new(Feed(runner.clone()));
        let triggers = Triggers::start(db.clone(), post.clone(), place.clone(), feed, Handle::current());
        let notifications = Notifications::start(context, calls.clone(), place.clone());
        let (stop_patience, ticking) = (settings.stop_patience, Mutex::default());
        let control = Control(Arc::new(Inner {
            db,
            runner,
            place,
            code,
            calls,
            clock,
            post,
            triggers,
            notifications,
            changing,
            stopping,
            stop_patience,
            ticking,
        }));
        control.0.remove_unused_code().await?;
        control.0.calls.take_up().await?;
        *control.0.ticking() = Some(tokio::spawn(control.0.clock.clone().run()));
        Ok(control)
    }

    /// What feeds functions from tables.
    #[must_use]
    pub fn triggers(&self) -> &Triggers {
        &self.0.triggers
    }

    /// Makes no more calls, and waits for those under way. What waits is kept for the next start.
    pub async fn stop(&self) {
        self.0.stopping.send_replace(true);
        self.0.triggers.stop().await;
        self.0.notifications.stop().await;
        let ticking = self.0.ticking().take();
        if let Some(ticking) = ticking {
            // A clock that panicked has been reported by the panic hook.
            let _ = ticking.await;
        }
        self.0.calls.stop(self.0.stop_patience).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever forgot to stop it: the tasks end by themselves.
        self.stopping.send_replace(true);
    }
}

impl Inner {
    fn ticking(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.ticking.lock().expect("no holder panics")
    }

    async fn put(
        &self,
        kind: &'static str,
        name: &str,
        body: item::Item,
        expected: Expected,
    ) -> Result<Arc<Resource>, Error> {
        let put = ResourcePut::new(kind, name, body, expected);
        self.db.put_resource(put).await.map_err(|error| Error::of(kind, error))
    }

    async fn delete(&self, kind: &'static str, name: &str) -> Result<Arc<Resource>, Error> {
        self.db.delete_resource(kind, name).await.map_err(|error| Error::of(kind, error))
    }

    /// Whether a destination that was not there before is one that exists.
    fn check_destination(&self, before: Option<&str>, after: Option<&str>) -> Result<(), Error> {
        let new = after.filter(|after| before != Some(after));
        new.map_or(Ok(()), |new| self.post.check(new)).map_err(|why| Error::invalid("deadLetterConfig", why))
    }

    fn resource(&self, kind: &'static str, name: &str) -> Result<Arc<Resource>, Error> {
        self.db.resource(kind, name).ok_or_else(|| Error::not_found(kind, name))
    }
}

/// Carries a change out to its end, even when nobody waits for it any more: a client that hangs up must not leave what
/// is stored and what runs apart.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Closed),
        },
    }
}

/// A definition as it was read, with its resource's history.
fn defined<D>(
    kind: &'static str,
    resource: &Resource,
    definition: Result<D, crate::Malformed>,
) -> Result<Defined<D>, Error> {
    let malformed = |malformed| Error::Malformed { kind, name: resource.name.clone(), malformed };
    Ok(Defined {
        definition: definition.map_err(malformed)?,
        created_ms: resource.created_ms,
        changed_ms: resource.changed_ms,
        revision: resource.revision,
    })
}
