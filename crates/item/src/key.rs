//! Primary keys: schema, value, and the byte order in which a table stores them. Knows nothing of tables and trees.

use crate::{Item, Number, Value};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Longest partition key and sort key, in bytes.
pub const PARTITION_BYTES_MAX: usize = 2048;
pub const SORT_BYTES_MAX: usize = 1024;

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    S,
    N,
    B,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    pub name: String,
    pub kind: KeyKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySchema {
    pub partition: KeyAttribute,
    pub sort: Option<KeyAttribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyValue {
    S(String),
    N(Number),
    B(Vec<u8>),
}

/// A primary key's values. Byte order of [`Key::encode`] = (partition hash, partition, sort), so that a Query is
/// one range, and parallel Scan segments and stream shards are ranges of the hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub partition: KeyValue,
    pub sort: Option<KeyValue>,
}

/// Why an item has no usable key. The doors word these as AWS does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("missing the key {name} in the item")]
    Missing { name: String },
    #[error("type mismatch for key {name}: expected {expected}, actual {actual}")]
    WrongType { name: String, expected: &'static str, actual: &'static str },
    #[error("the value of key {name} is empty")]
    Empty { name: String, kind: KeyKind },
    #[error("the value of key {name} has {bytes} bytes, more than {limit}")]
    TooLong { name: String, bytes: usize, limit: usize },
    #[error("the number of key attributes does not match the schema")]
    Count,
}

/// Bounds on the sort key within one partition; both inclusive flags as DynamoDB's operators need them.
#[derive(Clone, Debug, PartialEq)]
pub enum SortRange {
    All,
    Equal(KeyValue),
    Less(KeyValue),
    LessEqual(KeyValue),
    Greater(KeyValue),
    GreaterEqual(KeyValue),
    /// Both ends inclusive.
    Between(KeyValue, KeyValue),
    BeginsWith(KeyValue),
}

impl KeyError {
    /// The attribute that it is about.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            KeyError::Missing { name }
            | KeyError::WrongType { name, .. }
            | KeyError::Empty { name, .. }
            | KeyError::TooLong { name, .. } => Some(name),
            KeyError::Count => None,
        }
    }
}

impl KeySchema {
    /// The key of a whole item (other attributes are ignored). Limits: partition 2048 bytes, sort 1024, not empty.
    pub fn key_of(&self, item: &Item) -> Result<Key, KeyError> {
        let partition = key_value(item, &self.partition, PARTITION_BYTES_MAX)?;
        let sort = self.sort.as_ref().map(|sort| key_value(item, sort, SORT_BYTES_MAX)).transpose()?;
        Ok(Key { partition, sort })
    }

    /// The key from a `Key` parameter: exactly the key attributes and nothing else.
    pub fn exact_key(&self, key: &Item) -> Result<Key, KeyError> {
        if key.len() != 1 + usize::from(self.sort.is_some()) {
            return Err(KeyError::Count);
        }
        self.key_of(key)
    }

    /// The key as attributes, for `LastEvaluatedKey` and a stream record's `Keys`.
    #[must_use]
    pub fn attributes(&self, key: &Key) -> Item {
        let sort = self.sort.iter().zip(&key.sort).map(|(attribute, value)| (attribute, value.clone()));
        std::iter::once((&self.partition, key.partition.clone()))
            .chain(sort)
            .map(|(attribute, value)| (attribute.name.clone(), Value::from(value)))
            .collect()
    }

    /// Reads what [`Key::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(&self, bytes: &[u8]) -> Option<Key> {
        let (hash, rest) = bytes.split_first_chunk::<HASH_BYTES>()?;
        let (partition, rest) = self.partition.kind.decode_delimited(rest)?;
        if u32::from_be_bytes(*hash) != partition_hash(&partition) {
            return None;
        }
        let sort = match &self.sort {
            Some(sort) => Some(sort.kind.decode_last(rest)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Key { partition, sort })
    }

    /// Whether `name` is one of the key attributes.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.partition.name == name || self.sort.as_ref().is_some_and(|sort| sort.name == name)
    }
}

const HASH_BYTES: usize = 4;

/// One attribute as a key value, checked against its type and limit.
pub(crate) fn key_value(item: &Item, attribute: &KeyAttribute, limit: usize) -> Result<KeyValue, KeyError> {
    let name = || attribute.name.clone();
    let value = item.get(&attribute.name).ok_or_else(|| KeyError::Missing { name: name() })?;
    let key = match (attribute.kind, value) {
        (KeyKind::S, Value::S(text)) => KeyValue::S(text.clone()),
        (KeyKind::N, Value::N(number)) => KeyValue::N(*number),
        (KeyKind::B, Value::B(bytes)) => KeyValue::B(bytes.clone()),
        (kind, other) => {
            return Err(KeyError::WrongType { name: name(), expected: kind.code(), actual: other.type_code() });
        }
    };
    match key.bytes() {
        Some([]) => Err(KeyError::Empty { name: name(), kind: attribute.kind }),
        Some(bytes) if bytes.len() > limit => Err(KeyError::TooLong { name: name(), bytes: bytes.len(), limit }),
        _ => Ok(key),
    }
}

impl KeyKind {
    /// DynamoDB's type code: `S`, `N`, `B`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            KeyKind::S => "S",
            KeyKind::N => "N",
            KeyKind::B => "B",
        }
    }

    /// Reads a partition value; answers the rest.
    fn decode_delimited(self, bytes: &[u8]) -> Option<(KeyValue, &[u8])> {
        if self == KeyKind::N {
            return Number::decode_ordered(bytes).map(|(number, rest)| (KeyValue::N(number), rest));
        }
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some((self.decode_last(value)?, rest))
    }

    /// Reads a value that takes all the bytes.
    fn decode_last(self, bytes: &[u8]) -> Option<KeyValue> {
        match self {
            KeyKind::S => Some(KeyValue::S(std::str::from_utf8(bytes).ok()?.to_string())),
            KeyKind::B => Some(KeyValue::B(bytes.to_vec())),
            KeyKind::N => match Number::decode_ordered(bytes)? {
                (number, []) => Some(KeyValue::N(number)),
                _ => None,
            },
        }
    }
}

impl Key {
    /// `hash(partition) u32 big-endian, partition self-delimiting, sort in value order`.
    ///
    /// # Panics
    /// When the partition has more than 65,535 bytes; [`KeySchema`] and `KeyCondition` refuse those above 2048.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.partition.encode_partition(out);
        if let Some(sort) = &self.sort {
            sort.encode_sort(out);
        }
    }
}

impl SortRange {
    /// The byte range [start, end) of encoded keys of this partition that satisfy the range.
    /// Nothing satisfies it: `start` = `end`.
    #[must_use]
    pub fn encode(&self, partition: &KeyValue) -> (Vec<u8>, Vec<u8>) {
        let mut prefix = Vec::new();
        partition.encode_partition(&mut prefix);
        let at = |value: &KeyValue| {
            let mut key = prefix.clone();
            value.encode_sort(&mut key);
            key
        };
        // The smallest key above: keys of one partition are compared as strings of bytes, so one zero byte more.
        let past = |value: &KeyValue| {
            let mut key = at(value);
            key.push(0);
            key
        };
        self.bounds(&prefix, at, past, at)
    }

    /// The byte range of what starts with `prefix` and is in the range: `at` is where a value begins, `past` where all
    /// that has it ends, `begun` what all that begins with it starts with.
    pub(crate) fn bounds(
        &self,
        prefix: &[u8],
        at: impl Fn(&KeyValue) -> Vec<u8>,
        past: impl Fn(&KeyValue) -> Vec<u8>,
        begun: impl Fn(&KeyValue) -> Vec<u8>,
    ) -> (Vec<u8>, Vec<u8>) {
        let all_start = || prefix.to_vec();
        let all_end = || after_prefix(prefix.to_vec());
        let (start, end) = match self {
            SortRange::All => (all_start(), all_end()),
            SortRange::Equal(value) => (at(value), past(value)),
            SortRange::Less(value) => (all_start(), at(value)),
            SortRange::LessEqual(value) => (all_start(), past(value)),
            SortRange::Greater(value) => (past(value), all_end()),
            SortRange::GreaterEqual(value) => (at(value), all_end()),
            SortRange::Between(low, high) => (at(low), past(high)),
            // No operator of DynamoDB's: numbers have no beginning.
            SortRange::BeginsWith(KeyValue::N(_)) => (all_start(), all_start()),
            SortRange::BeginsWith(value) => (begun(value), after_prefix(begun(value))),
        };
        let end = end.max(start.clone());
        (start, end)
    }

    /// Whether a sort key value is in the range. Values of another type than the range's never are.
    #[must_use]
    pub fn contains(&self, sort: &KeyValue) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let is = |value: &KeyValue, orders: &[std::cmp::Ordering]| {
            sort.kind() == value.kind() && orders.contains(&sort.cmp(value))
        };
        match self {
            SortRange::All => true,
            SortRange::Equal(value) => is(value, &[Equal]),
            SortRange::Less(value) => is(value, &[Less]),
            SortRange::LessEqual(value) => is(value, &[Less, Equal]),
            SortRange::Greater(value) => is(value, &[Greater]),
            SortRange::GreaterEqual(value) => is(value, &[Greater, Equal]),
            SortRange::Between(low, high) => is(low, &[Greater, Equal]) && is(high, &[Less, Equal]),
            SortRange::BeginsWith(value) => match (sort.bytes(), value.bytes()) {
                (Some(bytes), Some(start)) => sort.kind() == value.kind() && bytes.starts_with(start),
                _ => false,
            },
        }
    }
}

/// The smallest key above every key that starts with `prefix`.
pub(crate) fn after_prefix(mut prefix: Vec<u8>) -> Vec<u8> {
    // A partition's own bytes end the carry: a length below 2^15 and a number's sign are never 0xff.
    while prefix.last() == Some(&0xff) {
        prefix.pop();
    }
    let last = prefix.last_mut().expect("an encoded partition is not all 0xff");
    *last += 1;
    prefix
}

impl KeyValue {
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            KeyValue::S(_) => KeyKind::S,
            KeyValue::N(_) => KeyKind::N,
            KeyValue::B(_) => KeyKind::B,
        }
    }

    /// The bytes of a string or binary.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            KeyValue::S(text) => Some(text.as_bytes()),
            KeyValue::B(bytes) => Some(bytes),
            KeyValue::N(_) => None,
        }
    }

    /// Hash and self-delimiting value.
    fn encode_partition(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&partition_hash(self).to_be_bytes());
        if let Some(bytes) = self.bytes() {
            let length = u16::try_from(bytes.len()).expect("a partition key has at most 2048 bytes");
            out.extend_from_slice(&length.to_be_bytes());
        }
        self.encode_sort(out);
    }

    /// The value in its order, not delimited.
    fn encode_sort(&self, out: &mut Vec<u8>) {
        match self {
            KeyValue::N(number) => number.encode_ordered(out),
            KeyValue::S(text) => out.extend_from_slice(text.as_bytes()),
            KeyValue::B(bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl From<KeyValue> for Value {
    fn from(key: KeyValue) -> Value {
        match key {
            KeyValue::S(text) => Value::S(text),
            KeyValue::N(number) => Value::N(number),
            KeyValue::B(bytes) => Value::B(bytes),
        }
    }
}

/// The hash of several partition attributes together, by their encoded form; on disk.
pub(crate) fn hash_of(encoded: &[u8]) -> u32 {
    (xxh3_64_with_seed(encoded, u64::from(b'M')) >> 32) as u32
}

/// The 32-bit hash that places a partition: the first four bytes of an encoded key, shard and segment ranges.
/// The upper half of XXH3-64 over the value (numbers: their ordered encoding), seeded with the type; on disk.
#[must_use]
pub fn partition_hash(partition: &KeyValue) -> u32 {
    let hash = match partition {
        KeyValue::S(text) => xxh3_64_with_seed(text.as_bytes(), u64::from(b'S')),
        KeyValue::B(bytes) => xxh3_64_with_seed(bytes, u64::from(b'B')),
        KeyValue::N(number) => {
            let (bytes, length) = number.ordered();
            xxh3_64_with_seed(&bytes[..length], u64::from(b'N'))
        }
    };
    (hash >> 32) as u32
}

/// Keys at random, for properties of tables' and indexes' keys.
#[cfg(test)]
pub(crate) mod any {
    use super::*;
    use crate::number::any_number;
    use proptest::{collection::vec, prelude::*};

    pub(crate) fn any_key_value(kind: KeyKind) -> BoxedStrategy<KeyValue> {
        match kind {
            KeyKind::S => "[ab\0\u{10ffff}]{1,4}".prop_map(KeyValue::S).boxed(),
            KeyKind::N => any_number().prop_map(KeyValue::N).boxed(),
            KeyKind::B => vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1..4).prop_map(KeyValue::B).boxed(),
        }
    }

    pub(crate) fn any_kind() -> impl Strategy<Value = KeyKind> {
        prop_oneof![Just(KeyKind::S), Just(KeyKind::N), Just(KeyKind::B)]
    }

    pub(crate) fn any_range(kind: KeyKind) -> impl Strategy<Value = SortRange> {
        let value = any_key_value(kind);
        prop_oneof![
            Just(SortRange::All),
            value.clone().prop_map(SortRange::Equal),
            value.clone().prop_map(SortRange::Less),
            value.clone().prop_map(SortRange::LessEqual),
            value.clone().prop_map(SortRange::Greater),
            value.clone().prop_map(SortRange::GreaterEqual),
            (value.clone(), value.clone()).prop_map(|(low, high)| SortRange::Between(low, high)),
            value.prop_map(SortRange::BeginsWith),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{any::*, *};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn schema(partition: KeyKind, sort: Option<KeyKind>) -> KeySchema {
        let attribute = |name: &str, kind| KeyAttribute { name: name.to_string(), kind };
        KeySchema { partition: attribute("pk", partition), sort: sort.map(|kind| attribute("sk", kind)) }
    }

    fn encoded(key: &Key) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode(&mut out);
        out
    }

    #[test]
    fn the_bytes_of_a_key_are_frozen() {
        let hex = |partition: KeyValue, sort: Option<KeyValue>| {
            encoded(&Key { partition, sort }).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let number = |text: &str| KeyValue::N(Number::parse(text).expect("a test number"));
        expect_test::expect!["d21907e00005534f5554486162"]
            .assert_eq(&hex(KeyValue::S("SOUTH".into()), Some(KeyValue::S("ab".into()))));
        expect_test::expect!["3e64dbf9000201ff017dd7"].assert_eq(&hex(KeyValue::B(vec![1, 255]), Some(number("-2"))));
        expect_test::expect!["a0646a23038354"].assert_eq(&hex(number("42"), None));
    }

    #[test]
    fn unusable_keys_are_refused_with_their_reason() {
        let schema = schema(KeyKind::S, Some(KeyKind::N));
        let check = |attributes: &[(&str, Value)], reason: &str| {
            let item: Item = attributes.iter().cloned().collect();
            assert_eq!(schema.exact_key(&item).expect_err("unusable").to_string(), reason);
        };
        let (text, number) = (Value::S("a".into()), Value::N(Number::from(1i64)));
        check(&[("pk", text.clone())], "the number of key attributes does not match the schema");
        check(&[("pk", text.clone()), ("other", number.clone())], "missing the key sk in the item");
        check(&[("pk", text.clone()), ("sk", text)], "type mismatch for key sk: expected N, actual S");
        check(&[("pk", Value::S(String::new())), ("sk", number.clone())], "the value of key pk is empty");
        let long = Value::S("a".repeat(2049));
        check(&[("pk", long), ("sk", number)], "the value of key pk has 2049 bytes, more than 2048");
    }

    proptest! {
        #[test]
        fn keys_decode_to_themselves_and_come_back_as_attributes(
            (schema, key) in (any_kind(), proptest::option::of(any_kind())).prop_flat_map(|(partition, sort)| {
                let values = (any_key_value(partition), sort.map_or(Just(None).boxed(), |kind| any_key_value(kind).prop_map(Some).boxed()));
                (Just(schema(partition, sort)), values.prop_map(|(partition, sort)| Key { partition, sort }))
            }),
        ) {
            let decoded = schema.decode(&encoded(&key));
            prop_assert_eq!(decoded.as_ref(), Some(&key));
            prop_assert_eq!(schema.exact_key(&schema.attributes(&key)), Ok(key));
        }

        #[test]
        fn a_sort_range_is_exactly_its_byte_range(
            (partitions, sorts, range) in (any_kind(), any_kind()).prop_flat_map(|(partition, sort)| {
                (vec(any_key_value(partition), 2), vec(any_key_value(sort), 8), any_range(sort))
            }),
        ) {
            let (start, end) = range.encode(&partitions[0]);
            prop_assert!(start <= end);
            for partition in &partitions {
                for sort in &sorts {
                    let key = encoded(&Key { partition: partition.clone(), sort: Some(sort.clone()) });
                    let inside = start <= key && key < end;
                    prop_assert_eq!(inside, *partition == partitions[0] && range.contains(sort), "{:?} {:?}", partition, sort);
                }
            }
        }

        #[test]
        fn sort_keys_order_as_their_values(
            (partition, left, right) in any_kind().prop_flat_map(|kind| (any_key_value(KeyKind::S), any_key_value(kind), any_key_value(kind))),
        ) {
            let key = |sort: &KeyValue| encoded(&Key { partition: partition.clone(), sort: Some(sort.clone()) });
            prop_assert_eq!(key(&left).cmp(&key(&right)), left.cmp(&right));
        }

        #[test]
        fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..40)) {
            for kind in [KeyKind::S, KeyKind::N, KeyKind::B] {
                let _ = schema(kind, Some(kind)).decode(&bytes);
            }
        }
    }
}
