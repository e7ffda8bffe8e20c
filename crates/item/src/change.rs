//! One thing that happened to one item, and its place in the log.

use crate::{Item, KeySchema, key::Key};

/// A position in the log. Strictly increasing, never reused, not dense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before everything.
    pub const ZERO: Seq = Seq(0);

    /// The next position.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One incarnation of a table: a table deleted and created again under its name gets a new one. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A request at a door.
    Client,
    /// Time to live ran out; streams show the service identity.
    Ttl,
    /// A view's fold; the output table is otherwise read-only.
    View,
    /// A function's handler, which so many functions came before in a chain of changes and triggers: 1 when it was
    /// called with a client's change, or by itself.
    Function { depth: u8 },
}

/// One item before and after. Both images are always there, whatever a stream's view type shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub seq: Seq,
    /// Commit time, milliseconds since the epoch; never goes backwards along the log.
    pub time_ms: u64,
    pub table: TableId,
    /// Stream shard of the item's partition key, by its hash and the shard count at commit.
    pub shard: u16,
    pub origin: Origin,
    /// Image before; `None` when the item was not there.
    pub old: Option<Item>,
    /// Image after; `None` when the item was deleted.
    pub new: Option<Item>,
}

impl Change {
    /// The key of the item that changed.
    ///
    /// # Panics
    /// When neither image carries the key: such a change is never committed.
    #[must_use]
    pub fn key(&self, schema: &KeySchema) -> Key {
        let image = self.new.as_ref().or(self.old.as_ref()).expect("a change has an image");
        schema.key_of(image).expect("a committed image carries its key")
    }
}
