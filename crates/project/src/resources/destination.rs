//! `AWS::SQS::Queue` and `AWS::SNS::Topic`: only their names. What triggers and schedules send there when they give up
//! lands in a table.

use super::ResourceType;
use super::marks;
use super::physical::{self, Naming, plain_name, text};
use crate::diagnostic::Severity;
use crate::field::Field;
use crate::model::Project;
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

/// Where this program answers unless it is told otherwise; part of a queue's URL.
const ADDRESS: &str = "http://localhost:8000";
/// The table that holds what is sent to queues and topics.
const TABLE: &str = "dead_letters";

pub(super) const QUEUE: ResourceType = ResourceType {
    name: "AWS::SQS::Queue",
    read: |scope, resource, project| read(scope, resource, project, &QUEUE_PROPERTIES, &QUEUE_NAMING),
    reference: queue_url,
    attributes: &["Arn", "QueueName", "QueueUrl"],
    attribute: |scope, resource, attribute| match (attribute, physical::name(scope, resource, &QUEUE_NAMING)) {
        ("Arn", Value::Text { text: name, .. }) => text(scope.arn("sqs", &name)),
        ("QueueUrl", _) => queue_url(scope, resource),
        (_, name) => name,
    },
};

pub(super) const TOPIC: ResourceType = ResourceType {
    name: "AWS::SNS::Topic",
    read: |scope, resource, project| read(scope, resource, project, &TOPIC_PROPERTIES, &TOPIC_NAMING),
    reference: topic_arn,
    attributes: &["TopicArn", "TopicName"],
    attribute: |scope, resource, attribute| match attribute {
        "TopicArn" => topic_arn(scope, resource),
        _ => physical::name(scope, resource, &TOPIC_NAMING),
    },
};

const QUEUE_NAMING: Naming = Naming { property: "QueueName", most: 80, check: |field| fifo_name(field, 80) };
const TOPIC_NAMING: Naming = Naming { property: "TopicName", most: 255, check: |field| fifo_name(field, 256) };

/// Only a name that is FIFO has a dot.
fn fifo_name(field: &Field<'_>, most: usize) -> Option<String> {
    let is_fifo = matches!(&field.node.value, Value::Text { text, .. } if text.ends_with(".fifo"));
    plain_name(field, most, if is_fifo { "-_." } else { "-_" })
}

const QUEUE_PROPERTIES: [&str; 16] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "QueueName",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "Tags",
    "VisibilityTimeout",
];

const TOPIC_PROPERTIES: [&str; 14] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DataProtectionPolicy",
    "DeliveryStatusLogging",
    "DisplayName",
    "FifoThroughputScope",
    "FifoTopic",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "SignatureVersion",
    "Subscription",
    "Tags",
    "TopicName",
    "TracingConfig",
];

fn queue_url(scope: &Scope<'_>, resource: &Resource<'_>) -> Value {
    match physical::name(scope, resource, &QUEUE_NAMING) {
        Value::Text { text: name, .. } => text(format!("{ADDRESS}/{}/{name}", scope.options.account)),
        other => other,
    }
}

fn topic_arn(scope: &Scope<'_>, resource: &Resource<'_>) -> Value {
    match physical::name(scope, resource, &TOPIC_NAMING) {
        Value::Text { text: name, .. } => text(scope.arn("sns", &name)),
        other => other,
    }
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, _: &mut Project, known: &[&str], naming: &Naming) {
    marks::none(resource);
    if let Some(properties) = resource.properties() {
        properties.only(known);
    }
    physical::name(scope, resource, naming);
    let field = &resource.field;
    let message =
        format!("only its name is known here: what triggers and schedules send to it lands in the table `{TABLE}`");
    field.report.push(field.diagnostic(Severity::Note, message));
}
