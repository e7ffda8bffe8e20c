//! A record on its way to a function: what lanes decide by, and the event that the function gets.

use crate::limits::{DEPTH_LAST, DEPTH_MAX};
use item::{Key, Origin, Seq, codec};

/// An item's key in short: equal keys are equal, others differ but for luck that nobody has (128 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u128);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub seq: Seq,
    /// When it was committed, milliseconds since the epoch.
    pub time_ms: u64,
    /// Functions that it came through.
    pub depth: u8,
    pub key: KeyId,
    /// When it was read.
    pub arrived_ms: u64,
    /// As it stands in an event's `Records`.
    pub event: Vec<u8>,
}

impl KeyId {
    #[must_use]
    pub fn of(key: &Key) -> KeyId {
        let mut encoded = Vec::with_capacity(64);
        key.encode(&mut encoded);
        KeyId(codec::fingerprint(&encoded))
    }

    /// What takes an item's key's place in a Kinesis stream: records of one partition key keep their order.
    #[must_use]
    pub fn of_partition(key: &str) -> KeyId {
        KeyId(codec::fingerprint(key.as_bytes()))
    }

    /// Which of a shard's lanes its records take.
    #[must_use]
    pub fn lane(self, lanes: u16) -> u16 {
        u16::try_from(self.0 % u128::from(lanes.max(1))).expect("less than the count of lanes")
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a letter comes from that tells of records or calls of this depth: as deep as what the function itself would have
/// written, so that a function which is called with its own letters is stopped. A letter about that has no end to follow:
/// it is marked as the last one.
#[must_use]
pub fn told(depth: u8) -> Origin {
    Origin::Function { depth: if depth >= DEPTH_MAX { DEPTH_LAST } else { depth + 1 } }
}

/// How many functions a change came through.
#[must_use]
pub fn depth(origin: Origin) -> u8 {
    match origin {
        Origin::Function { depth } => depth,
        Origin::Client | Origin::Ttl | Origin::View => 0,
    }
}
