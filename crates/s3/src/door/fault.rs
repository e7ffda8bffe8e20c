//! What goes wrong, in S3's codes and words. The one place that knows both sides.

use super::arriving::Unread;
use crate::{Error, Refusal};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::{S3Error, S3ErrorCode, StdError};

/// An error of S3's that s3s does not know by name.
pub(super) fn custom(code: &'static str, status: StatusCode, message: impl Into<String>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message.into());
    error.set_status_code(status);
    error
}

pub(super) fn fault(code: S3ErrorCode, message: impl Into<String>) -> S3Error {
    S3Error::with_message(code, message.into())
}

pub(super) fn invalid_argument(message: impl Into<String>) -> S3Error {
    fault(S3ErrorCode::InvalidArgument, message)
}

/// For what S3 does and this does not.
pub(super) fn not_implemented(what: &str) -> S3Error {
    fault(S3ErrorCode::NotImplemented, format!("{what} is not implemented here"))
}

impl From<Error> for S3Error {
    fn from(error: Error) -> S3Error {
        let message = error.to_string();
        match error {
            Error::NoSuchBucket(_) => fault(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist"),
            Error::BucketExists(_) => fault(
                S3ErrorCode::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            Error::BucketNotEmpty(_) => {
                fault(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty")
            }
            Error::TooManyBuckets(_) => fault(S3ErrorCode::TooManyBuckets, message),
            Error::NoSuchKey { .. } => fault(S3ErrorCode::NoSuchKey, "The specified key does not exist."),
            Error::NoSuchUpload(_) => fault(
                S3ErrorCode::NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
                 or completed.",
            ),
            Error::Precondition(_) => precondition_failed(),
            Error::Invalid(refusal, _) => refused(refusal, message),
            Error::Db(error) => of_database(&error),
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                fault(S3ErrorCode::ServiceUnavailable, format!("no space is left: {message}"))
            }
            Error::Io { .. } => fault(S3ErrorCode::InternalError, message),
        }
    }
}

fn refused(refusal: Refusal, message: String) -> S3Error {
    let code = match refusal {
        Refusal::Argument => S3ErrorCode::InvalidArgument,
        Refusal::Request => S3ErrorCode::InvalidRequest,
        Refusal::BucketName => S3ErrorCode::InvalidBucketName,
        Refusal::KeyTooLong => S3ErrorCode::KeyTooLongError,
        Refusal::MetadataTooLarge => S3ErrorCode::MetadataTooLarge,
        Refusal::Tag => S3ErrorCode::InvalidTag,
        Refusal::BadDigest => S3ErrorCode::BadDigest,
        Refusal::PayloadHash => return custom("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST, message),
        Refusal::IncompleteBody => S3ErrorCode::IncompleteBody,
        Refusal::Part => S3ErrorCode::InvalidPart,
        Refusal::PartOrder => S3ErrorCode::InvalidPartOrder,
        Refusal::TooSmall => S3ErrorCode::EntityTooSmall,
        Refusal::TooLarge => S3ErrorCode::EntityTooLarge,
        Refusal::StorageClass => S3ErrorCode::InvalidStorageClass,
    };
    fault(code, message)
}

fn of_database(error: &db::Error) -> S3Error {
    match error {
        db::Error::Busy => slow_down(),
        db::Error::TableNotFound(_) | db::Error::FollowerNotFound(_) | db::Error::ResourceNotFound { .. } => {
            fault(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
        }
        db::Error::Poisoned(_) | db::Error::Closed | db::Error::NoSpace(_) => {
            fault(S3ErrorCode::ServiceUnavailable, error.to_string())
        }
        error => fault(S3ErrorCode::InternalError, error.to_string()),
    }
}

pub(super) fn slow_down() -> S3Error {
    fault(S3ErrorCode::SlowDown, "Please reduce your request rate.")
}

pub(super) fn precondition_failed() -> S3Error {
    fault(S3ErrorCode::PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

/// 304, with what a cache wants to know.
pub(super) fn not_modified(etag: &str) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let quoted = HeaderValue::try_from(format!("\"{etag}\"")).expect("an ETag is printable");
    error.set_headers(HeaderMap::from_iter([(header::ETAG, quoted)]));
    error
}

pub(super) fn no_such_version() -> S3Error {
    fault(S3ErrorCode::NoSuchVersion, "The specified version does not exist: buckets here keep no versions")
}

/// Why a body did not arrive. s3s tells some of it in words only.
pub(super) fn unread(error: &StdError) -> S3Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(found) = cause {
        if let Some(unread) = found.downcast_ref::<Unread>() {
            return of_unread(unread);
        }
        cause = found.source();
    }
    let message = error.to_string();
    if message.contains("Sha256Mismatch") {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return custom("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST, message);
    }
    if message.contains("SignatureMismatch") {
        return fault(
            S3ErrorCode::SignatureDoesNotMatch,
            usual(&S3ErrorCode::SignatureDoesNotMatch).unwrap_or_default(),
        );
    }
    fault(S3ErrorCode::IncompleteBody, format!("The body did not arrive as announced: {message}"))
}

fn of_unread(unread: &Unread) -> S3Error {
    match unread {
        Unread::Late => fault(
            S3ErrorCode::RequestTimeout,
            "Your socket connection to the server was not read from or written to within the timeout period. Idle \
             connections will be closed.",
        ),
        Unread::Malformed(_) => fault(S3ErrorCode::InvalidRequest, unread.to_string()),
        Unread::Incomplete | Unread::Broken(_) => fault(S3ErrorCode::IncompleteBody, unread.to_string()),
    }
}

/// What S3 says with a code, where s3s answers the code alone.
pub(super) fn usual(code: &S3ErrorCode) -> Option<&'static str> {
    Some(match code {
        S3ErrorCode::SignatureDoesNotMatch => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method."
        }
        S3ErrorCode::InvalidBucketName => "The specified bucket is not valid.",
        S3ErrorCode::KeyTooLongError => "Your key is too long",
        S3ErrorCode::InvalidURI => "Couldn't parse the specified URI.",
        S3ErrorCode::MethodNotAllowed => "The specified method is not allowed against this resource.",
        S3ErrorCode::MalformedXML => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        S3ErrorCode::MaxMessageLengthExceeded => "Your request was too big.",
        S3ErrorCode::MissingContentLength => "You must provide the Content-Length HTTP header.",
        S3ErrorCode::IncompleteBody => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        S3ErrorCode::AccessDenied => "Access Denied",
        S3ErrorCode::InternalError => "We encountered an internal error. Please try again.",
        S3ErrorCode::InvalidRange => "The requested range is not satisfiable",
        S3ErrorCode::MissingRequestBodyError => "Request Body is empty",
        _ => return None,
    })
}
