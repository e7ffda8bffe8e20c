//! Retry tokens: which call of a client's SDK a request belongs to. Knows headers, nothing of what is done with them.

use db::RetryToken;
use http::{HeaderMap, HeaderValue};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The token of a request, if its SDK sends one. `request` are the parts whose hash tells a repeat from another
/// request under the same id: who asks, for what operation, with what body.
pub(crate) fn token(headers: &HeaderMap, request: [&[u8]; 3]) -> Option<RetryToken> {
    let id = headers.get("amz-sdk-invocation-id")?.as_bytes();
    let id = uuid(id).unwrap_or_else(|| xxh3_128(id).to_le_bytes());
    let mut hasher = Xxh3::new();
    for part in request {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Some(RetryToken { id, request: hasher.digest(), repeat: !is_first(headers.get("amz-sdk-request")) })
}

/// The token that a client names itself (`ClientRequestToken`), the same for everyone of an account: clients change
/// their access keys, and mean the same transaction.
pub(crate) fn client_token(account: &str, token: &str, request: u64) -> RetryToken {
    let mut hasher = Xxh3::new();
    for part in ["ClientRequestToken", account, token] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    RetryToken { id: hasher.digest128().to_le_bytes(), request, repeat: true }
}

/// A token that names the request together with the call: another request under the same id is another call, not a
/// mistake.
pub(crate) fn with_request(token: RetryToken) -> RetryToken {
    let both = [&token.id[..], &token.request.to_le_bytes()].concat();
    RetryToken { id: xxh3_128(&both).to_le_bytes(), ..token }
}

/// The 16 bytes of a UUID with its hyphens.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&hyphen| text[hyphen] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|&&byte| byte != b'-').map(|&byte| digit(byte));
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(id)
}

/// `attempt=1; max=3`. A missing or unreadable header may hide a repeat.
fn is_first(header: Option<&HeaderValue>) -> bool {
    let Some(text) = header.and_then(|value| value.to_str().ok()) else { return false };
    text.split(';').filter_map(|part| part.trim().strip_prefix("attempt=")).any(|attempt| attempt.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const ID: (&str, &str) = ("amz-sdk-invocation-id", "3f2a9c1e-0d4b-4c6a-9e7f-112233445566");

    #[test]
    fn the_first_attempt_is_told_from_the_others() {
        let repeat = |request: Option<&'static str>| {
            let all: Vec<_> = std::iter::once(ID).chain(request.map(|value| ("amz-sdk-request", value))).collect();
            token(&headers(&all), [b"", b"", b""]).expect("an id is there").repeat
        };
        assert!(!repeat(Some("attempt=1")));
        assert!(!repeat(Some("ttl=20300101T000000Z; attempt=1; max=5")));
        assert!(repeat(Some("attempt=2; max=3")));
        assert!(repeat(Some("attempt=11; max=30")));
        assert!(repeat(None));
        assert_eq!(token(&headers(&[]), [b"", b"", b""]), None);
    }

    #[test]
    fn the_id_is_the_uuid_and_the_hash_covers_every_part() {
        let all = headers(&[ID]);
        let first = token(&all, [b"key", b"PutItem", b"{}"]).expect("an id is there");
        assert_eq!(first.id[..4], [0x3f, 0x2a, 0x9c, 0x1e]);
        for other in [[b"kex" as &[u8], b"PutItem", b"{}"], [b"key", b"PutIteM", b"{}"], [b"keyP", b"utItem", b"{}"]] {
            assert_ne!(token(&all, other).expect("an id is there").request, first.request);
        }
        let odd = headers(&[("amz-sdk-invocation-id", "not a uuid")]);
        assert_ne!(token(&odd, [b"", b"", b""]).expect("an id is there").id, [0; 16]);
    }
}
