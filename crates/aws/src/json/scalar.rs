//! Scalars, lists and maps of requests, each refusing other JSON types in AWS's words.

use super::shape::{NOT_A_STRUCTURE, Shape};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// A string, borrowed from the body where it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// `TRUE_VALUE cannot be converted to String`.
pub(super) fn bool_to(value: bool, kind: &str) -> String {
    format!("{} cannot be converted to {kind}", if value { "TRUE_VALUE" } else { "FALSE_VALUE" })
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Shape::<Text<'a>>::visit(input)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Shape<Text<'a>> {
    type Value = Text<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Err(E::custom("NULL_VALUE cannot be converted to String"))
    }

    refuse! {
        bool(|value| bool_to(value, "String"))
        number(|token| format!("{token} cannot be converted to String"))
        list("Unrecognized collection type class java.lang.String")
        map(NOT_A_STRUCTURE)
    }
}

/// A Boolean; the strings that AWS takes for one are taken too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Shape::<Flag>::visit(input)
    }
}

impl<'de> Visitor<'de> for Shape<Flag> {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
        let is = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is(["true", "1", "yes"]) {
            Ok(Flag(true))
        } else if is(["false", "0", "no"]) {
            Ok(Flag(false))
        } else {
            Err(E::custom("Unexpected token received from parser"))
        }
    }

    refuse! {
        number(|token| format!("{token} cannot be converted to Boolean"))
        list("Unrecognized collection type class java.lang.Boolean")
        map(NOT_A_STRUCTURE)
    }
}

/// A whole-number or floating type: fractions are cut off as AWS does.
macro_rules! number {
    ($(#[$meta:meta])* $name:ident($inner:ty), $aws:literal, |$float:ident| $cut:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                Shape::<$name>::visit(input)
            }
        }

        impl<'de> Visitor<'de> for Shape<$name> {
            type Value = $name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<$name, E> {
                Ok($name(value as $inner))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<$name, E> {
                Ok($name(i64::try_from(value).unwrap_or(i64::MAX) as $inner))
            }

            fn visit_f64<E: Error>(self, $float: f64) -> Result<$name, E> {
                Ok($name($cut))
            }

            refuse! {
                bool(|value| bool_to(value, $aws))
                string(concat!("STRING_VALUE cannot be converted to ", $aws))
                list(concat!("Unrecognized collection type class java.lang.", $aws))
                map(NOT_A_STRUCTURE)
            }
        }
    };
}

number!(
    /// A 32-bit whole number at AWS; kept wide here, ranges are checked where it is used.
    Integer(i64), "Integer", |value| value.floor() as i64
);
number!(
    /// A 64-bit whole number.
    Long(i64), "Long", |value| value.floor() as i64
);
number!(
    /// A floating-point number: timestamps in seconds.
    Double(f64), "Double", |value| value
);

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T>(pub Vec<T>);

impl<T> std::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Shape::<List<T>>::visit(input)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Shape<List<T>> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(List(list))
    }

    refuse! {
        bool(|_| "Unexpected field type".to_string())
        number(|_| "Unexpected field type".to_string())
        string("Unexpected field type")
        map(NOT_A_STRUCTURE)
    }
}

/// A map in the order of the body; of a repeated key the last entry counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map<K, T>(pub Vec<(K, T)>);

impl<K, T> std::ops::Deref for Map<K, T> {
    type Target = [(K, T)];

    fn deref(&self) -> &[(K, T)] {
        &self.0
    }
}

impl<'de, K: Deserialize<'de> + Ord, T: Deserialize<'de>> Deserialize<'de> for Map<K, T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(MapVisitor(PhantomData))
    }
}

struct MapVisitor<K, T>(PhantomData<(K, T)>);

impl<'de, K: Deserialize<'de> + Ord, T: Deserialize<'de>> Visitor<'de> for MapVisitor<K, T> {
    type Value = Map<K, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<K, T>, A::Error> {
        let mut map: Vec<(K, T)> = Vec::new();
        while let Some((key, value)) = entries.next_entry::<K, Option<T>>()? {
            if let Some(value) = value {
                map.push((key, value));
            }
        }
        Ok(Map(last_of_each(map)))
    }

    refuse! {
        bool(|_| "Unexpected field type".to_string())
        number(|_| "Unexpected field type".to_string())
        string("Unexpected field type")
        list("Unrecognized collection type java.util.Map")
    }
}

/// Drops the entries whose key comes again later. Sorts places instead of comparing all pairs: a body can hold a
/// million keys.
fn last_of_each<K: Ord, T>(map: Vec<(K, T)>) -> Vec<(K, T)> {
    let mut places: Vec<usize> = (0..map.len()).collect();
    places.sort_by(|&left, &right| map[left].0.cmp(&map[right].0).then(left.cmp(&right)));
    let mut dropped: Vec<usize> =
        places.windows(2).filter(|pair| map[pair[0]].0 == map[pair[1]].0).map(|pair| pair[0]).collect();
    if dropped.is_empty() {
        return map;
    }
    dropped.sort_unstable();
    let kept = |place: &usize| dropped.binary_search(place).is_err();
    map.into_iter().enumerate().filter(|(place, _)| kept(place)).map(|(_, entry)| entry).collect()
}
