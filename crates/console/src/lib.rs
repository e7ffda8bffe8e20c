//! The console: pages that show what the database holds and does, and the live feed that moves them.
//!
//! It sees the database, which it only reads, through `db`'s public face and everything else through what the binary
//! hands it ([`Config`]), what its buttons do included; it must not know of AWS's protocols, of SQL, of how a view is
//! kept, how a function runs, or of the template.
//!
//! One producer per page that somebody watches builds complete small frames, woken by the log's head, and all
//! watchers share them; see [`mod@feed`] and [`mod@wake`]. Addresses for programs are listed in [`mod@api`].

mod alarms;
mod api;
mod buckets;
mod cell;
mod config;
mod dashboard;
mod executions;
mod exports;
mod feed;
mod functions;
mod guard;
mod history;
mod index;
mod logs;
mod metrics;
mod objects;
mod overview;
mod pace;
mod page;
mod rate;
mod recent;
mod respond;
mod running;
mod schedules;
mod sums;
mod table;
mod triggers;
mod wake;

pub use api::{REQUEST_BYTES_MAX, unread};
pub use config::{
    Act, AwaitLog, Chart, Config, Dashboard, Hands, Invoke, Later, Phase, Rate, ReadExecution, ReadExecutions, ReadLog,
    ReadObjects, ReadQuarantine, Recent, RequestRow, SkipSample, Skipped, ViewRow,
};
pub use executions::{
    BindingRow, Decision, DeltaRow, ExecutionRow, ExportCounts, ExportFileRow, ExportTableRow, ExportsRow, HoldRow,
    ImportedRow, OperationRow, ProgressRow, RunningRow, StepRow,
};
pub use objects::{BucketRow, BucketTraffic, ObjectEntry, ObjectPage, ObjectRow, TargetRow};
pub use respond::Body;
pub use running::{
    Action, Answer, Cause, Durations, EventCounts, FunctionRow, GaveUp, LanePhase, LaneRow, LastError, LastRun,
    LogLine, LogPage, Missed, ParkedKey, ParkedRecord, Processes, QuarantineBound, QuarantinePage, Refused, RunOutcome,
    ScheduleRow, TriggerCounts, TriggerRow, TriggerSettings, TriggerSource,
};

use bytes::Bytes;
use feed::{Built, Feed, FeedName, Feeds};
use http::{Method, Response, StatusCode, request::Parts};
use page::Shell;
use respond::plain;
use std::sync::{Arc, Mutex};
use tokio::{sync::watch, time::Instant};
use wake::Head;

/// First segments of the addresses that the console answers, the overview's, which is empty, aside.
pub const SEGMENTS: [&str; 12] = [
    "api",
    "assets",
    "buckets",
    "dashboards",
    "exports",
    "feed",
    "functions",
    "health",
    "metrics",
    "schedules",
    "tables",
    "triggers",
];

/// The console of one database. Clones share it.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

/// What requests and producers share.
pub(crate) struct Inner {
    pub db: db::Db,
    pub config: Config,
    pub head: Head,
    pub feeds: Feeds,
    pub pages: page::Pages,
    pub history: Mutex<history::History>,
    pub started: Instant,
    /// The same by the database's clock.
    pub started_ms: u64,
    /// Set once, when the console closes: every feed ends.
    pub closing: watch::Sender<bool>,
}

impl Console {
    /// A console for `db`. Starts one thread that sleeps until somebody watches, and a task that looks at functions and
    /// triggers every few seconds: call it inside a tokio runtime with timers.
    #[must_use]
    pub fn new(db: db::Db, config: Config) -> Console {
        let pages = page::Pages::new(&config.version);
        let inner = Arc::new(Inner {
            head: Head::start(db.clone()),
            started_ms: db.now_ms(),
            db,
            config,
            feeds: Feeds::default(),
            pages,
            history: Mutex::default(),
            started: Instant::now(),
            closing: watch::Sender::new(false),
        });
        tokio::spawn(history::keep(Arc::downgrade(&inner)));
        Console(inner)
    }

    /// How much of a request's body is to be read before [`Console::handle`] gets it; 0: none of it.
    #[must_use]
    pub fn body_bytes_max(&self, parts: &Parts) -> usize {
        if parts.method == Method::POST && self.posted(parts).is_ok() { REQUEST_BYTES_MAX } else { 0 }
    }

    /// Answers one request; never fails. `body` is complete, no longer than [`Console::body_bytes_max`].
    /// Feeds answer with a body that does not end.
    pub async fn handle(&self, parts: Parts, body: Bytes) -> Response<Body> {
        if parts.method == Method::POST {
            return match self.posted(&parts) {
                Ok(change) => api::post(&self.0, change, body).await,
                Err(refusal) => *refusal,
            };
        }
        let head_only = parts.method == Method::HEAD;
        let response = match guard::check(&parts, &self.0.config.allowed_hosts) {
            Err(why) => plain(StatusCode::FORBIDDEN, why),
            Ok(()) if parts.method != Method::GET && !head_only => respond::method_not_allowed("GET, HEAD"),
            Ok(()) => self.route(&parts).await,
        };
        if head_only { respond::without_body(response) } else { response }
    }

    /// Ends every feed, so that a server can finish its connections. Later feeds end at once.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// What a POST asks for, if it may.
    fn posted(&self, parts: &Parts) -> Result<api::Change, Box<Response<Body>>> {
        let refusal = |(status, why)| Box::new(respond::json(status, &serde_json::json!({ "error": why })));
        guard::check(parts, &self.0.config.allowed_hosts).map_err(|why| refusal((StatusCode::FORBIDDEN, why)))?;
        let segments = segments(parts);
        let change = match segments.iter().map(String::as_str).collect::<Vec<&str>>()[..] {
            ["api", ref rest @ ..] => api::Change::of(rest),
            _ => None,
        };
        let change = change.ok_or_else(|| Box::new(respond::method_not_allowed("GET, HEAD")))?;
        guard::check_post(parts).map_err(refusal)?;
        Ok(change)
    }

    async fn route(&self, parts: &Parts) -> Response<Body> {
        let segments = segments(parts);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments[..] {
            ["assets", file] => self.0.pages.asset(parts, file),
            ["api", ref rest @ ..] => api::get(&self.0, parts, rest).await,
            ["metrics"] => metrics::respond(&self.0),
            ["health"] => metrics::health(&self.0),
            ["feed"] => self.feed(parts, &[]),
            // Not below their lists: a function may be named feed.
            ["feed", list] => self.feed(parts, &[list]),
            [kind, name, "feed"] => self.feed(parts, &[kind, name]),
            ["exports", tenant, table, version, "feed"] => self.feed(parts, &["exports", tenant, table, version]),
            // The overview's address ends in a slash.
            [""] => self.page(parts, &[]),
            ref page => self.page(parts, page),
        }
    }

    /// The feed of the page at `path`.
    fn feed(&self, parts: &Parts, path: &[&str]) -> Response<Body> {
        match self.0.page(path) {
            Ok((_, _, feed)) => self.0.watch(parts, feed),
            Err(why) => self.0.pages.missing(&why),
        }
    }

    fn page(&self, parts: &Parts, path: &[&str]) -> Response<Body> {
        match self.0.page(path) {
            Ok((shell, title, feed)) => self.0.pages.shell(parts, shell, &title, feed.subject()),
            Err(why) => self.0.pages.missing(&why),
        }
    }
}

/// The address, taken apart and then decoded: names may hold slashes.
fn segments(parts: &Parts) -> Vec<String> {
    parts.uri.path().split('/').skip(1).map(guard::percent_decoded).collect()
}

impl Inner {
    pub fn dashboard(&self, name: &str) -> Option<&Dashboard> {
        self.config.dashboards.iter().find(|dashboard| dashboard.name == name)
    }

    /// Every function, by name.
    pub fn functions(&self) -> Vec<FunctionRow> {
        let mut rows = (self.config.functions)();
        rows.sort_by(|left, right| left.name.cmp(&right.name));
        rows
    }

    /// Every trigger, by function.
    pub fn triggers(&self) -> Vec<TriggerRow> {
        let mut rows = (self.config.triggers)();
        rows.sort_by(|left, right| (&left.function, &left.uuid).cmp(&(&right.function, &right.uuid)));
        rows
    }

    /// Every schedule, by name.
    pub fn schedules(&self) -> Vec<ScheduleRow> {
        let mut rows = (self.config.schedules)();
        rows.sort_by(|left, right| left.name.cmp(&right.name));
        rows
    }

    pub fn function(&self, name: &str) -> Option<FunctionRow> {
        (self.config.functions)().into_iter().find(|row| row.name == name)
    }

    pub fn trigger(&self, uuid: &str) -> Option<TriggerRow> {
        (self.config.triggers)().into_iter().find(|row| row.uuid == uuid)
    }

    /// Whether there is a schedule of this name.
    pub fn schedule(&self, name: &str) -> bool {
        (self.config.schedules)().iter().any(|row| row.name == name)
    }

    /// The page of an address: its shell, its title and its feed. `Err` says what is not there.
    fn page(&self, path: &[&str]) -> Result<(Shell, String, FeedName), String> {
        let own = |name: &str| name.to_owned();
        let missing = |kind: &str, name: &str| Err(format!("There is no {kind} named \u{201c}{name}\u{201d}."));
        Ok(match *path {
            [] => (Shell::Overview, own("Overview"), FeedName::Overview),
            ["functions"] => (Shell::Functions, own("Functions"), FeedName::Functions),
            ["schedules"] => (Shell::Schedules, own("Schedules"), FeedName::Schedules),
            ["buckets"] => (Shell::Buckets, own("Buckets"), FeedName::Buckets),
            ["buckets", name] => match (self.config.buckets)().iter().any(|row| row.name == name) {
                true => (Shell::Bucket, own(name), FeedName::Bucket(own(name))),
                false => return missing("bucket", name),
            },
            ["exports"] => (Shell::Exports, own("Exports"), FeedName::Exports),
            // A link from before the registry had it, or of one that was removed since, is told so by its feed.
            ["exports", tenant, table, version] => {
                let name = format!("{tenant}/{table}/{version}");
                (Shell::Execution, name.clone(), FeedName::Execution(name))
            }
            ["dashboards", name] => match self.dashboard(name) {
                Some(found) => (Shell::Dashboard, found.title.clone(), FeedName::Dashboard(own(name))),
                None => return missing("dashboard", name),
            },
            ["tables", name] => match self.db.table(name) {
                Some(_) => (Shell::Table, own(name), FeedName::Table(own(name))),
                None => return missing("table", name),
            },
            ["functions", name] => match self.function(name) {
                Some(_) => (Shell::Function, own(name), FeedName::Function(own(name))),
                None => return missing("function", name),
            },
            ["triggers", uuid] => match self.trigger(uuid) {
                Some(row) => {
                    let title = format!("{} \u{2192} {}", row.source.name, row.function);
                    (Shell::Trigger, title, FeedName::Trigger(own(uuid)))
                }
                None => return missing("trigger", uuid),
            },
            _ => return Err("There is nothing at this address.".to_owned()),
        })
    }

    fn watch(self: &Arc<Inner>, parts: &Parts, name: FeedName) -> Response<Body> {
        let tail = match &name {
            FeedName::Function(function) => Some(logs::Tail::new(self, function, logs::seen(parts))),
            _ => None,
        };
        match feed::subscribe(self, name, tail) {
            Some(body) => respond::event_stream(body),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are watching; close one and try again"),
        }
    }

    /// A frame of figures that do not come from the log.
    pub(crate) fn running(&self, body: serde_json::Value) -> Built {
        Built { body, now_ms: self.db.now_ms(), of_log: None, again: Some(functions::LOOK_EVERY) }
    }

    /// The feed of a name, made on first use.
    pub(crate) fn feed(&self, name: &FeedName) -> Arc<Feed> {
        self.feeds.get(name)
    }
}
