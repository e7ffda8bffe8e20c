//! DescribeStream, DescribeStreamSummary, DescribeLimits.

use super::named::{self, Named};
use crate::{
    checks::Checks,
    json::{self, Array, Integer, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use kinesis::{Mode, ON_DEMAND_SHARDS, SHARDS_MAX, Stream, Streams, shard_id};
use wire::time;

shape! {
    DescribeStreamInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "Limit" => limit: Integer,
        "ExclusiveStartShardId" => start: Text<'a>,
    }
}

/// Shards of one answer of DescribeStream, and how many may be asked for.
const DESCRIBED_MAX: u16 = 100;
const LIMIT_MAX: i64 = 10_000;

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DescribeStreamInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    let limit = page_limit(&mut checks, "limit", input.limit, DESCRIBED_MAX);
    checks.finish()?;
    let stream = named.find(call)?;
    let start = match &input.start {
        Some(id) => named::shard(call, &stream, id)? + 1,
        None => 0,
    };
    let end = start.saturating_add(limit).min(stream.shards());
    let mut out = Vec::with_capacity(512);
    let mut response = Object::new(&mut out);
    let mut description = response.object("StreamDescription");
    write_head(&mut description, &stream);
    let mut shards = description.array("Shards");
    (start..end).for_each(|shard| write_shard(&mut shards, &call.door.streams, &stream, shard));
    shards.end();
    description.bare("HasMoreShards", end < stream.shards());
    description.end();
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn summary(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DescribeStreamInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    checks.finish()?;
    let stream = named.find(call)?;
    let mut out = Vec::with_capacity(512);
    let mut response = Object::new(&mut out);
    let mut description = response.object("StreamDescriptionSummary");
    write_head(&mut description, &stream);
    description.bare("OpenShardCount", stream.shards());
    description.bare("ConsumerCount", 0);
    description.bare("MaxRecordSizeInKiB", stream.definition.record_kib);
    description.end();
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn describe_limits(call: &Call<'_>) -> Result<Step, Fault> {
    let streams = call.door.streams.list();
    let open: usize = streams.iter().map(|stream| usize::from(stream.shards())).sum();
    let on_demand = streams.iter().filter(|stream| stream.definition.mode == Mode::OnDemand).count();
    let mut out = Vec::with_capacity(128);
    let mut response = Object::new(&mut out);
    response.bare("ShardLimit", SHARDS_MAX);
    response.bare("OpenShardCount", open);
    response.bare("OnDemandStreamCount", on_demand);
    response.bare("OnDemandStreamCountLimit", SHARDS_MAX / ON_DEMAND_SHARDS);
    response.end();
    Ok(Step::Done(out))
}

/// What a request takes as its page at most: as much as it asks for, and no more than AWS shows at once.
pub(super) fn page_limit(checks: &mut Checks, at: &str, asked: Option<Integer>, most: u16) -> u16 {
    let asked = asked.map(|asked| asked.0);
    checks.at_least(at, asked, 1);
    checks.at_most(at, asked, LIMIT_MAX);
    asked.and_then(|asked| u16::try_from(asked).ok()).unwrap_or(most).min(most)
}

/// What both descriptions begin with.
fn write_head(description: &mut Object<'_>, stream: &Stream) {
    description.text("StreamName", stream.name());
    description.text("StreamARN", &stream.arn);
    description.text("StreamStatus", "ACTIVE");
    write_mode(description, stream);
    description.bare("RetentionPeriodHours", stream.definition.retention_hours);
    description.bare("StreamCreationTimestamp", time::seconds(stream.created_ms));
    let mut monitoring = description.array("EnhancedMonitoring");
    let mut metrics = monitoring.object();
    metrics.array("ShardLevelMetrics").end();
    metrics.end();
    monitoring.end();
    description.text("EncryptionType", "NONE");
}

pub(super) fn write_mode(object: &mut Object<'_>, stream: &Stream) {
    let mut mode = object.object("StreamModeDetails");
    mode.text("StreamMode", stream.definition.mode.name());
    mode.end();
}

pub(super) fn write_shard(shards: &mut Array<'_>, streams: &Streams, stream: &Stream, shard: u16) {
    let range = stream.range(shard);
    let mut object = shards.object();
    object.text("ShardId", &shard_id(shard));
    let mut keys = object.object("HashKeyRange");
    keys.text("StartingHashKey", &range.first.to_string());
    keys.text("EndingHashKey", &range.last.to_string());
    keys.end();
    let mut numbers = object.object("SequenceNumberRange");
    numbers.text("StartingSequenceNumber", &streams.sequence_number(stream.opened.next()));
    numbers.end();
    object.end();
}
