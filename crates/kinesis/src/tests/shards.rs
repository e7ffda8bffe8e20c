//! Which shard a hash key belongs to.

use crate::{HashRange, SHARDS_MAX, hash_key, parse_shard_id, shard_id, shard_of};
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_hash_key_is_in_exactly_the_range_of_its_shard(key: u128, shards in 1..=SHARDS_MAX) {
        let at = shard_of(key, shards);
        prop_assert!(at < shards);
        let range = HashRange::of(at, shards);
        prop_assert!((range.first..=range.last).contains(&key), "{key} in {range:?}");
        let mut next = Some(0);
        for shard in 0..shards {
            let range = HashRange::of(shard, shards);
            prop_assert_eq!(Some(range.first), next, "ranges follow one another");
            for edge in [range.first, range.last] {
                prop_assert_eq!(shard_of(edge, shards), shard);
            }
            next = range.last.checked_add(1);
        }
        prop_assert_eq!(next, None, "the last range ends at the last hash key");
    }
}

#[test]
fn ranges_and_hash_keys_are_those_of_aws() {
    let shown =
        |shards: u16| (0..shards).map(|shard| format!("{:?}", HashRange::of(shard, shards))).collect::<Vec<_>>();
    let mut lines: Vec<String> = [1, 2, 3].into_iter().flat_map(shown).collect();
    lines.extend(["", "a", "partitionKey-03"].map(|key| format!("{key:?} {}", hash_key(key))));
    expect_test::expect![[r#"
        HashRange { first: 0, last: 340282366920938463463374607431768211455 }
        HashRange { first: 0, last: 170141183460469231731687303715884105727 }
        HashRange { first: 170141183460469231731687303715884105728, last: 340282366920938463463374607431768211455 }
        HashRange { first: 0, last: 113427455640312821154458202477256070484 }
        HashRange { first: 113427455640312821154458202477256070485, last: 226854911280625642308916404954512140969 }
        HashRange { first: 226854911280625642308916404954512140970, last: 340282366920938463463374607431768211455 }
        "" 281949768489412648962353822266799178366
        "a" 16955237001963240173058271559858726497
        "partitionKey-03" 183955990062578521952773094788915351226"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn a_shards_id_leads_back() {
    for shard in [0, 3, 999, u16::MAX] {
        assert_eq!(parse_shard_id(&shard_id(shard)), Some(shard));
    }
    assert_eq!(shard_id(3), "shardId-000000000003");
    for id in ["shardId-3", "shardId-+00000000003", "shardId-000000065536", "000000000003", "shardId-0000000000003", ""]
    {
        assert_eq!(parse_shard_id(id), None, "{id}");
    }
}
