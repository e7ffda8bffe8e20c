//! The door: S3's requests to [`Buckets`] and back. s3s turns requests into types and types into answers, and checks
//! signatures; what it leaves open (streams, limits, conditions, words) is here. HTTP in, HTTP out: whoever owns the
//! sockets is elsewhere.

mod addressing;
mod arriving;
mod fault;
mod keys;
mod leaving;
mod lineage;
mod listing;
mod metrics;
mod notifying;
mod operation;
mod parts;
mod reading;
mod service;
mod shapes;
mod writing;

pub use metrics::{OperationMetrics, Traffic};
pub use operation::Access;
pub use wire::Place;

use crate::{Buckets, Error, Notifier, blobs::hex};
use addressing::Hosts;
use arriving::{Arriving, Chunks, Trailers};
use bytes::Bytes;
use fault::{fault, not_implemented, slow_down, usual};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use keys::Secrets;
use metrics::Metrics;
use operation::Operation;
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    config::{S3Config, StaticConfigProvider},
    service::{S3Service, S3ServiceBuilder},
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, timeout},
};

/// The body of an answer.
pub type Body = s3s::Body;

/// How the door presents itself and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The account owns all buckets.
    pub place: Place,
    /// Access keys whose signatures are checked. Empty: signatures are taken as given.
    pub keys: Vec<AccessKey>,
    /// First segments of paths that are somebody else's, unless a request is signed for S3.
    pub others: &'static [&'static str],
    /// Names beside loopback's under which unsigned requests are answered where there are no keys; `*`: any.
    pub hosts: Vec<String>,
}

/// An access key, its secret and what it allows.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    pub access: Access,
}

impl std::fmt::Debug for AccessKey {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("access", &self.access).finish_non_exhaustive()
    }
}

/// The door. Clones share it.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    service: S3Service,
}

/// What all operations share.
pub(crate) struct Shared {
    buckets: Buckets,
    notifier: Option<Arc<dyn Notifier>>,
    config: Config,
    metrics: Metrics,
    uploads: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    /// Requests whose bodies are held whole: lists of keys, of parts, tags.
    documents: Arc<Semaphore>,
}

/// Uploads that are taken in at once: each holds a file open and two pieces of its body.
const UPLOADS_MAX: usize = 128;
/// Downloads at once, likewise.
const DOWNLOADS_MAX: usize = 256;
/// Documents at once, and the longest: a list of ten thousand parts with a checksum each.
const DOCUMENTS_MAX: usize = 16;
const DOCUMENT_BYTES_MAX: usize = 4 << 20;
/// How long a request waits for its turn before it is told to slow down.
const TURN_WAIT: Duration = Duration::from_secs(10);

const X_AMZ_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_DECODED_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");

/// What a query names as a part of a bucket or object, of what is kept here. Anything else must not be taken for the
/// bucket or object itself.
const PARTS_KEPT: [&str; 10] = [
    "attributes",
    "delete",
    "location",
    "notification",
    "tagging",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "versionId",
];

/// Headers that ask for what is not done here, or not kept.
const HEADERS_UNKEPT: [&str; 7] = [
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// Which operation a request turned out to be.
#[derive(Clone, Default)]
struct Seen(Arc<OnceLock<Operation>>);

impl Door {
    /// A door; `notifier` tells functions of what happens to objects, if there are any.
    #[must_use]
    pub fn new(buckets: Buckets, config: Config, notifier: Option<Arc<dyn Notifier>>) -> Door {
        let shared = Arc::new(Shared {
            buckets,
            notifier,
            metrics: Metrics::new(),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS_MAX)),
            documents: Arc::new(Semaphore::new(DOCUMENTS_MAX)),
            config,
        });
        let mut builder = S3ServiceBuilder::new(service::Service(shared.clone()));
        let mut limits = S3Config::default();
        limits.xml_max_body_size = DOCUMENT_BYTES_MAX;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits))));
        builder.set_host(Hosts);
        if !shared.config.keys.is_empty() {
            builder.set_auth(Secrets::new(&shared.config.keys));
        }
        Door { shared, service: builder.build() }
    }

    /// Whether a request is for this door. The JSON doors are asked first.
    #[must_use]
    pub fn claims(&self, parts: &Parts) -> bool {
        addressing::is_claimed(parts, self.shared.config.others, |name| self.shared.buckets.bucket(name).is_ok())
    }

    /// Answers a request, reading its body as it comes.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<s3s::StdError>,
    {
        let started = Instant::now();
        let seen = Seen::default();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(seen.clone());
        let head = parts.method == Method::HEAD;
        let (trailers, chunks) = (Trailers::default(), chunks(&parts, self.shared.config.keys.is_empty()));
        let unasked = parts.headers.contains_key(header::EXPECT);
        let body = Arriving::new(body, chunks, trailers.clone(), unasked);
        let rest = body.rest();
        let answer = match self.answer(parts, body, chunks.is_some(), trailers).await {
            Ok(answer) => answer,
            Err(error) => plain(error),
        };
        let mut answer = self.finish(answer, head);
        if !rest.drain().await {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let failed = answer.status().is_client_error() || answer.status().is_server_error();
        self.shared.metrics.record(seen.0.get().copied(), failed, started.elapsed());
        answer
    }

    /// What each operation did so far; the last one, `Other`, stands for requests that came to none.
    #[must_use]
    pub fn metrics(&self) -> Vec<OperationMetrics> {
        self.shared.metrics.read()
    }

    /// Bytes of objects that came and went.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.metrics.traffic()
    }

    async fn answer<B>(
        &self,
        mut parts: Parts,
        body: Arriving<B>,
        chunked: bool,
        trailers: Trailers,
    ) -> S3Result<Response<Body>>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<s3s::StdError>,
    {
        check_kept(&parts)?;
        if self.shared.config.keys.is_empty() {
            self.shared.take_as_given(&mut parts)?;
            if chunked {
                announce_decoded(&mut parts.headers)?;
                parts.extensions.insert(trailers);
            }
        }
        let _turn = match is_document(&parts) && !http_body::Body::is_end_stream(&body) {
            true => Some(turn(&self.shared.documents).await?),
            false => None,
        };
        let request = Request::from_parts(parts, Body::http_body_unsync(body));
        let answered = self.service.call(request).await;
        answered.map_err(|error| fault(S3ErrorCode::InternalError, s3s::StdError::from(error).to_string()))
    }

    /// What every answer has.
    fn finish(&self, mut answer: Response<Body>, head: bool) -> Response<Body> {
        let mut random = [0; 8];
        self.shared.buckets.0.blobs.dice().fill(&mut random);
        let id = hex(&random).to_ascii_uppercase();
        if answer.status().is_client_error() || answer.status().is_server_error() {
            explain(&mut answer, &id);
        }
        // Of a part of an object, the head as well.
        if head && answer.status() == StatusCode::OK && answer.headers().contains_key(header::CONTENT_RANGE) {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let id = HeaderValue::try_from(id).expect("hexadecimal");
        // An object that is a page must not act as one of this origin's, where the console's pages are.
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        answer.headers_mut().insert(X_AMZ_REQUEST_ID, id);
        answer
    }
}

/// An answer without s3s.
fn plain(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|_| {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
}

/// Adds to an error what s3s leaves out: the message of a code that says it all to it, and the request's id.
fn explain(answer: &mut Response<Body>, id: &str) {
    let Some(bytes) = answer.body_mut().bytes() else { return };
    let text = String::from_utf8_lossy(&bytes);
    let explained = match (text.split_once("</Code>"), text.rsplit_once("</Error>")) {
        (Some((before, after)), Some(_)) => {
            let code = before.rsplit_once("<Code>").map_or("", |(_, code)| code);
            let code = S3ErrorCode::from_bytes(code.as_bytes());
            let message = match code.as_ref().and_then(usual) {
                Some(message) if !after.contains("<Message>") => format!("<Message>{message}</Message>"),
                _ => String::new(),
            };
            let after = after.replace("</Error>", &format!("<RequestId>{id}</RequestId></Error>"));
            format!("{before}</Code>{message}{after}")
        }
        _ => text.into_owned(),
    };
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    *answer.body_mut() = Body::from(explained);
}

/// Refuses what would be done only in part, or to something else than was meant.
fn check_kept(parts: &Parts) -> S3Result<()> {
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.is_empty() && is_part(name) && !PARTS_KEPT.contains(&name) {
            return Err(not_implemented(&format!("{} of {name}", parts.method)));
        }
    }
    if let Some(name) = HEADERS_UNKEPT.iter().find(|name| parts.headers.contains_key(**name)) {
        return Err(not_implemented(&format!("the header {name}")));
    }
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("x-amz-server-side-encryption").starts_with("aws:kms") {
        return Err(not_implemented("encryption with keys of KMS"));
    }
    if parts.method == Method::POST && text("content-type").starts_with("multipart/form-data") {
        return Err(not_implemented("an upload by a form"));
    }
    Ok(())
}

/// Whether a parameter without a value names a part; others stand for an empty prefix, a first page.
fn is_part(name: &str) -> bool {
    const EMPTY_VALUES: [&str; 12] = [
        "",
        "continuation-token",
        "delimiter",
        "encoding-type",
        "key-marker",
        "list-type",
        "marker",
        "prefix",
        "start-after",
        "upload-id-marker",
        "version-id-marker",
        "x-id",
    ];
    !EMPTY_VALUES.contains(&name) && !name.starts_with("response-") && !name.starts_with("X-Amz-")
}

/// What is done about a body's chunks, if it comes in any.
fn chunks(parts: &Parts, as_given: bool) -> Option<Chunks> {
    let hash = parts.headers.get(X_AMZ_CONTENT_SHA256).map_or(&b""[..], |value| value.as_bytes());
    if !hash.starts_with(b"STREAMING-") {
        return None;
    }
    Some(match as_given {
        true => Chunks::TakeOff,
        false if hash.starts_with(b"STREAMING-UNSIGNED-") => Chunks::Cut,
        false => Chunks::Limit,
    })
}

/// The length of a body whose chunks were taken off.
fn announce_decoded(headers: &mut HeaderMap) -> S3Result<()> {
    let length = headers.remove(X_AMZ_DECODED_CONTENT_LENGTH);
    let length = length.ok_or_else(|| {
        fault(S3ErrorCode::MissingContentLength, "You must provide the x-amz-decoded-content-length HTTP header.")
    })?;
    headers.insert(header::CONTENT_LENGTH, length);
    headers.remove(header::TRANSFER_ENCODING);
    Ok(())
}

/// Whether a body is read whole before anything is done: everything but an object's or a part's bytes.
fn is_document(parts: &Parts) -> bool {
    let names = parts.uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let is_of_part = names.into_iter().any(|name| PARTS_KEPT.contains(&name) && name != "uploadId");
    parts.method != Method::PUT || is_of_part || !addressing::is_about_object(parts)
}

/// A place among those who do the same at once.
async fn turn(places: &Arc<Semaphore>) -> S3Result<OwnedSemaphorePermit> {
    match timeout(TURN_WAIT, places.clone().acquire_owned()).await {
        Ok(place) => Ok(place.expect("the semaphore is never closed")),
        Err(_) => Err(slow_down()),
    }
}

/// Runs work that waits for the disk, off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> S3Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(S3Error::from),
        Err(error) => Err(fault(S3ErrorCode::InternalError, format!("the request was not finished: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_too_long_for_a_turn_is_told_to_slow_down() {
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        clock.block_on(async {
            let places = Arc::new(Semaphore::new(1));
            let first = turn(&places).await.expect("there is a place");
            let start = Instant::now();
            let refused = turn(&places).await.expect_err("there is none");
            assert_eq!((refused.code(), start.elapsed()), (&S3ErrorCode::SlowDown, TURN_WAIT));
            drop(first);
            assert!(turn(&places).await.is_ok());
        });
    }
}
