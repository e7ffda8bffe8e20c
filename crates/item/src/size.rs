//! Sizes as DynamoDB counts them, for its limits, capacity units and stream records.

use crate::{
    Item, Number, Value,
    codec::{DEPTH_MAX, DecodeError, Reader, tag},
};

/// Largest item: 400 KB.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Bytes of an item: attribute names in UTF-8 plus values.
#[must_use]
pub fn item(item: &Item) -> usize {
    item.iter().map(|(name, member)| name.len() + value(member)).sum()
}

/// Bytes of one value.
#[must_use]
pub fn value(value: &Value) -> usize {
    match value {
        Value::S(text) => text.len(),
        Value::N(number) => number_bytes(*number),
        Value::B(bytes) => bytes.len(),
        Value::Bool(_) | Value::Null => 1,
        Value::Ss(set) => set.iter().map(String::len).sum(),
        Value::Ns(set) => set.iter().copied().map(number_bytes).sum(),
        Value::Bs(set) => set.iter().map(Vec::len).sum(),
        Value::L(list) => 3 + list.iter().map(|element| 1 + self::value(element)).sum::<usize>(),
        Value::M(map) => 3 + map.len() + item(map),
    }
}

/// Bytes of an item in its stored form: stepped over rather than read, for it is done to every item of a page.
pub fn stored(image: &[u8]) -> Result<usize, DecodeError> {
    let (_, bytes) = stored_map(&mut Reader::of_item(image)?, 0)?;
    Ok(bytes)
}

/// How many attributes, and their bytes.
fn stored_map(reader: &mut Reader<'_>, depth: usize) -> Result<(usize, usize), DecodeError> {
    let count = reader.varint()?;
    let mut bytes = 0;
    for _ in 0..count {
        bytes += reader.delimited()?.len() + stored_value(reader, depth)?;
    }
    Ok((count, bytes))
}

fn stored_value(reader: &mut Reader<'_>, depth: usize) -> Result<usize, DecodeError> {
    match reader.byte()? {
        tag::S | tag::B => Ok(reader.delimited()?.len()),
        tag::N => reader.number().map(number_bytes),
        tag::FALSE | tag::TRUE | tag::NULL => Ok(1),
        tag::L | tag::M if depth >= DEPTH_MAX => reader.fail("nested too deep"),
        tag @ (tag::SS | tag::NS | tag::BS | tag::L | tag::M) => {
            // The length of what follows.
            reader.varint()?;
            if tag == tag::M {
                let (count, bytes) = stored_map(reader, depth + 1)?;
                return Ok(3 + count + bytes);
            }
            let mut bytes = if tag == tag::L { 3 } else { 0 };
            for _ in 0..reader.varint()? {
                bytes += match tag {
                    tag::L => 1 + stored_value(reader, depth + 1)?,
                    tag::NS => number_bytes(reader.number()?),
                    _ => reader.delimited()?.len(),
                };
            }
            Ok(bytes)
        }
        _ => reader.fail("unknown type of value"),
    }
}

/// About the bytes of memory that an item takes, as opposed to DynamoDB's count: a list of short numbers takes ten
/// times its size. For bounds on what is held.
#[must_use]
pub fn resident(item: &Item) -> usize {
    item.iter().map(|(name, value)| size_of::<(String, Value)>() + name.len() + resident_value(value)).sum()
}

/// What a value takes besides its own place.
pub(crate) fn resident_value(value: &Value) -> usize {
    // A tree's nodes are partly empty, and allocations are rounded up.
    const PER_MEMBER: usize = 48;
    match value {
        Value::S(text) => text.len(),
        Value::B(bytes) => bytes.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => 0,
        Value::Ss(set) => set.iter().map(|text| PER_MEMBER + text.len()).sum(),
        Value::Ns(set) => set.len() * PER_MEMBER,
        Value::Bs(set) => set.iter().map(|bytes| PER_MEMBER + bytes.len()).sum(),
        Value::L(list) => list.iter().map(|element| size_of::<Value>() + resident_value(element)).sum(),
        Value::M(map) => resident(map),
    }
}

/// One byte, one per pair of digits, one for a minus. Pairs are aligned to the point, as in base 100, so that an even
/// count of digits may need a pair more (measured on AWS by dynalite: `db/index.js`, `valSize`).
fn number_bytes(number: Number) -> usize {
    if number.is_zero() {
        return 1;
    }
    let digits = number.digits() as usize;
    let split = digits.is_multiple_of(2) && number.magnitude() % 2 == 0;
    1 + digits.div_ceil(2) + usize::from(split) + usize::from(number.is_negative())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::any_item;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stored_item_has_the_size_of_the_item(item in any_item()) {
            let mut image = Vec::new();
            crate::codec::encode(&item, &mut image);
            prop_assert_eq!(stored(&image), Ok(super::item(&item)));
        }
    }

    #[test]
    fn what_is_held_is_more_than_what_is_counted() {
        let numbers = Item::from_iter([("n", Value::L(vec![Value::N(Number::ZERO); 1000]))]);
        assert!(resident(&numbers) > 10 * item(&numbers), "{} {}", resident(&numbers), item(&numbers));
        let text = Item::from_iter([("s", Value::S("x".repeat(1000)))]);
        assert!((1000..1200).contains(&resident(&text)));
    }

    #[test]
    fn sizes_are_what_dynamodb_counts() {
        let number = |text: &str| Value::N(Number::parse(text).expect("a test number"));
        for (text, bytes) in
            [("0", 1), ("1", 2), ("42", 2), ("-42", 3), ("4.2", 3), ("123", 3), ("1234", 3), ("1e100", 2)]
        {
            assert_eq!(value(&number(text)), bytes, "{text}");
        }
        assert_eq!(value(&Value::S("é".into())), 2);
        assert_eq!(value(&Value::Ss(["a".into(), "bc".into()].into())), 3);
        assert_eq!(value(&Value::L(vec![])), 3);
        assert_eq!(value(&Value::L(vec![Value::Null, Value::S("ab".into())])), 3 + 2 + 3);
        let map: Item = [("key", Value::Bool(true))].into_iter().collect();
        assert_eq!(value(&Value::M(map.clone())), 3 + 1 + 3 + 1);
        assert_eq!(item(&map), 4);
        // A vote: 2 + 3, 11 + 10, 6 + 5.
        let vote: Item = [("id", "234"), ("improvement", "MORE_TREES"), ("region", "SOUTH")]
            .into_iter()
            .map(|(name, text)| (name, Value::S(text.into())))
            .collect();
        assert_eq!(item(&vote), 37);
    }
}
