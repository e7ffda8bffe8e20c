//! Putting, copying, tagging and deleting objects; creating and deleting buckets.

use super::{
    Shared, blocking,
    fault::{fault, invalid_argument, unread},
    lineage::origin,
    reading::{Conditions, check_version},
    shapes::{
        Announced, checksum, class, details, etag, expectation, show_checksum, tags_of_header, timestamp, type_of,
    },
    turn,
};
use crate::{Algorithm, CopyOf, Error, Expectation, Put, Staged};
use bytes::Bytes;
use futures_core::Stream;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    dto::{
        BucketLocationConstraint, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, CreateBucketInput,
        CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
        DeleteObjectTaggingInput, DeleteObjectTaggingOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
        MetadataDirective, ObjectIdentifier, PutObjectInput, PutObjectOutput, PutObjectTaggingInput,
        PutObjectTaggingOutput, StreamingBlob, Tagging, TaggingDirective,
    },
};
use std::{collections::BTreeMap, future::poll_fn, pin::Pin, sync::Arc};

/// Bytes of a body that are written at once.
const PIECE_BYTES: usize = 256 << 10;
/// Most objects of one DeleteObjects.
const DELETED_MAX: usize = 1000;

/// Takes a body in, as it comes: a piece is written while the next one arrives.
pub(super) async fn receive(shared: &Shared, staged: Staged, body: Option<StreamingBlob>) -> S3Result<Staged> {
    let Some(mut body) = body else { return Ok(staged) };
    let mut writing = tokio::task::spawn(std::future::ready(Ok(staged)));
    let (mut piece, mut length) = (Vec::new(), 0);
    loop {
        let next: Option<Result<Bytes, s3s::StdError>> = poll_fn(|ctx| Pin::new(&mut body).poll_next(ctx)).await;
        let ended = match next {
            Some(Ok(bytes)) => {
                length += bytes.len();
                piece.push(bytes);
                false
            }
            Some(Err(error)) => return Err(unread(&error)),
            None => true,
        };
        if length < PIECE_BYTES && !ended {
            continue;
        }
        let staged = joined(writing).await?;
        let pieces = std::mem::take(&mut piece);
        shared.metrics.came(length as u64);
        length = 0;
        writing = tokio::task::spawn_blocking(move || write(staged, &pieces));
        if ended {
            return joined(writing).await;
        }
    }
}

fn write(mut staged: Staged, pieces: &[Bytes]) -> Result<Staged, Error> {
    pieces.iter().try_for_each(|piece| staged.write(piece))?;
    Ok(staged)
}

async fn joined(writing: tokio::task::JoinHandle<Result<Staged, Error>>) -> S3Result<Staged> {
    match writing.await {
        Ok(staged) => staged.map_err(S3Error::from),
        Err(error) => Err(fault(S3ErrorCode::InternalError, format!("the body was not written: {error}"))),
    }
}

pub(super) async fn put(shared: Arc<Shared>, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let input = &request.input;
    let (length, md5) = (input.content_length, input.content_md5.as_deref());
    let announced = Announced::new(&request, checksum!(input)?, (length, md5))?;
    let put = Put {
        key: input.key.clone(),
        details: details!(input),
        claims: crate::Claims::default(),
        expected: expectation(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        origin: origin(&request.headers),
    };
    let turn = turn(&shared.uploads).await?;
    let (algorithm, payload) = (announced.algorithm(), announced.claims.payload.is_some());
    // Not blocking: the catalogue is in memory.
    let staged = shared.buckets.stage(&input.bucket, algorithm, payload)?;
    let staged = receive(&shared, staged, request.input.body).await?;
    let put = Put { claims: announced.claims()?, ..put };
    let buckets = shared.buckets.clone();
    let object = blocking(move || buckets.put(staged, put)).await?;
    drop(turn);
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&object.etag)),
        checksum_type: type_of(object.checksum.as_ref()),
        size: None,
        ..PutObjectOutput::default()
    };
    show_checksum!(output, object.checksum.as_ref());
    Ok(output)
}

/// Bucket and key of a copy's source.
pub(super) fn source(source: &CopySource) -> S3Result<(String, String)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            check_version(version_id.as_deref())?;
            Ok((bucket.to_string(), key.to_string()))
        }
        _ => Err(invalid_argument("x-amz-copy-source must name a bucket and a key: there are no access points here")),
    }
}

/// Refuses a source that does not meet the conditions.
pub(super) fn check_source(conditions: &Conditions, object: &crate::Object) -> Result<(), Error> {
    conditions.check(object).map_err(|_| Error::Precondition("x-amz-copy-source-if-"))
}

/// Conditions of a copy, whose inputs have the same fields.
macro_rules! source_conditions {
    ($input:expr) => {
        $crate::door::reading::Conditions {
            if_match: $input.copy_source_if_match.clone(),
            if_none_match: $input.copy_source_if_none_match.clone(),
            if_modified_since: $input.copy_source_if_modified_since.clone(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.clone(),
        }
    };
}
pub(super) use source_conditions;

pub(super) async fn copy(shared: Arc<Shared>, request: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
    let input = &request.input;
    let (bucket, key) = source(&input.copy_source)?;
    let is = |directive: Option<&str>, word: &str| directive == Some(word);
    let metadata = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
    let tagging = input.tagging_directive.as_ref().map(TaggingDirective::as_str);
    let replaces = is(metadata, MetadataDirective::REPLACE);
    let retags = is(tagging, TaggingDirective::REPLACE);
    let itself = bucket == input.bucket && key == input.key;
    if itself && !replaces && !retags && input.storage_class.is_none() && input.checksum_algorithm.is_none() {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the \
                       object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(fault(S3ErrorCode::InvalidRequest, message));
    }
    let algorithm = input.checksum_algorithm.as_ref().map(|name| algorithm(name.as_str())).transpose()?;
    let copy = CopyOf {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        details: if replaces { Some(details!(input)) } else { None },
        tags: if retags { Some(tags_of_header(input.tagging.as_deref())?) } else { None },
        storage_class: class(input.storage_class.as_ref()),
        algorithm,
        expected: Expectation::Anything,
        origin: origin(&request.headers),
    };
    let conditions = source_conditions!(input);
    let copied =
        blocking(move || shared.buckets.copy((&bucket, &key), copy, |object| check_source(&conditions, object)));
    let object = copied.await?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified_ms)),
        checksum_type: type_of(object.checksum.as_ref()),
        ..CopyObjectResult::default()
    };
    show_checksum!(result, object.checksum.as_ref());
    Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
}

pub(super) fn algorithm(name: &str) -> S3Result<Algorithm> {
    Algorithm::of_name(name).ok_or_else(|| {
        let message = format!("Checksum algorithm provided is unsupported: {name}");
        fault(S3ErrorCode::InvalidRequest, message)
    })
}

pub(super) async fn delete(shared: Arc<Shared>, request: S3Request<DeleteObjectInput>) -> S3Result<DeleteObjectOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(super::not_implemented("a deletion on condition of a size or a time"));
    }
    let expected = expectation(input.if_match.as_ref(), None)?;
    let origin = origin(&request.headers);
    blocking(move || shared.buckets.delete(&input.bucket, &input.key, &expected, origin)).await?;
    Ok(DeleteObjectOutput::default())
}

pub(super) async fn delete_all(
    shared: Arc<Shared>,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let input = request.input;
    let origin = origin(&request.headers);
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETED_MAX {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(fault(S3ErrorCode::MalformedXML, message));
    }
    let quiet = input.delete.quiet.unwrap_or_default();
    let done = blocking(move || {
        // A bucket that is not there fails as a whole.
        shared.buckets.bucket(&input.bucket)?;
        let refusal = |object: &ObjectIdentifier| check_version(object.version_id.as_deref()).err();
        let plain: Vec<&str> = objects
            .iter()
            .filter(|object| object.e_tag.is_none() && refusal(object).is_none())
            .map(|object| &*object.key)
            .collect();
        if !plain.is_empty() {
            shared.buckets.delete_all(&input.bucket, &plain, origin)?;
        }
        let outcome = |object: &ObjectIdentifier| match (refusal(object), &object.e_tag) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(etag)) => {
                let expected = Expectation::Matches(etag.value().to_owned());
                shared.buckets.delete(&input.bucket, &object.key, &expected, origin).map(|_| ()).map_err(S3Error::from)
            }
        };
        Ok(objects.into_iter().map(|object| (outcome(&object), object)).collect::<Vec<_>>())
    });
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (outcome, object) in done.await? {
        match outcome {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
            Err(error) => errors.push(s3s::dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    let deleted = (!quiet).then_some(deleted);
    Ok(DeleteObjectsOutput { deleted, errors: Some(errors), request_charged: None })
}

fn tags_of(tagging: Tagging) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for tag in tagging.tag_set {
        if tags.insert(tag.key.unwrap_or_default(), tag.value.unwrap_or_default()).is_some() {
            return Err(fault(S3ErrorCode::InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

pub(super) async fn put_tags(
    shared: Arc<Shared>,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<PutObjectTaggingOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let (tags, origin) = (tags_of(input.tagging)?, origin(&request.headers));
    blocking(move || shared.buckets.set_tags(&input.bucket, &input.key, tags, origin)).await?;
    Ok(PutObjectTaggingOutput::default())
}

pub(super) async fn delete_tags(
    shared: Arc<Shared>,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<DeleteObjectTaggingOutput> {
    let input = request.input;
    check_version(input.version_id.as_deref())?;
    let origin = origin(&request.headers);
    blocking(move || shared.buckets.set_tags(&input.bucket, &input.key, BTreeMap::new(), origin)).await?;
    Ok(DeleteObjectTaggingOutput::default())
}

pub(super) async fn create_bucket(
    shared: Arc<Shared>,
    request: S3Request<CreateBucketInput>,
) -> S3Result<CreateBucketOutput> {
    let input = request.input;
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(super::not_implemented("a bucket with object lock"));
    }
    let constraint = input.create_bucket_configuration.and_then(|found| found.location_constraint);
    let region = constraint.map(|region| BucketLocationConstraint::as_str(&region).to_owned());
    let location = format!("/{}", input.bucket);
    let unnamed = shared.config.place.region == "us-east-1";
    let created = blocking(move || match shared.buckets.create(&input.bucket, region.as_deref()) {
        // In this region only, S3 lets an owner create a bucket again.
        Err(Error::BucketExists(_)) if unnamed && region.is_none() => Ok(()),
        created => created.map(|_| ()),
    });
    created.await?;
    Ok(CreateBucketOutput { location: Some(location) })
}

pub(super) async fn delete_bucket(
    shared: Arc<Shared>,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<DeleteBucketOutput> {
    blocking(move || shared.buckets.delete_bucket(&request.input.bucket)).await?;
    Ok(DeleteBucketOutput {})
}
