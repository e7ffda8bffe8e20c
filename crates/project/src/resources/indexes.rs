//! The secondary indexes of a table, checked as DynamoDB checks them when the table is created.

use super::properties::{self, Attributes};
use crate::field::Field;
use crate::model::{BillingMode, Index, Projection, Table};
use crate::yaml::Value;

/// Most attributes that an index names besides its keys, and that all indexes of a table name together.
const MAX_NAMED: usize = 20;
const MAX_NAMED_TOGETHER: usize = 100;
/// Most partition key and most sort key attributes of a global index.
const MAX_KEY_PARTS: usize = 4;
/// Most global and local indexes of a table.
const MAX_GLOBAL: usize = 20;
const MAX_LOCAL: usize = 5;

const GLOBAL: [&str; 7] = [
    "ContributorInsightsSpecification",
    "IndexName",
    "KeySchema",
    "OnDemandThroughput",
    "Projection",
    "ProvisionedThroughput",
    "WarmThroughput",
];
const LOCAL: [&str; 3] = ["IndexName", "KeySchema", "Projection"];

/// A table's indexes as they are written, for checks that need the whole table.
pub(super) struct Written<'a> {
    global: Vec<Field<'a>>,
    local: Vec<Field<'a>>,
}

/// Reads both kinds of indexes into the table, whose billing is known by then.
pub(super) fn read<'a>(table: &mut Table, field: &Field<'a>, attributes: &Attributes<'_>) -> Written<'a> {
    let items = |property: &str| field.get(property).map(|f| f.items()).unwrap_or_default();
    let written = Written { global: items("GlobalSecondaryIndexes"), local: items("LocalSecondaryIndexes") };
    table.global_indexes = written.global.iter().filter_map(|f| global(f, attributes, table.billing)).collect();
    table.local_indexes = written.local.iter().filter_map(|f| index(f, &LOCAL, attributes, 1)).collect();
    written
}

fn global(field: &Field<'_>, attributes: &Attributes<'_>, billing: BillingMode) -> Option<Index> {
    let index = index(field, &GLOBAL, attributes, MAX_KEY_PARTS);
    let throughput = field.get("ProvisionedThroughput");
    let provisioned = throughput.as_ref().and_then(properties::throughput);
    match (billing, &throughput) {
        (BillingMode::Provisioned, None) => {
            field.error("an index of a table with provisioned capacity needs ProvisionedThroughput");
        }
        (BillingMode::PayPerRequest, Some(throughput)) => {
            throughput.error("an index of a table with BillingMode PAY_PER_REQUEST has no ProvisionedThroughput");
        }
        _ => {}
    }
    Some(Index { provisioned, ..index? })
}

/// An index, with at most `most` partition key and sort key attributes.
fn index(field: &Field<'_>, known: &[&str], attributes: &Attributes<'_>, most: usize) -> Option<Index> {
    if !field.only(known) {
        return None;
    }
    let name = field.require("IndexName").and_then(|f| properties::checked_name(&f));
    let key = field.require("KeySchema").map(|f| properties::key_schema(&f, attributes, most));
    let projection = field.require("Projection").and_then(|f| projection(&f));
    let (location, property) = (field.location(), field.path.clone());
    Some(Index { name: name?, location, property, key: key?, projection: projection?, provisioned: None })
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
        (Kind::Include, Some(named)) => named_attributes(&named).map(Projection::Include),
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

/// `NonKeyAttributes`: at least one, each once.
fn named_attributes(field: &Field<'_>) -> Option<Vec<String>> {
    let items = field.items();
    let is_list = matches!(field.node.value, Value::List(_));
    if is_list && (items.is_empty() || items.len() > MAX_NAMED) {
        field.error(format!("1 to {MAX_NAMED} attributes can be named here, found {}", items.len()));
    }
    let mut names: Vec<String> = Vec::new();
    for item in &items {
        let Some(name) = item.name() else { continue };
        if names.contains(&name) {
            item.error(format!("`{name}` is named twice"));
        } else {
            names.push(name);
        }
    }
    is_list.then_some(names)
}

impl Written<'_> {
    /// What only the whole table shows. Where nothing was wrong before, each index was read from its field.
    pub(super) fn check(&self, table: &Table) {
        self.check_local(table);
        let indexes =
            || table.global_indexes.iter().zip(&self.global).chain(table.local_indexes.iter().zip(&self.local));
        let mut names: Vec<&str> = Vec::new();
        let mut named = 0;
        for (index, field) in indexes() {
            if names.contains(&index.name.as_str()) {
                field.error(format!("another index is called `{}` too", index.name));
            }
            names.push(&index.name);
            let before = named;
            if let Projection::Include(attributes) = &index.projection {
                named += attributes.len();
            }
            if before <= MAX_NAMED_TOGETHER && named > MAX_NAMED_TOGETHER {
                field.error(format!("all indexes of a table name at most {MAX_NAMED_TOGETHER} NonKeyAttributes"));
            }
        }
        for (fields, most, kind) in [(&self.global, MAX_GLOBAL, "global"), (&self.local, MAX_LOCAL, "local")] {
            if let Some(field) = fields.get(most) {
                field.error(format!("a table has at most {most} {kind} indexes, found {}", fields.len()));
            }
        }
    }

    fn check_local(&self, table: &Table) {
        let (table_hash, sorted) = (table.key.first(), table.key.len() > 1);
        for (index, field) in table.local_indexes.iter().zip(&self.local) {
            if !sorted {
                field.error_help(
                    "a table without a sort key has no local indexes",
                    "make it a global index, which has a key of its own",
                );
            } else if index.key.len() < 2 || index.key.first() != table_hash {
                field.error("a local index has the table's partition key and a sort key of its own");
            }
        }
    }
}
