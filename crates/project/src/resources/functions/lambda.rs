//! `AWS::Lambda::Function`: a function as CloudFormation makes it. Its code is in the template, or in a local folder as
//! `aws cloudformation package` takes it.

use super::{DURABLE, FILE_SYSTEMS, LAYERS, NotRun, TENANCY};
use super::{attribute, code, is_run_here, name, not_run, read, reference};
use crate::field::Field;
use crate::model::{Code, Project};
use crate::resources::{ResourceType, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(in crate::resources) const TYPE: ResourceType =
    ResourceType { name: "AWS::Lambda::Function", read: read_resource, reference, attributes: &["Arn"], attribute };

const PROPERTIES: [&str; 31] = [
    "Architectures",
    "CapacityProviderConfig",
    "Code",
    "CodeSigningConfigArn",
    "DeadLetterConfig",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionScalingConfig",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
];

/// Properties that would change something and do not.
const NOT_RUN: [NotRun; 4] = [DURABLE, FILE_SYSTEMS, LAYERS, TENANCY];

fn read_resource(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only_with(&PROPERTIES, advice) {
        return;
    }
    let image = written.get("Code").and_then(|code| code.get("ImageUri"));
    if !is_run_here(scope, &written, image) {
        name(scope, resource);
        return;
    }
    not_run(scope, &written, &NOT_RUN);
    let code = code(scope, &written, project);
    let function = read(scope, resource, &written, code, properties::tag_list);
    project.functions.push(function);
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "CodeUri" | "InlineCode" => "that belongs to AWS::Serverless::Function; here it is Code",
        "Events" => "that belongs to AWS::Serverless::Function; here a trigger is an AWS::Lambda::EventSourceMapping",
        "Policies" => "that belongs to AWS::Serverless::Function; here there is a Role",
        "DeadLetterQueue" => "did you mean DeadLetterConfig?",
        "Tracing" => "did you mean TracingConfig?",
        "Name" => "did you mean FunctionName?",
        _ => return None,
    };
    Some(advice.to_string())
}

fn code(scope: &Scope<'_>, written: &Field<'_>, project: &Project) -> Option<Code> {
    let node = scope.resolve_some(written, &["Code"]);
    let field = written.with_node(&node);
    // Without it, `aws cloudformation package` takes the template's folder.
    let Some(code) = field.get("Code") else { return Some(Code::Folder(project.root.clone())) };
    if !matches!(code.node.value, Value::Map(_)) {
        return code::folder(&code, &project.root);
    }
    code.only(&["S3Bucket", "S3Key", "S3ObjectStorageMode", "S3ObjectVersion", "SourceKMSKeyArn", "ZipFile"]);
    if let Some(inline) = code.get("ZipFile") {
        return inline.name().map(Code::Inline);
    }
    if code.get("S3Bucket").is_some() || code.get("S3Key").is_some() {
        code::in_bucket(&code);
    } else {
        code.error_help("no code", "`ZipFile` with its text, or instead of this map the path of a folder");
    }
    None
}
