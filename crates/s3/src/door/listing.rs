//! Listing buckets, objects, uploads and parts.

use super::{
    Shared, blocking,
    fault::{fault, invalid_argument},
    shapes::{checksum_type, etag, owner, show_checksum, signed, timestamp, type_of},
};
use crate::{ENTRIES_MAX, Entry, From, Listed, Listing, Object, Upload};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use s3s::{
    S3ErrorCode, S3Request, S3Result,
    dto::{
        self, Bucket, ChecksumAlgorithm, CommonPrefix, EncodingType, Initiator, ListBucketsInput, ListBucketsOutput,
        ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
        ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput,
        MultipartUpload, ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass, StorageClass,
    },
};
use std::sync::Arc;

/// Parts that are shown at once.
const PARTS_SHOWN_MAX: usize = 1000;
/// Buckets that are shown at once where a page is asked for.
const BUCKETS_SHOWN_MAX: usize = 10_000;
const STANDARD: &str = "STANDARD";

/// How keys are written in an answer.
#[derive(Clone, Copy)]
struct Spelling {
    encoded: bool,
}

impl Spelling {
    fn of(encoding: Option<&EncodingType>) -> S3Result<Spelling> {
        match encoding.map(EncodingType::as_str) {
            None | Some("") => Ok(Spelling { encoded: false }),
            Some(EncodingType::URL) => Ok(Spelling { encoded: true }),
            Some(_) => Err(invalid_argument("Invalid Encoding Method specified in Request")),
        }
    }

    fn shown(self) -> Option<EncodingType> {
        self.encoded.then(|| EncodingType::from_static(EncodingType::URL))
    }

    fn write(self, text: &str) -> String {
        if !self.encoded {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out += &format!("%{byte:02X}");
            }
        }
        out
    }

    fn maybe(self, text: Option<String>) -> Option<String> {
        text.map(|text| self.write(&text))
    }
}

/// How many entries a page has, from a parameter.
fn max(asked: Option<i32>, name: &str) -> S3Result<usize> {
    let asked = asked.unwrap_or(1000);
    let count = usize::try_from(asked)
        .map_err(|_| invalid_argument(format!("Argument {name} must be an integer between 0 and 2147483647")))?;
    Ok(count.min(ENTRIES_MAX))
}

fn delimiter(delimiter: Option<&String>) -> Option<String> {
    delimiter.filter(|delimiter| !delimiter.is_empty()).cloned()
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A page's groups, and the rest of it.
fn split<T>(entries: Vec<Entry<T>>, spelling: Spelling) -> (Vec<CommonPrefix>, Vec<T>) {
    let (mut groups, mut ones) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Group(group) => groups.push(CommonPrefix { prefix: Some(spelling.write(&group)) }),
            Entry::One(one) => ones.push(one),
        }
    }
    (groups, ones)
}

fn shown(object: Object, spelling: Spelling, shown_owner: Option<dto::Owner>) -> dto::Object {
    let class = object.details.storage_class.as_deref().unwrap_or(STANDARD).to_owned();
    let algorithm =
        object.checksum.as_ref().map(|checksum| vec![ChecksumAlgorithm::from_static(checksum.algorithm.name())]);
    dto::Object {
        checksum_algorithm: algorithm,
        checksum_type: type_of(object.checksum.as_ref()),
        e_tag: Some(etag(&object.etag)),
        key: Some(spelling.write(&object.key)),
        last_modified: Some(timestamp(object.modified_ms)),
        owner: shown_owner,
        restore_status: None,
        size: Some(signed(object.size)),
        storage_class: Some(ObjectStorageClass::from(class)),
    }
}

/// A continuation token: where the next page begins. Not for clients to read, and no key by accident.
fn token(from: &From) -> String {
    let (kind, key) = match from {
        From::Start => ('s', ""),
        From::Behind(key) | From::Within(key, _) => ('k', &**key),
        From::BehindGroup(group) => ('g', &**group),
    };
    URL_SAFE_NO_PAD.encode(format!("{kind}{key}"))
}

fn from_token(token: &str) -> S3Result<From> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    match text.split_at_checked(1) {
        Some(("k", key)) => Ok(From::Behind(key.to_owned())),
        Some(("g", group)) => Ok(From::BehindGroup(group.to_owned())),
        _ => Err(invalid_argument("The continuation token provided is incorrect")),
    }
}

pub(super) async fn objects_v2(
    shared: Arc<Shared>,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<ListObjectsV2Output> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let from = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => from_token(token)?,
        (None, Some(key)) if !key.is_empty() => From::Behind(key.clone()),
        (None, _) => From::Start,
    };
    let max = max(input.max_keys, "maxKeys")?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let listed = Listed { prefix, delimiter: delimiter(input.delimiter.as_ref()), from, max };
    let owner = input.fetch_owner.unwrap_or_default().then(|| owner(&shared.config.place.account));
    let bucket = input.bucket.clone();
    let page = blocking(move || shared.buckets.list(&bucket, &listed)).await?;
    let next = page.next.as_ref().map(token);
    let key_count = count(page.entries.len());
    let (groups, objects) = split(page.entries, spelling);
    let contents = objects.into_iter().map(|object| shown(object, spelling, owner.clone())).collect();
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(spelling.write(&input.prefix.unwrap_or_default())),
        max_keys: Some(count(max)),
        key_count: Some(key_count),
        continuation_token: input.continuation_token,
        is_truncated: Some(next.is_some()),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(groups),
        delimiter: spelling.maybe(input.delimiter),
        encoding_type: spelling.shown(),
        start_after: spelling.maybe(input.start_after),
        request_charged: None,
    })
}

/// What is listed behind a marker: it is a key, or a group that was shown.
fn behind_marker(prefix: Option<&String>, delimiter: Option<String>, marker: Option<&String>, max: usize) -> Listed {
    let prefix = prefix.cloned().unwrap_or_default();
    let mut listed = Listed { prefix, delimiter, from: From::Start, max };
    if let Some(marker) = marker.filter(|marker| !marker.is_empty()) {
        listed.from = match listed.group_of(marker) {
            Some(group) => From::BehindGroup(group.to_owned()),
            None => From::Behind(marker.clone()),
        };
    }
    listed
}

/// The marker behind which the next page begins.
fn marker<T>(page: &Listing<T>) -> Option<String> {
    match page.next.as_ref()? {
        From::Start => None,
        From::Behind(key) | From::BehindGroup(key) | From::Within(key, _) => Some(key.clone()),
    }
}

pub(super) async fn objects(shared: Arc<Shared>, request: S3Request<ListObjectsInput>) -> S3Result<ListObjectsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max = max(input.max_keys, "maxKeys")?;
    let delimiter = delimiter(input.delimiter.as_ref());
    let grouped = delimiter.is_some();
    let listed = behind_marker(input.prefix.as_ref(), delimiter, input.marker.as_ref(), max);
    let owner = owner(&shared.config.place.account);
    let bucket = input.bucket.clone();
    let page = blocking(move || shared.buckets.list(&bucket, &listed)).await?;
    let next = marker(&page);
    let truncated = next.is_some();
    let (groups, objects) = split(page.entries, spelling);
    let contents = objects.into_iter().map(|object| shown(object, spelling, Some(owner.clone()))).collect();
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(spelling.write(&input.prefix.unwrap_or_default())),
        marker: Some(spelling.write(&input.marker.unwrap_or_default())),
        max_keys: Some(count(max)),
        is_truncated: Some(truncated),
        contents: Some(contents),
        common_prefixes: Some(groups),
        delimiter: spelling.maybe(input.delimiter),
        // Without groups, the last key is the marker.
        next_marker: spelling.maybe(next.filter(|_| grouped)),
        encoding_type: spelling.shown(),
        request_charged: None,
    })
}

/// Each object as its only version.
pub(super) async fn versions(
    shared: Arc<Shared>,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<ListObjectVersionsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max = max(input.max_keys, "maxKeys")?;
    let delimiter = delimiter(input.delimiter.as_ref());
    let listed = behind_marker(input.prefix.as_ref(), delimiter, input.key_marker.as_ref(), max);
    let owner = owner(&shared.config.place.account);
    let bucket = input.bucket.clone();
    let page = blocking(move || shared.buckets.list(&bucket, &listed)).await?;
    let next = marker(&page);
    let (groups, objects) = split(page.entries, spelling);
    let version = |object: Object| {
        let class = object.details.storage_class.as_deref().unwrap_or(STANDARD).to_owned();
        ObjectVersion {
            e_tag: Some(etag(&object.etag)),
            is_latest: Some(true),
            key: Some(spelling.write(&object.key)),
            last_modified: Some(timestamp(object.modified_ms)),
            owner: Some(owner.clone()),
            size: Some(signed(object.size)),
            storage_class: Some(ObjectVersionStorageClass::from(class)),
            version_id: Some("null".to_owned()),
            ..ObjectVersion::default()
        }
    };
    Ok(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(spelling.write(&input.prefix.unwrap_or_default())),
        key_marker: Some(spelling.write(&input.key_marker.unwrap_or_default())),
        max_keys: Some(count(max)),
        is_truncated: Some(next.is_some()),
        versions: Some(objects.into_iter().map(version).collect()),
        common_prefixes: Some(groups),
        delimiter: spelling.maybe(input.delimiter),
        next_version_id_marker: next.is_some().then(|| "null".to_owned()),
        next_key_marker: spelling.maybe(next),
        encoding_type: spelling.shown(),
        ..ListObjectVersionsOutput::default()
    })
}

pub(super) async fn uploads(
    shared: Arc<Shared>,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max = max(input.max_uploads, "max-uploads")?;
    let delimiter = delimiter(input.delimiter.as_ref());
    let mut listed = behind_marker(input.prefix.as_ref(), delimiter, input.key_marker.as_ref(), max);
    // The id counts only beside a key.
    if let (From::Behind(key), Some(id)) = (&listed.from, input.upload_id_marker.as_ref().filter(|id| !id.is_empty())) {
        listed.from = From::Within(key.clone(), id.clone());
    }
    let account = shared.config.place.account.clone();
    let bucket = input.bucket.clone();
    let page = blocking(move || shared.buckets.uploads(&bucket, &listed)).await?;
    let next = marker(&page);
    let next_id = match &page.next {
        Some(From::Within(_, id)) => Some(id.clone()),
        _ => None,
    };
    let (groups, uploads) = split(page.entries, spelling);
    let upload = |upload: Upload| MultipartUpload {
        initiated: Some(timestamp(upload.begun_ms)),
        initiator: Some(Initiator { display_name: None, id: Some(account.clone()) }),
        key: Some(spelling.write(&upload.key)),
        owner: Some(owner(&account)),
        storage_class: Some(upload.details.storage_class.map_or_else(usual_class, StorageClass::from)),
        upload_id: Some(upload.id),
        ..MultipartUpload::default()
    };
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(groups),
        delimiter: spelling.maybe(input.delimiter),
        encoding_type: spelling.shown(),
        is_truncated: Some(next.is_some()),
        key_marker: Some(spelling.write(&input.key_marker.unwrap_or_default())),
        max_uploads: Some(count(max)),
        next_key_marker: spelling.maybe(next),
        next_upload_id_marker: next_id,
        prefix: Some(spelling.write(&input.prefix.unwrap_or_default())),
        request_charged: None,
        upload_id_marker: input.upload_id_marker,
        uploads: Some(uploads.into_iter().map(upload).collect()),
    })
}

fn usual_class() -> StorageClass {
    StorageClass::from_static(StorageClass::STANDARD)
}

pub(super) async fn parts(shared: Arc<Shared>, request: S3Request<ListPartsInput>) -> S3Result<ListPartsOutput> {
    let input = request.input;
    let max = max(input.max_parts, "max-parts")?.min(PARTS_SHOWN_MAX);
    let behind = u64::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
    let account = shared.config.place.account.clone();
    let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
    let (upload, parts, more) = blocking(move || shared.buckets.parts((&bucket, &key), &id, behind, max)).await?;
    let number = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    let last = parts.last().map_or(behind, |part| part.number);
    let part = |part: &crate::Part| {
        let mut shown = dto::Part {
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(timestamp(part.modified_ms)),
            part_number: Some(number(part.number)),
            size: Some(signed(part.size)),
            ..dto::Part::default()
        };
        show_checksum!(shown, part.checksum.as_ref());
        shown
    };
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: upload.checksum.map(|(_, kind)| checksum_type(kind)),
        initiator: Some(Initiator { display_name: None, id: Some(account.clone()) }),
        is_truncated: Some(more),
        key: Some(input.key),
        max_parts: Some(count(max)),
        next_part_number_marker: Some(number(last)),
        owner: Some(owner(&account)),
        part_number_marker: Some(number(behind)),
        parts: Some(parts.iter().map(part).collect()),
        storage_class: Some(upload.details.storage_class.map_or_else(usual_class, StorageClass::from)),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}

pub(super) async fn buckets(shared: Arc<Shared>, request: S3Request<ListBucketsInput>) -> S3Result<ListBucketsOutput> {
    let input = request.input;
    let prefix = input.prefix.clone().unwrap_or_default();
    let behind = match input.continuation_token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => from_token(token)?.bound(),
        None => None,
    };
    let max = match input.max_buckets {
        Some(max) => {
            usize::try_from(max).ok().filter(|max| (1..=BUCKETS_SHOWN_MAX).contains(max)).ok_or_else(|| {
                fault(S3ErrorCode::InvalidArgument, "Argument max-buckets must be an integer between 1 and 10000.")
            })?
        }
        None => BUCKETS_SHOWN_MAX,
    };
    let wanted = |bucket: &crate::Bucket| {
        bucket.name.starts_with(&prefix)
            && behind.as_ref().is_none_or(|behind| bucket.name > *behind)
            && input.bucket_region.as_ref().is_none_or(|region| bucket.region == *region)
    };
    let mut found = shared.buckets.buckets();
    found.retain(wanted);
    let more = found.len() > max;
    found.truncate(max);
    let next = found.last().filter(|_| more).map(|bucket| token(&From::Behind(bucket.name.clone())));
    let bucket = |bucket: crate::Bucket| Bucket {
        bucket_region: Some(bucket.region),
        creation_date: Some(timestamp(bucket.created_ms)),
        name: Some(bucket.name),
    };
    Ok(ListBucketsOutput {
        buckets: Some(found.into_iter().map(bucket).collect()),
        continuation_token: next,
        owner: Some(owner(&shared.config.place.account)),
        prefix: input.prefix,
    })
}
