//! The services that are spoken here: how each is named, addressed and answered. Knows none of their operations.

use crate::protocol::Protocol;
use http::{HeaderMap, HeaderName, Method, header, request::Parts};

pub(crate) const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// A service, as clients know it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// In the scope of signatures, and before the colon of IAM's actions.
    pub name: &'static str,
    /// What stands before the dot in `X-Amz-Target`; `None`: its operations are paths.
    pub target: Option<&'static str>,
    pub protocol: Protocol,
}

pub(crate) static DYNAMODB: Service =
    Service { name: "dynamodb", target: Some("DynamoDB_20120810"), protocol: Protocol::Json10 };
/// Signed for as DynamoDB.
pub(crate) static STREAMS: Service =
    Service { name: "dynamodb", target: Some("DynamoDBStreams_20120810"), protocol: Protocol::Json10 };
pub(crate) static LAMBDA: Service = Service { name: "lambda", target: None, protocol: Protocol::Rest };
pub(crate) static SSM: Service = Service { name: "ssm", target: Some("AmazonSSM"), protocol: Protocol::Json11 };
pub(crate) static KINESIS: Service =
    Service { name: "kinesis", target: Some("Kinesis_20131202"), protocol: Protocol::Json11 };
/// Whatever else speaks JSON 1.1: it has no operations here.
static UNKNOWN: Service = Service { name: "", target: None, protocol: Protocol::Json11 };

/// The services whose operations are targets, the busiest first.
static TARGETS: [&Service; 4] = [&DYNAMODB, &STREAMS, &KINESIS, &SSM];

/// What Lambda's paths have after the date of their version.
const LAMBDA_COLLECTIONS: [&str; 10] = [
    "account-settings",
    "capacity-providers",
    "code-signing-configs",
    "durable-execution-callbacks",
    "durable-executions",
    "event-source-mappings",
    "functions",
    "layers",
    "resource-policy",
    "tags",
];

impl Service {
    /// The service that a request is for: by its target, its path, or else by its content type.
    pub fn of(parts: &Parts) -> &'static Service {
        let of_target = || {
            let target = parts.headers.get(X_AMZ_TARGET)?.as_bytes();
            let (prefix, _) = split_target(target)?;
            TARGETS.into_iter().find(|service| service.target.is_some_and(|target| target.as_bytes() == prefix))
        };
        of_target().unwrap_or_else(|| match content_type(&parts.headers) {
            _ if is_lambda(parts) => &LAMBDA,
            kind if kind.starts_with(b"application/x-amz-json-1.1") => &UNKNOWN,
            _ => &DYNAMODB,
        })
    }

    /// Whether a request is for any of them: it names a target, or it posts one of the protocols' content types, or its
    /// path is one of Lambda's.
    pub fn claims(parts: &Parts) -> bool {
        let posts_json = || {
            let kind = content_type(&parts.headers);
            parts.method == Method::POST && kind.starts_with(b"application/x-amz-json-1.")
        };
        parts.headers.contains_key(X_AMZ_TARGET) || posts_json() || is_lambda(parts)
    }
}

/// The two sides of the dot.
pub(crate) fn split_target(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = target.iter().position(|byte| *byte == b'.')?;
    Some((&target[..dot], &target[dot + 1..]))
}

pub(crate) fn content_type(headers: &HeaderMap) -> &[u8] {
    headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes())
}

/// Whether a path begins with a date and one of Lambda's collections. A bucket may have a date for a name; who means one
/// signs for S3.
fn is_lambda(parts: &Parts) -> bool {
    let mut segments = parts.uri.path().split('/').skip(1);
    let (Some(version), Some(collection)) = (segments.next(), segments.next()) else { return false };
    is_date(version) && LAMBDA_COLLECTIONS.contains(&collection) && !is_signed_for_s3(parts)
}

/// `2015-03-31`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() })
}

fn is_signed_for_s3(parts: &Parts) -> bool {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    header.contains("/s3/aws4_request") || query.contains("%2Fs3%2Faws4_request") || query.contains("/s3/aws4_request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn requests_find_their_service_by_target_path_or_content_type() {
        let of = |request: http::request::Builder| {
            let parts = request.body(()).expect("a request").into_parts().0;
            let service = Service::of(&parts);
            let claimed = if Service::claims(&parts) { "claimed" } else { "not claimed" };
            format!("{} {:?} {claimed}", service.name, service.protocol)
        };
        let signed =
            |service: &str| format!("AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/{service}/aws4_request, x");
        let target = |target: &str, kind: &str| {
            Request::post("/").header("x-amz-target", target).header("content-type", format!("application/{kind}"))
        };
        let functions = "/2015-03-31/functions";
        let cases = [
            of(target("DynamoDB_20120810.PutItem", "x-amz-json-1.0")),
            of(target("DynamoDBStreams_20120810.GetRecords", "x-amz-json-1.0")),
            of(target("AmazonSSM.GetParameter", "x-amz-json-1.1")),
            of(target("Kinesis_20131202.PutRecord", "x-amz-json-1.1")),
            of(target("Kinesis_20131202.PutRecord", "x-amz-cbor-1.1")),
            of(target("Elsewhere.GetParameter", "x-amz-json-1.1")),
            of(target("Elsewhere.GetParameter", "x-amz-json-1.0")),
            of(Request::post("/").header("content-type", "application/x-amz-json-1.1")),
            of(Request::get(functions)),
            of(Request::put("/2017-03-31/tags/arn%3Aaws%3Alambda").header("authorization", signed("lambda"))),
            of(Request::get(functions).header("authorization", signed("s3"))),
            of(Request::get(format!("{functions}?X-Amz-Credential=a%2F20150830%2Fus-east-1%2Fs3%2Faws4_request"))),
            of(Request::get("/2015-03-31")),
            of(Request::get("/2015-3-31/functions")),
            of(Request::get("/functions")),
        ];
        expect_test::expect![[r#"
            dynamodb Json10 claimed
            dynamodb Json10 claimed
            ssm Json11 claimed
            kinesis Json11 claimed
            kinesis Json11 claimed
             Json11 claimed
            dynamodb Json10 claimed
             Json11 claimed
            lambda Rest claimed
            lambda Rest claimed
            dynamodb Json10 not claimed
            dynamodb Json10 not claimed
            dynamodb Json10 not claimed
            dynamodb Json10 not claimed
            dynamodb Json10 not claimed"#]]
        .assert_eq(&cases.join("\n"));
    }
}
