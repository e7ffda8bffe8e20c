//! Tables: created, described, listed, changed, deleted; limits and endpoints.

use super::{
    describe::{self, CLASSES, Told},
    indexes::{self, GlobalSecondaryIndex, LocalSecondaryIndex, NewIndexes, Plan},
    key_schema::{self, AttributeDefinition, Definitions, KeySchemaElement},
    keys::invalid,
    tags, throughput,
    throughput::ProvisionedThroughput,
    validate::{Checks, control_table},
};
use crate::{
    json::{self, Flag, Integer, List, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{Billing, IndexUpdate, StreamViewType, Table, TableClass, TableSpec, TableUpdate};
use serde::de::IgnoredAny;
use wire::names::VIEW_TYPES;

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
        "LocalSecondaryIndexes" => local: List<LocalSecondaryIndex<'a>>,
        "GlobalSecondaryIndexes" => global: List<GlobalSecondaryIndex<'a>>,
        "StreamSpecification" => stream: StreamSpecification<'a>,
        "TableClass" => class: Text<'a>,
        "Tags" => tags: List<tags::Tag<'a>>,
        "DeletionProtectionEnabled" => protection: Flag,
    }
}

shape! {
    UpdateTableInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "AttributeDefinitions" => attributes: List<AttributeDefinition<'a>>,
        "BillingMode" => billing: Text<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
        "GlobalSecondaryIndexUpdates" => indexes: indexes::Updates<'a>,
        "ReplicaUpdates" => replicas: IgnoredAny,
        "StreamSpecification" => stream: StreamSpecification<'a>,
        "DeletionProtectionEnabled" => protection: Flag,
        "SSESpecification" => encryption: IgnoredAny,
        "TableClass" => class: Text<'a>,
        "OnDemandThroughput" => on_demand: IgnoredAny,
        "WarmThroughput" => warm: IgnoredAny,
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

pub(crate) fn create(call: &Call<'_>) -> Result<Step, Fault> {
    let input: CreateTableInput<'_> = json::decode(call.body)?;
    let name = control_table(input.table.as_ref(), 3)?;
    let indexes = NewIndexes { local: input.local.as_ref(), global: input.global.as_ref() };
    let mut checks = Checks::default();
    checks.required("attributeDefinitions", input.attributes.is_some());
    key_schema::check_definitions(&mut checks, input.attributes.as_ref());
    throughput::check_mode(&mut checks, input.billing.as_ref());
    throughput::check(&mut checks, "provisionedThroughput", input.throughput.as_ref());
    key_schema::check_key(&mut checks, "keySchema", input.key.as_ref(), Some(2));
    indexes.check(&mut checks);
    check_stream(&mut checks, input.stream.as_ref());
    checks.finish()?;
    let billing = throughput::billing(input.billing.as_deref(), input.throughput.as_ref())?;
    let definitions = Definitions::new(input.attributes.as_deref().unwrap_or_default())?;
    let key = definitions.table_key(input.key.as_deref().unwrap_or_default())?;
    let specs = indexes.specs(&definitions, &key, billing)?;
    let mut spec = TableSpec::new(name, key);
    spec.indexes = specs;
    spec.billing = billing;
    spec.stream = input.stream.as_ref().map(new_stream).transpose()?.flatten();
    spec.class = class(input.class.as_ref())?.unwrap_or(spec.class);
    spec.deletion_protection = input.protection.is_some_and(|flag| flag.0);
    spec.tags = tags::take(input.tags.as_deref().unwrap_or_default())?;
    Ok(described(call.door.db.create_table(spec), Told::default()))
}

/// Answers with the table as it then is.
fn described(ticket: db::Ticket<std::sync::Arc<Table>>, told: Told) -> Step {
    Step::Table(ticket, Box::new(move |door, table| describe::answer(door, table, "TableDescription", &told)))
}

fn check_stream(checks: &mut Checks, stream: Option<&StreamSpecification<'_>>) {
    let Some(stream) = stream else { return };
    checks.required("streamSpecification.streamEnabled", stream.enabled.is_some());
    let names = VIEW_TYPES.map(|(name, _)| name);
    checks.one_of("streamSpecification.streamViewType", stream.view_type.as_ref(), &names);
}

/// The stream wanted, `None` for none. The complaints: on without a view type, off with one.
fn stream(stream: &StreamSpecification<'_>, complaints: [&str; 2]) -> Result<Option<StreamViewType>, Fault> {
    let enabled = stream.enabled.is_some_and(|flag| flag.0);
    match (enabled, &stream.view_type) {
        (true, Some(name)) => Ok(VIEW_TYPES.iter().find(|(other, _)| *other == name.as_str()).map(|(_, kind)| *kind)),
        (false, None) => Ok(None),
        (true, None) => Err(invalid(complaints[0])),
        (false, Some(_)) => Err(invalid(complaints[1])),
    }
}

fn new_stream(wanted: &StreamSpecification<'_>) -> Result<Option<StreamViewType>, Fault> {
    stream(
        wanted,
        [
            "Table is being created with a stream enabled, UpdateViewType is required",
            "Table is being created with a stream disabled, UpdateViewType should not be specified",
        ],
    )
}

fn other_stream(wanted: &StreamSpecification<'_>) -> Result<Option<StreamViewType>, Fault> {
    stream(
        wanted,
        [
            "If stream is being enabled then UpdateViewType is required",
            "If stream is being disabled, then UpdateViewType must not be specified",
        ],
    )
}

fn class(class: Option<&Text<'_>>) -> Result<Option<TableClass>, Fault> {
    let Some(name) = class else { return Ok(None) };
    let found = CLASSES.iter().find(|(other, _)| *other == name.as_str());
    found.map(|(_, class)| Some(*class)).ok_or_else(|| {
        Fault::validation(
            "Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, \
             STANDARD_INFREQUENT_ACCESS].",
        )
    })
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TableInput<'_> = json::decode(call.body)?;
    let table = call.table_named(control_table(input.table.as_ref(), 1)?)?;
    let busy = |table: &Table| !indexes::creating(table).is_empty() && !table.spec.deletion_protection;
    if busy(&table) {
        return Err(indexes::in_use("Cannot delete table while indexes are being created, updated, or deleted."));
    }
    Ok(described(call.door.db.delete_table(&table.spec.name), Told { status: Some("DELETING"), gone: None }))
}

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TableInput<'_> = json::decode(call.body)?;
    let table = call.table_named(control_table(input.table.as_ref(), 1)?)?;
    Ok(Step::Done(describe::answer(call.door, &table, "Table", &Told::default())))
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
    let mut tables = call.door.db.tables();
    tables.retain(|table| !db::is_internal(&table.spec.name));
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
    key_schema::check_definitions(&mut checks, input.attributes.as_ref());
    throughput::check_mode(&mut checks, input.billing.as_ref());
    throughput::check(&mut checks, "provisionedThroughput", input.throughput.as_ref());
    indexes::check_members(&mut checks, input.indexes.as_ref());
    check_stream(&mut checks, input.stream.as_ref());
    checks.finish()?;
    if input.replicas.is_some() {
        return Err(Fault::validation("ReplicaUpdates: global tables are not supported"));
    }
    check_given(&input)?;
    let online = indexes::check_actions(input.indexes.as_ref())?;
    check_alone(&input, online)?;
    let billing = throughput::update(input.billing.as_deref(), input.throughput.as_ref())?;
    let stream = input.stream.as_ref().map(other_stream).transpose()?;
    let class = class(input.class.as_ref())?;
    let table = call.table_named(name)?;
    check_changes(&table, billing, stream, input.billing.is_some())?;
    let plan = Plan {
        table: &table,
        updates: input.indexes.as_deref().unwrap_or_default(),
        definitions: input.attributes.as_ref(),
        billing: billing.unwrap_or(table.spec.billing),
    };
    let indexes = plan.make()?;
    let gone = indexes.iter().find_map(|update| match update {
        IndexUpdate::Delete(name) => table.index(name).cloned(),
        _ => None,
    });
    let update = TableUpdate {
        stream,
        deletion_protection: input.protection.map(|flag| flag.0),
        billing,
        class,
        indexes,
        ..TableUpdate::default()
    };
    Ok(described(call.door.db.update_table(&table.spec.name, update), Told { status: None, gone }))
}

fn check_given(input: &UpdateTableInput<'_>) -> Result<(), Fault> {
    let given = [
        input.throughput.is_some(),
        input.billing.is_some(),
        input.stream.is_some(),
        // An empty list is none here; beside something else it is refused.
        input.indexes.as_ref().is_some_and(|indexes| !indexes.is_empty()),
        input.protection.is_some(),
        input.encryption.is_some(),
        input.class.is_some(),
        input.on_demand.is_some(),
        input.warm.is_some(),
    ];
    if given.contains(&true) {
        return Ok(());
    }
    Err(Fault::validation(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, \
         SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, \
         DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
    ))
}

/// Which settings stand alone in a request. `online`: an index comes or goes.
fn check_alone(input: &UpdateTableInput<'_>, online: bool) -> Result<(), Fault> {
    let units = input.throughput.is_some();
    let with_units = units || input.billing.is_some();
    let others = with_units || input.stream.is_some() || input.indexes.is_some();
    let single = [
        (input.encryption.is_some(), "Server-Side Encryption"),
        (input.class.is_some(), "TableClass"),
        (input.protection.is_some(), "DeletionProtection"),
    ];
    let singles = single.iter().filter(|(given, _)| *given).count();
    if let Some((_, name)) = single.iter().find(|(given, _)| *given && (others || singles > 1)) {
        return Err(invalid(format!("{name} modification must be the only operation in the request")));
    }
    if online && units && input.billing.is_none() {
        return Err(invalid("You cannot create or delete index while updating table IOPS"));
    }
    if online && input.stream.is_some() {
        return Err(invalid("You cannot create or delete index while changing stream status"));
    }
    if input.stream.is_some() && with_units {
        return Err(invalid("You cannot modify stream status while updating table IOPS"));
    }
    if online && input.warm.is_some() {
        return Err(invalid("Create global secondary index cannot be specified when updating WarmThroughput"));
    }
    Ok(())
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
            return Err(Fault::validation(format!("Table has no stream to disable: TableName: {name}")));
        }
        _ => {}
    }
    if let (Billing::OnDemand, Some(Billing::Provisioned { .. }), false) = (table.spec.billing, billing, moded) {
        // Only together with BillingMode.
        return Err(invalid(throughput::NOT_ON_DEMAND));
    }
    if let Some(wanted) = billing {
        throughput::check_change(table.spec.billing, wanted, "the table", "the table")?;
    }
    let creating = indexes::creating(table).join(", ");
    let changing = match (billing, stream) {
        _ if creating.is_empty() => return Ok(()),
        (Some(billing), _) if billing != table.spec.billing => "table IOPS",
        (_, Some(_)) => "stream status",
        _ => return Ok(()),
    };
    Err(indexes::in_use(format_args!(
        "Can't change {changing} when an index is being created. Table: {name} Indexes: [{creating}]"
    )))
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
