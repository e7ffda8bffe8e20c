//! A short way to write values in test tables: `1`, `'text'`, `b'bytes'`, `true`, `null`, `[1, 2]`, `{a: 1}`,
//! `<'x', 'y'>` for sets; attributes as `a: 1, b: 'x'`. Printing is the inverse.

use crate::{Item, Number, Value};

pub fn item(text: &str) -> Item {
    let mut reader = Reader(text.trim());
    let item = reader.attributes("");
    assert_eq!(reader.0, "", "left over in {text}");
    item
}

pub fn show_item(item: &Item) -> String {
    item.iter().map(|(name, value)| format!("{name}: {}", show(value))).collect::<Vec<_>>().join(", ")
}

fn show(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    let bytes = |bytes: &[u8]| format!("b'{}'", String::from_utf8_lossy(bytes));
    match value {
        Value::S(text) => format!("'{text}'"),
        Value::N(number) => number.to_string(),
        Value::B(value) => bytes(value),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".to_string(),
        Value::Ss(set) => format!("<{}>", join(set.iter().map(|text| format!("'{text}'")).collect())),
        Value::Ns(set) => format!("<{}>", join(set.iter().map(Number::to_string).collect())),
        Value::Bs(set) => format!("<{}>", join(set.iter().map(|value| bytes(value)).collect())),
        Value::L(list) => format!("[{}]", join(list.iter().map(show).collect())),
        Value::M(map) => format!("{{{}}}", show_item(map)),
    }
}

struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    fn accept(&mut self, token: &str) -> bool {
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'t str {
        let at = self.0.find(end).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(at);
        self.0 = rest;
        taken
    }

    fn attributes(&mut self, end: &str) -> Item {
        let mut item = Item::new();
        while !self.0.is_empty() && (end.is_empty() || !self.0.starts_with(end)) {
            // A name may begin with a colon: the first character is part of it whatever it is.
            let name = format!("{}{}", &self.0[..1], {
                self.0 = &self.0[1..];
                self.until(|letter| letter == ':')
            });
            assert!(self.accept(":"), "a colon after {name}");
            let value = self.value();
            item.insert(name, value);
            if !self.accept(",") {
                break;
            }
        }
        item
    }

    fn values(&mut self, end: &str) -> Vec<Value> {
        let mut values = Vec::new();
        while !self.accept(end) {
            values.push(self.value());
            self.accept(",");
        }
        values
    }

    fn quoted(&mut self) -> String {
        let text = self.until(|letter| letter == '\'').to_string();
        assert!(self.accept("'"));
        text
    }

    fn value(&mut self) -> Value {
        let known = [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
        if let Some((_, value)) = known.into_iter().find(|(word, _)| self.accept(word)) {
            return value;
        }
        if self.accept("[") {
            return Value::L(self.values("]"));
        }
        if self.accept("<") {
            return set(self.values(">"));
        }
        if self.accept("{") {
            let map = self.attributes("}");
            assert!(self.accept("}"));
            return Value::M(map);
        }
        if let Some(rest) = self.0.strip_prefix("b'") {
            self.0 = rest;
            return Value::B(self.quoted().into_bytes());
        }
        if let Some(rest) = self.0.strip_prefix('\'') {
            self.0 = rest;
            return Value::S(self.quoted());
        }
        let digits = self.until(|letter| !matches!(letter, '0'..='9' | '.' | '-' | '+' | 'e' | 'E'));
        self.0 = self.0.trim_start();
        Value::N(Number::parse(digits).unwrap_or_else(|error| panic!("{digits}: {error}")))
    }
}

fn set(values: Vec<Value>) -> Value {
    match values.first() {
        Some(Value::S(_)) => {
            Value::Ss(values.into_iter().map(|v| if let Value::S(v) = v { v } else { panic!("mixed") }).collect())
        }
        Some(Value::N(_)) => {
            Value::Ns(values.into_iter().map(|v| if let Value::N(v) = v { v } else { panic!("mixed") }).collect())
        }
        Some(Value::B(_)) => {
            Value::Bs(values.into_iter().map(|v| if let Value::B(v) = v { v } else { panic!("mixed") }).collect())
        }
        _ => panic!("a set holds strings, numbers or binaries"),
    }
}
