//! `Globals: Function:` laid under the properties of each function, as SAM does it: maps are merged, lists are put one
//! after the other, and of everything else the function's own value counts. A call is one value, whatever it comes to.

use std::collections::HashMap;

use crate::field::Field;
use crate::intrinsics::call;
use crate::scope::{Resource, Scope};
use crate::yaml::{Entry, Node, Value};

/// What `Globals: Function:` may set for all functions.
pub(crate) const PROPERTIES: [&str; 40] = [
    "Architectures",
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "FileSystemConfigs",
    "FunctionScalingConfig",
    "FunctionUrlConfig",
    "Handler",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PermissionsBoundary",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "RolePath",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "SourceKMSKeyArn",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "Tracing",
    "VersionDeletionPolicy",
    "VpcConfig",
];

/// Most values in the globals: each function has a copy of them.
const MAX_VALUES: usize = 1_000;

/// Whether there are few enough globals to copy; a complaint if not.
pub(crate) fn is_small(globals: &Field<'_>) -> bool {
    let small = count(globals.node) <= MAX_VALUES;
    if !small {
        globals.error(format!("at most {MAX_VALUES} values are allowed for all functions"));
    }
    small
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
        _ => 0,
    }
}

/// The properties of a SAM function with what they inherit.
pub(super) fn merged(scope: &Scope<'_>, resource: &Resource<'_>) -> Node {
    let own = resource.properties().map(|field| field.node.clone());
    let empty = Node { span: resource.field.node.span, tag: None, value: Value::Map(Vec::new()) };
    let own = own.filter(|node| !matches!(node.value, Value::Null)).unwrap_or(empty);
    match inherited(scope, resource) {
        Some(globals) => merge(&globals, own, resource),
        None => own,
    }
}

/// The globals, without those that `IgnoreGlobals` of the function names.
fn inherited(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<Node> {
    let globals = scope.function_globals.as_ref()?;
    let Value::Map(entries) = &globals.node.value else { return None };
    let ignored = resource.field.get("IgnoreGlobals");
    let names: Vec<String> = match &ignored {
        Some(field) if matches!(field.node.value, Value::List(_)) => {
            let known = |item: &Field<'_>| item.one_of(&PROPERTIES.map(|name| (name, name))).map(str::to_string);
            field.items().iter().filter_map(known).collect()
        }
        Some(field) => {
            field.one_of(&[("*", ())]);
            return None;
        }
        None => Vec::new(),
    };
    let entries = entries.iter().filter(|entry| !names.contains(&entry.key)).cloned().collect();
    Some(Node { span: globals.node.span, tag: None, value: Value::Map(entries) })
}

fn merge(globals: &Node, own: Node, resource: &Resource<'_>) -> Node {
    let is_call = |node: &Node| call(&resource.field.with_node(node)).is_some();
    if is_call(globals) || is_call(&own) {
        return own;
    }
    let value = match (&globals.value, own.value) {
        (Value::Map(under), Value::Map(over)) => Value::Map(merge_maps(under, over, resource)),
        // SAM replaces Architectures instead, which mean nothing here.
        (Value::List(under), Value::List(over)) => Value::List(under.iter().cloned().chain(over).collect()),
        (_, own) => own,
    };
    Node { value, ..own }
}

fn merge_maps(under: &[Entry], over: Vec<Entry>, resource: &Resource<'_>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = under.to_vec();
    let places: HashMap<&str, usize> = under.iter().enumerate().map(|(at, entry)| (entry.key.as_str(), at)).collect();
    for entry in over {
        match places.get(entry.key.as_str()) {
            Some(at) => {
                let value = merge(&under[*at].value, entry.value, resource);
                merged[*at] = Entry { key: entry.key, key_span: entry.key_span, value };
            }
            None => merged.push(entry),
        }
    }
    merged
}
