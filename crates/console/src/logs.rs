//! A function's log: its lines told apart by what wrote them, pages of it for the API, and its end, followed live.

use crate::{
    Inner,
    feed::closed,
    guard,
    respond::{Body, json as respond_json},
    running::{LogLine, LogPage},
};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};

/// Read at once.
const PAGE_BYTES: usize = 128 << 10;
/// Longest wait of a request for further lines.
pub const WAIT_MAX: Duration = Duration::from_secs(20);
/// Between two messages to a page that follows.
const TAIL_EVERY: Duration = Duration::from_millis(150);

/// What a line is, told by how it begins, as AWS writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A process begins.
    Init,
    Start,
    End,
    Report,
    /// A runtime says that something went wrong.
    Error,
    /// What the handler wrote.
    Output,
}

impl Kind {
    fn of(text: &str) -> Kind {
        let beginnings = [
            ("START RequestId: ", Kind::Start),
            ("END RequestId: ", Kind::End),
            ("REPORT RequestId: ", Kind::Report),
            ("INIT_START ", Kind::Init),
            ("INIT_REPORT ", Kind::Report),
            ("[ERROR]", Kind::Error),
            ("RequestId: ", Kind::Error),
        ];
        if let Some((_, kind)) = beginnings.iter().find(|(beginning, _)| text.starts_with(beginning)) {
            return *kind;
        }
        // A runtime's own line stands behind a time and a request: `2026-01-01T00:00:00.000Z ID ERROR ..`.
        let timed_out = text.contains(" Task timed out after ") || text.contains("\tERROR\t");
        if timed_out { Kind::Error } else { Kind::Output }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Init => "init",
            Kind::Start => "start",
            Kind::End => "end",
            Kind::Report => "report",
            Kind::Error => "error",
            Kind::Output => "output",
        }
    }
}

/// The request that START, END and REPORT speak of.
fn request(text: &str) -> Option<&str> {
    text.split_once("RequestId: ").and_then(|(_, rest)| rest.split_whitespace().next())
}

/// `[name, value]` of a REPORT, without its request.
fn figures(text: &str) -> Vec<[&str; 2]> {
    let parts = text.split('\t').filter_map(|part| part.trim().split_once(": "));
    parts.filter(|(name, _)| !name.ends_with("RequestId")).map(|(name, value)| [name, value]).collect()
}

fn line(line: &LogLine) -> Value {
    let kind = Kind::of(&line.text);
    let mut shown = json!({ "kind": kind.name(), "at_ms": line.at_ms, "text": line.text });
    if matches!(kind, Kind::Start | Kind::End | Kind::Report) {
        shown["request"] = request(&line.text).into();
    }
    if kind == Kind::Report {
        shown["figures"] = json!(figures(&line.text));
    }
    shown
}

/// `{lines: [{kind, at_ms, text, request?, figures?}], next, lost}`; `next` is text.
fn page(page: &LogPage) -> Value {
    json!({
        "lines": page.lines.iter().map(line).collect::<Vec<Value>>(),
        "next": page.next.to_string(),
        "lost": page.lost,
    })
}

/// `None`: reading panicked.
async fn read(inner: &Arc<Inner>, function: &str, after: Option<u64>) -> Option<LogPage> {
    let (inner, function) = (Arc::clone(inner), function.to_owned());
    tokio::task::spawn_blocking(move || (inner.config.logs)(&function, after, PAGE_BYTES)).await.ok()
}

/// One page; where there is nothing yet, what comes within `wait`.
pub async fn poll(inner: &Arc<Inner>, function: &str, after: Option<u64>, wait: Duration) -> Response<Body> {
    let mut found = read(inner, function, after).await;
    if let Some(empty) = found.as_ref().filter(|page| page.lines.is_empty() && !page.lost && !wait.is_zero()) {
        let more = (inner.config.logs_past)(function, empty.next);
        let came = async {
            tokio::select! {
                () = more => true,
                () = closed(inner.closing.subscribe()) => false,
            }
        };
        if timeout(wait.min(WAIT_MAX), came).await.unwrap_or(false) {
            found = read(inner, function, Some(empty.next)).await;
        }
    }
    match found {
        Some(found) => respond_json(StatusCode::OK, &page(&found)),
        None => {
            let body = json!({ "error": "the log could not be read" });
            respond_json(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

/// What a watcher that comes again has: it says so itself, or its browser does.
pub fn seen(parts: &Parts) -> Option<u64> {
    let last_event = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok().map(str::to_owned));
    last_event.or_else(|| guard::query(parts, "after"))?.parse().ok()
}

/// Where a page that follows a log has come to.
pub struct Tail {
    inner: Arc<Inner>,
    function: String,
    /// Everything before was sent; none: nothing yet.
    sent: Option<u64>,
    /// There may be more without a wait: the first page, and those of a watcher that comes again.
    first: bool,
    /// Not before.
    ready: Instant,
}

impl Tail {
    pub fn new(inner: &Arc<Inner>, function: &str, after: Option<u64>) -> Tail {
        let (inner, function) = (Arc::clone(inner), function.to_owned());
        Tail { inner, function, sent: after, first: true, ready: Instant::now() }
    }

    /// The next event: `log`, with the position as its id, so that a browser that comes again says what it has.
    /// It can be dropped and asked for again: nothing is lost.
    pub async fn next(&mut self) -> Bytes {
        loop {
            sleep_until(self.ready).await;
            if let Some(sent) = self.sent.filter(|_| !self.first) {
                (self.inner.config.logs_past)(&self.function, sent).await;
            }
            let found = read(&self.inner, &self.function, self.sent).await;
            self.ready = Instant::now() + TAIL_EVERY;
            let Some(found) = found else { continue };
            self.first = false;
            self.sent = Some(found.next);
            if !found.lines.is_empty() || found.lost {
                return Bytes::from(format!("event: log\nid: {}\ndata: {}\n\n", found.next, page(&found)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn lines_are_told_apart_as_a_runtime_writes_them() {
        let texts = [
            "INIT_START Runtime Version: python:3.12.v1",
            "START RequestId: 8f50-1 Version: $LATEST",
            "START of something else",
            "counted 3 votes",
            "[ERROR] KeyError: 'region'",
            "2026-01-01T00:00:00.000Z 8f50-1 Task timed out after 3.00 seconds",
            "2026-01-01T00:00:00.000Z\t8f50-1\tERROR\tInvoke Error",
            "RequestId: 8f50-1 Error: Runtime exited with error: exit status 1",
            "END RequestId: 8f50-1",
            "REPORT RequestId: 8f50-1\tDuration: 1.25 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 41 MB\tInit Duration: 210.77 ms\t",
        ];
        let lines: Vec<String> = texts
            .iter()
            .map(|text| {
                let shown = line(&LogLine { at_ms: None, text: (*text).into() });
                format!("{} {} {}", shown["kind"], shown["request"], shown["figures"])
            })
            .collect();
        expect![[r#"
            "init" null null
            "start" "8f50-1" null
            "output" null null
            "output" null null
            "error" null null
            "error" null null
            "error" null null
            "error" null null
            "end" "8f50-1" null
            "report" "8f50-1" [["Duration","1.25 ms"],["Billed Duration","2 ms"],["Memory Size","128 MB"],["Max Memory Used","41 MB"],["Init Duration","210.77 ms"]]"#]]
        .assert_eq(&lines.join("\n"));
    }
}
