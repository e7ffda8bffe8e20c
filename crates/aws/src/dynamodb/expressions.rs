//! What holds between a request's expressions, its names and values, and the parameters of before expressions.

use crate::{
    json::{self, Layer, Map, Text, ValueFault, Values},
    protocol::Fault,
};
use item::{
    Value,
    codec::DecodeError,
    expression::{Condition, Invalid, Placeholders, Projection},
    size,
};
use std::collections::BTreeMap;

/// Bytes of all values that a request's expressions may use.
const VALUES_BYTES_MAX: usize = 2 * 1024 * 1024;

/// `ExpressionAttributeNames`.
pub(super) type Names<'a> = Map<Text<'a>, Text<'a>>;

/// A parameter by its name, and whether the request has it.
pub(super) type Parameter = (&'static str, bool);

impl Layer {
    /// A complaint about parameters, made before the table is looked at.
    pub(super) fn fault(self, message: impl std::fmt::Display) -> Fault {
        Fault::validation(match self {
            Layer::Enveloped => format!("1 validation error detected: {message}"),
            Layer::Bare | Layer::Older => message.to_string(),
        })
    }

    pub(super) fn invalid(self, invalid: Invalid) -> Fault {
        self.fault(invalid)
    }

    /// A complaint about an attribute value.
    pub(super) fn value(self, fault: Option<&ValueFault>) -> Result<(), Fault> {
        fault.map_or(Ok(()), |fault| Err(self.fault(fault.words(self))))
    }
}

/// Names and values that expressions may use.
pub(super) struct Bound {
    layer: Layer,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, Value>,
}

/// Checks which parameters stand together. `takes_values`: the expressions of the operation that can use values.
pub(super) fn check_together(
    layer: Layer,
    expressions: &[Parameter],
    others: &[Parameter],
    has_names: bool,
    has_values: bool,
) -> Result<(), Fault> {
    let named = |parameters: &[Parameter]| -> Vec<&'static str> {
        parameters.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect()
    };
    let used = named(expressions);
    let unused = named(others);
    if !used.is_empty() && !unused.is_empty() {
        return Err(layer.fault(format_args!(
            "Can not use both expression and non-expression parameters in the same request: Non-expression \
             parameters: {{{}}} Expression parameters: {{{}}}",
            unused.join(", "),
            used.join(", ")
        )));
    }
    if has_names && used.is_empty() {
        return Err(layer.fault("ExpressionAttributeNames can only be specified when using expressions"));
    }
    let takes_values = || expressions.iter().filter(|(name, _)| *name != "ProjectionExpression");
    if has_values && takes_values().all(|(_, present)| !present) {
        let names: Vec<&str> = takes_values().map(|(name, _)| *name).collect();
        let are = if names.len() > 1 { "are" } else { "is" };
        let suffix = match layer {
            Layer::Enveloped => String::new(),
            Layer::Bare | Layer::Older => format!(": {} {are} null", names.join(" and ")),
        };
        return Err(
            layer.fault(format_args!("ExpressionAttributeValues can only be specified when using expressions{suffix}"))
        );
    }
    Ok(())
}

impl Bound {
    /// Takes the names and values of a request, checked.
    pub fn new(layer: Layer, names: Option<Names<'_>>, values: Option<Values>) -> Result<Bound, Fault> {
        if names.as_ref().is_some_and(|names| names.is_empty()) {
            return Err(layer.fault("ExpressionAttributeNames must not be empty"));
        }
        if values.as_ref().is_some_and(|values| values.values.is_empty()) {
            return Err(layer.fault("ExpressionAttributeValues must not be empty"));
        }
        let names = names.map(|names| names.0).unwrap_or_default();
        let names = names.into_iter().map(|(name, to)| (name.0.into_owned(), to.0.into_owned())).collect();
        let Values { values, fault } = values.unwrap_or_default();
        // The limit is AWS's (its guide, "Expression parameters"), the words are not: nobody has shown them.
        if values.values().map(size::value).sum::<usize>() > VALUES_BYTES_MAX {
            return Err(layer.fault("ExpressionAttributeValues has exceeded the maximum allowed size of 2 MB"));
        }
        let bound = Bound { layer, names, values };
        bound.placeholders().check_keys().map_err(|error| layer.invalid(error))?;
        if let Some((name, fault)) = fault {
            let words = fault.words(layer);
            return Err(match layer {
                Layer::Older => layer
                    .fault(format_args!("ExpressionAttributeValues contains invalid value: {words} for key {name}")),
                Layer::Enveloped | Layer::Bare => layer.fault(words),
            });
        }
        Ok(bound)
    }

    pub fn placeholders(&self) -> Placeholders<'_> {
        Placeholders::new(&self.names, &self.values)
    }

    /// After the last expression: nothing may be left unused.
    pub fn finish(&self, placeholders: Placeholders<'_>) -> Result<(), Fault> {
        placeholders.finish().map_err(|error| self.layer.invalid(error))
    }

    pub fn condition(
        &self,
        what: &str,
        text: Option<&Text<'_>>,
        placeholders: &mut Placeholders<'_>,
    ) -> Result<Option<Condition>, Fault> {
        text.map(|text| Condition::parse(what, text, placeholders))
            .transpose()
            .map_err(|error| self.layer.invalid(error))
    }

    pub fn projection(
        &self,
        text: Option<&Text<'_>>,
        placeholders: &mut Placeholders<'_>,
    ) -> Result<Option<Projection>, Fault> {
        text.map(|text| Projection::parse(text, placeholders)).transpose().map_err(|error| self.layer.invalid(error))
    }
}

/// Writes what a projection leaves of a stored item.
pub(super) fn projected(out: &mut Vec<u8>, image: &[u8], projection: Option<&Projection>) -> Result<(), DecodeError> {
    match projection {
        Some(projection) => json::item(out, &projection.apply_stored(image)?),
        None => json::image(out, image)?,
    }
    Ok(())
}
