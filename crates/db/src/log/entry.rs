//! What stands in the log: the entries of a frame, and their bytes.
//!
//! An entry's position is its frame's first `Seq` plus its place in the frame, so entries carry none. Formats here
//! are on disk: they change only together with [`super::frame::FORMAT`].

use crate::{FollowerId, RetryToken, stream::StreamRead};
use item::{Change, Origin, Seq, TableId, codec};

/// A row of the state engine after an entry: key and value, `None` removes.
pub(crate) type RowRef<'a> = (&'a [u8], Option<&'a [u8]>);

/// One entry, borrowed from the bytes of its frame.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Change(ChangeEntry<'a>),
    /// Catalogue rows after a change of schema: key and value, `None` removes.
    Schema(Vec<RowRef<'a>>),
    Follower {
        follower: FollowerId,
        upto: Seq,
        state: Vec<RowRef<'a>>,
    },
    /// A transaction with a client's token, and where its changes are: `first > last` when it made none.
    Call {
        id: [u8; 16],
        request: u64,
        first: Seq,
        last: Seq,
    },
}

/// A change of one item, images still encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeEntry<'a> {
    pub table: TableId,
    pub shard: u16,
    pub origin: Origin,
    /// The client call that made it: id and request hash.
    pub call: Option<([u8; 16], u64)>,
    pub old: Option<&'a [u8]>,
    pub new: Option<&'a [u8]>,
}

const CHANGE: u8 = 1;
const SCHEMA: u8 = 2;
const FOLLOWER: u8 = 3;
const CALL: u8 = 4;

const HAS_OLD: u8 = 1;
const HAS_NEW: u8 = 2;
const HAS_CALL: u8 = 4;
/// The origin code of a function.
const FUNCTION: u8 = 3;

/// Bytes before an entry's payload: kind and length.
const HEAD: usize = 5;

fn begin(kind: u8, out: &mut Vec<u8>) -> usize {
    out.push(kind);
    out.extend_from_slice(&[0; 4]);
    out.len()
}

fn finish(payload: usize, out: &mut [u8]) {
    let length = u32::try_from(out.len() - payload).expect("groups are bounded far below 4 GiB");
    out[payload - 4..payload].copy_from_slice(&length.to_le_bytes());
}

/// Appends a change.
pub(crate) fn push_change(change: &ChangeEntry<'_>, out: &mut Vec<u8>) {
    let payload = begin(CHANGE, out);
    out.extend_from_slice(&change.table.0.to_le_bytes());
    out.extend_from_slice(&change.shard.to_le_bytes());
    let mut flags = origin_code(change.origin) << 4;
    flags |= if change.old.is_some() { HAS_OLD } else { 0 };
    flags |= if change.new.is_some() { HAS_NEW } else { 0 };
    flags |= if change.call.is_some() { HAS_CALL } else { 0 };
    out.push(flags);
    if let Origin::Function { depth } = change.origin {
        out.push(depth);
    }
    if let Some((id, request)) = change.call {
        out.extend_from_slice(&id);
        out.extend_from_slice(&request.to_le_bytes());
    }
    for image in [change.old, change.new].into_iter().flatten() {
        push_bytes(image, out);
    }
    finish(payload, out);
}

/// Appends catalogue rows.
pub(crate) fn push_schema(rows: &[(Vec<u8>, Option<Vec<u8>>)], out: &mut Vec<u8>) {
    let payload = begin(SCHEMA, out);
    push_rows(rows, out);
    finish(payload, out);
}

/// Appends a follower's cursor and state; its output rows are changes of the same frame.
pub(crate) fn push_follower(follower: FollowerId, upto: Seq, state: &[(Vec<u8>, Option<Vec<u8>>)], out: &mut Vec<u8>) {
    let payload = begin(FOLLOWER, out);
    out.extend_from_slice(&follower.0.to_le_bytes());
    out.extend_from_slice(&upto.0.to_le_bytes());
    push_rows(state, out);
    finish(payload, out);
}

/// Appends a transaction's token.
pub(crate) fn push_call(id: &[u8; 16], request: u64, first: Seq, last: Seq, out: &mut Vec<u8>) {
    let payload = begin(CALL, out);
    out.extend_from_slice(id);
    for number in [request, first.0, last.0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    finish(payload, out);
}

fn push_rows(rows: &[(Vec<u8>, Option<Vec<u8>>)], out: &mut Vec<u8>) {
    let count = u32::try_from(rows.len()).expect("commits are bounded");
    out.extend_from_slice(&count.to_le_bytes());
    for (key, value) in rows {
        push_bytes(key, out);
        out.push(u8::from(value.is_some()));
        push_bytes(value.as_deref().unwrap_or_default(), out);
    }
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).expect("a stored value is far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn origin_code(origin: Origin) -> u8 {
    match origin {
        Origin::Client => 0,
        Origin::Ttl => 1,
        Origin::View => 2,
        Origin::Function { .. } => FUNCTION,
    }
}

/// The origin of a code; a function's depth stands behind it.
fn origin_of(code: u8, reader: &mut Reader<'_>) -> Option<Origin> {
    Some(match code {
        0 => Origin::Client,
        1 => Origin::Ttl,
        2 => Origin::View,
        FUNCTION => Origin::Function { depth: reader.u8()? },
        _ => return None,
    })
}

/// A cursor over bytes; every read answers `None` past the end.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn rows(&mut self) -> Option<Vec<RowRef<'a>>> {
        let count = self.u32()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let key = self.bytes()?;
            let present = self.u8()? == 1;
            let value = self.bytes()?;
            rows.push((key, present.then_some(value)));
        }
        Some(rows)
    }
}

/// Splits the next entry off a frame's body: its kind and payload.
pub(crate) fn split<'a>(body: &mut &'a [u8]) -> Option<Raw<'a>> {
    let mut reader = Reader(body);
    let kind = reader.u8()?;
    let payload = reader.bytes()?;
    *body = &body[HEAD + payload.len()..];
    Some(Raw { kind, payload })
}

/// An entry not yet decoded.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    kind: u8,
    payload: &'a [u8],
}

impl<'a> Raw<'a> {
    /// Table and shard of a change, without decoding the rest.
    pub fn stream(self) -> Option<(TableId, u16)> {
        if self.kind != CHANGE {
            return None;
        }
        let mut reader = Reader(self.payload);
        Some((TableId(reader.u32()?), reader.u16()?))
    }

    /// Whether `read` wants this entry.
    pub fn wanted(self, read: &StreamRead) -> bool {
        self.stream().is_some_and(|(table, shard)| table == read.table && read.shard.is_none_or(|want| want == shard))
    }

    /// `None` when the bytes are not an entry; their checksum was right, so that is a defect or a newer format.
    pub fn decode(self) -> Option<Entry<'a>> {
        let mut reader = Reader(self.payload);
        match self.kind {
            CHANGE => decode_change(&mut reader).map(Entry::Change),
            SCHEMA => reader.rows().map(Entry::Schema),
            FOLLOWER => {
                let follower = FollowerId(reader.u32()?);
                let upto = Seq(reader.u64()?);
                Some(Entry::Follower { follower, upto, state: reader.rows()? })
            }
            CALL => Some(Entry::Call {
                id: reader.array()?,
                request: reader.u64()?,
                first: Seq(reader.u64()?),
                last: Seq(reader.u64()?),
            }),
            _ => None,
        }
    }
}

fn decode_change<'a>(reader: &mut Reader<'a>) -> Option<ChangeEntry<'a>> {
    let table = TableId(reader.u32()?);
    let shard = reader.u16()?;
    let flags = reader.u8()?;
    let origin = origin_of(flags >> 4, reader)?;
    let call = if flags & HAS_CALL == 0 { None } else { Some((reader.array::<16>()?, reader.u64()?)) };
    let old = if flags & HAS_OLD == 0 { None } else { Some(reader.bytes()?) };
    let new = if flags & HAS_NEW == 0 { None } else { Some(reader.bytes()?) };
    Some(ChangeEntry { table, shard, origin, call, old, new })
}

impl ChangeEntry<'_> {
    /// The change with its images decoded.
    pub fn to_change(self, seq: Seq, time_ms: u64) -> Result<Change, codec::DecodeError> {
        Ok(Change {
            seq,
            time_ms,
            table: self.table,
            shard: self.shard,
            origin: self.origin,
            old: self.old.map(codec::decode).transpose()?,
            new: self.new.map(codec::decode).transpose()?,
        })
    }

    /// Bytes of both images.
    pub fn image_bytes(&self) -> usize {
        self.old.map_or(0, <[u8]>::len) + self.new.map_or(0, <[u8]>::len)
    }
}

/// The call of a retry token, as it stands in the log.
pub(crate) fn call_of(token: RetryToken) -> ([u8; 16], u64) {
    (token.id, token.request)
}
