//! Attributes of the items that executions are kept in. What is missing has its default, so that what an older program
//! wrote stays readable.

use item::{Item, Number, Value};

pub fn text(value: impl Into<String>) -> Value {
    Value::S(value.into())
}

pub fn number(value: impl Into<u64>) -> Value {
    Value::N(Number::from(value.into()))
}

pub fn texts(values: &[String]) -> Value {
    Value::L(values.iter().map(text).collect())
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
        // The text, for a seed may be larger than a signed number.
        Value::N(number) => number.to_string().parse::<u64>().ok()?.try_into().ok(),
        _ => None,
    }
}

pub fn get_flag(item: &Item, name: &str) -> bool {
    item.get(name) == Some(&Value::Bool(true))
}

pub fn get_map<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    match item.get(name)? {
        Value::M(map) => Some(map),
        _ => None,
    }
}

pub fn get_list<'a>(item: &'a Item, name: &str) -> &'a [Value] {
    match item.get(name) {
        Some(Value::L(list)) => list,
        _ => &[],
    }
}

pub fn get_maps<'a>(item: &'a Item, name: &str) -> impl Iterator<Item = &'a Item> {
    get_list(item, name).iter().filter_map(|value| match value {
        Value::M(map) => Some(map),
        _ => None,
    })
}

pub fn get_texts(item: &Item, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::S(text) => Some(text.clone()),
        _ => None,
    };
    get_list(item, name).iter().filter_map(text).collect()
}

/// Inserts what is there.
pub fn put(item: &mut Item, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        item.insert(name, value);
    }
}
