//! Ids of requests: unlike one another, nothing depends on them, so they need none of `db`'s dice.

use http::HeaderValue;
use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Makes `x-amzn-RequestId`s.
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

/// Characters of a request id at DynamoDB.
const ID_CHARACTERS: usize = 52;

impl RequestIds {
    pub fn new() -> RequestIds {
        RequestIds { seed: RandomState::new().hash_one("request ids"), next: AtomicU64::new(0) }
    }

    fn number(&self) -> [u8; 8] {
        self.next.fetch_add(1, Ordering::Relaxed).to_le_bytes()
    }

    /// As DynamoDB has them.
    pub fn letters(&self) -> HeaderValue {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let number = self.number();
        let mut id = [0u8; ID_CHARACTERS];
        for (half, characters) in id.chunks_mut(ID_CHARACTERS / 2).enumerate() {
            // 26 characters of five bits: 128 bits and two zeros.
            let mut bits = xxh3_128_with_seed(&number, self.seed.wrapping_add(half as u64));
            for character in characters {
                *character = ALPHABET[(bits & 31) as usize];
                bits >>= 5;
            }
        }
        HeaderValue::from_bytes(&id).expect("letters and digits are a header")
    }

    /// As other services have them: a UUID of version 4.
    pub fn uuid(&self) -> HeaderValue {
        let bits = xxh3_128_with_seed(&self.number(), self.seed);
        let text = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            bits as u32,
            (bits >> 32) as u16,
            (bits >> 48) as u16 & 0xfff,
            (bits >> 64) as u16 & 0x3fff | 0x8000,
            bits >> 80
        );
        HeaderValue::from_str(&text).expect("digits and hyphens are a header")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_look_as_their_services_have_them_and_differ() {
        let ids = RequestIds::new();
        let (one, two) = (ids.letters(), ids.letters());
        assert_ne!(one, two);
        for id in [one, two] {
            let text = id.to_str().expect("ascii");
            assert_eq!(text.len(), 52);
            assert!(text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{text}");
        }
        let (one, two) = (ids.uuid(), ids.uuid());
        assert_ne!(one, two);
        for id in [one, two] {
            let parts: Vec<usize> = id.to_str().expect("ascii").split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12]);
        }
    }
}
