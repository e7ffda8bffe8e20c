//! The ten attribute types and the item, a map of attributes sorted by name. Knows no wire or stored form.

use crate::Number;
use std::collections::BTreeSet;

/// Levels of lists and maps within one another that DynamoDB stores. See [`Value::depth`].
pub const NESTING_MAX: usize = 32;

/// One attribute value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    S(String),
    N(Number),
    B(Vec<u8>),
    Bool(bool),
    Null,
    /// String set; never empty.
    Ss(BTreeSet<String>),
    /// Number set; never empty.
    Ns(BTreeSet<Number>),
    /// Binary set; never empty.
    Bs(BTreeSet<Vec<u8>>),
    L(Vec<Value>),
    M(Item),
}

impl Value {
    /// DynamoDB's type code: `S`, `N`, `B`, `BOOL`, `NULL`, `SS`, `NS`, `BS`, `L`, `M`.
    #[must_use]
    pub fn type_code(&self) -> &'static str {
        match self {
            Value::S(_) => "S",
            Value::N(_) => "N",
            Value::B(_) => "B",
            Value::Bool(_) => "BOOL",
            Value::Null => "NULL",
            Value::Ss(_) => "SS",
            Value::Ns(_) => "NS",
            Value::Bs(_) => "BS",
            Value::L(_) => "L",
            Value::M(_) => "M",
        }
    }

    /// Levels of nesting: 0 for scalars and sets, otherwise one more than the deepest element.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Value::L(list) => 1 + list.iter().map(Value::depth).max().unwrap_or(0),
            Value::M(map) => 1 + map.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// A map of attributes, sorted by name (UTF-8 byte order), names unique. Also the value of an `M` attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item(Vec<(String, Value)>);

impl Item {
    #[must_use]
    pub fn new() -> Item {
        Item::default()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.find(name).ok().map(|at| &self.0[at].1)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.find(name).ok().map(|at| &mut self.0[at].1)
    }

    /// Sets an attribute; answers the value it replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.find(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.find(name).ok().map(|at| self.0.remove(at).1)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes the attributes for which `keep` says no.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// From attributes already sorted by name and unique.
    pub(crate) fn from_sorted(attributes: Vec<(String, Value)>) -> Item {
        debug_assert!(attributes.is_sorted_by(|(left, _), (right, _)| left < right));
        Item(attributes)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }
}

impl IntoIterator for Item {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Item {
    /// Where a name stands twice, the last one counts.
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Item {
        let mut sorted: Vec<(String, Value)> =
            attributes.into_iter().map(|(name, value)| (name.into(), value)).collect();
        // Stable, so that of equal names the last one is the last; each moves into the place of the one before.
        sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
        sorted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                std::mem::swap(&mut next.1, &mut kept.1);
            }
            same
        });
        Item(sorted)
    }
}

#[cfg(test)]
pub(crate) use tests::any_item;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::any_number;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            ".{0,12}".prop_map(Value::S),
            any_number().prop_map(Value::N),
            vec(any::<u8>(), 0..12).prop_map(Value::B),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
            btree_set(".{0,3}", 1..4).prop_map(Value::Ss),
            btree_set(any_number(), 1..4).prop_map(Value::Ns),
            btree_set(vec(any::<u8>(), 0..4), 1..4).prop_map(Value::Bs),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            let attribute = ("[a-c]{0,2}", inner.clone());
            prop_oneof![
                vec(inner, 0..4).prop_map(Value::L),
                vec(attribute, 0..4).prop_map(|attributes| Value::M(attributes.into_iter().collect())),
            ]
        })
    }

    pub(crate) fn any_item() -> impl Strategy<Value = Item> {
        vec(("[a-f]{1,2}|.{1,5}", any_value()), 0..6).prop_map(|attributes| attributes.into_iter().collect())
    }

    #[test]
    fn of_equal_names_the_last_one_counts() {
        let item: Item = [("b", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)]
            .into_iter()
            .map(|(name, value)| (name, Value::N(Number::from(value as i64))))
            .collect();
        let expected =
            Item(vec![("a".into(), Value::N(Number::from(4i64))), ("b".into(), Value::N(Number::from(5i64)))]);
        assert_eq!(item, expected);
    }
}
