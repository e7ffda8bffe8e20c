//! Records: what is put, where it is placed, and how it reads back.

use crate::{Error, Stream, hash_key, shard_of, stream::PARTITION_KEY_MAX};
use db::{RawChange, Ticket};
use item::{
    Change, Item, Origin, Seq, Value,
    codec::{self, DecodeError, RawValue},
};

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    pub partition_key: String,
    /// Decides the shard in the partition key's place.
    pub explicit_hash_key: Option<u128>,
    pub data: Vec<u8>,
}

impl Put {
    /// A record whose partition key decides its shard.
    #[must_use]
    pub fn new(partition_key: impl Into<String>, data: impl Into<Vec<u8>>) -> Put {
        Put { partition_key: partition_key.into(), explicit_hash_key: None, data: data.into() }
    }

    /// What counts against the limits of AWS: the partition key and the data.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }
}

/// Where a record is: its sequence number is its position, see `wire::names::sequence_number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub shard: u16,
    pub seq: Seq,
}

/// Records on their way into the log.
#[must_use = "the records are put whether or not this is kept, but an error would be lost"]
pub struct Putting {
    /// Answers the records' positions.
    pub ticket: Ticket<Vec<Seq>>,
    /// The records' shards, in the same order.
    pub shards: Vec<u16>,
}

impl Putting {
    /// Blocks until the records are in the log.
    ///
    /// # Errors
    /// [`Error::Db`]; where the stream was deleted meanwhile, `db::Error::FollowerNotFound`.
    pub fn wait(self) -> Result<Vec<Placed>, Error> {
        let seqs = self.ticket.wait()?;
        Ok(Putting::placed(&self.shards, &seqs))
    }

    /// Shards and positions together, for those who await the ticket.
    #[must_use]
    pub fn placed(shards: &[u16], seqs: &[Seq]) -> Vec<Placed> {
        shards.iter().zip(seqs).map(|(&shard, &seq)| Placed { shard, seq }).collect()
    }
}

/// A record as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub seq: Seq,
    pub shard: u16,
    /// When it was committed, milliseconds since the epoch.
    pub arrival_ms: u64,
    pub origin: Origin,
    pub partition_key: String,
    pub data: Vec<u8>,
}

const PARTITION_KEY: &str = "key";
const DATA: &str = "data";

impl Record {
    /// Reads a record where it lies in the log.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(change: &RawChange<'_>) -> Result<Record, DecodeError> {
        let image = change.new.ok_or(DecodeError { at: 0, what: "a record has no image" })?;
        let missing = DecodeError { at: 0, what: "a record lacks its key or its data" };
        let (key, data) = (codec::attribute(image, PARTITION_KEY)?, codec::attribute(image, DATA)?);
        let (Some(RawValue::S(key)), Some(RawValue::B(data))) = (key, data) else { return Err(missing) };
        Ok(Record {
            seq: change.seq,
            shard: change.shard,
            arrival_ms: change.time_ms,
            origin: change.origin,
            partition_key: key.text()?.to_owned(),
            data: data.to_vec(),
        })
    }

    /// Reads a change of a stream's resource; `None` when it is no record.
    #[must_use]
    pub fn of(change: Change) -> Option<Record> {
        let mut item = change.new?;
        let (Some(Value::S(partition_key)), Some(Value::B(data))) = (item.remove(PARTITION_KEY), item.remove(DATA))
        else {
            return None;
        };
        let Change { seq, shard, time_ms: arrival_ms, origin, .. } = change;
        Some(Record { seq, shard, arrival_ms, origin, partition_key, data })
    }

    /// See [`Put::bytes`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }
}

pub(crate) fn record_of(stream: &Stream, put: Put, origin: Origin) -> Result<db::Record, Error> {
    check(stream, &put)?;
    let hash_key = put.explicit_hash_key.unwrap_or_else(|| hash_key(&put.partition_key));
    Ok(db::Record {
        resource: stream.resource.id,
        shard: shard_of(hash_key, stream.shards()),
        origin,
        item: Item::from_iter([(PARTITION_KEY, Value::S(put.partition_key)), (DATA, Value::B(put.data))]),
    })
}

fn check(stream: &Stream, put: &Put) -> Result<(), Error> {
    let characters = put.partition_key.chars().count();
    if !(1..=PARTITION_KEY_MAX).contains(&characters) {
        return Err(Error::Invalid(format!(
            "a partition key for the stream {} has {characters} characters; 1 to {PARTITION_KEY_MAX} are possible",
            stream.name()
        )));
    }
    let most = stream.definition.record_kib as usize * 1024;
    if put.bytes() > most {
        return Err(Error::Invalid(format!(
            "a record for the stream {} has {} bytes with its partition key, more than {most}",
            stream.name(),
            put.bytes()
        )));
    }
    Ok(())
}
