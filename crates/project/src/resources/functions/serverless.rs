//! `AWS::Serverless::Function`: a function with what calls it, as SAM makes it.

use super::{DURABLE, FILE_SYSTEMS, LAYERS, NotRun, TENANCY};
use super::{attribute, code, events, globals, is_run_here, name, not_run, read, reference};
use crate::field::Field;
use crate::model::{Code, Project};
use crate::resources::{ResourceType, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(in crate::resources) const TYPE: ResourceType =
    ResourceType { name: "AWS::Serverless::Function", read: read_resource, reference, attributes: &["Arn"], attribute };

/// What only the function itself may set; the rest is in [`globals::PROPERTIES`].
const OWN: [&str; 9] = [
    "Events",
    "FunctionName",
    "ImageConfig",
    "ImageUri",
    "InlineCode",
    "PackageType",
    "Policies",
    "Role",
    "VersionDescription",
];

/// Properties that would change something and do not.
const NOT_RUN: [NotRun; 5] =
    [DURABLE, FILE_SYSTEMS, ("FunctionUrlConfig", "the function has no address of its own"), LAYERS, TENANCY];

fn read_resource(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let node = globals::merged(scope, resource);
    let mut written = resource.properties().unwrap_or_else(|| resource.field.clone()).with_node(&node);
    // All of them may be global.
    written.path = "Properties".into();
    let known: Vec<&str> = OWN.into_iter().chain(globals::PROPERTIES).collect();
    if !written.only_with(&known, advice) {
        return;
    }
    if !is_run_here(scope, &written, written.get("ImageUri")) {
        // Named all the same, so that a fault in its name is found.
        name(scope, resource);
        return;
    }
    not_run(scope, &written, &NOT_RUN);
    built_elsewhere(resource);
    let code = code(scope, &written, project);
    let function = read(scope, resource, &written, code, properties::tag_map);
    events::read(scope, resource, &written, &function, project);
    project.functions.push(function);
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "Code" => "did you mean CodeUri?",
        "DeadLetterConfig" => "did you mean DeadLetterQueue?",
        "EnvironmentVariables" | "Variables" => "they stand under `Environment: Variables:`",
        "MemorySizeInMB" | "Memory" => "did you mean MemorySize?",
        "Metadata" | "Streamfold" => "it stands beside Properties",
        "Name" => "did you mean FunctionName?",
        "TracingConfig" => "did you mean Tracing?",
        _ => return None,
    };
    Some(advice.to_string())
}

/// Where the code is: in the template, in the folder that it names, or in the folder that it is in.
fn code(scope: &Scope<'_>, written: &Field<'_>, project: &Project) -> Option<Code> {
    let node = scope.resolve_some(written, &["CodeUri", "InlineCode"]);
    let field = written.with_node(&node);
    if let Some(inline) = field.get("InlineCode") {
        return inline.name().map(Code::Inline);
    }
    match field.get("CodeUri") {
        Some(uri) if matches!(uri.node.value, Value::Map(_)) => {
            code::in_bucket(&uri);
            None
        }
        Some(uri) => code::folder(&uri, &project.root),
        None => Some(Code::Folder(project.root.clone())),
    }
}

/// `sam build` compiles some functions first; here the folder holds what is run.
fn built_elsewhere(resource: &Resource<'_>) {
    let Some(method) = resource.field.get("Metadata").and_then(|metadata| metadata.get("BuildMethod")) else { return };
    let Value::Text { text, .. } = &method.node.value else { return };
    if !text.starts_with("python") && !text.starts_with("nodejs") {
        let help = "build it, and let CodeUri name the folder with what was built";
        method.warning(format!("not built here: {}", crate::field::short(text)), Some(help));
    }
}
