//! How parked records lie in the follower's state, and how they are shown.
//!
//! `parked/KEY` says of a key why it is parked, `record/KEY/SEQ` holds each of its records; they change only together
//! with the position of the lane that owns the key.

use crate::{
    fields,
    lane::{Amount, Parked, Wanted},
    record::{KeyId, Record},
};
use item::{Item, Seq, Value, codec};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Where the rows of all keys begin.
pub const KEYS: &str = "parked/";

/// A key whose records wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedKey {
    /// Its name for [`crate::Triggers`]' calls.
    pub id: String,
    /// The key's attributes, in JSON with types.
    pub key: String,
    pub shard: u16,
    pub records: u64,
    pub bytes: u64,
    /// Milliseconds since the epoch.
    pub since_ms: u64,
    /// Failed calls of its first record, and how the last of them failed.
    pub attempts: u32,
    pub error: String,
    /// `retry` or `drop`, where that was asked for and is not done yet.
    pub wanted: Option<&'static str>,
}

/// Some of the keys, in order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParkedPage {
    pub keys: Vec<ParkedKey>,
    /// What to go on after; `None`: these were the last.
    pub next: Option<String>,
}

/// A record that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRecord {
    pub seq: Seq,
    /// When it was committed, milliseconds since the epoch.
    pub time_ms: u64,
    /// Functions that it came through.
    pub depth: u8,
    /// As it stands in an event's `Records`.
    pub event: String,
}

pub fn key_row(key: KeyId) -> Vec<u8> {
    format!("{KEYS}{key}").into_bytes()
}

/// Where the rows of a key's records begin.
pub fn records_start(key: KeyId) -> Vec<u8> {
    format!("record/{key}/").into_bytes()
}

pub fn record_row(key: KeyId, seq: Seq) -> Vec<u8> {
    format!("record/{key}/{:020}", seq.0).into_bytes()
}

/// The key of an id or of a row.
pub fn key_of(id: &str) -> Option<KeyId> {
    (id.len() == 32).then(|| u128::from_str_radix(id, 16).ok().map(KeyId)).flatten()
}

fn encoded(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(item, &mut bytes);
    bytes
}

pub fn encode_key(parked: &Parked, shard: u16) -> Vec<u8> {
    let mut item = Item::from_iter([
        ("key", fields::text(&parked.key)),
        ("shard", fields::number(shard)),
        ("records", fields::number(parked.amount.records)),
        ("bytes", fields::number(parked.amount.bytes)),
        ("newest", fields::number(parked.newest.0)),
        ("since_ms", fields::number(parked.since_ms)),
        ("attempts", fields::number(parked.attempts)),
        ("error", fields::text(&parked.error)),
    ]);
    if let Some(wanted) = parked.wanted {
        item.insert("wanted", fields::text(word(wanted)));
    }
    encoded(&item)
}

/// Answers the shard as well.
pub fn decode_key(bytes: &[u8]) -> Option<(u16, Parked)> {
    let item = codec::decode(bytes).ok()?;
    let wanted = match fields::get_text(&item, "wanted").as_deref() {
        Some("retry") => Some(Wanted::Retry),
        Some("drop") => Some(Wanted::Drop),
        _ => None,
    };
    let parked = Parked {
        key: fields::get_text(&item, "key")?,
        amount: Amount { records: fields::get_number(&item, "records")?, bytes: fields::get_number(&item, "bytes")? },
        // Missing: nothing is known to be parked already.
        newest: Seq(fields::get_number(&item, "newest").unwrap_or_default()),
        since_ms: fields::get_number(&item, "since_ms")?,
        attempts: fields::get_number(&item, "attempts")?,
        error: fields::get_text(&item, "error")?,
        wanted,
    };
    Some((fields::get_number(&item, "shard")?, parked))
}

fn word(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Retry => "retry",
        Wanted::Drop => "drop",
    }
}

pub fn encode_record(record: &Record) -> Vec<u8> {
    encoded(&Item::from_iter([
        ("seq", fields::number(record.seq.0)),
        ("time_ms", fields::number(record.time_ms)),
        ("depth", fields::number(record.depth)),
        ("event", Value::B(record.event.clone())),
    ]))
}

pub fn decode_record(key: KeyId, bytes: &[u8]) -> Option<Record> {
    let item = codec::decode(bytes).ok()?;
    let Value::B(event) = item.get("event")? else { return None };
    Some(Record {
        seq: Seq(fields::get_number(&item, "seq")?),
        time_ms: fields::get_number(&item, "time_ms")?,
        depth: fields::get_number(&item, "depth")?,
        key,
        arrived_ms: 0,
        event: event.clone(),
    })
}

/// A key as it is shown.
pub fn shown(id: KeyId, shard: u16, parked: Parked) -> ParkedKey {
    ParkedKey {
        id: id.to_string(),
        key: parked.key,
        shard,
        records: parked.amount.records,
        bytes: parked.amount.bytes,
        since_ms: parked.since_ms,
        attempts: parked.attempts,
        error: parked.error,
        wanted: parked.wanted.map(word),
    }
}

/// The key's attributes as the record's event has them; a Kinesis record's partition key by its name.
pub fn key_text(event: &[u8]) -> String {
    let field = |json: &[u8], name: &str| -> Option<String> {
        let fields: HashMap<String, Box<RawValue>> = serde_json::from_slice(json).ok()?;
        fields.get(name).map(|value| value.get().to_owned())
    };
    if let Some(body) = field(event, "kinesis") {
        let key = field(body.as_bytes(), "partitionKey").unwrap_or_default();
        return format!(r#"{{"partitionKey":{key}}}"#);
    }
    field(event, "dynamodb").and_then(|body| field(body.as_bytes(), "Keys")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parked_keys_and_records_come_back_from_their_rows() {
        let parked = Parked {
            key: r#"{"id":{"S":"v1"}}"#.to_owned(),
            amount: Amount { records: 3, bytes: 300 },
            newest: Seq(7),
            since_ms: 5,
            attempts: 2,
            error: "ValueError: no".to_owned(),
            wanted: None,
        };
        for wanted in [None, Some(Wanted::Retry), Some(Wanted::Drop)] {
            let parked = Parked { wanted, ..parked.clone() };
            assert_eq!(decode_key(&encode_key(&parked, 7)), Some((7, parked)));
        }
        let event = br#"{"eventID":"a","dynamodb":{"Keys":{"id":{"S":"v1"}},"SizeBytes":4}}"#.to_vec();
        let record = Record { seq: Seq(9), time_ms: 8, depth: 2, key: KeyId(1), arrived_ms: 0, event };
        assert_eq!(decode_record(KeyId(1), &encode_record(&record)), Some(record.clone()));
        assert_eq!(key_text(&record.event), parked.key);
        let of_kinesis = br#"{"kinesis":{"partitionKey":"a \"b\"","data":""},"eventSource":"aws:kinesis"}"#;
        assert_eq!(key_text(of_kinesis), r#"{"partitionKey":"a \"b\""}"#);
        assert_eq!(key_of(&KeyId(u128::MAX - 5).to_string()), Some(KeyId(u128::MAX - 5)));
        assert_eq!(key_of("5"), None);
        // Rows lie in the order in which records are delivered.
        assert!(record_row(KeyId(1), Seq(9)) < record_row(KeyId(1), Seq(10)));
    }
}
