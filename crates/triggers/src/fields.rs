//! Attributes of the items that triggers keep: definitions in the catalogue, lanes in the follower's state. What is
//! missing has its default, so that older definitions stay readable.

use item::{Item, Number, Value};

pub fn text(value: impl Into<String>) -> Value {
    Value::S(value.into())
}

pub fn number(value: impl Into<u64>) -> Value {
    Value::N(Number::from(value.into()))
}

pub fn get_text(item: &Item, name: &str) -> Option<String> {
    match item.get(name)? {
        Value::S(text) => Some(text.clone()),
        _ => None,
    }
}

/// A whole number that fits.
pub fn get_number<N: TryFrom<u64>>(item: &Item, name: &str) -> Option<N> {
    match item.get(name)? {
        // The text, for a position may be larger than a signed number.
        Value::N(number) => number.to_string().parse::<u64>().ok()?.try_into().ok(),
        _ => None,
    }
}

pub fn get_bool(item: &Item, name: &str) -> Option<bool> {
    match item.get(name)? {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

pub fn get_map<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    match item.get(name)? {
        Value::M(map) => Some(map),
        _ => None,
    }
}

pub fn get_list<'a>(item: &'a Item, name: &str) -> Option<&'a [Value]> {
    match item.get(name)? {
        Value::L(list) => Some(list),
        _ => None,
    }
}
