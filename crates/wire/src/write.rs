//! The writer of responses: straight into one buffer, no tree in between. Knows nothing of operations.

use base64::{Engine, engine::general_purpose::STANDARD};
use item::{
    Item, Value,
    codec::{self, DecodeError, RawMap, RawText, RawValue},
};
use std::{fmt::Display, io::Write};

/// Writes a string with its quotes.
pub fn string(out: &mut Vec<u8>, text: &str) {
    utf8(out, text.as_bytes());
}

/// Writes the bytes of a string with its quotes.
fn utf8(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        for &byte in bytes {
            if needs_escape(byte) { escape(out, byte) } else { out.push(byte) }
        }
    }
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether nothing needs an escape, as in most strings: looked at eight bytes at a time, the last eight perhaps twice.
fn is_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else { return !bytes.iter().copied().any(needs_escape) };
    let (words, _) = bytes.as_chunks::<8>();
    !words.iter().chain([last]).any(|word| word_needs_escape(u64::from_ne_bytes(*word)))
}

/// As [`needs_escape`] of any of eight bytes: a byte below another borrows into its own highest bit.
fn word_needs_escape(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let any_below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & (ONES << 7);
    let any_equal = |byte: u8| any_below(word ^ (ONES * u64::from(byte)), 1);
    any_below(word, 0x20) | any_equal(b'"') | any_equal(b'\\') != 0
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let high = HEX[usize::from(byte >> 4)];
            let low = HEX[usize::from(byte & 15)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

/// Writes `{"name":{"S":"..."},...}`.
pub fn item(out: &mut Vec<u8>, item: &Item) {
    out.push(b'{');
    for (place, (name, member)) in item.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        value(out, member);
    }
    out.push(b'}');
}

/// Writes `{"S":"..."}`. Recursion is bounded by the nesting DynamoDB stores.
pub fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::S(text) => {
            out.extend_from_slice(b"{\"S\":");
            string(out, text);
        }
        Value::N(number) => {
            out.extend_from_slice(b"{\"N\":");
            plain(out, number);
        }
        Value::B(bytes) => {
            out.extend_from_slice(b"{\"B\":");
            binary(out, bytes);
        }
        Value::Bool(true) => out.extend_from_slice(b"{\"BOOL\":true"),
        Value::Bool(false) => out.extend_from_slice(b"{\"BOOL\":false"),
        Value::Null => out.extend_from_slice(b"{\"NULL\":true"),
        Value::Ss(set) => {
            out.extend_from_slice(b"{\"SS\":");
            elements(out, set, |out, text| string(out, text));
        }
        Value::Ns(set) => {
            out.extend_from_slice(b"{\"NS\":");
            elements(out, set, plain);
        }
        Value::Bs(set) => {
            out.extend_from_slice(b"{\"BS\":");
            elements(out, set, |out, bytes| binary(out, bytes));
        }
        Value::L(list) => {
            out.extend_from_slice(b"{\"L\":");
            elements(out, list, self::value);
        }
        Value::M(map) => {
            out.extend_from_slice(b"{\"M\":");
            item(out, map);
        }
    }
    out.push(b'}');
}

/// Writes an item straight from its stored form, as [`item`] would after decoding it.
pub fn image(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), DecodeError> {
    raw_map(out, codec::walk(bytes)?)
}

fn raw_map(out: &mut Vec<u8>, map: RawMap<'_>) -> Result<(), DecodeError> {
    out.push(b'{');
    for (place, attribute) in map.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let (name, value) = attribute?;
        raw_text(out, name)?;
        out.push(b':');
        raw_value(out, &value)?;
    }
    out.push(b'}');
    Ok(())
}

fn raw_text(out: &mut Vec<u8>, text: RawText<'_>) -> Result<(), DecodeError> {
    if !text.bytes().is_ascii() {
        text.text()?;
    }
    utf8(out, text.bytes());
    Ok(())
}

/// Recursion is bounded by how deep stored values are followed.
fn raw_value(out: &mut Vec<u8>, value: &RawValue<'_>) -> Result<(), DecodeError> {
    match value {
        RawValue::S(text) => {
            out.extend_from_slice(b"{\"S\":");
            raw_text(out, *text)?;
        }
        RawValue::N(number) => {
            out.extend_from_slice(b"{\"N\":");
            plain(out, number);
        }
        RawValue::L(list) => {
            out.extend_from_slice(b"{\"L\":");
            let mut array = Array::new(out);
            for element in list.clone() {
                raw_value(array.element(), &element?)?;
            }
            array.end();
        }
        RawValue::M(map) => {
            out.extend_from_slice(b"{\"M\":");
            raw_map(out, map.clone())?;
        }
        // Rarer, and no larger than their values.
        other => {
            self::value(out, &other.value()?);
            return Ok(());
        }
    }
    out.push(b'}');
    Ok(())
}

fn elements<T>(out: &mut Vec<u8>, elements: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    let mut array = Array::new(out);
    for element in elements {
        write(array.element(), element);
    }
    array.end();
}

/// Writes, in quotes, a text that needs no escapes.
fn plain(out: &mut Vec<u8>, text: impl Display) {
    out.push(b'"');
    write!(out, "{text}").expect("writing to memory cannot fail");
    out.push(b'"');
}

pub fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("the length is base64's own");
    out.truncate(start + written);
    out.push(b'"');
}

/// An object under construction; [`Object::end`] closes it.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Object<'a> {
        out.push(b'{');
        Object { out, empty: true }
    }

    /// The place for a field's value.
    pub fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub fn text(&mut self, name: &str, text: &str) {
        string(self.field(name), text);
    }

    /// A number or Boolean as it prints itself.
    pub fn bare(&mut self, name: &str, value: impl Display) {
        write!(self.field(name), "{value}").expect("writing to memory cannot fail");
    }

    /// Bytes in base64.
    pub fn binary(&mut self, name: &str, bytes: &[u8]) {
        binary(self.field(name), bytes);
    }

    pub fn item(&mut self, name: &str, value: &Item) {
        item(self.field(name), value);
    }

    pub fn object(&mut self, name: &str) -> Object<'_> {
        Object::new(self.field(name))
    }

    pub fn array(&mut self, name: &str) -> Array<'_> {
        Array::new(self.field(name))
    }

    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// An array under construction; [`Array::end`] closes it.
pub struct Array<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Array<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Array<'a> {
        out.push(b'[');
        Array { out, empty: true }
    }

    /// The place for the next element.
    pub fn element(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out
    }

    pub fn object(&mut self) -> Object<'_> {
        Object::new(self.element())
    }

    pub fn end(self) {
        self.out.push(b']');
    }
}
