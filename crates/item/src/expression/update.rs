//! Updates: what they are, how they are read, the item that comes out.

use super::check::{Place, check_count, check_node, check_operators, check_path, misplaced, resolve_path, wrong_type};
use super::path::{Path, Step, check_apart};
use super::placeholders::Placeholders;
use super::projection::Projection;
use super::syntax::{Node, Parser, Section};
use super::{Invalid, check_text};
use crate::{Item, NESTING_MAX, Number, NumberError, Value, size::resident_value};
use std::collections::{BTreeMap, BTreeSet};

/// A parsed UpdateExpression: what to do at each of some paths, none of which leads into another.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    actions: Vec<(Path, Action)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Set(Assigned),
    /// Removes an attribute, member or element; what is not there stays so.
    Remove,
    /// Adds a number, the elements of a set, or (the legacy `AttributeUpdates` only) those of a list. A missing value
    /// becomes the operand.
    Add(Value),
    /// Takes elements out of a set; the last one takes the set with it.
    Delete(Value),
}

/// The right side of a SET.
#[derive(Clone, Debug, PartialEq)]
pub enum Assigned {
    Value(Value),
    Path(Path),
    Plus(Box<Assigned>, Box<Assigned>),
    Minus(Box<Assigned>, Box<Assigned>),
    /// What is at the path, else the other.
    IfNotExists(Path, Box<Assigned>),
    ListAppend(Box<Assigned>, Box<Assigned>),
}

impl Update {
    /// Parses an UpdateExpression.
    pub fn parse(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Update, Invalid> {
        read(text, placeholders).map_err(|message| Invalid::of("UpdateExpression", message))
    }

    /// An update made otherwise: the way in for the legacy `AttributeUpdates`. No path may lead into another.
    #[must_use]
    pub fn new(actions: Vec<(Path, Action)>) -> Update {
        Update { actions }
    }

    /// The item after the update. Every right-hand side reads the item as it was before.
    /// `item` holds at least the key attributes when the item did not exist.
    pub fn apply(&self, item: &Item) -> Result<Item, Invalid> {
        let mut writes = Vec::with_capacity(self.actions.len());
        let mut failure: Option<Failure> = None;
        for (path, action) in &self.actions {
            match write(path, action, item) {
                Ok(value) => writes.push((path, value)),
                // AWS reports some kinds before others, wherever they stand.
                Err(found) => failure = Some(failure.map_or(found, |first| first.min(found))),
            }
        }
        if let Some(failure) = failure {
            return Err(Invalid(failure.message().to_string()));
        }
        let mut updated = item.clone();
        let mut lists = Lists::default();
        for (path, write) in writes {
            apply_one(&mut updated, path, write, &mut lists);
        }
        lists.apply(&mut updated);
        let too_deep = |(path, _): &(Path, Action)| updated.get(&path.name).is_some_and(|v| v.depth() > NESTING_MAX);
        if self.actions.iter().any(too_deep) {
            return Err(Invalid("Nesting Levels have exceeded supported limits".to_string()));
        }
        Ok(updated)
    }

    /// The parts of `image` under the paths this update names, for `UPDATED_OLD` and `UPDATED_NEW`.
    #[must_use]
    pub fn project(&self, image: &Item) -> Item {
        Projection::new(self.paths().cloned().collect()).apply(image)
    }

    /// Top-level attribute names the update writes, each once: the door refuses key attributes.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.paths().map(|path| path.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// About the bytes of memory it takes: see [`crate::size::resident`].
    #[must_use]
    pub fn resident(&self) -> usize {
        let action = |action: &Action| match action {
            Action::Set(assigned) => assigned.resident(),
            Action::Remove => 0,
            Action::Add(value) | Action::Delete(value) => resident_value(value),
        };
        self.actions.iter().map(|(path, does)| size_of::<(Path, Action)>() + path.resident() + action(does)).sum()
    }

    /// The value that SET gives an attribute as a whole, where the request spells it out.
    #[must_use]
    pub fn assigned(&self, name: &str) -> Option<&Value> {
        self.actions.iter().find_map(|(path, action)| match action {
            Action::Set(Assigned::Value(value)) if path.name == name && !path.is_nested() => Some(value),
            _ => None,
        })
    }

    /// The paths the update writes, in the order written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.actions.iter().map(|(path, _)| path)
    }
}

fn read(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Update, String> {
    check_text(text)?;
    let sections = Parser::new(text).whole(Parser::update)?;
    check_sections(&sections)?;
    update(&sections, placeholders)
}

/// First pass: names as written, section by section; a section may stand once.
fn check_sections(sections: &[Section<'_>]) -> Result<(), String> {
    let operators = sections
        .iter()
        .flat_map(|section| &section.actions)
        .map(|(_, value)| 1 + value.as_ref().map_or(0, Node::operators))
        .sum();
    check_operators(operators)?;
    for (at, section) in sections.iter().enumerate() {
        for (path, value) in &section.actions {
            check_path(path)?;
            value.iter().try_for_each(|value| check_node(value, Place::Update))?;
        }
        if sections[..at].iter().any(|earlier| earlier.keyword == section.keyword) {
            return Err(format!("The \"{}\" section can only be used once in an update expression;", section.keyword));
        }
    }
    Ok(())
}

/// Second pass: the paths written and whether they exclude one another; then values, from the last action to the
/// first, as AWS reports their errors.
fn update(sections: &[Section<'_>], placeholders: &mut Placeholders<'_>) -> Result<Update, String> {
    let written: Vec<_> = sections
        .iter()
        .flat_map(|section| section.actions.iter().map(|(path, value)| (section.keyword, path, value.as_ref())))
        .collect();
    let paths =
        written.iter().map(|(_, path, _)| resolve_path(path, placeholders)).collect::<Result<Vec<Path>, String>>()?;
    check_apart(&paths.iter().collect::<Vec<&Path>>())?;
    let mut actions = Vec::with_capacity(paths.len());
    for ((keyword, _, value), path) in written.iter().zip(paths).rev() {
        let action = match (*keyword, value) {
            ("SET", Some(value)) => Action::Set(assigned(value, placeholders)?),
            ("ADD", Some(Node::Value(name))) => {
                Action::Add(checked_operand("ADD", name, &["N", "SS", "NS", "BS"], placeholders)?)
            }
            ("DELETE", Some(Node::Value(name))) => {
                Action::Delete(checked_operand("DELETE", name, &["SS", "NS", "BS"], placeholders)?)
            }
            _ => Action::Remove,
        };
        actions.push((path, action));
    }
    actions.reverse();
    Ok(Update { actions })
}

fn checked_operand(
    keyword: &str,
    name: &str,
    allowed: &[&str],
    placeholders: &mut Placeholders<'_>,
) -> Result<Value, String> {
    let value = placeholders.value(name)?;
    if allowed.contains(&value.type_code()) {
        return Ok(value.clone());
    }
    let name = match value {
        Value::S(_) => "STRING",
        Value::N(_) => "NUMBER",
        Value::B(_) => "BINARY",
        Value::Bool(_) => "BOOLEAN",
        Value::Null => "NULL",
        Value::Ss(_) => "STRING_SET",
        Value::Ns(_) => "NUMBER_SET",
        Value::Bs(_) => "BINARY_SET",
        Value::L(_) => "LIST",
        Value::M(_) => "MAP",
    };
    Err(format!(
        "Incorrect operand type for operator or function; operator: {keyword}, operand type: {name}, \
         typeSet: ALLOWED_FOR_{keyword}_OPERAND"
    ))
}

fn assigned(node: &Node<'_>, placeholders: &mut Placeholders<'_>) -> Result<Assigned, String> {
    match node.bare() {
        Node::Value(name) => Ok(Assigned::Value(placeholders.value(name)?.clone())),
        Node::Path(path) => Ok(Assigned::Path(resolve_path(path, placeholders)?)),
        Node::Arithmetic(operator, operands) => {
            let [left, right] = &**operands;
            let (left, right) = (assigned(left, placeholders)?, assigned(right, placeholders)?);
            check_literals(operator, [&left, &right], "N")?;
            let (left, right) = (Box::new(left), Box::new(right));
            Ok(if *operator == "+" { Assigned::Plus(left, right) } else { Assigned::Minus(left, right) })
        }
        Node::Call(name, arguments) => assigned_call(name, arguments, placeholders),
        _ => unreachable!("the grammar has no such operand"),
    }
}

fn assigned_call(name: &str, arguments: &[Node<'_>], placeholders: &mut Placeholders<'_>) -> Result<Assigned, String> {
    check_count(name, arguments, 2)?;
    let (first, second) = (assigned(&arguments[0], placeholders)?, assigned(&arguments[1], placeholders)?);
    if name == "list_append" {
        if matches!(first, Assigned::ListAppend(..)) || matches!(second, Assigned::ListAppend(..)) {
            return Err(misplaced(name));
        }
        check_literals(name, [&first, &second], "L")?;
        return Ok(Assigned::ListAppend(Box::new(first), Box::new(second)));
    }
    let Assigned::Path(path) = first else {
        return Err(format!("Operator or function requires a document path; operator or function: {name}"));
    };
    if second == Assigned::Path(path.clone()) {
        return Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {name}, first operand: {path}"
        ));
    }
    Ok(Assigned::IfNotExists(path, Box::new(second)))
}

fn check_literals(operator: &str, operands: [&Assigned; 2], allowed: &str) -> Result<(), String> {
    operands.into_iter().try_for_each(|operand| match operand {
        Assigned::Value(value) if value.type_code() != allowed => Err(wrong_type(operator, value.type_code())),
        _ => Ok(()),
    })
}

/// Why an update does not fit an item, in the order AWS looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Failure {
    /// What the path leads through is there and is no map or list, as it must be.
    WrongContainer,
    WrongType,
    /// What the path leads through is not there.
    MissingContainer,
    MissingAttribute,
    Overflow,
    Underflow,
}

impl Failure {
    fn message(self) -> String {
        let text = match self {
            Failure::WrongContainer | Failure::MissingContainer => {
                "The document path provided in the update expression is invalid for update"
            }
            Failure::WrongType => "An operand in the update expression has an incorrect data type",
            Failure::MissingAttribute => {
                "The provided expression refers to an attribute that does not exist in the item"
            }
            // AWS calls a result of more than 38 digits an overflow (ScyllaDB, test/alternator/test_number.py).
            Failure::Overflow => return NumberError::Overflow.aws_message(""),
            Failure::Underflow => return NumberError::Underflow.aws_message(""),
        };
        text.to_string()
    }
}

impl From<NumberError> for Failure {
    fn from(error: NumberError) -> Failure {
        match error {
            NumberError::Underflow => Failure::Underflow,
            NumberError::Format | NumberError::Precision | NumberError::Overflow => Failure::Overflow,
        }
    }
}

/// What becomes of the value at a path; `None`: it goes.
type Write = Option<Value>;

/// Works out one action from the item as it is.
fn write(path: &Path, action: &Action, item: &Item) -> Result<Write, Failure> {
    check_container(path, item)?;
    let present = path.get(item);
    match (action, present) {
        (Action::Set(assigned), _) => assigned.value(item).map(Some),
        (Action::Remove, _) => Ok(None),
        (Action::Add(operand), None) => Ok(Some(operand.clone())),
        (Action::Add(operand), Some(value)) => add(value, operand).map(Some),
        (Action::Delete(_), None) => Ok(None),
        (Action::Delete(operand), Some(value)) => delete(value, operand),
    }
}

fn check_container(path: &Path, item: &Item) -> Result<(), Failure> {
    let Some((container, last)) = path.parent() else { return Ok(()) };
    match (container.get(item), last) {
        (Some(Value::M(_)), Step::Field(_)) | (Some(Value::L(_)), Step::Index(_)) => Ok(()),
        (Some(_), _) => Err(Failure::WrongContainer),
        (None, _) => Err(Failure::MissingContainer),
    }
}

fn add(value: &Value, operand: &Value) -> Result<Value, Failure> {
    match (value, operand) {
        (Value::N(value), Value::N(operand)) => Ok(Value::N(value.checked_add(*operand)?)),
        (Value::Ss(set), Value::Ss(more)) => Ok(Value::Ss(set | more)),
        (Value::Ns(set), Value::Ns(more)) => Ok(Value::Ns(set | more)),
        (Value::Bs(set), Value::Bs(more)) => Ok(Value::Bs(set | more)),
        (Value::L(list), Value::L(more)) => Ok(Value::L(list.iter().chain(more).cloned().collect())),
        _ => Err(Failure::WrongType),
    }
}

fn delete(value: &Value, operand: &Value) -> Result<Write, Failure> {
    match (value, operand) {
        (Value::Ss(set), Value::Ss(less)) => Ok(nonempty(set - less, Value::Ss)),
        (Value::Ns(set), Value::Ns(less)) => Ok(nonempty(set - less, Value::Ns)),
        (Value::Bs(set), Value::Bs(less)) => Ok(nonempty(set - less, Value::Bs)),
        _ => Err(Failure::WrongType),
    }
}

fn nonempty<T>(set: BTreeSet<T>, value: fn(BTreeSet<T>) -> Value) -> Write {
    (!set.is_empty()).then(|| value(set))
}

impl Assigned {
    fn resident(&self) -> usize {
        size_of::<Assigned>()
            + match self {
                Assigned::Value(value) => resident_value(value),
                Assigned::Path(path) => path.resident(),
                Assigned::Plus(left, right) | Assigned::Minus(left, right) | Assigned::ListAppend(left, right) => {
                    left.resident() + right.resident()
                }
                Assigned::IfNotExists(path, other) => path.resident() + other.resident(),
            }
    }

    fn value(&self, item: &Item) -> Result<Value, Failure> {
        match self {
            Assigned::Value(value) => Ok(value.clone()),
            Assigned::Path(path) => path.get(item).cloned().ok_or(Failure::MissingAttribute),
            Assigned::Plus(left, right) => Ok(Value::N(left.number(item)?.checked_add(right.number(item)?)?)),
            Assigned::Minus(left, right) => Ok(Value::N(left.number(item)?.checked_sub(right.number(item)?)?)),
            Assigned::IfNotExists(path, other) => {
                path.get(item).map_or_else(|| other.value(item), |value| Ok(value.clone()))
            }
            Assigned::ListAppend(first, second) => {
                let mut list = first.list(item)?;
                list.append(&mut second.list(item)?);
                Ok(Value::L(list))
            }
        }
    }

    fn number(&self, item: &Item) -> Result<Number, Failure> {
        match self.value(item)? {
            Value::N(number) => Ok(number),
            _ => Err(Failure::WrongType),
        }
    }

    fn list(&self, item: &Item) -> Result<Vec<Value>, Failure> {
        match self.value(item)? {
            Value::L(list) => Ok(list),
            _ => Err(Failure::WrongType),
        }
    }
}

/// Writes one value, or puts it off where that would move other elements of a list.
fn apply_one(item: &mut Item, path: &Path, write: Write, lists: &mut Lists) {
    let Some((container, last)) = path.parent() else {
        match write {
            Some(value) => drop(item.insert(path.name.clone(), value)),
            None => drop(item.remove(&path.name)),
        }
        return;
    };
    match (container.get_mut(item), last, write) {
        (Some(Value::M(map)), Step::Field(name), Some(value)) => drop(map.insert(name.clone(), value)),
        (Some(Value::M(map)), Step::Field(name), None) => drop(map.remove(name)),
        (Some(Value::L(list)), Step::Index(at), Some(value)) => match list.get_mut(*at) {
            Some(element) => *element = value,
            None => drop(lists.of(container).appended.insert(*at, value)),
        },
        (Some(Value::L(list)), Step::Index(at), None) if *at < list.len() => lists.of(container).removed.push(*at),
        _ => {}
    }
}

/// Elements to remove and append, by list. Indexes mean places before the update, so these wait until every other
/// write is done, and lists within lists go first.
#[derive(Default)]
struct Lists(Vec<(Path, Moves)>);

#[derive(Default)]
struct Moves {
    removed: Vec<usize>,
    /// By the index asked for, all of them past the end.
    appended: BTreeMap<usize, Value>,
}

impl Lists {
    fn of(&mut self, path: Path) -> &mut Moves {
        let at = self.0.iter().position(|(other, _)| *other == path).unwrap_or_else(|| {
            self.0.push((path, Moves::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn apply(mut self, item: &mut Item) {
        self.0.sort_by_key(|(path, _)| std::cmp::Reverse(path.steps.len()));
        for (path, mut moves) in self.0 {
            let Some(Value::L(list)) = path.get_mut(item) else { continue };
            moves.removed.sort_unstable_by(|left, right| right.cmp(left));
            for at in moves.removed {
                list.remove(at);
            }
            list.extend(moves.appended.into_values());
        }
    }
}
