//! What a mark on a bucket asks for: full exports that arrive there, and where their changes go.

use super::Origin;

/// Full exports of tables that arrive in a bucket, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Where the mark stands.
    pub origin: Origin,
    /// The name of the bucket.
    pub bucket: String,
    /// How the keys of its objects begin, before `TENANT/TABLE/VERSION/FILE.gz`: empty, or up to a slash.
    pub prefix: String,
    /// The columns that tell rows apart, `PK` if left out.
    pub key: Vec<String>,
    /// The name of the Kinesis stream that operations are published to.
    pub stream: Option<String>,
    /// The name of the table that follows the exports. No view.
    pub target: Option<String>,
    /// Columns whose values are numbers in the target; all others are strings.
    pub numbers: Vec<String>,
    /// What a field without any text means.
    pub empty: Empty,
    /// The name of the table in which executions can be looked up, `registry` if left out.
    pub registry: String,
    /// What holds an execution before it publishes anything.
    pub brake: Brake,
    /// When a version is complete.
    pub complete: Complete,
}

/// What a field without any text means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Empty {
    /// A text of no letters.
    #[default]
    Text,
    /// That the row does not have the column.
    Absent,
}

/// Limits beyond which an execution waits for a person. `None`: the template leaves it open.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Brake {
    /// The part of the rows that may be deleted, 0 to 1.
    pub max_delete_share: Option<f64>,
    /// Tables with fewer rows are not held for their deletes.
    pub min_rows: Option<u64>,
    /// What becomes of an export with columns that the one before did not have.
    pub added_columns: Option<OtherColumns>,
    /// What becomes of an export without columns that the one before had.
    pub dropped_columns: Option<OtherColumns>,
}

// A share is a number within limits, never NaN.
impl Eq for Brake {}

/// What becomes of an export whose columns are others than those of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherColumns {
    /// Nothing.
    Accept,
    /// It is held.
    Hold,
}

/// When a version is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complete {
    /// As soon as so many files have arrived; 1 if left out.
    Files(u32),
    /// As soon as an object of this name has.
    Marker(String),
}
