//! What can go wrong with buckets and objects. S3's codes for these live at the door.

use std::path::PathBuf;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the bucket {0} does not exist")]
    NoSuchBucket(String),
    #[error("the bucket {0} exists already")]
    BucketExists(String),
    #[error("the bucket {0} is not empty")]
    BucketNotEmpty(String),
    #[error("there are {0} buckets, as many as can be kept")]
    TooManyBuckets(usize),
    #[error("there is no object {key} in the bucket {bucket}")]
    NoSuchKey { bucket: String, key: String },
    #[error("there is no upload {0} under way for this key; it may have been completed or aborted")]
    NoSuchUpload(String),
    /// A condition of the request does not hold: the header's name.
    #[error("the condition {0} does not hold")]
    Precondition(&'static str),
    /// The request itself is wrong.
    #[error("{1}")]
    Invalid(Refusal, String),
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error("{doing} {}: {source}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
}

/// Which rule a request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Argument,
    /// What it asks for does not go together.
    Request,
    BucketName,
    KeyTooLong,
    MetadataTooLarge,
    Tag,
    /// What arrived is not what the sender's checksum was made of.
    BadDigest,
    /// Likewise, for the hash that was signed.
    PayloadHash,
    IncompleteBody,
    Part,
    PartOrder,
    TooSmall,
    TooLarge,
    StorageClass,
}

impl Error {
    pub(crate) fn invalid(refusal: Refusal, message: impl Into<String>) -> Error {
        Error::Invalid(refusal, message.into())
    }

    pub(crate) fn no_key(bucket: &str, key: &str) -> Error {
        Error::NoSuchKey { bucket: bucket.to_owned(), key: key.to_owned() }
    }
}

/// For `map_err`: what was being done, and where.
pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { doing, path, source }
}
