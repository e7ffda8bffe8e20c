//! The console: pages that show what the database holds and does, and the live feed that moves them.
//!
//! Read only. It sees the database through `db`'s public face and everything else through what the binary hands it
//! ([`Config`]); it must not know of AWS's protocols, of SQL, of how a view is kept or of the template.
//!
//! One producer per page that somebody watches builds complete small frames, woken by the log's head, and all
//! watchers share them; see [`mod@feed`] and [`mod@wake`].

mod cell;
mod config;
mod dashboard;
mod feed;
mod guard;
mod index;
mod metrics;
mod overview;
mod pace;
mod page;
mod rate;
mod recent;
mod respond;
mod sums;
mod table;
mod wake;

pub use config::{Chart, Config, Dashboard, Phase, Rate, Recent, RequestRow, SkipSample, Skipped, ViewRow};
pub use respond::Body;

use feed::{Feed, FeedName, Feeds};
use http::{Method, Response, StatusCode, request::Parts};
use respond::{json, plain};
use std::sync::Arc;
use tokio::{sync::watch, time::Instant};
use wake::Head;

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
    pub started: Instant,
    /// The same by the database's clock.
    pub started_ms: u64,
    /// Set once, when the console closes: every feed ends.
    pub closing: watch::Sender<bool>,
}

impl Console {
    /// A console for `db`. Starts one thread that sleeps until somebody watches.
    #[must_use]
    pub fn new(db: db::Db, config: Config) -> Console {
        let pages = page::Pages::new(&config.version);
        Console(Arc::new(Inner {
            head: Head::start(db.clone()),
            started_ms: db.now_ms(),
            db,
            config,
            feeds: Feeds::default(),
            pages,
            started: Instant::now(),
            closing: watch::Sender::new(false),
        }))
    }

    /// Answers one request; never fails. GET and HEAD only; the request's body is not looked at.
    /// Must run inside a tokio runtime with timers. Feeds answer with a body that does not end.
    pub async fn handle(&self, parts: Parts) -> Response<Body> {
        let head_only = parts.method == Method::HEAD;
        let response = match guard::check(&parts, &self.0.config.allowed_hosts) {
            Err(why) => plain(StatusCode::FORBIDDEN, why),
            Ok(()) if parts.method != Method::GET && !head_only => respond::method_not_allowed(),
            Ok(()) => self.route(&parts).await,
        };
        if head_only { respond::without_body(response) } else { response }
    }

    /// Ends every feed, so that a server can finish its connections. Later feeds end at once.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    async fn route(&self, parts: &Parts) -> Response<Body> {
        let inner = &self.0;
        let path = parts.uri.path();
        let segments: Vec<String> = path.split('/').skip(1).map(guard::percent_decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments[..] {
            [""] => inner.pages.shell(parts, page::Shell::Overview, "Overview", ""),
            ["assets", file] => inner.pages.asset(parts, file),
            ["dashboards", name] => match inner.dashboard(name) {
                Some(found) => inner.pages.shell(parts, page::Shell::Dashboard, &found.title, name),
                None => inner.pages.missing(&format!("There is no dashboard named \u{201c}{name}\u{201d}.")),
            },
            ["tables", name] if inner.db.table(name).is_some() => {
                inner.pages.shell(parts, page::Shell::Table, name, name)
            }
            ["tables", name] => inner.pages.missing(&format!("There is no table named \u{201c}{name}\u{201d}.")),
            ["feed"] => inner.watch(FeedName::Overview),
            ["dashboards", name, "feed"] if inner.dashboard(name).is_some() => {
                inner.watch(FeedName::Dashboard(name.to_owned()))
            }
            ["tables", name, "feed"] if inner.db.table(name).is_some() => inner.watch(FeedName::Table(name.to_owned())),
            ["api", ref rest @ ..] => inner.api(parts, rest).await,
            ["metrics"] => metrics::respond(inner),
            ["health"] => metrics::health(inner),
            _ => inner.pages.missing("There is nothing at this address."),
        }
    }
}

impl Inner {
    pub fn dashboard(&self, name: &str) -> Option<&Dashboard> {
        self.config.dashboards.iter().find(|dashboard| dashboard.name == name)
    }

    fn watch(self: &Arc<Inner>, name: FeedName) -> Response<Body> {
        match feed::subscribe(self, name) {
            Some(body) => respond::event_stream(body),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are watching; close one and try again"),
        }
    }

    /// The pages' own JSON. Frames are the ones the feeds send.
    async fn api(self: &Arc<Inner>, parts: &Parts, path: &[&str]) -> Response<Body> {
        let name = match *path {
            ["overview"] => FeedName::Overview,
            ["dashboards", name] if self.dashboard(name).is_some() => FeedName::Dashboard(name.to_owned()),
            ["tables", name] => return table::describe(self, name).await,
            ["tables", name, "items"] => return table::items(self, name, parts.uri.query().unwrap_or("")).await,
            _ => return json(StatusCode::NOT_FOUND, &serde_json::json!({ "error": "no such address" })),
        };
        match feed::one_frame(self, name).await {
            Some(frame) => respond::json_bytes(StatusCode::OK, frame),
            None => json(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({ "error": "no frame could be made" })),
        }
    }

    /// The feed of a name, made on first use.
    pub(crate) fn feed(&self, name: &FeedName) -> Arc<Feed> {
        self.feeds.get(name)
    }
}
