//! The live feed: one producer for each page that somebody watches, frames shared by all who watch it.
//!
//! A frame is the whole state of a page, so that a slow watcher skips frames and nothing is queued: the only buffer
//! is the latest frame. A producer runs while it has watchers and sleeps until the log's head moves, or looks now and then
//! where its figures do not come from the log. A page of a function also follows the function's log, each watcher for
//! itself, over the same connection: browsers allow few.

use crate::{
    Dashboard, Inner, Rate, Recent, ViewRow, buckets, dashboard::DashboardSource, exports, functions, logs::Tail,
    overview::OverviewSource, pace::Pace, recent::Rows, respond::Body, schedules, triggers,
};
use bytes::Bytes;
use http_body::Frame as BodyFrame;
use http_body_util::BodyExt;
use item::Seq;
use serde_json::Value;
use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};

/// Watchers of all pages together.
pub const WATCHERS_MAX: usize = 256;
/// Sent where nothing else was for this long. An event rather than a comment: the page sees it, and knows that
/// silence means quiet and not a dead connection.
const BEAT_EVERY: Duration = Duration::from_secs(15);
const BEAT: &[u8] = b"event: beat\ndata:\n\n";
/// How soon a browser tries again.
const GREETING: &[u8] = b"retry: 1000\n\n";
/// Poison and stopped views make no entry in the log, so producers look at them now and then.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the one frame of an API request.
const ONE_FRAME_WAIT: Duration = Duration::from_secs(10);
/// A frame that brings no more entries of the log is small: a vote, and what two views make of it.
const SMALL_FRAME: u64 = 8;
/// Changes on the page of a table.
const TABLE_CHANGES: usize = 50;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FeedName {
    Overview,
    Dashboard(String),
    Table(String),
    Functions,
    Function(String),
    Trigger(String),
    Schedules,
    Buckets,
    Bucket(String),
    Exports,
    /// `TENANT/TABLE/VERSION`.
    Execution(String),
}

impl FeedName {
    /// What its page is about, where there are many of the kind.
    pub fn subject(&self) -> &str {
        match self {
            FeedName::Overview | FeedName::Functions | FeedName::Schedules | FeedName::Buckets | FeedName::Exports => {
                ""
            }
            FeedName::Dashboard(name)
            | FeedName::Table(name)
            | FeedName::Function(name)
            | FeedName::Trigger(name)
            | FeedName::Bucket(name)
            | FeedName::Execution(name) => name,
        }
    }

    /// Frames in the long run are this far apart.
    fn every(&self) -> Duration {
        Duration::from_millis(match self {
            FeedName::Dashboard(_) | FeedName::Table(_) => 200,
            _ => 500,
        })
    }

    /// `None`: there is no such dashboard.
    fn source(&self, inner: &Inner) -> Option<Source> {
        Some(match self {
            FeedName::Overview => Source::Overview(OverviewSource::default()),
            FeedName::Dashboard(name) => {
                Source::Dashboard(DashboardSource::new(inner.dashboard(name)?.clone(), Rows::Items))
            }
            FeedName::Table(name) => {
                let spec = Dashboard {
                    name: name.clone(),
                    title: name.clone(),
                    recent: Some(Recent { table: name.clone(), columns: Vec::new(), limit: TABLE_CHANGES }),
                    charts: Vec::new(),
                    rate: Some(Rate { table: name.clone() }),
                };
                Source::Dashboard(DashboardSource::new(spec, Rows::Changes))
            }
            FeedName::Functions
            | FeedName::Function(_)
            | FeedName::Trigger(_)
            | FeedName::Schedules
            | FeedName::Buckets
            | FeedName::Bucket(_)
            | FeedName::Exports
            | FeedName::Execution(_) => Source::Running(self.clone()),
        })
    }
}

/// Makes frames; synchronous, it reads the database.
enum Source {
    Overview(OverviewSource),
    Dashboard(DashboardSource),
    /// Rows as they are now; nothing is known between frames.
    Running(FeedName),
}

impl Source {
    fn build(&mut self, inner: &Inner) -> Built {
        match self {
            Source::Overview(source) => source.build(inner),
            Source::Dashboard(source) => source.build(inner),
            Source::Running(FeedName::Function(name)) => functions::one(inner, name),
            Source::Running(FeedName::Trigger(uuid)) => triggers::one(inner, uuid),
            Source::Running(FeedName::Schedules) => schedules::list(inner),
            Source::Running(FeedName::Buckets) => buckets::list(inner),
            Source::Running(FeedName::Bucket(name)) => buckets::one(inner, name),
            Source::Running(FeedName::Exports) => exports::list(inner),
            Source::Running(FeedName::Execution(name)) => exports::one(inner, name),
            Source::Running(_) => functions::list(inner),
        }
    }
}

/// A frame as its source made it.
pub struct Built {
    /// A JSON object; two equal ones are sent once.
    pub body: Value,
    /// The database's clock when it was made.
    pub now_ms: u64,
    /// It shows everything of the log up to here, with the vitals as they were before it was made. `None`: it shows
    /// nothing of the log.
    pub of_log: Option<(Seq, Vitals)>,
    /// Make another one after this long even when nothing happens.
    pub again: Option<Duration>,
}

/// What watchers see.
#[derive(Clone)]
enum Latest {
    /// The first frame is being made.
    Pending,
    Frame {
        json: Bytes,
        event: Bytes,
    },
    /// The producer failed; watchers come again.
    Ended,
}

/// One page's feed.
pub struct Feed {
    latest: watch::Sender<Latest>,
    running: Mutex<bool>,
}

/// All feeds that are watched.
#[derive(Default)]
pub struct Feeds {
    by_name: Mutex<HashMap<FeedName, Arc<Feed>>>,
    watchers: Arc<AtomicUsize>,
}

impl Feeds {
    pub fn get(&self, name: &FeedName) -> Arc<Feed> {
        let mut feeds = locked(&self.by_name);
        let new = || Arc::new(Feed { latest: watch::Sender::new(Latest::Pending), running: Mutex::new(false) });
        Arc::clone(feeds.entry(name.clone()).or_insert_with(new))
    }

    /// How many watch now.
    pub fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Option<Place> {
        let taken = self
            .watchers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < WATCHERS_MAX).then_some(count + 1));
        taken.ok().map(|_| Place(Arc::clone(&self.watchers)))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One watcher's place among [`WATCHERS_MAX`].
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that follows the feed, and a log. `None` when too many watch already.
pub fn subscribe(inner: &Arc<Inner>, name: FeedName, tail: Option<Tail>) -> Option<Body> {
    let place = inner.feeds.enter()?;
    let latest = receiver(inner, name);
    let watcher = Watcher { latest, tail, closing: inner.closing.subscribe(), greeted: false, _place: place };
    Some(Events { next: Box::pin(watcher.next()) }.boxed_unsync())
}

/// The JSON of one frame, from the producer that runs or from one that runs for this frame only.
pub async fn one_frame(inner: &Arc<Inner>, name: FeedName) -> Option<Bytes> {
    let mut latest = receiver(inner, name);
    let found = tokio::time::timeout(ONE_FRAME_WAIT, latest.wait_for(|latest| !matches!(latest, Latest::Pending)));
    match &*found.await.ok()?.ok()? {
        Latest::Frame { json, .. } => Some(json.clone()),
        Latest::Pending | Latest::Ended => None,
    }
}

/// Subscribes and sees to it that a producer runs.
fn receiver(inner: &Arc<Inner>, name: FeedName) -> watch::Receiver<Latest> {
    let feed = inner.feed(&name);
    let mut running = locked(&feed.running);
    let mut receiver = feed.latest.subscribe();
    receiver.mark_changed();
    if !*running {
        *running = true;
        // What the last producer said is old.
        feed.latest.send_replace(Latest::Pending);
        let (inner, own) = (Arc::clone(inner), Arc::clone(&feed));
        tokio::spawn(produce(Producing { inner, feed: own, name, done: false }));
    }
    drop(running);
    receiver
}

/// Whatever ends a producer, a panic included, the next watcher starts another one.
struct Producing {
    inner: Arc<Inner>,
    feed: Arc<Feed>,
    name: FeedName,
    /// It has given up its place; another producer may run already.
    done: bool,
}

impl Producing {
    /// True when nobody watches; then no watcher counts on this producer any more.
    fn finished(&mut self) -> bool {
        let mut running = locked(&self.feed.running);
        if self.feed.latest.receiver_count() == 0 {
            *running = false;
            self.done = true;
        }
        self.done
    }
}

impl Drop for Producing {
    fn drop(&mut self) {
        let mut feeds = locked(&self.inner.feeds.by_name);
        let mut running = locked(&self.feed.running);
        if !self.done {
            self.feed.latest.send_replace(Latest::Ended);
            *running = false;
        }
        // Forget names of tables that come and go; a feed somebody just took is started by him.
        if !*running && Arc::strong_count(&self.feed) <= 2 {
            feeds.remove(&self.name);
        }
    }
}

async fn produce(mut producing: Producing) {
    let (inner, feed) = (Arc::clone(&producing.inner), Arc::clone(&producing.feed));
    let Some(mut source) = producing.name.source(&inner) else { return };
    let latest = &feed.latest;
    let mut pace = Pace::new(producing.name.every());
    let mut sent: Option<String> = None;
    let mut shown = Seq::ZERO;
    while !producing.finished() && !*inner.closing.borrow() {
        pace.take().await;
        let own = Arc::clone(&inner);
        let built = tokio::task::spawn_blocking(move || {
            let built = source.build(&own);
            (built.body.to_string(), built, source)
        });
        // It panicked: the guard tells the watchers.
        let Ok((text, built, back)) = built.await else { return };
        source = back;
        if sent.as_ref() != Some(&text) {
            latest.send_replace(frame(&text, built.now_ms));
            sent = Some(text);
        }
        if let Some((seq, _)) = built.of_log {
            if seq.0.saturating_sub(shown.0) <= SMALL_FRAME {
                pace.was_small();
            }
            shown = seq;
        }
        wait_for_a_reason(&inner, latest, &built).await;
    }
}

/// Waits until another frame is worth making, or until nobody is left to see it.
async fn wait_for_a_reason(inner: &Inner, latest: &watch::Sender<Latest>, built: &Built) {
    let again = async {
        match built.again {
            Some(after) => sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let log = async {
        match &built.of_log {
            Some((seq, vitals)) => tokio::select! {
                () = inner.head.past(*seq) => {}
                () = other_vitals(inner, vitals) => {}
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = log => {}
        () = again => {}
        () = latest.closed() => {}
        () = closed(inner.closing.subscribe()) => {}
    }
}

/// What a page must show although the log stands still: a poisoned database, a view that has stopped.
#[derive(PartialEq, Eq)]
pub struct Vitals {
    poisoned: Option<String>,
    views: Vec<ViewRow>,
}

impl Vitals {
    pub fn of(inner: &Inner) -> Vitals {
        Vitals { poisoned: inner.db.status().poisoned, views: (inner.config.views)() }
    }
}

async fn other_vitals(inner: &Inner, known: &Vitals) {
    loop {
        sleep(LOOK_EVERY).await;
        if Vitals::of(inner) != *known {
            return;
        }
    }
}

/// Ready once the console is closed.
pub async fn closed(mut closing: watch::Receiver<bool>) {
    // An error means that the console is gone, which is as closed as can be.
    drop(closing.wait_for(|closing| *closing).await.map(drop));
}

/// Adds the time, which alone does not make a frame worth sending, and wraps it up as an event.
fn frame(text: &str, now_ms: u64) -> Latest {
    let rest = text.strip_prefix('{').expect("a frame is an object with fields");
    let json = format!("{{\"at\":{now_ms},{rest}");
    let event = Bytes::from(format!("data: {json}\n\n"));
    Latest::Frame { json: Bytes::from(json), event }
}

/// One connection that watches.
struct Watcher {
    latest: watch::Receiver<Latest>,
    tail: Option<Tail>,
    closing: watch::Receiver<bool>,
    greeted: bool,
    _place: Place,
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Watcher)>> + Send>>;

impl Watcher {
    /// The next bytes to send; `None` ends the body.
    async fn next(mut self) -> Option<(Bytes, Watcher)> {
        if !self.greeted {
            self.greeted = true;
            return Some((Bytes::from_static(GREETING), self));
        }
        loop {
            tokio::select! {
                biased;
                () = closed(self.closing.clone()) => return None,
                changed = self.latest.changed() => {
                    changed.ok()?;
                    let event = match &*self.latest.borrow_and_update() {
                        Latest::Frame { event, .. } => Some(event.clone()),
                        Latest::Pending => None,
                        Latest::Ended => return None,
                    };
                    if let Some(event) = event {
                        return Some((event, self));
                    }
                }
                lines = next_lines(&mut self.tail) => return Some((lines, self)),
                () = sleep(BEAT_EVERY) => return Some((Bytes::from_static(BEAT), self)),
            }
        }
    }
}

async fn next_lines(tail: &mut Option<Tail>) -> Bytes {
    match tail {
        Some(tail) => tail.next().await,
        None => std::future::pending().await,
    }
}

/// The body made of a watcher's bytes. It is asked for more only when the connection takes more.
struct Events {
    next: Next,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        self.next.as_mut().poll(ctx).map(|next| {
            let (bytes, watcher) = next?;
            self.next = Box::pin(watcher.next());
            Some(Ok(BodyFrame::data(bytes)))
        })
    }
}
