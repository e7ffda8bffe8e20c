//! AWS Signature Version 4, verified: signed again from what was received and compared in constant time. Knows no
//! operations. Signatures in the query string (presigned URLs) are not taken: these doors have no use for them.

use crate::{
    AccessKey,
    protocol::{Code, Fault},
    time,
};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, request::Parts};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How far a client's clock may be off.
const SKEW_MS: u64 = 15 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// Derived keys kept: a day's, for the keys and regions in use.
const DERIVED_MAX: usize = 64;

/// Checks signatures against the configured keys.
pub(crate) struct Verifier {
    secrets: HashMap<String, String>,
    service: &'static str,
    /// Deriving a key costs four HMACs more. There are few, so they are looked through.
    derived: Mutex<Vec<Derived>>,
}

/// A ready-keyed HMAC, and what its key was derived from besides the secret.
struct Derived {
    key: String,
    date: String,
    region: String,
    mac: Hmac<Sha256>,
}

impl Derived {
    fn is_for(&self, credential: &Credential<'_>) -> bool {
        self.date == credential.date && self.region == credential.region && self.key == credential.key
    }
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
        let date = parts.headers.get(X_AMZ_DATE).and_then(|value| value.to_str().ok());
        let authorization = authorization(header, date.is_some())?;
        let date = date.unwrap_or_default();
        fresh(date, now_ms)?;
        if !authorization.signed_headers.split(';').any(|name| name.eq_ignore_ascii_case("host")) {
            return Err(invalid("'Host' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let algorithm = cut(header, b' ').map_or(header, |(algorithm, _)| algorithm);
        if algorithm != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). "
            )));
        }
        let credential = credential(authorization.credential, self.service, date)?;
        let mut mac = self.keyed(&credential)?;
        let canonical = hex(Sha256::digest(canonical(parts, authorization.signed_headers, body)?).into());
        let scope = credential.scope.as_bytes();
        mac.update(&[ALGORITHM.as_bytes(), b"\n", date.as_bytes(), b"\n", scope, b"\n", &canonical].concat());
        let signature = unhex(authorization.signature).ok_or_else(mismatch)?;
        mac.verify_slice(&signature).map_err(|_| mismatch())?;
        Ok(credential.key)
    }

    /// An HMAC with the key derived from the secret, the date, the region and the service.
    fn keyed(&self, credential: &Credential<'_>) -> Result<Hmac<Sha256>, Fault> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = derived.iter().find(|derived| derived.is_for(credential)) {
            return Ok(found.mac.clone());
        }
        let secret = self.secrets.get(credential.key).ok_or_else(|| {
            Fault::new(Code::UnrecognizedClient, "The security token included in the request is invalid.")
        })?;
        // Full of yesterday's, or somebody plays with regions; both are over when all are forgotten.
        if derived.len() >= DERIVED_MAX {
            derived.clear();
        }
        let mac = derive(secret, [credential.date, credential.region, self.service]);
        let Credential { key, date, region, scope: _ } = *credential;
        derived.push(Derived { key: key.into(), date: date.into(), region: region.into(), mac: mac.clone() });
        Ok(mac)
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

/// Parameters of the `Authorization` header, in the order of complaints.
const PARAMETERS: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];

/// As `split_once` with one ASCII character, but quick on texts as short as these.
fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == mark)?;
    Some((&text[..at], &text[at + 1..]))
}

fn authorization(header: &str, dated: bool) -> Result<Authorization<'_>, Fault> {
    let mut found = [None; 3];
    let mut rest = cut(header, b' ').map_or("", |(_, parameters)| parameters);
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
        let place = cut(&rest[..end], b'=').filter(|(_, value)| !value.is_empty()).and_then(|(name, value)| {
            let place = PARAMETERS.iter().position(|parameter| *parameter == name)?;
            Some((place, value))
        });
        if let Some((place, value)) = place {
            found[place].get_or_insert(value);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    if let ([Some(credential), Some(signature), Some(signed_headers)], true) = (found, dated) {
        return Ok(Authorization { credential, signed_headers, signature });
    }
    let mut message = String::new();
    for (name, found) in PARAMETERS.into_iter().zip(found) {
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
    // Cut to whole seconds as the date is.
    let now_ms = now_ms - now_ms % 1000;
    if signed_ms + SKEW_MS < now_ms {
        let (now, earliest) = (time::basic(now_ms), time::basic(now_ms - SKEW_MS));
        return Err(invalid(format!("Signature expired: {date} is now earlier than {earliest} ({now} - 15 min.)")));
    }
    if signed_ms > now_ms + SKEW_MS {
        let (now, latest) = (time::basic(now_ms), time::basic(now_ms + SKEW_MS));
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 15 min.)"
        )));
    }
    Ok(())
}

/// Takes a credential apart. Any region will do: this server is every region's.
fn credential<'a>(text: &'a str, service: &str, date: &str) -> Result<Credential<'a>, Fault> {
    let mut parts = text.trim_end_matches('/').as_bytes().split(|byte| *byte == b'/');
    let mut part = || parts.next().map(|part| std::str::from_utf8(part).expect("cut at ASCII characters"));
    let five = [part(), part(), part(), part(), part()];
    let ([Some(key), Some(day), Some(region), Some(signed_service), Some(terminator)], None) = (five, part()) else {
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

/// The canonical request, in one piece: hashing many small ones costs more than putting them together.
fn canonical(parts: &Parts, signed_headers: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    canonical_path(parts.uri.path(), &mut out);
    out.push(b'\n');
    canonical_query(parts.uri.query().unwrap_or_default(), &mut out);
    out.push(b'\n');
    for name in signed_headers.as_bytes().split(|byte| *byte == b';') {
        canonical_header(parts, name, &mut out)?;
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    // Always of the body received: a client that signed another hash does not match.
    out.extend_from_slice(&hex(Sha256::digest(body).into()));
    Ok(out)
}

/// `name:value`, values of a repeated header joined by commas, spaces trimmed and runs of them made one.
fn canonical_header(parts: &Parts, name: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let name = HeaderName::from_bytes(name).map_err(|_| mismatch())?;
    let mut any = false;
    for value in parts.headers.get_all(&name) {
        if std::mem::replace(&mut any, true) {
            out.push(b',');
        }
        for (place, word) in value.as_bytes().split(|byte| *byte == b' ').filter(|word| !word.is_empty()).enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    if !any {
        // HTTP/2 has the host in the URI.
        match parts.uri.authority() {
            Some(authority) if name == http::header::HOST => out.extend_from_slice(authority.as_str().as_bytes()),
            _ => return Err(mismatch()),
        }
    }
    out.push(b'\n');
    Ok(())
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn percent_encode(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// The path, dots resolved, each byte encoded once more than it was received.
fn canonical_path(path: &str, out: &mut Vec<u8>) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    for segment in &segments {
        out.push(b'/');
        for byte in segment.bytes() {
            if unreserved(byte) { out.push(byte) } else { percent_encode(out, byte) }
        }
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// The query's parameters as received (clients encode them already), sorted by name and value.
fn canonical_query(query: &str, out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let encoded: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    out.extend_from_slice(encoded.join("&").as_bytes());
}

fn hex(bytes: [u8; 32]) -> [u8; 64] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    out
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut out = [0; 32];
    let mut strange = 0;
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        // Without a branch per digit, which would be guessed wrong every second time.
        strange |= high | low;
        *byte = high << 4 | low & 15;
    }
    (strange < 16).then_some(out)
}

/// Values of hexadecimal digits; 255 for what is none.
static DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests;
