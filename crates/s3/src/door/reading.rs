//! Reading objects and what is said about them.

use super::{
    Shared, blocking,
    fault::{custom, fault, invalid_argument, no_such_version, not_modified, precondition_failed},
    leaving::{self, Leaving, PIECE_BYTES},
    shapes::{
        CONTENT_ENCODING, CONTENT_TYPE, EXPIRES, USUAL_TYPE, etag, parse_http_date, show_checksum, signed, timestamp,
        type_of,
    },
    turn,
};
use crate::{Blob, Bucket, Error, Object};
use bytes::Bytes;
use http::StatusCode;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    dto::{
        self, BucketLocationConstraint, ChecksumMode, ETagCondition, GetBucketLocationInput, GetBucketLocationOutput,
        GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectAttributesInput, GetObjectAttributesOutput,
        GetObjectAttributesParts, GetObjectInput, GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
        HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ObjectPart, StorageClass, StreamingBlob,
        Tag, Timestamp,
    },
};
use std::{ops::Range, sync::Arc};

/// Where buckets are unless they say so; it has no name in answers.
const UNNAMED_REGION: &str = "us-east-1";
/// Parts that are shown at once.
const PARTS_SHOWN_MAX: usize = 1000;

/// Buckets keep no versions; `null` is the one that there is.
pub(super) fn check_version(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(no_such_version()),
    }
}

/// Conditions of a read.
#[derive(Default)]
pub(super) struct Conditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

/// Why an object is not shown.
pub(super) enum Unmet {
    Precondition,
    NotModified,
}

impl Conditions {
    /// In the order of RFC 9110: an ETag says more than a time.
    pub fn check(&self, object: &Object) -> Result<(), Unmet> {
        let is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => etag.value() == object.etag,
        };
        let modified = timestamp(object.modified_ms);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !is(condition) => return Err(Unmet::Precondition),
            (None, Some(since)) if modified > *since => return Err(Unmet::Precondition),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if is(condition) => Err(Unmet::NotModified),
            (None, Some(since)) if modified <= *since => Err(Unmet::NotModified),
            _ => Ok(()),
        }
    }

    fn check_read(&self, object: &Object) -> S3Result<()> {
        self.check(object).map_err(|unmet| match unmet {
            Unmet::Precondition => precondition_failed(),
            Unmet::NotModified => not_modified(&object.etag),
        })
    }
}

/// Which bytes a read wants.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    range: Option<dto::Range>,
    part: Option<i32>,
}

impl Wanted {
    /// The bytes, and whether they are a part of the object that is to be named as such.
    fn of(self, object: &Object) -> S3Result<(Range<u64>, bool)> {
        match (self.range, self.part) {
            (Some(_), Some(_)) => Err(fault(
                S3ErrorCode::InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter",
            )),
            (Some(range), None) => {
                let message = "The requested range is not satisfiable";
                range
                    .check(object.size)
                    .map(|range| (range, true))
                    .map_err(|_| fault(S3ErrorCode::InvalidRange, message))
            }
            (None, Some(number)) => part_of(object, number).map(|range| (range, true)),
            (None, None) => Ok((0..object.size, false)),
        }
    }
}

/// The bytes of a part of an object; one that was put in one piece has one part.
fn part_of(object: &Object, number: i32) -> S3Result<Range<u64>> {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let place =
        place.ok_or_else(|| invalid_argument("Part number must be an integer between 1 and 10000, inclusive"))?;
    let sizes = if object.parts.is_empty() { std::slice::from_ref(&object.size) } else { &object.parts };
    let Some(size) = sizes.get(place) else {
        let message = "The requested partnumber is not satisfiable";
        return Err(custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, message));
    };
    let start: u64 = sizes[..place].iter().sum();
    Ok(start..start + size)
}

/// What GetObject and HeadObject say alike.
macro_rules! describe {
    ($output:expr, $object:expr, $wanted:expr, $checksums:expr) => {{
        let (object, (range, partial)): (&Object, &(Range<u64>, bool)) = ($object, $wanted);
        let header = |name: &str| object.details.headers.get(name).cloned();
        let output = &mut $output;
        output.accept_ranges = Some("bytes".to_owned());
        output.cache_control = header("cache-control");
        output.content_disposition = header("content-disposition");
        output.content_encoding = header(CONTENT_ENCODING);
        output.content_language = header("content-language");
        output.content_type = Some(header(CONTENT_TYPE).unwrap_or_else(|| USUAL_TYPE.to_owned()));
        output.expires = header(EXPIRES).as_deref().and_then(parse_http_date);
        output.e_tag = Some(etag(&object.etag));
        output.last_modified = Some(timestamp(object.modified_ms));
        output.metadata = Some(object.details.metadata.clone().into_iter().collect());
        output.storage_class = object.details.storage_class.clone().map(StorageClass::from);
        output.content_length = Some(signed(range.end - range.start));
        // Of nothing there is no last byte.
        let named = *partial && !range.is_empty();
        output.content_range = named.then(|| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        // Clients check a checksum against what they get.
        if $checksums && !*partial {
            show_checksum!(output, object.checksum.as_ref());
            output.checksum_type = type_of(object.checksum.as_ref());
        }
    }};
}

fn wants_checksums(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn parts_count(object: &Object) -> Option<i32> {
    (!object.parts.is_empty()).then(|| i32::try_from(object.parts.len()).unwrap_or(i32::MAX))
}

/// What of an object is to be sent.
enum Content {
    Ready(Bytes),
    File(Blob),
}

pub(super) async fn get(shared: Arc<Shared>, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let wanted = Wanted { range: input.range, part: input.part_number };
    let buckets = shared.buckets.clone();
    let opened = blocking(move || {
        let (object, blob) = buckets.open_object(&input.bucket, &input.key)?;
        let decided = conditions.check_read(&object).and_then(|()| wanted.of(&object));
        Ok(match decided {
            Ok(range) => content(blob, &range.0).map(|content| Ok((object, range, content)))?,
            Err(error) => Err(error),
        })
    });
    let (object, range, content) = opened.await??;
    let mut output = GetObjectOutput::default();
    describe!(output, &object, &range, wants_checksums(input.checksum_mode.as_ref()));
    output.parts_count = parts_count(&object).filter(|_| wanted.part.is_some());
    output.tag_count = i32::try_from(object.details.tags.len()).ok().filter(|count| *count > 0);
    output.body = Some(match content {
        Content::Ready(bytes) => {
            shared.metrics.went(bytes.len() as u64);
            StreamingBlob::from(s3s::Body::from(bytes))
        }
        Content::File(blob) => {
            let turn = turn(&shared.downloads).await?;
            StreamingBlob::new(Leaving::new(blob, range.0, shared.clone(), turn))
        }
    });
    Ok(output)
}

/// One piece is read at once.
fn content(blob: Option<Blob>, range: &Range<u64>) -> Result<Content, Error> {
    let Some(blob) = blob else { return Ok(Content::Ready(Bytes::new())) };
    if range.end - range.start > PIECE_BYTES {
        return Ok(Content::File(blob));
    }
    leaving::read(&blob, range.clone()).map(Content::Ready).map_err(crate::error::io("reading", "a blob"))
}

pub(super) async fn head(shared: Arc<Shared>, request: S3Request<HeadObjectInput>) -> S3Result<HeadObjectOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    let object = blocking(move || shared.buckets.get(&input.bucket, &input.key)).await?;
    conditions.check_read(&object)?;
    let wanted = Wanted { range: input.range, part: input.part_number };
    let range = wanted.of(&object)?;
    let mut output = HeadObjectOutput::default();
    describe!(output, &object, &range, wants_checksums(input.checksum_mode.as_ref()));
    output.parts_count = parts_count(&object).filter(|_| wanted.part.is_some());
    Ok(output)
}

pub(super) async fn attributes(
    shared: Arc<Shared>,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<GetObjectAttributesOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let object = blocking(move || shared.buckets.get(&input.bucket, &input.key)).await?;
    let asked: Vec<&str> =
        input.object_attributes.iter().flat_map(|name| name.as_str().split(',')).map(str::trim).collect();
    let wants = |name: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    let checksum = object.checksum.as_ref().filter(|_| wants("Checksum")).map(|checksum| {
        let mut shown = dto::Checksum { checksum_type: type_of(Some(checksum)), ..dto::Checksum::default() };
        show_checksum!(shown, Some(checksum));
        shown
    });
    let class = || object.details.storage_class.clone().map_or_else(usual_class, StorageClass::from);
    let behind = usize::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
    let max = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or_default().min(PARTS_SHOWN_MAX);
    Ok(GetObjectAttributesOutput {
        checksum,
        e_tag: wants("ETag").then(|| etag(&object.etag)),
        last_modified: Some(timestamp(object.modified_ms)),
        object_parts: (wants("ObjectParts") && !object.parts.is_empty()).then(|| shown_parts(&object, behind, max)),
        object_size: wants("ObjectSize").then(|| signed(object.size)),
        storage_class: wants("StorageClass").then(class),
        ..GetObjectAttributesOutput::default()
    })
}

fn usual_class() -> StorageClass {
    StorageClass::from_static(StorageClass::STANDARD)
}

fn shown_parts(object: &Object, behind: usize, max: usize) -> GetObjectAttributesParts {
    let number = |place: usize| i32::try_from(place).unwrap_or(i32::MAX);
    let shown = object.parts.iter().enumerate().skip(behind).take(max);
    let part = |(place, size): (usize, &u64)| ObjectPart {
        part_number: Some(number(place + 1)),
        size: Some(signed(*size)),
        ..ObjectPart::default()
    };
    let parts: Vec<ObjectPart> = shown.map(part).collect();
    let last = behind + parts.len();
    let more = last < object.parts.len();
    GetObjectAttributesParts {
        is_truncated: Some(more),
        max_parts: Some(number(max)),
        next_part_number_marker: more.then(|| number(last)),
        part_number_marker: Some(number(behind)),
        parts: Some(parts),
        total_parts_count: Some(number(object.parts.len())),
    }
}

pub(super) async fn tags(
    shared: Arc<Shared>,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<GetObjectTaggingOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let object = blocking(move || shared.buckets.get(&input.bucket, &input.key)).await?;
    let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
    Ok(GetObjectTaggingOutput { tag_set: object.details.tags.into_iter().map(tag).collect(), version_id: None })
}

/// The bucket, looked up at once: the catalogue is in memory.
fn bucket(shared: &Shared, name: &str) -> S3Result<Bucket> {
    shared.buckets.bucket(name).map_err(S3Error::from)
}

pub(super) async fn head_bucket(
    shared: Arc<Shared>,
    request: S3Request<HeadBucketInput>,
) -> S3Result<HeadBucketOutput> {
    let found = bucket(&shared, &request.input.bucket)?;
    Ok(HeadBucketOutput { bucket_region: Some(found.region), ..HeadBucketOutput::default() })
}

pub(super) async fn location(
    shared: Arc<Shared>,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    let region = bucket(&shared, &request.input.bucket)?.region;
    let named = (region != UNNAMED_REGION).then(|| BucketLocationConstraint::from(region));
    Ok(GetBucketLocationOutput { location_constraint: named })
}

pub(super) async fn versioning(
    shared: Arc<Shared>,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    bucket(&shared, &request.input.bucket)?;
    Ok(GetBucketVersioningOutput::default())
}
