//! What can go wrong with streams. AWS's codes for these live at the door.

/// Why a request was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no stream {0}")]
    NotFound(String),
    #[error("the stream {0} exists already")]
    Exists(String),
    /// A stream keeps its number of shards for as long as it lives.
    #[error("the stream {name} has {is} shards, not {wanted}, and their number cannot be changed: delete it first")]
    ShardCount { name: String, is: u16, wanted: u16 },
    /// A definition or a record breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// More than can be kept.
    #[error("{0}")]
    Limit(String),
    #[error(transparent)]
    Db(#[from] db::Error),
}
