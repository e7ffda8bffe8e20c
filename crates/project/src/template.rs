//! The sections of a template, in the order in which they can be understood: parameters, mappings, conditions,
//! resources, then whatever refers to them. Checks what CloudFormation checks before it creates anything.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::Options;
use crate::dashboard;
use crate::diagnostic::Severity;
use crate::export;
use crate::field::{Field, Report};
use crate::model::{Project, Table};
use crate::resources::{self, elsewhere, functions, name};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;
use crate::{outputs, parameters, references, view};

const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];
const RESOURCE: [&str; 11] = [
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];
/// As many resources as AWS takes; it also bounds how deep references can go.
const MAX_RESOURCES: usize = 500;
/// As many parameters, mappings and outputs as AWS takes, of each.
pub(crate) const MAX_ENTRIES: usize = 200;
/// AWS names no number.
const MAX_CONDITIONS: usize = 1000;
const SAM: &str = "AWS::Serverless-2016-10-31";

/// Reads the whole template. What is wrong with it goes to `root.report`.
pub(crate) fn read(root: &Field<'_>, options: &Options, path: PathBuf, folder: PathBuf, stack_name: String) -> Project {
    let mut project = Project {
        path,
        root: folder,
        stack_name: stack_name.clone(),
        tables: Vec::new(),
        buckets: Vec::new(),
        streams: Vec::new(),
        functions: Vec::new(),
        event_configs: Vec::new(),
        triggers: Vec::new(),
        bucket_triggers: Vec::new(),
        exports: Vec::new(),
        schedules: Vec::new(),
        parameters: Vec::new(),
        dashboards: Vec::new(),
        outputs: Vec::new(),
        notes: Vec::new(),
    };
    if !root.only(&SECTIONS) {
        return project;
    }
    let sam = header(root);
    let function_globals = globals(root, sam);
    let parameters = parameters::read(root.get("Parameters").as_ref(), &options.parameters, root.report);
    let scope = Scope {
        report: root.report,
        options,
        stack_name,
        sam,
        parameters,
        mappings: mappings(root),
        conditions: root.get("Conditions").map(|f| f.at_most(MAX_CONDITIONS)).unwrap_or_default().into_iter().collect(),
        resources: resources(root, sam),
        function_globals,
        verdicts: RefCell::default(),
        depth: Cell::new(0),
        produced: Cell::new(0),
        names: RefCell::new(BTreeMap::new()),
    };
    for name in scope.conditions.keys() {
        scope.condition(name);
    }
    let outputs = root.get("Outputs");
    references::check(&scope, outputs.as_ref());
    elsewhere::report(&scope);
    for resource in &scope.resources {
        if let (Some(kind), true) = (resource.resource_type, scope.is_included(resource)) {
            (kind.read)(&scope, resource, &mut project);
        }
    }
    unique_names(&project.tables, &scope);
    functions::connect::check(&scope, &mut project);
    view::connect(&mut project.tables, root.report);
    project.exports = export::read(&scope, &project);
    if let Some(metadata) = root.get("Metadata") {
        project.dashboards = dashboard::read(&metadata, &project.tables);
    }
    project.outputs = outputs::read(&scope, outputs.as_ref());
    // Tables that could not be named were reported; nobody is to create them.
    project.tables.retain(|table| !table.name.is_empty());
    project
}

/// Checks version, description and transforms; true if SAM is one of them.
fn header(root: &Field<'_>) -> bool {
    if let Some(version) = root.get("AWSTemplateFormatVersion") {
        version.one_of(&[("2010-09-09", ())]);
    }
    if let Some(text) =
        root.get("Description").and_then(|f| f.text().map(|text| (f, text))).filter(|(_, text)| text.len() > 1024)
    {
        text.0.error("a description is at most 1024 bytes long");
    }
    let Some(field) = root.get("Transform") else { return false };
    let transforms = if matches!(field.node.value, Value::List(_)) { field.items() } else { vec![field] };
    let mut sam = false;
    for transform in transforms {
        match transform.text().as_deref() {
            Some(SAM) => sam = true,
            Some(other) if other.starts_with("AWS::Serverless") => {
                transform.error_known(format!("there is no transform `{other}`"), other, &[SAM])
            }
            Some("AWS::LanguageExtensions") | None => {}
            Some(other) => transform
                .warning(format!("not run here: the macro `{other}`, so the template is taken as it is written"), None),
        }
    }
    sam
}

const GLOBALS: [&str; 8] =
    ["Api", "CapacityProvider", "Function", "HttpApi", "LayerVersion", "SimpleTable", "StateMachine", "WebSocketApi"];

/// Checked for spelling; what is there for functions is handed on. SimpleTable takes nothing from it that matters.
fn globals<'a>(root: &Field<'a>, sam: bool) -> Option<Field<'a>> {
    let globals = root.get("Globals")?;
    if !sam {
        globals.error_help("Globals belong to SAM", format!("add `Transform: {SAM}` at the top"));
    }
    if !globals.only(&GLOBALS) {
        return None;
    }
    if let Some(table) = globals.get("SimpleTable") {
        table.only(&["SSESpecification"]);
    }
    let function = globals.get("Function").filter(|function| function.only(&functions::globals::PROPERTIES))?;
    functions::globals::is_small(&function).then_some(function)
}

/// Mappings are two maps deep and hold texts or lists of texts.
fn mappings<'a>(root: &Field<'a>) -> Option<Field<'a>> {
    let section = root.get("Mappings")?;
    for (_, mapping) in section.at_most(MAX_ENTRIES) {
        for (_, row) in mapping.entries() {
            for (_, value) in row.entries() {
                match &value.node.value {
                    Value::List(_) => value.items().iter().for_each(|item| drop(item.text())),
                    _ => drop(value.text()),
                }
                if value.node.tag.is_some() {
                    value.error("a function cannot stand in Mappings");
                }
            }
        }
    }
    Some(section)
}

fn resources<'a>(root: &Field<'a>, sam: bool) -> Vec<Resource<'a>> {
    let Some(section) = root.require("Resources") else { return Vec::new() };
    let entries = section.at_most(MAX_RESOURCES);
    if matches!(&section.node.value, Value::Map(entries) if entries.is_empty()) {
        section.error("a template has at least one resource");
    }
    entries.into_iter().filter_map(|(id, field)| resource(id, field, sam)).collect()
}

fn resource<'a>(id: &'a str, field: Field<'a>, sam: bool) -> Option<Resource<'a>> {
    if id.starts_with("Fn::") {
        field.error(format!("{id} is not worked out here: write the resources out"));
        return None;
    }
    let field = field.into_resource(id);
    if !id.chars().all(|c| c.is_ascii_alphanumeric()) || id.is_empty() || id.len() > 255 {
        field.error("a logical id has letters and digits only, at most 255");
    }
    if !field.only_with(&RESOURCE, misplaced) {
        return None;
    }
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        // With the language extensions it may be a function.
        if let Some(policy) =
            field.get(policy).filter(|f| f.node.tag.is_none() && !matches!(f.node.value, Value::Map(_)))
        {
            policy.one_of(&[("Delete", ()), ("Retain", ()), ("RetainExceptOnCreate", ()), ("Snapshot", ())]);
        }
    }
    let kind = field.require("Type");
    let type_name = kind.as_ref().and_then(|kind| kind.name()).unwrap_or_default();
    if let (Some(kind), true) = (&kind, type_name.starts_with("AWS::Serverless::") && !sam) {
        kind.error_help(
            format!("{type_name} belongs to SAM"),
            format!("add `Transform: {SAM}` at the top of the template"),
        );
    }
    let resource_type = resources::find(&type_name);
    if let (None, Some(mark)) = (resource_type, field.get("Metadata").and_then(|metadata| metadata.get("Streamfold"))) {
        mark.warning(format!("this mark means nothing on {type_name} yet"), None);
    }
    Some(Resource { logical_id: id, field, type_name, resource_type })
}

fn misplaced(key: &str) -> Option<String> {
    match key {
        "TableName"
        | "KeySchema"
        | "AttributeDefinitions"
        | "BillingMode"
        | "StreamSpecification"
        | "CodeUri"
        | "Code"
        | "Environment"
        | "Events"
        | "FunctionName"
        | "Handler"
        | "InlineCode"
        | "Runtime"
        | "Targets"
        | "Value" => Some("it stands under Properties".into()),
        "Streamfold" => Some("it stands under Metadata".into()),
        "Export" => Some("it stands under `Metadata: Streamfold:`".into()),
        _ => None,
    }
}

fn unique_names(tables: &[Table], scope: &Scope<'_>) {
    for (i, table) in tables.iter().enumerate() {
        let Some(first) = tables[..i].iter().find(|first| first.name == table.name && !table.name.is_empty()) else {
            continue;
        };
        let Some(resource) = scope.resource(&table.logical_id) else { continue };
        let named = resource.properties().and_then(|properties| properties.get("TableName"));
        let at = named.unwrap_or_else(|| resource.field.clone());
        let message =
            format!("`{}` is the name of {} too, on line {}", table.name, first.logical_id, first.location.line);
        at.report.push(at.diagnostic(Severity::Error, message));
    }
}

/// What CloudFormation calls the stack: here, the folder that the template is in.
pub(crate) fn stack_name(folder: &std::path::Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    name::stack(whole.file_name().and_then(|name| name.to_str()).unwrap_or("project"))
}

/// The faults of a text that is not YAML, as diagnostics.
pub(crate) fn faults(report: &Report, faults: Vec<crate::yaml::Fault>) {
    for fault in faults {
        let mut diagnostic = report.place(fault.span, crate::Diagnostic::error(fault.message));
        diagnostic.help = fault.help;
        report.push(diagnostic);
    }
}
