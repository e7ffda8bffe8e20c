//! ListStreams, ListShards.

use super::{
    describe::{page_limit, write_mode, write_shard},
    fault,
    mark::{Kind, Mark},
    named::{self, Named},
};
use crate::{
    checks::Checks,
    json::{self, Double, Integer, Object, Text},
    protocol::{Code, Fault},
    routes::{Call, Step},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use item::Seq;
use kinesis::Stream;
use wire::time;

shape! {
    ListStreamsInput<'a> (plain) {
        "Limit" => limit: Integer,
        "ExclusiveStartStreamName" => start: Text<'a>,
        "NextToken" => token: Text<'a>,
    }
}

shape! {
    ListShardsInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "NextToken" => token: Text<'a>,
        "ExclusiveStartShardId" => start: Text<'a>,
        "MaxResults" => max: Integer,
        "StreamCreationTimestamp" => created: Double,
        "ShardFilter" => filter: ShardFilter<'a>,
    }
}

shape! {
    ShardFilter<'a> (plain) {
        "Type" => kind: Text<'a>,
        "ShardId" => shard: Text<'a>,
        "Timestamp" => timestamp: Double,
    }
}

/// Streams and shards of one answer.
const STREAMS_LISTED_MAX: u16 = 100;
const SHARDS_LISTED_MAX: u16 = 1000;
const FILTERS: [&str; 6] =
    ["AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST", "AT_TIMESTAMP", "FROM_TIMESTAMP"];

pub(crate) fn list_streams(call: &Call<'_>) -> Result<Step, Fault> {
    let input: ListStreamsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let limit = page_limit(&mut checks, "limit", input.limit, STREAMS_LISTED_MAX);
    if let Some(start) = &input.start {
        named::check_name(&mut checks, "exclusiveStartStreamName", start);
    }
    checks.finish()?;
    let after = match (&input.token, &input.start) {
        (Some(token), _) => Some(read_name(token)?),
        (None, start) => start.as_ref().map(|start| start.to_string()),
    };
    let streams = call.door.streams.list();
    let streams: Vec<&Stream> =
        streams.iter().filter(|stream| after.as_deref().is_none_or(|after| stream.name() > after)).collect();
    let page = &streams[..streams.len().min(limit.into())];
    let mut out = Vec::with_capacity(256);
    let mut response = Object::new(&mut out);
    let mut names = response.array("StreamNames");
    page.iter().for_each(|stream| json::string(names.element(), stream.name()));
    names.end();
    response.bare("HasMoreStreams", page.len() < streams.len());
    if let Some(last) = page.last().filter(|_| page.len() < streams.len()) {
        response.text("NextToken", &URL_SAFE_NO_PAD.encode(last.name()));
    }
    let mut summaries = response.array("StreamSummaries");
    page.iter().for_each(|stream| write_summary(summaries.object(), stream));
    summaries.end();
    response.end();
    Ok(Step::Done(out))
}

fn write_summary(mut summary: Object<'_>, stream: &Stream) {
    summary.text("StreamName", stream.name());
    summary.text("StreamARN", &stream.arn);
    summary.text("StreamStatus", "ACTIVE");
    write_mode(&mut summary, stream);
    summary.bare("StreamCreationTimestamp", time::seconds(stream.created_ms));
    summary.end();
}

fn read_name(token: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| fault::invalid("Invalid NextToken."))
}

pub(crate) fn list_shards(call: &Call<'_>) -> Result<Step, Fault> {
    let input: ListShardsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    let limit = page_limit(&mut checks, "maxResults", input.max, SHARDS_LISTED_MAX);
    if let Some(filter) = &input.filter {
        checks.required("shardFilter.type", filter.kind.is_some());
        checks.one_of("shardFilter.type", filter.kind.as_ref(), &FILTERS);
    }
    checks.finish()?;
    let (stream, start) = match &input.token {
        Some(token) => continued(call, &input, token)?,
        None => {
            let stream = named.find(call)?;
            let start = first_shard(call, &input, &stream)?;
            (stream, start)
        }
    };
    let end = start.saturating_add(limit).min(stream.shards());
    let mut out = Vec::with_capacity(512);
    let mut response = Object::new(&mut out);
    let mut shards = response.array("Shards");
    (start..end).for_each(|shard| write_shard(&mut shards, &call.door.streams, &stream, shard));
    shards.end();
    if end < stream.shards() {
        let next = Mark::new(Kind::Shards, &stream, (end, Seq::ZERO), call.door.db.now_ms());
        response.text("NextToken", &next.encode());
    }
    response.end();
    Ok(Step::Done(out))
}

/// Where an earlier answer ended.
fn continued(call: &Call<'_>, input: &ListShardsInput<'_>, token: &str) -> Result<(Stream, u16), Fault> {
    if input.name.is_some() {
        return Err(fault::invalid("NextToken and StreamName cannot be provided together."));
    }
    if input.start.is_some() || input.created.is_some() {
        let words = "NextToken and ExclusiveStartShardId or StreamCreationTimestamp cannot be provided together.";
        return Err(fault::invalid(words));
    }
    let mark = Mark::decode(Kind::Shards, token).ok_or_else(|| fault::invalid("Invalid NextToken."))?;
    if mark.is_expired(call.door.db.now_ms()) {
        return Err(Fault::new(Code::ExpiredNextToken, "The NextToken is more than 300 seconds old."));
    }
    let stream = call.door.streams.find(&mark.stream).filter(|stream| mark.is_of(stream));
    let stream = stream.ok_or_else(|| fault::no_stream(call.door, &mark.stream))?;
    Ok((stream, mark.shard))
}

/// Where a list begins. All shards are open and as old as their stream, so of a filter only the shard to begin after
/// leaves any out.
fn first_shard(call: &Call<'_>, input: &ListShardsInput<'_>, stream: &Stream) -> Result<u16, Fault> {
    if input.created.is_some_and(|created| (created.0 * 1000.0).round() as u64 / 1000 != stream.created_ms / 1000) {
        return Err(fault::no_stream(call.door, stream.name()));
    }
    let filter = input.filter.as_ref();
    let kind = filter.and_then(|filter| filter.kind.as_deref()).unwrap_or_default();
    let needs = |what: &str| Err(fault::invalid(format!("ShardFilter of type {kind} needs {what}.")));
    let after_filter = filter.and_then(|filter| filter.shard.as_deref());
    match kind {
        "AFTER_SHARD_ID" if after_filter.is_none() => return needs("a ShardId"),
        "AT_TIMESTAMP" | "FROM_TIMESTAMP" if filter.is_some_and(|filter| filter.timestamp.is_none()) => {
            return needs("a Timestamp");
        }
        _ => {}
    }
    match after_filter.filter(|_| kind == "AFTER_SHARD_ID").or(input.start.as_deref()) {
        Some(id) => Ok(named::shard(call, stream, id)? + 1),
        None => Ok(0),
    }
}
