//! Attribute values: from `{"S":"..."}` straight to `item::Value`.
//!
//! A value of the wrong JSON type is a malformed request and ends the decoding; a value that is well formed but not
//! allowed (a number of 39 digits, an empty set) is remembered, because AWS complains of it only after it has checked
//! the other parameters.

use super::{
    Flag, Text,
    shape::{NOT_A_STRUCTURE, Shape},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use item::{Item, NESTING_MAX, Number, NumberError, Value};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The attributes of an `Item`, `Key` or `ExclusiveStartKey`, and what AWS would say of the first value that is not
/// allowed.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub item: Item,
    pub fault: Option<ValueFault>,
}

/// `ExpressionAttributeValues`.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub values: BTreeMap<String, Value>,
    /// With the name of the value.
    pub fault: Option<(String, ValueFault)>,
}

/// One attribute value by itself, as the parameters of before expressions have it.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub value: Value,
    pub fault: Option<ValueFault>,
}

/// Which of AWS's two layers of validation an operation runs: they word the same fault differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// PutItem, UpdateItem, DeleteItem: within `1 validation error detected: `.
    Enveloped,
    /// GetItem, BatchGetItem, Query, TransactWriteItems, TransactGetItems.
    Bare,
    /// BatchWriteItem and Scan.
    Older,
}

/// Why a well-formed value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueFault {
    /// No type at all.
    Empty,
    /// More than one type.
    Several,
    Number(NumberError, String),
    NullFalse,
    EmptySet(&'static str),
    /// The set as sent.
    Duplicates(&'static str, Vec<String>),
    Nesting,
    EmptyName,
}

const INVALID: &str = "One or more parameter values were invalid: ";

impl ValueFault {
    /// AWS's words.
    pub fn words(&self, layer: Layer) -> String {
        match self {
            ValueFault::Empty => {
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_string()
            }
            ValueFault::Several => "Supplied AttributeValue has more than one datatypes set, must contain exactly one \
                                    of the supported datatypes"
                .to_string(),
            ValueFault::Number(NumberError::Format, text) if text.is_empty() && layer != Layer::Older => {
                "The parameter cannot be converted to a numeric value: ".to_string()
            }
            ValueFault::Number(error, text) => error.aws_message(text),
            ValueFault::NullFalse => format!("{INVALID}Null attribute value types must have the value of true"),
            // Two spaces are AWS's.
            ValueFault::EmptySet("SS") => format!("{INVALID}An string set  may not be empty"),
            ValueFault::EmptySet("NS") => format!("{INVALID}An number set  may not be empty"),
            ValueFault::EmptySet(_) => format!("{INVALID}Binary sets should not be empty"),
            ValueFault::Duplicates(kind, members) => duplicates(kind, members, layer),
            ValueFault::Nesting => "Nesting Levels have exceeded supported limits: Attributes in the item have nested \
                                    levels beyond supported limit"
                .to_string(),
            ValueFault::EmptyName => "Empty attribute name".to_string(),
        }
    }
}

/// The older layer prints the members as sent; the newer one quotes them, sorted up to the first repeat.
fn duplicates(kind: &str, members: &[String], layer: Layer) -> String {
    if kind == "NS" {
        return match layer {
            Layer::Older => "Input collection contains duplicates".to_string(),
            Layer::Enveloped | Layer::Bare => format!("{INVALID}Input collection contains duplicates."),
        };
    }
    let of_type = if kind == "BS" { "of type BS contains" } else { " contains" };
    if layer == Layer::Older {
        return format!("{INVALID}Input collection [{}]{of_type} duplicates.", members.join(", "));
    }
    let mut seen = BTreeSet::new();
    let repeat = members.iter().position(|member| !seen.insert(member)).unwrap_or(members.len());
    let mut listed: Vec<&String> = members.iter().collect();
    match kind {
        // In the order of the bytes, not of their text.
        "BS" => listed[..repeat].sort_by_cached_key(|member| STANDARD.decode(member).unwrap_or_default()),
        _ => listed[..repeat].sort(),
    }
    let listed: Vec<String> = listed.into_iter().map(|member| format!("\"{member}\"")).collect();
    let separator = if kind == "BS" { "," } else { ", " };
    format!("{INVALID}Input collection [{}]{of_type} duplicates.", listed.join(separator))
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut fault = None;
        let item = input.deserialize_any(MapOfValues { fault: &mut fault, depth: 0 })?;
        Ok(Attributes { item, fault })
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut fault = None;
        let value = OneValue { fault: &mut fault, depth: 0 }.deserialize(input)?;
        Ok(Attribute { value, fault })
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Shape::<Values>::visit(input)
    }
}

const NOT_A_MAP: &str = "Unexpected field type";
const LIST_NOT_A_MAP: &str = "Unrecognized collection type java.util.Map<java.lang.String, \
                              com.amazonaws.dynamodb.v20120810.AttributeValue>";

impl<'de> Visitor<'de> for Shape<Values> {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Values, A::Error> {
        let mut all = Values::default();
        while let Some(name) = entries.next_key::<Text<'de>>()? {
            let mut fault = None;
            let value = entries.next_value_seed(OneValue { fault: &mut fault, depth: 0 })?;
            if let Some(fault) = fault
                && all.fault.is_none()
            {
                all.fault = Some((name.to_string(), fault));
            }
            all.values.insert(name.0.into_owned(), value);
        }
        Ok(all)
    }

    refuse! {
        bool(|_| NOT_A_MAP.to_string())
        number(|_| NOT_A_MAP.to_string())
        string(NOT_A_MAP)
        list(LIST_NOT_A_MAP)
    }
}

/// `{"name": value, ...}`: an item, or the contents of an `M`.
struct MapOfValues<'f> {
    fault: &'f mut Option<ValueFault>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for MapOfValues<'_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Item, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MapOfValues<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Item, A::Error> {
        let mut attributes: Vec<(String, Value)> = Vec::with_capacity(8);
        while let Some(name) = entries.next_key::<Text<'de>>()? {
            if name.is_empty() && self.depth == 0 {
                self.fault.get_or_insert(ValueFault::EmptyName);
            }
            let value = entries.next_value_seed(OneValue { fault: &mut *self.fault, depth: self.depth })?;
            attributes.push((name.0.into_owned(), value));
        }
        Ok(attributes.into_iter().collect())
    }

    refuse! {
        bool(|_| NOT_A_MAP.to_string())
        number(|_| NOT_A_MAP.to_string())
        string(NOT_A_MAP)
        list(LIST_NOT_A_MAP)
    }
}

/// `[value, ...]`: the contents of an `L`.
struct ListOfValues<'f> {
    fault: &'f mut Option<ValueFault>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for ListOfValues<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Vec<Value>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListOfValues<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Value>, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = elements.next_element_seed(OneValue { fault: &mut *self.fault, depth: self.depth })? {
            list.push(value);
        }
        Ok(list)
    }

    refuse! {
        bool(|_| NOT_A_MAP.to_string())
        number(|_| NOT_A_MAP.to_string())
        string(NOT_A_MAP)
        map(NOT_A_STRUCTURE)
    }
}

/// `{"S": "..."}`. Where there is a fault, the value answered stands in for one.
struct OneValue<'f> {
    fault: &'f mut Option<ValueFault>,
    /// Lists and maps around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for OneValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }

    /// `null` is a value without a type.
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.fault.get_or_insert(ValueFault::Empty);
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut types: A) -> Result<Value, A::Error> {
        let mut value = None;
        let mut several = false;
        while let Some(code) = types.next_key::<Text<'de>>()? {
            if let Some(next) = self.typed(code.as_str(), &mut types)? {
                // A type said twice is said once, as with any other field.
                several |= value.as_ref().is_some_and(|value: &Value| value.type_code() != next.type_code());
                value = Some(next);
            }
        }
        if several {
            self.fault.get_or_insert(ValueFault::Several);
        }
        Ok(value.unwrap_or_else(|| {
            self.fault.get_or_insert(ValueFault::Empty);
            Value::Null
        }))
    }

    refuse! {
        bool(|_| "Unexpected value type in payload".to_string())
        number(|_| "Unexpected value type in payload".to_string())
        string("Unexpected value type in payload")
        list("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue")
    }
}

impl OneValue<'_> {
    /// The value under one type code; `None` for `null` and for codes nobody knows.
    fn typed<'de, A: MapAccess<'de>>(&mut self, code: &str, types: &mut A) -> Result<Option<Value>, A::Error> {
        Ok(match code {
            "S" => types.next_value::<Option<Text<'de>>>()?.map(|text| Value::S(text.0.into_owned())),
            "N" => types.next_value::<Option<Text<'de>>>()?.map(|text| Value::N(self.number(&text))),
            "B" => types.next_value::<Option<Blob>>()?.map(|blob| Value::B(blob.0)),
            "BOOL" => types.next_value::<Option<Flag>>()?.map(|flag| Value::Bool(flag.0)),
            "NULL" => types.next_value::<Option<Flag>>()?.map(|flag| {
                if !flag.0 {
                    self.fault.get_or_insert(ValueFault::NullFalse);
                }
                Value::Null
            }),
            "SS" => types.next_value::<Option<super::List<Text<'de>>>>()?.map(|members| {
                let sent = members.0.into_iter().map(|text| text.0.into_owned());
                Value::Ss(self.set("SS", sent, Clone::clone))
            }),
            "NS" => types.next_value::<Option<super::List<Text<'de>>>>()?.map(|members| {
                let sent: Vec<Number> = members.iter().map(|text| self.number(text)).collect();
                Value::Ns(self.set("NS", sent, |_| String::new()))
            }),
            "BS" => types.next_value::<Option<super::List<Blob>>>()?.map(|members| {
                let sent = members.0.into_iter().map(|blob| blob.0);
                Value::Bs(self.set("BS", sent, |bytes| STANDARD.encode(bytes)))
            }),
            "L" | "M" => return self.nested(code, types),
            _ => {
                types.next_value::<IgnoredAny>()?;
                None
            }
        })
    }

    /// A list or a map. Below the deepest level allowed nothing is built: `IgnoredAny` is skipped without recursion.
    fn nested<'de, A: MapAccess<'de>>(&mut self, code: &str, types: &mut A) -> Result<Option<Value>, A::Error> {
        let depth = self.depth + 1;
        if depth > NESTING_MAX {
            types.next_value::<IgnoredAny>()?;
            self.fault.get_or_insert(ValueFault::Nesting);
            return Ok(Some(Value::Null));
        }
        let fault = &mut *self.fault;
        Ok(if code == "L" {
            types.next_value_seed(Nullable(ListOfValues { fault, depth }))?.map(Value::L)
        } else {
            types.next_value_seed(Nullable(MapOfValues { fault, depth }))?.map(Value::M)
        })
    }

    fn number(&mut self, text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|error| {
            self.fault.get_or_insert_with(|| ValueFault::Number(error, text.to_string()));
            Number::ZERO
        })
    }

    fn set<T: Ord>(
        &mut self,
        code: &'static str,
        members: impl IntoIterator<Item = T>,
        show: fn(&T) -> String,
    ) -> BTreeSet<T> {
        let sent: Vec<T> = members.into_iter().collect();
        if sent.is_empty() {
            self.fault.get_or_insert(ValueFault::EmptySet(code));
        }
        // Sorting references to what was sent keeps its order for the complaint.
        let mut sorted: Vec<&T> = sent.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            self.fault.get_or_insert_with(|| ValueFault::Duplicates(code, sent.iter().map(show).collect()));
        }
        sent.into_iter().collect()
    }
}

/// A seed for a value that may be `null`.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(input).map(Some)
    }
}

/// Bytes in base64.
#[derive(Debug)]
pub(crate) struct Blob(pub Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Shape::<Blob>::visit(input)
    }
}

impl<'de> Visitor<'de> for Shape<Blob> {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
        if !text.len().is_multiple_of(4) {
            let length = text.len();
            return Err(E::custom(format_args!(
                "Base64 encoded length is expected a multiple of 4 bytes but found: {length}"
            )));
        }
        // The last word is AWS's spelling.
        STANDARD.decode(text).map(Blob).map_err(|_| E::custom("Invalid last non-pad Base64 character dectected"))
    }

    refuse! {
        bool(|_| "only base-64-encoded strings are convertible to bytes".to_string())
        number(|_| "only base-64-encoded strings are convertible to bytes".to_string())
        list("Unrecognized collection type class java.nio.ByteBuffer")
        map(NOT_A_STRUCTURE)
    }
}
