//! Types of s3s and ours: what several operations have in common.

use super::{
    Trailers,
    fault::{custom, fault, invalid_argument},
};
use crate::{Algorithm, Checksum, ChecksumKind, Claims, Expectation};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use s3s::{
    S3ErrorCode, S3Request, S3Result,
    dto::{ChecksumType, ETag, ETagCondition, Owner, StorageClass, Timestamp, TimestampFormat},
};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

pub(super) const CONTENT_TYPE: &str = "content-type";
/// What S3 takes an object for that nobody said anything about.
pub(super) const USUAL_TYPE: &str = "binary/octet-stream";
pub(super) const CONTENT_ENCODING: &str = "content-encoding";
pub(super) const EXPIRES: &str = "expires";

/// An object's details, from an input that may give any.
macro_rules! details {
    ($input:expr) => {{
        let input = &$input;
        let headers = [
            ("cache-control", input.cache_control.clone()),
            ("content-disposition", input.content_disposition.clone()),
            ($crate::door::shapes::CONTENT_ENCODING, $crate::door::shapes::encoding(input.content_encoding.as_deref())),
            ("content-language", input.content_language.clone()),
            ($crate::door::shapes::CONTENT_TYPE, input.content_type.clone()),
            ($crate::door::shapes::EXPIRES, input.expires.as_ref().map($crate::door::shapes::http_date)),
        ];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        $crate::Details {
            headers: headers.collect(),
            metadata: input.metadata.clone().unwrap_or_default().into_iter().collect(),
            storage_class: $crate::door::shapes::class(input.storage_class.as_ref()),
            tags: $crate::door::shapes::tags_of_header(input.tagging.as_deref())?,
        }
    }};
}

/// The checksum that an input gives, if it gives one.
macro_rules! checksum {
    ($input:expr) => {{
        use $crate::Algorithm;
        $crate::door::shapes::only([
            (Algorithm::Crc32, &$input.checksum_crc32),
            (Algorithm::Crc32c, &$input.checksum_crc32c),
            (Algorithm::Crc64Nvme, &$input.checksum_crc64nvme),
            (Algorithm::Sha1, &$input.checksum_sha1),
            (Algorithm::Sha256, &$input.checksum_sha256),
        ])
    }};
}

/// Shows a checksum in an output.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            use $crate::Algorithm;
            let place = match checksum.algorithm {
                Algorithm::Crc32 => &mut $output.checksum_crc32,
                Algorithm::Crc32c => &mut $output.checksum_crc32c,
                Algorithm::Crc64Nvme => &mut $output.checksum_crc64nvme,
                Algorithm::Sha1 => &mut $output.checksum_sha1,
                Algorithm::Sha256 => &mut $output.checksum_sha256,
            };
            *place = Some(checksum.value.clone());
        }
    };
}

pub(super) use {checksum, details, show_checksum};

/// `aws-chunked` is how a body comes, not what it is.
pub(super) fn encoding(encoding: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = encoding?.split(',').map(str::trim).filter(|part| *part != "aws-chunked").collect();
    Some(kept.join(",")).filter(|kept| !kept.is_empty())
}

pub(super) fn http_date(time: &Timestamp) -> String {
    let mut text = Vec::new();
    // Every time that was read can be written.
    let _ = time.format(TimestampFormat::HttpDate, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

/// `STANDARD` is not kept, as it is not shown.
pub(super) fn class(class: Option<&StorageClass>) -> Option<String> {
    class.map(|class| class.as_str().to_owned()).filter(|class| class != StorageClass::STANDARD)
}

/// `k=v&k2=v2`, percent-encoded.
pub(super) fn tags_of_header(header: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for pair in header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(key).zip(decode(value));
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters.";
        let (key, value) = decoded.ok_or_else(|| invalid_argument(message))?;
        if tags.insert(key, value).is_some() {
            return Err(invalid_argument("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

/// Percent-decoding, where a plus is a space.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let (pair, tail) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
                rest = tail;
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The one checksum of several that is there.
pub(super) fn only(given: [(Algorithm, &Option<String>); 5]) -> S3Result<Option<(Algorithm, String)>> {
    let mut given = given.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value.clone()?)));
    let first = given.next();
    if given.next().is_some() {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(fault(S3ErrorCode::InvalidRequest, message));
    }
    Ok(first)
}

/// What a sender says about its bytes, and about what comes behind them.
pub(super) struct Announced {
    pub claims: Claims,
    /// Of a checksum that comes behind the bytes.
    pub behind: Option<Algorithm>,
    trailers: Option<Trailers>,
    s3s: Option<s3s::TrailingHeaders>,
}

impl Announced {
    /// `checksum`: from the input; `content_length` and `md5` likewise.
    pub fn new<I>(
        request: &S3Request<I>,
        checksum: Option<(Algorithm, String)>,
        (length, md5): (Option<i64>, Option<&str>),
    ) -> S3Result<Announced> {
        let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let behind = text("x-amz-trailer").and_then(|names| {
            let mut names = names.split(',').filter_map(|name| name.trim().strip_prefix("x-amz-checksum-"));
            names.find_map(Algorithm::of_name)
        });
        if text("x-amz-sdk-checksum-algorithm").is_some() && checksum.is_none() && behind.is_none() {
            let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                           headers were found.";
            return Err(fault(S3ErrorCode::InvalidRequest, message));
        }
        if let Some((algorithm, value)) = &checksum {
            check_value(*algorithm, value)?;
        }
        // Where signatures are checked, s3s checks this one.
        let payload = request.credentials.is_none().then(|| text("x-amz-content-sha256")).flatten();
        let payload = payload.filter(|hash| hash.len() == 64).and_then(crate::blobs::unhex);
        let claims = Claims {
            length: length.and_then(|length| u64::try_from(length).ok()),
            md5: md5.map(digest).transpose()?,
            payload,
            checksum,
        };
        let (trailers, s3s) = (request.extensions.get::<Trailers>().cloned(), request.trailing_headers.clone());
        Ok(Announced { claims, behind, trailers, s3s })
    }

    /// Which checksum is made of the bytes.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.behind.or(self.claims.checksum.as_ref().map(|(algorithm, _)| *algorithm))
    }

    /// Once the bytes are there: what was claimed, with what came behind them.
    pub fn claims(mut self) -> S3Result<Claims> {
        let Some(algorithm) = self.behind else { return Ok(self.claims) };
        let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
        let find = |headers: &HeaderMap| Some(headers.get(&name)?.to_str().ok()?.to_owned());
        let own = self.trailers.as_ref().and_then(|trailers| find(&trailers.lock().expect("no holder panics")));
        let value = own.or_else(|| self.s3s.as_ref().and_then(|trailers| trailers.read(find)).flatten());
        let message = format!("The trailer {name} was announced and did not come");
        let value = value.ok_or_else(|| custom("MalformedTrailerError", StatusCode::BAD_REQUEST, message))?;
        check_value(algorithm, &value)?;
        self.claims.checksum = Some((algorithm, value));
        Ok(self.claims)
    }
}

fn check_value(algorithm: Algorithm, value: &str) -> S3Result<()> {
    let bytes = match algorithm {
        Algorithm::Crc32 | Algorithm::Crc32c => 4,
        Algorithm::Crc64Nvme => 8,
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
    };
    if STANDARD.decode(value).is_ok_and(|decoded| decoded.len() == bytes) {
        return Ok(());
    }
    let message = format!("Value for x-amz-checksum-{} header is invalid.", algorithm.name().to_ascii_lowercase());
    Err(fault(S3ErrorCode::InvalidRequest, message))
}

/// The value of `Content-MD5`.
fn digest(text: &str) -> S3Result<Vec<u8>> {
    let decoded = STANDARD.decode(text).ok().filter(|decoded| decoded.len() == 16);
    decoded.ok_or_else(|| fault(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid."))
}

/// What a write expects of the object that it replaces.
pub(super) fn expectation(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Expectation> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Expectation::Anything),
        (None, Some(ETagCondition::Any)) => Ok(Expectation::Absent),
        (Some(ETagCondition::Any), None) => Ok(Expectation::Present),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Expectation::Matches(etag.value().to_owned())),
        (None, Some(ETagCondition::ETag(_))) => {
            Err(fault(S3ErrorCode::NotImplemented, "If-None-Match of a write knows only *: that there is no object"))
        }
        (Some(_), Some(_)) => {
            Err(fault(S3ErrorCode::NotImplemented, "If-Match and If-None-Match cannot both be given with a write"))
        }
    }
}

pub(super) fn etag(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

/// A time, to the second as S3 shows it.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(ms / 1000))
}

pub(super) fn checksum_type(kind: ChecksumKind) -> ChecksumType {
    ChecksumType::from_static(kind.name())
}

/// The type of an object's checksum, shown beside it.
pub(super) fn type_of(checksum: Option<&Checksum>) -> Option<ChecksumType> {
    checksum.map(|checksum| checksum_type(checksum.kind))
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The account owns everything.
pub(super) fn owner(account: &str) -> Owner {
    Owner { display_name: None, id: Some(account.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_from_a_header_as_from_a_query() {
        let read = |text| tags_of_header(Some(text)).map(|tags| tags.into_iter().collect::<Vec<_>>());
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read("a=1&b=x+y%26z&c").unwrap(), [pair("a", "1"), pair("b", "x y&z"), pair("c", "")]);
        assert_eq!(read("").unwrap(), []);
        assert!(read("a=1&a=2").is_err() && read("a=%zz").is_err() && read("a=%f").is_err() && read("a=%ff").is_err());
    }

    #[test]
    fn how_a_body_came_is_not_what_it_is() {
        assert_eq!(encoding(Some("aws-chunked")), None);
        assert_eq!(encoding(Some("gzip, aws-chunked")), Some("gzip".to_owned()));
        assert_eq!(encoding(Some("gzip")), Some("gzip".to_owned()));
        assert_eq!(encoding(None), None);
    }
}
