//! How many functions a request came through. AWS's SDKs, in a Lambda environment, send the trace header of the invocation
//! back with each call; ours has a count in it, which `functions` writes and reads.

use http::{HeaderMap, HeaderName};

const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The functions before a request: 0 for a client, 1 for a function that a client's change called.
pub(crate) fn depth(headers: &HeaderMap) -> u8 {
    let header = headers.get(X_AMZN_TRACE_ID).and_then(|value| value.to_str().ok());
    header.and_then(functions::trace::depth).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_depth_is_the_count_that_the_lineage_begins_with() {
        let of = |text: &'static [u8]| {
            let value = HeaderValue::from_bytes(text).expect("a header's value");
            depth(&HeaderMap::from_iter([(X_AMZN_TRACE_ID, value)]))
        };
        assert_eq!(depth(&HeaderMap::new()), 0);
        assert_eq!(of(b"Root=1-6571ab3c-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0"), 0);
        assert_eq!(of(b"Root=1-a-b;Parent=c;Sampled=0;Lineage=1:87bd80c0:0"), 1);
        assert_eq!(of(b"Root=1-a-b; Lineage=16:87bd80c0:0 ;Sampled=1"), 16);
        assert_eq!(of(b"Lineage=255:0:0"), 255);
        // As AWS itself has it, and what is no header of anybody's.
        for other in [&b"Lineage=a87bd80c:0"[..], b"Lineage=", b"Lineage=-1:a:0", b"Lineage=1\xff:0"] {
            assert_eq!(of(other), 0, "{other:?}");
        }
    }
}
