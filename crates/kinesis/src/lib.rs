//! What is a stream that is no table's? Names, shards by hash key, records, and reading them from any position.
//!
//! A stream is a resource of the database; its records are records of that resource, in the log and nowhere else. Where a
//! reader stands is a `Seq`, and how long it may stand there is how long the log is kept for the resource. Who reads
//! (functions, clients), JSON and HTTP are not known here.

mod error;
mod horizon;
mod read;
mod record;
mod shard;
mod stream;
mod streams;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use read::{Page, Start};
pub use record::{Placed, Put, Putting, Record};
pub use shard::{HashRange, hash_key, parse_shard_id, shard_id, shard_of};
pub use stream::{
    Definition, KIND, Mode, ON_DEMAND_SHARDS, PARTITION_KEY_MAX, RECORD_KIB, RECORD_KIB_MAX, RETENTION_HOURS,
    RETENTION_HOURS_MAX, Stream, TAGS_MAX, is_stream_name, stream_name,
};
pub use streams::{SHARDS_MAX, Streams};
