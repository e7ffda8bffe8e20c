//! Physical names: what a resource is called where it is created, from the property that names it or made as
//! CloudFormation makes it. Other values may be made of them, so that each is worked out once.

use super::name;
use crate::evaluate::MAX_CHAIN;
use crate::field::Field;
use crate::scope::{Progress, Resource, Scope};
use crate::yaml::Value;

/// How a type of resource is named.
pub(crate) struct Naming {
    /// The property that holds the name.
    pub(crate) property: &'static str,
    /// Longest name, for one that has to be made.
    pub(crate) most: usize,
    /// The name as its service takes it; complains about any other.
    pub(crate) check: fn(&Field<'_>) -> Option<String>,
}

/// The resource's name; [`Value::Broken`] if something is wrong with it, which was reported.
pub(crate) fn name(scope: &Scope<'_>, resource: &Resource<'_>, naming: &Naming) -> Value {
    once(scope, resource.logical_id, &resource.field, || {
        let field = resource.properties().and_then(|properties| properties.get(naming.property));
        match field.as_ref().and_then(|field| scope.resolve(field).map(|node| (field, node))) {
            Some((field, node)) => (naming.check)(&field.with_node(&node)).map_or(Value::Broken, text),
            None => text(name::physical(&scope.stack_name, resource.logical_id, naming.most)),
        }
    })
}

/// The name as text; empty if something is wrong with it, which was reported.
pub(crate) fn name_text(scope: &Scope<'_>, resource: &Resource<'_>, naming: &Naming) -> String {
    match name(scope, resource, naming) {
        Value::Text { text, .. } => text,
        _ => String::new(),
    }
}

/// What `work` comes to, worked out once for each `key`: a logical id, or one with an attribute.
pub(crate) fn once(scope: &Scope<'_>, key: &str, at: &Field<'_>, work: impl FnOnce() -> Value) -> Value {
    let known = scope.names.borrow().get(key).cloned();
    match known {
        Some(Progress::Done(value)) => return value,
        // A circle: `references` reports it.
        Some(Progress::Begun) => return Value::Broken,
        None => {}
    }
    if scope.depth.get() >= MAX_CHAIN {
        at.error(format!("names refer to one another more than {MAX_CHAIN} deep"));
        return Value::Broken;
    }
    scope.names.borrow_mut().insert(key.to_string(), Progress::Begun);
    scope.depth.set(scope.depth.get() + 1);
    let value = work();
    scope.depth.set(scope.depth.get() - 1);
    scope.names.borrow_mut().insert(key.to_string(), Progress::Done(value.clone()));
    value
}

/// A check of names that have between 1 and `most` letters, digits and characters of `also`.
pub(crate) fn plain_name(field: &Field<'_>, most: usize, also: &str) -> Option<String> {
    let name = field.text()?;
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
    if fine && (1..=most).contains(&name.len()) {
        return Some(name);
    }
    let also = also.chars().map(String::from).collect::<Vec<_>>().join(" ");
    field.error_help(
        format!("`{}` cannot be a name", crate::field::short(&name)),
        format!("1 to {most} characters of a-z, A-Z, 0-9 and {also}"),
    );
    None
}

/// A text that was worked out.
pub(crate) fn text(text: String) -> Value {
    Value::Text { text, plain: false }
}
