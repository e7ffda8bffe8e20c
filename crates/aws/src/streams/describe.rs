//! ListStreams and DescribeStream.

use crate::{
    dynamodb::{describe::write_key_schema, validate::Checks},
    json::{self, Integer, Object, Text},
    protocol::{Code, Fault},
    routes::{Call, Step},
};
use db::{Db, Stream};
use item::{Seq, TableId};
use std::sync::Arc;
use wire::{
    names::{self, view_type},
    time,
};

/// Streams or shards in one answer.
const PAGE_MAX: usize = 100;

shape! {
    ListStreamsInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "Limit" => limit: Integer,
        "ExclusiveStartStreamArn" => start: Text<'a>,
    }
}

shape! {
    DescribeStreamInput<'a> (request) {
        "StreamArn" => arn: Text<'a>,
        "Limit" => limit: Integer,
        "ExclusiveStartShardId" => start: Text<'a>,
        "ShardFilter" => filter: ShardFilter<'a>,
    }
}

shape! {
    ShardFilter<'a> (field) {
        "Type" => kind: Text<'a>,
        "ShardId" => shard: Text<'a>,
    }
}

/// The newest stream of a table, open or closed.
pub(crate) fn latest(db: &Db, table: TableId) -> Option<Arc<Stream>> {
    db.streams().into_iter().filter(|stream| stream.table == table).max_by_key(|stream| stream.opened)
}

/// The stream of an ARN.
pub(super) fn stream(call: &Call<'_>, arn: &str) -> Result<Arc<Stream>, Fault> {
    let missing =
        || Fault::new(Code::ResourceNotFound, format!("Requested resource not found: Stream: {arn} not found"));
    call.door.config.place.stream(&call.door.db, arn).ok_or_else(missing)
}

/// `StreamArn`, which two operations require.
pub(super) fn check_arn(checks: &mut Checks, arn: Option<&Text<'_>>) {
    checks.required("streamArn", arn.is_some());
    if let Some(arn) = arn {
        let length = arn.len();
        checks.check(length >= 37, "streamArn", &**arn, format_args!("have length greater than or equal to 37"));
        checks.check(length <= 1024, "streamArn", &**arn, format_args!("have length less than or equal to 1024"));
    }
}

pub(super) fn check_limit(checks: &mut Checks, limit: Option<Integer>, most: usize) -> usize {
    let limit = limit.map(|limit| limit.0);
    checks.at_least("limit", limit, 1);
    checks.at_most("limit", limit, most as i64);
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most)
}

pub(crate) fn list_streams(call: &Call<'_>) -> Result<Step, Fault> {
    let input: ListStreamsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.name("tableName", input.table.as_deref(), 3);
    let limit = check_limit(&mut checks, input.limit, PAGE_MAX);
    checks.finish()?;
    let config = &call.door.config;
    let name = input.table.as_deref().map(names::table_name);
    let mut streams = call.door.db.streams();
    streams.retain(|stream| !db::is_internal(&stream.table_name) && name.is_none_or(|name| stream.table_name == name));
    // By position, so that a page goes on where the last one ended even if a stream has gone meanwhile.
    let after = match input.start.as_deref() {
        None => 0,
        Some(start) => {
            let at = streams.iter().position(|stream| config.place.stream_arn(stream) == start);
            at.ok_or_else(|| Fault::validation(format!("Invalid ExclusiveStartStreamArn: {start}")))? + 1
        }
    };
    let page = &streams[after..streams.len().min(after + limit)];
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut listed = response.array("Streams");
    for stream in page {
        let mut one = listed.object();
        one.text("StreamArn", &config.place.stream_arn(stream));
        one.text("TableName", &stream.table_name);
        one.text("StreamLabel", &time::label(stream.created_ms));
        one.end();
    }
    listed.end();
    if let (Some(last), true) = (page.last(), after + limit < streams.len()) {
        response.text("LastEvaluatedStreamArn", &config.place.stream_arn(last));
    }
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn describe_stream(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DescribeStreamInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    check_arn(&mut checks, input.arn.as_ref());
    let limit = check_limit(&mut checks, input.limit, PAGE_MAX);
    if let Some(filter) = &input.filter {
        checks.one_of("shardFilter.type", filter.kind.as_ref(), &["CHILD_SHARDS"]);
    }
    checks.finish()?;
    let stream = stream(call, input.arn.as_deref().unwrap_or_default())?;
    let shards = shards(&stream, input.start.as_deref(), input.filter.as_ref())?;
    let page = shards.start..shards.end.min(shards.start.saturating_add(limit.try_into().unwrap_or(u16::MAX)));
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut description = response.object("StreamDescription");
    description.text("StreamArn", &call.door.config.place.stream_arn(&stream));
    description.text("StreamLabel", &time::label(stream.created_ms));
    description.text("StreamStatus", if stream.closed.is_none() { "ENABLED" } else { "DISABLED" });
    description.text("StreamViewType", view_type(stream.view_type));
    description.bare("CreationRequestDateTime", time::seconds(stream.created_ms));
    description.text("TableName", &stream.table_name);
    write_key_schema(description.array("KeySchema"), &stream.key);
    let timeline = call.door.db.timeline();
    let mut listed = description.array("Shards");
    for shard in page.clone() {
        describe_shard(listed.object(), &stream, shard, timeline);
    }
    listed.end();
    if page.end < shards.end {
        description.text("LastEvaluatedShardId", &names::shard_id(&stream, page.end - 1));
    }
    description.end();
    response.end();
    Ok(Step::Done(out))
}

/// The shards asked for.
fn shards(
    stream: &Stream,
    start: Option<&str>,
    filter: Option<&ShardFilter<'_>>,
) -> Result<std::ops::Range<u16>, Fault> {
    let known = |id: &str| {
        names::shard(stream, id).ok_or_else(|| {
            Fault::new(Code::ResourceNotFound, format!("Requested resource not found: Shard: {id} not found"))
        })
    };
    if let Some(id) = filter.and_then(|filter| filter.shard.as_deref()) {
        // A shard lives as long as its stream: none has children.
        known(id)?;
        return Ok(0..0);
    }
    Ok(start.map_or(Ok(0), |id| known(id).map(|shard| shard + 1))?..stream.shards)
}

fn describe_shard(mut object: Object<'_>, stream: &Stream, shard: u16, timeline: u16) {
    object.text("ShardId", &names::shard_id(stream, shard));
    let mut range = object.object("SequenceNumberRange");
    range.text("StartingSequenceNumber", &names::sequence_number(timeline, stream.opened.next()));
    if let Some(closed) = stream.closed {
        let last = Seq(closed.0.saturating_sub(1)).max(stream.opened.next());
        range.text("EndingSequenceNumber", &names::sequence_number(timeline, last));
    }
    range.end();
    object.end();
}
