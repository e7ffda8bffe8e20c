//! Names that clients see: ARNs, shard ids, sequence numbers, event ids. All of them are computed, none is stored.

use crate::time;
use db::{Db, Stream, StreamViewType};
use item::{Change, Seq};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Where on AWS this would be; part of every ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Place {
    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The ARN of a table.
    #[must_use]
    pub fn table_arn(&self, name: &str) -> String {
        self.arn("dynamodb", &format!("table/{name}"))
    }

    /// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`.
    #[must_use]
    pub fn stream_arn(&self, stream: &Stream) -> String {
        format!("{}/stream/{}", self.table_arn(&stream.table_name), time::label(stream.created_ms))
    }

    /// The stream of an ARN, if it is of a client's table and can still be read.
    #[must_use]
    pub fn stream(&self, db: &Db, arn: &str) -> Option<Arc<Stream>> {
        let (table, _) = arn.split_once("/stream/")?;
        let name = table_name(table);
        if db::is_internal(name) {
            return None;
        }
        db.streams().into_iter().find(|stream| stream.table_name == name && self.stream_arn(stream) == arn)
    }
}

/// The table's name where a parameter may hold its name or its ARN.
#[must_use]
pub fn table_name(name_or_arn: &str) -> &str {
    match name_or_arn.strip_prefix("arn:") {
        Some(rest) => {
            rest.split_once(":table/").map_or(name_or_arn, |(_, path)| path.split('/').next().unwrap_or(path))
        }
        None => name_or_arn,
    }
}

/// The types of stream views, as AWS names them.
pub const VIEW_TYPES: [(&str, StreamViewType); 4] = [
    ("NEW_IMAGE", StreamViewType::NewImage),
    ("OLD_IMAGE", StreamViewType::OldImage),
    ("NEW_AND_OLD_IMAGES", StreamViewType::NewAndOldImages),
    ("KEYS_ONLY", StreamViewType::KeysOnly),
];

/// The name of a view type.
#[must_use]
pub fn view_type(view_type: StreamViewType) -> &'static str {
    VIEW_TYPES.iter().find(|(_, other)| *other == view_type).map_or("", |(name, _)| name)
}

/// A UUID as AWS writes it: 8-4-4-4-12 hexadecimal digits.
#[must_use]
pub fn uuid(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A random UUID, of version 4, by the database's dice.
#[must_use]
pub fn random_uuid(db: &Db) -> String {
    let mut bytes = [0; 16];
    db.roll(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    uuid(bytes)
}

/// `shardId-`, 20 digits, `-`, 8 hexadecimal ones: when the stream was opened, and which shard of which stream.
pub fn shard_id(stream: &Stream, shard: u16) -> String {
    let mut which = [0; 12];
    which[..4].copy_from_slice(&stream.table.0.to_le_bytes());
    which[4..].copy_from_slice(&stream.opened.0.to_le_bytes());
    // A sum, not a hash of all: two shards of a stream never have one name.
    let which = (xxh3_64(&which) as u32).wrapping_add(u32::from(shard));
    format!("shardId-{:020}-{which:08x}", stream.created_ms)
}

/// The shard of an id.
pub fn shard(stream: &Stream, id: &str) -> Option<u16> {
    (0..stream.shards).find(|&shard| shard_id(stream, shard) == id)
}

/// Four digits of timeline and twenty of position: fixed width, so that they sort as text, and the timeline starts at
/// 1000, so that no reader drops zeros.
pub fn sequence_number(timeline: u16, seq: Seq) -> String {
    format!("{timeline:04}{:020}", seq.0)
}

/// The timeline and position of a sequence number.
pub fn parse_sequence_number(text: &str) -> Option<(u16, Seq)> {
    if text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((text[..4].parse().ok()?, Seq(text[4..].parse().ok()?)))
}

/// 32 hexadecimal digits, the same whenever the change is read. The stream's time is in it, so that a database begun
/// anew does not repeat the ids of the one before.
pub fn event_id(timeline: u16, stream: &Stream, change: &Change) -> String {
    let mut place = [0; 22];
    place[..2].copy_from_slice(&timeline.to_le_bytes());
    place[2..6].copy_from_slice(&stream.table.0.to_le_bytes());
    place[6..14].copy_from_slice(&stream.created_ms.to_le_bytes());
    place[14..].copy_from_slice(&change.seq.0.to_le_bytes());
    format!("{:032x}", xxh3_128(&place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use item::{KeyAttribute, KeyKind, KeySchema, TableId};

    #[test]
    fn a_uuid_is_its_bytes_in_five_groups() {
        let bytes = std::array::from_fn(|at| u8::try_from(at).expect("small") * 17);
        assert_eq!(uuid(bytes), "00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn names_have_the_lengths_that_sdks_check_and_lead_back() {
        let stream = Stream {
            table: TableId(7),
            table_name: "votes".into(),
            key: KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None },
            view_type: StreamViewType::KeysOnly,
            shards: 9,
            created_ms: 1_686_425_176_525,
            opened: Seq(41),
            closed: None,
        };
        for shard_number in 0..9 {
            let id = shard_id(&stream, shard_number);
            assert!((28..=65).contains(&id.len()), "{id}");
            assert_eq!(shard(&stream, &id), Some(shard_number));
        }
        assert_eq!(shard(&stream, "shardId-00000001686425176525-00000000"), None);
        let number = sequence_number(1000, Seq(42));
        assert_eq!(number, "100000000000000000000042");
        assert_eq!(parse_sequence_number(&number), Some((1000, Seq(42))));
        assert_eq!(parse_sequence_number("+00000000000000000000042"), None);
        assert!(sequence_number(1000, Seq(9)) < sequence_number(1000, Seq(10)));
        assert!(sequence_number(1000, Seq(u64::MAX)) < sequence_number(1001, Seq(0)));
    }
}
