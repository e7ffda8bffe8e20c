//! Compressed requests: `Content-Encoding: gzip`, inflated to no more than a request may have.

use crate::{
    protocol::{Code, Fault},
    routes::Asked,
};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};
use std::{borrow::Cow, io::Read};

/// Whether a request says that its body is encoded in some way.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The body of a request as it was before it was encoded.
pub(crate) fn plain<'b>(asked: &Asked, headers: &HeaderMap, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Fault> {
    if !is_encoded(headers) {
        return Ok(Cow::Borrowed(body));
    }
    let encoding = headers.get(CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()).unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("gzip") {
        return Err(Fault::new(Code::Serialization, format!("Unsupported Content-Encoding: {encoding}")));
    }
    let mut plain = Vec::new();
    // One byte more than is allowed tells what is too large from what just fits.
    let mut inflating = MultiGzDecoder::new(body).take(asked.bytes_max() as u64 + 1);
    inflating
        .read_to_end(&mut plain)
        .map_err(|error| Fault::new(Code::Serialization, format!("The body is no gzip: {error}")))?;
    if plain.len() > asked.bytes_max() { Err(asked.too_large()) } else { Ok(Cow::Owned(plain)) }
}
