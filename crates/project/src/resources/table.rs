//! `AWS::DynamoDB::Table`: its properties checked as CloudFormation and DynamoDB check them. What changes nothing
//! outside of AWS (encryption, backups, table class) is checked for its spelling and otherwise passed over.

use super::ResourceType;
use super::properties::{self, Attributes};
use crate::field::Field;
use crate::model::{BillingMode, Index, Project, Projection, Table};
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
const NOT_RUN: [&str; 4] =
    ["GlobalSecondaryIndexes", "LocalSecondaryIndexes", "ImportSourceSpecification", "KinesisStreamSpecification"];

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
    let indexes = |property: &str| field.get(property).map(|f| f.items()).unwrap_or_default();
    let (global, local) = (indexes("GlobalSecondaryIndexes"), indexes("LocalSecondaryIndexes"));
    table.global_indexes = global.iter().filter_map(|f| global_index(f, &attributes, table.billing)).collect();
    table.local_indexes = local.iter().filter_map(|f| index(f, &LOCAL_INDEX, &attributes, 1)).collect();
    table.stream = field.get("StreamSpecification").and_then(|f| properties::stream(&f));
    table.ttl = field.get("TimeToLiveSpecification").and_then(|f| ttl(&f, table.view.is_some()));
    table.deletion_protection = field.get("DeletionProtectionEnabled").and_then(|f| f.boolean()).unwrap_or(false);
    table.tags = tags(field);
    // After a fault in a key these would only repeat it.
    if fine_so_far() {
        check_unused(table, &attributes);
        check_indexes(table, &global, &local);
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

/// The items of a view come and go with those of its sources: none expires by itself.
fn ttl(field: &Field<'_>, of_view: bool) -> Option<String> {
    if !field.only(&["AttributeName", "Enabled"]) {
        return None;
    }
    let enabled = field.require("Enabled")?.boolean()?;
    let name = match field.get("AttributeName") {
        Some(name) => name.name(),
        None if enabled => field.require("AttributeName").and_then(|f| f.name()),
        None => None,
    };
    if enabled && of_view {
        field.error("a view's table has no time to live of its own; set it on the tables that the view reads");
    }
    name.filter(|_| enabled)
}

fn tags(field: &Field<'_>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    for item in field.get("Tags").map(|f| f.items()).unwrap_or_default() {
        if item.only(&["Key", "Value"]) {
            let key = item.require("Key").and_then(|f| f.name().map(|key| (key, f)));
            properties::tag(key, item.require("Value").and_then(|f| f.text()), &mut tags);
        }
    }
    tags
}

const GLOBAL_INDEX: [&str; 7] = [
    "ContributorInsightsSpecification",
    "IndexName",
    "KeySchema",
    "OnDemandThroughput",
    "Projection",
    "ProvisionedThroughput",
    "WarmThroughput",
];
const LOCAL_INDEX: [&str; 3] = ["IndexName", "KeySchema", "Projection"];

fn global_index(field: &Field<'_>, attributes: &Attributes<'_>, billing: BillingMode) -> Option<Index> {
    let mut index = index(field, &GLOBAL_INDEX, attributes, 4)?;
    let throughput = field.get("ProvisionedThroughput");
    index.provisioned = throughput.as_ref().and_then(properties::throughput);
    match (billing, &throughput) {
        (BillingMode::Provisioned, None) => {
            field.error("an index of a table with provisioned capacity needs ProvisionedThroughput");
        }
        (BillingMode::PayPerRequest, Some(throughput)) => {
            throughput.error("an index of a table with BillingMode PAY_PER_REQUEST has no ProvisionedThroughput");
        }
        _ => {}
    }
    Some(index)
}

/// An index, with at most `most` partition key and sort key attributes.
fn index(field: &Field<'_>, known: &[&str], attributes: &Attributes<'_>, most: usize) -> Option<Index> {
    if !field.only(known) {
        return None;
    }
    let name = field.require("IndexName").and_then(|f| properties::checked_name(&f));
    let key = field.require("KeySchema").map(|f| properties::key_schema(&f, attributes, most));
    let projection = field.require("Projection").and_then(|f| projection(&f));
    Some(Index { name: name?, location: field.location(), key: key?, projection: projection?, provisioned: None })
}

fn projection(field: &Field<'_>) -> Option<Projection> {
    if !field.only(&["NonKeyAttributes", "ProjectionType"]) {
        return None;
    }
    #[derive(Clone, Copy)]
    enum Kind {
        All,
        KeysOnly,
        Include,
    }
    let words = [("ALL", Kind::All), ("KEYS_ONLY", Kind::KeysOnly), ("INCLUDE", Kind::Include)];
    let kind = field.require("ProjectionType")?.one_of(&words)?;
    match (kind, field.get("NonKeyAttributes")) {
        (Kind::Include, Some(named)) => {
            Some(Projection::Include(named.items().iter().filter_map(Field::name).collect()))
        }
        (Kind::Include, None) => {
            field.error("a projection of type INCLUDE names its NonKeyAttributes");
            None
        }
        (_, Some(named)) => {
            named.error("NonKeyAttributes belong to ProjectionType INCLUDE");
            None
        }
        (Kind::All, None) => Some(Projection::All),
        (Kind::KeysOnly, None) => Some(Projection::KeysOnly),
    }
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

fn check_indexes(table: &Table, global: &[Field<'_>], local: &[Field<'_>]) {
    let (table_hash, sorted) = (table.key.first(), table.key.len() > 1);
    for (index, field) in table.local_indexes.iter().zip(local) {
        if index.key.len() < 2 || index.key.first() != table_hash {
            field.error("a local index has the table's partition key and a sort key of its own");
        } else if !sorted {
            field.error("a table without a sort key has no local indexes");
        }
    }
    let mut names: Vec<&str> = Vec::new();
    let indexes = table.global_indexes.iter().zip(global).chain(table.local_indexes.iter().zip(local));
    for (index, field) in indexes {
        if names.contains(&index.name.as_str()) {
            field.error(format!("another index is called `{}` too", index.name));
        }
        names.push(&index.name);
    }
    for (fields, most) in [(global, 20), (local, 5)] {
        if let Some(field) = fields.get(most) {
            field.error(format!("more than {most} indexes of this kind"));
        }
    }
}
