//! What a table is: its name, key, stream and settings, and the running totals kept with it.

use crate::index::{Expiry, Index, Projected};
use crate::stream::StreamViewType;
use item::{IndexSchema, KeySchema, Seq, TableId};

/// What to create.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    /// 3 to 255 characters of `[a-zA-Z0-9_.-]`, checked by the caller.
    pub name: String,
    pub key: KeySchema,
    /// Change stream, if on.
    pub stream: Option<StreamViewType>,
    /// Shards of the stream, by hash of the partition key; at least 1.
    pub shards: u16,
    /// Set where the table is the output of a view: then clients cannot write to it.
    pub view: Option<ViewSpec>,
    /// Which of our rooms alone writes to it, in words; as with a view's, clients cannot.
    pub keeper: Option<String>,
    pub deletion_protection: bool,
    pub billing: Billing,
    pub class: TableClass,
    /// Name of the attribute that holds the expiry time, epoch seconds.
    pub ttl: Option<String>,
    pub tags: Vec<(String, String)>,
    /// Indexes to create with the table. Empty in the spec of a table that exists: see [`Table::indexes`].
    pub indexes: Vec<IndexSpec>,
}

/// A secondary index to create.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSpec {
    /// As a table's name, unique within the table; checked by the caller.
    pub name: String,
    /// A local index shares the table's partition key and is there from the table's creation on.
    pub local: bool,
    pub key: IndexSchema,
    pub projected: Projected,
    /// A global index's own; a local one has the table's.
    pub billing: Billing,
}

/// A change to one of a table's global indexes.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexUpdate {
    /// The index fills with the items that are there, beside other work.
    Create(IndexSpec),
    Delete(String),
    Billing(String, Billing),
}

impl TableSpec {
    /// A table with a key and nothing else set.
    #[must_use]
    pub fn new(name: impl Into<String>, key: KeySchema) -> TableSpec {
        TableSpec {
            name: name.into(),
            key,
            stream: None,
            shards: 1,
            view: None,
            keeper: None,
            deletion_protection: false,
            billing: Billing::OnDemand,
            class: TableClass::Standard,
            ttl: None,
            tags: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// Who alone writes to it, where clients cannot.
    #[must_use]
    pub fn keeper(&self) -> Option<Keeper> {
        let room = || self.keeper.clone().map(Keeper::Room);
        if self.view.is_some() { Some(Keeper::View) } else { room() }
    }
}

/// Who alone writes to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    View,
    /// One of our rooms, in words.
    Room(String),
}

impl std::fmt::Display for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Keeper::View => f.write_str("a view"),
            Keeper::Room(room) => f.write_str(room),
        }
    }
}

/// Whether a table of this name is a room's own (a bucket's objects, say). Clients never come by one: their tables cannot
/// have a colon in their names.
#[must_use]
pub fn is_internal(table_name: &str) -> bool {
    table_name.contains(':')
}

/// A view's definition as it is stored with its output table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewSpec {
    pub sql: String,
    /// Name as written in the SQL -> table name.
    pub sources: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    OnDemand,
    /// Read and write capacity units; reported, not enforced.
    Provisioned {
        read: u64,
        write: u64,
    },
}

/// What DynamoDB charges by; reported, without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableClass {
    Standard,
    InfrequentAccess,
}

/// A change to a table's settings; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableUpdate {
    /// `Some(None)` closes the stream, `Some(Some(_))` opens a new one.
    pub stream: Option<Option<StreamViewType>>,
    pub deletion_protection: Option<bool>,
    pub billing: Option<Billing>,
    pub class: Option<TableClass>,
    pub ttl: Option<Option<String>>,
    pub tags: Option<Vec<(String, String)>>,
    /// A new definition: the view is cleared and filled again.
    pub view: Option<ViewSpec>,
    /// In order.
    pub indexes: Vec<IndexUpdate>,
}

/// A table that exists (or existed, for a reader that still holds it).
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub id: TableId,
    /// DynamoDB's `TableId`: random, shown as a UUID.
    pub uuid: [u8; 16],
    pub spec: TableSpec,
    pub created_ms: u64,
    /// Position of the entry that created it.
    pub created: Seq,
    /// Counts the view's definitions: a follower with another number must rebuild.
    pub view_generation: u32,
    /// In the order of their creation.
    pub indexes: Vec<Index>,
    /// There while `spec.ttl` is set.
    pub expiry: Option<Expiry>,
}

impl Table {
    /// The index of this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.spec.name == name)
    }

    /// Numbers of all trees derived from the table's items.
    pub(crate) fn derived(&self) -> impl Iterator<Item = TableId> {
        self.indexes.iter().map(|index| index.id).chain(self.expiry.iter().map(|expiry| expiry.id))
    }
}

/// 128-bit sum over a table's items: equal contents have equal fingerprints, whatever their history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub u128);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Running totals of a table, exact at its last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    pub items: u64,
    /// Sum of item sizes as DynamoDB counts them.
    pub bytes: u64,
    pub fingerprint: Fingerprint,
    /// Position of the last change, [`Seq::ZERO`] when there was none.
    pub changed: Seq,
}
