//! Kinesis's operations. Knows JSON shapes and AWS's words; what a stream and a record are is the room `kinesis`'s.

mod describe;
mod fault;
mod iterator;
mod list;
mod manage;
mod mark;
mod named;
mod places;
mod put;
mod records;
mod tags;

pub(crate) use describe::{describe, describe_limits, summary};
pub(crate) use iterator::get_shard_iterator;
pub(crate) use list::{list_shards, list_streams};
pub(crate) use manage::{create, decrease, delete, increase, update_mode, update_record_size};
pub(crate) use places::Places;
pub(crate) use put::{put_record, put_records};
pub(crate) use records::get_records;
pub(crate) use tags::{add, list_of_resource, list_of_stream, remove, tag, untag};

use crate::{
    Inner,
    json::Flag,
    protocol::{Code, Fault},
    routes::Step,
};

/// Operations that a client may expect and that do not work here, and why.
static NOT_HERE: &[(&str, &str)] = &[
    ("SplitShard", RESHARDING),
    ("MergeShards", RESHARDING),
    ("UpdateShardCount", RESHARDING),
    ("RegisterStreamConsumer", FAN_OUT),
    ("DeregisterStreamConsumer", FAN_OUT),
    ("DescribeStreamConsumer", FAN_OUT),
    ("ListStreamConsumers", FAN_OUT),
    ("SubscribeToShard", FAN_OUT),
    ("StartStreamEncryption", ENCRYPTION),
    ("StopStreamEncryption", ENCRYPTION),
];

const RESHARDING: &str = "a stream keeps the shards that it was created with";
const FAN_OUT: &str = "readers share a stream without limits: read it with GetRecords";
const ENCRYPTION: &str = "nothing is encrypted here";

/// Why an operation does not work here, where there is more to say than that.
pub(crate) fn why_not(operation: &str) -> Option<&'static str> {
    NOT_HERE.iter().find(|(name, _)| *name == operation).map(|(_, why)| *why)
}

/// The operations that change something and answer nothing; they wait for the disk.
fn changing(
    door: &std::sync::Arc<Inner>,
    change: impl FnOnce(&Inner) -> Result<(), Fault> + Send + 'static,
) -> Result<Step, Fault> {
    let door = door.clone();
    Ok(Step::Blocking(Box::new(move || change(&door).map(|()| Vec::new()))))
}

/// Ends a request that only wanted to know whether it would succeed.
fn check_dry_run(dry_run: Option<Flag>) -> Result<(), Fault> {
    match dry_run {
        Some(Flag(true)) => Err(Fault::new(Code::DryRun, "The request would have succeeded, but DryRun is set")),
        _ => Ok(()),
    }
}
