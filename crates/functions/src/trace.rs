//! The trace header that a handler's SDK sends back with every call: in it is how many functions the call came through.

use xxhash_rust::xxh3::xxh3_64;

/// `Root=1-..;Parent=..;Sampled=0;Lineage=DEPTH:HASH:0`, for a call that comes through `depth` functions and this one.
pub(crate) fn header(random: [u8; 16], now_ms: u64, function: &str, depth: u8) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = xxh3_64(function.as_bytes()) as u32;
    let (root, parent) = (hex(&random[..12]), hex(&random[8..]));
    let depth = depth.saturating_add(1);
    format!("Root=1-{:08x}-{root};Parent={parent};Sampled=0;Lineage={depth}:{hash:08x}:0", now_ms / 1000)
}

/// How many functions a request with this trace header came through.
#[must_use]
pub fn depth(header: &str) -> Option<u8> {
    let lineage = header.split(';').find_map(|part| part.trim().strip_prefix("Lineage="))?;
    lineage.split(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_comes_back_out_of_the_header() {
        assert_eq!(depth(&header([7; 16], 1_700_000_000_000, "f", 0)), Some(1));
        assert_eq!(depth(&header([7; 16], 1_700_000_000_000, "f", 255)), Some(255));
        assert_eq!(depth("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"), None);
    }
}
