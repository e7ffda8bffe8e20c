//! An item where it is, in memory or in stored bytes, and the attributes of it that a query reads. Copies nothing.

use super::plan::{Kind, Path};
use item::{
    Item, Number, Value,
    codec::{self, DecodeError, RawValue},
};

/// An item to evaluate.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    Item(&'a Item),
    /// As [`item::codec`] wrote it.
    Stored(&'a [u8]),
}

/// The value of an attribute, as far as queries tell values apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    S(&'a str),
    N(Number),
    B(&'a [u8]),
    Bool(bool),
    /// NULL, sets, lists and maps.
    Other(Kind),
}

/// Per path of the plan: what the item has there.
pub(super) type Fields<'a> = [Option<Field<'a>>];

impl Field<'_> {
    pub fn kind(&self) -> Kind {
        match self {
            Field::S(_) => Kind::S,
            Field::N(_) => Kind::N,
            Field::B(_) => Kind::B,
            Field::Bool(_) => Kind::Bool,
            Field::Other(kind) => *kind,
        }
    }
}

impl<'a> From<&'a Value> for Field<'a> {
    fn from(value: &'a Value) -> Field<'a> {
        match value {
            Value::S(text) => Field::S(text),
            Value::N(number) => Field::N(*number),
            Value::B(bytes) => Field::B(bytes),
            Value::Bool(holds) => Field::Bool(*holds),
            Value::Null => Field::Other(Kind::Null),
            Value::Ss(_) => Field::Other(Kind::Ss),
            Value::Ns(_) => Field::Other(Kind::Ns),
            Value::Bs(_) => Field::Other(Kind::Bs),
            Value::L(_) => Field::Other(Kind::L),
            Value::M(_) => Field::Other(Kind::M),
        }
    }
}

impl<'a> TryFrom<&RawValue<'a>> for Field<'a> {
    type Error = DecodeError;

    fn try_from(value: &RawValue<'a>) -> Result<Field<'a>, DecodeError> {
        Ok(match value {
            RawValue::S(text) => Field::S(text.text()?),
            RawValue::N(number) => Field::N(*number),
            RawValue::B(bytes) => Field::B(bytes),
            RawValue::Bool(holds) => Field::Bool(*holds),
            RawValue::Null => Field::Other(Kind::Null),
            RawValue::Ss(_) => Field::Other(Kind::Ss),
            RawValue::Ns(_) => Field::Other(Kind::Ns),
            RawValue::Bs(_) => Field::Other(Kind::Bs),
            RawValue::L(_) => Field::Other(Kind::L),
            RawValue::M(_) => Field::Other(Kind::M),
        })
    }
}

impl<'a> Image<'a> {
    /// Looks up every path. `order`: the paths' indexes, sorted by the paths' first names; `fields`: one `None` each.
    pub(super) fn fields(self, paths: &[Path], order: &[u16], fields: &mut Fields<'a>) -> Result<(), DecodeError> {
        match self {
            Image::Item(item) => {
                for (field, path) in fields.iter_mut().zip(paths) {
                    *field = path.get(item).map(Field::from);
                }
                Ok(())
            }
            Image::Stored(bytes) => stored_fields(bytes, paths, order, fields),
        }
    }
}

/// Attributes and paths are both sorted by name: one pass, which ends at the last path.
fn stored_fields<'a>(
    bytes: &'a [u8],
    paths: &[Path],
    order: &[u16],
    fields: &mut Fields<'a>,
) -> Result<(), DecodeError> {
    let path = |at: &u16| &paths[usize::from(*at)];
    let mut rest = order;
    let mut attributes = codec::walk(bytes)?;
    while !rest.is_empty()
        && let Some(attribute) = attributes.next()
    {
        let (name, value) = attribute?;
        let passed = rest.iter().take_while(|at| path(at).first.as_bytes() < name.bytes()).count();
        rest = &rest[passed..];
        while let Some((at, others)) = rest.split_first()
            && path(at).first.as_bytes() == name.bytes()
        {
            fields[usize::from(*at)] = member(&value, &path(at).rest)?;
            rest = others;
        }
    }
    Ok(())
}

fn member<'a>(value: &RawValue<'a>, names: &[String]) -> Result<Option<Field<'a>>, DecodeError> {
    let Some((first, rest)) = names.split_first() else { return Field::try_from(value).map(Some) };
    let RawValue::M(map) = value else { return Ok(None) };
    for attribute in map.clone() {
        let (name, value) = attribute?;
        if name.bytes() == first.as_bytes() {
            return member(&value, rest);
        }
    }
    Ok(None)
}
