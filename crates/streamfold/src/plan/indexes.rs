//! The indexes of one table: those that the template names against those that exist, by name.

use super::{ANOTHER, attributes, billing, list, note};
use db::{IndexSpec, IndexUpdate, Projected, TableSpec};
use item::IndexSchema;
use project::{Diagnostic, Index, KeyType, Projection, Table};

/// The table's indexes as the database wants them, global ones first.
pub fn specs(table: &Table) -> Vec<IndexSpec> {
    let global = table.global_indexes.iter().map(|index| spec(table, index, false));
    global.chain(table.local_indexes.iter().map(|index| spec(table, index, true))).collect()
}

fn spec(table: &Table, index: &Index, local: bool) -> IndexSpec {
    let key = |wanted: KeyType| attributes(&index.key, wanted).collect();
    IndexSpec {
        name: index.name.clone(),
        local,
        key: IndexSchema { partition: key(KeyType::Hash), sort: key(KeyType::Range) },
        projected: match &index.projection {
            Projection::All => Projected::All,
            Projection::KeysOnly => Projected::KeysOnly,
            Projection::Include(names) => Projected::Include(names.clone()),
        },
        billing: billing(table, if local { table.provisioned } else { index.provisioned }),
    }
}

fn find<'s>(spec: &'s TableSpec, name: &str) -> Option<&'s IndexSpec> {
    spec.indexes.iter().find(|index| index.name == name)
}

/// What an existing table's indexes cannot become.
pub fn contradictions(table: &Table, wanted: &TableSpec, found: &TableSpec) -> Vec<Diagnostic> {
    let written = table.global_indexes.iter().chain(&table.local_indexes);
    let mut errors = Vec::new();
    for (index, wanted) in written.zip(&wanted.indexes) {
        match find(found, &wanted.name) {
            Some(found) => errors.extend(differences(table, index, wanted, found)),
            None if wanted.local => {
                let message = format!("table `{}` exists without the local index `{}`", table.name, wanted.name);
                let help = format!("a local index is created with its table only: make it global, or {ANOTHER}");
                errors.push(index.error(table, message).with_help(help));
            }
            None => {}
        }
    }
    errors
}

fn differences(table: &Table, index: &Index, wanted: &IndexSpec, found: &IndexSpec) -> Vec<Diagnostic> {
    let mut differences = Vec::new();
    if wanted.local != found.local {
        let kind = |local: bool| if local { "local" } else { "global" };
        let (found, wanted) = (kind(found.local), kind(wanted.local));
        differences.push(format!("as a {found} index and cannot become a {wanted} one"));
    }
    if wanted.key != found.key {
        let (found, wanted) = (list(found.key.attributes()), list(wanted.key.attributes()));
        differences.push(format!("with another key: {found}, not {wanted}"));
    }
    if !same(&wanted.projected, &found.projected) {
        let (found, wanted) = (describe(&found.projected), describe(&wanted.projected));
        differences.push(format!("with another projection: {found}, not {wanted}"));
    }
    let error = |difference: String| {
        let message = format!("index `{}` of table `{}` exists {difference}", wanted.name, table.name);
        index.error(table, message).with_help("give the index another name; what it holds is made of the table's items")
    };
    differences.into_iter().map(error).collect()
}

/// The order in which a projection names attributes means nothing.
fn same(wanted: &Projected, found: &Projected) -> bool {
    match (wanted, found) {
        (Projected::Include(wanted), Projected::Include(found)) => {
            wanted.len() == found.len() && wanted.iter().all(|name| found.contains(name))
        }
        _ => wanted == found,
    }
}

fn describe(projected: &Projected) -> String {
    match projected {
        Projected::All => "whole items".into(),
        Projected::KeysOnly => "the keys".into(),
        Projected::Include(names) => format!("the keys, {}", names.join(", ")),
    }
}

/// Local indexes that the template no longer names: they go with their table only.
pub fn left_alone(table: &Table, wanted: &TableSpec, found: &TableSpec) -> Vec<Diagnostic> {
    let unnamed = found.indexes.iter().filter(|index| index.local && find(wanted, &index.name).is_none());
    let say = |index: &IndexSpec| {
        let message = format!(
            "table `{}` has a local index `{}` that the template does not name; it stays",
            wanted.name, index.name
        );
        note(table, "LocalSecondaryIndexes", message).with_help("as on AWS, a local index goes with its table only")
    };
    unnamed.map(say).collect()
}

/// What makes the global indexes follow the template, each with its words for people. Removed ones first, so that there
/// are never more than the template names.
pub fn updates(wanted: &TableSpec, found: &TableSpec) -> Vec<(IndexUpdate, String)> {
    let mut updates = Vec::new();
    for index in found.indexes.iter().filter(|index| !index.local && find(wanted, &index.name).is_none()) {
        updates.push((IndexUpdate::Delete(index.name.clone()), format!("index {} removed", index.name)));
    }
    for index in wanted.indexes.iter().filter(|index| !index.local) {
        match find(found, &index.name) {
            None => updates.push((IndexUpdate::Create(index.clone()), format!("index {} added", index.name))),
            Some(found) if found.billing != index.billing => {
                let update = IndexUpdate::Billing(index.name.clone(), index.billing);
                updates.push((update, format!("billing of index {}", index.name)));
            }
            Some(_) => {}
        }
    }
    updates
}
