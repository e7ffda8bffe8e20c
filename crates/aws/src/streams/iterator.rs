//! Shard iterators: positions in one shard, opaque to clients, good for 15 minutes.

use super::describe::{check_arn, stream};
use crate::{
    dynamodb::validate::Checks,
    json::{self, Double, Object, Text},
    protocol::{Code, Fault, trimmed},
    routes::{Call, Step},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use db::Stream;
use item::{Seq, TableId};
use wire::names;
use xxhash_rust::xxh3::xxh3_64;

/// How long an iterator is good for.
const LIFE_MS: u64 = 15 * 60 * 1000;
const BYTES: usize = 37;

shape! {
    GetShardIteratorInput<'a> (request) {
        "StreamArn" => arn: Text<'a>,
        "ShardId" => shard: Text<'a>,
        "ShardIteratorType" => kind: Text<'a>,
        "SequenceNumber" => number: Text<'a>,
        "Timestamp" => timestamp: Double,
    }
}

/// What an iterator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardIterator {
    pub timeline: u16,
    pub table: TableId,
    pub opened: Seq,
    pub shard: u16,
    /// First position wanted.
    pub from: Seq,
    pub issued_ms: u64,
    /// Whether it starts at whatever is oldest: then records that expire meanwhile are skipped and not missed.
    pub oldest: bool,
}

impl ShardIterator {
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&self.timeline.to_le_bytes());
        bytes.extend_from_slice(&self.table.0.to_le_bytes());
        bytes.extend_from_slice(&self.opened.0.to_le_bytes());
        bytes.extend_from_slice(&self.shard.to_le_bytes());
        bytes.extend_from_slice(&self.from.0.to_le_bytes());
        bytes.extend_from_slice(&self.issued_ms.to_le_bytes());
        bytes.push(u8::from(self.oldest));
        // Against slips of the keyboard, not against forgery: whoever can ask for records can ask for iterators.
        let check = xxh3_64(&bytes) as u32;
        bytes.extend_from_slice(&check.to_le_bytes());
        STANDARD.encode(bytes)
    }

    fn decode(text: &str) -> Option<ShardIterator> {
        let bytes = STANDARD.decode(text).ok()?;
        let (content, check) = bytes.split_last_chunk::<4>()?;
        if bytes.len() != BYTES || u32::from_le_bytes(*check) != xxh3_64(content) as u32 {
            return None;
        }
        let (timeline, rest) = content.split_first_chunk()?;
        let (table, rest) = rest.split_first_chunk()?;
        let (opened, rest) = rest.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (issued_ms, rest) = rest.split_first_chunk()?;
        Some(ShardIterator {
            timeline: u16::from_le_bytes(*timeline),
            table: TableId(u32::from_le_bytes(*table)),
            opened: Seq(u64::from_le_bytes(*opened)),
            shard: u16::from_le_bytes(*shard),
            from: Seq(u64::from_le_bytes(*from)),
            issued_ms: u64::from_le_bytes(*issued_ms),
            oldest: rest == [1],
        })
    }

    /// Reads an iterator that a client hands in.
    pub fn accept(text: &str, now_ms: u64, timeline: u16) -> Result<ShardIterator, Fault> {
        let iterator = ShardIterator::decode(text).ok_or_else(|| Fault::validation("Invalid ShardIterator"))?;
        if now_ms > iterator.issued_ms.saturating_add(LIFE_MS) || iterator.timeline != timeline {
            return Err(Fault::new(
                Code::ExpiredIterator,
                "Iterator expired. The iterator was created more than 15 minutes ago, or before a restore",
            ));
        }
        Ok(iterator)
    }
}

pub(crate) fn get_shard_iterator(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetShardIteratorInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    check_arn(&mut checks, input.arn.as_ref());
    checks.required("shardId", input.shard.is_some());
    if let Some(id) = &input.shard {
        checks.check(id.len() >= 28, "shardId", &**id, format_args!("have length greater than or equal to 28"));
        checks.check(id.len() <= 65, "shardId", &**id, format_args!("have length less than or equal to 65"));
    }
    checks.required("shardIteratorType", input.kind.is_some());
    let kinds = ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_SEQUENCE_NUMBER", "AT_TIMESTAMP", "TRIM_HORIZON"];
    let kind = checks.one_of("shardIteratorType", input.kind.as_ref(), &kinds);
    checks.finish()?;
    let arn = input.arn.as_deref().unwrap_or_default();
    let stream = stream(call, arn)?;
    let id = input.shard.as_deref().unwrap_or_default();
    let shard = names::shard(&stream, id).ok_or_else(|| {
        Fault::new(
            Code::ResourceNotFound,
            format!("Requested resource not found: Shard: {id} in Stream: {arn} not found"),
        )
    })?;
    let kind = kind.map_or("", |place| kinds[place]);
    let (from, oldest) = position(call, &stream, kind, &input)?;
    let iterator = ShardIterator {
        timeline: call.door.db.timeline(),
        table: stream.table,
        opened: stream.opened,
        shard,
        from,
        issued_ms: call.door.db.now_ms(),
        oldest,
    };
    let mut out = Vec::with_capacity(96);
    let mut response = Object::new(&mut out);
    response.text("ShardIterator", &iterator.encode());
    response.end();
    Ok(Step::Done(out))
}

/// Where an iterator starts, and whether that is simply the oldest there is.
fn position(
    call: &Call<'_>,
    stream: &Stream,
    kind: &str,
    input: &GetShardIteratorInput<'_>,
) -> Result<(Seq, bool), Fault> {
    let db = &call.door.db;
    let oldest = call.door.horizon.get(call.door)?.max(stream.opened.next());
    match kind {
        "TRIM_HORIZON" => Ok((oldest, true)),
        "LATEST" => Ok((db.head().next(), false)),
        "AT_TIMESTAMP" => {
            let seconds = input.timestamp.ok_or_else(|| missing("Timestamp", kind))?.0;
            let wanted_ms = (seconds * 1000.0).max(0.0) as u64;
            if wanted_ms > db.now_ms() {
                return Err(Fault::validation("Timestamp is in the future"));
            }
            let from = db.seq_at(wanted_ms)?;
            Ok((from.max(oldest), from <= oldest))
        }
        _ => {
            let text = input.number.as_deref().ok_or_else(|| missing("SequenceNumber", kind))?;
            let (timeline, seq) = names::parse_sequence_number(text)
                .filter(|(timeline, _)| *timeline <= db.timeline())
                .ok_or_else(|| Fault::validation(format!("Invalid SequenceNumber: {text}")))?;
            // Positions go on counting over a restore; those of an earlier timeline are at or before it.
            debug_assert!(timeline <= db.timeline());
            let from = if kind == "AT_SEQUENCE_NUMBER" { seq } else { seq.next() };
            if from < oldest { Err(trimmed()) } else { Ok((from, false)) }
        }
    }
}

fn missing(parameter: &str, kind: &str) -> Fault {
    Fault::validation(format!(
        "One or more parameter values were invalid: {parameter} must be provided when ShardIteratorType is {kind}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterators_lead_back_and_expire() {
        let iterator = ShardIterator {
            timeline: 1000,
            table: TableId(3),
            opened: Seq(5),
            shard: 2,
            from: Seq(77),
            issued_ms: 1_000_000,
            oldest: true,
        };
        let text = iterator.encode();
        assert_eq!(ShardIterator::accept(&text, 1_000_000 + LIFE_MS, 1000), Ok(iterator));
        let code =
            |text: &str, now_ms, timeline| ShardIterator::accept(text, now_ms, timeline).expect_err("refused").code;
        assert_eq!(code(&text, 1_000_001 + LIFE_MS, 1000), Code::ExpiredIterator);
        assert_eq!(code(&text, 1_000_000, 1001), Code::ExpiredIterator);
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ascii");
            assert_eq!(code(&other, 1_000_000, 1000), Code::Validation, "{other}");
        }
    }
}
