//! Shards: how the 2^128 hash keys are split among them, and what they are called.

use md5::{Digest, Md5};

/// The hash keys of one shard, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashRange {
    pub first: u128,
    pub last: u128,
}

impl HashRange {
    /// The range of one of `shards`: evenly split as AWS does, what is left over goes to the last one.
    #[must_use]
    pub fn of(shard: u16, shards: u16) -> HashRange {
        let first = |shard: u16| u128::from(shard).wrapping_mul(width(shards));
        let last = if shard + 1 >= shards { u128::MAX } else { first(shard + 1) - 1 };
        HashRange { first: first(shard), last }
    }
}

/// 2^128 divided by the number of shards, rounded down; 0 stands for all of it.
fn width(shards: u16) -> u128 {
    let shards = u128::from(shards.max(1));
    let (quotient, rest) = (u128::MAX / shards, u128::MAX % shards);
    if rest + 1 == shards { quotient.wrapping_add(1) } else { quotient }
}

/// The hash key of a partition key.
#[must_use]
pub fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// The one of `shards` whose range a hash key is in.
#[must_use]
pub fn shard_of(hash_key: u128, shards: u16) -> u16 {
    let place = hash_key.checked_div(width(shards)).unwrap_or_default();
    u16::try_from(place).unwrap_or(u16::MAX).min(shards.saturating_sub(1))
}

/// `shardId-` and twelve digits.
#[must_use]
pub fn shard_id(shard: u16) -> String {
    format!("shardId-{shard:012}")
}

/// The shard of an id, if any stream can have it.
#[must_use]
pub fn parse_shard_id(id: &str) -> Option<u16> {
    let digits = id.strip_prefix("shardId-")?;
    let all = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}
