//! `Globals: Function:` laid under the properties of each function, as SAM does it: maps are merged, lists are put one
//! after the other, and of everything else the function's own value counts. A call is one value, whatever it comes to.

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

/// The properties of a SAM function with what they inherit.
pub(super) fn merged(scope: &Scope<'_>, resource: &Resource<'_>) -> Node {
    let own = resource.properties().map(|field| field.node.clone());
    let empty = Node { span: resource.field.node.span, tag: None, value: Value::Map(Vec::new()) };
    let own = own.filter(|node| !matches!(node.value, Value::Null)).unwrap_or(empty);
    match inherited(scope, resource) {
        Some(globals) => merge("", &globals, own, resource),
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

fn merge(path: &str, globals: &Node, own: Node, resource: &Resource<'_>) -> Node {
    let is_call = |node: &Node| call(&resource.field.with_node(node)).is_some();
    if is_call(globals) || is_call(&own) {
        return own;
    }
    let value = match (&globals.value, own.value) {
        (Value::Map(under), Value::Map(over)) => Value::Map(merge_maps(path, under, over, resource)),
        (Value::List(under), Value::List(over)) if path != "Architectures" => {
            Value::List(under.iter().cloned().chain(over).collect())
        }
        (_, own) => own,
    };
    Node { value, ..own }
}

fn merge_maps(path: &str, under: &[Entry], over: Vec<Entry>, resource: &Resource<'_>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = under.to_vec();
    for entry in over {
        let below = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        match merged.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                let value = merge(&below, &known.value, entry.value, resource);
                *known = Entry { key: entry.key, key_span: entry.key_span, value };
            }
            None => merged.push(entry),
        }
    }
    merged
}
