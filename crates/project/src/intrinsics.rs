//! How CloudFormation writes a function: `!Sub text` and `Fn::Sub: text` are the same call. Knows the spelling only;
//! what a call comes to is `evaluate`'s business.

use crate::field::Field;
use crate::yaml::Value;

/// A function and its argument.
pub(crate) struct Call<'a> {
    /// `Ref`, `Condition`, or with prefix: `Fn::Sub`.
    pub(crate) name: String,
    pub(crate) argument: Argument<'a>,
}

/// What a function is applied to.
pub(crate) enum Argument<'a> {
    /// `!Sub text`: the node itself, whose tag is spent.
    Tagged(Field<'a>),
    /// `Fn::Sub: text`: a value of its own, which may be a call again.
    Own(Field<'a>),
}

impl<'a> Argument<'a> {
    pub(crate) fn field(&self) -> &Field<'a> {
        match self {
            Argument::Tagged(field) | Argument::Own(field) => field,
        }
    }
}

/// Functions that are worked out here.
pub(crate) const FUNCTIONS: [&str; 14] = [
    "Ref",
    "Condition",
    "Fn::And",
    "Fn::Base64",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
];

/// The call that `field` is, if it is one. A map with the one key `Condition` is a call only where a condition is
/// expected: elsewhere it is an ordinary property of that name.
pub(crate) fn call<'a>(field: &Field<'a>) -> Option<Call<'a>> {
    if let Some(tag) = &field.node.tag {
        let name = if tag == "Ref" || tag == "Condition" { tag.clone() } else { format!("Fn::{tag}") };
        return Some(Call { name, argument: Argument::Tagged(field.clone()) });
    }
    let Value::Map(entries) = &field.node.value else { return None };
    let [entry] = entries.as_slice() else { return None };
    if entry.key != "Ref" && !entry.key.starts_with("Fn::") {
        return None;
    }
    Some(Call { name: entry.key.clone(), argument: Argument::Own(field.get(&entry.key)?) })
}

/// A piece of the text of `Fn::Sub`.
pub(crate) enum Piece<'t> {
    Literal(&'t str),
    /// `${Name}` or `${Name.Attribute}`.
    Variable(&'t str),
}

/// Takes the text of `Fn::Sub` apart. `${!Name}` is the literal `${Name}`. The error is an unclosed `${`.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        pieces.push(Piece::Literal(&rest[..start]));
        let Some(length) = rest[start..].find('}') else {
            return Err("a `${` is opened and not closed".into());
        };
        let name = &rest[start + 2..start + length];
        if let Some(literal) = name.strip_prefix('!') {
            pieces.extend([Piece::Literal("${"), Piece::Literal(literal), Piece::Literal("}")]);
        } else {
            pieces.push(Piece::Variable(name.trim()));
        }
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Literal(rest));
    Ok(pieces)
}
