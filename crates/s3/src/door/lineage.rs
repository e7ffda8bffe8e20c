//! How many functions a request came through: the count that the lineage of the trace header begins with, which AWS's SDKs
//! send back in a Lambda environment. The JSON doors read it likewise.

use http::HeaderMap;
use item::Origin;

/// Who a request comes from.
pub(super) fn origin(headers: &HeaderMap) -> Origin {
    let trace = headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lineage = trace.split(';').find_map(|part| part.trim().strip_prefix("Lineage=")).unwrap_or_default();
    match lineage.split(':').next().unwrap_or_default() {
        digits if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => Origin::Client,
        // One that is no small number is as deep as can be: nobody gets around the limit by it.
        digits => match digits.parse().unwrap_or(u8::MAX) {
            0 => Origin::Client,
            depth => Origin::Function { depth },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_a_function_says_how_many_there_were() {
        let of = |text: &'static str| {
            origin(&HeaderMap::from_iter([("x-amzn-trace-id".parse().unwrap(), text.parse().unwrap())]))
        };
        assert_eq!(origin(&HeaderMap::new()), Origin::Client);
        assert_eq!(of("Root=1-a-b;Parent=c;Sampled=0;Lineage=3:87bd80c0:0"), Origin::Function { depth: 3 });
        assert_eq!(of("Lineage=999:0"), Origin::Function { depth: 255 });
        assert_eq!(of("Lineage=x:0"), Origin::Client);
    }
}
