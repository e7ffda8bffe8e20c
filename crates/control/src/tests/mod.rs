//! Control over a real database, with a clock in the test's hands and functions that follow a script. A life ends like a
//! crash: whatever is under way is dropped where it is.

mod clock;
mod definitions;
mod events;
mod functions;
mod notifications;
mod parameters;
mod wanted;

use crate::{
    Answer, CallSettings, Code, Control, Delays, Function, FunctionDefinition, Invocation, InvokeError, Outcome,
    Runner, Settings,
};
use bytes::Bytes;
use db::{Db, Env, Options, env::Clock};
use s3::Buckets;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use wire::Place;

/// 2026-01-01T00:00:00Z.
pub const START: u64 = 1_767_225_600_000;
pub const MINUTE: u64 = 60_000;

/// A clock that stands still unless it is moved.
pub struct Hands(AtomicU64);

impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a scripted function answers.
#[derive(Clone, Debug)]
pub enum Scripted {
    Succeeds,
    Fails,
    Busy,
    /// Never answers.
    Hangs,
}

/// Functions that follow a script, and what they were told.
#[derive(Default)]
pub struct Script {
    pub running: Mutex<BTreeMap<String, Function>>,
    /// What happened, one line each.
    pub told: Mutex<Vec<String>>,
    heard: Notify,
    answers: Mutex<Vec<Scripted>>,
}

impl Script {
    /// The next calls are answered so, then all others succeed.
    pub fn answer(&self, answers: &[Scripted]) {
        *self.answers.lock().expect("no holder panics") = answers.iter().rev().cloned().collect();
    }

    fn tell(&self, line: String) {
        self.told.lock().expect("no holder panics").push(line);
        self.heard.notify_waiters();
    }

    /// What was told since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().expect("no holder panics"))
    }

    fn next(&self, name: &str) -> Option<Scripted> {
        let is_there = self.running.lock().expect("no holder panics").contains_key(name);
        is_there.then(|| self.answers.lock().expect("no holder panics").pop().unwrap_or(Scripted::Succeeds))
    }
}

impl Runner for Script {
    fn check_runtime(&self, runtime: &str) -> Result<(), String> {
        if runtime.starts_with("python3") || runtime.starts_with("nodejs") {
            return Ok(());
        }
        Err(format!("runtime {runtime} is not run here"))
    }

    fn put(&self, function: Function) {
        self.tell(format!("put {}", function.name));
        self.running.lock().expect("no holder panics").insert(function.name.clone(), function);
    }

    fn remove(&self, name: &str) {
        self.tell(format!("remove {name}"));
        self.running.lock().expect("no holder panics").remove(name);
    }

    fn restart(&self, name: &str) {
        self.tell(format!("restart {name}"));
    }

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_> {
        let answer = self.next(name);
        self.tell(format!("call {name} {}", String::from_utf8_lossy(&invocation.payload)));
        let outcome = |error: Option<&'static str>, payload: &'static str| Outcome {
            request_id: "request".to_owned(),
            payload: Bytes::from_static(payload.as_bytes()),
            error,
            duration: Duration::ZERO,
            init: None,
            memory_max_mb: None,
            log_tail: Vec::new(),
        };
        Box::pin(async move {
            match answer {
                None => Err(InvokeError::NotFound),
                Some(Scripted::Succeeds) => Ok(outcome(None, "null")),
                Some(Scripted::Fails) => Ok(outcome(Some("Unhandled"), r#"{"errorMessage":"no"}"#)),
                Some(Scripted::Busy) => Err(InvokeError::Throttled("busy".to_owned())),
                Some(Scripted::Hangs) => std::future::pending().await,
            }
        })
    }
}

/// What outlives a crash: the disk, the time, the script.
pub struct World {
    pub dir: tempfile::TempDir,
    pub hands: Arc<Hands>,
    pub script: Arc<Script>,
    pub calls: CallSettings,
}

/// One life of control.
pub struct Life {
    pub db: Db,
    pub buckets: Buckets,
    pub control: Control,
    pub script: Arc<Script>,
    pub hands: Arc<Hands>,
}

impl World {
    pub fn new() -> World {
        let calls = CallSettings {
            // The clock in the test's hands rings no bell.
            look_again: Duration::from_millis(2),
            delays: Delays::default(),
            ..CallSettings::default()
        };
        World {
            dir: tempfile::tempdir().expect("a directory"),
            hands: Arc::new(Hands(AtomicU64::new(START))),
            script: Arc::default(),
            calls,
        }
    }

    pub fn code(&self) -> PathBuf {
        self.dir.path().join("code")
    }

    /// Starts control, does `work`, and crashes.
    pub fn live<T, W: Future<Output = T>>(&self, work: impl FnOnce(Life) -> W) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let env = Env { clock: self.hands.clone(), ..Env::real() };
            let dir = self.dir.path().join("db");
            let options = Options { memory: 64 << 20, segment_bytes: 16 << 20, ..Options::new(dir) };
            let db = open(&options, &env);
            let settings =
                Settings { code: self.code(), calls: self.calls.clone(), stop_patience: Duration::from_secs(5) };
            let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
            let buckets = Buckets::open(db.clone(), &env, self.dir.path(), "us-east-1").expect("they open");
            let control = Control::start(db.clone(), buckets.clone(), self.script.clone(), place, settings);
            let control = control.await.expect("it starts");
            work(Life { db, buckets, control, script: self.script.clone(), hands: self.hands.clone() }).await
        })
    }
}

/// Opens the database once the threads of a life before have let it go.
fn open(options: &Options, env: &Env) -> Db {
    for _ in 0..30_000 {
        match Db::open(options.clone(), env.clone()) {
            Err(db::OpenError::Locked(..)) => std::thread::park_timeout(Duration::from_millis(1)),
            opened => return opened.expect("it opens"),
        }
    }
    panic!("nobody lets the database go");
}

impl Life {
    pub fn advance(&self, ms: u64) {
        self.hands.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn set_back(&self, ms: u64) {
        self.hands.0.fetch_sub(ms, Ordering::Relaxed);
    }

    /// Creates a function whose code is a folder.
    pub async fn function(&self, name: &str) {
        self.define(FunctionDefinition::new(name, "python3.12", "app.handler", Code::Folder(PathBuf::new()))).await;
    }

    pub async fn define(&self, definition: FunctionDefinition) {
        let folder = crate::Package::Folder(std::env::temp_dir());
        self.control.create_function(definition, folder).await.expect("created");
        self.script.take();
    }

    /// Waits until something holds, at most ten seconds.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&Life) -> bool) {
        for _ in 0..5000 {
            if holds(self) {
                return;
            }
            let (db, head) = (self.db.clone(), self.db.head());
            let wait = move || db.wait_past(head, Duration::from_millis(2));
            let _ = tokio::task::spawn_blocking(wait).await.expect("waiting does not panic");
        }
        panic!("it never happens that {what}; told: {:?}", self.script.told.lock().expect("no holder panics"));
    }

    /// Waits for so many lines, and takes them.
    pub async fn told(&self, count: usize) -> Vec<String> {
        let lines = |life: &Life| life.script.told.lock().expect("no holder panics").len();
        self.until(&format!("{count} lines are told"), |life| lines(life) >= count).await;
        self.script.take()
    }

    /// Waits long enough for whatever might be due to happen, and answers what was told.
    pub async fn quiet(&self) -> Vec<String> {
        for _ in 0..20 {
            let (db, head) = (self.db.clone(), self.db.head());
            let wait = move || db.wait_past(head, Duration::from_millis(2));
            let _ = tokio::task::spawn_blocking(wait).await.expect("waiting does not panic");
        }
        self.script.take()
    }
}

/// An event that says this.
pub fn event(text: &str) -> Invocation {
    Invocation { payload: Bytes::from(format!("{text:?}")), client_context: None, depth: 0, request_id: None }
}
