//! What one item contributes to a view: its group and the numbers for it. The hot loop; knows only plan and item.

use super::{
    plan::{Argument, KeyColumn, KeySource, Kind, Misfit, Path, Plan, What},
    predicate::Truth,
};
use item::{Item, Key, KeyKind, KeySchema, KeyValue, Number, Value};

/// An item's contribution; reused from item to item, so that the hot loop allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    pub outcome: Outcome,
    /// The group's key values in the output's order: numbers in their ordered form, others as length (u16
    /// big-endian) and bytes. Empty unless counted.
    pub group: Vec<u8>,
    /// One per argument of the plan. Empty unless counted.
    pub terms: Vec<Term>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// There is no item, or WHERE does not hold for it.
    #[default]
    Absent,
    Counted,
    /// Does not fit: left out and counted by reason.
    Misfit(Misfit),
}

/// The value of an aggregate's argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Missing or NULL: not counted.
    Null,
    /// There, and only counted.
    Present,
    Number(Number),
}

impl Evaluated {
    /// Evaluates an item, or its absence.
    pub fn set(&mut self, plan: &Plan, item: Option<&Item>) {
        self.group.clear();
        self.terms.clear();
        self.outcome = match item.map(|item| self.count_item(plan, item)) {
            None | Some(Ok(false)) => Outcome::Absent,
            Some(Ok(true)) => return self.outcome = Outcome::Counted,
            Some(Err(misfit)) => Outcome::Misfit(misfit),
        };
        self.group.clear();
        self.terms.clear();
    }

    fn count_item(&mut self, plan: &Plan, item: &Item) -> Result<bool, Misfit> {
        if let Some(filter) = &plan.filter {
            match filter.evaluate(item, &plan.paths) {
                Truth::True => {}
                Truth::False | Truth::Unknown => return Ok(false),
                Truth::Misfit(misfit) => return Err(misfit),
            }
        }
        for column in &plan.key {
            encode_column(column, &plan.paths, item, &mut self.group)?;
        }
        for argument in &plan.arguments {
            self.terms.push(term(*argument, &plan.paths, item)?);
        }
        Ok(true)
    }
}

fn encode_column(column: &KeyColumn, paths: &[Path], item: &Item, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let path = match &column.from {
        KeySource::Constant(KeyValue::S(text)) => return put_bytes(text.as_bytes(), out),
        KeySource::Constant(KeyValue::B(bytes)) => return put_bytes(bytes, out),
        KeySource::Constant(KeyValue::N(number)) => return put_number(*number, out),
        KeySource::Path(path) => *path,
    };
    let misfit = |what| Err(Misfit::new(path, what));
    let bytes = match (column.kind, paths[usize::from(path)].get(item)) {
        (KeyKind::S, Some(Value::S(text))) => text.as_bytes(),
        (KeyKind::B, Some(Value::B(bytes))) => bytes,
        (KeyKind::N, Some(Value::N(number))) => return put_number(*number, out),
        (_, None) => return misfit(What::Missing),
        (kind, Some(other)) => return misfit(What::GroupKind { actual: Kind::of(other), wanted: kind.into() }),
    };
    match bytes.len() {
        0 => misfit(What::Empty),
        length if length > column.bytes_max => misfit(What::TooLong),
        _ => put_bytes(bytes, out),
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Misfit> {
    let length = u16::try_from(bytes.len()).expect("a key value has at most 2048 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_number(number: Number, out: &mut Vec<u8>) -> Result<(), Misfit> {
    number.encode_ordered(out);
    Ok(())
}

fn term(argument: Argument, paths: &[Path], item: &Item) -> Result<Term, Misfit> {
    match paths[usize::from(argument.path)].get(item) {
        None | Some(Value::Null) => Ok(Term::Null),
        Some(_) if !argument.number => Ok(Term::Present),
        Some(Value::N(number)) => Ok(Term::Number(*number)),
        Some(other) => Err(Misfit::new(argument.path, What::NotNumber { actual: Kind::of(other) })),
    }
}

/// The key whose values [`Evaluated::group`] holds; `None` for other bytes.
pub(super) fn decode_group(schema: &KeySchema, group: &[u8]) -> Option<Key> {
    let (partition, rest) = decode_value(schema.partition.kind, group)?;
    let (sort, rest) = match &schema.sort {
        Some(sort) => decode_value(sort.kind, rest).map(|(value, rest)| (Some(value), rest))?,
        None => (None, rest),
    };
    rest.is_empty().then_some(Key { partition, sort })
}

fn decode_value(kind: KeyKind, bytes: &[u8]) -> Option<(KeyValue, &[u8])> {
    if kind == KeyKind::N {
        return Number::decode_ordered(bytes).map(|(number, rest)| (KeyValue::N(number), rest));
    }
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let value = match kind {
        KeyKind::S => KeyValue::S(std::str::from_utf8(value).ok()?.to_string()),
        _ => KeyValue::B(value.to_vec()),
    };
    Some((value, rest))
}
