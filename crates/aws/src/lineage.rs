//! How many functions a request came through. AWS's SDKs, in a Lambda environment, send the trace header of the invocation
//! back with each call; ours begins its lineage with a count. Knows that header and nothing else.

use http::{HeaderMap, HeaderName};

const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The functions before a request: 0 for a client, 1 for a function that a client's change called.
///
/// `Root=1-…;Parent=…;Sampled=0;Lineage=DEPTH:HASH:0`. A count that is no small number is as deep as can be: nobody gets
/// around the limit by it.
pub(crate) fn depth(headers: &HeaderMap) -> u8 {
    let Some(text) = headers.get(X_AMZN_TRACE_ID).and_then(|value| value.to_str().ok()) else { return 0 };
    let lineage = text.split(';').find_map(|part| part.trim().strip_prefix("Lineage="));
    let digits = lineage.and_then(|lineage| lineage.split(':').next()).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    digits.parse().unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_depth_is_the_count_that_the_lineage_begins_with() {
        let of = |text: &'static str| depth(&HeaderMap::from_iter([(X_AMZN_TRACE_ID, HeaderValue::from_static(text))]));
        assert_eq!(depth(&HeaderMap::new()), 0);
        let root = "Root=1-6571ab3c-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0";
        assert_eq!(of(root), 0);
        assert_eq!(of("Root=1-a-b;Parent=c;Sampled=0;Lineage=1:87bd80c0:0"), 1);
        assert_eq!(of("Root=1-a-b; Lineage=16:87bd80c0:0 ;Sampled=1"), 16);
        assert_eq!(of("Lineage=255:0:0"), 255);
        assert_eq!(of("Lineage=256:0:0"), 255);
        assert_eq!(of("Lineage=99999999999999999999:0"), 255);
        for other in ["Lineage=", "Lineage=a87bd80c:0", "Lineage=-1:a:0", "Lineage=+1:a:0", "Lineage", ""] {
            assert_eq!(of(other), 0, "{other}");
        }
    }
}
