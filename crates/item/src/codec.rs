//! The stored form of an item: canonical (equal items have equal bytes), versioned, readable without building values.
//! Knows nothing of where the bytes lie or of any wire format.
//!
//! ```text
//! item    = version (1) map
//! map     = count { name-length name value }      names strictly ascending
//! value   = tag payload
//! payload = S, B: length bytes    N: ordered encoding    BOOL: the tag says which    NULL: nothing
//!           SS, BS: bytes-of-body count { length bytes }     NS: bytes-of-body count { ordered }   strictly ascending
//!           L: bytes-of-body count { value }                 M: bytes-of-body map
//! ```
//! Lengths and counts are little-endian base-128 varints of least length. The body's length lets a reader step over
//! a list without reading it.

use crate::{Item, NESTING_MAX, Number, Value};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_128;

const VERSION: u8 = 1;
/// Readers follow more nesting than DynamoDB's 32 levels, so that no item a writer let through becomes unreadable.
pub(crate) const DEPTH_MAX: usize = NESTING_MAX * 2;
/// Elements made room for on a count's word alone; past it only what was really read takes memory.
const CAPACITY_MAX: usize = 64;

/// Tags of values; on disk.
pub(crate) mod tag {
    pub const S: u8 = 1;
    pub const N: u8 = 2;
    pub const B: u8 = 3;
    pub const FALSE: u8 = 4;
    pub const TRUE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const SS: u8 = 7;
    pub const NS: u8 = 8;
    pub const BS: u8 = 9;
    pub const L: u8 = 10;
    pub const M: u8 = 11;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored item is malformed at byte {at}: {what}")]
pub struct DecodeError {
    pub at: usize,
    pub what: &'static str,
}

/// Appends the stored form of an item.
///
/// # Panics
/// When values nest deeper than twice [`NESTING_MAX`]: the doors and `Update::apply` refuse them at `NESTING_MAX`.
pub fn encode(item: &Item, out: &mut Vec<u8>) {
    out.push(VERSION);
    encode_map(item, 0, out);
}

fn encode_map(map: &Item, depth: usize, out: &mut Vec<u8>) {
    put_varint(map.len(), out);
    for (name, value) in map.iter() {
        put_bytes(name.as_bytes(), out);
        encode_value(value, depth, out);
    }
}

fn encode_value(value: &Value, depth: usize, out: &mut Vec<u8>) {
    match value {
        Value::S(text) => {
            out.push(tag::S);
            put_bytes(text.as_bytes(), out);
        }
        Value::N(number) => {
            out.push(tag::N);
            number.encode_ordered(out);
        }
        Value::B(bytes) => {
            out.push(tag::B);
            put_bytes(bytes, out);
        }
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Null => out.push(tag::NULL),
        Value::Ss(set) => put_body(tag::SS, out, |out| put_set(set.iter().map(String::as_bytes), out)),
        Value::Bs(set) => put_body(tag::BS, out, |out| put_set(set.iter().map(Vec::as_slice), out)),
        Value::Ns(set) => put_body(tag::NS, out, |out| {
            put_varint(set.len(), out);
            set.iter().for_each(|number| number.encode_ordered(out));
        }),
        Value::L(list) => put_body(tag::L, out, |out| {
            assert!(depth < DEPTH_MAX, "a stored value nests at most {DEPTH_MAX} levels");
            put_varint(list.len(), out);
            list.iter().for_each(|element| encode_value(element, depth + 1, out));
        }),
        Value::M(map) => put_body(tag::M, out, |out| {
            assert!(depth < DEPTH_MAX, "a stored value nests at most {DEPTH_MAX} levels");
            encode_map(map, depth + 1, out);
        }),
    }
}

/// Writes a tag, the length of what `write` appends, and that.
fn put_body(tag: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    // Most bodies are shorter than 128 bytes: one byte of length in place, others make room for theirs.
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let mut varint = Vec::with_capacity(5);
    put_varint(length, &mut varint);
    out.splice(start..=start, varint);
}

fn put_set<'a>(set: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    put_varint(set.len(), out);
    set.for_each(|element| put_bytes(element, out));
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn put_varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a whole stored item; trailing bytes are an error.
pub fn decode(bytes: &[u8]) -> Result<Item, DecodeError> {
    walk(bytes)?.item()
}

/// 128-bit fingerprint of a stored item (XXH3 over its bytes); a table's fingerprint is the wrapping sum of its items'.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// A stored item's attributes in order, nothing copied or allocated. What is not looked at is not checked.
pub fn walk(bytes: &[u8]) -> Result<RawMap<'_>, DecodeError> {
    RawMap::open(Reader::of_item(bytes)?, 0)
}

/// One top-level attribute of a stored item, the others stepped over. `Ok(None)`: it has none of that name.
pub fn attribute<'a>(bytes: &'a [u8], name: &str) -> Result<Option<RawValue<'a>>, DecodeError> {
    for attribute in walk(bytes)? {
        let (found, value) = attribute?;
        match found.bytes().cmp(name.as_bytes()) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some(value)),
            std::cmp::Ordering::Greater => break,
        }
    }
    Ok(None)
}

/// The attributes of these names alone, decoded; the others are stepped over.
pub fn pick(bytes: &[u8], names: &[&str]) -> Result<Item, DecodeError> {
    let mut picked = Vec::with_capacity(names.len());
    for attribute in walk(bytes)? {
        let (found, value) = attribute?;
        if let Some(name) = names.iter().find(|name| name.as_bytes() == found.bytes()) {
            picked.push(((*name).to_string(), value.value()?));
        }
    }
    Ok(Item::from_sorted(picked))
}

/// A text where it lies in the stored bytes. Whether it is one is checked when it is asked for as such.
#[derive(Clone, Copy, Debug)]
pub struct RawText<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> RawText<'a> {
    /// The bytes, in UTF-8 unless they are damaged.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn text(&self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes).map_err(|_| DecodeError { at: self.at, what: "text is not UTF-8" })
    }
}

/// A value where it lies in the stored bytes.
#[derive(Clone, Debug)]
pub enum RawValue<'a> {
    S(RawText<'a>),
    N(Number),
    B(&'a [u8]),
    Bool(bool),
    Null,
    Ss(RawSet<'a, &'a str>),
    Ns(RawSet<'a, Number>),
    Bs(RawSet<'a, &'a [u8]>),
    L(RawList<'a>),
    M(RawMap<'a>),
}

impl RawValue<'_> {
    /// The value, copied out and checked to its last byte.
    pub fn value(&self) -> Result<Value, DecodeError> {
        Ok(match self {
            RawValue::S(text) => Value::S(text.text()?.to_string()),
            RawValue::N(number) => Value::N(*number),
            RawValue::B(bytes) => Value::B(bytes.to_vec()),
            RawValue::Bool(value) => Value::Bool(*value),
            RawValue::Null => Value::Null,
            RawValue::Ss(set) => Value::Ss(set.collect(str::to_string)?),
            RawValue::Ns(set) => Value::Ns(set.collect(|number| number)?),
            RawValue::Bs(set) => Value::Bs(set.collect(<[u8]>::to_vec)?),
            RawValue::L(list) => Value::L(list.list()?),
            RawValue::M(map) => Value::M(map.item()?),
        })
    }
}

/// A stored map: an iterator over `(name, value)` in order of names.
#[derive(Clone, Debug)]
pub struct RawMap<'a> {
    body: Body<'a>,
    previous: Option<&'a [u8]>,
}

/// A stored list: an iterator over its elements.
#[derive(Clone, Debug)]
pub struct RawList<'a>(Body<'a>);

/// A stored set: an iterator over its elements in order.
#[derive(Clone, Debug)]
pub struct RawSet<'a, T> {
    body: Body<'a>,
    previous: Option<T>,
}

/// What is left of a map, list or set.
#[derive(Clone, Debug)]
struct Body<'a> {
    reader: Reader<'a>,
    left: usize,
    depth: usize,
}

impl<'a> Body<'a> {
    fn open(mut reader: Reader<'a>, depth: usize) -> Result<Body<'a>, DecodeError> {
        let left = reader.varint()?;
        // Every element has a byte at least.
        if left > reader.left() {
            return reader.fail("more elements than bytes");
        }
        Ok(Body { reader, left, depth })
    }

    /// Reads one element; at the end checks that nothing follows; after an error gives nothing more.
    #[inline]
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>, usize) -> Result<T, DecodeError>,
    ) -> Option<Result<T, DecodeError>> {
        if self.left == 0 {
            return (self.reader.left() > 0).then(|| {
                let error = self.reader.fail("trailing bytes");
                self.reader.bytes = &self.reader.bytes[..self.reader.at];
                error
            });
        }
        self.left -= 1;
        let read = read(&mut self.reader, self.depth);
        if read.is_err() {
            self.left = 0;
            self.reader.bytes = &self.reader.bytes[..self.reader.at];
        }
        Some(read)
    }
}

impl<'a> RawMap<'a> {
    fn open(reader: Reader<'a>, depth: usize) -> Result<RawMap<'a>, DecodeError> {
        Ok(RawMap { body: Body::open(reader, depth)?, previous: None })
    }

    /// The remaining attributes as an item, checked.
    pub fn item(&self) -> Result<Item, DecodeError> {
        let mut attributes = Vec::with_capacity(self.body.left.min(CAPACITY_MAX));
        for attribute in self.clone() {
            let (name, value) = attribute?;
            attributes.push((name.text()?.to_string(), value.value()?));
        }
        Ok(Item::from_sorted(attributes))
    }

    /// Attributes not yet read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.body.left
    }
}

impl<'a> Iterator for RawMap<'a> {
    type Item = Result<(RawText<'a>, RawValue<'a>), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let previous = self.previous;
        let next = self.body.next(|reader, depth| {
            let name = reader.raw_text()?;
            // The order of the bytes is the order of the texts.
            if previous.is_some_and(|previous| name.bytes <= previous) {
                return reader.fail("names not in order");
            }
            Ok((name, reader.value(depth)?))
        });
        if let Some(Ok((name, _))) = &next {
            self.previous = Some(name.bytes);
        }
        next
    }
}

impl<'a> RawList<'a> {
    fn list(&self) -> Result<Vec<Value>, DecodeError> {
        let mut list = Vec::with_capacity(self.0.left.min(CAPACITY_MAX));
        for element in self.clone() {
            list.push(element?.value()?);
        }
        Ok(list)
    }

    /// Elements not yet read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.left
    }
}

impl<'a> Iterator for RawList<'a> {
    type Item = Result<RawValue<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(|reader, depth| reader.value(depth))
    }
}

/// What sets hold.
pub trait Element<'a>: Copy + Ord {
    #[doc(hidden)]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

impl<'a> Element<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.text()
    }
}

impl<'a> Element<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.delimited()
    }
}

impl<'a> Element<'a> for Number {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.number()
    }
}

impl<'a, T: Element<'a>> RawSet<'a, T> {
    fn collect<U: Ord>(&self, own: impl Fn(T) -> U) -> Result<BTreeSet<U>, DecodeError> {
        self.clone().map(|element| element.map(&own)).collect()
    }

    /// Elements not yet read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.body.left
    }
}

impl<'a, T: Element<'a>> Iterator for RawSet<'a, T> {
    type Item = Result<T, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let previous = self.previous;
        let next = self.body.next(|reader, _| {
            let element = T::read(reader)?;
            if previous.is_some_and(|previous| element <= previous) {
                return reader.fail("set elements not in order");
            }
            Ok(element)
        });
        if let Some(Ok(element)) = &next {
            self.previous = Some(*element);
        }
        next
    }
}

/// A place in the stored bytes. `bytes` ends where the enclosing body ends.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At an item's map.
    pub(crate) fn of_item(bytes: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.byte()? != VERSION {
            return Err(DecodeError { at: 0, what: "unknown format version" });
        }
        Ok(reader)
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn fail<T>(&self, what: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError { at: self.at, what })
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let Some(&byte) = self.bytes.get(self.at) else { return self.fail("cut short") };
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        if length > self.left() {
            return self.fail("cut short");
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<usize, DecodeError> {
        let first = self.byte()?;
        // Nearly all lengths.
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        self.at -= 1;
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<usize, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return self.fail("length not in its shortest form");
                }
                return usize::try_from(value).or_else(|_| self.fail("length too large"));
            }
        }
        self.fail("length too large")
    }

    #[inline]
    pub(crate) fn delimited(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.varint()?;
        self.take(length)
    }

    /// A text's complaint points behind it, as those about other values do.
    #[inline]
    fn raw_text(&mut self) -> Result<RawText<'a>, DecodeError> {
        let bytes = self.delimited()?;
        Ok(RawText { bytes, at: self.at })
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        self.raw_text()?.text()
    }

    pub(crate) fn number(&mut self) -> Result<Number, DecodeError> {
        let Some((number, rest)) = Number::decode_ordered(&self.bytes[self.at..]) else {
            return self.fail("not a number");
        };
        self.at = self.bytes.len() - rest.len();
        Ok(number)
    }

    /// A reader of the next length-prefixed body alone; this one steps over it. Positions stay the item's.
    fn body(&mut self) -> Result<Reader<'a>, DecodeError> {
        let length = self.varint()?;
        let at = self.at;
        self.take(length)?;
        Ok(Reader { bytes: &self.bytes[..self.at], at })
    }

    fn set<T>(&mut self) -> Result<RawSet<'a, T>, DecodeError> {
        let body = Body::open(self.body()?, 0)?;
        if body.left == 0 {
            return self.fail("empty set");
        }
        Ok(RawSet { body, previous: None })
    }

    #[inline]
    fn value(&mut self, depth: usize) -> Result<RawValue<'a>, DecodeError> {
        Ok(match self.byte()? {
            tag::S => RawValue::S(self.raw_text()?),
            tag::N => RawValue::N(self.number()?),
            tag::B => RawValue::B(self.delimited()?),
            tag::FALSE => RawValue::Bool(false),
            tag::TRUE => RawValue::Bool(true),
            tag::NULL => RawValue::Null,
            tag::SS => RawValue::Ss(self.set()?),
            tag::NS => RawValue::Ns(self.set()?),
            tag::BS => RawValue::Bs(self.set()?),
            // The depth bounds the recursion of whoever follows the values.
            tag::L | tag::M if depth >= DEPTH_MAX => return self.fail("nested too deep"),
            tag::L => RawValue::L(RawList(Body::open(self.body()?, depth + 1)?)),
            tag::M => RawValue::M(RawMap::open(self.body()?, depth + 1)?),
            _ => return self.fail("unknown type of value"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::any_item;
    use expect_test::expect;
    use proptest::prelude::*;

    fn encoded(item: &Item) -> Vec<u8> {
        let mut out = Vec::new();
        encode(item, &mut out);
        out
    }

    /// One of every type.
    fn sample() -> Item {
        let number = |text: &str| Number::parse(text).expect("a test number");
        let map: Item = [("b", Value::Null), ("a", Value::L(vec![Value::M(Item::new())]))].into_iter().collect();
        [
            ("s", Value::S("né".into())),
            ("n", Value::N(number("-12.5"))),
            ("b", Value::B(vec![0, 255])),
            ("t", Value::Bool(true)),
            ("f", Value::Bool(false)),
            ("z", Value::Null),
            ("ss", Value::Ss(["y".into(), "x".into()].into())),
            ("ns", Value::Ns([number("2"), number("-1")].into())),
            ("bs", Value::Bs([vec![2], vec![1, 1]].into())),
            ("l", Value::L(vec![Value::N(number("0")), Value::S("x".repeat(130))])),
            ("m", Value::M(map)),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn the_bytes_of_version_1_are_frozen() {
        let bytes = encoded(&sample());
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        expect!["010b0162030200ff0262730906020201010102016604016c0a880102020201820178787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878016d0b0c0201610a04010b0100016206016e02017ce69b026e73080702017deb038228017301036ec3a902737307050201780179017405017a06"].assert_eq(&hex);
        assert_eq!(decode(&bytes), Ok(sample()));
        expect!["d91ebaf22fbd2850416868ebb84973b5"].assert_eq(&format!("{:032x}", fingerprint(&bytes)));
    }

    #[test]
    fn an_attribute_is_found_without_reading_the_others() {
        let bytes = encoded(&sample());
        let find =
            |name: &str| attribute(&bytes, name).expect("well-formed").map(|raw| raw.value().expect("well-formed"));
        for (name, value) in sample().iter() {
            assert_eq!(find(name).as_ref(), Some(value));
        }
        assert_eq!(find("a"), None);
        assert_eq!(find("nn"), None);
        assert_eq!(find("zz"), None);
        let whole: Item = sample().into_iter().filter(|(name, _)| ["m", "s"].contains(&name.as_str())).collect();
        assert_eq!(pick(&bytes, &["s", "zz", "m"]), Ok(whole));
    }

    fn refuse(bytes: &[u8], what: &str) {
        assert_eq!(decode(bytes).expect_err("malformed").to_string(), what);
    }

    #[test]
    fn malformed_bytes_are_refused_with_place_and_reason() {
        refuse(&[], "stored item is malformed at byte 0: cut short");
        refuse(&[9, 0], "stored item is malformed at byte 0: unknown format version");
        refuse(&[1, 0, 0], "stored item is malformed at byte 2: trailing bytes");
        refuse(&[1, 200, 200, 200, 200, 15], "stored item is malformed at byte 6: more elements than bytes");
        refuse(&[1, 0x81, 0], "stored item is malformed at byte 3: length not in its shortest form");
        refuse(&[1, 2, 1, b'b', 6, 1, b'a', 6], "stored item is malformed at byte 7: names not in order");
        refuse(&[1, 2, 1, b'b', 6, 1, b'b', 6], "stored item is malformed at byte 7: names not in order");
        refuse(&[1, 1, 1, b'a', 99], "stored item is malformed at byte 5: unknown type of value");
        refuse(&[1, 1, 1, b'a', 1, 1, 0xff], "stored item is malformed at byte 7: text is not UTF-8");
        refuse(&[1, 1, 1, b'a', 7, 1, 0], "stored item is malformed at byte 7: empty set");
        refuse(&[1, 1, 1, b'a', 10, 3, 1, 6, 6], "stored item is malformed at byte 8: trailing bytes");
    }

    #[test]
    fn nesting_is_bounded_when_read() {
        let nest = |levels: usize| (0..levels).fold(Value::Null, |value, _| Value::L(vec![value]));
        let item = |value: Value| [("a", value)].into_iter().collect::<Item>();
        let deepest = encoded(&item(nest(DEPTH_MAX)));
        assert_eq!(decode(&deepest), Ok(item(nest(DEPTH_MAX))));
        // Built from within, some five thousand levels.
        let mut bytes = vec![tag::NULL];
        while bytes.len() < 20_000 {
            let mut outer = vec![tag::L];
            put_varint(bytes.len() + 1, &mut outer);
            outer.push(1);
            outer.append(&mut bytes);
            bytes = outer;
        }
        let hostile = [[1, 1, 1, b'a'].as_slice(), &bytes].concat();
        assert_eq!(decode(&hostile).expect_err("too deep").what, "nested too deep");
    }

    proptest! {
        #[test]
        fn items_decode_to_themselves_and_equal_items_have_equal_bytes(item in any_item()) {
            let bytes = encoded(&item);
            let again: Item = item.clone().into_iter().rev().collect();
            prop_assert_eq!(&encoded(&again), &bytes);
            prop_assert_eq!(decode(&bytes), Ok(item));
        }

        #[test]
        fn what_decodes_is_canonical_and_damage_never_panics(
            item in any_item(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encoded(&item);
            let place = at.index(bytes.len());
            bytes[place] = byte;
            for candidate in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                if let Ok(decoded) = decode(candidate) {
                    prop_assert_eq!(encoded(&decoded), candidate);
                }
                let _ = attribute(candidate, "k");
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[[1].as_slice(), &bytes].concat());
        }
    }
}
