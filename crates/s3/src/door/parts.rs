//! Uploads in parts.

use super::{
    Shared, blocking,
    fault::{fault, invalid_argument},
    lineage::origin,
    shapes::{Announced, checksum, checksum_type, details, etag, expectation, show_checksum, timestamp, type_of},
    turn,
    writing::{algorithm, check_source, receive, source, source_conditions},
};
use crate::{Begin, ChecksumKind, Complete, Error, Named, Object};
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CompletedPart, CopyPartResult, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, ETag, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
        UploadPartOutput,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::{JoinError, spawn_blocking},
    time::timeout,
};

/// A client that completes an upload waits so long without a word; then it is kept waiting with spaces.
const SILENCE: Duration = Duration::from_secs(10);

/// A part's number, of those that can be one.
fn number(number: i32) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) async fn begin(
    shared: Arc<Shared>,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let input = request.input;
    let algorithm = input.checksum_algorithm.as_ref().map(|name| algorithm(name.as_str())).transpose()?;
    let kind = input.checksum_type.as_ref().and_then(|kind| ChecksumKind::of_name(kind.as_str()));
    if kind.is_some() && algorithm.is_none() {
        let message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
        return Err(fault(S3ErrorCode::InvalidRequest, message));
    }
    let checksum = algorithm.map(|algorithm| (algorithm, kind.unwrap_or_else(|| algorithm.usual_kind())));
    let begin = Begin { key: input.key.clone(), details: details!(input), checksum };
    let (bucket, key) = (input.bucket.clone(), input.key);
    let upload = blocking(move || shared.buckets.begin_upload(&input.bucket, begin)).await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(bucket),
        key: Some(key),
        upload_id: Some(upload.id),
        checksum_algorithm: checksum.map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: checksum.map(|(_, kind)| checksum_type(kind)),
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn put(shared: Arc<Shared>, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let input = &request.input;
    let (length, md5) = (input.content_length, input.content_md5.as_deref());
    let announced = Announced::new(&request, checksum!(input)?, (length, md5))?;
    let turn = turn(&shared.uploads).await?;
    let place = (input.bucket.clone(), input.key.clone(), input.upload_id.clone(), number(input.part_number));
    let sums = (announced.algorithm(), announced.claims.payload.is_some());
    let buckets = shared.buckets.clone();
    let staging = blocking(move || {
        let (bucket, key, upload, number) = place;
        let staged = buckets.stage_part((&bucket, &key), (&upload, number), sums)?;
        Ok((staged, (key, upload, number)))
    });
    let (staged, (key, upload, number)) = staging.await?;
    let staged = receive(&shared, staged, request.input.body).await?;
    let claims = announced.claims()?;
    let part = blocking(move || shared.buckets.put_part(&key, (&upload, number), staged, &claims)).await?;
    drop(turn);
    let mut output = UploadPartOutput { e_tag: Some(etag(&part.etag)), ..UploadPartOutput::default() };
    show_checksum!(output, part.checksum.as_ref());
    Ok(output)
}

pub(super) async fn copy(
    shared: Arc<Shared>,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let input = request.input;
    let from = source(&input.copy_source)?;
    let range = input.copy_source_range.as_deref().map(range).transpose()?;
    let conditions = source_conditions!(input);
    let part = blocking(move || {
        let (target, part) = ((&*input.bucket, &*input.key), (&*input.upload_id, number(input.part_number)));
        let check = |object: &Object| check_source(&conditions, object);
        shared.buckets.copy_part(target, part, (&from.0, &from.1), range, check)
    });
    let part = part.await?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(timestamp(part.modified_ms)),
        ..CopyPartResult::default()
    };
    show_checksum!(result, part.checksum.as_ref());
    Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
}

/// `bytes=FIRST-LAST`, both of them there.
fn range(text: &str) -> S3Result<std::ops::Range<u64>> {
    let ends = text.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match ends {
        Some((first, last)) if first <= last && last < u64::MAX => Ok(first..last + 1),
        _ => Err(invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        )),
    }
}

fn named(part: &CompletedPart) -> S3Result<Named> {
    let malformed = || {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        fault(S3ErrorCode::MalformedXML, message)
    };
    Ok(Named {
        number: number(part.part_number.ok_or_else(malformed)?),
        etag: part.e_tag.as_ref().map(ETag::value).ok_or_else(malformed)?.to_owned(),
        checksum: checksum!(part)?,
    })
}

pub(super) async fn complete(
    shared: Arc<Shared>,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let input = request.input;
    let parts = input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref()).unwrap_or_default();
    let complete = Complete {
        parts: parts.iter().map(named).collect::<S3Result<_>>()?,
        // Behind the checksum of checksums, a client may leave out how many there are.
        checksum: checksum!(input)?,
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        expected: expectation(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        origin: origin(&request.headers),
    };
    let (bucket, key) = (input.bucket.clone(), input.key.clone());
    let mut working = spawn_blocking(move || {
        shared.buckets.complete_upload((&input.bucket, &input.key), &input.upload_id, &complete)
    });
    if let Ok(done) = timeout(SILENCE, &mut working).await {
        return completed(bucket, key, done);
    }
    let later = async move { completed(bucket, key, working.await) };
    Ok(CompleteMultipartUploadOutput { future: Some(Box::pin(later)), ..CompleteMultipartUploadOutput::default() })
}

fn completed(
    bucket: String,
    key: String,
    done: Result<Result<Object, Error>, JoinError>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let object = match done {
        Ok(object) => object.map_err(S3Error::from)?,
        Err(error) => return Err(fault(S3ErrorCode::InternalError, format!("the upload was not completed: {error}"))),
    };
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{bucket}/{key}")),
        bucket: Some(bucket),
        key: Some(key),
        e_tag: Some(etag(&object.etag)),
        checksum_type: type_of(object.checksum.as_ref()),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksum!(output, object.checksum.as_ref());
    Ok(output)
}

pub(super) async fn abort(
    shared: Arc<Shared>,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let input = request.input;
    blocking(move || shared.buckets.abort_upload((&input.bucket, &input.key), &input.upload_id)).await?;
    Ok(AbortMultipartUploadOutput::default())
}
