//! Buckets and their objects, as plain rows. The binary fills these in; nothing here knows where they come from.

/// A bucket at one moment. Counts are since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketRow {
    pub name: String,
    pub region: String,
    pub created_ms: u64,
    pub objects: u64,
    /// Of its objects; `None`: they are being counted.
    pub bytes: Option<u64>,
    /// Whether uploads in parts are under way.
    pub uploading: bool,
    /// Functions that its events call.
    pub targets: Vec<TargetRow>,
    /// Calls that were handed to functions' queues, and those whose function is gone.
    pub told: u64,
    pub dropped: u64,
    /// Positions of the log that were trimmed before they were read.
    pub lost: u64,
    /// Positions of the log, at most, with events that nobody was told of yet.
    pub behind: u64,
    /// Why its events do not go on, if so.
    pub trouble: Option<String>,
}

/// A function that events of a bucket call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRow {
    pub function: String,
    pub kinds: Vec<String>,
    pub prefix: String,
    pub suffix: String,
    /// Its calls that wait, those of other events included.
    pub waiting: u64,
}

/// A part of the objects of a bucket, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub entries: Vec<ObjectEntry>,
    /// Ask for what comes after this next; `None`: that was all.
    pub next: Option<String>,
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectEntry {
    Object(ObjectRow),
    /// All keys that begin so, up to their next slash.
    Folder(String),
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRow {
    pub key: String,
    pub size: u64,
    pub etag: String,
    pub modified_ms: u64,
    pub content_type: Option<String>,
    /// Where a browser gets it, if it may.
    pub href: Option<String>,
}

/// What clients of buckets asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketTraffic {
    pub requests: Vec<crate::RequestRow>,
    pub bytes_in: u64,
    pub bytes_out: u64,
}
