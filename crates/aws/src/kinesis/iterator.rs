//! GetShardIterator.

use super::{
    check_dry_run, fault,
    mark::{Kind, Mark},
    named::{self, Named},
};
use crate::{
    checks::Checks,
    json::{self, Double, Flag, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use kinesis::{Start, Stream};
use std::sync::Arc;

shape! {
    GetShardIteratorInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "ShardId" => shard: Text<'a>,
        "ShardIteratorType" => kind: Text<'a>,
        "StartingSequenceNumber" => number: Text<'a>,
        "Timestamp" => timestamp: Double,
        "DryRun" => dry_run: Flag,
    }
}

const KINDS: [&str; 5] = ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];
const NUMBER_PATTERN: &str = r"0|([1-9]\d{0,128})";

pub(crate) fn get_shard_iterator(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetShardIteratorInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("shardIteratorType", input.kind.is_some());
    checks.one_of("shardIteratorType", input.kind.as_ref(), &KINDS);
    if let Some(number) = &input.number {
        let pattern = format_args!("satisfy regular expression pattern: {NUMBER_PATTERN}");
        checks.check(is_number(number), "startingSequenceNumber", number.as_str(), pattern);
    }
    checks.required("shardId", input.shard.is_some());
    if let Some(shard) = &input.shard {
        named::check_name(&mut checks, "shardId", shard);
    }
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    checks.finish()?;
    let stream = named.find(call)?;
    let shard = named::shard(call, &stream, input.shard.as_deref().unwrap_or_default())?;
    let start = start(call, &stream, &input)?;
    check_dry_run(input.dry_run)?;
    let door = Arc::clone(call.door);
    // Looking for a time reads the log.
    Ok(Step::Blocking(Box::new(move || {
        let from = door.streams.position(&stream, start).map_err(|error| fault::of(&door, &error))?;
        let mark = Mark::new(Kind::Iterator, &stream, (shard, from), door.db.now_ms());
        let mut out = Vec::with_capacity(256);
        let mut response = Object::new(&mut out);
        response.text("ShardIterator", &mark.encode());
        response.end();
        Ok(out)
    })))
}

fn start(call: &Call<'_>, stream: &Stream, input: &GetShardIteratorInput<'_>) -> Result<Start, Fault> {
    let kind = input.kind.as_deref().unwrap_or_default();
    let mismatch = |what: &str| {
        Err(fault::invalid(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber or (3) AT_TIMESTAMP and Timestamp. Request specified \
             {kind} and {what}."
        )))
    };
    let number = input.number.as_deref();
    match (kind, number, input.timestamp) {
        ("TRIM_HORIZON" | "LATEST" | "AT_TIMESTAMP", Some(_), _) => mismatch("also a StartingSequenceNumber"),
        ("TRIM_HORIZON", ..) => Ok(Start::Horizon),
        ("LATEST", ..) => Ok(Start::Latest),
        ("AT_TIMESTAMP", _, None) => mismatch("no Timestamp"),
        ("AT_TIMESTAMP", _, Some(timestamp)) => time(call, timestamp.0),
        (_, None, _) => mismatch("no StartingSequenceNumber"),
        (_, Some(number), _) => {
            let seq = call.door.streams.parse_sequence_number(number).ok_or_else(|| {
                fault::invalid(format!(
                    "StartingSequenceNumber {number} used in GetShardIterator on shard {} in stream {} under account {} \
                     is invalid because it did not come from this stream.",
                    input.shard.as_deref().unwrap_or_default(),
                    stream.name(),
                    call.door.config.place.account
                ))
            })?;
            Ok(if kind == "AT_SEQUENCE_NUMBER" { Start::At(seq) } else { Start::After(seq) })
        }
    }
}

fn time(call: &Call<'_>, seconds: f64) -> Result<Start, Fault> {
    // Rounded, since 1459799926.48 is no binary fraction.
    let (wanted_ms, now_ms) = ((seconds * 1000.0).max(0.0).round() as u64, call.door.db.now_ms());
    if wanted_ms > now_ms {
        return Err(fault::invalid(format!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
             {wanted_ms}, currentTimestampInMillis: {now_ms}"
        )));
    }
    Ok(Start::Time(wanted_ms))
}

/// Digits without a zero before them, at most 129.
fn is_number(text: &str) -> bool {
    let digits = (1..=129).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}
