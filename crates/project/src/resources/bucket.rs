//! `AWS::S3::Bucket`: its name, and which functions its events call. What protects, counts or moves objects on AWS changes
//! nothing here, and a note says so; what would be a promise that nobody keeps is refused.

use super::ResourceType;
use super::functions::bucket_events::{Configured, changes, filter};
use super::functions::name_of;
use super::name;
use super::physical::{once, text};
use super::properties;
use crate::diagnostic::Severity;
use crate::field::{Field, short};
use crate::model::{Bucket, BucketTrigger, Origin, Project};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(super) const TYPE: ResourceType = ResourceType {
    name: "AWS::S3::Bucket",
    read,
    reference: bucket_name,
    attributes: &["Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"],
    attribute,
};

/// Where this program answers unless it is told otherwise; a bucket's name stands before it.
const DOMAIN: &str = "s3.localhost:8000";

/// Properties that change nothing here.
const WITHOUT_EFFECT: [&str; 12] = [
    "AbacStatus",
    "AccelerateConfiguration",
    "AccessControl",
    "AnalyticsConfigurations",
    "BucketEncryption",
    "IntelligentTieringConfigurations",
    "InventoryConfigurations",
    "LoggingConfiguration",
    "MetricsConfigurations",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "Tags",
];

/// Properties that would do something, and what is not done.
const NOT_RUN: [(&str, &str); 6] = [
    ("CorsConfiguration", "pages of other hosts need a signature"),
    ("LifecycleConfiguration", "objects stay until they are deleted"),
    ("MetadataConfiguration", "no table tells of the objects"),
    ("MetadataTableConfiguration", "no table tells of the objects"),
    ("ReplicationConfiguration", "objects are copied nowhere"),
    ("WebsiteConfiguration", "the bucket is no website"),
];

/// Properties that are read, or refused.
const READ: [&str; 7] = [
    "BucketName",
    "BucketNamePrefix",
    "BucketNamespace",
    "NotificationConfiguration",
    "ObjectLockConfiguration",
    "ObjectLockEnabled",
    "VersioningConfiguration",
];

/// Configurations of a bucket's events that call no function.
const NOT_TOLD: [&str; 3] = ["EventBridgeConfiguration", "QueueConfigurations", "TopicConfigurations"];

/// Longest name.
const MAX_NAME: usize = 63;

/// `!Ref` of a bucket. Names of buckets have no capital letters.
fn bucket_name(scope: &Scope<'_>, resource: &Resource<'_>) -> Value {
    once(scope, resource.logical_id, &resource.field, || {
        let field = resource.properties().and_then(|properties| properties.get("BucketName"));
        match field.as_ref().and_then(|field| scope.resolve(field).map(|node| (field, node))) {
            Some((field, node)) => check_name(&field.with_node(&node)).map_or(Value::Broken, text),
            None => text(name::physical(&scope.stack_name, resource.logical_id, MAX_NAME).to_lowercase()),
        }
    })
}

fn check_name(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let has_dots_alone = !name.contains("..") && !name.contains(".-") && !name.contains("-.");
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok();
    let fine = (3..=MAX_NAME).contains(&name.len())
        && name.chars().all(is_inner)
        && name.starts_with(is_outer)
        && name.ends_with(is_outer)
        && has_dots_alone
        && !is_address
        && !name.starts_with("xn--");
    if fine {
        return Some(name);
    }
    field.error_help(
        format!("`{}` cannot be the name of a bucket", short(&name)),
        "3 to 63 of a-z, 0-9, - and ., a letter or digit at both ends",
    );
    None
}

fn attribute(scope: &Scope<'_>, resource: &Resource<'_>, attribute: &str) -> Value {
    let Value::Text { text: name, .. } = bucket_name(scope, resource) else { return Value::Broken };
    match attribute {
        "Arn" => text(format!("arn:{}:s3:::{name}", scope.partition())),
        "WebsiteURL" => Value::Away(format!("`{}` is no website here, so it has no WebsiteURL", resource.logical_id)),
        // Never a name under which AWS has somebody else's bucket.
        _ => text(format!("{name}.{DOMAIN}")),
    }
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let Value::Text { text: name, .. } = bucket_name(scope, resource) else { return };
    let properties = resource.properties();
    let field = properties.as_ref().unwrap_or(&resource.field);
    project.buckets.push(Bucket { origin: properties::origin(resource, field), name: name.clone() });
    let Some(written) = properties else { return };
    let known: Vec<&str> =
        READ.into_iter().chain(WITHOUT_EFFECT).chain(NOT_RUN.map(|(property, _)| property)).collect();
    if !written.only_with(&known, advice) {
        return;
    }
    passed_over(&written);
    refused(scope, &written);
    if let Some(configuration) = written.get("NotificationConfiguration") {
        told(scope, resource, &configuration, &name, project);
    }
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "Name" => "did you mean BucketName?",
        "Encryption" => "did you mean BucketEncryption?",
        "Versioning" => "did you mean VersioningConfiguration?",
        "LambdaConfigurations" | "Events" => "it stands under NotificationConfiguration",
        "Export" => "it stands under `Metadata: Streamfold:`, beside Properties",
        _ => return None,
    };
    Some(advice.to_string())
}

/// Says what is passed over.
fn passed_over(written: &Field<'_>) {
    let found: Vec<&str> = WITHOUT_EFFECT.into_iter().filter(|property| written.get(property).is_some()).collect();
    if !found.is_empty() {
        let message = format!("without effect here: {}", found.join(", "));
        written.report.push(written.diagnostic(Severity::Note, message));
    }
    for (property, why) in NOT_RUN {
        if let Some(found) = written.get(property) {
            found.report.push(found.diagnostic(Severity::Note, format!("not run here: {why}")));
        }
    }
}

/// What is refused: a promise that would not be kept, or a name that AWS alone makes.
fn refused(scope: &Scope<'_>, written: &Field<'_>) {
    let node = scope.resolve_some(written, &["ObjectLockEnabled", "VersioningConfiguration"]);
    let field = written.with_node(&node);
    let locked = field.get("ObjectLockEnabled").filter(|f| f.boolean() == Some(true));
    if let Some(locked) = locked.or_else(|| written.get("ObjectLockConfiguration")) {
        locked.error_help("objects are not locked here: anybody may replace or delete them", "leave it out");
    }
    for property in ["BucketNamePrefix", "BucketNamespace"] {
        if let Some(found) = written.get(property) {
            found.error_help("names in a namespace are made by AWS alone", "give the bucket a BucketName");
        }
    }
    let versioning = field.get("VersioningConfiguration").filter(|found| found.only(&["Status"]));
    if let Some(status) = versioning.and_then(|found| found.require("Status"))
        && status.one_of(&[("Enabled", true), ("Suspended", false)]) == Some(true)
    {
        let note = status.diagnostic(Severity::Note, "not run here: objects keep no versions but the newest");
        status.report.push(note);
    }
}

/// `NotificationConfiguration`: the functions that are called.
fn told(scope: &Scope<'_>, resource: &Resource<'_>, written: &Field<'_>, bucket: &str, project: &mut Project) {
    let known: Vec<&str> = ["LambdaConfigurations"].into_iter().chain(NOT_TOLD).collect();
    if !written.only(&known) {
        return;
    }
    for property in NOT_TOLD {
        if let Some(found) = written.get(property) {
            found.warning(format!("not run here: {property}"), Some("functions are told of a bucket's events"));
        }
    }
    let node = scope.resolve_some(written, &["LambdaConfigurations"]);
    let field = written.with_node(&node);
    for (at, item) in field.get("LambdaConfigurations").map(|f| f.items()).unwrap_or_default().iter().enumerate() {
        if let Some((function, configured)) = configuration(item) {
            let Configured { changes, prefix, suffix } = configured;
            project.bucket_triggers.push(BucketTrigger {
                origin: Origin {
                    logical_id: resource.logical_id.to_string(),
                    path: item.path.clone(),
                    location: item.location(),
                    properties: item.locations(),
                },
                name: format!("{}Configuration{at}", resource.logical_id),
                event: None,
                function,
                bucket: bucket.to_string(),
                changes,
                prefix,
                suffix,
            });
        }
    }
}

/// One of the `LambdaConfigurations`.
fn configuration(item: &Field<'_>) -> Option<(String, Configured)> {
    if !item.only(&["Event", "Filter", "Function"]) {
        return None;
    }
    let changes = item.require("Event").map(|f| changes(&f)).unwrap_or_default();
    let (prefix, suffix) = item.get("Filter").map(|f| filter(&f)).unwrap_or_default();
    let function = item.require("Function")?;
    let arn = function.name()?;
    let Some(name) = name_of(&arn).filter(|_| arn.starts_with("arn:")) else {
        function.error_help(format!("expected the ARN of a function, found `{}`", short(&arn)), "!GetAtt Function.Arn");
        return None;
    };
    Some((name, Configured { changes, prefix, suffix }))
}
