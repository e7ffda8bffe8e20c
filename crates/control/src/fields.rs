//! Definitions as items and back. What is missing has a default, so that definitions written before a setting existed
//! go on being read; what is there in another type is an error.

use item::{Item, Number, Value};
use std::collections::BTreeMap;

/// A stored definition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {attribute} of a stored definition is {what}")]
pub struct Malformed {
    pub attribute: String,
    pub what: &'static str,
}

impl Malformed {
    pub(crate) fn new(attribute: &str, what: &'static str) -> Malformed {
        Malformed { attribute: attribute.to_owned(), what }
    }
}

/// Attributes of an item, read by type.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub &'a Item);

impl<'a> Fields<'a> {
    pub fn text(self, name: &str) -> Result<String, Malformed> {
        self.optional_text(name)?.ok_or_else(|| Malformed::new(name, "missing"))
    }

    /// A text; the empty one where there is none.
    pub fn text_or_empty(self, name: &str) -> Result<String, Malformed> {
        Ok(self.optional_text(name)?.unwrap_or_default())
    }

    pub fn optional_text(self, name: &str) -> Result<Option<String>, Malformed> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::S(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Malformed::new(name, "not a text")),
        }
    }

    /// A number that fits its type.
    pub fn optional_number<N: TryFrom<i64>>(self, name: &str) -> Result<Option<N>, Malformed> {
        let number = match self.0.get(name) {
            None => return Ok(None),
            Some(Value::N(number)) => *number,
            Some(_) => return Err(Malformed::new(name, "not a number")),
        };
        let fits = number.to_i64().and_then(|number| N::try_from(number).ok());
        fits.map(Some).ok_or_else(|| Malformed::new(name, "out of its range"))
    }

    pub fn number<N: TryFrom<i64>>(self, name: &str) -> Result<N, Malformed> {
        self.optional_number(name)?.ok_or_else(|| Malformed::new(name, "missing"))
    }

    pub fn flag(self, name: &str) -> Result<bool, Malformed> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Malformed::new(name, "not a boolean")),
        }
    }

    pub fn bytes(self, name: &str) -> Result<&'a [u8], Malformed> {
        match self.0.get(name) {
            Some(Value::B(bytes)) => Ok(bytes),
            _ => Err(Malformed::new(name, "not binary")),
        }
    }

    /// A map of texts; the empty one where there is none.
    pub fn texts(self, name: &str) -> Result<BTreeMap<String, String>, Malformed> {
        let wrong = || Malformed::new(name, "not a map of texts");
        let text = |(key, value): (&str, &Value)| match value {
            Value::S(text) => Ok((key.to_owned(), text.clone())),
            _ => Err(wrong()),
        };
        match self.0.get(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::M(map)) => map.iter().map(text).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// A list of texts; the empty one where there is none.
    pub fn list(self, name: &str) -> Result<Vec<String>, Malformed> {
        let text = |value: &Value| match value {
            Value::S(text) => Ok(text.clone()),
            _ => Err(Malformed::new(name, "not a list of texts")),
        };
        self.values(name)?.iter().map(text).collect()
    }

    /// A list of maps; the empty one where there is none.
    pub fn maps(self, name: &str) -> Result<Vec<&'a Item>, Malformed> {
        let map = |value: &'a Value| match value {
            Value::M(map) => Ok(map),
            _ => Err(Malformed::new(name, "not a list of maps")),
        };
        self.values(name)?.iter().map(map).collect()
    }

    fn values(self, name: &str) -> Result<&'a [Value], Malformed> {
        match self.0.get(name) {
            None => Ok(&[]),
            Some(Value::L(values)) => Ok(values),
            Some(_) => Err(Malformed::new(name, "not a list")),
        }
    }

    /// A word out of a list of words.
    pub fn word<W: Copy>(self, name: &str, words: &[(&str, W)]) -> Result<W, Malformed> {
        let found = self.text(name)?;
        let known = words.iter().find(|(word, _)| *word == found);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| Malformed::new(name, "an unknown word"))
    }
}

/// An item being written. Empty texts and maps are left out: reading them gives the same.
#[derive(Default)]
pub(crate) struct Body(Item);

impl Body {
    pub fn text(mut self, name: &str, text: &str) -> Body {
        if !text.is_empty() {
            self.0.insert(name, Value::S(text.to_owned()));
        }
        self
    }

    pub fn optional_text(mut self, name: &str, text: Option<&str>) -> Body {
        if let Some(text) = text {
            self.0.insert(name, Value::S(text.to_owned()));
        }
        self
    }

    pub fn number(mut self, name: &str, number: impl Into<Number>) -> Body {
        self.0.insert(name, Value::N(number.into()));
        self
    }

    pub fn optional_number(self, name: &str, number: Option<impl Into<Number>>) -> Body {
        match number {
            Some(number) => self.number(name, number),
            None => self,
        }
    }

    pub fn flag(mut self, name: &str, flag: bool) -> Body {
        self.0.insert(name, Value::Bool(flag));
        self
    }

    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Body {
        self.0.insert(name, Value::B(bytes.to_vec()));
        self
    }

    pub fn list(mut self, name: &str, values: Vec<Value>) -> Body {
        if !values.is_empty() {
            self.0.insert(name, Value::L(values));
        }
        self
    }

    pub fn texts(mut self, name: &str, texts: &BTreeMap<String, String>) -> Body {
        if !texts.is_empty() {
            let map = texts.iter().map(|(key, text)| (key.clone(), Value::S(text.clone())));
            self.0.insert(name, Value::M(map.collect()));
        }
        self
    }

    /// A word out of a list of words.
    pub fn word<W: PartialEq>(self, name: &str, words: &[(&str, W)], meaning: &W) -> Body {
        let word = words.iter().find(|(_, known)| known == meaning);
        self.text(name, word.map_or("", |(word, _)| *word))
    }

    pub fn item(self) -> Item {
        self.0
    }
}
