//! What can go wrong for whoever asks something of exports, as coarse as callers act on it. What goes wrong within an
//! execution is told by the execution.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A binding that makes no sense, or none here.
    #[error("exports of {binding}: {what}")]
    Binding { binding: String, what: String },
    /// There is no such table or version.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done with the execution as it is; says why and what can be.
    #[error("{table} {version} {why}")]
    Refused { table: String, version: String, why: String },
    #[error(transparent)]
    Buckets(#[from] s3::Error),
    #[error("{doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Delta(#[from] delta::Error),
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// For `map_err`: says what was being done, and where.
pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { doing, path, source }
}
