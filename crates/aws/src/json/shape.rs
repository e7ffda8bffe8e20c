//! Structures: the `shape!` macro, which makes a request structure and its decoding from one list of fields, and the
//! entry point that tells malformed JSON from JSON of the wrong types.

use serde::de::{Deserialize, Deserializer};
use std::marker::PhantomData;

/// Why a body is not a request. `message` is AWS's, or `None` where AWS gives none (malformed JSON).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub message: Option<String>,
}

/// Decodes a whole body.
pub(crate) fn decode<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Malformed> {
    let mut input = serde_json::Deserializer::from_slice(body);
    let decoded = T::deserialize(&mut input).and_then(|value| input.end().map(|()| value));
    decoded.map_err(|error| {
        if !error.is_data() {
            return Malformed { message: None };
        }
        // serde_json appends where it stood; the visitors' own words come before.
        let text = error.to_string();
        let words = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        Malformed { message: Some(words.to_string()) }
    })
}

/// The visitor of every structure and scalar: what is decoded is in the type.
pub(crate) struct Shape<T>(PhantomData<T>);

impl<T> Shape<T> {
    pub fn visit<'de, D>(input: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        Shape<T>: serde::de::Visitor<'de, Value = T>,
    {
        input.deserialize_any(Shape(PhantomData))
    }
}

/// JSON kinds that a visitor refuses, in AWS's words.
macro_rules! refuse {
    ($(bool($b:expr))? $(number($n:expr))? $(string($s:expr))? $(list($l:expr))? $(map($m:expr))?) => {
        $(
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
                let words: fn(bool) -> String = $b;
                Err(E::custom(words(value)))
            }
        )?
        $(
            fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
                let words: fn(&str) -> String = $n;
                Err(E::custom(words("NUMBER_VALUE")))
            }
            fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
                let words: fn(&str) -> String = $n;
                Err(E::custom(words("NUMBER_VALUE")))
            }
            fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
                let words: fn(&str) -> String = $n;
                Err(E::custom(words("DECIMAL_VALUE")))
            }
        )?
        $(
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(E::custom($s))
            }
        )?
        $(
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
                Err(serde::de::Error::custom($l))
            }
        )?
        $(
            fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
                Err(serde::de::Error::custom($m))
            }
        )?
    };
}

/// What AWS says of a structure where something else was expected.
pub(crate) const NOT_A_STRUCTURE: &str = "Start of structure or map found where not expected";

/// A request structure: every field optional (`null` is absent), unknown fields ignored, of repeated ones the last
/// counts. DynamoDB names the structure in complaints, so its name is AWS's, and where it stands (`request`, `member`,
/// `field`) decides AWS's words for a scalar in its place; `plain` ones are other services'.
macro_rules! shape {
    ($(#[$meta:meta])* $name:ident $(<$life:lifetime>)? ($place:ident) { $($wire:literal => $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name $(<$life>)? {
            $(pub $field: Option<$type>,)*
        }

        impl<'de $(: $life, $life)?> serde::de::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::de::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                $crate::json::Shape::<Self>::visit(input)
            }
        }

        impl<'de $(: $life, $life)?> serde::de::Visitor<'de> for $crate::json::Shape<$name $(<$life>)?> {
            type Value = $name $(<$life>)?;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }

            refuse! {
                bool(|_| shape!(@scalar $place).to_string())
                number(|_| shape!(@scalar $place).to_string())
                string(shape!(@scalar $place))
                list(shape!(@list $place $name))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut shape = $name::default();
                while let Some(key) = fields.next_key::<$crate::json::Text<'de>>()? {
                    match key.as_str() {
                        $($wire => shape.$field = fields.next_value()?,)*
                        _ => { fields.next_value::<serde::de::IgnoredAny>()?; }
                    }
                }
                Ok(shape)
            }
        }
    };
    (@list plain $name:ident) => { "Start of list found where not expected" };
    (@list $place:ident $name:ident) => {
        concat!("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.", stringify!($name))
    };
    (@scalar plain) => { "Unexpected value type in payload" };
    (@scalar request) => { "Unexpected value type in payload" };
    (@scalar member) => { "Unexpected value type in payload" };
    (@scalar field) => { "Unexpected field type" };
}
