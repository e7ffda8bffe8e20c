//! Followers: whoever folds the log into something else and commits its position together with the result.

use crate::{Error, Record, commit::Shared, read, rows};
use item::{Item, Key, Origin, Seq, TableId};

/// A follower's number: the [`TableId`] of its output for a view. Its state lives under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FollowerId(pub u32);

/// What a follower has made of the log up to a position: one atomic entry.
#[derive(Clone, Debug)]
pub struct FollowerCommit {
    pub follower: FollowerId,
    /// The cursor as the follower knows it (`None`: it has none yet): the commit fails if it moved.
    pub expected: Option<Seq>,
    pub upto: Seq,
    /// Output rows after the fold; a row equal to the stored one makes no change.
    pub rows: Vec<Row>,
    /// Records of streams, before the rows.
    pub records: Vec<Record>,
    /// The follower's own state, after: key -> value, `None` removes.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// One entry of a follower's state: key and value.
pub type StateEntry = (Vec<u8>, Vec<u8>);

/// One output row: the item as it is now, or `None` where the group vanished.
#[derive(Clone, Debug)]
pub struct Row {
    pub table: TableId,
    pub key: Key,
    pub new: Option<Item>,
    /// What the change came from: a fold, or a function whose failure is told of.
    pub origin: Origin,
}

impl Row {
    /// A row as a fold makes it.
    #[must_use]
    pub fn folded(table: TableId, key: Key, new: Option<Item>) -> Row {
        Row { table, key, new, origin: Origin::View }
    }
}

pub(crate) fn state(shared: &Shared, follower: FollowerId, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let row = rows::state(follower, key);
    Ok(read::at_head(shared, |head| shared.store.get(&row, head))?.map(|value| value.to_vec()))
}

pub(crate) fn states(
    shared: &Shared,
    follower: FollowerId,
    start: &[u8],
    max: usize,
) -> Result<Vec<StateEntry>, Error> {
    let prefix = rows::states(follower);
    let at = shared.store.latest();
    let range = shared.store.range(&rows::state(follower, start), &rows::after(&prefix), at.seq(), false);
    range
        .take(max)
        .map(|row| row.map(|(key, value)| (key[prefix.len()..].to_vec(), value.to_vec())))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Read(error.to_string()))
}
