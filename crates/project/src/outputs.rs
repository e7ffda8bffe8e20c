//! The Outputs section: what each output comes to. One that needs something not run here is left out, with a note.

use crate::diagnostic::Severity;
use crate::field::Field;
use crate::scope::Scope;
use crate::template::MAX_ENTRIES;
use crate::yaml::{Node, Value};

/// Outputs whose condition holds, by name, in the order of the template.
pub(crate) fn read(scope: &Scope<'_>, section: Option<&Field<'_>>) -> Vec<(String, String)> {
    let entries = section.map(|outputs| outputs.at_most(MAX_ENTRIES)).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(name, field)| output(scope, name, field).map(|value| (name.to_string(), value)))
        .collect()
}

fn output(scope: &Scope<'_>, name: &str, field: &Field<'_>) -> Option<String> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        field.error(format!("output name `{name}`: only letters and digits are allowed"));
    }
    if !field.only(&["Condition", "Description", "Export", "Value"]) {
        return None;
    }
    if let Some(condition) = field.get("Condition")
        && scope.condition(&condition.text()?) == Some(false)
    {
        return None;
    }
    let value = field.require("Value")?;
    let node = scope.resolve(&value).unwrap_or_else(|| Node::broken(value.node.span));
    if let Value::Away(why) = &node.value {
        let note = value.diagnostic(Severity::Note, format!("output {name} is left out: {why}"));
        value.report.push(note);
        return None;
    }
    value.with_node(&node).text()
}
