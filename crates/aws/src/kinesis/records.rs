//! GetRecords.

use super::{
    check_dry_run, fault,
    mark::{Kind, LIFE_MS, Mark},
    named::{Named, check_arn},
    places,
};
use crate::{
    Inner, blocking,
    checks::Checks,
    json::{self, Flag, Integer, Object, Text},
    protocol::{Answer, Code, Fault},
    routes::{Call, Step},
};
use http::StatusCode;
use kinesis::{Page, Stream, shard_id};
use std::sync::Arc;
use wire::time;

shape! {
    GetRecordsInput<'a> (plain) {
        "ShardIterator" => iterator: Text<'a>,
        "Limit" => limit: Integer,
        "StreamARN" => arn: Text<'a>,
        "DryRun" => dry_run: Flag,
    }
}

/// Records of one answer, and their bytes; the latter where many ask for large answers at once, too.
const RECORDS_MAX: usize = 10_000;
const BYTES_MAX: usize = 10 << 20;
const CROWDED_BYTES_MAX: usize = 1 << 20;

pub(crate) fn get_records(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetRecordsInput<'_> = json::decode(call.body)?;
    let limit = input.limit.map(|limit| limit.0);
    let mut checks = Checks::default();
    checks.at_least("limit", limit, 1);
    checks.at_most("limit", limit, RECORDS_MAX as i64);
    checks.required("shardIterator", input.iterator.is_some());
    if let Some(arn) = &input.arn {
        check_arn(&mut checks, "streamARN", arn);
    }
    checks.finish()?;
    let (mark, stream) = marked(call, input.iterator.as_deref().unwrap_or_default())?;
    if input.arn.is_some() {
        Named::new(Some(&Text(stream.name().into())), input.arn.as_ref()).find(call)?;
    }
    check_dry_run(input.dry_run)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(RECORDS_MAX);
    let door = Arc::clone(call.door);
    Ok(Step::Later(Box::pin(blocking(move || read(&door, &stream, &mark, limit)))))
}

fn read(door: &Inner, stream: &Stream, mark: &Mark, limit: usize) -> Result<Answer, Fault> {
    let place = door.large_pages.take();
    let most = if place.is_some() { BYTES_MAX } else { CROWDED_BYTES_MAX };
    let page = door.streams.read(stream, mark.shard, mark.from, limit, most);
    let page = page.map_err(|error| fault::of(door, &error))?;
    let bytes = page.records.iter().map(kinesis::Record::bytes).sum();
    // One record may be larger than an answer.
    if bytes > most && place.is_none() {
        return Err(Fault::new(
            Code::ProvisionedThroughputExceeded,
            format!(
                "Rate exceeded for shard {} in stream {}: too many read large records",
                shard_id(mark.shard),
                stream.name()
            ),
        ));
    }
    let answer = show(door, stream, (mark.shard, &page), bytes);
    // Of a small answer the place is free at once.
    let place = place.filter(|_| bytes > CROWDED_BYTES_MAX);
    Ok(Answer::with(StatusCode::OK, places::held(answer, place)))
}

/// What an iterator says, and the stream it is of.
fn marked(call: &Call<'_>, text: &str) -> Result<(Mark, Stream), Fault> {
    let mark = Mark::decode(Kind::Iterator, text).ok_or_else(|| fault::invalid("Invalid ShardIterator."))?;
    let now_ms = call.door.db.now_ms();
    if mark.is_expired(now_ms) {
        return Err(Fault::new(
            Code::ExpiredIterator,
            format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the \
                 future than the tolerated delay of {LIFE_MS} milliseconds.",
                time::spelled(mark.issued_ms),
                time::spelled(now_ms)
            ),
        ));
    }
    let stream = call.door.streams.find(&mark.stream).filter(|stream| mark.is_of(stream));
    let stream = stream.ok_or_else(|| fault::no_shard(call.door, &shard_id(mark.shard), &mark.stream))?;
    Ok((mark, stream))
}

fn show(door: &Inner, stream: &Stream, (shard, page): (u16, &Page), bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + bytes * 4 / 3 + page.records.len() * 160);
    let mut response = Object::new(&mut out);
    let mut records = response.array("Records");
    for record in &page.records {
        let mut object = records.object();
        object.text("SequenceNumber", &door.streams.sequence_number(record.seq));
        object.bare("ApproximateArrivalTimestamp", time::seconds(record.arrival_ms));
        object.binary("Data", &record.data);
        object.text("PartitionKey", &record.partition_key);
        object.end();
    }
    records.end();
    let next = Mark::new(Kind::Iterator, stream, (shard, page.next), door.db.now_ms());
    response.text("NextShardIterator", &next.encode());
    response.bare("MillisBehindLatest", page.behind_ms);
    response.end();
    out
}
