//! Tables: created, described, listed, changed, deleted; limits and endpoints.

use super::{
    keys::invalid,
    names, tags,
    validate::{Checks, control_table},
};
use crate::{
    Inner,
    json::{self, Array, Flag, Integer, List, Long, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
    streams, time,
};
use db::{Billing, StreamViewType, Table, TableSpec, TableUpdate};
use item::{KeyAttribute, KeyKind, KeySchema};
use serde::de::IgnoredAny;
use std::io::Write;

shape! {
    AttributeDefinition<'a> (member) {
        "AttributeName" => name: Text<'a>,
        "AttributeType" => kind: Text<'a>,
    }
}

shape! {
    KeySchemaElement<'a> (member) {
        "AttributeName" => name: Text<'a>,
        "KeyType" => role: Text<'a>,
    }
}

shape! {
    ProvisionedThroughput (field) {
        "ReadCapacityUnits" => read: Long,
        "WriteCapacityUnits" => write: Long,
    }
}

shape! {
    StreamSpecification<'a> (field) {
        "StreamEnabled" => enabled: Flag,
        "StreamViewType" => view_type: Text<'a>,
    }
}

shape! {
    CreateTableInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "AttributeDefinitions" => attributes: List<AttributeDefinition<'a>>,
        "KeySchema" => key: List<KeySchemaElement<'a>>,
        "BillingMode" => billing: Text<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
        "LocalSecondaryIndexes" => local: List<IgnoredAny>,
        "GlobalSecondaryIndexes" => global: List<IgnoredAny>,
        "StreamSpecification" => stream: StreamSpecification<'a>,
        "Tags" => tags: List<tags::Tag<'a>>,
        "DeletionProtectionEnabled" => protection: Flag,
    }
}

shape! {
    UpdateTableInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "BillingMode" => billing: Text<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
        "GlobalSecondaryIndexUpdates" => indexes: List<IgnoredAny>,
        "ReplicaUpdates" => replicas: List<IgnoredAny>,
        "StreamSpecification" => stream: StreamSpecification<'a>,
        "DeletionProtectionEnabled" => protection: Flag,
        "SSESpecification" => encryption: IgnoredAny,
        "TableClass" => class: IgnoredAny,
    }
}

shape! {
    TableInput<'a> (request) {
        "TableName" => table: Text<'a>,
    }
}

shape! {
    ListTablesInput<'a> (request) {
        "ExclusiveStartTableName" => start: Text<'a>,
        "Limit" => limit: Integer,
    }
}

/// Tables listed at once.
const LIST_MAX: usize = 100;
const UNITS_MAX: i64 = 1_000_000_000_000;
const NOT_ON_DEMAND: &str =
    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST";

pub(crate) fn create(call: &Call<'_>) -> Result<Step, Fault> {
    let input: CreateTableInput<'_> = json::decode(call.body)?;
    let name = control_table(input.table.as_ref(), 3)?;
    let mut checks = Checks::default();
    check_create(&mut checks, &input);
    checks.finish()?;
    let billing = billing(input.billing.as_deref(), input.throughput.as_ref())?;
    let key = key_schema(&input)?;
    if input.local.is_some() || input.global.is_some() {
        return Err(Fault::validation(
            "Secondary indexes are not supported yet: create the table without GlobalSecondaryIndexes and \
             LocalSecondaryIndexes",
        ));
    }
    let count = 1 + usize::from(key.sort.is_some());
    if input.attributes.as_deref().unwrap_or_default().len() != count {
        return Err(invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in \
             AttributeDefinitions",
        ));
    }
    let mut spec = TableSpec::new(name, key);
    spec.billing = billing;
    spec.stream = input.stream.as_ref().map(stream).transpose()?.flatten();
    spec.deletion_protection = input.protection.is_some_and(|flag| flag.0);
    spec.tags = tags::take(input.tags.as_deref().unwrap_or_default())?;
    Ok(Step::Table(call.door.db.create_table(spec), Box::new(|door, table| description(door, table, "ACTIVE"))))
}

fn check_create(checks: &mut Checks, input: &CreateTableInput<'_>) {
    checks.required("attributeDefinitions", input.attributes.is_some());
    for (place, attribute) in input.attributes.as_deref().unwrap_or_default().iter().enumerate() {
        let at = |field: &str| format!("attributeDefinitions.{}.member.{field}", place + 1);
        checks.required(at("attributeName"), attribute.name.is_some());
        checks.required(at("attributeType"), attribute.kind.is_some());
        checks.one_of(at("attributeType"), attribute.kind.as_ref(), &["B", "N", "S"]);
    }
    checks.one_of("billingMode", input.billing.as_ref(), &["PROVISIONED", "PAY_PER_REQUEST"]);
    check_throughput(checks, input.throughput.as_ref());
    checks.required("keySchema", input.key.is_some());
    if let Some(key) = &input.key {
        let shown = || {
            let one = |element: &KeySchemaElement<'_>| {
                let text = |text: &Option<Text<'_>>| text.as_deref().unwrap_or("null").to_string();
                format!("KeySchemaElement(attributeName={}, keyType={})", text(&element.name), text(&element.role))
            };
            format!("[{}]", key.iter().map(one).collect::<Vec<_>>().join(", "))
        };
        if key.is_empty() {
            checks.check(false, "keySchema", shown(), format_args!("have length greater than or equal to 1"));
        } else if key.len() > 2 {
            checks.check(false, "keySchema", shown(), format_args!("have length less than or equal to 2"));
        }
    }
    for (place, element) in input.key.as_deref().unwrap_or_default().iter().enumerate() {
        let at = |field: &str| format!("keySchema.{}.member.{field}", place + 1);
        checks.required(at("attributeName"), element.name.is_some());
        checks.required(at("keyType"), element.role.is_some());
        checks.one_of(at("keyType"), element.role.as_ref(), &["HASH", "RANGE"]);
    }
    check_stream(checks, input.stream.as_ref());
}

fn check_throughput(checks: &mut Checks, throughput: Option<&ProvisionedThroughput>) {
    let Some(throughput) = throughput else { return };
    for (name, units) in [("writeCapacityUnits", throughput.write), ("readCapacityUnits", throughput.read)] {
        let at = format_args!("provisionedThroughput.{name}");
        checks.required(at, units.is_some());
        checks.at_least(at, units.map(|units| units.0), 1);
    }
}

const VIEW_TYPES: [(&str, StreamViewType); 4] = [
    ("NEW_IMAGE", StreamViewType::NewImage),
    ("OLD_IMAGE", StreamViewType::OldImage),
    ("NEW_AND_OLD_IMAGES", StreamViewType::NewAndOldImages),
    ("KEYS_ONLY", StreamViewType::KeysOnly),
];

/// AWS's name of a view type.
pub(crate) fn view_type(view_type: StreamViewType) -> &'static str {
    VIEW_TYPES.iter().find(|(_, other)| *other == view_type).map_or("", |(name, _)| name)
}

fn check_stream(checks: &mut Checks, stream: Option<&StreamSpecification<'_>>) {
    let Some(stream) = stream else { return };
    checks.required("streamSpecification.streamEnabled", stream.enabled.is_some());
    let names = VIEW_TYPES.map(|(name, _)| name);
    checks.one_of("streamSpecification.streamViewType", stream.view_type.as_ref(), &names);
}

/// The stream wanted, or `None` for none.
fn stream(stream: &StreamSpecification<'_>) -> Result<Option<StreamViewType>, Fault> {
    let enabled = stream.enabled.is_some_and(|flag| flag.0);
    match (enabled, &stream.view_type) {
        (true, Some(name)) => Ok(VIEW_TYPES.iter().find(|(other, _)| *other == name.as_str()).map(|(_, kind)| *kind)),
        (false, None) => Ok(None),
        (true, None) => Err(invalid("StreamViewType must be specified when StreamEnabled is true")),
        (false, Some(_)) => Err(invalid("StreamViewType cannot be specified when StreamEnabled is false")),
    }
}

fn units(throughput: &ProvisionedThroughput) -> Result<Billing, Fault> {
    let one = |name: &str, units: Option<Long>| {
        let units = units.map_or(0, |units| units.0);
        if units > UNITS_MAX {
            return Err(Fault::validation(format!("Given value {units} for {name} is out of bounds")));
        }
        Ok(units.unsigned_abs())
    };
    Ok(Billing::Provisioned {
        read: one("ReadCapacityUnits", throughput.read)?,
        write: one("WriteCapacityUnits", throughput.write)?,
    })
}

fn billing(mode: Option<&str>, throughput: Option<&ProvisionedThroughput>) -> Result<Billing, Fault> {
    match (mode, throughput) {
        (Some("PAY_PER_REQUEST"), None) => Ok(Billing::OnDemand),
        (Some("PAY_PER_REQUEST"), Some(_)) => Err(invalid(NOT_ON_DEMAND)),
        (_, Some(throughput)) => units(throughput),
        (_, None) => Err(invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
    }
}

fn key_schema(input: &CreateTableInput<'_>) -> Result<KeySchema, Fault> {
    fn text<'t>(text: &'t Option<Text<'_>>) -> &'t str {
        text.as_deref().unwrap_or_default()
    }
    let attributes = input.attributes.as_deref().unwrap_or_default();
    let key = input.key.as_deref().unwrap_or_default();
    if key.len() > attributes.len() {
        return Err(Fault::validation("Invalid KeySchema: Some index key attribute have no definition"));
    }
    let kind = |name: &str| {
        let attribute = attributes.iter().find(|attribute| text(&attribute.name) == name)?;
        match text(&attribute.kind) {
            "S" => Some(KeyKind::S),
            "N" => Some(KeyKind::N),
            _ => Some(KeyKind::B),
        }
    };
    let undefined = || {
        let join = |names: Vec<&str>| names.join(", ");
        invalid(format!(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
            join(key.iter().map(|element| text(&element.name)).collect()),
            join(attributes.iter().map(|attribute| text(&attribute.name)).collect()),
        ))
    };
    let mut parts = Vec::with_capacity(2);
    for element in key {
        let name = text(&element.name);
        parts.push(KeyAttribute { name: name.to_string(), kind: kind(name).ok_or_else(undefined)? });
    }
    if parts.len() == 2 && parts[0].name == parts[1].name {
        return Err(Fault::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    if text(&key[0].role) != "HASH" {
        return Err(Fault::validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    if key.get(1).is_some_and(|element| text(&element.role) != "RANGE") {
        return Err(Fault::validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"));
    }
    if parts.iter().any(|part| !(1..=255).contains(&part.name.len())) {
        return Err(invalid("the name of a key attribute has 1 to 255 bytes"));
    }
    let mut parts = parts.into_iter();
    let partition = parts.next().expect("a key has at least one element");
    Ok(KeySchema { partition, sort: parts.next() })
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TableInput<'_> = json::decode(call.body)?;
    let name = names::table(control_table(input.table.as_ref(), 1)?);
    let ticket = call.door.db.delete_table(name);
    Ok(Step::Table(ticket, Box::new(|door, table| description(door, table, "DELETING"))))
}

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TableInput<'_> = json::decode(call.body)?;
    let table = call.table_named(control_table(input.table.as_ref(), 1)?)?;
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    describe_into(response.object("Table"), call.door, &table, "ACTIVE");
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let input: ListTablesInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let limit = input.limit.map(|limit| limit.0);
    checks.at_least("limit", limit, 1);
    checks.at_most("limit", limit, LIST_MAX as i64);
    checks.name("exclusiveStartTableName", input.start.as_deref(), 3);
    checks.finish()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIST_MAX);
    let start = input.start.as_deref().unwrap_or_default();
    let tables = call.door.db.tables();
    let after = tables.partition_point(|table| table.spec.name.as_str() <= start);
    let page = &tables[after..tables.len().min(after + limit)];
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut listed = response.array("TableNames");
    page.iter().for_each(|table| json::string(listed.element(), &table.spec.name));
    listed.end();
    if let (Some(last), true) = (page.last(), after + limit < tables.len()) {
        response.text("LastEvaluatedTableName", &last.spec.name);
    }
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateTableInput<'_> = json::decode(call.body)?;
    let name = control_table(input.table.as_ref(), 1)?;
    let mut checks = Checks::default();
    checks.one_of("billingMode", input.billing.as_ref(), &["PROVISIONED", "PAY_PER_REQUEST"]);
    check_throughput(&mut checks, input.throughput.as_ref());
    check_stream(&mut checks, input.stream.as_ref());
    checks.finish()?;
    if input.indexes.as_deref().is_some_and(|indexes| !indexes.is_empty()) {
        return Err(Fault::validation("GlobalSecondaryIndexUpdates: secondary indexes are not supported yet"));
    }
    if input.replicas.is_some() {
        return Err(Fault::validation("ReplicaUpdates: global tables are not supported"));
    }
    let given = [
        input.throughput.is_some(),
        input.billing.is_some(),
        input.stream.is_some(),
        input.protection.is_some(),
        input.encryption.is_some(),
        input.class.is_some(),
    ];
    if given.iter().all(|given| !given) {
        return Err(Fault::validation(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
             SSESpecification or ReplicaUpdates is required",
        ));
    }
    let wanted = billing_update(input.billing.as_deref(), input.throughput.as_ref())?;
    let wanted_stream = input.stream.as_ref().map(stream).transpose()?;
    let table = call.table_named(name)?;
    check_changes(&table, wanted, wanted_stream, input.billing.is_some())?;
    let update = TableUpdate {
        stream: wanted_stream,
        deletion_protection: input.protection.map(|flag| flag.0),
        billing: wanted,
        ..TableUpdate::default()
    };
    let ticket = call.door.db.update_table(&table.spec.name, update);
    Ok(Step::Table(ticket, Box::new(|door, table| description(door, table, "ACTIVE"))))
}

fn billing_update(mode: Option<&str>, throughput: Option<&ProvisionedThroughput>) -> Result<Option<Billing>, Fault> {
    match (mode, throughput) {
        (None, None) => Ok(None),
        (Some("PROVISIONED"), None) => {
            Err(invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED"))
        }
        (None, Some(throughput)) => units(throughput).map(Some),
        (mode, throughput) => billing(mode, throughput).map(Some),
    }
}

/// What AWS refuses because it would change nothing or does not fit what is there; `moded`: with a BillingMode.
fn check_changes(
    table: &Table,
    billing: Option<Billing>,
    stream: Option<Option<StreamViewType>>,
    moded: bool,
) -> Result<(), Fault> {
    let name = &table.spec.name;
    match (table.spec.stream, stream) {
        (Some(_), Some(Some(_))) => {
            return Err(Fault::validation(format!("Table already has an enabled stream: TableName: {name}")));
        }
        (None, Some(None)) => {
            return Err(Fault::validation(format!("Table already has stream disabled: TableName: {name}")));
        }
        _ => {}
    }
    match (table.spec.billing, billing) {
        // Only together with BillingMode.
        (Billing::OnDemand, Some(Billing::Provisioned { .. })) if !moded => Err(invalid(NOT_ON_DEMAND)),
        (now @ Billing::Provisioned { read, write }, Some(wanted)) if now == wanted => Err(Fault::validation(format!(
            "The provisioned throughput for the table will not change. The requested value equals the current \
                 value. Current ReadCapacityUnits provisioned for the table: {read}. Requested ReadCapacityUnits: \
                 {read}. Current WriteCapacityUnits provisioned for the table: {write}. Requested WriteCapacityUnits: \
                 {write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher \
                 limits."
        ))),
        _ => Ok(()),
    }
}

fn description(door: &Inner, table: &Table, status: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    describe_into(response.object("TableDescription"), door, table, status);
    response.end();
    out
}

/// Writes `KeySchema`'s array.
pub(crate) fn write_key_schema(mut array: Array<'_>, key: &KeySchema) {
    for (attribute, role) in key_attributes(key).zip(["HASH", "RANGE"]) {
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

fn describe_into(mut object: Object<'_>, door: &Inner, table: &Table, status: &str) {
    let spec = &table.spec;
    let mut attributes = object.array("AttributeDefinitions");
    for attribute in key_attributes(&spec.key) {
        let mut definition = attributes.object();
        definition.text("AttributeName", &attribute.name);
        definition.text("AttributeType", attribute.kind.code());
        definition.end();
    }
    attributes.end();
    object.text("TableName", &spec.name);
    write_key_schema(object.array("KeySchema"), &spec.key);
    object.text("TableStatus", status);
    object.bare("CreationDateTime", time::seconds(table.created_ms));
    let (read, write) = match spec.billing {
        Billing::OnDemand => (0, 0),
        Billing::Provisioned { read, write } => (read, write),
    };
    let mut throughput = object.object("ProvisionedThroughput");
    throughput.bare("NumberOfDecreasesToday", 0);
    throughput.bare("ReadCapacityUnits", read);
    throughput.bare("WriteCapacityUnits", write);
    throughput.end();
    let stats = door.db.stats(table.id);
    object.bare("TableSizeBytes", stats.bytes);
    object.bare("ItemCount", stats.items);
    object.text("TableArn", &names::arn(&door.config, &spec.name));
    object.text("TableId", &uuid(&table.uuid));
    if spec.billing == Billing::OnDemand {
        let mut summary = object.object("BillingModeSummary");
        summary.text("BillingMode", "PAY_PER_REQUEST");
        summary.bare("LastUpdateToPayPerRequestDateTime", time::seconds(table.created_ms));
        summary.end();
    }
    if let Some(kind) = spec.stream {
        let mut stream = object.object("StreamSpecification");
        stream.bare("StreamEnabled", true);
        stream.text("StreamViewType", view_type(kind));
        stream.end();
    }
    // A closed stream is shown for as long as it can be read.
    if let Some(stream) = streams::latest(&door.db, table.id) {
        object.text("LatestStreamLabel", &time::label(stream.created_ms));
        object.text("LatestStreamArn", &streams::arn(&door.config, &stream));
    }
    object.bare("DeletionProtectionEnabled", spec.deletion_protection);
    object.end();
}

fn uuid(bytes: &[u8; 16]) -> String {
    let mut out = Vec::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        write!(out, "{byte:02x}").expect("writing to memory cannot fail");
    }
    String::from_utf8(out).expect("hexadecimal digits are ASCII")
}

/// AWS's defaults: nothing is enforced.
pub(crate) fn describe_limits(call: &Call<'_>) -> Result<Step, Fault> {
    json::decode::<TableInput<'_>>(call.body)?;
    let mut out = Vec::new();
    let mut response = Object::new(&mut out);
    response.bare("AccountMaxReadCapacityUnits", 80_000);
    response.bare("AccountMaxWriteCapacityUnits", 80_000);
    response.bare("TableMaxReadCapacityUnits", 40_000);
    response.bare("TableMaxWriteCapacityUnits", 40_000);
    response.end();
    Ok(Step::Done(out))
}

/// The endpoint is where the client already is.
pub(crate) fn describe_endpoints(call: &Call<'_>) -> Result<Step, Fault> {
    json::decode::<TableInput<'_>>(call.body)?;
    let host = call.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let mut out = Vec::new();
    let mut response = Object::new(&mut out);
    let mut endpoints = response.array("Endpoints");
    let mut endpoint = endpoints.object();
    endpoint.text("Address", host);
    endpoint.bare("CachePeriodInMinutes", 1440);
    endpoint.end();
    endpoints.end();
    response.end();
    Ok(Step::Done(out))
}
