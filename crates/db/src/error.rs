//! What can go wrong, as coarse as callers act on it. AWS's words for these live at the door.

use crate::{FollowerId, Keeper};
use item::{Item, KeyError, Seq, expression::Invalid};
use std::path::PathBuf;

/// Why a request was not carried out. Nothing of it happened; only after [`Error::Poisoned`] a restart may find that it
/// did.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("table {0} does not exist")]
    TableNotFound(String),
    #[error("table {0} exists already")]
    TableExists(String),
    #[error("table {0} is protected against deletion")]
    Protected(String),
    /// The output table of a view takes writes from its view only, and so on.
    #[error("table {table} is kept by {keeper} and is read-only")]
    ReadOnly { table: String, keeper: Keeper },
    /// The condition did not hold; the item as it was.
    #[error("the condition does not hold")]
    ConditionFailed { item: Option<Box<Item>> },
    /// An update that does not fit the item: AWS's wording.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("item size has exceeded the maximum allowed size")]
    ItemTooLarge,
    /// An attribute of the new image cannot be a key of a secondary index.
    #[error("index {index}: {error}")]
    IndexKey { index: String, error: KeyError },
    #[error("index {0} does not exist")]
    IndexNotFound(String),
    #[error("index {0} exists already")]
    IndexExists(String),
    /// A transaction was not carried out; why, for each of its writes in order, `None` where it could have been.
    #[error("the transaction was cancelled")]
    Canceled(Vec<Option<Error>>),
    /// The items that a transaction would leave are larger together than one may be.
    #[error("the transaction is too large")]
    TransactionTooLarge,
    /// A client's token was used within ten minutes for another request.
    #[error("the token belongs to another request")]
    TokenReused,
    /// An update set or removed a key attribute, or gave it another value.
    #[error("cannot update attribute {0}: it is part of the key")]
    KeyChanged(String),
    #[error("{kind} {name} does not exist")]
    ResourceNotFound { kind: String, name: String },
    #[error("{kind} {name} exists already")]
    ResourceExists { kind: String, name: String },
    /// It is not of the revision that the change was made for: somebody else changed it meanwhile.
    #[error("{kind} {name} was changed meanwhile")]
    ResourceChanged { kind: String, name: String },
    /// Its body is too long, or there are too many.
    #[error("{0}")]
    ResourceLimit(String),
    /// Its table or resource was deleted.
    #[error("nobody follows the log under number {}", .0.0)]
    FollowerNotFound(FollowerId),
    /// A follower's cursor is not where it thought: somebody else committed for it, or it was reset.
    #[error("the follower's cursor is at {at:?}, not where the commit expected it")]
    CursorMoved { at: Option<Seq> },
    /// More requests wait than the configuration allows; nothing happened, try again.
    #[error("too many requests are waiting")]
    Busy,
    /// The position is older than the log keeps.
    #[error("position {0} has been trimmed")]
    Trimmed(Seq),
    /// The log could not be written or synced: the database answers this until restarted.
    #[error("the database stopped accepting writes: {0}")]
    Poisoned(String),
    /// The disk is full; the request was not carried out and the database goes on.
    #[error("no space for the log: {0}")]
    NoSpace(String),
    /// Reading stored bytes failed.
    #[error("stored data cannot be read: {0}")]
    Read(String),
    /// The database is shutting down.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    /// Whether it is the database's own trouble, not a refusal of one write: a transaction that meets it did not come to
    /// a decision.
    pub(crate) fn is_own(&self) -> bool {
        matches!(
            self,
            Error::TableNotFound(_) | Error::ReadOnly { .. } | Error::Read(_) | Error::Poisoned(_) | Error::NoSpace(_)
        )
    }
}

/// Why a data directory does not open. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is already open in another process{}", .0.display(), .1)]
    Locked(PathBuf, String),
    #[error("{} was written by a newer Streamfold (format {found}; this one reads up to {known})", .path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is corrupt at byte {offset}: {what}", .path.display())]
    Corrupt { path: PathBuf, offset: u64, what: String },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the state engine does not open: {0}")]
    Store(String),
}
