//! What can go wrong when triggers are managed. AWS's wordings and statuses live at the door.

/// Why a request about a trigger was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A setting is out of its range, or two exclude one another.
    #[error("{0}")]
    Invalid(String),
    #[error("filter {pattern}: {why}")]
    InvalidFilter { pattern: String, why: String },
    /// The source's ARN.
    #[error("stream {0} does not exist")]
    StreamNotFound(String),
    /// The function is fed by this stream already.
    #[error("function {function} is fed by {source_arn} already, through trigger {uuid}")]
    Exists { uuid: String, function: String, source_arn: String },
    #[error("trigger {0} does not exist")]
    NotFound(String),
    /// It has no lane that could do what was asked: it is disabled, stopped, or just ending.
    #[error("trigger {0} is not running")]
    NotRunning(String),
    /// No key of this id is parked there.
    #[error("trigger {uuid} has no parked key {id}")]
    NotParked { uuid: String, id: String },
    #[error(transparent)]
    Db(#[from] db::Error),
}
