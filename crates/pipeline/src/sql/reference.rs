//! A view's query evaluated from scratch: the definition that the incremental fold is compared with.
//!
//! Shares with the fold what an item means (`Evaluated`), and nothing of how contributions add up, are taken back,
//! stored or turned into rows: it keeps all the numbers of a group and adds them at the end.

use super::{
    evaluate::{Evaluated, Outcome, Term},
    image::Image,
    plan::{Aggregate, Plan},
};
use item::{Item, Key, Number, Value, WideSum};
use std::collections::BTreeMap;

/// What a query yields over a set of items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// Rows by encoded key ([`Key::encode`]).
    pub rows: BTreeMap<Vec<u8>, (Key, Item)>,
    /// Items left out, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// A query on its way through its items. Holds every counted argument in memory.
#[derive(Debug, Default)]
pub struct Tally {
    groups: BTreeMap<Vec<u8>, Members>,
    skipped: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Members {
    count: u64,
    /// Empty where the plan has no arguments.
    terms: Vec<Vec<Term>>,
}

impl Tally {
    pub fn add(&mut self, plan: &Plan, item: &Item) {
        let mut evaluated = Evaluated::default();
        evaluated.set(plan, Some(Image::Item(item))).expect("an item in memory is not malformed");
        match evaluated.outcome {
            Outcome::Absent => {}
            Outcome::Misfit(misfit) => *self.skipped.entry(plan.reason(misfit)).or_default() += 1,
            Outcome::Counted => {
                let members = self.groups.entry(evaluated.group).or_default();
                members.count += 1;
                if !evaluated.terms.is_empty() {
                    members.terms.push(evaluated.terms);
                }
            }
        }
    }

    #[must_use]
    pub fn finish(self, plan: &Plan) -> Reference {
        let mut reference = Reference { skipped: self.skipped, ..Reference::default() };
        for (group, members) in self.groups {
            let key = plan.group_key(&group).expect("a counted item's group is a key");
            let mut encoded = Vec::new();
            key.encode(&mut encoded);
            let row = row(plan, &key, &members);
            reference.rows.insert(encoded, (key, row));
        }
        reference
    }
}

/// Evaluates the query over these items.
pub fn evaluate<'a>(plan: &Plan, items: impl IntoIterator<Item = &'a Item>) -> Reference {
    let mut tally = Tally::default();
    items.into_iter().for_each(|item| tally.add(plan, item));
    tally.finish(plan)
}

fn row(plan: &Plan, key: &Key, members: &Members) -> Item {
    let key_attributes = plan.output.attributes(key).into_iter();
    let columns = plan.columns.iter().map(|column| (column.name.clone(), aggregate(column.aggregate, members)));
    key_attributes.chain(columns).collect()
}

fn aggregate(aggregate: Aggregate, members: &Members) -> Value {
    let values =
        |argument: usize| members.terms.iter().map(move |terms| terms[argument]).filter(|term| *term != Term::Null);
    let number = |count: usize| Value::N(Number::from(count as u64));
    let numbers = |argument: usize| {
        values(argument).map(|term| match term {
            Term::Number(number) => number,
            other => unreachable!("SUM and AVG take numbers only, not {other:?}"),
        })
    };
    match aggregate {
        Aggregate::CountAll => Value::N(Number::from(members.count)),
        Aggregate::Count(argument) => number(values(argument).count()),
        Aggregate::Sum(argument) => total(numbers(argument)).map_or(Value::Null, |(sum, _)| visible(sum.rounded())),
        Aggregate::Avg(argument) => total(numbers(argument)).map_or(Value::Null, |(sum, n)| visible(sum.mean(n))),
    }
}

fn total(numbers: impl Iterator<Item = Number>) -> Option<(WideSum, u64)> {
    let mut sum = WideSum::default();
    let count = numbers.inspect(|number| sum.add(*number)).count();
    (count > 0).then_some((sum, count as u64))
}

fn visible(number: Result<Number, item::NumberError>) -> Value {
    match number {
        Ok(number) => Value::N(number),
        Err(item::NumberError::Underflow) => Value::N(Number::ZERO),
        Err(_) => Value::Null,
    }
}
