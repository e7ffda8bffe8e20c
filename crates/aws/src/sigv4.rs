//! AWS Signature Version 4, verified: signed again from what was received and compared in constant time. Knows no
//! operations. Signatures in the query string (presigned URLs) are not taken: these doors have no use for them.

use crate::{
    AccessKey,
    protocol::{Code, Fault},
    time,
};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, request::Parts};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How far a client's clock may be off.
const SKEW_MS: u64 = 15 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Derived keys kept: a day's, for the keys and regions in use.
const DERIVED_MAX: usize = 64;

/// Checks signatures against the configured keys.
pub(crate) struct Verifier {
    secrets: HashMap<String, String>,
    service: &'static str,
    /// Ready-keyed HMACs by `access key/date/region`: deriving one costs four more.
    derived: Mutex<HashMap<String, Hmac<Sha256>>>,
}

/// The `Authorization` header, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// `keyid/date/region/service/aws4_request`.
struct Credential<'a> {
    key: &'a str,
    /// From the date on.
    scope: &'a str,
    date: &'a str,
    region: &'a str,
}

/// Who a request says it is from, where no signature is checked.
pub(crate) fn claimed_key(headers: &HeaderMap) -> &str {
    let header = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let credential = header.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split(['/', ',']).next().unwrap_or("")
}

impl Verifier {
    pub fn new(keys: &[AccessKey], service: &'static str) -> Verifier {
        let secrets = keys.iter().map(|key| (key.id.clone(), key.secret.clone())).collect();
        Verifier { secrets, service, derived: Mutex::default() }
    }

    /// Checks a request; answers the access key it is signed with.
    pub fn verify<'p>(&self, parts: &'p Parts, body: &[u8], now_ms: u64) -> Result<&'p str, Fault> {
        let missing = || Fault::new(Code::MissingAuthenticationToken, "Request is missing Authentication Token");
        let header = parts.headers.get(http::header::AUTHORIZATION).ok_or_else(missing)?;
        let header = header.to_str().map_err(|_| missing())?.trim();
        if !header.starts_with("AWS4-") {
            return Err(missing());
        }
        let date = parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok());
        let authorization = authorization(header, date.is_some())?;
        let date = date.unwrap_or_default();
        fresh(date, now_ms)?;
        if !authorization.signed_headers.split(';').any(|name| name.eq_ignore_ascii_case("host")) {
            return Err(invalid("'Host' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let algorithm = header.split(' ').next().unwrap_or_default();
        if algorithm != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). "
            )));
        }
        let credential = credential(authorization.credential, self.service, date)?;
        let secret = self.secrets.get(credential.key).ok_or_else(|| {
            Fault::new(Code::UnrecognizedClient, "The security token included in the request is invalid.")
        })?;
        let mut mac = self.keyed(secret, &credential);
        let canonical = hex(&canonical_hash(parts, authorization.signed_headers, body)?);
        for part in [ALGORITHM, "\n", date, "\n", credential.scope, "\n", &canonical] {
            mac.update(part.as_bytes());
        }
        let signature = unhex(authorization.signature).ok_or_else(mismatch)?;
        mac.verify_slice(&signature).map_err(|_| mismatch())?;
        Ok(credential.key)
    }

    /// An HMAC with the key derived from the secret, the date, the region and the service.
    fn keyed(&self, secret: &str, credential: &Credential<'_>) -> Hmac<Sha256> {
        let name = format!("{}/{}/{}", credential.key, credential.date, credential.region);
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mac) = derived.get(&name) {
            return mac.clone();
        }
        // Full of yesterday's, or somebody plays with regions; both are over when all are forgotten.
        if derived.len() >= DERIVED_MAX {
            derived.clear();
        }
        let mac = derive(secret, [credential.date, credential.region, self.service]);
        derived.insert(name, mac.clone());
        mac
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidSignature, message)
}

fn incomplete(message: impl Into<String>) -> Fault {
    Fault::new(Code::IncompleteSignature, message)
}

fn mismatch() -> Fault {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    )
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn derive(secret: &str, scope: [&str; 3]) -> Hmac<Sha256> {
    let mut mac = keyed(format!("AWS4{secret}").as_bytes());
    for part in scope.into_iter().chain(["aws4_request"]) {
        mac.update(part.as_bytes());
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac
}

fn authorization(header: &str, dated: bool) -> Result<Authorization<'_>, Fault> {
    let parameters = header.split_once(' ').map_or("", |(_, rest)| rest);
    let find = |name: &str| {
        parameters
            .split([',', ' '])
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
    };
    let found = [find("Credential"), find("Signature"), find("SignedHeaders")];
    if let ([Some(credential), Some(signature), Some(signed_headers)], true) = (found, dated) {
        return Ok(Authorization { credential, signed_headers, signature });
    }
    let mut message = String::new();
    for (name, found) in ["Credential", "Signature", "SignedHeaders"].into_iter().zip(found) {
        if found.is_none() {
            message.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if !dated {
        message.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    // Unlike AWS's, the message does not repeat the header: it may end in logs.
    Err(incomplete(message.trim_end()))
}

/// Whether the request's date is near enough to the clock.
fn fresh(date: &str, now_ms: u64) -> Result<(), Fault> {
    let signed_ms = time::parse_basic(date).ok_or_else(|| {
        incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })?;
    let now = time::basic(now_ms);
    // Cut to whole seconds as the date is.
    let now_ms = now_ms - now_ms % 1000;
    if signed_ms + SKEW_MS < now_ms {
        let earliest = time::basic(now_ms - SKEW_MS);
        return Err(invalid(format!("Signature expired: {date} is now earlier than {earliest} ({now} - 15 min.)")));
    }
    if signed_ms > now_ms + SKEW_MS {
        let latest = time::basic(now_ms + SKEW_MS);
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 15 min.)"
        )));
    }
    Ok(())
}

/// Takes a credential apart. Any region will do: this server is every region's.
fn credential<'a>(text: &'a str, service: &str, date: &str) -> Result<Credential<'a>, Fault> {
    let parts: Vec<&str> = text.trim_end_matches('/').split('/').collect();
    let [key, day, region, signed_service, terminator] = parts[..] else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
        )));
    };
    let mut message = String::new();
    if signed_service != service {
        message.push_str(&format!("Credential should be scoped to correct service: '{service}'. "));
    }
    if terminator != "aws4_request" {
        message.push_str(&format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. "
        ));
    }
    if date.get(..8) != Some(day) {
        let signed_day = date.get(..8).unwrap_or_default();
        message.push_str(&format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{day}' != '{signed_day}', from '{date}'. "
        ));
    }
    if !message.is_empty() {
        return Err(invalid(message.trim_end()));
    }
    let scope = &text.trim_end_matches('/')[key.len() + 1..];
    Ok(Credential { key, scope, date: day, region })
}

/// SHA-256 of the canonical request, fed to the hash piece by piece.
fn canonical_hash(parts: &Parts, signed_headers: &str, body: &[u8]) -> Result<[u8; 32], Fault> {
    let mut hash = Sha256::new();
    hash.update(parts.method.as_str());
    hash.update("\n");
    hash.update(canonical_path(parts.uri.path()).as_bytes());
    hash.update("\n");
    hash.update(canonical_query(parts.uri.query().unwrap_or_default()).as_bytes());
    hash.update("\n");
    for name in signed_headers.split(';') {
        canonical_header(&mut hash, parts, name)?;
    }
    hash.update("\n");
    hash.update(signed_headers);
    hash.update("\n");
    // Always of the body received: a client that signed another hash does not match.
    hash.update(hex(&Sha256::digest(body)));
    Ok(hash.finalize().into())
}

/// `name:value`, values of a repeated header joined by commas, spaces trimmed and runs of them made one.
fn canonical_header(hash: &mut Sha256, parts: &Parts, name: &str) -> Result<(), Fault> {
    hash.update(name.to_ascii_lowercase());
    hash.update(":");
    let mut any = false;
    for value in parts.headers.get_all(name) {
        if std::mem::replace(&mut any, true) {
            hash.update(",");
        }
        for (place, word) in value.as_bytes().split(|byte| *byte == b' ').filter(|word| !word.is_empty()).enumerate() {
            if place > 0 {
                hash.update(" ");
            }
            hash.update(word);
        }
    }
    if !any {
        // HTTP/2 has the host in the URI.
        match parts.uri.authority() {
            Some(authority) if name.eq_ignore_ascii_case("host") => hash.update(authority.as_str()),
            _ => return Err(mismatch()),
        }
    }
    hash.update("\n");
    Ok(())
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn percent_encode(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// The path, dots resolved, each byte encoded once more than it was received.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    for segment in &segments {
        out.push('/');
        for byte in segment.bytes() {
            if unreserved(byte) { out.push(char::from(byte)) } else { percent_encode(&mut out, byte) }
        }
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// The query's parameters as received (clients encode them already), sorted by name and value.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let encoded: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    encoded.join("&")
}

fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]).map(char::from).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests;
