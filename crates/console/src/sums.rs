//! Sums of one attribute by another over a table's items, exact under change and retraction. Pure.

use crate::cell::{CELL_CHARS_MAX, text};
use item::{Item, Number, Value, WideSum};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Groups kept apart; items of further ones are summed up together.
pub const GROUPS_MAX: usize = 1_000;
/// Groups that a frame names, the largest ones.
const BARS_MAX: usize = 40;

/// `value` summed by `group`.
#[derive(Debug, Default)]
pub struct Sums {
    group: String,
    value: String,
    groups: BTreeMap<String, Group>,
    /// Items of groups beyond [`GROUPS_MAX`].
    rest: Group,
    total: WideSum,
}

#[derive(Debug, Default)]
struct Group {
    sum: WideSum,
    items: u64,
}

impl Sums {
    pub fn new(group: &str, value: &str) -> Sums {
        Sums { group: group.to_owned(), value: value.to_owned(), ..Sums::default() }
    }

    /// An item that is there now.
    pub fn add(&mut self, item: &Item) {
        let Some((label, number)) = self.parts(item) else { return };
        self.total.add(number);
        // Once the rest is in use no group is admitted any more: a name is never in both.
        let full = self.groups.len() >= GROUPS_MAX || self.rest.items > 0;
        let group = if full && !self.groups.contains_key(&label) {
            &mut self.rest
        } else {
            self.groups.entry(label).or_default()
        };
        group.sum.add(number);
        group.items += 1;
    }

    /// An item that was counted and is there no more.
    pub fn remove(&mut self, item: &Item) {
        let Some((label, number)) = self.parts(item) else { return };
        self.total.subtract(number);
        let Some(group) = self.groups.get_mut(&label) else {
            self.rest.sum.subtract(number);
            self.rest.items = self.rest.items.saturating_sub(1);
            return;
        };
        group.sum.subtract(number);
        group.items -= 1;
        if group.items == 0 {
            self.groups.remove(&label);
        }
    }

    /// The item's group and number; an item without either is in no group.
    fn parts(&self, item: &Item) -> Option<(String, Number)> {
        let Some(Value::N(number)) = item.get(&self.value) else { return None };
        Some((text(item.get(&self.group)?, CELL_CHARS_MAX), *number))
    }

    /// `{total, rows: [{label, value, part}], more}`: the largest groups first, `part` of the largest one;
    /// numbers are exact and therefore strings.
    pub fn frame(&self) -> Json {
        let mut sorted: Vec<(&str, Option<Number>)> =
            self.groups.iter().map(|(label, group)| (label.as_str(), group.sum.rounded().ok())).collect();
        sorted.sort_by(|(label, value), (other_label, other)| other.cmp(value).then(label.cmp(other_label)));
        let largest = sorted.first().and_then(|(_, value)| *value).map_or(0.0, Number::to_f64);
        let rows: Vec<Json> = sorted
            .iter()
            .take(BARS_MAX)
            .map(|(label, value)| json!({ "label": label, "value": shown(*value), "part": part(*value, largest) }))
            .collect();
        let mut more = WideSum::default();
        let unnamed = sorted.iter().skip(BARS_MAX).filter_map(|(_, value)| *value);
        unnamed.chain(self.rest.sum.rounded()).for_each(|number| more.add(number));
        let groups = sorted.len().saturating_sub(BARS_MAX);
        let further = groups > 0 || self.rest.items > 0;
        json!({
            "total": shown(self.total.rounded().ok()),
            "rows": rows,
            "more": further.then(|| json!({
                "groups": groups, "uncounted": self.rest.items > 0, "value": shown(more.rounded().ok()),
            })),
        })
    }
}

fn shown(value: Option<Number>) -> String {
    value.map_or_else(|| "out of range".to_owned(), |number| number.to_string())
}

/// Length of a bar, 0 to 1, to four digits: a frame that shows the same is the same.
fn part(value: Option<Number>, largest: f64) -> f64 {
    let part = value.map_or(0.0, Number::to_f64) / largest;
    if part.is_finite() { (part.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    fn row(region: &str, improvement: &str, total: &str) -> Item {
        let mut item: Item = [("region", region), ("improvement", improvement)]
            .into_iter()
            .map(|(name, text)| (name, Value::S(text.into())))
            .collect();
        item.insert("total_votes", Value::N(Number::parse(total).expect("a number")));
        item
    }

    #[test]
    fn the_largest_group_comes_first_and_numbers_stay_exact() {
        let mut sums = Sums::new("region", "total_votes");
        sums.add(&row("SOUTH", "TREES", "2"));
        sums.add(&row("SOUTH", "LIGHTS", "0.5"));
        sums.add(&row("NORTH", "TREES", "90000000000000000000000000000000000001"));
        sums.add(&row("EAST", "TREES", "1"));
        sums.remove(&row("EAST", "TREES", "1"));
        sums.add(&Item::new());
        expect![[r#"{"more":null,"rows":[{"label":"NORTH","part":1.0,"value":"90000000000000000000000000000000000001"},{"label":"SOUTH","part":0.0,"value":"2.5"}],"total":"90000000000000000000000000000000000004"}"#]]
            .assert_eq(&sums.frame().to_string());
    }

    #[test]
    fn groups_beyond_the_limit_are_summed_together_and_taken_back() {
        let mut sums = Sums::new("region", "total_votes");
        let rows: Vec<Item> = (0..GROUPS_MAX + 5).map(|index| row(&format!("R{index:04}"), "TREES", "1")).collect();
        rows.iter().for_each(|row| sums.add(row));
        assert_eq!(sums.frame()["total"], (GROUPS_MAX + 5).to_string());
        assert_eq!(sums.frame()["more"]["uncounted"], true);
        // A kept group goes and comes back while the rest is in use: counted with the rest, and exact.
        sums.remove(&rows[0]);
        sums.add(&rows[0]);
        rows.iter().for_each(|row| sums.remove(row));
        expect![[r#"{"more":null,"rows":[],"total":"0"}"#]].assert_eq(&sums.frame().to_string());
    }

    proptest! {
        #[test]
        fn any_order_of_changes_ends_at_a_recount(changes in prop::collection::vec((0..12usize, 0..5usize, -3..40i64), 0..200)) {
            let mut followed = Sums::new("region", "total_votes");
            let mut items: BTreeMap<usize, Item> = BTreeMap::new();
            for (id, region, total) in changes {
                if let Some(old) = items.remove(&id) {
                    followed.remove(&old);
                }
                if total >= 0 {
                    let new = row(&format!("R{region}"), "TREES", &total.to_string());
                    followed.add(&new);
                    items.insert(id, new);
                }
            }
            let mut recount = Sums::new("region", "total_votes");
            items.values().for_each(|item| recount.add(item));
            prop_assert_eq!(followed.frame(), recount.frame());
        }
    }
}
