//! Key conditions: the partition and range of one Query. Read as any condition, then held to a Query's rules.

use super::Invalid;
use super::condition::{Comparator, Condition, Operand};
use super::path::Path;
use super::placeholders::Placeholders;
use crate::{
    IndexRange, IndexSchema, KeyAttribute, KeyKind, KeySchema, KeyValue, PARTITION_BYTES_MAX, SORT_BYTES_MAX,
    SortRange, Value,
};

/// A parsed KeyConditionExpression on a table.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyCondition {
    pub partition: KeyValue,
    pub sort: SortRange,
}

impl KeyCondition {
    /// Parses and checks against the table's keys.
    pub fn parse(text: &str, schema: &KeySchema, placeholders: &mut Placeholders<'_>) -> Result<KeyCondition, Invalid> {
        let condition = Condition::parse("KeyConditionExpression", text, placeholders)?;
        KeyCondition::of(&condition, schema)
    }

    /// The key condition that a condition means: the way in for the legacy `KeyConditions`.
    pub fn of(condition: &Condition, schema: &KeySchema) -> Result<KeyCondition, Invalid> {
        let partition = std::slice::from_ref(&schema.partition);
        let keys = Keys { partition, sort: schema.sort.as_slice(), index: None };
        let IndexRange { mut partition, sort, .. } = range(condition, &keys)?;
        Ok(KeyCondition { partition: partition.pop().expect("a table's key has one partition attribute"), sort })
    }
}

impl IndexRange {
    /// The entries of an index that a key condition means: all partition attributes with `=`, sort attributes from the
    /// left, all but the last one of them with `=`. The index's name is for complaints.
    pub fn of(condition: &Condition, schema: &IndexSchema, index: &str) -> Result<IndexRange, Invalid> {
        range(condition, &Keys { partition: &schema.partition, sort: &schema.sort, index: Some(index) })
    }
}

/// What a key condition is held to.
struct Keys<'k> {
    partition: &'k [KeyAttribute],
    sort: &'k [KeyAttribute],
    /// The index's name, where it is not the table that is asked.
    index: Option<&'k str>,
}

fn range(condition: &Condition, keys: &Keys<'_>) -> Result<IndexRange, Invalid> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    collect(condition, &mut parts).map_err(Invalid)?;
    assemble(&parts, keys).map_err(Invalid)
}

/// The condition on one key.
struct Part<'c> {
    name: &'c str,
    operator: Operator,
    values: Vec<&'c Value>,
}

#[derive(Clone, Copy)]
enum Operator {
    Compare(Comparator),
    Between,
    BeginsWith,
}

/// The conditions under ANDs, in the order written.
fn collect<'c>(condition: &'c Condition, parts: &mut Vec<Part<'c>>) -> Result<(), String> {
    let unusable = |operator: &str| Err(format!("Invalid operator used in KeyConditionExpression: {operator}"));
    let part = match condition {
        Condition::And(all) => return all.iter().try_for_each(|condition| collect(condition, parts)),
        Condition::Or(_) => return unusable("OR"),
        Condition::Not(_) => return unusable("NOT"),
        Condition::In(..) => return unusable("IN"),
        Condition::Exists(_) => return unusable("attribute_exists"),
        Condition::NotExists(_) => return unusable("attribute_not_exists"),
        Condition::Type(..) => return unusable("attribute_type"),
        Condition::Contains(..) => return unusable("contains"),
        Condition::Compare(_, Comparator::NotEqual, _) => return unusable("<>"),
        Condition::Compare(left, comparator, right) => {
            // The value may stand first: `:v < sk` is `sk > :v`.
            let comparator = if matches!(left, Operand::Value(_)) { comparator.reversed() } else { *comparator };
            part(&[left, right], Operator::Compare(comparator), None)?
        }
        Condition::Between(operand, low, high) => part(&[operand, low, high], Operator::Between, Some("BETWEEN"))?,
        Condition::BeginsWith(operand, start) => part(&[operand, start], Operator::BeginsWith, Some("begins_with"))?,
    };
    if parts.iter().any(|other| other.name == part.name) {
        return Err("KeyConditionExpressions must only contain one condition per key".to_string());
    }
    parts.push(part);
    Ok(())
}

/// `key_first`: the operator's name, where the key attribute must be the first operand.
fn part<'c>(operands: &[&'c Operand], operator: Operator, key_first: Option<&str>) -> Result<Part<'c>, String> {
    if operands.iter().any(|operand| matches!(operand, Operand::Size(_))) {
        return Err("KeyConditionExpressions cannot contain nested operations".to_string());
    }
    if let (Some(name), Operand::Value(_)) = (key_first, operands[0]) {
        return Err(format!(
            "Invalid condition in KeyConditionExpression: {name} operator must have the key attribute as its first operand"
        ));
    }
    let mut key: Option<&Path> = None;
    let mut values = Vec::new();
    for operand in operands {
        match operand {
            Operand::Value(value) => values.push(value),
            Operand::Path(_) if key.is_some() => {
                return Err(
                    "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
                        .to_string(),
                );
            }
            Operand::Path(path) if path.is_nested() => {
                return Err("KeyConditionExpressions cannot have conditions on nested attributes".to_string());
            }
            Operand::Path(path) => key = Some(path),
            Operand::Size(_) => unreachable!("refused above"),
        }
    }
    let key = key.ok_or("Invalid condition in KeyConditionExpression: No key attribute specified")?;
    Ok(Part { name: &key.name, operator, values })
}

const NOT_SUPPORTED: &str = "Query key condition not supported";

fn assemble(parts: &[Part<'_>], keys: &Keys<'_>) -> Result<IndexRange, String> {
    let most = keys.partition.len() + keys.sort.len();
    if parts.len() > most.max(2) {
        return Err(if most > 2 { NOT_SUPPORTED } else { "Conditions can be of length 1 or 2 only" }.to_string());
    }
    if keys.sort.is_empty() && parts.len() > keys.partition.len() {
        return Err(NOT_SUPPORTED.to_string());
    }
    let find = |attribute: &KeyAttribute| {
        parts
            .iter()
            .find(|part| part.name == attribute.name)
            .ok_or_else(|| format!("Query condition missed key schema element: {}", attribute.name))
    };
    let equal = |attribute: &KeyAttribute, partition: bool| {
        let part = find(attribute)?;
        let value = key_values(part, attribute, partition, keys.index)?.pop();
        match (part.operator, value) {
            (Operator::Compare(Comparator::Equal), Some(value)) => Ok(value),
            _ => Err(NOT_SUPPORTED.to_string()),
        }
    };
    let partition = keys.partition.iter().map(|attribute| equal(attribute, true)).collect::<Result<_, String>>()?;
    // Whatever condition is left over must be on the sort attributes, from the left.
    let sorted = &keys.sort[..parts.len() - keys.partition.len()];
    let Some((last, first)) = sorted.split_last() else {
        return Ok(IndexRange { partition, equal: Vec::new(), sort: SortRange::All });
    };
    let equal = first.iter().map(|attribute| equal(attribute, false)).collect::<Result<_, String>>()?;
    Ok(IndexRange { partition, equal, sort: sort_range(find(last)?, last, keys.index)? })
}

fn sort_range(part: &Part<'_>, attribute: &KeyAttribute, index: Option<&str>) -> Result<SortRange, String> {
    let mut values = key_values(part, attribute, false, index)?.into_iter();
    let mut next = || values.next().ok_or("Invalid condition in KeyConditionExpression: No key attribute specified");
    Ok(match part.operator {
        Operator::Compare(Comparator::Equal) => SortRange::Equal(next()?),
        Operator::Compare(Comparator::Less) => SortRange::Less(next()?),
        Operator::Compare(Comparator::LessEqual) => SortRange::LessEqual(next()?),
        Operator::Compare(Comparator::Greater) => SortRange::Greater(next()?),
        Operator::Compare(Comparator::GreaterEqual) => SortRange::GreaterEqual(next()?),
        Operator::Compare(Comparator::NotEqual) => return Err(NOT_SUPPORTED.to_string()),
        Operator::Between => SortRange::Between(next()?, next()?),
        Operator::BeginsWith if attribute.kind == KeyKind::N => return Err(NOT_SUPPORTED.to_string()),
        Operator::BeginsWith => SortRange::BeginsWith(next()?),
    })
}

/// A part's values as keys of the attribute's type and size.
fn key_values(
    part: &Part<'_>,
    attribute: &KeyAttribute,
    partition: bool,
    index: Option<&str>,
) -> Result<Vec<KeyValue>, String> {
    let name = &attribute.name;
    let place = || match index {
        Some(index) => format!("IndexName: {index}, IndexKey: {name}"),
        None => format!("Key: {name}"),
    };
    let key = |value: &&Value| {
        let (key, kind) = match (attribute.kind, *value) {
            (KeyKind::S, Value::S(text)) => (KeyValue::S(text.clone()), "string"),
            (KeyKind::N, Value::N(number)) => return Ok(KeyValue::N(*number)),
            (KeyKind::B, Value::B(bytes)) => (KeyValue::B(bytes.clone()), "binary"),
            _ => {
                return Err(
                    "One or more parameter values were invalid: Condition parameter type does not match schema type"
                        .to_string(),
                );
            }
        };
        let bytes = key.bytes().map_or(0, <[u8]>::len);
        if bytes == 0 {
            return Err(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty {kind} value. {}",
                place()
            ));
        }
        // The missing space is AWS's.
        let too_long = match partition {
            true => (bytes > PARTITION_BYTES_MAX)
                .then_some("Size of hashkey has exceeded the maximum size limit of2048 bytes"),
            false => (bytes > SORT_BYTES_MAX)
                .then_some("Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
        };
        match too_long {
            Some(reason) => Err(format!("One or more parameter values were invalid: {reason}")),
            None => Ok(key),
        }
    };
    part.values.iter().map(key).collect()
}
