//! Whether a request is for this door, and where its bucket stands: in its path, or before its host.

use http::{HeaderMap, Method, header, request::Parts};
use s3s::{
    S3Result,
    host::{S3Host, VirtualHost},
};

/// Hosts that buckets stand before, as in `BUCKET.s3.localhost`. The longer one first.
const BASES: [&str; 2] = ["s3.localhost", "localhost"];

/// What tells an unsigned request of an S3 client from a browser's: headers of these names, or that begin so.
const HEADERS: [&str; 8] = [
    "x-amz-acl",
    "x-amz-checksum-",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-meta-",
    "x-amz-sdk-checksum-",
    "x-amz-storage-class",
    "x-amz-tagging",
];

/// The bucket that stands before a host, if one does. An address or another name has none.
pub(super) fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    if BASES.contains(&name) {
        return None;
    }
    BASES.iter().find_map(|base| name.strip_suffix(base)?.strip_suffix('.')).filter(|bucket| !bucket.is_empty())
}

pub(super) fn host(parts: &Parts) -> &str {
    let header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// The first segment of a path, and whether there is anything behind it.
fn first_segment(path: &str) -> (&str, bool) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').map_or((path, false), |(first, rest)| (first, !rest.is_empty()))
}

/// Whether a request is about an object, not about a bucket or all buckets.
pub(super) fn is_about_object(parts: &Parts) -> bool {
    let path = parts.uri.path();
    if bucket_of_host(host(parts)).is_some() { path.len() > 1 } else { first_segment(path).1 }
}

/// For which service a request is signed; `None`: it is not signed in a way that tells.
fn service(parts: &Parts) -> Option<String> {
    let in_header = header_text(&parts.headers, header::AUTHORIZATION.as_str()).and_then(|text| {
        let credential = text.strip_prefix("AWS4-")?.split_once("Credential=")?.1;
        credential.split([',', ' ']).next().map(str::to_owned)
    });
    let in_query = || {
        let query = parts.uri.query()?;
        let credential = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        Some(credential.replace("%2F", "/").replace("%2f", "/"))
    };
    // KEY/DATE/REGION/SERVICE/aws4_request, counted from the end: a key may have slashes.
    in_header.or_else(in_query)?.rsplit('/').nth(1).map(str::to_owned)
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a request is for this door, given the first segments of others' paths and which buckets there are. The JSON
/// doors come first: what names an operation of theirs is not asked about.
pub(super) fn is_claimed(parts: &Parts, others: &[&str], is_bucket: impl Fn(&str) -> bool) -> bool {
    if let Some(service) = service(parts) {
        return service == "s3";
    }
    let signed_the_old_way = header_text(&parts.headers, header::AUTHORIZATION.as_str())
        .is_some_and(|text| text.starts_with("AWS ") && text.contains(':'));
    if signed_the_old_way || bucket_of_host(host(parts)).is_some_and(&is_bucket) {
        return true;
    }
    let (first, _) = first_segment(parts.uri.path());
    if first.is_empty() || others.contains(&first) {
        return false;
    }
    let is_own = |name: &http::HeaderName| {
        HEADERS.iter().any(|own| name.as_str() == *own || own.ends_with('-') && name.as_str().starts_with(own))
    };
    let is_plain = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(&parts.method);
    parts.headers.keys().any(is_own) || is_plain && is_bucket(first)
}

/// Tells s3s where a bucket stands.
pub(super) struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let plain = VirtualHost::new(host);
        Ok(match bucket_of_host(host) {
            Some(bucket) => plain.with_bucket(bucket),
            None => plain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn a_request_is_claimed_by_its_signature_its_headers_or_its_bucket() {
        let is_bucket = |name: &str| ["cats", "tables"].contains(&name);
        let claimed = |method: &str, uri: &str, headers: &[(&str, &str)]| {
            is_claimed(&request(method, uri, headers), &["tables"], is_bucket)
        };
        for uri in ["/", "/cats/k", "/tables/x", "/none"] {
            assert!(claimed("GET", uri, &[("authorization", &signed("s3"))]), "{uri}");
            assert!(!claimed("GET", uri, &[("authorization", &signed("lambda"))]), "{uri}");
        }
        assert!(claimed("PUT", "/none", &[("authorization", "AWS key:signature")]));
        let presigned =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20260101%2Fus-east-1%2Fs3%2Faws4_request";
        assert!(claimed("GET", &format!("/none/k?{presigned}"), &[]));
        assert!(!claimed("GET", &format!("/none/k?{}", presigned.replace("s3", "dynamodb")), &[]));
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            assert!(claimed(method, "/cats/k", &[]), "{method}");
            assert!(!claimed(method, "/none/k", &[]), "{method}");
            assert!(!claimed(method, "/tables/k", &[]), "a page's path stays a page's: {method}");
        }
        assert!(!claimed("POST", "/cats/k", &[]));
        assert!(claimed("PUT", "/none", &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]));
        assert!(claimed("PUT", "/none", &[("x-amz-meta-colour", "red")]));
        assert!(!claimed("POST", "/2015-03-31/functions/f/invocations", &[("x-amz-invocation-type", "Event")]));
        assert!(claimed("GET", "/tables/k", &[("host", "cats.s3.localhost:8000")]));
        assert!(claimed("GET", "/", &[("host", "cats.localhost:8000")]));
        assert!(!claimed("GET", "/", &[("host", "dogs.localhost:8000")]));
        assert!(!claimed("GET", "/", &[("host", "s3.localhost:8000")]));
    }

    #[test]
    fn a_bucket_stands_before_the_host_or_in_the_path() {
        for (host, bucket) in [
            ("cats.s3.localhost:8000", Some("cats")),
            ("cats.localhost", Some("cats")),
            ("www.cats.com.s3.localhost", Some("www.cats.com")),
            ("s3.localhost:8000", None),
            ("localhost:8000", None),
            (".localhost", None),
            ("127.0.0.1:8000", None),
            ("[::1]:8000", None),
            ("streamfold:8000", None),
            ("notlocalhost", None),
        ] {
            assert_eq!(bucket_of_host(host), bucket, "{host}");
        }
        let about = |uri: &str, host: &str| is_about_object(&request("PUT", uri, &[("host", host)]));
        assert!(about("/cats/k", "localhost") && about("/k", "cats.localhost"));
        assert!(!about("/cats/", "localhost") && !about("/cats", "localhost") && !about("/", "cats.localhost"));
    }
}
