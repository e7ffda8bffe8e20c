//! How the state engine's one key space is divided. These bytes are on disk.
//!
//! One tree holds everything, so that what is durable in it is always the state after a whole group.

use crate::FollowerId;
use item::{Key, Seq, TableId};

/// Catalogue and bookkeeping.
const META: u8 = 0;
/// Items: table, then the item's key.
const ITEMS: u8 = 1;
/// A follower's own state.
const STATE: u8 = 3;
/// Calls of clients within the last minutes, for repeats.
const CALLS: u8 = 4;

/// Calls are kept in buckets of this length and found in the current one and the one before, so for at least ten
/// minutes.
pub(crate) const CALL_BUCKET_MS: u64 = 10 * 60 * 1000;

fn meta(kind: u8, id: u32) -> Vec<u8> {
    let mut key = vec![META, kind];
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// Row of a table's description.
pub(crate) fn table(id: TableId) -> Vec<u8> {
    meta(b'T', id.0)
}

/// Row of a stream's description.
pub(crate) fn stream(id: TableId, opened: Seq) -> Vec<u8> {
    let mut key = meta(b'S', id.0);
    key.extend_from_slice(&opened.0.to_be_bytes());
    key
}

/// Row of a table's running totals.
pub(crate) fn totals(id: TableId) -> Vec<u8> {
    meta(b'X', id.0)
}

/// Row of a resource.
pub(crate) fn resource(id: FollowerId) -> Vec<u8> {
    meta(b'R', id.0)
}

/// Row of a follower's cursor.
pub(crate) fn cursor(follower: FollowerId) -> Vec<u8> {
    meta(b'F', follower.0)
}

/// Row that says that a table's items and follower state are garbage to be removed.
pub(crate) fn dead(id: TableId) -> Vec<u8> {
    meta(b'D', id.0)
}

/// Row of the next table's number.
pub(crate) fn next_table() -> Vec<u8> {
    meta(b'N', 0)
}

/// All rows of the catalogue and bookkeeping.
pub(crate) fn meta_range() -> (Vec<u8>, Vec<u8>) {
    (vec![META], vec![META + 1])
}

/// What a bookkeeping row is about, and its number.
pub(crate) fn meta_kind(key: &[u8]) -> Option<(u8, u32)> {
    let id = key.get(2..6)?.try_into().ok()?;
    Some((key[1], u32::from_be_bytes(id)))
}

/// Prefix of a table's items.
pub(crate) fn items(id: TableId) -> Vec<u8> {
    let mut key = vec![ITEMS];
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// Row of one item.
pub(crate) fn item(id: TableId, key: &Key) -> Vec<u8> {
    let mut row = Vec::with_capacity(48);
    row.push(ITEMS);
    row.extend_from_slice(&id.0.to_be_bytes());
    key.encode(&mut row);
    row
}

/// Bytes before an item's own key.
pub(crate) const ITEM_PREFIX: usize = 5;

/// Prefix of a follower's state.
pub(crate) fn states(follower: FollowerId) -> Vec<u8> {
    let mut key = vec![STATE];
    key.extend_from_slice(&follower.0.to_be_bytes());
    key
}

/// Row of one entry of a follower's state.
pub(crate) fn state(follower: FollowerId, key: &[u8]) -> Vec<u8> {
    let mut row = states(follower);
    row.extend_from_slice(key);
    row
}

/// Row of a client's call in the bucket of `time_ms`.
pub(crate) fn call(time_ms: u64, id: &[u8; 16]) -> Vec<u8> {
    let mut row = calls(time_ms / CALL_BUCKET_MS);
    row.extend_from_slice(id);
    row
}

/// Prefix of a bucket of calls.
pub(crate) fn calls(bucket: u64) -> Vec<u8> {
    let mut row = vec![CALLS];
    row.extend_from_slice(&bucket.to_be_bytes());
    row
}

/// All calls before a bucket.
pub(crate) fn calls_before(bucket: u64) -> (Vec<u8>, Vec<u8>) {
    (vec![CALLS], calls(bucket))
}

/// The end of the range of keys that start with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; prefix.len() + 1]
}
