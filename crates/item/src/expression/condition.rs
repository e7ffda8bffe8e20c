//! Conditions and filters: what they are, how they are read, when an item satisfies them.

use super::check::{Place, check_node, check_operators, resolve_path, wrong_type};
use super::path::Path;
use super::placeholders::Placeholders;
use super::syntax::{Node, Parser};
use super::{Invalid, check_text};
use crate::{Item, Number, Value, size::resident_value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A condition or filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// True when all are.
    And(Vec<Condition>),
    /// True when one is.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    /// Both bounds inclusive.
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    /// The operand is there and has the type of this code (`S`, `NS`, …).
    Type(Operand, String),
    BeginsWith(Operand, Operand),
    /// Substring, member of a set, element of a list.
    Contains(Operand, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What conditions compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Value(Value),
    Path(Path),
    /// The length of a string, binary, set, list or map.
    Size(Box<Operand>),
}

impl Condition {
    /// `what` is the parameter's name, for messages: `ConditionExpression`, `FilterExpression`.
    pub fn parse(what: &str, text: &str, placeholders: &mut Placeholders<'_>) -> Result<Condition, Invalid> {
        read(text, placeholders).map_err(|message| Invalid::of(what, message))
    }

    /// Whether the item (`None`: no such item) satisfies the condition.
    #[must_use]
    pub fn matches(&self, item: Option<&Item>) -> bool {
        // Apart from the leaves, so that 300 levels of it fit a small stack.
        match self {
            Condition::And(all) => all.iter().all(|condition| condition.matches(item)),
            Condition::Or(any) => any.iter().any(|condition| condition.matches(item)),
            Condition::Not(condition) => !condition.matches(item),
            leaf => leaf.leaf_matches(item),
        }
    }

    fn leaf_matches(&self, item: Option<&Item>) -> bool {
        match self {
            Condition::And(_) | Condition::Or(_) | Condition::Not(_) => unreachable!("not a leaf"),
            Condition::Compare(left, comparator, right) => comparator.holds(left.value(item), right.value(item)),
            Condition::Between(operand, low, high) => {
                let value = operand.value(item);
                Comparator::GreaterEqual.holds(value.clone(), low.value(item))
                    && Comparator::LessEqual.holds(value, high.value(item))
            }
            Condition::In(operand, list) => operand
                .value(item)
                .is_some_and(|value| list.iter().any(|other| other.value(item).is_some_and(|other| value == other))),
            Condition::Exists(path) => item.and_then(|item| path.get(item)).is_some(),
            Condition::NotExists(path) => item.and_then(|item| path.get(item)).is_none(),
            Condition::Type(operand, code) => operand.value(item).is_some_and(|value| value.type_code() == code),
            Condition::BeginsWith(operand, start) => match (operand.value(item), start.value(item)) {
                (Some(value), Some(start)) => begins_with(&value, &start),
                _ => false,
            },
            Condition::Contains(operand, part) => match (operand.value(item), part.value(item)) {
                (Some(value), Some(part)) => contains(&value, &part),
                _ => false,
            },
        }
    }

    /// Top-level attribute names the condition reads, for the rule that filters may not name key attributes.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        self.paths().into_iter().map(|path| path.name.as_str()).collect()
    }

    /// Every path the condition reads, in the order written.
    #[must_use]
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.collect_paths(&mut paths);
        paths
    }

    /// About the bytes of memory it takes: see [`crate::size::resident`].
    #[must_use]
    pub fn resident(&self) -> usize {
        let operands = match self {
            Condition::And(all) | Condition::Or(all) => return all.iter().map(Condition::resident).sum(),
            Condition::Not(condition) => return size_of::<Condition>() + condition.resident(),
            Condition::Compare(left, _, right) => left.resident() + right.resident(),
            Condition::Between(operand, low, high) => operand.resident() + low.resident() + high.resident(),
            Condition::In(operand, list) => operand.resident() + list.iter().map(Operand::resident).sum::<usize>(),
            Condition::Exists(path) | Condition::NotExists(path) => path.resident(),
            Condition::Type(operand, _) => operand.resident(),
            Condition::BeginsWith(operand, other) | Condition::Contains(operand, other) => {
                operand.resident() + other.resident()
            }
        };
        size_of::<Condition>() + operands
    }

    fn collect_paths<'c>(&'c self, paths: &mut Vec<&'c Path>) {
        match self {
            Condition::And(all) | Condition::Or(all) => all.iter().for_each(|condition| condition.collect_paths(paths)),
            Condition::Not(condition) => condition.collect_paths(paths),
            Condition::Compare(left, _, right) => paths.extend(left.path().into_iter().chain(right.path())),
            Condition::Between(operand, low, high) => {
                paths.extend([operand, low, high].into_iter().filter_map(Operand::path));
            }
            Condition::In(operand, list) => {
                paths.extend(std::iter::once(operand).chain(list).filter_map(Operand::path))
            }
            Condition::Exists(path) | Condition::NotExists(path) => paths.push(path),
            Condition::Type(operand, _) => paths.extend(operand.path()),
            Condition::BeginsWith(operand, other) | Condition::Contains(operand, other) => {
                paths.extend(operand.path().into_iter().chain(other.path()));
            }
        }
    }
}

fn read(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    check_text(text)?;
    let node = Parser::new(text).whole(Parser::condition)?;
    check_operators(node.operators())?;
    check_node(&node, Place::Condition)?;
    condition(&node, placeholders)
}

impl Comparator {
    fn parse(text: &str) -> Comparator {
        match text {
            "=" => Comparator::Equal,
            "<>" => Comparator::NotEqual,
            "<" => Comparator::Less,
            "<=" => Comparator::LessEqual,
            ">" => Comparator::Greater,
            _ => Comparator::GreaterEqual,
        }
    }

    /// The comparator that says the same with the sides exchanged.
    #[must_use]
    pub fn reversed(self) -> Comparator {
        match self {
            Comparator::Less => Comparator::Greater,
            Comparator::LessEqual => Comparator::GreaterEqual,
            Comparator::Greater => Comparator::Less,
            Comparator::GreaterEqual => Comparator::LessEqual,
            same => same,
        }
    }

    /// A missing side is unequal to everything, another missing one included, and has no order.
    fn holds(self, left: Option<Cow<'_, Value>>, right: Option<Cow<'_, Value>>) -> bool {
        let (Some(left), Some(right)) = (left, right) else { return self == Comparator::NotEqual };
        match self {
            Comparator::Equal => left == right,
            Comparator::NotEqual => left != right,
            _ => order(&left, &right).is_some_and(|order| match self {
                Comparator::Less => order.is_lt(),
                Comparator::LessEqual => order.is_le(),
                Comparator::Greater => order.is_gt(),
                _ => order.is_ge(),
            }),
        }
    }
}

/// Order within strings (UTF-8 bytes), numbers or binaries; none between types or elsewhere.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::S(left), Value::S(right)) => Some(left.cmp(right)),
        (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
        (Value::B(left), Value::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn begins_with(value: &Value, start: &Value) -> bool {
    match (value, start) {
        (Value::S(text), Value::S(start)) => text.starts_with(start.as_str()),
        (Value::B(bytes), Value::B(start)) => bytes.starts_with(start),
        _ => false,
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::S(text), Value::S(part)) => text.contains(part.as_str()),
        (Value::B(bytes), Value::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Value::Ss(set), Value::S(member)) => set.contains(member),
        (Value::Ns(set), Value::N(member)) => set.contains(member),
        (Value::Bs(set), Value::B(member)) => set.contains(member),
        (Value::L(list), element) => list.contains(element),
        _ => false,
    }
}

impl Operand {
    fn value<'v>(&'v self, item: Option<&'v Item>) -> Option<Cow<'v, Value>> {
        match self {
            Operand::Value(value) => Some(Cow::Borrowed(value)),
            Operand::Path(path) => path.get(item?).map(Cow::Borrowed),
            Operand::Size(operand) => {
                let size = size(&*operand.value(item)?)?;
                Some(Cow::Owned(Value::N(Number::from(size as u64))))
            }
        }
    }

    fn resident(&self) -> usize {
        size_of::<Operand>()
            + match self {
                Operand::Value(value) => resident_value(value),
                Operand::Path(path) => path.resident(),
                Operand::Size(operand) => operand.resident(),
            }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Operand::Value(_) => None,
            Operand::Path(path) => Some(path),
            Operand::Size(operand) => operand.path(),
        }
    }

    /// The type, where it does not depend on an item.
    fn fixed_type(&self) -> Option<&'static str> {
        match self {
            Operand::Value(value) => Some(value.type_code()),
            Operand::Path(_) => None,
            Operand::Size(_) => Some("N"),
        }
    }

    fn check_type(&self, operator: &str, allowed: &[&str]) -> Result<(), String> {
        match self.fixed_type() {
            Some(code) if !allowed.contains(&code) => Err(wrong_type(operator, code)),
            _ => Ok(()),
        }
    }
}

/// What `size()` answers. Strings are counted in UTF-16 units, as Java does.
fn size(value: &Value) -> Option<usize> {
    match value {
        Value::S(text) => Some(text.encode_utf16().count()),
        Value::B(bytes) => Some(bytes.len()),
        Value::Ss(set) => Some(set.len()),
        Value::Ns(set) => Some(set.len()),
        Value::Bs(set) => Some(set.len()),
        Value::L(list) => Some(list.len()),
        Value::M(map) => Some(map.len()),
        Value::N(_) | Value::Bool(_) | Value::Null => None,
    }
}

const ORDERED: [&str; 3] = ["S", "N", "B"];
const SIZED: [&str; 7] = ["S", "B", "SS", "NS", "BS", "L", "M"];
const OPERANDS_OF_IN_MAX: usize = 100;

/// Second pass: placeholders, operands and the types of literals. Apart from the leaves, as `Condition::matches` is.
fn condition(node: &Node<'_>, placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    match node {
        Node::And(nodes) => conditions(nodes, placeholders).map(Condition::And),
        Node::Or(nodes) => conditions(nodes, placeholders).map(Condition::Or),
        Node::Not(node) => negation(node, placeholders),
        Node::Parens(node) => condition(node, placeholders),
        leaf => leaf_condition(leaf, placeholders),
    }
}

fn negation(node: &Node<'_>, placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    Ok(Condition::Not(Box::new(condition(node, placeholders)?)))
}

fn leaf_condition(node: &Node<'_>, placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    match node {
        Node::Compare(text, operands) => comparison(text, operands, placeholders),
        Node::Between(operands) => between(operands, placeholders),
        Node::In(first, list) => membership(first, list, placeholders),
        Node::Call(name, arguments) => call(name, arguments, placeholders),
        _ => unreachable!("the grammar has no such condition"),
    }
}

fn membership(first: &Node<'_>, list: &[Node<'_>], placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    let (first, list) = (operand(first, placeholders)?, operands(list, placeholders)?);
    if list.len() > OPERANDS_OF_IN_MAX {
        return Err(format!("The IN operator is provided with too many operands; number of operands: {}", list.len()));
    }
    check_distinct("IN", &first, &list)?;
    Ok(Condition::In(first, list))
}

fn conditions(nodes: &[Node<'_>], placeholders: &mut Placeholders<'_>) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::with_capacity(nodes.len());
    for node in nodes {
        conditions.push(condition(node, placeholders)?);
    }
    Ok(conditions)
}

fn comparison(text: &str, nodes: &[Node<'_>; 2], placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    let (left, right) = (operand(&nodes[0], placeholders)?, operand(&nodes[1], placeholders)?);
    check_distinct(text, &left, std::slice::from_ref(&right))?;
    let comparator = Comparator::parse(text);
    if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        left.check_type(text, &ORDERED)?;
        right.check_type(text, &ORDERED)?;
    }
    Ok(Condition::Compare(left, comparator, right))
}

fn between(nodes: &[Node<'_>; 3], placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    let operand = operand(&nodes[0], placeholders)?;
    let bounds = operands(&nodes[1..], placeholders)?;
    check_distinct("BETWEEN", &operand, &bounds)?;
    operand.check_type("BETWEEN", &ORDERED)?;
    bounds.iter().try_for_each(|bound| bound.check_type("BETWEEN", &ORDERED))?;
    if let [Operand::Value(low), Operand::Value(high)] = bounds.as_slice() {
        let requires = match order(low, high) {
            None => Some("same data type for lower and upper bounds"),
            Some(Ordering::Greater) => Some("upper bound to be greater than or equal to lower bound"),
            Some(_) => None,
        };
        if let Some(requires) = requires {
            let (low, high) = (bound_text(low), bound_text(high));
            return Err(format!(
                "The BETWEEN operator requires {requires}; lower bound operand: {low}, upper bound operand: {high}"
            ));
        }
    }
    let [low, high] = <[Operand; 2]>::try_from(bounds).expect("two nodes make two bounds");
    Ok(Condition::Between(operand, low, high))
}

/// A literal as AWS's messages show it, Java's buffer included.
fn bound_text(value: &Value) -> String {
    match value {
        Value::S(text) => format!("AttributeValue: {{S:{text}}}"),
        Value::N(number) => format!("AttributeValue: {{N:{number}}}"),
        Value::B(bytes) => {
            let length = bytes.len();
            format!("AttributeValue: {{B:java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]}}")
        }
        other => format!("AttributeValue: {{{}}}", other.type_code()),
    }
}

fn call(name: &str, nodes: &[Node<'_>], placeholders: &mut Placeholders<'_>) -> Result<Condition, String> {
    let mut arguments = operands(nodes, placeholders)?.into_iter();
    let mut next = || arguments.next().expect("the first pass counted the operands");
    let first = next();
    match name {
        "attribute_exists" | "attribute_not_exists" => {
            let Operand::Path(path) = first else {
                return Err(format!("Operator or function requires a document path; operator or function: {name}"));
            };
            Ok(if name == "attribute_exists" { Condition::Exists(path) } else { Condition::NotExists(path) })
        }
        "attribute_type" => attribute_type(first, next()),
        _ => {
            let second = next();
            check_distinct(name, &first, std::slice::from_ref(&second))?;
            if name == "contains" {
                return Ok(Condition::Contains(first, second));
            }
            first.check_type(name, &["S", "B"])?;
            second.check_type(name, &["S", "B"])?;
            Ok(Condition::BeginsWith(first, second))
        }
    }
}

fn attribute_type(operand: Operand, code: Operand) -> Result<Condition, String> {
    const CODES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
    let code = match code {
        Operand::Value(Value::S(code)) => code,
        other => {
            return Err(wrong_type("attribute_type", other.fixed_type().unwrap_or("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")));
        }
    };
    if !CODES.contains(&code.as_str()) {
        let codes = CODES.join(",");
        return Err(format!("Invalid attribute type name found; type: {code}, valid types: {{{codes}}}"));
    }
    Ok(Condition::Type(operand, code))
}

fn operands(nodes: &[Node<'_>], placeholders: &mut Placeholders<'_>) -> Result<Vec<Operand>, String> {
    nodes.iter().map(|node| operand(node, placeholders)).collect()
}

fn operand(node: &Node<'_>, placeholders: &mut Placeholders<'_>) -> Result<Operand, String> {
    match node.bare() {
        Node::Value(name) => Ok(Operand::Value(placeholders.value(name)?.clone())),
        Node::Path(path) => Ok(Operand::Path(resolve_path(path, placeholders)?)),
        Node::Call(name, arguments) => {
            let sized = operand(&arguments[0], placeholders)?;
            sized.check_type(name, &SIZED)?;
            Ok(Operand::Size(Box::new(sized)))
        }
        _ => unreachable!("the grammar has no such operand"),
    }
}

/// A path compared with itself is refused.
fn check_distinct(operator: &str, first: &Operand, rest: &[Operand]) -> Result<(), String> {
    match first {
        Operand::Path(path) if rest.contains(first) => Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {operator}, first operand: {path}"
        )),
        _ => Ok(()),
    }
}
