//! Percent-encoding: of the pieces of a request's path and query. Knows no operation.

use std::borrow::Cow;

/// What stays as it is, whatever the place.
pub(crate) fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// Encodes one byte.
pub(crate) fn encode(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// A piece decoded. What is no encoding stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let pair = || Some(hex_digit(*tail.first()?)? << 4 | hex_digit(*tail.get(1)?)?);
        let decoded = (first == b'%').then(pair).flatten();
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    bytes.into()
}

/// A piece decoded into text; one that is none stays encoded.
pub(crate) fn decode_text(text: &str) -> Cow<'_, str> {
    match decode(text) {
        Cow::Borrowed(_) => text.into(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or_else(|_| text.into(), Cow::Owned),
    }
}

/// The parameters of a query string, decoded.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode_text(name), decode_text(value)))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_decoded_and_what_is_no_encoding_stays() {
        for (text, decoded) in [
            ("plain", "plain"),
            ("arn%3Aaws%3alambda", "arn:aws:lambda"),
            ("%24LATEST", "$LATEST"),
            ("a%2", "a%2"),
            ("a%2g%", "a%2g%"),
            ("%C3%9F", "ß"),
            ("%C3", "%C3"),
        ] {
            assert_eq!(decode_text(text), decoded);
        }
        let pairs: Vec<_> =
            parameters("tagKeys=a%20b&tagKeys=c&&Flag").map(|(name, value)| format!("{name}>{value}")).collect();
        assert_eq!(pairs, ["tagKeys>a b", "tagKeys>c", "Flag>"]);
    }
}
