//! The parameters of before expressions (`Expected`, `AttributeUpdates`, `KeyConditions`, `QueryFilter`, `ScanFilter`,
//! `AttributesToGet`): checked as AWS does and turned into what expressions are turned into.

use crate::{
    json::{Attribute, Flag, Layer, List, Map, Text},
    protocol::Fault,
};
use item::{
    Value,
    expression::{Action, Assigned, Comparator, Condition, Operand, Path, Projection, Update},
};

shape! {
    /// One attribute's condition in `Expected`.
    ExpectedAttributeValue<'a> (member) {
        "AttributeValueList" => list: List<Attribute>,
        "ComparisonOperator" => operator: Text<'a>,
        "Exists" => exists: Flag,
        "Value" => value: Attribute,
    }
}

shape! {
    /// One attribute's condition in `KeyConditions`, `QueryFilter` and `ScanFilter`.
    FilterCondition<'a> (member) {
        "AttributeValueList" => list: List<Attribute>,
        "ComparisonOperator" => operator: Text<'a>,
    }
}

shape! {
    AttributeValueUpdate<'a> (member) {
        "Action" => action: Text<'a>,
        "Value" => value: Attribute,
    }
}

pub(super) type Expected<'a> = Map<Text<'a>, ExpectedAttributeValue<'a>>;
pub(super) type Conditions<'a> = Map<Text<'a>, FilterCondition<'a>>;
pub(super) type AttributeUpdates<'a> = Map<Text<'a>, AttributeValueUpdate<'a>>;

/// `ComparisonOperator`s in the order AWS lists them.
pub(super) const OPERATORS: [&str; 13] = [
    "IN",
    "NULL",
    "BETWEEN",
    "LT",
    "NOT_CONTAINS",
    "EQ",
    "GT",
    "NOT_NULL",
    "NE",
    "LE",
    "BEGINS_WITH",
    "GE",
    "CONTAINS",
];

const INVALID: &str = "One or more parameter values were invalid: ";

/// How several conditions are joined.
fn join(conditions: Vec<Condition>, or: bool) -> Condition {
    if or { Condition::Or(conditions) } else { Condition::And(conditions) }
}

/// `Expected` as a condition.
pub(super) fn expected(layer: Layer, expected: Expected<'_>, or: bool) -> Result<Condition, Fault> {
    let conditions = expected.0.into_iter().map(|(name, one)| expectation(layer, &name, one));
    Ok(join(conditions.collect::<Result<_, _>>()?, or))
}

fn expectation(layer: Layer, name: &str, one: ExpectedAttributeValue<'_>) -> Result<Condition, Fault> {
    let refuse = |message: std::fmt::Arguments<'_>| Err(layer.fault(format_args!("{INVALID}{message}")));
    let values = one.list.iter().flat_map(|list| list.iter()).chain(&one.value);
    for attribute in values {
        layer.value(attribute.fault.as_ref())?;
    }
    if one.list.is_some() && one.value.is_some() {
        return refuse(format_args!("Value and AttributeValueList cannot be used together for Attribute: {name}"));
    }
    if let Some(operator) = one.operator {
        if one.exists.is_some() {
            return refuse(format_args!("Exists and ComparisonOperator cannot be used together for Attribute: {name}"));
        }
        let bare = matches!(operator.as_str(), "NULL" | "NOT_NULL");
        if !bare && one.list.is_none() && one.value.is_none() {
            return refuse(format_args!(
                "Value or AttributeValueList must be used with ComparisonOperator: {} for Attribute: {name}",
                operator.as_str()
            ));
        }
        let values = one.list.map(|list| list.0).unwrap_or_default().into_iter().chain(one.value);
        return comparison(layer, name, &operator, values.map(|attribute| attribute.value).collect(), false);
    }
    if one.list.is_some() {
        return refuse(format_args!(
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        ));
    }
    match (one.exists.map(|flag| flag.0), one.value) {
        (None | Some(true), Some(attribute)) => {
            Ok(Condition::Compare(Operand::Path(Path::from(name)), Comparator::Equal, Operand::Value(attribute.value)))
        }
        (Some(false), None) => Ok(Condition::NotExists(Path::from(name))),
        (exists @ (None | Some(true)), None) => {
            let exists = if exists.is_some() { "true" } else { "null" };
            refuse(format_args!("Value must be provided when Exists is {exists} for Attribute: {name}"))
        }
        (Some(false), Some(_)) => {
            refuse(format_args!("Value cannot be used when Exists is false for Attribute: {name}"))
        }
    }
}

/// `KeyConditions`, `QueryFilter` or `ScanFilter` as a condition.
pub(super) fn conditions(layer: Layer, conditions: Conditions<'_>, or: bool) -> Result<Condition, Fault> {
    let one = |(name, condition): (Text<'_>, FilterCondition<'_>)| {
        let list = condition.list.map(|list| list.0).unwrap_or_default();
        for attribute in &list {
            layer.value(attribute.fault.as_ref())?;
        }
        let operator = condition.operator.as_deref().unwrap_or_default().to_string();
        comparison(layer, &name, &operator, list.into_iter().map(|attribute| attribute.value).collect(), true)
    };
    Ok(join(conditions.0.into_iter().map(one).collect::<Result<_, _>>()?, or))
}

/// Whether an operator can be in `KeyConditions`.
pub(super) fn check_indexable(conditions: &Conditions<'_>) -> Result<(), Fault> {
    let usable = ["EQ", "LE", "LT", "GE", "GT", "BEGINS_WITH", "BETWEEN"];
    let fits = |(_, condition): &(Text<'_>, FilterCondition<'_>)| {
        condition.operator.as_deref().is_none_or(|operator| usable.contains(&operator))
    };
    if conditions.iter().all(fits) {
        return Ok(());
    }
    Err(Fault::validation("Attempted conditional constraint is not an indexable operation"))
}

fn comparison(
    layer: Layer,
    name: &str,
    operator: &str,
    mut values: Vec<Value>,
    typed: bool,
) -> Result<Condition, Fault> {
    check_values(layer, operator, &values, typed)?;
    let path = || Operand::Path(Path::from(name));
    let mut next = || Operand::Value(values.remove(0));
    let compare = |comparator, value| Condition::Compare(path(), comparator, value);
    Ok(match operator {
        "EQ" => compare(Comparator::Equal, next()),
        "NE" => compare(Comparator::NotEqual, next()),
        "LE" => compare(Comparator::LessEqual, next()),
        "LT" => compare(Comparator::Less, next()),
        "GE" => compare(Comparator::GreaterEqual, next()),
        "GT" => compare(Comparator::Greater, next()),
        "NULL" => Condition::NotExists(Path::from(name)),
        "NOT_NULL" => Condition::Exists(Path::from(name)),
        "CONTAINS" => Condition::Contains(path(), next()),
        "NOT_CONTAINS" => Condition::Not(Box::new(Condition::Contains(path(), next()))),
        "BEGINS_WITH" => Condition::BeginsWith(path(), next()),
        "BETWEEN" => Condition::Between(path(), next(), next()),
        // What is left of the set that was checked.
        _ => Condition::In(path(), values.into_iter().map(Operand::Value).collect()),
    })
}

fn check_values(layer: Layer, operator: &str, values: &[Value], typed: bool) -> Result<(), Fault> {
    let refuse = |message: String| Err(layer.fault(format_args!("{INVALID}{message}")));
    let fits = match operator {
        "NULL" | "NOT_NULL" => values.is_empty(),
        "IN" => !values.is_empty(),
        "BETWEEN" => values.len() == 2,
        _ => values.len() == 1,
    };
    if !fits {
        return refuse(format!("Invalid number of argument(s) for the {operator} ComparisonOperator"));
    }
    let same = |value: &Value| value.type_code() == values[0].type_code();
    if !values.iter().all(same) {
        return refuse("AttributeValues inside AttributeValueList must be of same type".to_string());
    }
    let types: &[&str] = match operator {
        "EQ" | "NE" => &["S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL"],
        "BEGINS_WITH" => &["S", "B"],
        "CONTAINS" | "NOT_CONTAINS" => &["S", "N", "B", "BOOL", "NULL"],
        _ => &["S", "N", "B"],
    };
    if let Some(value) = values.iter().find(|value| typed && !types.contains(&value.type_code())) {
        return refuse(format!(
            "ComparisonOperator {operator} is not valid for {} AttributeValue type",
            value.type_code()
        ));
    }
    let above = |low: &Value, high: &Value| match (low, high) {
        (Value::S(low), Value::S(high)) => low > high,
        (Value::N(low), Value::N(high)) => low > high,
        (Value::B(low), Value::B(high)) => low > high,
        _ => false,
    };
    if operator == "BETWEEN" && above(&values[0], &values[1]) {
        return Err(layer.fault(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ));
    }
    Ok(())
}

/// `AttributeUpdates` as an update.
pub(super) fn updates(layer: Layer, updates: AttributeUpdates<'_>) -> Result<Update, Fault> {
    let actions = updates.0.into_iter().map(|(name, update)| Ok((Path::from(&*name), action(layer, update)?)));
    Ok(Update::new(actions.collect::<Result<_, Fault>>()?))
}

fn action(layer: Layer, update: AttributeValueUpdate<'_>) -> Result<Action, Fault> {
    let refuse = |message: std::fmt::Arguments<'_>| Err(layer.fault(format_args!("{INVALID}{message}")));
    layer.value(update.value.as_ref().and_then(|attribute| attribute.fault.as_ref()))?;
    let value = update.value.map(|attribute| attribute.value);
    match (update.action.as_deref().unwrap_or("PUT"), value) {
        ("DELETE", None) => Ok(Action::Remove),
        (_, None) => refuse(format_args!("Only DELETE action is allowed when no attribute value is specified")),
        ("DELETE", Some(value @ (Value::Ss(_) | Value::Ns(_) | Value::Bs(_)))) => Ok(Action::Delete(value)),
        ("DELETE", Some(value)) => {
            refuse(format_args!("DELETE action with value is not supported for the type {}", value.type_code()))
        }
        ("ADD", Some(value @ (Value::N(_) | Value::Ss(_) | Value::Ns(_) | Value::Bs(_) | Value::L(_)))) => {
            Ok(Action::Add(value))
        }
        ("ADD", Some(value)) => refuse(format_args!("ADD action is not supported for the type {}", value.type_code())),
        (_, Some(value)) => Ok(Action::Set(Assigned::Value(value))),
    }
}

/// `AttributesToGet` as a projection.
pub(super) fn attributes_to_get(layer: Layer, names: &List<Text<'_>>) -> Result<Projection, Fault> {
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) {
            return Err(layer.fault(format_args!("{INVALID}Duplicate value in attribute name: {}", &**name)));
        }
    }
    Ok(Projection::new(names.iter().map(|name| Path::from(&**name)).collect()))
}
