//! `AWS::Lambda::EventSourceMapping`: a trigger that is a resource by itself.

use super::{name_of, stream};
use crate::field::{Field, short};
use crate::model::{Project, Trigger};
use crate::resources::name::suffix;
use crate::resources::physical::text;
use crate::resources::{ResourceType, marks, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(in crate::resources) const TYPE: ResourceType = ResourceType {
    name: "AWS::Lambda::EventSourceMapping",
    read,
    reference: |scope, resource| text(id(scope, resource)),
    attributes: &["EventSourceMappingArn", "Id"],
    attribute: |scope, resource, attribute| match attribute {
        "Id" => text(id(scope, resource)),
        _ => text(scope.arn("lambda", &format!("event-source-mapping:{}", id(scope, resource)))),
    },
};

/// What it has besides [`stream::PROPERTIES`].
const OWN: [&str; 3] = ["EventSourceArn", "FunctionName", "Tags"];

/// Properties of mappings of queues and brokers.
const OF_OTHERS: [&str; 10] = [
    "AmazonManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
    "ProvisionedPollerConfig",
    "Queues",
    "ScalingConfig",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
];

/// A UUID made of the names that it depends on. A mapping that is created over the API has one of its own.
fn id(scope: &Scope<'_>, resource: &Resource<'_>) -> String {
    let part = |salt: &str| {
        let letters = suffix(&[&scope.stack_name, resource.logical_id, salt]);
        letters.bytes().map(|letter| char::from(b"0123456789abcdef"[usize::from(letter % 16)])).collect::<String>()
    };
    let digits = ["a", "b", "c"].map(part).concat();
    format!("{}-{}-4{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32])
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let Some(written) = resource.field.require("Properties") else { return };
    let known: Vec<&str> = OWN.into_iter().chain(stream::PROPERTIES).chain(OF_OTHERS).collect();
    if !written.only_with(&known, advice) || !is_stream(scope, resource, &written) {
        return;
    }
    for property in OF_OTHERS {
        if let Some(found) = written.get(property) {
            found.error("it belongs to mappings of queues, topics and other databases");
        }
    }
    let function = written.require("FunctionName").and_then(|f| function(scope, &f));
    let source = written.require("EventSourceArn").and_then(|f| stream::source(scope, &f));
    let quarantine = marks::of_mapping(scope, resource);
    let (Some(function), Some(source)) = (function, source) else { return };
    let node = scope.resolve_some(&written, &stream::PROPERTIES);
    let settings = stream::settings(&written.with_node(&node), &source, quarantine);
    project.triggers.push(Trigger {
        origin: properties::origin(resource, &written),
        name: resource.logical_id.to_string(),
        event: None,
        function,
        source,
        settings,
    });
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "Stream" | "StreamArn" => "did you mean EventSourceArn?",
        "Function" | "FunctionArn" => "did you mean FunctionName?",
        "Quarantine" => "it stands under `Metadata: Streamfold:`, beside Properties",
        _ => return None,
    };
    Some(advice.to_string())
}

/// Whether it maps a stream; a warning if it maps something else.
fn is_stream(scope: &Scope<'_>, resource: &Resource<'_>, written: &Field<'_>) -> bool {
    let other = |what: &str| {
        resource
            .field
            .warning(format!("not run here: {what}"), Some("mappings of the streams of tables and of Kinesis are"));
        false
    };
    if written.get("SelfManagedEventSource").is_some() {
        return other("a mapping of Kafka");
    }
    let Some(arn) = written.get("EventSourceArn") else { return true };
    match scope.resolve(&arn).map(|node| node.value) {
        Some(Value::Text { text, .. }) => match text.split(':').nth(2) {
            Some("sqs") => other("a mapping of a queue"),
            Some("kafka" | "mq" | "rds" | "docdb") => other("a mapping of a broker or another database"),
            _ => true,
        },
        _ => true,
    }
}

/// The name of the function, from its name or ARN.
fn function(scope: &Scope<'_>, written: &Field<'_>) -> Option<String> {
    let Some(node) = scope.resolve(written) else {
        written.error("has no value: a trigger calls a function");
        return None;
    };
    let field = written.with_node(&node);
    let text = field.name()?;
    let name = name_of(&text);
    if name.is_none() {
        field.error(format!("expected the name or the ARN of a function, found `{}`", short(&text)));
    }
    name
}
