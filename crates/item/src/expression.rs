//! Condition, filter, key condition, projection and update expressions: parsed once into types, then evaluated.

use crate::{Item, KeySchema, KeyValue, SortRange, Value};
use std::collections::BTreeMap;

/// Why an expression is refused; `Display` is AWS's wording after `Invalid …Expression: ` (the kind says which).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// `ExpressionAttributeNames` and `ExpressionAttributeValues` of one request, and which of them were used.
pub struct Placeholders<'a> {
    names: &'a BTreeMap<String, String>,
    values: &'a BTreeMap<String, Value>,
}

impl<'a> Placeholders<'a> {
    #[must_use]
    pub fn new(names: &'a BTreeMap<String, String>, values: &'a BTreeMap<String, Value>) -> Placeholders<'a> {
        Placeholders { names, values }
    }

    /// Call after the last expression of the request: an unused name or value is an error.
    pub fn finish(self) -> Result<(), Invalid> {
        todo!()
    }
}

/// A condition or filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition;

impl Condition {
    /// `what` is the parameter's name, for messages: `ConditionExpression`, `FilterExpression`.
    pub fn parse(_what: &str, _text: &str, _placeholders: &mut Placeholders<'_>) -> Result<Condition, Invalid> {
        todo!()
    }

    /// Whether the item (`None`: no such item) satisfies the condition.
    #[must_use]
    pub fn matches(&self, _item: Option<&Item>) -> bool {
        todo!()
    }

    /// Top-level attribute names the condition reads, for the rule that filters may not name key attributes.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        todo!()
    }
}

/// A parsed KeyConditionExpression.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyCondition {
    pub partition: KeyValue,
    pub sort: SortRange,
}

impl KeyCondition {
    pub fn parse(
        _text: &str,
        _schema: &KeySchema,
        _placeholders: &mut Placeholders<'_>,
    ) -> Result<KeyCondition, Invalid> {
        todo!()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Projection;

impl Projection {
    pub fn parse(_text: &str, _placeholders: &mut Placeholders<'_>) -> Result<Projection, Invalid> {
        todo!()
    }

    #[must_use]
    pub fn apply(&self, _item: &Item) -> Item {
        todo!()
    }
}

/// A parsed UpdateExpression.
#[derive(Clone, Debug, PartialEq)]
pub struct Update;

impl Update {
    pub fn parse(_text: &str, _placeholders: &mut Placeholders<'_>) -> Result<Update, Invalid> {
        todo!()
    }

    /// The item after the update. Every right-hand side reads the item as it was before.
    /// `item` holds at least the key attributes when the item did not exist.
    pub fn apply(&self, _item: &Item) -> Result<Item, Invalid> {
        todo!()
    }

    /// The parts of `image` under the paths this update names, for `UPDATED_OLD` and `UPDATED_NEW`.
    #[must_use]
    pub fn project(&self, _image: &Item) -> Item {
        todo!()
    }

    /// Top-level attribute names the update writes: the door refuses key attributes.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        todo!()
    }
}
