//! WHERE: three-valued logic, and a fourth value for items whose types do not fit. Knows no syntax.

use super::{
    image::{Field, Fields},
    like::Pattern,
    plan::{Kind, Misfit, PathId, What},
};
use item::Value;
use std::cmp::Ordering;

#[derive(Clone, Debug)]
pub(super) enum Predicate {
    Always(bool),
    Compare {
        left: PathId,
        comparison: Comparison,
        right: Operand,
    },
    /// Missing, or of type NULL.
    IsNull(PathId),
    Like(PathId, Pattern),
    /// An attribute by itself.
    Holds(PathId),
    Not(Box<Predicate>),
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Path(PathId),
    /// S, N or BOOL.
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// What a condition says of an item. `Misfit`: it cannot be said, because a type does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
    Misfit(Misfit),
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            other => other,
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    pub fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessEqual => Comparison::GreaterEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterEqual => Comparison::LessEqual,
            same => same,
        }
    }
}

impl Predicate {
    pub fn evaluate(&self, fields: &Fields<'_>) -> Truth {
        let value = |path: &PathId| match fields[usize::from(*path)] {
            None | Some(Field::Other(Kind::Null)) => None,
            other => other,
        };
        match self {
            Predicate::Always(holds) => Truth::from(*holds),
            Predicate::Compare { left, comparison, right } => {
                let right = match right {
                    Operand::Path(path) => value(path),
                    Operand::Value(constant) => Some(Field::from(constant)),
                };
                match value(left).zip(right) {
                    Some((found, right)) => compare(*left, found, *comparison, right),
                    None => Truth::Unknown,
                }
            }
            Predicate::IsNull(path) => Truth::from(value(path).is_none()),
            Predicate::Like(path, pattern) => match value(path) {
                None => Truth::Unknown,
                Some(Field::S(text)) => Truth::from(pattern.matches(text)),
                Some(other) => Truth::Misfit(Misfit::new(*path, What::NotText { actual: other.kind() })),
            },
            Predicate::Holds(path) => match value(path) {
                None => Truth::Unknown,
                Some(Field::Bool(holds)) => Truth::from(holds),
                Some(other) => Truth::Misfit(Misfit::new(*path, What::NotBool { actual: other.kind() })),
            },
            Predicate::Not(inner) => !inner.evaluate(fields),
            Predicate::All(parts) => join(parts, Truth::False, fields),
            Predicate::Any(parts) => join(parts, Truth::True, fields),
        }
    }
}

/// AND (`decisive` false) and OR (`decisive` true): one decisive part decides, whatever is wrong with the others;
/// then a misfit is more telling than an unknown.
fn join(parts: &[Predicate], decisive: Truth, fields: &Fields<'_>) -> Truth {
    let mut result = !decisive;
    for part in parts {
        match (part.evaluate(fields), result) {
            (truth, _) if truth == decisive => return decisive,
            (Truth::Misfit(_), Truth::Misfit(_)) => {}
            (Truth::Misfit(misfit), _) => result = Truth::Misfit(misfit),
            (Truth::Unknown, Truth::True | Truth::False) => result = Truth::Unknown,
            _ => {}
        }
    }
    result
}

fn compare(path: PathId, left: Field<'_>, comparison: Comparison, right: Field<'_>) -> Truth {
    let order = match (left, right) {
        (Field::S(left), Field::S(right)) => left.cmp(right),
        (Field::N(left), Field::N(right)) => left.cmp(&right),
        (Field::B(left), Field::B(right)) => left.cmp(right),
        (Field::Bool(left), Field::Bool(right)) => left.cmp(&right),
        _ => {
            let what = What::Compared { actual: left.kind(), other: right.kind() };
            return Truth::Misfit(Misfit::new(path, what));
        }
    };
    Truth::from(comparison.holds(order))
}
