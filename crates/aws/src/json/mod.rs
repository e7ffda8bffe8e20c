//! JSON as the AWS services read and write it: typed decoding with AWS's complaints, attribute values; the
//! writer is `wire`'s.
//! Knows nothing of operations, tables or HTTP.

#[macro_use]
mod shape;
mod attribute;
mod scalar;

pub(crate) use attribute::{Attribute, Attributes, Blob, Layer, ValueFault, Values};
pub(crate) use scalar::{Double, Flag, Integer, List, Long, Map, Text};
pub(crate) use shape::{Malformed, Shape, decode};
pub(crate) use wire::{Array, Object, image, item, string};
