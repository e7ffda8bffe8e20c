//! Secondary indexes in CreateTable and UpdateTable: their shapes, AWS's rules for them, and how they are described.

use super::{
    describe, key_schema,
    key_schema::{AttributeDefinition, Definitions, KeySchemaElement},
    keys::invalid,
    throughput,
    throughput::ProvisionedThroughput,
    validate::Checks,
};
use crate::{
    Inner,
    json::{List, Object, Text, string},
    protocol::{Code, Fault},
};
use db::{Billing, Index, IndexSpec, IndexUpdate, Projected, Table};
use item::{IndexSchema, KeyAttribute, KeySchema};

shape! {
    Projection<'a> (field) {
        "ProjectionType" => kind: Text<'a>,
        "NonKeyAttributes" => attributes: List<Text<'a>>,
    }
}

shape! {
    LocalSecondaryIndex<'a> (member) {
        "IndexName" => name: Text<'a>,
        "KeySchema" => key: List<KeySchemaElement<'a>>,
        "Projection" => projection: Projection<'a>,
    }
}

shape! {
    GlobalSecondaryIndex<'a> (member) {
        "IndexName" => name: Text<'a>,
        "KeySchema" => key: List<KeySchemaElement<'a>>,
        "Projection" => projection: Projection<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
    }
}

shape! {
    CreateGlobalSecondaryIndexAction<'a> (field) {
        "IndexName" => name: Text<'a>,
        "KeySchema" => key: List<KeySchemaElement<'a>>,
        "Projection" => projection: Projection<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
    }
}

shape! {
    UpdateGlobalSecondaryIndexAction<'a> (field) {
        "IndexName" => name: Text<'a>,
        "ProvisionedThroughput" => throughput: ProvisionedThroughput,
    }
}

shape! {
    DeleteGlobalSecondaryIndexAction<'a> (field) {
        "IndexName" => name: Text<'a>,
    }
}

shape! {
    GlobalSecondaryIndexUpdate<'a> (member) {
        "Update" => update: UpdateGlobalSecondaryIndexAction<'a>,
        "Create" => create: CreateGlobalSecondaryIndexAction<'a>,
        "Delete" => delete: DeleteGlobalSecondaryIndexAction<'a>,
    }
}

const LOCAL_MAX: usize = 5;
const GLOBAL_MAX: usize = 20;
/// Attributes that all indexes of a table may project besides keys, each counted as often as it is projected.
const PROJECTED_MAX: usize = 100;
/// Those of one index.
const PROJECTED_BY_ONE_MAX: usize = 20;
const PROJECTION_TYPES: [&str; 3] = ["ALL", "INCLUDE", "KEYS_ONLY"];

/// An index as any of the three shapes asks for it.
#[derive(Clone, Copy)]
struct Wanted<'i, 'a> {
    name: Option<&'i Text<'a>>,
    key: Option<&'i List<KeySchemaElement<'a>>>,
    projection: Option<&'i Projection<'a>>,
    throughput: Option<&'i ProvisionedThroughput>,
}

impl<'a> LocalSecondaryIndex<'a> {
    fn wanted(&self) -> Wanted<'_, 'a> {
        let LocalSecondaryIndex { name, key, projection } = self;
        Wanted { name: name.as_ref(), key: key.as_ref(), projection: projection.as_ref(), throughput: None }
    }
}

impl<'a> GlobalSecondaryIndex<'a> {
    fn wanted(&self) -> Wanted<'_, 'a> {
        let GlobalSecondaryIndex { name, key, projection, throughput } = self;
        let throughput = throughput.as_ref();
        Wanted { name: name.as_ref(), key: key.as_ref(), projection: projection.as_ref(), throughput }
    }
}

impl<'a> CreateGlobalSecondaryIndexAction<'a> {
    fn wanted(&self) -> Wanted<'_, 'a> {
        let CreateGlobalSecondaryIndexAction { name, key, projection, throughput } = self;
        let throughput = throughput.as_ref();
        Wanted { name: name.as_ref(), key: key.as_ref(), projection: projection.as_ref(), throughput }
    }
}

impl<'i, 'a> Wanted<'i, 'a> {
    fn name(&self) -> &'i str {
        self.name.map(Text::as_str).unwrap_or_default()
    }

    fn key(&self) -> &'i [KeySchemaElement<'a>] {
        self.key.map_or(&[], |key| key)
    }

    /// The constraints on single parameters.
    fn check(&self, checks: &mut Checks, at: &str, key_most: Option<usize>) {
        check_name(checks, &format!("{at}.indexName"), self.name);
        key_schema::check_key(checks, &format!("{at}.keySchema"), self.key, key_most);
        check_projection(checks, &format!("{at}.projection"), self.projection);
        throughput::check(checks, &format!("{at}.provisionedThroughput"), self.throughput);
    }

    fn projected(&self) -> Result<Projected, Fault> {
        let kind = self.projection.and_then(|projection| projection.kind.as_deref());
        let names = self.projection.and_then(|projection| projection.attributes.as_ref());
        match (kind, names) {
            (None, _) => Err(invalid("Unknown ProjectionType: null")),
            (Some("ALL"), None) => Ok(Projected::All),
            (Some("INCLUDE"), Some(names)) => include(names).map(Projected::Include),
            (Some("INCLUDE"), None) => Err(invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")),
            (Some(_), None) => Ok(Projected::KeysOnly),
            (Some(kind), Some(_)) => {
                Err(invalid(format!("ProjectionType is {kind}, but NonKeyAttributes is specified")))
            }
        }
    }
}

/// Sorted, as AWS shows them.
fn include(names: &[Text<'_>]) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(invalid(format!("Duplicate element in NonKeyAttributes: {}", pair[0]))),
        None => Ok(names),
    }
}

fn check_name(checks: &mut Checks, at: &str, name: Option<&Text<'_>>) {
    checks.required(at, name.is_some());
    checks.plain_name(at, name.map(Text::as_str), 3);
}

fn check_projection(checks: &mut Checks, at: &str, projection: Option<&Projection<'_>>) {
    checks.required(at, projection.is_some());
    let Some(projection) = projection else { return };
    checks.one_of(format_args!("{at}.projectionType"), projection.kind.as_ref(), &PROJECTION_TYPES);
    let Some(names) = &projection.attributes else { return };
    let at = format!("{at}.nonKeyAttributes");
    let shown = || format!("[{}]", names.iter().map(Text::as_str).collect::<Vec<_>>().join(", "));
    if names.is_empty() {
        checks.check(false, &at, shown(), format_args!("have length greater than or equal to 1"));
    }
    if names.len() > PROJECTED_BY_ONE_MAX {
        let most = PROJECTED_BY_ONE_MAX;
        checks.check(false, &at, shown(), format_args!("have length less than or equal to {most}"));
    }
    if names.iter().any(|name| !(1..=255).contains(&name.len())) {
        let each = "[Member must have length less than or equal to 255, Member must have length greater than or equal \
                    to 1]";
        checks.check(false, &at, shown(), format_args!("satisfy constraint: {each}"));
    }
}

/// The indexes of a CreateTable.
#[derive(Clone, Copy)]
pub(super) struct NewIndexes<'i, 'a> {
    pub local: Option<&'i List<LocalSecondaryIndex<'a>>>,
    pub global: Option<&'i List<GlobalSecondaryIndex<'a>>>,
}

impl NewIndexes<'_, '_> {
    pub fn check(&self, checks: &mut Checks) {
        for (place, index) in self.local.iter().flat_map(|list| list.iter()).enumerate() {
            let at = format!("localSecondaryIndexes.{}.member", place + 1);
            index.wanted().check(checks, &at, Some(2));
        }
        for (place, index) in self.global.iter().flat_map(|list| list.iter()).enumerate() {
            let at = format!("globalSecondaryIndexes.{}.member", place + 1);
            index.wanted().check(checks, &at, None);
        }
    }

    /// The indexes, global ones first. AWS looks at all keys and definitions before it looks at anything else.
    pub fn specs(
        &self,
        definitions: &Definitions<'_>,
        table: &KeySchema,
        billing: Billing,
    ) -> Result<Vec<IndexSpec>, Fault> {
        let (local_keys, global_keys) = self.index_keys(definitions, table)?;
        let own = std::iter::once(&table.partition).chain(&table.sort);
        let all = local_keys.iter().chain(&global_keys).flat_map(IndexSchema::attributes);
        if self.local.is_none() && self.global.is_none() {
            if definitions.len() != own.count() {
                return Err(invalid(
                    "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                     AttributeDefinitions",
                ));
            }
            return Ok(Vec::new());
        }
        definitions.check_used(own.chain(all))?;
        let mut taken: Vec<&str> = Vec::new();
        let mut local = Vec::with_capacity(local_keys.len());
        for (index, key) in self.local.iter().flat_map(|list| list.iter()).zip(local_keys) {
            local.push(local_spec(index.wanted(), key, table)?);
            take_name(&mut taken, index.wanted().name())?;
        }
        if local.len() > LOCAL_MAX {
            return Err(invalid(format!("Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_MAX}")));
        }
        let mut specs = Vec::with_capacity(global_keys.len() + local.len());
        for (index, key) in self.global.iter().flat_map(|list| list.iter()).zip(global_keys) {
            specs.push(global_spec(index.wanted(), key, billing)?);
            take_name(&mut taken, index.wanted().name())?;
        }
        if specs.len() > GLOBAL_MAX {
            return Err(invalid(format!("GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_MAX}")));
        }
        specs.append(&mut local);
        check_projected(specs.iter())?;
        Ok(specs)
    }

    fn index_keys(
        &self,
        definitions: &Definitions<'_>,
        table: &KeySchema,
    ) -> Result<(Vec<IndexSchema>, Vec<IndexSchema>), Fault> {
        if self.local.is_some_and(|list| list.is_empty()) {
            return Err(invalid("List of LocalSecondaryIndexes is empty"));
        }
        if self.local.is_some() && table.sort.is_none() {
            return Err(invalid(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
            ));
        }
        let local = self.local.iter().flat_map(|list| list.iter());
        let local = local.map(|index| definitions.local_key(index.wanted().key())).collect::<Result<_, Fault>>()?;
        if self.global.is_some_and(|list| list.is_empty()) {
            return Err(invalid("List of GlobalSecondaryIndexes is empty"));
        }
        let global = self.global.iter().flat_map(|list| list.iter());
        let global = global.map(|index| definitions.global_key(index.wanted().key())).collect::<Result<_, Fault>>()?;
        Ok((local, global))
    }
}

fn local_spec(wanted: Wanted<'_, '_>, key: IndexSchema, table: &KeySchema) -> Result<IndexSpec, Fault> {
    let name = wanted.name();
    if key.sort.is_empty() {
        return Err(invalid(format!("Index KeySchema does not have a range key for index: {name}")));
    }
    let (hash, own) = (&key.partition[0].name, &table.partition.name);
    if hash != own {
        return Err(invalid(format!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. index hash \
             key: {hash}, table hash key: {own}"
        )));
    }
    let projected = wanted.projected()?;
    Ok(IndexSpec { name: name.to_owned(), local: true, key, projected, billing: Billing::OnDemand })
}

fn global_spec(wanted: Wanted<'_, '_>, key: IndexSchema, table: Billing) -> Result<IndexSpec, Fault> {
    let name = wanted.name();
    let projected = wanted.projected()?;
    let billing = match (table, wanted.throughput) {
        (Billing::OnDemand, None) => Billing::OnDemand,
        (Billing::OnDemand, Some(_)) => {
            return Err(invalid(format!(
                "ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
            )));
        }
        (Billing::Provisioned { .. }, None) => {
            return Err(invalid(format!("ProvisionedThroughput is not specified for index: {name}")));
        }
        (Billing::Provisioned { .. }, Some(units)) => throughput::units(units, &format!(" for index {name}"))?,
    };
    Ok(IndexSpec { name: name.to_owned(), local: false, key, projected, billing })
}

fn take_name<'i>(taken: &mut Vec<&'i str>, name: &'i str) -> Result<(), Fault> {
    if taken.contains(&name) {
        return Err(invalid(format!("Duplicate index name: {name}")));
    }
    taken.push(name);
    Ok(())
}

fn check_projected<'i>(specs: impl Iterator<Item = &'i IndexSpec>) -> Result<(), Fault> {
    let count = |spec: &IndexSpec| match &spec.projected {
        Projected::Include(names) => names.len(),
        Projected::All | Projected::KeysOnly => 0,
    };
    if specs.map(count).sum::<usize>() > PROJECTED_MAX {
        return Err(invalid(format!(
            "Number of NonKeyAttributes projected by all indexes exceeds the per-table limit of {PROJECTED_MAX}"
        )));
    }
    Ok(())
}

/// `GlobalSecondaryIndexUpdates`.
pub(super) type Updates<'a> = List<GlobalSecondaryIndexUpdate<'a>>;

impl GlobalSecondaryIndexUpdate<'_> {
    /// The index it is about.
    fn name(&self) -> &str {
        let update = self.update.as_ref().and_then(|update| update.name.as_deref());
        let create = self.create.as_ref().and_then(|create| create.name.as_deref());
        let delete = self.delete.as_ref().and_then(|delete| delete.name.as_deref());
        update.or(create).or(delete).unwrap_or_default()
    }

    /// Whether the index comes or goes.
    fn is_online(&self) -> bool {
        self.create.is_some() || self.delete.is_some()
    }
}

/// The constraints on single parameters.
pub(super) fn check_members(checks: &mut Checks, updates: Option<&Updates<'_>>) {
    for (place, one) in updates.iter().flat_map(|list| list.iter()).enumerate() {
        let at = |action: &str| format!("globalSecondaryIndexUpdates.{}.member.{action}", place + 1);
        if let Some(update) = &one.update {
            check_name(checks, &at("update.indexName"), update.name.as_ref());
            throughput::check(checks, &at("update.provisionedThroughput"), update.throughput.as_ref());
        }
        if let Some(create) = &one.create {
            create.wanted().check(checks, &at("create"), None);
        }
        if let Some(delete) = &one.delete {
            check_name(checks, &at("delete.indexName"), delete.name.as_ref());
        }
    }
}

/// The rules within `GlobalSecondaryIndexUpdates`, before the table is looked at; whether an index comes or goes.
pub(super) fn check_actions(updates: Option<&Updates<'_>>) -> Result<bool, Fault> {
    let Some(updates) = updates else { return Ok(false) };
    if updates.is_empty() {
        return Err(invalid("List of GlobalSecondaryIndexUpdates is empty"));
    }
    let mut names: Vec<&str> = Vec::new();
    for one in updates.iter() {
        match [one.update.is_some(), one.create.is_some(), one.delete.is_some()].iter().filter(|there| **there).count()
        {
            0 => {
                return Err(invalid(
                    "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
                     GlobalSecondaryIndexUpdate.Delete must not be null",
                ));
            }
            1 => {}
            _ => {
                return Err(invalid(
                    "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object",
                ));
            }
        }
        if names.contains(&one.name()) {
            return Err(invalid(format!(
                "Only one global secondary index update per index is allowed simultaneously. Index: {}",
                one.name()
            )));
        }
        names.push(one.name());
    }
    Ok(updates.iter().any(GlobalSecondaryIndexUpdate::is_online))
}

/// Global indexes that are being filled.
pub(super) fn creating(table: &Table) -> Vec<&str> {
    let filling = table.indexes.iter().filter(|index| index.backfill.is_some());
    filling.map(|index| index.spec.name.as_str()).collect()
}

pub(super) fn in_use(what: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ResourceInUse, format!("Attempt to change a resource which is still in use: {what}"))
}

fn over_limit(what: impl std::fmt::Display) -> Fault {
    Fault::new(Code::LimitExceeded, format!("Subscriber limit exceeded: {what}"))
}

/// What an UpdateTable does to a table's indexes.
pub(super) struct Plan<'u, 'a> {
    pub table: &'u Table,
    pub updates: &'u [GlobalSecondaryIndexUpdate<'a>],
    pub definitions: Option<&'u List<AttributeDefinition<'a>>>,
    /// The table's after the update.
    pub billing: Billing,
}

impl Plan<'_, '_> {
    pub fn make(&self) -> Result<Vec<IndexUpdate>, Fault> {
        let online = "Only 1 online index can be created or deleted simultaneously per table";
        if self.updates.iter().filter(|one| one.is_online()).count() > 1 {
            return Err(over_limit(online));
        }
        let mut made = Vec::with_capacity(self.updates.len());
        for one in self.updates {
            let name = one.name();
            if one.is_online() && creating(self.table).iter().any(|other| *other != name) {
                return Err(over_limit(online));
            }
            if let Some(create) = &one.create {
                made.push(IndexUpdate::Create(self.create(create.wanted())?));
            }
            if one.delete.is_some() {
                self.global(name, "delete")?;
                made.push(IndexUpdate::Delete(name.to_owned()));
            }
            if let Some(update) = &one.update {
                made.extend(self.update(name, update.throughput.as_ref())?);
            }
        }
        self.switch(&mut made)?;
        Ok(made)
    }

    fn create(&self, wanted: Wanted<'_, '_>) -> Result<IndexSpec, Fault> {
        let (table, name) = (self.table, wanted.name());
        match table.index(name) {
            Some(index) if index.backfill.is_some() => {
                let table = &table.spec.name;
                return Err(in_use(format_args!("Index is being created. Table: {table} Index: {name}")));
            }
            Some(_) => return Err(Fault::from(db::Error::IndexExists(name.to_owned()))),
            None => {}
        }
        if table.indexes.iter().filter(|index| !index.spec.local).count() >= GLOBAL_MAX {
            return Err(over_limit(format_args!(
                "Number of global secondary indexes exceeds per-table limit of {GLOBAL_MAX}"
            )));
        }
        let definitions = self
            .definitions
            .ok_or_else(|| invalid(format!("AttributeDefinitions is not specified for index: {name}")))?;
        let key = Definitions::new(definitions)?.global_key(wanted.key())?;
        self.check_kinds(&key)?;
        match (self.billing, wanted.throughput) {
            (Billing::OnDemand, Some(_)) => {
                return Err(invalid(format!(
                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when \
                     BillingMode is PAY_PER_REQUEST"
                )));
            }
            (Billing::Provisioned { .. }, None) => {
                return Err(invalid(format!(
                    "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {name}"
                )));
            }
            _ => {}
        }
        let spec = global_spec(wanted, key, self.billing)?;
        check_projected(table.indexes.iter().map(|index| &index.spec).chain([&spec]))?;
        Ok(spec)
    }

    /// An attribute has one type, whichever keys it is part of.
    fn check_kinds(&self, key: &IndexSchema) -> Result<(), Fault> {
        let own = &self.table.spec.key;
        let own = IndexSchema { partition: vec![own.partition.clone()], sort: own.sort.iter().cloned().collect() };
        let others = std::iter::once(&own).chain(self.table.indexes.iter().map(|index| &index.spec.key));
        for other in others {
            let differs = |attribute: &KeyAttribute| {
                other.attributes().any(|known| known.name == attribute.name && known.kind != attribute.kind)
            };
            if key.attributes().any(differs) {
                return Err(invalid(format!(
                    "Attributes cannot be redefined. Please check that your attribute has the same type as previously \
                     defined. Existing schema: {} New schema: {}",
                    schema_words(other),
                    schema_words(key)
                )));
            }
        }
        Ok(())
    }

    /// A global index that is there.
    fn global(&self, name: &str, action: &str) -> Result<&Index, Fault> {
        let missing = || {
            let table = &self.table.spec.name;
            Fault::new(Code::ResourceNotFound, format!("Requested resource not found: Index {name} for table {table}"))
        };
        let index = self.table.index(name).ok_or_else(missing)?;
        if index.spec.local {
            return Err(Fault::validation(format!(
                "Cannot {action} an index that is not a GlobalSecondaryIndex: {name}"
            )));
        }
        Ok(index)
    }

    fn update(&self, name: &str, wanted: Option<&ProvisionedThroughput>) -> Result<Option<IndexUpdate>, Fault> {
        let index = self.global(name, "update")?;
        if index.backfill.is_some() {
            let table = &self.table.spec.name;
            return Err(in_use(format_args!("Index is being created. Table: {table} Index: {name}")));
        }
        // The other settings of an index have no effect here.
        let Some(wanted) = wanted else { return Ok(None) };
        if self.billing == Billing::OnDemand {
            return Err(invalid(format!(
                "The only Updates for index: {name} when TableThroughputMode is PAY_PER_REQUEST can be to \
                 OnDemandThroughput, WarmThroughput"
            )));
        }
        let billing = throughput::units(wanted, "").map_err(|_| {
            Fault::validation(
                "This operation cannot be performed with given input values. Please contact DynamoDB service team for \
                 more info: Action Blocked: IndexUpdate",
            )
        })?;
        let (of, at) = (format!("the index {name}"), format!("index {name}"));
        throughput::check_change(index.spec.billing, billing, &of, &at)?;
        Ok(Some(IndexUpdate::Billing(name.to_owned(), billing)))
    }

    /// Indexes follow the table from one billing mode to the other: to on-demand by themselves.
    fn switch(&self, made: &mut Vec<IndexUpdate>) -> Result<(), Fault> {
        let on_demand = |billing: Billing| billing == Billing::OnDemand;
        if on_demand(self.billing) == on_demand(self.table.spec.billing) {
            return Ok(());
        }
        for index in self.table.indexes.iter().filter(|index| !index.spec.local) {
            let name = &index.spec.name;
            let done = made.iter().any(|update| match update {
                IndexUpdate::Billing(other, _) | IndexUpdate::Delete(other) => other == name,
                IndexUpdate::Create(_) => false,
            });
            if done {
                continue;
            }
            if !on_demand(self.billing) {
                return Err(invalid(format!("ProvisionedThroughput must be specified for index: {name}")));
            }
            made.push(IndexUpdate::Billing(name.clone(), Billing::OnDemand));
        }
        Ok(())
    }
}

/// `Schema:[SchemaElement: key{a:S:HASH}]`.
fn schema_words(key: &IndexSchema) -> String {
    let element = |(attribute, role): (&KeyAttribute, &str)| {
        format!("SchemaElement: key{{{}:{}:{role}}}", attribute.name, attribute.kind.code())
    };
    let elements: Vec<String> = roles(key).map(element).collect();
    format!("Schema:[{}]", elements.join(", "))
}

/// The attributes of a key with their roles, in AWS's order.
pub(super) fn roles(key: &IndexSchema) -> impl Iterator<Item = (&KeyAttribute, &'static str)> {
    let hash = key.partition.iter().map(|attribute| (attribute, "HASH"));
    hash.chain(key.sort.iter().map(|attribute| (attribute, "RANGE")))
}

/// Writes a table's indexes into its description. `gone`: one that was just deleted.
pub(super) fn write(object: &mut Object<'_>, door: &Inner, table: &Table, status: Option<&str>, gone: Option<&Index>) {
    let all = table.indexes.iter().map(|index| (index, status)).chain(gone.map(|index| (index, Some("DELETING"))));
    let (local, global): (Vec<_>, Vec<_>) = all.partition(|(index, _)| index.spec.local);
    if !global.is_empty() {
        let mut array = object.array("GlobalSecondaryIndexes");
        for (index, status) in global {
            let mut description = array.object();
            describe_key(&mut description, index);
            let filling = index.backfill.is_some();
            description.text("IndexStatus", status.unwrap_or(if filling { "CREATING" } else { "ACTIVE" }));
            if filling && status.is_none() {
                description.bare("Backfilling", true);
            }
            throughput::describe(description.object("ProvisionedThroughput"), index.spec.billing);
            describe_size(description, door, table, index);
        }
        array.end();
    }
    if !local.is_empty() {
        let mut array = object.array("LocalSecondaryIndexes");
        for (index, _) in local {
            let mut description = array.object();
            describe_key(&mut description, index);
            describe_size(description, door, table, index);
        }
        array.end();
    }
}

fn describe_key(description: &mut Object<'_>, index: &Index) {
    description.text("IndexName", &index.spec.name);
    describe::write_key(description.array("KeySchema"), roles(&index.spec.key));
    let mut projection = description.object("Projection");
    projection.text(
        "ProjectionType",
        match index.spec.projected {
            Projected::All => "ALL",
            Projected::KeysOnly => "KEYS_ONLY",
            Projected::Include(_) => "INCLUDE",
        },
    );
    if let Projected::Include(names) = &index.spec.projected {
        let mut array = projection.array("NonKeyAttributes");
        names.iter().for_each(|name| string(array.element(), name));
        array.end();
    }
    projection.end();
}

fn describe_size(mut description: Object<'_>, door: &Inner, table: &Table, index: &Index) {
    let stats = door.db.stats(index.id);
    description.bare("IndexSizeBytes", stats.bytes);
    description.bare("ItemCount", stats.items);
    let arn = format!("{}/index/{}", door.config.place.table_arn(&table.spec.name), index.spec.name);
    description.text("IndexArn", &arn);
    description.end();
}
