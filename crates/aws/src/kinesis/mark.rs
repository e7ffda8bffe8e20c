//! Marks that clients hand back: shard iterators and tokens of listed shards. Opaque to them, and good for five minutes.

use base64::{Engine, engine::general_purpose::STANDARD};
use item::Seq;
use kinesis::Stream;
use xxhash_rust::xxh3::xxh3_64;

/// How long a mark is good for.
pub(super) const LIFE_MS: u64 = 5 * 60 * 1000;

/// What a mark is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Iterator,
    Shards,
}

/// A place in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub kind: Kind,
    /// The stream's number: a stream that was created again is another one.
    pub resource: u32,
    pub stream: String,
    pub shard: u16,
    /// First position wanted.
    pub from: Seq,
    pub issued_ms: u64,
}

impl Mark {
    pub fn new(kind: Kind, stream: &Stream, (shard, from): (u16, Seq), issued_ms: u64) -> Mark {
        Mark { kind, resource: stream.resource.id.0, stream: stream.name().to_owned(), shard, from, issued_ms }
    }

    /// At most 222 characters; AWS takes 512.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(160);
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.resource.to_le_bytes());
        bytes.extend_from_slice(&self.shard.to_le_bytes());
        bytes.extend_from_slice(&self.from.0.to_le_bytes());
        bytes.extend_from_slice(&self.issued_ms.to_le_bytes());
        bytes.extend_from_slice(self.stream.as_bytes());
        // Against slips of the keyboard, not against forgery: whoever can ask for records can ask for iterators.
        let check = xxh3_64(&bytes) as u32;
        bytes.extend_from_slice(&check.to_le_bytes());
        STANDARD.encode(bytes)
    }

    pub fn decode(kind: Kind, text: &str) -> Option<Mark> {
        let bytes = STANDARD.decode(text).ok()?;
        let (content, check) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*check) != xxh3_64(content) as u32 {
            return None;
        }
        let (&found, rest) = content.split_first()?;
        let (resource, rest) = rest.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (issued_ms, stream) = rest.split_first_chunk()?;
        (found == kind as u8).then_some(Mark {
            kind,
            resource: u32::from_le_bytes(*resource),
            stream: std::str::from_utf8(stream).ok()?.to_owned(),
            shard: u16::from_le_bytes(*shard),
            from: Seq(u64::from_le_bytes(*from)),
            issued_ms: u64::from_le_bytes(*issued_ms),
        })
    }

    pub fn is_expired(&self, now_ms: u64) -> bool {
        now_ms > self.issued_ms.saturating_add(LIFE_MS)
    }

    /// Whether it is of this stream, not of one that had its name before.
    pub fn is_of(&self, stream: &Stream) -> bool {
        stream.resource.id.0 == self.resource && self.shard < stream.shards()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lead_back_and_slips_are_seen() {
        let mark = Mark {
            kind: Kind::Iterator,
            resource: 3,
            stream: "a".repeat(128),
            shard: 2,
            from: Seq(77),
            issued_ms: 1_000_000,
        };
        let text = mark.encode();
        assert!(text.len() <= 222, "{}", text.len());
        assert_eq!(Mark::decode(Kind::Iterator, &text), Some(mark.clone()));
        assert_eq!(Mark::decode(Kind::Shards, &text), None);
        assert!(!mark.is_expired(1_000_000 + LIFE_MS) && mark.is_expired(1_000_001 + LIFE_MS));
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ascii");
            assert_eq!(Mark::decode(Kind::Iterator, &other), None, "{other}");
        }
    }
}
