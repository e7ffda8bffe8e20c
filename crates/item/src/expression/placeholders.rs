//! `ExpressionAttributeNames` and `ExpressionAttributeValues`: what they stand for, and which were used.

use super::Invalid;
use crate::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `ExpressionAttributeNames` and `ExpressionAttributeValues` of one request, and which of them were used.
pub struct Placeholders<'a> {
    names: &'a BTreeMap<String, String>,
    values: &'a BTreeMap<String, Value>,
    used_names: BTreeSet<&'a str>,
    used_values: BTreeSet<&'a str>,
}

/// Longest placeholder, in bytes.
const KEY_BYTES_MAX: usize = 255;

impl<'a> Placeholders<'a> {
    /// Keys include their `#` or `:`.
    #[must_use]
    pub fn new(names: &'a BTreeMap<String, String>, values: &'a BTreeMap<String, Value>) -> Placeholders<'a> {
        Placeholders { names, values, used_names: BTreeSet::new(), used_values: BTreeSet::new() }
    }

    /// Call before the first expression of the request, as AWS does: refuses keys that are no placeholders.
    pub fn check_keys(&self) -> Result<(), Invalid> {
        for name in self.names.keys() {
            check_key("ExpressionAttributeNames", '#', name)?;
            if self.names[name].is_empty() {
                return Err(Invalid(format!(
                    "ExpressionAttributeNames contains invalid value: Empty attribute name for key {name}"
                )));
            }
        }
        self.values.keys().try_for_each(|value| check_key("ExpressionAttributeValues", ':', value))
    }

    /// Call after the last expression of the request: an unused name or value is an error.
    pub fn finish(self) -> Result<(), Invalid> {
        check_used("ExpressionAttributeNames", self.names.keys(), &self.used_names)?;
        check_used("ExpressionAttributeValues", self.values.keys(), &self.used_values)
    }

    /// The attribute name behind `#name`.
    pub(super) fn name(&mut self, placeholder: &str) -> Result<&'a str, String> {
        let (key, name) = self.names.get_key_value(placeholder).ok_or_else(|| {
            format!(
                "An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
            )
        })?;
        self.used_names.insert(key);
        Ok(name)
    }

    /// The value behind `:value`.
    pub(super) fn value(&mut self, placeholder: &str) -> Result<&'a Value, String> {
        let (key, value) = self.values.get_key_value(placeholder).ok_or_else(|| {
            format!("An expression attribute value used in expression is not defined; attribute value: {placeholder}")
        })?;
        self.used_values.insert(key);
        Ok(value)
    }
}

fn check_key(map: &str, sign: char, key: &str) -> Result<(), Invalid> {
    let reason = if key.len() > KEY_BYTES_MAX {
        format!("The expression attribute map contains a key that is too long; size of key: {}", key.len())
    } else if !key.strip_prefix(sign).is_some_and(|word| !word.is_empty() && word.bytes().all(is_word)) {
        format!("Syntax error; key: \"{key}\"")
    } else {
        return Ok(());
    };
    Err(Invalid(format!("{map} contains invalid key: {reason}")))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn check_used<'k>(
    map: &str,
    keys: impl ExactSizeIterator<Item = &'k String>,
    used: &BTreeSet<&str>,
) -> Result<(), Invalid> {
    let total = keys.len();
    let mut unused: Vec<&str> = keys.map(String::as_str).filter(|key| !used.contains(key)).collect();
    if unused.is_empty() {
        return Ok(());
    }
    // AWS lists them as a Java HashSet of all the keys would, and clients' tests compare the whole message.
    let slots = (total * 4 / 3 + 1).max(16).next_power_of_two() as u32;
    unused.sort_by_key(|key| {
        let hash = key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ (hash >> 16)) & (slots - 1)
    });
    Err(Invalid(format!("Value provided in {map} unused in expressions: keys: {{{}}}", unused.join(", "))))
}
