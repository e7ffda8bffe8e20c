//! Responses: bodies and the headers every one of them carries. Knows nothing of what they say.

use crate::running::{Cause, Refused};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use std::convert::Infallible;

/// A response's body; a feed's does not end by itself.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// Pages run their own scripts and styles and talk to their own server, nothing else; nobody frames them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A response of known length.
pub fn full(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let length = body.len();
    let mut response = shaped(status, content_type, Full::new(body).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn shaped(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        // Revalidated each time, by ETag where there is one: a new version of the program shows at once.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

/// One line of text.
pub fn plain(status: StatusCode, line: &str) -> Response<Body> {
    full(status, "text/plain; charset=utf-8", Bytes::from(format!("{line}\n")))
}

pub fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    json_bytes(status, Bytes::from(value.to_string()))
}

/// JSON that is written already.
pub fn json_bytes(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = full(status, "application/json", body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Server-Sent Events.
pub fn event_stream(body: Body) -> Response<Body> {
    let mut response = shaped(StatusCode::OK, "text/event-stream", body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather responses would hold frames back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Why something was not done, as JSON.
pub fn refused(why: &Refused) -> Response<Body> {
    let status = match why.cause {
        Cause::Missing => StatusCode::NOT_FOUND,
        Cause::Conflict => StatusCode::CONFLICT,
        Cause::Busy => StatusCode::TOO_MANY_REQUESTS,
        Cause::Invalid => StatusCode::BAD_REQUEST,
        Cause::Failed => StatusCode::BAD_GATEWAY,
    };
    json(status, &serde_json::json!({ "error": why.why }))
}

/// `allowed`: the methods, separated by commas.
pub fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed} is answered here"));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What HEAD gets: the headers, the length included.
pub fn without_body(response: Response<Body>) -> Response<Body> {
    response.map(|_| Empty::new().boxed_unsync())
}
