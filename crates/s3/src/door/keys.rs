//! Whom the door lets in. Where keys are configured s3s checks signatures, and an operation needs a key that allows it.
//! Where none are, signatures are taken as given, and taken off.

use super::{
    AccessKey, Shared, addressing,
    fault::{custom, fault, usual},
    operation::Operation,
};
use http::{Method, StatusCode, Uri, header, request::Parts};
use s3s::{
    S3ErrorCode, S3Result,
    auth::{S3Auth, SecretKey},
};
use std::collections::HashMap;
use wire::time;

/// Secrets, for s3s.
pub(super) struct Secrets(HashMap<String, SecretKey>);

impl Secrets {
    pub fn new(keys: &[AccessKey]) -> Secrets {
        Secrets(keys.iter().map(|key| (key.id.clone(), SecretKey::from(&*key.secret))).collect())
    }
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        self.0.get(access_key).cloned().ok_or_else(|| fault(S3ErrorCode::InvalidAccessKeyId, message))
    }
}

impl Shared {
    /// Whether a key allows an operation. Without keys, everybody may do everything.
    pub(super) fn permit(&self, key: Option<&str>, operation: Operation) -> S3Result<()> {
        if self.config.keys.is_empty() {
            return Ok(());
        }
        let denied = |message: String| Err(fault(S3ErrorCode::AccessDenied, message));
        let Some(found) = key.and_then(|key| self.config.keys.iter().find(|found| found.id == key)) else {
            return denied("Access Denied".to_owned());
        };
        if operation.needs() > found.access {
            let (account, user, name) = (&self.config.place.account, &found.id, operation.name());
            return denied(format!(
                "User: arn:aws:iam::{account}:user/{user} is not authorized to perform: s3:{name} because the key is \
                 read-only"
            ));
        }
        Ok(())
    }

    /// Lets a request in where no signatures are checked: takes its signature off, so that s3s does not look for a key.
    pub(super) fn take_as_given(&self, parts: &mut Parts) -> S3Result<()> {
        if from_foreign_page(parts) {
            let message = "Requests from pages of other hosts need a signature: start the server with a key";
            return Err(fault(S3ErrorCode::AccessDenied, message));
        }
        if is_rebound(parts, &self.config.hosts) {
            let message = "Under this host name requests need a signature: start the server with a key, or name the host \
                           with --page-host";
            return Err(fault(S3ErrorCode::AccessDenied, message));
        }
        if let Some(query) = parts.uri.query() {
            check_expiry(query, self.buckets.0.db.now_ms())?;
            parts.uri = without_signature(&parts.uri, query)?;
        }
        parts.headers.remove(header::AUTHORIZATION);
        Ok(())
    }
}

/// A presigned URL is good for as long as it says, whoever signed it.
fn check_expiry(query: &str, now_ms: u64) -> S3Result<()> {
    let find = |name: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    let ends = match (find("X-Amz-Date"), find("X-Amz-Expires"), find("Signature"), find("Expires")) {
        (Some((_, date)), Some((_, expires)), ..) => {
            time::parse_basic(date).zip(expires.parse::<u64>().ok()).map(|(begun, s)| begun + s.saturating_mul(1000))
        }
        // The old way.
        (_, _, Some(_), Some((_, ends))) => ends.parse::<u64>().ok().map(|ends| ends.saturating_mul(1000)),
        _ => return Ok(()),
    };
    match ends {
        Some(ends) if ends >= now_ms => Ok(()),
        Some(_) => Err(fault(S3ErrorCode::AccessDenied, "Request has expired")),
        None => Err(custom(
            "AuthorizationQueryParametersError",
            StatusCode::BAD_REQUEST,
            "X-Amz-Date must be a date, X-Amz-Expires a number of seconds, Expires a time in seconds",
        )),
    }
}

fn without_signature(uri: &Uri, query: &str) -> S3Result<Uri> {
    let is_signature =
        |pair: &&str| ["X-Amz-Signature", "Signature"].contains(&pair.split('=').next().unwrap_or_default());
    if !query.split('&').any(|pair| is_signature(&pair)) {
        return Ok(uri.clone());
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_signature(pair)).collect();
    let malformed = || fault(S3ErrorCode::InvalidURI, usual(&S3ErrorCode::InvalidURI).unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    let path = format!("{}?{}", uri.path(), kept.join("&"));
    parts.path_and_query = Some(path.parse().map_err(|_| malformed())?);
    Uri::from_parts(parts).map_err(|_| malformed())
}

/// Whether a page from anywhere could have sent this, by a name that it makes point here. Browsers do not say whose page
/// it is where they think that it asks its own host, and only asks; but they say by which name it came.
fn is_rebound(parts: &Parts, hosts: &[String]) -> bool {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return false;
    }
    let host = addressing::host(parts);
    let name = match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => &host[..at],
        _ => host,
    };
    let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]") || name.ends_with(".localhost");
    !is_local && !hosts.iter().any(|host| host == "*" || host.eq_ignore_ascii_case(name))
}

/// Whether a browser sends this for a page that is not this machine's. Where no signature protects the buckets, a page
/// from anywhere could write to them, by a name that it makes point here; browsers always say whose page it is.
fn from_foreign_page(parts: &Parts) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return false };
    let host = origin.to_str().unwrap_or_default().split_once("://").map_or("", |(_, rest)| rest);
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    !matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_come_by_a_name_of_their_own_are_not_answered() {
        let rebound = |method: &str, host: &str| {
            let request = http::Request::builder().method(method).uri("/cats/k").header("host", host);
            is_rebound(&request.body(()).expect("a request").into_parts().0, &["streamfold".to_owned()])
        };
        for host in ["localhost:8000", "127.0.0.1", "[::1]:8000", "cats.s3.localhost:8000", "streamfold:8000"] {
            assert!(!rebound("GET", host), "{host}");
        }
        assert!(rebound("GET", "evil.example:8000") && rebound("HEAD", "localhost.evil.example"));
        assert!(!rebound("PUT", "evil.example"), "browsers say whose page writes");
    }
}
