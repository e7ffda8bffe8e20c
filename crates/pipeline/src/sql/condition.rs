//! WHERE from syntax to [`Predicate`], refusing what it does not know.

use super::{
    like::Pattern,
    planner::{Planner, literal},
    predicate::{Comparison, Operand, Predicate},
};
use item::Value;
use sqlparser::ast::{self, BinaryOperator, Expr, Spanned, UnaryOperator, ValueWithSpan};

impl Planner<'_> {
    pub(super) fn predicate(&mut self, expr: &Expr) -> Option<Predicate> {
        match expr {
            Expr::Nested(inner) => self.predicate(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Some(Predicate::Not(Box::new(self.predicate(expr)?))),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => {
                self.chain(expr, &BinaryOperator::And).map(Predicate::All)
            }
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => self.chain(expr, &BinaryOperator::Or).map(Predicate::Any),
            Expr::BinaryOp { left, op, right } => match comparison(op) {
                Some(comparison) => self.compare(left, comparison, right),
                None => self.unknown(expr, &format!("the operator {op} is not supported in WHERE")),
            },
            Expr::IsNull(inner) => Some(Predicate::IsNull(self.attribute(inner, "IS NULL")?)),
            Expr::IsNotNull(inner) => {
                let inner = Predicate::IsNull(self.attribute(inner, "IS NOT NULL")?);
                Some(Predicate::Not(Box::new(inner)))
            }
            Expr::InList { expr, list, negated } => {
                let parts = list.iter().map(|value| self.compare(expr, Comparison::Equal, value)).collect::<Vec<_>>();
                negate_if(*negated, Predicate::Any(parts.into_iter().collect::<Option<_>>()?))
            }
            Expr::Between { expr, negated, low, high } => {
                let low = self.compare(expr, Comparison::GreaterEqual, low);
                let high = self.compare(expr, Comparison::LessEqual, high);
                negate_if(*negated, Predicate::All(vec![low?, high?]))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                negate_if(*negated, self.like(expr, pattern, escape_char.as_deref())?)
            }
            Expr::Value(ValueWithSpan { value: ast::Value::Boolean(holds), .. }) => Some(Predicate::Always(*holds)),
            other => match self.path(other) {
                Some(path) => Some(Predicate::Holds(path)),
                None => self.unsupported(other),
            },
        }
    }

    /// `a AND b AND c` hangs to the left, one level per operator: walked in a loop.
    fn chain(&mut self, expr: &Expr, wanted: &BinaryOperator) -> Option<Vec<Predicate>> {
        let mut parts = Vec::new();
        let mut at = expr;
        while let Expr::BinaryOp { left, op, right } = at
            && op == wanted
        {
            parts.push(&**right);
            at = left;
        }
        parts.push(at);
        // Every part is looked at before giving up, so that all complaints are heard.
        let parts: Vec<_> = parts.into_iter().rev().map(|part| self.predicate(part)).collect();
        parts.into_iter().collect()
    }

    fn compare(&mut self, left: &Expr, comparison: Comparison, right: &Expr) -> Option<Predicate> {
        for side in [left, right] {
            if let Expr::Value(ValueWithSpan { value: ast::Value::Null, span }) = side {
                self.refuse_with_help(
                    span.start,
                    "nothing is equal to NULL, or less or greater",
                    "use IS NULL or IS NOT NULL",
                );
                return None;
            }
        }
        let left_operand = self.operand(left);
        let right_operand = self.operand(right);
        match (left_operand?, right_operand?) {
            (Operand::Path(left), right) => Some(Predicate::Compare { left, comparison, right }),
            (value, Operand::Path(path)) => {
                Some(Predicate::Compare { left: path, comparison: comparison.flipped(), right: value })
            }
            _ => self.unknown(left, "this compares two constants"),
        }
    }

    fn operand(&mut self, expr: &Expr) -> Option<Operand> {
        if let Some(path) = self.path(expr) {
            return Some(Operand::Path(path));
        }
        if let Some(value) = literal(expr) {
            return Some(Operand::Value(value));
        }
        let before = self.found.len();
        self.check_number(expr);
        if self.found.len() > before { None } else { self.unsupported(expr) }
    }

    fn attribute(&mut self, expr: &Expr, what: &str) -> Option<super::plan::PathId> {
        let path = self.path(expr);
        if path.is_none() {
            self.refuse(expr.span().start, format!("{what} takes an attribute"));
        }
        path
    }

    fn like(&mut self, expr: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Option<Predicate> {
        let path = self.attribute(expr, "LIKE");
        let Some(Value::S(text)) = literal(pattern) else {
            return self.unknown(pattern, "the pattern of LIKE must be a string");
        };
        let escape = match escape.map(literal) {
            None => Some('\\'),
            Some(Some(Value::S(escape))) if escape.chars().count() <= 1 => escape.chars().next(),
            Some(_) => return self.unknown(pattern, "ESCAPE takes one character"),
        };
        match Pattern::parse(&text, escape) {
            Ok(pattern) => Some(Predicate::Like(path?, pattern)),
            Err(_) => self.unknown(pattern, "the pattern ends with its escape character"),
        }
    }

    fn unsupported<T>(&mut self, expr: &Expr) -> Option<T> {
        let why = match expr {
            Expr::Subquery(_)
            | Expr::Exists { .. }
            | Expr::InSubquery { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. } => {
                "subqueries cannot be maintained: a change in another table would change which items count"
            }
            Expr::Function(_) => "functions are not supported in WHERE",
            Expr::BinaryOp { .. } | Expr::UnaryOp { .. } => "arithmetic is not supported in WHERE",
            Expr::ILike { .. } => "ILIKE is not supported: LIKE heeds upper and lower case",
            Expr::CompoundFieldAccess { .. } => "list elements are not supported: a.b names a member of a map",
            _ => "this is not supported in WHERE: it takes comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL and LIKE",
        };
        self.unknown(expr, why)
    }

    fn unknown<T>(&mut self, expr: &Expr, why: &str) -> Option<T> {
        self.refuse(expr.span().start, why);
        None
    }
}

fn negate_if(negated: bool, predicate: Predicate) -> Option<Predicate> {
    Some(if negated { Predicate::Not(Box::new(predicate)) } else { predicate })
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    match op {
        BinaryOperator::Eq => Some(Comparison::Equal),
        BinaryOperator::NotEq => Some(Comparison::NotEqual),
        BinaryOperator::Lt => Some(Comparison::Less),
        BinaryOperator::LtEq => Some(Comparison::LessEqual),
        BinaryOperator::Gt => Some(Comparison::Greater),
        BinaryOperator::GtEq => Some(Comparison::GreaterEqual),
        _ => None,
    }
}
