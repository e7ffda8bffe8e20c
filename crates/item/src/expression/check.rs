//! What AWS checks in a syntax tree before it looks at placeholders, and names as written into paths.

use super::path::{Path, Step};
use super::placeholders::Placeholders;
use super::reserved::is_reserved;
use super::syntax::{Node, RawPath, RawStep};

/// Operators and functions in one expression.
const OPERATORS_MAX: usize = 300;
/// Steps of a document path.
const STEPS_MAX: usize = 32;

/// Functions that are conditions, and how many operands they take.
const CONDITIONS: [(&str, usize); 5] =
    [("attribute_exists", 1), ("attribute_not_exists", 1), ("attribute_type", 2), ("begins_with", 2), ("contains", 2)];
/// Functions that are operands of conditions.
const OPERANDS: [(&str, usize); 1] = [("size", 1)];
/// Functions that are operands in updates.
const UPDATES: [(&str, usize); 2] = [("if_not_exists", 2), ("list_append", 2)];

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A condition must stand here.
    Condition,
    /// An operand of a condition must stand here.
    Operand,
    /// An operand in an update must stand here.
    Update,
}

/// First pass, in the order written: reserved words, list indexes, functions and where they stand.
pub(super) fn check_node(node: &Node<'_>, place: Place) -> Result<(), String> {
    let within = match node {
        Node::Value(_) => return Ok(()),
        Node::Path(path) => return check_path(path),
        Node::Call(name, arguments) => {
            check_call(name, arguments, place)?;
            // What a function of a condition takes are operands, whatever the function itself is.
            if place == Place::Condition { Place::Operand } else { place }
        }
        Node::Parens(_) => place,
        Node::Or(_) | Node::And(_) | Node::Not(_) => Place::Condition,
        Node::Compare(..) | Node::Between(_) | Node::In(..) => Place::Operand,
        Node::Arithmetic(..) => Place::Update,
    };
    for child in node.children() {
        check_node(child, within)?;
    }
    Ok(())
}

fn check_call(name: &str, arguments: &[Node<'_>], place: Place) -> Result<(), String> {
    let find =
        |functions: &[(&str, usize)]| functions.iter().find(|(known, _)| *known == name).map(|(_, count)| *count);
    let (condition, operand, update) = (find(&CONDITIONS), find(&OPERANDS), find(&UPDATES));
    if condition.or(operand).or(update).is_none() {
        return Err(format!("Invalid function name; function: {name}"));
    }
    if place == Place::Update && update.is_none() {
        return Err(format!("The function is not allowed in an update expression; function: {name}"));
    }
    if place != Place::Update && update.is_some() {
        return Err(format!("The function is not allowed in a condition expression; function: {name}"));
    }
    let expected = match place {
        Place::Condition => condition,
        Place::Operand => operand,
        // An update's functions are counted with its placeholders, in the second pass.
        Place::Update => return Ok(()),
    };
    let Some(expected) = expected else { return Err(misplaced(name)) };
    check_count(name, arguments, expected)
}

pub(super) fn misplaced(name: &str) -> String {
    format!("The function is not allowed to be used this way in an expression; function: {name}")
}

pub(super) fn check_count(name: &str, arguments: &[Node<'_>], expected: usize) -> Result<(), String> {
    if arguments.len() == expected {
        return Ok(());
    }
    Err(format!(
        "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {}",
        arguments.len()
    ))
}

pub(super) fn check_path(path: &RawPath<'_>) -> Result<(), String> {
    path.0.iter().try_for_each(|step| match step {
        RawStep::Name(name) if is_reserved(name) => {
            Err(format!("Attribute name is a reserved keyword; reserved keyword: {name}"))
        }
        RawStep::Index(digits) if digits.parse::<i32>().is_err() => {
            Err(format!("List index is not within the allowable range; index: [{digits}]"))
        }
        _ => Ok(()),
    })
}

pub(super) fn check_operators(count: usize) -> Result<(), String> {
    if count > OPERATORS_MAX {
        // AWS stops counting at the first too many.
        return Err(format!("The expression contains too many operators; operator count: {}", OPERATORS_MAX + 1));
    }
    Ok(())
}

/// The path behind names and placeholders.
pub(super) fn resolve_path(raw: &RawPath<'_>, placeholders: &mut Placeholders<'_>) -> Result<Path, String> {
    let mut name = None;
    let mut steps = Vec::with_capacity(raw.0.len() - 1);
    for step in &raw.0 {
        let field = match step {
            RawStep::Index(digits) => {
                steps.push(Step::Index(digits.parse().expect("the first pass checked the range")));
                continue;
            }
            RawStep::Name(field) => field,
            RawStep::Placeholder(placeholder) => placeholders.name(placeholder)?,
        };
        match name {
            None => name = Some(field.to_string()),
            Some(_) => steps.push(Step::Field(field.to_string())),
        }
    }
    if raw.0.len() > STEPS_MAX {
        return Err(format!("The document path has too many nesting levels; nesting levels: {}", raw.0.len()));
    }
    Ok(Path { name: name.expect("a path begins with a name"), steps })
}

/// A literal of a type the operator or function never takes.
pub(super) fn wrong_type(operator: &str, type_code: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {type_code}"
    )
}
