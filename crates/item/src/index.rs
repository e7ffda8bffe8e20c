//! Keys of secondary indexes: up to four partition and four sort attributes, and the byte order in which an index
//! stores its entries. Knows nothing of tables and trees.

use crate::{
    Item, KeyError, Value,
    key::{
        Key, KeyAttribute, KeyValue, PARTITION_BYTES_MAX, SORT_BYTES_MAX, SortRange, after_prefix, hash_of, key_value,
        partition_hash,
    },
};

/// Most attributes of an index's partition key, and of its sort key.
pub const INDEX_KEY_PARTS_MAX: usize = 4;

/// The key of an index. A local one has one partition attribute, the table's, and one sort attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// At least one.
    pub partition: Vec<KeyAttribute>,
    pub sort: Vec<KeyAttribute>,
}

/// Entries of one partition of an index: those whose first sort attributes equal `equal` and whose next one is in
/// `sort`.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRange {
    /// One value per partition attribute.
    pub partition: Vec<KeyValue>,
    pub equal: Vec<KeyValue>,
    /// [`SortRange::All`] where no sort attribute is left.
    pub sort: SortRange,
}

/// Where an item stands in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    pub partition: Vec<KeyValue>,
    pub sort: Vec<KeyValue>,
}

impl IndexSchema {
    /// All attributes, partition first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.partition.iter().chain(&self.sort)
    }

    /// Whether `name` is one of the key attributes.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The key attributes of an item, for `LastEvaluatedKey`.
    #[must_use]
    pub fn project(&self, item: &Item) -> Item {
        let value = |name: &str| item.get(name).map(|value: &Value| (name.to_owned(), value.clone()));
        self.attributes().filter_map(|attribute| value(&attribute.name)).collect()
    }

    /// The key of an item; `None` when it lacks one of the attributes: indexes are sparse.
    ///
    /// # Errors
    /// When an attribute has another type than the index's, is empty or too long.
    pub fn key_of(&self, item: &Item) -> Result<Option<IndexKey>, KeyError> {
        // A value that does not fit is told of even where another attribute is missing.
        let values = |attributes: &[KeyAttribute], limit| {
            let value = |attribute| match key_value(item, attribute, limit) {
                Err(KeyError::Missing { .. }) => Ok(None),
                value => value.map(Some),
            };
            attributes.iter().map(value).collect::<Result<Vec<_>, _>>()
        };
        let (partition, sort) = (values(&self.partition, PARTITION_BYTES_MAX)?, values(&self.sort, SORT_BYTES_MAX)?);
        let (partition, sort) = (partition.into_iter().collect(), sort.into_iter().collect());
        Ok(Option::zip(partition, sort).map(|(partition, sort)| IndexKey { partition, sort }))
    }
}

impl IndexKey {
    /// The place of an item's entry, which the table's key makes unique:
    /// `hash(partition) u32 big-endian, partition and sort self-delimiting, each in value order, the table's key`.
    pub fn encode(&self, table_key: &Key, out: &mut Vec<u8>) {
        encode_partition(&self.partition, out);
        self.sort.iter().for_each(|value| encode_part(value, out));
        table_key.encode(out);
    }
}

impl IndexRange {
    /// The byte range [start, end) of the entries; nothing satisfies it: `start` = `end`.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        let mut prefix = Vec::new();
        encode_partition(&self.partition, &mut prefix);
        self.equal.iter().for_each(|value| encode_part(value, &mut prefix));
        let at = |value: &KeyValue| {
            let mut key = prefix.clone();
            encode_part(value, &mut key);
            key
        };
        // Parts delimit themselves, so all entries of a value start with its bytes.
        let past = |value: &KeyValue| after_prefix(at(value));
        let begun = |value: &KeyValue| {
            let mut start = prefix.clone();
            escape(value.bytes().expect("a string or binary"), &mut start);
            start
        };
        self.sort.bounds(&prefix, at, past, begun)
    }

    /// Whether an entry is in the range; sort values of another type than the range's never are.
    #[must_use]
    pub fn contains(&self, key: &IndexKey) -> bool {
        let next = key.sort.get(self.equal.len());
        key.partition == self.partition
            && key.sort.starts_with(&self.equal)
            && next.map_or(self.sort == SortRange::All, |value| self.sort.contains(value))
    }
}

/// The 32-bit hash that places an index's partition, for parallel Scan: that of a table where it has one attribute.
fn index_hash(partition: &[KeyValue]) -> u32 {
    if let [one] = partition {
        return partition_hash(one);
    }
    let mut bytes = Vec::new();
    partition.iter().for_each(|value| encode_part(value, &mut bytes));
    hash_of(&bytes)
}

fn encode_partition(partition: &[KeyValue], out: &mut Vec<u8>) {
    out.extend_from_slice(&index_hash(partition).to_be_bytes());
    partition.iter().for_each(|value| encode_part(value, out));
}

/// A zero byte within a string or binary, and the end of one: in this order, so that a prefix sorts first.
const END: [u8; 2] = [0, 0];
const ZERO: [u8; 2] = [0, 0xff];

/// A value in its order, self-delimiting.
fn encode_part(value: &KeyValue, out: &mut Vec<u8>) {
    match value {
        KeyValue::N(number) => number.encode_ordered(out),
        KeyValue::S(text) => escape(text.as_bytes(), out),
        KeyValue::B(bytes) => escape(bytes, out),
    }
    if !matches!(value, KeyValue::N(_)) {
        out.extend_from_slice(&END);
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0 => out.extend_from_slice(&ZERO),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyKind, Number, key::any::*};
    use proptest::{collection::vec, prelude::*};

    fn encoded(key: &IndexKey, id: u32) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode(&Key { partition: KeyValue::N(Number::from(u64::from(id))), sort: None }, &mut out);
        out
    }

    fn schema() -> IndexSchema {
        let attribute = |name: &str, kind| KeyAttribute { name: name.to_owned(), kind };
        IndexSchema {
            partition: vec![attribute("tenant", KeyKind::S), attribute("year", KeyKind::N)],
            sort: vec![attribute("place", KeyKind::S)],
        }
    }

    #[test]
    fn the_bytes_of_an_entry_are_frozen() {
        let key = |partition| IndexKey { partition, sort: vec![KeyValue::S("a\0b".into()), KeyValue::B(vec![255])] };
        let hex = |key: IndexKey| encoded(&key, 7).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (text, number) = (KeyValue::S("SOUTH".into()), KeyValue::N(Number::from(42u64)));
        expect_test::expect!["d21907e0534f55544800006100ff620000ff000035703bfb03828c"]
            .assert_eq(&hex(key(vec![text.clone()])));
        expect_test::expect!["aad5f93d534f55544800000383546100ff620000ff000035703bfb03828c"]
            .assert_eq(&hex(key(vec![text, number])));
    }

    #[test]
    fn an_index_is_sparse_but_refuses_what_does_not_fit() {
        let check = |attributes: &[(&str, Value)], expected: Result<bool, &str>| {
            let item: Item = attributes.iter().cloned().collect();
            let found = schema().key_of(&item).map(|key| key.is_some()).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{attributes:?}");
        };
        let (text, number) = (Value::S("a".into()), Value::N(Number::from(1u64)));
        check(&[("tenant", text.clone()), ("year", number.clone()), ("place", text.clone())], Ok(true));
        check(&[("tenant", text.clone()), ("place", text.clone())], Ok(false));
        check(&[("other", text.clone())], Ok(false));
        let mismatch = "type mismatch for key place: expected S, actual N";
        check(&[("place", number.clone())], Err(mismatch));
        check(&[("tenant", text.clone()), ("year", number.clone()), ("place", number)], Err(mismatch));
        check(&[("tenant", Value::S(String::new())), ("place", text)], Err("the value of key tenant is empty"));
    }

    proptest! {
        #[test]
        fn an_index_range_is_exactly_its_byte_range(
            (partitions, firsts, seconds, range, held) in (any_kind(), any_kind(), any_kind()).prop_flat_map(|(partition, first, second)| {
                (vec(vec(any_key_value(partition), 2), 2), vec(any_key_value(first), 3), vec(any_key_value(second), 6), any::<bool>())
                    .prop_flat_map(move |(partitions, firsts, seconds, held)| {
                        let kind = if held { second } else { first };
                        (Just(partitions), Just(firsts), Just(seconds), any_range(kind), Just(held))
                    })
            }),
        ) {
            let equal = if held { vec![firsts[0].clone()] } else { vec![] };
            let range = IndexRange { partition: partitions[0].clone(), equal, sort: range };
            let (start, end) = range.encode();
            prop_assert!(start <= end);
            for partition in &partitions {
                for (first, second) in firsts.iter().flat_map(|first| seconds.iter().map(move |second| (first, second))) {
                    let key = IndexKey { partition: partition.clone(), sort: vec![first.clone(), second.clone()] };
                    let bytes = encoded(&key, 3);
                    prop_assert_eq!(start <= bytes && bytes < end, range.contains(&key), "{:?}", key);
                }
            }
        }

        #[test]
        fn entries_order_as_their_sort_values(
            (partition, left, right) in (any_kind(), any_kind()).prop_flat_map(|(first, second)| {
                let sort = move || (any_key_value(first), any_key_value(second)).prop_map(|(first, second)| vec![first, second]);
                (any_key_value(KeyKind::S), sort(), sort())
            }),
        ) {
            let key = |sort: &Vec<KeyValue>| encoded(&IndexKey { partition: vec![partition.clone()], sort: sort.clone() }, 1);
            prop_assert_eq!(key(&left).cmp(&key(&right)), left.cmp(&right));
        }
    }
}
