//! What the control plane holds beside tables: functions, triggers, schedules, parameters and whatever comes. To the
//! database they are a kind, a name and an item that means something to the room that wrote it.
//!
//! They lie in the catalogue, so they are in the log like all else and in memory as a whole: for hundreds of definitions
//! of a few kilobytes, not for data.

use crate::FollowerId;
use item::{Item, Origin, TableId};
use std::sync::Arc;

/// Most resources of all kinds together; AWS keeps as many parameters, and fewer of all else.
pub(crate) const RESOURCES_MAX: usize = 10_000;
/// Longest encoded body, bytes.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 10;

/// A resource as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its number: never used again, and shared with no table. State of a follower may lie under it; it goes with the
    /// resource.
    pub id: FollowerId,
    /// `function`, `trigger`: the room's word.
    pub kind: String,
    /// Unique within its kind.
    pub name: String,
    pub body: Item,
    /// The log is kept for at least so long, milliseconds, for those who read this resource's records.
    pub keep_ms: u64,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    pub changed_ms: u64,
    /// 1 when created, one more with every change.
    pub revision: u64,
}

/// What must be true of a resource for it to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is none of this kind and name.
    Absent,
    /// There is one, of this revision.
    Revision(u64),
    /// Whatever there is.
    Anything,
}

/// A resource to create or replace. A body equal to the stored one changes nothing.
#[derive(Clone, Debug)]
pub struct ResourcePut {
    pub kind: String,
    pub name: String,
    pub body: Item,
    /// See [`Resource::keep_ms`].
    pub keep_ms: u64,
    pub expected: Expected,
}

impl ResourcePut {
    /// A definition without records of its own.
    #[must_use]
    pub fn new(kind: &str, name: &str, body: Item, expected: Expected) -> ResourcePut {
        ResourcePut { kind: kind.to_owned(), name: name.to_owned(), body, keep_ms: 0, expected }
    }
}

/// A record of a resource (a stream that is no table's): it is in the log and nowhere else, and is read like a change
/// of the table of this number whose new image is the item.
#[derive(Clone, Debug)]
pub struct Record {
    pub resource: FollowerId,
    pub shard: u16,
    /// Who puts it.
    pub origin: Origin,
    pub item: Item,
}

impl Resource {
    /// The number under which its records are read.
    #[must_use]
    pub fn records(&self) -> TableId {
        TableId(self.id.0)
    }
}

impl Expected {
    /// Whether it is met.
    pub(crate) fn is_met(self, found: Option<&Arc<Resource>>) -> bool {
        match self {
            Expected::Absent => found.is_none(),
            Expected::Revision(revision) => found.is_some_and(|found| found.revision == revision),
            Expected::Anything => true,
        }
    }
}
