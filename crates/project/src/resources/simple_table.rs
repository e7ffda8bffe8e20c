//! `AWS::Serverless::SimpleTable`: a table with one key attribute, as SAM makes it.

use super::ResourceType;
use super::properties;
use crate::field::Field;
use crate::model::{AttrType, BillingMode, KeyElement, KeyType, Project};
use crate::scope::{Resource, Scope};

pub(super) const TYPE: ResourceType = ResourceType {
    name: "AWS::Serverless::SimpleTable",
    read,
    reference: properties::table_name,
    attributes: &["Arn"],
    attribute: properties::table_attribute,
};

const PROPERTIES: [&str; 6] = [
    "PointInTimeRecoverySpecification",
    "PrimaryKey",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableName",
    "Tags",
];

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let mut table = properties::blank(scope, resource);
    let properties::Marks { view, shards } = properties::marks(scope, resource, &project.root);
    (table.view, table.shards) = (view, shards);
    let written = resource.properties();
    let resolved = written.as_ref().and_then(|written| scope.resolve(written).map(|node| (written, node)));
    // Every property has a default, so there need not be any.
    let mut key = Some(("id".to_string(), AttrType::S));
    if let Some((written, node)) = &resolved {
        let field = written.with_node(node);
        field.only_with(&PROPERTIES, advice);
        key = field.get("PrimaryKey").map_or(key, |f| primary_key(&f));
        table.provisioned = field.get("ProvisionedThroughput").and_then(|f| properties::throughput(&f));
        table.tags = properties::tag_map(&field);
    }
    if table.provisioned.is_some() {
        table.billing = BillingMode::Provisioned;
    }
    table.key.extend(key.map(|(name, attr_type)| KeyElement { name, key_type: KeyType::Hash, attr_type }));
    project.tables.push(table);
}

fn primary_key(field: &Field<'_>) -> Option<(String, AttrType)> {
    if !field.only(&["Name", "Type"]) {
        return None;
    }
    let name = field.require("Name").and_then(|f| f.name());
    let words = [("String", AttrType::S), ("Number", AttrType::N), ("Binary", AttrType::B)];
    let kind = field.require("Type").and_then(|f| f.one_of(&words));
    Some((name?, kind?))
}

fn advice(key: &str) -> Option<String> {
    ["AttributeDefinitions", "BillingMode", "KeySchema", "StreamSpecification", "TimeToLiveSpecification"]
        .contains(&key)
        .then(|| "a SimpleTable does not have it: make it an AWS::DynamoDB::Table".to_string())
}
