//! Functions and what calls them for changes of data. `serverless` and `lambda` are the two types of resources that are
//! functions; `events` reads what stands under a SAM function's Events (`bucket_events` those of buckets), `mapping` the resource that is a trigger by
//! itself, `stream` the settings that both have; `connect` checks in the end that functions and tables are there. Here
//! is what the two types of functions share, `given_up` what becomes of events that nobody waits for, `event_config` the
//! resource that says so by itself.

pub(super) mod bucket_events;
mod code;
pub(crate) mod connect;
pub(super) mod event_config;
pub(super) mod events;
mod given_up;
pub(crate) mod globals;
pub(super) mod lambda;
pub(super) mod mapping;
pub(super) mod serverless;
mod stream;

use std::path::PathBuf;

use super::physical::{self, Naming, plain_name, text};
use super::properties;
use crate::diagnostic::Severity;
use crate::field::{Field, NO_LIMIT, short};
use crate::model::{Code, Function, Runtime, RuntimeFamily};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

/// How functions are named.
const NAMING: Naming = Naming { property: "FunctionName", most: 64, check: function_name };

fn function_name(field: &Field<'_>) -> Option<String> {
    // CloudFormation takes an ARN as well; the name is its end.
    if field.text()?.starts_with("arn:") {
        return name_of(&field.text()?).filter(|name| !name.is_empty());
    }
    plain_name(field, 64, "-_")
}

/// The function's name; empty if it has a fault, which was reported.
pub(super) fn name(scope: &Scope<'_>, resource: &Resource<'_>) -> String {
    physical::name_text(scope, resource, &NAMING)
}

/// `!Ref` of a function.
fn reference(scope: &Scope<'_>, resource: &Resource<'_>) -> Value {
    physical::name(scope, resource, &NAMING)
}

/// `!GetAtt` of a function: its ARN.
fn attribute(scope: &Scope<'_>, resource: &Resource<'_>, _: &str) -> Value {
    match reference(scope, resource) {
        Value::Text { text: name, .. } => text(scope.arn("lambda", &format!("function:{name}"))),
        other => other,
    }
}

/// The name in whatever names a function: its name, its ARN, or a part of that, with or without version or alias.
pub(super) fn name_of(text: &str) -> Option<String> {
    let is_lambda = text.split(':').nth(2) == Some("lambda");
    let name = match text.rsplit_once("function:") {
        Some((before, name)) if before.is_empty() || before.ends_with(':') => name,
        None if !text.starts_with("arn:") => text,
        _ => return None,
    };
    if text.starts_with("arn:") && !is_lambda {
        return None;
    }
    name.split(':').next().map(str::to_string)
}

/// Properties that are read; all others are not even worked out.
const READ: [&str; 11] = [
    "DeadLetterConfig",
    "DeadLetterQueue",
    "Description",
    "Environment",
    "EventInvokeConfig",
    "Handler",
    "MemorySize",
    "ReservedConcurrentExecutions",
    "Runtime",
    "Tags",
    "Timeout",
];

/// Environment variables that belong to Lambda itself.
const RESERVED: [&str; 18] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];
/// All names and values together, as Lambda counts them.
const MAX_ENVIRONMENT: usize = 4096;

/// Whether the function's properties say that it can be run here; a warning if not.
fn is_run_here(scope: &Scope<'_>, written: &Field<'_>, image: Option<Field<'_>>) -> bool {
    let node = scope.resolve_some(written, &["PackageType", "Runtime"]);
    let field = written.with_node(&node);
    let package = field.get("PackageType").and_then(|f| f.one_of(&[("Zip", false), ("Image", true)]));
    if package == Some(true) || image.is_some() {
        let at = field.get("PackageType").or(image).unwrap_or(field);
        at.warning("not run here: functions in container images", Some("a function with a Runtime and code is"));
        return false;
    }
    let Some(runtime) = field.get("Runtime") else { return true };
    let Value::Text { text, .. } = &runtime.node.value else { return true };
    if family(text).is_some() || !is_known_elsewhere(text) {
        return true;
    }
    let help = "python3.x, nodejs and provided (an executable `bootstrap`) are";
    runtime.warning(format!("not run here: the runtime {text}"), Some(help));
    false
}

fn family(runtime: &str) -> Option<RuntimeFamily> {
    let digits = |rest: &str| rest.bytes().next().is_some_and(|c| c.is_ascii_digit());
    if runtime.strip_prefix("python3.").is_some_and(digits) {
        Some(RuntimeFamily::Python)
    } else if runtime == "nodejs" || runtime.strip_prefix("nodejs").is_some_and(digits) {
        Some(RuntimeFamily::Node)
    } else if runtime == "provided" || runtime.starts_with("provided.") {
        Some(RuntimeFamily::Provided)
    } else {
        None
    }
}

/// Whether a runtime that is not run here is one of AWS's all the same: those of languages come with a version.
fn is_known_elsewhere(runtime: &str) -> bool {
    let families = ["dotnet", "dotnetcore", "go", "java", "python2.", "ruby"];
    let version = |family: &&str| {
        runtime.strip_prefix(*family).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    families.iter().any(version)
}

fn runtime(field: &Field<'_>) -> Option<Runtime> {
    const KNOWN: [&str; 7] =
        ["python3.12", "python3.13", "python3.14", "nodejs20.x", "nodejs22.x", "provided.al2", "provided.al2023"];
    let name = field.name()?;
    let family = family(&name);
    if family.is_none() {
        field.error_known(format!("`{}` is not a runtime", short(&name)), &name, &KNOWN);
    }
    Some(Runtime { name, family: family? })
}

/// The function that `written`, its properties, describes. With faults as well, without its code even: whoever refers to
/// it is not to blame.
fn read(
    scope: &Scope<'_>,
    resource: &Resource<'_>,
    written: &Field<'_>,
    code: Option<Code>,
    tags: fn(&Field<'_>) -> Vec<(String, String)>,
) -> Function {
    let node = scope.resolve_some(written, &READ);
    let field = written.with_node(&node);
    let number = |key: &str, least, most, default| {
        let number = field.get(key).and_then(|f| f.integer(least, most)).unwrap_or(default);
        u32::try_from(number).expect("a limit of Lambda")
    };
    let runtime = field.require("Runtime").and_then(|f| runtime(&f));
    let handler = field.require("Handler").and_then(|f| handler(&f)).unwrap_or_default();
    match (&code, &runtime) {
        (Some(Code::Inline(_)), Some(runtime)) => inline(&field, runtime, &handler),
        (Some(Code::Folder(folder)), Some(runtime)) => code::look_for_handler(resource, &field, runtime.family, folder),
        _ => {}
    }
    Function {
        origin: properties::origin(resource, written),
        name: name(scope, resource),
        code: code.unwrap_or(Code::Folder(PathBuf::new())),
        handler,
        runtime: runtime.unwrap_or(Runtime { name: String::new(), family: RuntimeFamily::Python }),
        timeout_seconds: number("Timeout", 1, 900, 3),
        memory_mb: number("MemorySize", 128, 10_240, 128),
        reserved_concurrency: field
            .get("ReservedConcurrentExecutions")
            .and_then(|f| f.integer(0, NO_LIMIT))
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
        environment: field.get("Environment").map(|f| environment(&f)).unwrap_or_default(),
        description: field.get("Description").and_then(|f| f.text_within(256)).unwrap_or_default(),
        tags: tags(&field),
        events: given_up::read(scope, resource, &field),
    }
}

fn handler(field: &Field<'_>) -> Option<String> {
    let handler = field.name()?;
    if handler.len() > 128 || handler.contains(char::is_whitespace) {
        field.error("a handler has at most 128 characters and no space");
        return None;
    }
    Some(handler)
}

/// Code in the template is the text of one file, whose name AWS chooses.
fn inline(field: &Field<'_>, runtime: &Runtime, handler: &str) {
    let at = |key: &str| field.get(key).unwrap_or_else(|| field.clone());
    if runtime.family == RuntimeFamily::Provided {
        at("Runtime").error_help("code in the template is Python or JavaScript", "for others, name a folder");
    } else if !handler.is_empty() && !handler.starts_with("index.") {
        let message = format!("code in the template is the file index, so that `{}` is not found", short(handler));
        at("Handler").warning(message, Some("a handler that begins with `index.` is"));
    }
}

fn environment(field: &Field<'_>) -> Vec<(String, String)> {
    if !field.only(&["Variables"]) {
        return Vec::new();
    }
    let Some(variables) = field.get("Variables") else { return Vec::new() };
    let read = |(name, field): &(&str, Field<'_>)| variable(name, field).map(|value| (name.to_string(), value));
    let read: Vec<(String, String)> = variables.entries().iter().filter_map(read).collect();
    let size: usize = read.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_ENVIRONMENT {
        variables.error(format!("names and values come to {size} bytes, more than {MAX_ENVIRONMENT}"));
    }
    read
}

fn variable(name: &str, field: &Field<'_>) -> Option<String> {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if RESERVED.contains(&name) {
        field.error_help(format!("`{name}` is Lambda's own"), "leave it out: Lambda sets it itself");
    } else if !letters || name.len() < 2 || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let help = "a letter first, then letters, digits and underscores, at least two characters in all";
        field.error_help(format!("`{}` cannot be the name of an environment variable", short(name)), help);
    }
    if let Value::Away(why) = &field.node.value {
        field.warning(format!("the variable is left out: {why}"), None);
        return None;
    }
    field.text()
}

/// Properties that would change something and do not, and what that means.
type NotRun = (&'static str, &'static str);

const LAYERS: NotRun = ("Layers", "what they hold must be in the code's folder or its requirements");
const FILE_SYSTEMS: NotRun = ("FileSystemConfigs", "no file system is mounted");
const DURABLE: NotRun = ("DurableConfig", "an invocation is one call, and is not resumed");
const TENANCY: NotRun = ("TenancyConfig", "all tenants share the function's processes");

/// Says of properties that are there and are not run what does not happen.
fn not_run(scope: &Scope<'_>, written: &Field<'_>, list: &[NotRun]) {
    for (property, help) in list {
        if let Some(found) = written.get(property).filter(|found| !is_nothing(scope, found)) {
            let at = found.key.unwrap_or(found.node.span);
            let message = format!("not run here: {property}");
            found.report.push(found.diagnostic_at(at, Severity::Warning, message).with_help(*help));
        }
    }
}

/// Whether a value that is not worked out leaves its property out or holds nothing.
fn is_nothing(scope: &Scope<'_>, field: &Field<'_>) -> bool {
    let taken = scope.taken(field);
    taken.is_none_or(|taken| matches!(&taken.node.value, Value::List(items) if items.is_empty()))
}
