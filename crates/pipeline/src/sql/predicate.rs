//! WHERE: three-valued logic, and a fourth value for items whose types do not fit. Knows no syntax.

use super::{
    like::Pattern,
    plan::{Kind, Misfit, Path, PathId, What},
};
use item::{Item, Value};
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
    pub fn evaluate(&self, item: &Item, paths: &[Path]) -> Truth {
        let value = |path: &PathId| match paths[usize::from(*path)].get(item) {
            None | Some(Value::Null) => None,
            other => other,
        };
        match self {
            Predicate::Always(holds) => Truth::from(*holds),
            Predicate::Compare { left, comparison, right } => {
                let right = match right {
                    Operand::Path(path) => value(path),
                    Operand::Value(constant) => Some(constant),
                };
                match value(left).zip(right) {
                    Some((found, right)) => compare(*left, found, *comparison, right),
                    None => Truth::Unknown,
                }
            }
            Predicate::IsNull(path) => Truth::from(value(path).is_none()),
            Predicate::Like(path, pattern) => match value(path) {
                None => Truth::Unknown,
                Some(Value::S(text)) => Truth::from(pattern.matches(text)),
                Some(other) => Truth::Misfit(Misfit::new(*path, What::NotText { actual: Kind::of(other) })),
            },
            Predicate::Holds(path) => match value(path) {
                None => Truth::Unknown,
                Some(Value::Bool(holds)) => Truth::from(*holds),
                Some(other) => Truth::Misfit(Misfit::new(*path, What::NotBool { actual: Kind::of(other) })),
            },
            Predicate::Not(inner) => !inner.evaluate(item, paths),
            Predicate::All(parts) => join(parts, Truth::False, item, paths),
            Predicate::Any(parts) => join(parts, Truth::True, item, paths),
        }
    }
}

/// AND (`decisive` false) and OR (`decisive` true): one decisive part decides, whatever is wrong with the others;
/// then a misfit is more telling than an unknown.
fn join(parts: &[Predicate], decisive: Truth, item: &Item, paths: &[Path]) -> Truth {
    let mut result = !decisive;
    for part in parts {
        match (part.evaluate(item, paths), result) {
            (truth, _) if truth == decisive => return decisive,
            (Truth::Misfit(_), Truth::Misfit(_)) => {}
            (Truth::Misfit(misfit), _) => result = Truth::Misfit(misfit),
            (Truth::Unknown, Truth::True | Truth::False) => result = Truth::Unknown,
            _ => {}
        }
    }
    result
}

fn compare(path: PathId, left: &Value, comparison: Comparison, right: &Value) -> Truth {
    let order = match (left, right) {
        (Value::S(left), Value::S(right)) => left.cmp(right),
        (Value::N(left), Value::N(right)) => left.cmp(right),
        (Value::B(left), Value::B(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => {
            let what = What::Compared { actual: Kind::of(left), other: Kind::of(right) };
            return Truth::Misfit(Misfit::new(path, what));
        }
    };
    Truth::from(comparison.holds(order))
}
