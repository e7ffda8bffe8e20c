//! Expressions against tables of what AWS answers, and against random texts and items.

mod condition;
mod hostile;
mod key_condition;
mod notation;
mod projection;
mod update;

use super::{Invalid, Placeholders};
use crate::Value;
use notation::item;
use std::collections::BTreeMap;

/// `ExpressionAttributeNames` and `…Values` in the notation, for one request.
struct Request {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, Value>,
}

impl Request {
    /// `#a: 'name', :v: 1`.
    fn new(placeholders: &str) -> Request {
        let mut request = Request { names: BTreeMap::new(), values: BTreeMap::new() };
        for (key, value) in item(placeholders) {
            match (key.starts_with('#'), value) {
                (true, Value::S(name)) => drop(request.names.insert(key, name)),
                (_, value) => drop(request.values.insert(key, value)),
            }
        }
        request
    }

    /// All of what a door does with one expression.
    fn parse<T>(&self, parse: impl FnOnce(&mut Placeholders<'_>) -> Result<T, Invalid>) -> Result<T, Invalid> {
        let mut placeholders = Placeholders::new(&self.names, &self.values);
        placeholders.check_keys()?;
        let parsed = parse(&mut placeholders)?;
        placeholders.finish()?;
        Ok(parsed)
    }
}
