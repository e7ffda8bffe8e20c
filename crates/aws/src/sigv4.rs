//! AWS Signature Version 4, verified: signed again from what was received and compared in constant time. Knows no
//! operations. What is checked, in which order and in which words: dynalite's `index.js`, measured on AWS, and
//! `scratchstack-aws-signature`.

use crate::{
    Access, AccessKey,
    protocol::{Code, Fault},
    uri,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, DATE},
    request::Parts,
};
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use wire::time;

/// How far a client's clock may be off.
const SKEW_MS: u64 = 15 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// Canonical requests up to about this size are hashed in one piece.
const CANONICAL_BYTES: usize = 1024;
/// Derived keys kept: a day's, for the keys and services in use.
const DERIVED_MAX: usize = 64;

/// Longest that a signature in the query can be good for: a week.
const EXPIRES_MAX_S: u64 = 7 * 24 * 60 * 60;

/// Checks signatures against the configured keys.
pub(crate) struct Verifier {
    keys: HashMap<String, AccessKey>,
    region: String,
    /// Deriving a key costs four HMACs more. There are few, so they are looked through.
    derived: Mutex<Vec<Derived>>,
}

/// A ready-keyed HMAC, and what its key was derived from besides the secret and what is the same for all.
struct Derived {
    key: String,
    date: String,
    service: &'static str,
    mac: Hmac<Sha256>,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller<'c> {
    pub key: &'c str,
    pub access: Access,
}

/// What a request says about its signature, in its `Authorization` header or in its query.
#[derive(Debug, PartialEq, Eq)]
struct Signed<'p> {
    algorithm: Cow<'p, str>,
    credential: Cow<'p, str>,
    signed_headers: Cow<'p, str>,
    signature: Cow<'p, str>,
    date: Cow<'p, str>,
    /// How long it is good for, where that is not the usual quarter of an hour.
    expires_ms: Option<u64>,
    in_query: bool,
}

/// `keyid/date/region/service/aws4_request`.
struct Credential<'a> {
    key: &'a str,
    /// From the date on.
    scope: &'a str,
    date: &'a str,
}

/// Who a request says it is from, where no signature is checked.
pub(crate) fn claimed_key(headers: &HeaderMap) -> &str {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let credential = header.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split(['/', ',']).next().unwrap_or("")
}

impl Verifier {
    pub fn new(keys: &[AccessKey], region: &str) -> Verifier {
        let keys = keys.iter().map(|key| (key.id.clone(), key.clone())).collect();
        Verifier { keys, region: region.to_owned(), derived: Mutex::default() }
    }

    /// Checks a request for a service; answers whose it is. A session token (`X-Amz-Security-Token`) may stand beside the signature
    /// and is not looked at: there is nobody here who hands them out.
    pub fn verify(&self, service: &'static str, parts: &Parts, body: &[u8], now_ms: u64) -> Result<Caller<'_>, Fault> {
        let signed = Signed::of(parts)?;
        fresh(&signed, now_ms)?;
        if !pieces(&signed.signed_headers, |byte| byte == b';').any(|name| name.eq_ignore_ascii_case("host")) {
            return Err(invalid("'Host' must be a 'SignedHeader' in the AWS Authorization."));
        }
        if signed.algorithm != ALGORITHM {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': '{}' (only AWS4-HMAC-SHA256 for now). ",
                signed.algorithm
            )));
        }
        let credential = self.credential(service, &signed)?;
        let key = self.keys.get(credential.key).ok_or_else(|| {
            Fault::new(Code::UnrecognizedClient, "The security token included in the request is invalid.")
        })?;
        let mut mac = self.keyed(service, key, &credential);
        let canonical = hex(canonical_hash(parts, &signed, body)?);
        let (date, scope) = (signed.date.as_bytes(), credential.scope.as_bytes());
        mac.update(&[ALGORITHM.as_bytes(), b"\n", date, b"\n", scope, b"\n", &canonical].concat());
        let signature = unhex(&signed.signature).ok_or_else(mismatch)?;
        mac.verify_slice(&signature).map_err(|_| mismatch())?;
        Ok(Caller { key: &key.id, access: key.access })
    }

    /// Takes a credential apart, and tells everything that is wrong with its scope at once.
    fn credential<'a>(&self, expected: &str, signed: &'a Signed<'_>) -> Result<Credential<'a>, Fault> {
        let text = signed.credential.trim_end_matches('/');
        let mut parts = pieces(text, |byte| byte == b'/');
        let mut part = || parts.next();
        let five = [part(), part(), part(), part(), part()];
        let ([Some(key), Some(day), Some(region), Some(service), Some(terminator)], None) = (five, part()) else {
            let text = &signed.credential;
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
            )));
        };
        let date = &*signed.date;
        let signed_day = date.get(..8).unwrap_or_default();
        let mut wrong = String::new();
        if region != self.region {
            wrong += &format!("Credential should be scoped to a valid region, not '{region}'. ");
        }
        if service != expected {
            wrong += &format!("Credential should be scoped to correct service: '{expected}'. ");
        }
        if terminator != "aws4_request" {
            wrong +=
                &format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. ");
        }
        if day != signed_day {
            wrong += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{day}' != '{signed_day}', from '{date}'. "
            );
        }
        if !wrong.is_empty() {
            return Err(invalid(wrong.trim_end()));
        }
        Ok(Credential { key, scope: &text[key.len() + 1..], date: day })
    }

    /// An HMAC with the key derived from the secret, the date, the region and the service.
    fn keyed(&self, service: &'static str, key: &AccessKey, credential: &Credential<'_>) -> Hmac<Sha256> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |derived: &&Derived| derived.date == credential.date && derived.key == key.id && derived.service == service;
        if let Some(found) = derived.iter().find(same) {
            return found.mac.clone();
        }
        // Full of yesterday's.
        if derived.len() >= DERIVED_MAX {
            derived.clear();
        }
        let mac = derive(&key.secret, [credential.date, &self.region, service]);
        derived.push(Derived { key: key.id.clone(), date: credential.date.to_owned(), service, mac: mac.clone() });
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

/// As `split_once`, at ASCII characters only, but quick on texts as short as these.
fn cut(text: &str, mark: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let at = text.bytes().position(mark)?;
    Some((&text[..at], &text[at + 1..]))
}

/// As `split`, with the same restriction for the same reason.
fn pieces(text: &str, mark: impl Fn(u8) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let parted = cut(text, &mark);
        rest = parted.map(|(_, rest)| rest);
        Some(parted.map_or(text, |(piece, _)| piece))
    })
}

/// Parameters of the `Authorization` header, in the order of complaints.
const PARAMETERS: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];

impl<'p> Signed<'p> {
    fn of(parts: &'p Parts) -> Result<Signed<'p>, Fault> {
        let query = parts.uri.query().unwrap_or_default();
        let in_query = pieces(query, |byte| byte == b'&').any(|pair| pair.split('=').next() == Some("X-Amz-Algorithm"));
        match (parts.headers.get(AUTHORIZATION), in_query) {
            (Some(_), true) => {
                Err(invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."))
            }
            (None, true) => Signed::in_query(query),
            (Some(header), false) => {
                let header = header.to_str().map_err(|_| missing())?.trim();
                Signed::in_header(header, &parts.headers)
            }
            (None, false) => Err(missing()),
        }
    }

    fn in_header(header: &'p str, headers: &'p HeaderMap) -> Result<Signed<'p>, Fault> {
        if !header.starts_with("AWS4-") {
            return Err(missing());
        }
        let date = headers.get(X_AMZ_DATE).or_else(|| headers.get(DATE)).and_then(|value| value.to_str().ok());
        let (algorithm, parameters) = cut(header, |byte| byte == b' ').unwrap_or((header, ""));
        // As AWS does by now, messages repeat the header's hash, not the header: they end in logs.
        let hash = || STANDARD.encode(Sha256::digest(header));
        let mut found = [None; 3];
        for pair in pieces(parameters, |byte| matches!(byte, b',' | b' ')).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = cut(pair, |byte| byte == b'=') else {
                return Err(incomplete(format!(
                    "'{pair}' not a valid key=value pair (missing equal-sign) in Authorization header (hashed with \
                     SHA-256 and encoded with Base64): '{}'.",
                    hash()
                )));
            };
            if let Some(place) = PARAMETERS.iter().position(|parameter| *parameter == name) {
                found[place].get_or_insert(value);
            }
        }
        let found = found.map(|value| value.filter(|value| !value.is_empty()));
        if let ([Some(credential), Some(signature), Some(signed_headers)], Some(date)) = (found, date) {
            return Ok(Signed {
                algorithm: algorithm.into(),
                credential: credential.into(),
                signed_headers: signed_headers.into(),
                signature: signature.into(),
                date: date.into(),
                expires_ms: None,
                in_query: false,
            });
        }
        let mut message = String::new();
        for (name, _) in PARAMETERS.iter().zip(found).filter(|(_, found)| found.is_none()) {
            message += &format!("Authorization header requires '{name}' parameter. ");
        }
        if date.is_none() {
            message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
        }
        Err(incomplete(format!("{message}(Hashed with SHA-256 and encoded with Base64) Authorization={}", hash())))
    }

    /// A presigned URL.
    fn in_query(query: &'p str) -> Result<Signed<'p>, Fault> {
        let find = |name: &str| {
            let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
            values.next().map(|(_, value)| uri::decode_text(value)).filter(|value| !value.is_empty())
        };
        let names = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
        let found = names.map(find);
        let absent: String = (names.iter().zip(&found).filter(|(_, found)| found.is_none()))
            .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
        let [Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)] = found else {
            return Err(incomplete(format!("{absent}Re-examine the query-string parameters.")));
        };
        let expires = |text: Cow<'_, str>| match text.parse() {
            Ok(seconds @ 1..=EXPIRES_MAX_S) => Ok(seconds * 1000),
            _ => Err(incomplete(format!("X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_MAX_S}."))),
        };
        let expires_ms = find("X-Amz-Expires").map(expires).transpose()?;
        Ok(Signed { algorithm, credential, signed_headers, signature, date, expires_ms, in_query: true })
    }
}

fn missing() -> Fault {
    Fault::new(Code::MissingAuthenticationToken, "Request is missing Authentication Token")
}

/// Whether the request's date is near enough to the clock.
fn fresh(signed: &Signed<'_>, now_ms: u64) -> Result<(), Fault> {
    let date = &signed.date;
    let signed_ms = time::parse_basic(date).ok_or_else(|| {
        incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })?;
    // Cut to whole seconds as the date is.
    let now_ms = now_ms - now_ms % 1000;
    let good_ms = signed.expires_ms.unwrap_or(SKEW_MS);
    if signed_ms + good_ms < now_ms {
        let (now, earliest) = (time::basic(now_ms), time::basic(now_ms - good_ms));
        let good = match good_ms % 60_000 {
            0 => format!("{} min.", good_ms / 60_000),
            _ => format!("{} sec.", good_ms / 1000),
        };
        return Err(invalid(format!("Signature expired: {date} is now earlier than {earliest} ({now} - {good})")));
    }
    if signed_ms > now_ms + SKEW_MS {
        let (now, latest) = (time::basic(now_ms), time::basic(now_ms + SKEW_MS));
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 15 min.)"
        )));
    }
    Ok(())
}

/// SHA-256 of the canonical request, put together first: hashing many small pieces costs more.
fn canonical_hash(parts: &Parts, signed: &Signed<'_>, body: &[u8]) -> Result<[u8; 32], Fault> {
    let mut hash = Sha256::new();
    let mut out = Vec::with_capacity(CANONICAL_BYTES);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    canonical_path(parts.uri.path(), &mut out);
    out.push(b'\n');
    canonical_query(parts.uri.query().unwrap_or_default(), signed.in_query, &mut out);
    out.push(b'\n');
    for name in pieces(&signed.signed_headers, |byte| byte == b';') {
        canonical_header(parts, name, &mut out)?;
        // Whoever names a long header over and over gets no memory for it.
        if out.len() > CANONICAL_BYTES {
            hash.update(&out);
            out.clear();
        }
    }
    out.push(b'\n');
    out.extend_from_slice(signed.signed_headers.as_bytes());
    out.push(b'\n');
    // Always of the body received: a client that signed another hash does not match.
    out.extend_from_slice(&hex(Sha256::digest(body).into()));
    hash.update(&out);
    Ok(hash.finalize().into())
}

/// `name:value`, values of a repeated header joined by commas, spaces trimmed and runs of them made one.
fn canonical_header(parts: &Parts, name: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    out.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b':');
    let mut any = false;
    for value in parts.headers.get_all(name) {
        if std::mem::replace(&mut any, true) {
            out.push(b',');
        }
        if !value.as_bytes().contains(&b' ') {
            out.extend_from_slice(value.as_bytes());
            continue;
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
            Some(authority) if name.eq_ignore_ascii_case("host") => {
                out.extend_from_slice(authority.as_str().as_bytes());
            }
            _ => return Err(mismatch()),
        }
    }
    out.push(b'\n');
    Ok(())
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
            encoded(byte, out);
        }
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

fn encoded(byte: u8, out: &mut Vec<u8>) {
    if uri::unreserved(byte) { out.push(byte) } else { uri::encode(out, byte) }
}

/// The query's parameters, encoded as clients should have done already, sorted by name and value; without the signature,
/// where it is among them.
fn canonical_query(query: &str, signed: bool, out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let normal = |text: &str| {
        let mut normal = Vec::with_capacity(text.len());
        uri::decode(text).iter().for_each(|byte| encoded(*byte, &mut normal));
        normal
    };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| !(signed && *name == "X-Amz-Signature"))
        .map(|(name, value)| (normal(name), normal(value)))
        .collect();
    pairs.sort_unstable();
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
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

/// The signature of a request to a path that needs no encoding, for tests; `scope` begins with the access key's id.
#[cfg(test)]
pub(crate) fn sign(
    secret: &str,
    scope: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let parts: Vec<&str> = scope.split('/').collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let hex = |bytes: [u8; 32]| String::from_utf8_lossy(&hex(bytes)).into_owned();
    let body = hex(Sha256::digest(body).into());
    let canonical = format!("{method}\n{path}\n\n{lines}\n{}\n{body}", names.join(";"));
    let date = headers.iter().find(|(name, _)| *name == "x-amz-date").map_or("", |(_, value)| value);
    let mut mac = derive(secret, [parts[1], parts[2], parts[3]]);
    mac.update(
        format!("{ALGORITHM}\n{date}\n{}\n{}", parts[1..].join("/"), hex(Sha256::digest(canonical).into())).as_bytes(),
    );
    hex(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
