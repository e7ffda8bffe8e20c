//! `AWS::Lambda::EventInvokeConfig`: what becomes of a function's events, said by a resource of its own.

use super::{given_up, name_of};
use crate::field::{Field, short};
use crate::model::{EventConfig, Project};
use crate::resources::physical::text;
use crate::resources::{ResourceType, marks, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(in crate::resources) const TYPE: ResourceType = ResourceType {
    name: "AWS::Lambda::EventInvokeConfig",
    read,
    reference: |scope, resource| {
        let function = resource.field.get("Properties").and_then(|properties| properties.get("FunctionName"));
        let function = function.and_then(|field| scope.resolve(&field));
        match function.map(|node| node.value) {
            Some(Value::Text { text: name, .. }) => text(format!("{name}|{LATEST}")),
            other => other.unwrap_or_else(|| text(String::new())),
        }
    },
    attributes: &[],
    attribute: |_, _, _| unreachable!("it has no attributes"),
};

const PROPERTIES: [&str; 5] =
    ["DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"];

/// The only version that there is here.
const LATEST: &str = "$LATEST";

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    marks::none(resource);
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only(&PROPERTIES) {
        return;
    }
    let node = scope.resolve_some(&written, &PROPERTIES);
    let field = written.with_node(&node);
    let function = field.require("FunctionName").and_then(|field| function(&field));
    let is_latest = field.require("Qualifier").is_some_and(|qualifier| is_latest(&qualifier));
    let invoke = given_up::invoke(scope, resource, &field);
    if let (Some(function), true) = (function, is_latest) {
        project.event_configs.push(EventConfig { origin: properties::origin(resource, &written), function, invoke });
    }
}

fn function(field: &Field<'_>) -> Option<String> {
    let text = field.name()?;
    let name = name_of(&text);
    if name.is_none() {
        field.error(format!("expected the name or the ARN of a function, found `{}`", short(&text)));
    }
    name
}

/// Whether it is of the version that is run; a warning if not.
fn is_latest(qualifier: &Field<'_>) -> bool {
    if !matches!(qualifier.node.value, Value::Away(_)) {
        match qualifier.name().as_deref() {
            Some(LATEST) => return true,
            None => return false,
            Some(_) => {}
        }
    }
    qualifier.warning(
        "not run here: settings of events of a version or an alias",
        Some("functions run as `$LATEST`: a configuration with that Qualifier is applied"),
    );
    false
}
