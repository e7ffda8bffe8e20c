//! `AWS::DynamoDB::Table`: its properties checked as CloudFormation and DynamoDB check them. What changes nothing
//! outside of AWS (encryption, backups, table class) is checked for its spelling and otherwise passed over.

use super::ResourceType;
use super::indexes;
use super::properties::{self, Attributes};
use crate::field::Field;
use crate::model::{BillingMode, Project, Table};
use crate::scope::{Resource, Scope};

pub(super) const TYPE: ResourceType = ResourceType {
    name: "AWS::DynamoDB::Table",
    read,
    reference: properties::table_name,
    attributes: &["Arn", "StreamArn"],
    attribute: properties::table_attribute,
};

const PROPERTIES: [&str; 21] = [
    "AttributeDefinitions",
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "GlobalTableSettingsReplicationMode",
    "ImportSourceSpecification",
    "KeySchema",
    "KinesisStreamSpecification",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "ResourcePolicy",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
    "WarmThroughput",
];

/// Properties that change nothing here, and what may be below them.
const PASSED_OVER: [(&str, &[&str]); 5] = [
    ("ContributorInsightsSpecification", &["Enabled", "Mode"]),
    ("OnDemandThroughput", &["MaxReadRequestUnits", "MaxWriteRequestUnits"]),
    ("PointInTimeRecoverySpecification", &["PointInTimeRecoveryEnabled", "RecoveryPeriodInDays"]),
    ("ResourcePolicy", &["PolicyDocument"]),
    ("SSESpecification", &["KMSMasterKeyId", "SSEEnabled", "SSEType"]),
];

/// Properties that would change something and do not yet.
const NOT_RUN: [&str; 2] = ["ImportSourceSpecification", "KinesisStreamSpecification"];

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let before = scope.report.errors();
    let mut table = properties::blank(scope, resource);
    let properties::Marks { view, shards } = properties::marks(scope, resource, &project.root);
    (table.view, table.shards) = (view, shards);
    let written = resource.field.require("Properties");
    let resolved = written.as_ref().and_then(|written| scope.resolve(written).map(|node| (written, node)));
    if let Some((written, node)) = &resolved {
        fill(&mut table, &written.with_node(node), || scope.report.errors() == before);
    }
    // With faults as well: whoever refers to the table is not to blame for them.
    project.tables.push(table);
}

fn fill(table: &mut Table, field: &Field<'_>, fine_so_far: impl Fn() -> bool) {
    if !field.only_with(&PROPERTIES, advice) {
        return;
    }
    passed_over(field);
    let attributes = field.require("AttributeDefinitions").map(|f| properties::attributes(&f)).unwrap_or_default();
    table.key = field.require("KeySchema").map(|f| properties::key_schema(&f, &attributes, 1)).unwrap_or_default();
    (table.billing, table.provisioned) = billing(field);
    let indexes = indexes::read(table, field, &attributes);
    table.stream = field.get("StreamSpecification").and_then(|f| properties::stream(&f));
    table.ttl = field.get("TimeToLiveSpecification").and_then(|f| ttl(&f, table.view.is_some()));
    table.deletion_protection = field.get("DeletionProtectionEnabled").and_then(|f| f.boolean()).unwrap_or(false);
    table.tags = properties::tag_list(field);
    // After a fault in a key these would only repeat it.
    if fine_so_far() {
        check_unused(table, &attributes);
        indexes.check(table);
    }
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "StreamViewType" => "it stands under StreamSpecification",
        "GlobalSecondaryIndex" => "did you mean GlobalSecondaryIndexes?",
        "LocalSecondaryIndex" => "did you mean LocalSecondaryIndexes?",
        "PrimaryKey" => "that belongs to AWS::Serverless::SimpleTable; a table has KeySchema and AttributeDefinitions",
        "TimeToLive" | "TTL" => "did you mean TimeToLiveSpecification?",
        "View" | "Shards" => "it stands under `Metadata: Streamfold:`, beside Properties",
        _ => return None,
    };
    Some(advice.to_string())
}

fn passed_over(field: &Field<'_>) {
    for (property, known) in PASSED_OVER {
        if let Some(found) = field.get(property) {
            found.only(known);
        }
    }
    if let Some(class) = field.get("TableClass") {
        class.one_of(&[("STANDARD", ()), ("STANDARD_INFREQUENT_ACCESS", ())]);
    }
    for property in NOT_RUN {
        if let Some(found) = field.get(property) {
            found.warning(format!("not run here yet: {property}"), None);
        }
    }
}

fn billing(field: &Field<'_>) -> (BillingMode, Option<(u64, u64)>) {
    let words = [("PROVISIONED", BillingMode::Provisioned), ("PAY_PER_REQUEST", BillingMode::PayPerRequest)];
    let written = field.get("BillingMode");
    let mode = match &written {
        Some(written) => written.one_of(&words),
        None => Some(BillingMode::Provisioned),
    };
    let throughput = field.get("ProvisionedThroughput");
    let units = throughput.as_ref().and_then(properties::throughput);
    match (mode, &throughput) {
        (Some(BillingMode::Provisioned), None) => {
            let at = written.as_ref().unwrap_or(field);
            at.error_help(
                "a table with provisioned capacity needs ProvisionedThroughput",
                "add `BillingMode: PAY_PER_REQUEST` to pay for what is used; PROVISIONED is what AWS assumes",
            );
        }
        (Some(BillingMode::PayPerRequest), Some(throughput)) => {
            throughput.error_help(
                "a table with BillingMode PAY_PER_REQUEST has no ProvisionedThroughput",
                "leave one of them out",
            );
        }
        _ => {}
    }
    (mode.unwrap_or(BillingMode::PayPerRequest), units)
}

fn ttl(field: &Field<'_>, is_view: bool) -> Option<String> {
    if !field.only(&["AttributeName", "Enabled"]) {
        return None;
    }
    let enabled = field.require("Enabled")?.boolean()?;
    let name = match field.get("AttributeName") {
        Some(name) => name.name(),
        None if enabled => field.require("AttributeName").and_then(|f| f.name()),
        None => None,
    };
    if is_view && enabled {
        field.error_help(
            "items of a view do not expire: it holds what its query says",
            "let the items that it reads expire, or leave this out",
        );
    }
    name.filter(|_| enabled)
}

/// Every defined attribute is part of a key, as DynamoDB wants it.
fn check_unused(table: &Table, attributes: &Attributes<'_>) {
    let indexes = || table.global_indexes.iter().chain(&table.local_indexes);
    for (name, _, at) in attributes {
        let keys = || indexes().map(|index| &index.key).chain([&table.key]);
        if !keys().flatten().any(|element| element.name == *name) {
            at.error_help(
                format!("`{name}` is in AttributeDefinitions, but in no key"),
                "leave it out: only attributes of keys are defined, items may have any others",
            );
        }
    }
}
