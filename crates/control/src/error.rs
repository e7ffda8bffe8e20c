//! What can go wrong, as coarse as callers act on it. AWS's codes and statuses live at the doors; where AWS's words for
//! a refusal are known, the message has them.

use crate::fields::Malformed;

/// Why nothing happened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{kind} {name} does not exist")]
    NotFound { kind: &'static str, name: String },
    #[error("{kind} {name} exists already")]
    Exists { kind: &'static str, name: String },
    /// It is not of the revision that the change was made for.
    #[error("{kind} {name} was changed meanwhile")]
    Changed { kind: &'static str, name: String },
    /// A value that is refused.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// A parameter's name has too many levels.
    #[error("{0}")]
    TooDeep(String),
    /// A parameter's value does not match its pattern.
    #[error("{0}")]
    PatternMismatch(String),
    /// The pattern itself is none.
    #[error("{0}")]
    InvalidPattern(String),
    /// A deployment package that cannot be unpacked, or more than may be.
    #[error("{0}")]
    Code(String),
    /// As many calls wait as may wait.
    #[error("{0}")]
    TooManyRequests(String),
    /// The payload of a call is longer than it may be.
    #[error("{0}")]
    TooLarge(String),
    /// There are as many of these as can be kept.
    #[error("{0}")]
    Limit(String),
    /// Control was stopped, or the database closed.
    #[error("shutting down")]
    Closed,
    /// A stored definition does not read.
    #[error("{kind} {name}: {malformed}")]
    Malformed { kind: &'static str, name: String, malformed: Malformed },
    /// Files of the code store.
    #[error("{path}: {message}")]
    Disk { path: String, message: String },
    #[error(transparent)]
    Trigger(#[from] triggers::Error),
    #[error(transparent)]
    Database(db::Error),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Error {
        Error::Invalid { field, message: message.into() }
    }

    pub(crate) fn not_found(kind: &'static str, name: &str) -> Error {
        Error::NotFound { kind, name: name.to_owned() }
    }

    pub(crate) fn disk(path: &std::path::Path, error: &std::io::Error) -> Error {
        Error::Disk { path: path.display().to_string(), message: error.to_string() }
    }

    /// What the database says about a resource of this kind.
    pub(crate) fn of(kind: &'static str, error: db::Error) -> Error {
        match error {
            db::Error::ResourceNotFound { name, .. } => Error::NotFound { kind, name },
            db::Error::ResourceExists { name, .. } => Error::Exists { kind, name },
            db::Error::ResourceChanged { name, .. } => Error::Changed { kind, name },
            db::Error::ResourceLimit(message) => Error::Limit(message),
            db::Error::Closed => Error::Closed,
            other => Error::Database(other),
        }
    }
}
