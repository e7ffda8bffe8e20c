//! From JSON text to a pattern, or why it is none.

use super::{Comparison, Field, Pattern, Scalar, Test, Text};
use crate::{Error, settings::PATTERN_CHARACTERS_MAX};
use serde_json::{Map, Value};

/// Alternatives within one `$or`, and patterns within one another: far more than anyone writes.
const ALTERNATIVES_MAX: usize = 1000;

/// Parses one pattern.
pub(super) fn pattern(text: &str) -> Result<Pattern, Error> {
    let refuse = |why: String| Error::InvalidFilter { pattern: text.chars().take(200).collect(), why };
    let characters = text.chars().count();
    if characters > PATTERN_CHARACTERS_MAX {
        return Err(refuse(format!("it has {characters} characters, more than {PATTERN_CHARACTERS_MAX}")));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| refuse(format!("it is not JSON: {error}")))?;
    match value {
        Value::Object(object) => fields(&object).map_err(refuse),
        other => Err(refuse(format!("it must be an object, not {other}"))),
    }
}

fn fields(object: &Map<String, Value>) -> Result<Pattern, String> {
    let mut pattern = Pattern { fields: Vec::new(), any: Vec::new() };
    for (name, value) in object {
        match value {
            Value::Array(patterns) if name == "$or" => pattern.any = alternatives(patterns)?,
            Value::Array(tests) => pattern.fields.push((name.clone(), Field::Value(field_tests(name, tests)?))),
            Value::Object(inner) if inner.is_empty() => return Err(format!("field {name} has an empty object")),
            Value::Object(inner) => pattern.fields.push((name.clone(), Field::Inside(fields(inner)?))),
            other => return Err(format!("field {name} must have a list or an object, not {other}")),
        }
    }
    Ok(pattern)
}

fn alternatives(patterns: &[Value]) -> Result<Vec<Pattern>, String> {
    if patterns.len() < 2 || patterns.len() > ALTERNATIVES_MAX {
        return Err("$or takes a list of at least two patterns".to_owned());
    }
    let one = |value: &Value| match value {
        Value::Object(object) if !object.is_empty() => fields(object),
        other => Err(format!("$or takes patterns, not {other}")),
    };
    patterns.iter().map(one).collect()
}

fn field_tests(name: &str, tests: &[Value]) -> Result<Vec<Test>, String> {
    if tests.is_empty() {
        return Err(format!("field {name} has an empty list"));
    }
    tests.iter().map(|value| test(value).map_err(|why| format!("field {name}: {why}"))).collect()
}

fn test(value: &Value) -> Result<Test, String> {
    let Value::Object(object) = value else { return scalar(value).map(Test::Equals) };
    let mut entries = object.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err(format!("a test has one operator, not {}", object.len()));
    };
    match (operator.as_str(), operand) {
        ("exists", Value::Bool(exists)) => Ok(Test::Exists(*exists)),
        ("prefix", operand) => affix(operator, operand).map(Test::Prefix),
        ("suffix", operand) => affix(operator, operand).map(Test::Suffix),
        ("equals-ignore-case", Value::String(text)) => Ok(Test::EqualsIgnoreCase(text.clone())),
        ("numeric", Value::Array(bounds)) => numeric(bounds).map(Test::Numeric),
        ("anything-but", operand) => anything_but(operand).map(Test::AnythingBut),
        ("exists" | "equals-ignore-case" | "numeric", other) => Err(format!("{operator} cannot take {other}")),
        _ => Err(format!("there is no operator {operator}")),
    }
}

fn scalar(value: &Value) -> Result<Scalar, String> {
    match value {
        Value::Null => Ok(Scalar::Null),
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::String(text) => Ok(Scalar::Text(text.clone())),
        Value::Number(number) => Ok(Scalar::Number(number.clone())),
        other => Err(format!("a list holds values and tests, not {other}")),
    }
}

/// What `prefix` and `suffix` take: a text, or one whose case is ignored.
fn affix(operator: &str, operand: &Value) -> Result<Text, String> {
    let (text, ignore_case) = match operand {
        Value::String(text) => (Some(text.as_str()), false),
        Value::Object(object) if object.len() == 1 => (object.get("equals-ignore-case").and_then(Value::as_str), true),
        _ => (None, false),
    };
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| format!("{operator} cannot take {operand}"))?;
    Ok(Text { text: text.to_owned(), ignore_case })
}

fn anything_but(operand: &Value) -> Result<Vec<Test>, String> {
    let refuse = || format!("anything-but cannot take {operand}");
    match operand {
        Value::String(_) | Value::Number(_) => Ok(vec![Test::Equals(scalar(operand)?)]),
        Value::Array(values) if !values.is_empty() => {
            let all = |kind: fn(&Value) -> bool| values.iter().all(kind);
            if !all(Value::is_string) && !all(Value::is_number) {
                return Err(refuse());
            }
            values.iter().map(|value| scalar(value).map(Test::Equals)).collect()
        }
        Value::Object(object) if object.len() == 1 => anything_but_of(object).ok_or_else(refuse)?,
        _ => Err(refuse()),
    }
}

/// `{"prefix": "a"}` and the like, also with a list of texts.
fn anything_but_of(object: &Map<String, Value>) -> Option<Result<Vec<Test>, String>> {
    let (operator, operand) = object.iter().next()?;
    let texts = match operand {
        Value::String(text) => vec![text.as_str()],
        Value::Array(texts) => texts.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    let test = |text: &str| -> Option<Test> {
        let affix = || (!text.is_empty()).then(|| Text { text: text.to_owned(), ignore_case: false });
        match operator.as_str() {
            "prefix" => affix().map(Test::Prefix),
            "suffix" => affix().map(Test::Suffix),
            "equals-ignore-case" => Some(Test::EqualsIgnoreCase(text.to_owned())),
            _ => None,
        }
    };
    let tests: Vec<Test> = texts.into_iter().map(test).collect::<Option<_>>()?;
    (!tests.is_empty()).then_some(Ok(tests))
}

/// One bound, or a lower and an upper one.
fn numeric(bounds: &[Value]) -> Result<Vec<(Comparison, f64)>, String> {
    let refuse = || format!("numeric cannot take {}", Value::Array(bounds.to_vec()));
    if bounds.len() != 2 && bounds.len() != 4 {
        return Err(refuse());
    }
    let pairs = bounds.chunks(2).map(|pair| Some((comparison(pair[0].as_str()?)?, pair[1].as_f64()?)));
    let pairs: Vec<(Comparison, f64)> = pairs.collect::<Option<_>>().ok_or_else(refuse)?;
    match pairs.as_slice() {
        [_] | [(Comparison::Greater | Comparison::GreaterEqual, _), (Comparison::Less | Comparison::LessEqual, _)] => {
            Ok(pairs)
        }
        _ => Err(refuse()),
    }
}

fn comparison(sign: &str) -> Option<Comparison> {
    Some(match sign {
        "=" => Comparison::Equal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterEqual,
        _ => return None,
    })
}
