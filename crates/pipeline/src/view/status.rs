//! What a view says of itself: plain figures for the console, the command line and tests.

use item::Seq;

/// What a view is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Removing the rows of an earlier definition or source.
    Clearing,
    /// Counting the items that were there before it; `total` is the source's size at the start.
    Backfilling { done: u64, total: u64 },
    /// Folding changes as they come.
    Live,
    /// Not running; its rows are as of its cursor.
    Stopped { reason: String },
}

/// An item that was left out because it does not fit the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Its key in words, `id=234`; cut after 200 characters.
    pub key: String,
    pub reason: String,
    /// The change that was left out; during a backfill, the position at which the item was read.
    pub seq: Seq,
}

/// A view's figures at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewStatus {
    /// The output table.
    pub table: String,
    /// The source table.
    pub source: String,
    pub sql: String,
    pub phase: Phase,
    /// Everything up to here is in the rows.
    pub cursor: Seq,
    /// Positions of the log that the view has not looked at, if its source changed in them; changes of all tables, so an
    /// upper bound.
    pub lag_changes: u64,
    /// How long ago the view last had looked at everything, milliseconds; 0 when it has now.
    pub lag_ms: u64,
    /// Rows.
    pub groups: u64,
    /// Items that are left out now, by reason.
    pub skipped: Vec<(String, u64)>,
    /// The latest of them, newest first, at most 20.
    pub samples: Vec<Skip>,
    /// Changes and items folded, and commits made, since the view was defined.
    pub folded_total: u64,
    pub commits_total: u64,
}
