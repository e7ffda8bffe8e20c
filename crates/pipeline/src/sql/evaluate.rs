//! What one item contributes to a view: its group and the numbers for it. The hot loop; knows only plan and item.

use super::{
    image::{Field, Fields, Image},
    plan::{Argument, KeyColumn, KeySource, Kind, Misfit, Plan, What},
    predicate::Truth,
};
use item::{Key, KeyKind, KeySchema, KeyValue, Number, codec::DecodeError};

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

/// Paths of most queries; more than these take an allocation per item.
const FEW_PATHS: usize = 12;

impl Evaluated {
    /// Evaluates an item, or its absence.
    ///
    /// # Errors
    /// When stored bytes are malformed.
    pub fn set(&mut self, plan: &Plan, image: Option<Image<'_>>) -> Result<(), DecodeError> {
        self.group.clear();
        self.terms.clear();
        self.outcome = Outcome::Absent;
        let Some(image) = image else { return Ok(()) };
        let (mut few, mut many);
        let fields: &mut Fields<'_> = match plan.paths.len() {
            count @ ..=FEW_PATHS => {
                few = [None; FEW_PATHS];
                &mut few[..count]
            }
            count => {
                many = vec![None; count];
                &mut many
            }
        };
        image.fields(&plan.paths, &plan.order, fields)?;
        self.outcome = match self.count(plan, fields) {
            Ok(true) => Outcome::Counted,
            Ok(false) => Outcome::Absent,
            Err(misfit) => Outcome::Misfit(misfit),
        };
        if self.outcome != Outcome::Counted {
            self.group.clear();
            self.terms.clear();
        }
        Ok(())
    }

    fn count(&mut self, plan: &Plan, fields: &Fields<'_>) -> Result<bool, Misfit> {
        match plan.filter.as_ref().map(|filter| filter.evaluate(fields)) {
            None | Some(Truth::True) => {}
            Some(Truth::False | Truth::Unknown) => return Ok(false),
            Some(Truth::Misfit(misfit)) => return Err(misfit),
        }
        for column in &plan.key {
            encode_column(column, fields, &mut self.group)?;
        }
        for argument in &plan.arguments {
            self.terms.push(term(*argument, fields)?);
        }
        Ok(true)
    }
}

fn encode_column(column: &KeyColumn, fields: &Fields<'_>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let path = match &column.from {
        KeySource::Path(path) => *path,
        KeySource::Constant(constant) => {
            match constant {
                KeyValue::S(text) => put_bytes(text.as_bytes(), out),
                KeyValue::B(bytes) => put_bytes(bytes, out),
                KeyValue::N(number) => number.encode_ordered(out),
            }
            return Ok(());
        }
    };
    let misfit = |what| Err(Misfit::new(path, what));
    let bytes = match (column.kind, fields[usize::from(path)]) {
        (KeyKind::S, Some(Field::S(text))) => text.as_bytes(),
        (KeyKind::B, Some(Field::B(bytes))) => bytes,
        (KeyKind::N, Some(Field::N(number))) => {
            number.encode_ordered(out);
            return Ok(());
        }
        (_, None) => return misfit(What::Missing),
        (kind, Some(other)) => return misfit(What::GroupKind { actual: other.kind(), wanted: kind.into() }),
    };
    match bytes.len() {
        0 => misfit(What::Empty),
        length if length > column.bytes_max => misfit(What::TooLong),
        _ => {
            put_bytes(bytes, out);
            Ok(())
        }
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(bytes.len()).expect("a key value has at most 2048 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

fn term(argument: Argument, fields: &Fields<'_>) -> Result<Term, Misfit> {
    match fields[usize::from(argument.path)] {
        None | Some(Field::Other(Kind::Null)) => Ok(Term::Null),
        Some(_) if !argument.number => Ok(Term::Present),
        Some(Field::N(number)) => Ok(Term::Number(number)),
        Some(other) => Err(Misfit::new(argument.path, What::NotNumber { actual: other.kind() })),
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
