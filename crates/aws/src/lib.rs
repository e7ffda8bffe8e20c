//! The AWS JSON doors: requests of DynamoDB, DynamoDB Streams, Lambda, SSM and Kinesis clients to the rooms that carry
//! them out, and back.
//!
//! HTTP in, HTTP out; the server that owns sockets, time-outs and limits is elsewhere. Nothing here decides what a
//! write does: that is `db`'s, what an expression means is `item`'s, and what is defined is `control`'s and `triggers`'.

#[macro_use]
mod json;
mod checks;
mod denial;
mod dynamodb;
mod inflate;
mod kinesis;
mod lambda;
mod lineage;
mod metrics;
mod protocol;
mod retry;
mod routes;
mod service;
mod sigv4;
mod ssm;
mod streams;
#[cfg(test)]
mod tests;
mod turns;
mod uri;

pub use metrics::OperationMetrics;
pub use protocol::{Body, REQUEST_BYTES_MAX};
pub use routes::Asked;
pub use wire::Place;

use bytes::Bytes;
use control::Control;
use dynamodb::conflicts::Conflicts;
use http::{Method, Response, StatusCode, header, request::Parts};
use metrics::Metrics;
use protocol::{Answer, Code, Fault, Protocol, RequestIds};
use routes::{Call, ROUTES, Step};
use service::Service;
use sigv4::{Caller, Verifier};
use std::sync::Arc;
use tokio::{
    task::{spawn_blocking, yield_now},
    time::Instant,
};
use turns::Turns;

/// How the door presents itself and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Region and account in ARNs; the region also in stream records and signatures.
    pub place: Place,
    /// Access keys whose signatures are checked. Empty: signatures are taken as given.
    pub keys: Vec<AccessKey>,
    /// How far back streams are shown, milliseconds; DynamoDB shows 24 hours.
    pub stream_retention_ms: u64,
    /// Of a hundred transactions, and of writes beside them, so many are refused as if they had met another one.
    pub conflicts_percent: u8,
}

/// An access key, its secret and what it allows.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    pub access: Access,
}

/// What an operation needs and an access key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    /// Reading, and changing data or tables.
    Write,
}

impl std::fmt::Debug for AccessKey {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("access", &self.access).finish_non_exhaustive()
    }
}

/// The door. Clones share it.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

/// What all operations share.
pub(crate) struct Inner {
    pub db: db::Db,
    pub config: Config,
    pub streams: ::kinesis::Streams,
    pub large_pages: kinesis::Places,
    /// Functions, what feeds them, and parameters; `None`: tables and streams are all there is.
    control: Option<Control>,
    /// `None` where signatures are taken as given.
    verifier: Option<Verifier>,
    metrics: Metrics,
    ids: RequestIds,
    turns: Turns,
    pub horizon: streams::Horizon,
    pub conflicts: Conflicts,
}

/// Bodies above this, and compressed ones, are checked, decoded and begun off the runtime's threads: at about 1 GB/s they
/// would hold one up for longer than half a millisecond.
const BODY_INLINE_MAX: usize = 256 * 1024;

impl Inner {
    /// What is defined besides tables.
    pub fn control(&self) -> Result<&Control, Fault> {
        let missing = || Fault::new(Code::UnknownOperation, "Functions and parameters do not work on this server");
        self.control.as_ref().ok_or_else(missing)
    }
}

impl Door {
    /// A door to tables and streams alone.
    #[must_use]
    pub fn new(db: db::Db, config: Config) -> Door {
        Door::build(db, config, None)
    }

    /// A door to functions and parameters as well.
    #[must_use]
    pub fn with_control(db: db::Db, config: Config, control: Control) -> Door {
        Door::build(db, config, Some(control))
    }

    fn build(db: db::Db, config: Config, control: Option<Control>) -> Door {
        let verifier = (!config.keys.is_empty()).then(|| Verifier::new(&config.keys, &config.place.region));
        Door(Arc::new(Inner {
            large_pages: kinesis::Places::default(),
            streams: ::kinesis::Streams::new(db.clone(), config.place.clone()),
            db,
            conflicts: Conflicts::new(config.conflicts_percent),
            config,
            control,
            verifier,
            metrics: Metrics::new(ROUTES.len()),
            ids: RequestIds::new(),
            turns: Turns::default(),
            horizon: streams::Horizon::default(),
        }))
    }

    /// Whether a request is for this door: it names an operation, or it posts one of its protocols' content types.
    #[must_use]
    pub fn claims(parts: &Parts) -> bool {
        Service::claims(parts)
    }

    /// Whether a request's body comes compressed: then it may come to [`Asked::bytes_max`] whatever its length.
    #[must_use]
    pub fn is_packed(parts: &Parts) -> bool {
        inflate::is_encoded(&parts.headers)
    }

    /// Answers a request whose body is longer than [`Asked::bytes_max`], which AWS does before it looks at anything else.
    #[must_use]
    pub fn too_large(&self, asked: &Asked) -> Response<Body> {
        protocol::respond(asked.service.protocol, &self.0.ids, Err(asked.too_large()))
    }

    /// Answers a request whose HTTP could not be read to its end; `why` is for the person who looks at it.
    #[must_use]
    pub fn malformed(&self, asked: &Asked, why: &str) -> Response<Body> {
        protocol::respond(asked.service.protocol, &self.0.ids, Err(Fault::new(Code::Serialization, why)))
    }

    /// Answers a request of which this is `asked` and whose body is complete; the server refuses bodies above
    /// [`Asked::bytes_max`]. `connection` tells the connections of the server apart.
    pub async fn handle(&self, connection: u64, asked: Asked, parts: Parts, body: Bytes) -> Response<Body> {
        if let Some(answer) = self.stranger(&asked, &parts) {
            return answer;
        }
        if body.len() > asked.bytes_max() {
            return self.too_large(&asked);
        }
        let (protocol, place) = (asked.service.protocol, asked.place.unwrap_or(ROUTES.len()));
        let started = Instant::now();
        let alone = self.0.turns.take(connection);
        let step = if body.len() <= BODY_INLINE_MAX && !inflate::is_encoded(&parts.headers) {
            let begun = self.begin(&asked, &parts, &body, alone);
            if alone {
                self.0.turns.held(started.elapsed());
            }
            begun
        } else {
            let door = self.clone();
            blocking(move || door.begin(&asked, &parts, &body, false)).await
        };
        let outcome = match step {
            Ok(step) => self.finish(step).await,
            Err(fault) => Err(fault),
        };
        if !alone {
            // Whatever else is there to be answered is worked out first, and then the answers go out together: the first
            // one wakes the client, which costs a system call of ours a third of its time, and the others find it awake.
            yield_now().await;
        }
        self.0.metrics.record(place, outcome.is_err(), started.elapsed());
        protocol::respond(protocol, &self.0.ids, outcome)
    }

    /// What each operation did so far; the last one, `Other`, stands for requests that name none.
    #[must_use]
    pub fn metrics(&self) -> Vec<OperationMetrics> {
        self.0.metrics.read(ROUTES.iter().map(|route| route.name).chain(["Other"]))
    }

    /// A stream's ARN, as this door shows it.
    #[must_use]
    pub fn stream_arn(&self, stream: &db::Stream) -> String {
        self.0.config.place.stream_arn(stream)
    }

    /// Answers what is no call of a protocol whose calls are posts.
    fn stranger(&self, asked: &Asked, parts: &Parts) -> Option<Response<Body>> {
        if parts.method == Method::POST || asked.service.protocol == Protocol::Rest {
            return None;
        }
        if parts.method == Method::GET {
            // The trailing space is AWS's.
            let healthy = "healthy: dynamodb.us-east-1.amazonaws.com ";
            return Some(protocol::text(&self.0.ids, StatusCode::OK, healthy));
        }
        Some(protocol::text(&self.0.ids, StatusCode::NOT_FOUND, "<UnknownOperationException/>\n"))
    }

    /// Everything up to the point where a write is handed over or an answer is ready. In AWS's order: an operation
    /// nobody knows is told to strangers too.
    fn begin(&self, asked: &Asked, parts: &Parts, body: &[u8], alone: bool) -> Result<Step, Fault> {
        let route = asked.route().ok_or_else(|| asked.unknown(parts))?;
        // Signed is what was sent.
        let caller = self.admit(asked.service, parts, body)?;
        let plain = inflate::plain(asked, &parts.headers, body)?;
        let body = &*plain;
        asked.check_readable(&parts.headers)?;
        if body.is_empty() && route.service.target.is_some() {
            return Err(Fault::bare(Code::Serialization));
        }
        if route.needs(&parts.headers) > caller.access {
            return Err(denial::denied(&self.0.config, caller.key, route, &asked.arguments, body));
        }
        (route.begin)(&Call {
            door: &self.0,
            headers: &parts.headers,
            target: routes::target(&parts.headers),
            arguments: &asked.arguments,
            query: parts.uri.query().unwrap_or_default(),
            body,
            access_key: caller.key,
            alone,
        })
    }

    /// Who asks, if the request may pass.
    fn admit<'c>(&'c self, service: &Service, parts: &'c Parts, body: &[u8]) -> Result<Caller<'c>, Fault> {
        match &self.0.verifier {
            Some(verifier) => verifier.verify(service.name, parts, body, self.0.db.now_ms()),
            None if from_foreign_page(parts) => Err(Fault::new(
                Code::AccessDenied,
                "Requests from pages of other hosts need a signature: start the server with a key",
            )),
            None => Ok(Caller { key: sigv4::claimed_key(&parts.headers), access: Access::Write }),
        }
    }

    async fn finish(&self, step: Step) -> Result<Answer, Fault> {
        let body = match step {
            Step::Done(body) => Ok(body),
            Step::Write(ticket, reply) => reply.finish(ticket.await),
            Step::Batch(ticket, reply) => reply.finish(ticket.await),
            Step::Transact(ticket, reply) => reply.finish(ticket.await),
            Step::Table(ticket, answer) => Ok(answer(&self.0, &*ticket.await?)),
            Step::Blocking(work) => blocking(work).await,
            Step::Later(answer) => return answer.await,
        };
        body.map(Answer::from)
    }
}

/// Runs work that may take longer than the runtime's threads can spare.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let failed = |error| Err(Fault::new(Code::InternalServerError, format!("the request was not finished: {error}")));
    spawn_blocking(work).await.unwrap_or_else(failed)
}

/// Whether a browser sends this for a page that is not this machine's. Where no signature protects the database, a
/// page from anywhere could write to it, by a name that it makes point here; browsers always say whose page it is.
fn from_foreign_page(parts: &Parts) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    let host = origin.split_once("://").map_or("", |(_, rest)| rest);
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    !matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}
