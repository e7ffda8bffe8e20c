//! The protocols: how answers and errors are put on the wire. JSON 1.0 (DynamoDB) and 1.1 name the operation in a
//! header and answer 200 or 400; REST JSON has statuses, headers and paths. Knows no operation.

mod fault;
mod ids;

pub(crate) use fault::{Code, Fault, Reason, empty_kind, too_long, transaction_too_large, trimmed};
pub(crate) use ids::RequestIds;

use crate::json::Object;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// A body in one piece.
pub type Body = Full<Bytes>;

pub(crate) const X_AMZN_REQUESTID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const X_AMZN_ERRORTYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const X_AMZ_CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Largest request that DynamoDB takes, and any operation here that has no limit of its own.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a service's answers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `application/x-amz-json-1.0` as DynamoDB speaks it: with a checksum, and errors that name their service.
    Json10,
    /// `application/x-amz-json-1.1`.
    Json11,
    /// Paths, statuses, and errors whose type is in a header.
    Rest,
}

/// What a request came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Answer {
        Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// An answer of this status.
    pub fn with(status: StatusCode, body: impl Into<Bytes>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into() }
    }
}

impl From<Vec<u8>> for Answer {
    fn from(body: Vec<u8>) -> Answer {
        Answer::with(StatusCode::OK, body)
    }
}

/// Puts an answer and AWS's headers together. The server adds `Date` and `Content-Length`.
pub(crate) fn respond(protocol: Protocol, ids: &RequestIds, outcome: Result<Answer, Fault>) -> Response<Body> {
    let (answer, error) = match outcome {
        Ok(answer) => (answer, None),
        Err(fault) => (protocol.refusal(&fault), Some(fault.code)),
    };
    let mut headers = HeaderMap::with_capacity(5);
    match protocol {
        Protocol::Json10 => {
            headers.insert(header::SERVER, HeaderValue::from_static("Server"));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
            headers.insert(X_AMZN_REQUESTID, ids.letters());
            headers.insert(X_AMZ_CRC32, HeaderValue::from(crc32fast::hash(&answer.body)));
        }
        Protocol::Json11 => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
            headers.insert(X_AMZN_REQUESTID, ids.uuid());
        }
        Protocol::Rest => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(X_AMZN_REQUESTID, ids.uuid());
            if let Some(code) = error {
                headers.insert(X_AMZN_ERRORTYPE, HeaderValue::from_static(code.name()));
            }
        }
    }
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}

impl Protocol {
    fn refusal(self, fault: &Fault) -> Answer {
        let code = fault.code;
        let mut out = Vec::with_capacity(192);
        let mut object = Object::new(&mut out);
        match self {
            Protocol::Json10 => object.text("__type", &format!("{}#{}", code.space(), code.name())),
            Protocol::Json11 => object.text("__type", code.name()),
            Protocol::Rest => code.whose().into_iter().for_each(|whose| object.text("Type", whose)),
        }
        if !fault.reasons.is_empty() {
            let mut reasons = object.array("CancellationReasons");
            fault.reasons.iter().for_each(|reason| reason.write(reasons.object()));
            reasons.end();
        }
        if let Some(limit) = fault.limit {
            object.text("Reason", limit);
        }
        if let Some(message) = &fault.message {
            let field = if self == Protocol::Rest { code.rest_message_field() } else { code.message_field() };
            object.text(field, message);
        }
        if let Some(item) = &fault.item {
            object.item("Item", item);
        }
        object.end();
        Answer::with(if self == Protocol::Rest { code.rest_status() } else { code.status() }, out)
    }
}

/// A fixed answer outside the protocols, as AWS gives to health checks and strangers.
pub(crate) fn text(ids: &RequestIds, status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = respond(Protocol::Json10, ids, Ok(Answer::with(status, text)));
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn errors_have_the_shape_of_their_protocol() {
        let ids = RequestIds::new();
        let shown = |protocol, fault: Fault| {
            let (parts, body) = respond(protocol, &ids, Err(fault)).into_parts();
            let mut body = std::pin::pin!(body.collect());
            let mut ctx = std::task::Context::from_waker(std::task::Waker::noop());
            let std::task::Poll::Ready(Ok(body)) = body.as_mut().poll(&mut ctx) else { panic!("it is in memory") };
            let body = body.to_bytes();
            let crc = parts.headers.get(X_AMZ_CRC32).map(|value| value.to_str().expect("digits").to_owned());
            assert_eq!(crc, (protocol == Protocol::Json10).then(|| crc32fast::hash(&body).to_string()));
            let kind = parts.headers.get(X_AMZN_ERRORTYPE).map_or("-", |value| value.to_str().expect("letters"));
            format!("{} {kind} {}", parts.status.as_u16(), String::from_utf8_lossy(&body))
        };
        let missing = || Fault::from(db::Error::TableNotFound("t1".into()));
        let too_many = || Fault { limit: Some("CallerRateLimitExceeded"), ..Fault::new(Code::TooManyRequests, "Rate") };
        expect_test::expect![[r#"
            400 - {"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: t1 not found"}
            400 - {"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}
            500 - {"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"the database stopped accepting writes: disk"}
            413 - {"__type":"com.amazon.coral.service#RequestEntityTooLargeException"}
            400 - {"__type":"ParameterNotFound"}
            400 - {"__type":"ValidationException","message":"no"}
            404 ResourceNotFoundException {"Type":"User","Message":"Requested resource not found: Table: t1 not found"}
            429 TooManyRequestsException {"Type":"User","Reason":"CallerRateLimitExceeded","message":"Rate"}
            400 ValidationException {"message":"no"}
            403 MissingAuthenticationTokenException {}"#]]
        .assert_eq(
            &[
                shown(Protocol::Json10, missing()),
                shown(Protocol::Json10, Fault::from(db::Error::ConditionFailed { item: None })),
                shown(Protocol::Json10, Fault::from(db::Error::Poisoned("disk".into()))),
                shown(Protocol::Json10, Fault::bare(Code::RequestTooLarge)),
                shown(Protocol::Json11, Fault::bare(Code::ParameterNotFound)),
                shown(Protocol::Json11, Fault::validation("no")),
                shown(Protocol::Rest, missing()),
                shown(Protocol::Rest, too_many()),
                shown(Protocol::Rest, Fault::validation("no")),
                shown(Protocol::Rest, Fault::bare(Code::MissingAuthenticationToken)),
            ]
            .join("\n"),
        );
    }
}
