//! What the binary tells the console: dashboards, who may look, and figures of rooms that the console must not know.

use crate::executions::{ExecutionRow, ExportsRow};
use crate::objects::{BucketRow, BucketTraffic, ObjectPage};
use crate::running::{Action, Answer, Cause, FunctionRow, LogPage, QuarantinePage, Refused, ScheduleRow, TriggerRow};
use bytes::Bytes;
use item::Seq;
use std::pin::Pin;

/// What comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// `(function, after, bytes)`.
pub type ReadLog = Box<dyn Fn(&str, Option<u64>, usize) -> LogPage + Send + Sync>;
/// `(function, after)`.
pub type AwaitLog = Box<dyn Fn(&str, u64) -> Later<()> + Send + Sync>;
/// `(trigger, after)`.
pub type ReadQuarantine = Box<dyn Fn(&str, Option<&str>) -> Result<QuarantinePage, Refused> + Send + Sync>;
/// `(table, most)`, newest first; no table: of all.
pub type ReadExecutions = Box<dyn Fn(Option<&str>, usize) -> Result<Vec<ExecutionRow>, Refused> + Send + Sync>;
/// `(table, version)`.
pub type ReadExecution = Box<dyn Fn(&str, &str) -> Result<ExecutionRow, Refused> + Send + Sync>;
/// `(bucket, prefix, after)`.
pub type ReadObjects = Box<dyn Fn(&str, &str, Option<&str>) -> Result<ObjectPage, Refused> + Send + Sync>;
pub type Act = Box<dyn Fn(Action) -> Later<Result<String, Refused>> + Send + Sync>;
/// `(function, payload)`.
pub type Invoke = Box<dyn Fn(String, Bytes) -> Later<Result<Answer, Refused>> + Send + Sync>;

/// How a console is set up. Start from `Config::default()` and set what differs.
pub struct Config {
    pub dashboards: Vec<Dashboard>,
    /// Host names, without port, under which pages are answered; `*` allows any. Default: the loopback names.
    pub allowed_hosts: Vec<String>,
    /// Shown on the pages.
    pub version: String,
    /// The state of every view, called for each frame: must answer at once.
    pub views: Box<dyn Fn() -> Vec<ViewRow> + Send + Sync>,
    /// Counts of answered requests by operation, called for each frame: must answer at once.
    pub requests: Box<dyn Fn() -> Vec<RequestRow> + Send + Sync>,
    /// A stream's ARN as the API shows it; empty hides it.
    pub stream_arn: Box<dyn Fn(&db::Stream) -> String + Send + Sync>,
    /// Every function, called for each frame and every few seconds: must answer at once. So must the next two.
    pub functions: Box<dyn Fn() -> Vec<FunctionRow> + Send + Sync>,
    pub triggers: Box<dyn Fn() -> Vec<TriggerRow> + Send + Sync>,
    pub schedules: Box<dyn Fn() -> Vec<ScheduleRow> + Send + Sync>,
    /// Lines of a function's log after a position, about so many bytes; without a position the newest ones. May read
    /// the disk.
    pub logs: ReadLog,
    /// Ready once a function's log has lines after a position.
    pub logs_past: AwaitLog,
    /// Parked keys of a trigger, of a uuid, after the one that the page before named. May read the disk.
    pub quarantine: ReadQuarantine,
    /// Bindings, tables and counts of exports, called for each frame and every few seconds: must answer at once.
    pub exports: Box<dyn Fn() -> ExportsRow + Send + Sync>,
    /// Executions of exports. May read the disk, as may the next one.
    pub executions: ReadExecutions,
    pub execution: ReadExecution,
    /// Every bucket, by name, called for each frame: must answer at once. So must the next one.
    pub buckets: Box<dyn Fn() -> Vec<BucketRow> + Send + Sync>,
    pub bucket_traffic: Box<dyn Fn() -> BucketTraffic + Send + Sync>,
    /// Objects of a bucket. May read the disk.
    pub objects: ReadObjects,
    /// What people may do; `None`: they may only look.
    pub hands: Option<Hands>,
}

/// What the pages' buttons do. Who may open a page may press them: leave them out where strangers may look.
pub struct Hands {
    /// Does it, and says what was done in a sentence.
    pub act: Act,
    /// Invokes a function with a payload of JSON and waits for its answer.
    pub invoke: Invoke,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            dashboards: Vec::new(),
            allowed_hosts: ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec(),
            version: String::new(),
            views: Box::new(Vec::new),
            requests: Box::new(Vec::new),
            stream_arn: Box::new(|_| String::new()),
            functions: Box::new(Vec::new),
            triggers: Box::new(Vec::new),
            schedules: Box::new(Vec::new),
            logs: Box::new(|_, _, _| LogPage::default()),
            logs_past: Box::new(|_, _| Box::pin(std::future::pending())),
            quarantine: Box::new(|_, _| Ok(QuarantinePage::default())),
            exports: Box::new(ExportsRow::default),
            executions: Box::new(|_, _| Ok(Vec::new())),
            execution: Box::new(|table, version| {
                let why = format!("there is no execution of {table} {version}");
                Err(Refused { cause: Cause::Missing, why })
            }),
            buckets: Box::new(Vec::new),
            bucket_traffic: Box::new(BucketTraffic::default),
            objects: Box::new(|_, _, _| Ok(ObjectPage::default())),
            hands: None,
        }
    }
}

/// A page that shows one subject, to be watched from afar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Its name in the address.
    pub name: String,
    pub title: String,
    pub recent: Option<Recent>,
    pub charts: Vec<Chart>,
    pub rate: Option<Rate>,
}

/// The newest items of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    pub table: String,
    /// Attributes to show; empty: the key.
    pub columns: Vec<String>,
    /// How many, 1 to 100.
    pub limit: usize,
}

/// One bar per value of `group`, as long as the sum of `value` over its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    pub title: String,
    pub table: String,
    pub group: String,
    pub value: String,
}

/// How fast a table changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    pub table: String,
}

/// The state of one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// Its output table.
    pub table: String,
    /// The table it reads.
    pub source: String,
    pub sql: String,
    pub phase: Phase,
    /// Everything up to here is folded in.
    pub cursor: Option<Seq>,
    /// Positions of the log not folded in yet; 0: caught up.
    pub lag: u64,
    /// How long ago it last was caught up, milliseconds; 0 when it is.
    pub lag_ms: u64,
    pub groups: u64,
    /// Records that did not fit, by reason.
    pub skipped: Vec<Skipped>,
    /// Some of them, newest first.
    pub samples: Vec<SkipSample>,
    /// Changes folded since the program started.
    pub folded: u64,
}

/// What a view is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading what was there before it existed; items read and items there are.
    Backfill { done: u64, total: u64 },
    /// Folding changes as they come.
    Live,
    /// Given up, with the reason.
    Stopped(String),
}

/// How many records a view skipped for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub reason: String,
    pub count: u64,
}

/// A record that a view skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipSample {
    /// The item's key, readable.
    pub key: String,
    pub reason: String,
    pub seq: Option<Seq>,
}

/// Answered requests of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    pub operation: String,
    pub count: u64,
    /// Those of them that were answered with an error.
    pub errors: u64,
}
