//! The addresses under `/api/`, for the pages' scripts, the command line and whoever wants figures as JSON.
//!
//! | | |
//! |---|---|
//! | `GET overview`, `dashboards/NAME`, `functions/NAME`, `triggers/UUID` | the frame that the page's feed would send |
//! | `GET tables/NAME`, `tables/NAME/items?index=&start=` | a table, its items |
//! | `GET functions` | `{functions: [..]}`: definition, counts since the start, durations, processes, newest error |
//! | `GET functions/NAME/logs?after=POSITION&wait=SECONDS` | `{lines: [{kind, at_ms, text}], next, lost}`: what comes after a position, without one the newest lines; where there is nothing, it waits up to 20 s. Ask again with `after=next` |
//! | `POST functions/NAME/invoke` | the body is the payload, JSON (nothing: `{}`); `{request_id, payload, error, duration_ms, init_ms, memory_max_mb, log_tail}`, the payload as text, as the function gave it |
//! | `GET triggers` | `{triggers: [..]}`: settings, state, counts since the creation, lanes |
//! | `POST triggers/UUID/pause`, `triggers/UUID/resume` | `{done}`, a sentence, like the following |
//! | `GET triggers/UUID/quarantine?after=ID` | `{keys: [..], next}`: parked keys with their records |
//! | `POST triggers/UUID/quarantine/ID/retry`, `.../drop` | calls with the key's records again; gives up the first one |
//! | `GET buckets` | `{buckets: [..]}`: what they hold, whom their events call |
//! | `GET buckets/NAME/objects?prefix=&after=` | `{entries: [..], next}`: objects and folders of a folder; ask again with `after=next` |
//! | `GET schedules` | `{schedules: [..]}`: definition, next moments, latest run |
//! | `GET exports?table=TENANT/TABLE&most=COUNT` | `{at, executions: [..], tables: [..], bindings: [..], counts}`: executions newest first, 50 unless more are asked for |
//! | `GET exports/TENANT/TABLE/VERSION` | `{at, execution}`: status, steps, statistics, why it is held and some of its operations |
//! | `POST exports/TENANT/TABLE/VERSION/retry`, `.../release`, `.../reject` | `{done}`, a sentence |
//! | `POST schedules/NAME/run` | calls its function once, now |
//!
//! Names and ids are percent-encoded, their slashes too. What goes wrong is answered with `{error}` and 400 (wrong), 403
//! (not from here, or nobody may), 404 (no such thing), 409 (not in this state), 415, 429 (no room) or 502 (it failed).
//! A POST names its origin, `Origin: http://HOST`, as browsers do, and has the type `application/json`; see
//! [`mod@crate::guard`].

use crate::{
    Decision, Inner, buckets, exports, feed,
    feed::FeedName,
    functions, guard, logs,
    respond::{Body, json as respond_json, json_bytes, method_not_allowed, refused},
    running::{Action, Answer, Cause, Refused},
    schedules, table, triggers,
};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Longest body of a request, in bytes: AWS's bound of a payload.
pub const REQUEST_BYTES_MAX: usize = 6_291_556;

/// Answers a GET.
pub async fn get(inner: &Arc<Inner>, parts: &Parts, path: &[&str]) -> Response<Body> {
    let query = |name: &str| guard::query(parts, name);
    match *path {
        ["functions"] => respond_json(StatusCode::OK, &functions::api(inner)),
        ["functions", name, "logs"] => match log_request(inner, name, query("after"), query("wait")) {
            Ok((after, wait)) => logs::poll(inner, name, after, wait).await,
            Err(why) => refused(&why),
        },
        ["triggers"] => respond_json(StatusCode::OK, &triggers::api(inner)),
        ["triggers", uuid, "quarantine"] => triggers::quarantine(inner, uuid, query("after")).await,
        ["schedules"] => respond_json(StatusCode::OK, &schedules::api(inner)),
        ["buckets"] => respond_json(StatusCode::OK, &buckets::api(inner)),
        ["buckets", name, "objects"] => buckets::objects(inner, name, query("prefix"), query("after")).await,
        ["exports"] => exports::api(inner, query("table"), query("most")).await,
        ["exports", tenant, table, version] => {
            exports::api_one(inner, format!("{tenant}/{table}"), version.to_owned()).await
        }
        ["tables", name] => table::describe(inner, name).await,
        ["tables", name, "items"] => table::items(inner, name, parts.uri.query().unwrap_or("")).await,
        _ => match frame_of(inner, path) {
            Some(name) => frame(inner, name).await,
            None if Change::of(path).is_some() => method_not_allowed("POST"),
            None => respond_json(StatusCode::NOT_FOUND, &json!({ "error": "no such address" })),
        },
    }
}

fn frame_of(inner: &Inner, path: &[&str]) -> Option<FeedName> {
    match *path {
        ["overview"] => Some(FeedName::Overview),
        ["dashboards", name] => inner.dashboard(name).map(|_| FeedName::Dashboard(name.to_owned())),
        ["functions", name] => inner.function(name).map(|_| FeedName::Function(name.to_owned())),
        ["triggers", uuid] => inner.trigger(uuid).map(|_| FeedName::Trigger(uuid.to_owned())),
        _ => None,
    }
}

async fn frame(inner: &Arc<Inner>, name: FeedName) -> Response<Body> {
    match feed::one_frame(inner, name).await {
        Some(frame) => json_bytes(StatusCode::OK, frame),
        None => respond_json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": "no frame could be made" })),
    }
}

/// The position and the wait that a request for a log names.
fn log_request(
    inner: &Inner,
    name: &str,
    after: Option<String>,
    wait: Option<String>,
) -> Result<(Option<u64>, Duration), Refused> {
    let number = |what: &str, text: String| {
        let invalid = || Refused { cause: Cause::Invalid, why: format!("{what}={text} is not a whole number") };
        text.parse::<u64>().map_err(|_| invalid())
    };
    inner.function(name).ok_or_else(|| missing("function", name))?;
    let after = after.map(|text| number("after", text)).transpose()?;
    let wait = wait.map(|text| number("wait", text)).transpose()?.map(Duration::from_secs);
    Ok((after, wait.unwrap_or_default()))
}

/// What a POST asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Invoke { function: String },
    Act(Action),
}

impl Change {
    /// `None`: nothing takes posts there.
    pub fn of(path: &[&str]) -> Option<Change> {
        let own = |text: &str| text.to_owned();
        Some(match *path {
            ["functions", name, "invoke"] => Change::Invoke { function: own(name) },
            ["triggers", uuid, "pause"] => Change::Act(Action::Pause { trigger: own(uuid) }),
            ["triggers", uuid, "resume"] => Change::Act(Action::Resume { trigger: own(uuid) }),
            ["triggers", uuid, "quarantine", id, "retry"] => {
                Change::Act(Action::Retry { trigger: own(uuid), id: own(id) })
            }
            ["triggers", uuid, "quarantine", id, "drop"] => {
                Change::Act(Action::Drop { trigger: own(uuid), id: own(id) })
            }
            ["schedules", name, "run"] => Change::Act(Action::Run { schedule: own(name) }),
            ["exports", tenant, table, version, decision] => Change::Act(Action::Decide {
                table: format!("{tenant}/{table}"),
                version: own(version),
                decision: match decision {
                    "retry" => Decision::Retry,
                    "release" => Decision::Release,
                    "reject" => Decision::Reject,
                    _ => return None,
                },
            }),
            _ => return None,
        })
    }

    /// A sentence about what it names, if that is not there.
    fn missing(&self, inner: &Inner) -> Option<Refused> {
        let (kind, name, there) = match self {
            Change::Invoke { function } => ("function", function, inner.function(function).is_some()),
            Change::Act(Action::Run { schedule }) => ("schedule", schedule, inner.schedule(schedule)),
            Change::Act(
                Action::Pause { trigger }
                | Action::Resume { trigger }
                | Action::Retry { trigger, .. }
                | Action::Drop { trigger, .. },
            ) => ("trigger", trigger, inner.trigger(trigger).is_some()),
            // Executions lie in the database: who decides about one finds out whether it is there.
            Change::Act(Action::Decide { .. }) => return None,
        };
        (!there).then(|| missing(kind, name))
    }
}

fn missing(kind: &str, name: &str) -> Refused {
    Refused { cause: Cause::Missing, why: format!("there is no {kind} named {name}") }
}

/// Answers a POST that the guard let through. What is asked for goes to its end although the client goes away.
pub async fn post(inner: &Arc<Inner>, change: Change, body: Bytes) -> Response<Body> {
    let Some(hands) = &inner.config.hands else {
        let error = "this console only shows: whoever started it did not let pages act";
        return respond_json(StatusCode::FORBIDDEN, &json!({ "error": error }));
    };
    if let Some(why) = change.missing(inner) {
        return refused(&why);
    }
    let done = match change {
        Change::Act(action) => to_its_end((hands.act)(action)).await.map(|done| json!({ "done": done })),
        Change::Invoke { function } => match payload(body) {
            Ok(payload) => to_its_end((hands.invoke)(function, payload)).await.map(|answer| answered(&answer)),
            Err(why) => Err(why),
        },
    };
    match done {
        Ok(done) => respond_json(StatusCode::OK, &done),
        Err(why) => refused(&why),
    }
}

async fn to_its_end<T: Send + 'static>(doing: crate::Later<Result<T, Refused>>) -> Result<T, Refused> {
    let failed = |_| Refused { cause: Cause::Failed, why: "it failed in a way that it should not; see the log".into() };
    tokio::spawn(doing).await.map_err(failed).flatten()
}

/// The answer to a request whose body the server could not read whole.
#[must_use]
pub fn unread(why: &str) -> Response<Body> {
    refused(&Refused { cause: Cause::Invalid, why: why.to_owned() })
}

/// JSON, as it came.
fn payload(body: Bytes) -> Result<Bytes, Refused> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Refused { cause: Cause::Invalid, why: format!("the payload is not JSON: {error}") }),
    }
}

fn answered(answer: &Answer) -> Value {
    json!({
        "request_id": answer.request_id,
        "payload": String::from_utf8_lossy(&answer.payload),
        "error": answer.error,
        "duration_ms": functions::milliseconds(answer.duration),
        "init_ms": answer.init.map(functions::milliseconds),
        "memory_max_mb": answer.memory_max_mb,
        "log_tail": answer.log_tail,
    })
}
