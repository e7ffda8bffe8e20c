//! Filter criteria: which records a trigger wants. EventBridge's pattern language as far as Lambda takes it, over the
//! record as it stands in an event. Pure; parsed once.
//!
//! A pattern names fields; a field's list holds values and tests, one of which must hold; all fields must match. A
//! value that is a list matches where one of its elements does, and a pattern inside matches within one element.

mod parse;
#[cfg(test)]
mod tests;

use crate::{Error, settings};
use serde_json::{Map, Number, Value};

/// The patterns of one trigger: a record is wanted that matches one of them, and where there are none every record is.
#[derive(Clone, Debug, Default)]
pub struct Filters(Vec<Pattern>);

impl Filters {
    /// # Errors
    /// [`Error::InvalidFilter`], and [`Error::Invalid`] when there are too many.
    pub fn parse(patterns: &[String]) -> Result<Filters, Error> {
        if patterns.len() > settings::FILTERS_MAX {
            let (count, most) = (patterns.len(), settings::FILTERS_MAX);
            return Err(Error::Invalid(format!("a trigger has at most {most} filters, not {count}")));
        }
        patterns.iter().map(|pattern| parse::pattern(pattern)).collect::<Result<_, _>>().map(Filters)
    }

    /// Whether every record is wanted, unseen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record is wanted, given as JSON text.
    ///
    /// # Panics
    /// When the record is not JSON: it was written by us.
    #[must_use]
    pub fn matches(&self, record: &[u8]) -> bool {
        if self.is_empty() {
            return true;
        }
        let record: Value = serde_json::from_slice(record).expect("a record of ours is JSON");
        self.0.iter().any(|pattern| pattern.matches(Some(&record)))
    }
}

/// What a record's data is called in patterns.
const DATA: &str = "data";

impl Filters {
    /// Whether a record of a Kinesis stream is wanted, given as JSON text and with its data. Patterns ask about the fields of
    /// `kinesis`, and about those beside it; `data` is read as JSON. Data that is none matches no pattern that asks about it,
    /// as AWS has it.
    ///
    /// # Panics
    /// When the record is not JSON: it was written by us.
    #[must_use]
    pub fn match_data(&self, record: &[u8], data: &[u8]) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut document: Map<String, Value> = serde_json::from_slice(record).expect("a record of ours is JSON");
        if let Some(Value::Object(body)) = document.get("kinesis").cloned() {
            document.extend(body);
        }
        let data: Option<Value> = serde_json::from_slice(data).ok();
        let is_json = data.is_some();
        document.insert(DATA.to_owned(), data.unwrap_or_default());
        let document = Some(Value::Object(document));
        self.0.iter().any(|pattern| (is_json || !pattern.asks_about(DATA)) && pattern.matches(document.as_ref()))
    }

    /// Checks patterns for Kinesis streams: what they ask about data they ask about fields of it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check_data(&self) -> Result<(), Error> {
        if self.0.iter().any(|pattern| pattern.tests(DATA)) {
            let why = "a pattern for the data of a Kinesis stream must be an object: data is matched as JSON";
            return Err(Error::InvalidFilter { pattern: DATA.to_owned(), why: why.to_owned() });
        }
        Ok(())
    }
}

/// Fields that must all match, and alternatives of which one must.
#[derive(Clone, Debug)]
struct Pattern {
    fields: Vec<(String, Field)>,
    /// `$or`; empty where there is none.
    any: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Field {
    Inside(Pattern),
    /// One of these must hold.
    Value(Vec<Test>),
}

/// What is asked of one scalar.
#[derive(Clone, Debug)]
enum Test {
    Equals(Scalar),
    EqualsIgnoreCase(String),
    Prefix(Text),
    Suffix(Text),
    /// None of these holds.
    AnythingBut(Vec<Test>),
    /// All bounds hold; of a JSON number only, which DynamoDB's `N` is not.
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

/// A text to be found at an end of another.
#[derive(Clone, Debug)]
struct Text {
    text: String,
    ignore_case: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Text(String),
    /// As it is written: 300 is not 300.0.
    Number(Number),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Pattern {
    /// Whether it names a field, in one of its alternatives perhaps.
    fn asks_about(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name) || self.any.iter().any(|pattern| pattern.asks_about(name))
    }

    /// Whether it compares a field with values, as if it were a scalar.
    fn tests(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, tests)| field == name && matches!(tests, Field::Value(_)))
            || self.any.iter().any(|pattern| pattern.tests(name))
    }

    /// Whether a value matches; `None` and scalars have no fields.
    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            Some(Value::Object(object)) => self.matches_object(Some(object)),
            _ => self.matches_object(None),
        }
    }

    fn matches_object(&self, object: Option<&Map<String, Value>>) -> bool {
        let value = |name: &str| object.and_then(|object| object.get(name));
        self.fields.iter().all(|(name, field)| field.matches(value(name)))
            && (self.any.is_empty() || self.any.iter().any(|pattern| pattern.matches_object(object)))
    }
}

impl Field {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Field::Inside(pattern) => pattern.matches(value),
            Field::Value(tests) => tests.iter().any(|test| test.matches(value)),
        }
    }
}

impl Test {
    /// Whether it holds of a value, or of one of its elements.
    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            // Only scalars exist: an object is what its fields are.
            None | Some(Value::Array(_) | Value::Object(_)) => matches!(self, Test::Exists(false)),
            Some(scalar) => self.holds(scalar),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Test::Equals(scalar) => scalar.equals(value),
            Test::EqualsIgnoreCase(text) => value.as_str().is_some_and(|value| fold(value) == fold(text)),
            Test::Prefix(text) => {
                value.as_str().is_some_and(|value| text.found(value, |value, text| value.starts_with(text)))
            }
            Test::Suffix(text) => {
                value.as_str().is_some_and(|value| text.found(value, |value, text| value.ends_with(text)))
            }
            Test::AnythingBut(tests) => !tests.iter().any(|test| test.holds(value)),
            Test::Numeric(bounds) => {
                let number = if let Value::Number(number) = value { number.as_f64() } else { None };
                number.is_some_and(|number| bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound)))
            }
            Test::Exists(exists) => *exists,
        }
    }
}

impl Text {
    fn found(&self, value: &str, found: impl Fn(&str, &str) -> bool) -> bool {
        if self.ignore_case { found(&fold(value), &fold(&self.text)) } else { found(value, &self.text) }
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Scalar::Null, Value::Null) => true,
            (Scalar::Bool(left), Value::Bool(right)) => left == right,
            (Scalar::Text(left), Value::String(right)) => left == right,
            (Scalar::Number(left), Value::Number(right)) => left.to_string() == right.to_string(),
            _ => false,
        }
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "`=` means the very number")]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
        }
    }
}

fn fold(text: &str) -> String {
    text.to_lowercase()
}
