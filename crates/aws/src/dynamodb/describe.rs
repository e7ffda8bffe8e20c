//! Tables as they are described: in the answers of control operations, and to streams.

use super::{indexes, throughput};
use crate::{
    Inner,
    json::{Array, Object},
    streams,
};
use db::{Billing, Index, Table, TableClass};
use item::{KeyAttribute, KeySchema};
use std::collections::BTreeMap;
use wire::{
    names::{self, view_type},
    time,
};

/// Table classes and AWS's names for them.
pub(super) const CLASSES: [(&str, TableClass); 2] =
    [("STANDARD", TableClass::Standard), ("STANDARD_INFREQUENT_ACCESS", TableClass::InfrequentAccess)];

/// Writes `KeySchema`'s array for a table or its stream.
pub(crate) fn write_key_schema(array: Array<'_>, key: &KeySchema) {
    write_key(array, key_attributes(key).zip(["HASH", "RANGE"]));
}

pub(super) fn write_key<'k>(mut array: Array<'_>, key: impl Iterator<Item = (&'k KeyAttribute, &'static str)>) {
    for (attribute, role) in key {
        let mut element = array.object();
        element.text("AttributeName", &attribute.name);
        element.text("KeyType", role);
        element.end();
    }
    array.end();
}

fn key_attributes(key: &KeySchema) -> impl Iterator<Item = &KeyAttribute> {
    std::iter::once(&key.partition).chain(&key.sort)
}

/// What an answer shows that the table itself does not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Of the table and its indexes; otherwise they are what the indexes' state makes them.
    pub status: Option<&'static str>,
    /// An index that was just deleted.
    pub gone: Option<Index>,
}

/// An answer that consists of the table's description.
pub(super) fn answer(door: &Inner, table: &Table, field: &str, told: &Told) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    write_table(response.object(field), door, table, told);
    response.end();
    out
}

fn write_table(mut object: Object<'_>, door: &Inner, table: &Table, told: &Told) {
    let spec = &table.spec;
    write_definitions(&mut object, table);
    object.text("TableName", &spec.name);
    write_key_schema(object.array("KeySchema"), &spec.key);
    let changing = told.gone.is_some() || !indexes::creating(table).is_empty();
    object.text("TableStatus", told.status.unwrap_or(if changing { "UPDATING" } else { "ACTIVE" }));
    object.bare("CreationDateTime", time::seconds(table.created_ms));
    throughput::describe(object.object("ProvisionedThroughput"), spec.billing);
    let stats = door.db.stats(table.id);
    object.bare("TableSizeBytes", stats.bytes);
    object.bare("ItemCount", stats.items);
    object.text("TableArn", &door.config.place.table_arn(&spec.name));
    object.text("TableId", &names::uuid(table.uuid));
    if spec.billing == Billing::OnDemand {
        let mut summary = object.object("BillingModeSummary");
        summary.text("BillingMode", "PAY_PER_REQUEST");
        summary.bare("LastUpdateToPayPerRequestDateTime", time::seconds(table.created_ms));
        summary.end();
    }
    indexes::write(&mut object, door, table, told.status, told.gone.as_ref());
    if let Some(kind) = spec.stream {
        let mut stream = object.object("StreamSpecification");
        stream.bare("StreamEnabled", true);
        stream.text("StreamViewType", view_type(kind));
        stream.end();
    }
    // A closed stream is shown for as long as it can be read.
    if let Some(stream) = streams::latest(&door.db, table.id) {
        object.text("LatestStreamLabel", &time::label(stream.created_ms));
        object.text("LatestStreamArn", &door.config.place.stream_arn(&stream));
    }
    if spec.class != TableClass::Standard {
        let name = CLASSES.iter().find(|(_, class)| *class == spec.class).map_or("", |(name, _)| name);
        let mut summary = object.object("TableClassSummary");
        summary.text("TableClass", name);
        summary.end();
    }
    object.bare("DeletionProtectionEnabled", spec.deletion_protection);
    object.end();
}

/// Of all keys, each attribute once, by name as AWS sorts them.
fn write_definitions(object: &mut Object<'_>, table: &Table) {
    let of_indexes = table.indexes.iter().flat_map(|index| index.spec.key.attributes());
    let all = key_attributes(&table.spec.key).chain(of_indexes);
    let kinds: BTreeMap<&str, _> = all.map(|attribute| (attribute.name.as_str(), attribute.kind)).collect();
    let mut attributes = object.array("AttributeDefinitions");
    for (name, kind) in kinds {
        let mut definition = attributes.object();
        definition.text("AttributeName", name);
        definition.text("AttributeType", kind.code());
        definition.end();
    }
    attributes.end();
}
