//! Properties that several kinds of tables share: names, keys, throughput, tags, and the marks under
//! `Metadata: Streamfold:`. Each function takes a value that has been worked out, and reports what is wrong with it.

use crate::field::{Field, NO_LIMIT, short};
use crate::model::stream_placeholder;
use crate::model::{AttrType, BillingMode, KeyElement, KeyType, Origin, StreamViewType, Table, View};
use crate::scope::{Resource, Scope};
use crate::suggest::did_you_mean;
use crate::view;
use crate::yaml::{Node, Value};

use super::physical::{self, Naming};

/// Most shards of one stream.
const MAX_SHARDS: u64 = 1024;

/// A table or index name as DynamoDB takes it.
pub(crate) fn checked_name(field: &Field<'_>) -> Option<String> {
    let name = field.text()?;
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if fine && (3..=255).contains(&name.len()) {
        return Some(name);
    }
    field
        .error_help(format!("`{}` cannot be a name", short(&name)), "3 to 255 characters of a-z, A-Z, 0-9, _, - and .");
    None
}

/// How tables are named.
const NAMING: Naming = Naming { property: "TableName", most: 255, check: checked_name };

/// The table's name.
pub(super) fn table_name(scope: &Scope<'_>, resource: &Resource<'_>) -> Value {
    physical::name(scope, resource, &NAMING)
}

/// `!GetAtt` of a table.
pub(super) fn table_attribute(scope: &Scope<'_>, resource: &Resource<'_>, attribute: &str) -> Value {
    let name = match table_name(scope, resource) {
        Value::Text { text, .. } => text,
        other => return other,
    };
    let text = match attribute {
        "StreamArn" => {
            if resource.properties().is_none_or(|properties| properties.get("StreamSpecification").is_none()) {
                return Value::Away(format!("`{}` has no stream: give it a StreamSpecification", resource.logical_id));
            }
            stream_placeholder(&name)
        }
        _ => scope.arn("dynamodb", &format!("table/{name}")),
    };
    Value::Text { text, plain: false }
}

/// The types of attributes, by name.
pub(super) type Attributes<'a> = Vec<(String, AttrType, Field<'a>)>;

/// `AttributeDefinitions`.
pub(super) fn attributes<'a>(field: &Field<'a>) -> Attributes<'a> {
    let mut found: Attributes<'a> = Vec::new();
    for item in field.items() {
        if !item.only(&["AttributeName", "AttributeType"]) {
            continue;
        }
        let name = item.require("AttributeName").and_then(|f| f.name().map(|name| (name, f)));
        let kind = item.require("AttributeType").and_then(|f| attribute_type(&f));
        let Some((name, at)) = name else { continue };
        if name.len() > 255 {
            at.error("the name of a key attribute is at most 255 bytes long");
        }
        if found.iter().any(|(known, _, _)| *known == name) {
            at.error(format!("`{name}` is defined twice"));
            continue;
        }
        // A type that was complained about counts as a string, so that nobody complains about it again.
        found.push((name, kind.unwrap_or(AttrType::S), at));
    }
    found
}

fn attribute_type(field: &Field<'_>) -> Option<AttrType> {
    let advice = match field.text()?.to_lowercase().as_str() {
        "string" => "S, for a string",
        "number" => "N, for a number",
        "binary" => "B, for bytes",
        "bool" | "boolean" | "map" | "list" | "m" | "l" | "ss" | "ns" | "bs" | "null" => {
            "a key is S, N or B; attributes that are no key are not defined at all"
        }
        _ => return field.one_of(&[("S", AttrType::S), ("N", AttrType::N), ("B", AttrType::B)]),
    };
    field.error_help(format!("`{}` is not a type of a key attribute", short(&field.text()?)), advice);
    None
}

/// `KeySchema` of a table or an index, with at most `most` attributes of each kind.
pub(super) fn key_schema(field: &Field<'_>, attributes: &Attributes<'_>, most: usize) -> Vec<KeyElement> {
    let mut key: Vec<KeyElement> = Vec::new();
    let items = field.items();
    for item in &items {
        if !item.only(&["AttributeName", "KeyType"]) {
            continue;
        }
        let name = item.require("AttributeName").and_then(|f| f.name().map(|name| (name, f)));
        let words = [("HASH", KeyType::Hash), ("RANGE", KeyType::Range)];
        let key_type = item.require("KeyType").and_then(|f| f.one_of(&words));
        let (Some((name, at)), Some(key_type)) = (name, key_type) else { continue };
        if key.iter().any(|element| element.name == name) {
            at.error(format!("`{name}` is in the key twice"));
            continue;
        }
        let defined = attributes.iter().find(|(known, _, _)| *known == name);
        if defined.is_none() {
            let known = attributes.iter().map(|(known, _, _)| known.as_str());
            let help = did_you_mean(&name, known)
                .unwrap_or_else(|| format!("add `AttributeName: {name}` with its type there"));
            at.error_help(format!("key attribute `{name}` is not in AttributeDefinitions"), help);
        }
        key.push(KeyElement { name, key_type, attr_type: defined.map_or(AttrType::S, |(_, kind, _)| *kind) });
    }
    if items.is_empty() && matches!(field.node.value, Value::List(_)) {
        field.error("a key has at least a partition key: KeyType HASH");
    } else if key.len() == items.len() {
        key_order(field, &key, most);
    }
    key
}

fn key_order(field: &Field<'_>, key: &[KeyElement], most: usize) {
    let count = |kind| key.iter().filter(|element| element.key_type == kind).count();
    let (hash, range) = (count(KeyType::Hash), count(KeyType::Range));
    if hash > most || range > most {
        let attributes = if most == 1 { "one attribute" } else { "four attributes" };
        field.error(format!("at most {attributes} with KeyType HASH and as many with RANGE, found {hash} and {range}"));
    } else if key.first().is_some_and(|first| first.key_type == KeyType::Range) {
        field
            .error_help("the first key attribute has KeyType HASH", "the partition key comes first, then the sort key");
    } else if key.windows(2).any(|pair| pair[0].key_type == KeyType::Range && pair[1].key_type == KeyType::Hash) {
        field.error("all attributes with KeyType HASH come before those with RANGE");
    }
}

/// `ProvisionedThroughput`: read and write capacity units.
pub(super) fn throughput(field: &Field<'_>) -> Option<(u64, u64)> {
    if !field.only(&["ReadCapacityUnits", "WriteCapacityUnits"]) {
        return None;
    }
    let units = |key| field.require(key).and_then(|f| f.integer(1, NO_LIMIT));
    let (read, write) = (units("ReadCapacityUnits"), units("WriteCapacityUnits"));
    Some((read?, write?))
}

/// A stream's view type, from `StreamSpecification`.
pub(super) fn stream(field: &Field<'_>) -> Option<StreamViewType> {
    let advice = |key: &str| {
        (key == "StreamEnabled").then(|| "leave it out: in a template, StreamViewType turns the stream on".to_string())
    };
    if !field.only_with(&["StreamViewType", "ResourcePolicy"], advice) {
        return None;
    }
    use StreamViewType::{KeysOnly, NewAndOldImages, NewImage, OldImage};
    field
        .require("StreamViewType")?
        .one_of(&[KeysOnly, NewImage, OldImage, NewAndOldImages].map(|kind| (kind.as_str(), kind)))
}

/// Where a resource with these properties stands.
pub(super) fn origin(resource: &Resource<'_>, properties: &Field<'_>) -> Origin {
    Origin {
        logical_id: resource.logical_id.to_string(),
        path: "Properties".into(),
        location: resource.field.location(),
        properties: properties.locations(),
    }
}

/// `Tags` as CloudFormation has them: a list of keys and values.
pub(super) fn tag_list(field: &Field<'_>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    for item in field.get("Tags").map(|f| f.items()).unwrap_or_default() {
        if item.only(&["Key", "Value"]) {
            let key = item.require("Key").and_then(|f| f.name().map(|key| (key, f)));
            tag(key, item.require("Value").and_then(|f| f.text()), &mut tags);
        }
    }
    tags
}

/// `Tags` as SAM has them: a map.
pub(super) fn tag_map(field: &Field<'_>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    for (key, value) in field.get("Tags").map(|f| f.entries()).unwrap_or_default() {
        tag(Some((key.to_string(), value.clone())), value.text(), &mut tags);
    }
    tags
}

/// One tag.
fn tag(key: Option<(String, Field<'_>)>, value: Option<String>, tags: &mut Vec<(String, String)>) {
    let (Some((key, at)), Some(value)) = (key, value) else { return };
    if key.chars().count() > 128 || value.chars().count() > 256 {
        at.error("a tag's key has at most 128 characters, its value 256");
    } else if key.starts_with("aws:") {
        at.error("tags that begin with `aws:` belong to AWS");
    } else if tags.iter().any(|(known, _)| *known == key) {
        at.error(format!("tag `{key}` is given twice"));
    } else {
        tags.push((key, value));
    }
}

/// A table of which only the name is known. Its name is empty if it has a fault, which was reported.
pub(super) fn blank(scope: &Scope<'_>, resource: &Resource<'_>) -> Table {
    let name = match table_name(scope, resource) {
        Value::Text { text, .. } => text,
        _ => String::new(),
    };
    let properties = resource.properties().filter(|f| matches!(f.node.value, Value::Map(_)));
    let entries = properties.map(|properties| properties.entries()).unwrap_or_default();
    Table {
        logical_id: resource.logical_id.to_string(),
        name,
        location: resource.field.location(),
        properties: entries.into_iter().map(|(key, field)| (key.to_string(), field.location())).collect(),
        key: Vec::new(),
        stream: None,
        billing: BillingMode::PayPerRequest,
        ttl: None,
        deletion_protection: false,
        tags: Vec::new(),
        provisioned: None,
        global_indexes: Vec::new(),
        local_indexes: Vec::new(),
        view: None,
        shards: 1,
    }
}

/// What `Metadata: Streamfold:` of a table says.
pub(super) struct Marks {
    pub(super) view: Option<View>,
    pub(super) shards: u16,
}

/// Reads the marks of a table.
pub(super) fn marks(scope: &Scope<'_>, resource: &Resource<'_>, root: &std::path::Path) -> Marks {
    let mut marks = Marks { view: None, shards: 1 };
    let Some(written) = resource.field.get("Metadata").and_then(|metadata| metadata.get("Streamfold")) else {
        return marks;
    };
    let node = scope.resolve(&written).unwrap_or_else(|| Node::broken(written.node.span));
    let field = written.with_node(&node);
    if matches!(node.value, Value::Broken) || !field.only(&["View", "Shards"]) {
        return marks;
    }
    marks.view = field.get("View").and_then(|f| view::read(&f, root));
    if let Some(shards) = field.get("Shards").and_then(|f| f.integer(1, MAX_SHARDS)) {
        marks.shards = u16::try_from(shards).expect("at most MAX_SHARDS");
    }
    marks
}
