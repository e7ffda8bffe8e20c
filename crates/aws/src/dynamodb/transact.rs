//! TransactWriteItems and TransactGetItems. That all happens or nothing, at one moment, is `db`'s.

use super::{
    capacity::{self, Totals, Units},
    expressions::{Bound, Names, check_together, projected},
    items, keys,
    validate::{Checks, Consumed},
};
use crate::{
    json::{self, Attributes, Layer, List, Object, Text, Values},
    protocol::{Fault, Reason, transaction_too_large},
    retry,
    routes::{Call, Step},
};
use db::{Op, RetryToken, Table, Transacted, Write, Written};
use item::{
    Item, Key, KeyError, KeyValue, Origin, TableId, codec,
    expression::{self, Condition, Projection},
    size,
};
use std::{
    collections::HashSet,
    fmt::{self, Display},
    sync::Arc,
};
use xxhash_rust::xxh3::Xxh3;

/// Actions of one transaction.
const ACTIONS_MAX: usize = 100;
/// Size of all items of one transaction together.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest `ClientRequestToken`.
const TOKEN_BYTES_MAX: usize = 36;
/// Items read on the runtime's own threads: a few microseconds each.
const INLINE_GETS: usize = 25;
/// A transaction prepares each item before it commits it.
const PASSES: f64 = 2.0;
/// Where AWS's regions differ, the newer ones check values in this layer.
const LAYER: Layer = Layer::Bare;

const SEVERAL: &str = "TransactItems can only contain one of Check, Put, Update or Delete";
const NONE: &str = "1 validation error detected: Value '' at 'transactItems' failed to satisfy constraint: \
                    TransactWriteRequest should contain Delete or Put or Update or ConditionCheck";
const DUPLICATES: &str = "Transaction request cannot include multiple operations on one item";

shape! {
    TransactWriteItemsInput<'a> (request) {
        "TransactItems" => items: List<TransactWriteItem<'a>>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ReturnItemCollectionMetrics" => metrics: Text<'a>,
        "ClientRequestToken" => token: Text<'a>,
    }
}

shape! {
    TransactWriteItem<'a> (member) {
        "ConditionCheck" => check: ConditionCheck<'a>,
        "Put" => put: Put<'a>,
        "Delete" => delete: Delete<'a>,
        "Update" => update: Update<'a>,
    }
}

shape! {
    TransactGetItemsInput<'a> (request) {
        "TransactItems" => items: List<TransactGetItem<'a>>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
    }
}

shape! {
    TransactGetItem<'a> (member) {
        "Get" => get: Get<'a>,
    }
}

shape! {
    Get<'a> (field) {
        "TableName" => table: Text<'a>,
        "Key" => key: Attributes,
        "ProjectionExpression" => projection: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
    }
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Check,
    Put,
    Delete,
    Update,
}

impl Kind {
    /// The action and its item or key, as members of the request.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            Kind::Check => ("conditionCheck", "key"),
            Kind::Put => ("put", "item"),
            Kind::Delete => ("delete", "key"),
            Kind::Update => ("update", "key"),
        }
    }
}

/// An action of any kind, as it was sent.
struct Action<'a> {
    kind: Kind,
    table: Option<Text<'a>>,
    /// The item of a Put, the key of the others.
    image: Option<Attributes>,
    /// Of an Update; elsewhere it is not known and ignored.
    update: Option<Text<'a>>,
    condition: Option<Text<'a>>,
    names: Option<Names<'a>>,
    values: Option<Values>,
    on_failure: Option<Text<'a>>,
}

/// The shapes of actions: AWS's names for them, as it complains of them.
macro_rules! action {
    ($name:ident, $kind:ident, $image:literal) => {
        shape! {
            $name<'a> (field) {
                "TableName" => table: Text<'a>,
                $image => image: Attributes,
                "UpdateExpression" => update: Text<'a>,
                "ConditionExpression" => condition: Text<'a>,
                "ExpressionAttributeNames" => names: Names<'a>,
                "ExpressionAttributeValues" => values: Values,
                "ReturnValuesOnConditionCheckFailure" => on_failure: Text<'a>,
            }
        }

        impl<'a> From<$name<'a>> for Action<'a> {
            fn from(sent: $name<'a>) -> Action<'a> {
                let $name { table, image, update, condition, names, values, on_failure } = sent;
                let update = update.filter(|_| Kind::$kind == Kind::Update);
                Action { kind: Kind::$kind, table, image, update, condition, names, values, on_failure }
            }
        }
    };
}

action!(ConditionCheck, Check, "Key");
action!(Put, Put, "Item");
action!(Delete, Delete, "Key");
action!(Update, Update, "Key");

impl<'a> TransactWriteItem<'a> {
    /// Its actions: one, if it is as it should be.
    fn actions(self) -> Vec<Action<'a>> {
        let check = self.check.map(Action::from);
        let writes = [self.put.map(Action::from), self.delete.map(Action::from), self.update.map(Action::from)];
        check.into_iter().chain(writes.into_iter().flatten()).collect()
    }
}

/// A member of an action, as AWS names it: `transactItems.1.member.put.tableName`.
#[derive(Clone, Copy)]
struct Member<'a>(usize, &'a str, &'a str);

impl Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Member(place, action, member) = self;
        write!(f, "transactItems.{}.member.{action}.{member}", place + 1)
    }
}

impl Action<'_> {
    fn check(&self, checks: &mut Checks, place: usize) {
        let (action, image) = self.kind.members();
        let at = |member| Member(place, action, member);
        checks.required(at("tableName"), self.table.is_some());
        checks.name(at("tableName"), self.table.as_deref(), 1);
        checks.required(at(image), self.image.is_some());
        match self.kind {
            Kind::Check => checks.required(at("conditionExpression"), self.condition.is_some()),
            Kind::Update => checks.required(at("updateExpression"), self.update.is_some()),
            Kind::Put | Kind::Delete => {}
        }
        checks.one_of(at("returnValuesOnConditionCheckFailure"), self.on_failure.as_ref(), &["ALL_OLD", "NONE"]);
    }

    /// Feeds what the action means to the hash of its transaction.
    fn hash(&self, hasher: &mut Xxh3) {
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(&[self.kind as u8]);
        part(wire::names::table_name(self.table.as_deref().unwrap_or_default()).as_bytes());
        for text in [&self.update, &self.condition, &self.on_failure] {
            part(text.as_deref().unwrap_or_default().as_bytes());
        }
        let mut names: Vec<_> = self.names.iter().flat_map(|names| names.iter()).collect();
        names.sort();
        part(&(names.len() as u64).to_le_bytes());
        for (name, stands_for) in names {
            part(name.as_bytes());
            part(stands_for.as_bytes());
        }
        let mut encoded = Vec::new();
        self.image.iter().for_each(|image| codec::encode(&image.item, &mut encoded));
        part(&encoded);
        encoded.clear();
        let values = self.values.iter().flat_map(|values| values.values.clone());
        codec::encode(&values.collect(), &mut encoded);
        part(&encoded);
    }

    /// Checks the values and reads the expressions; the table is looked for later, as AWS does.
    fn bind(self) -> Result<BoundAction, Fault> {
        let conditions =
            [("UpdateExpression", self.update.is_some()), ("ConditionExpression", self.condition.is_some())];
        let expressions = if self.kind == Kind::Update { &conditions[..] } else { &conditions[1..] };
        check_together(LAYER, expressions, &[], self.names.is_some(), self.values.is_some())?;
        let Attributes { item: image, fault } = self.image.unwrap_or_default();
        LAYER.value(fault.as_ref())?;
        if self.kind == Kind::Put && size::item(&image) > size::ITEM_BYTES_MAX {
            return Err(Fault::validation("Item size has exceeded the maximum allowed size"));
        }
        let bound = Bound::new(LAYER, self.names, self.values)?;
        let mut placeholders = bound.placeholders();
        let update = self.update.map(|text| expression::Update::parse(&text, &mut placeholders)).transpose();
        let update = update.map_err(|error| LAYER.invalid(error))?;
        let condition = bound.condition("ConditionExpression", self.condition.as_ref(), &mut placeholders)?;
        bound.finish(placeholders)?;
        Ok(BoundAction {
            kind: self.kind,
            table: self.table.map(|name| name.0.into_owned()).unwrap_or_default(),
            image,
            update,
            condition,
            on_failure: self.on_failure.as_deref() == Some("ALL_OLD"),
        })
    }
}

/// An action with its expressions read.
struct BoundAction {
    kind: Kind,
    table: String,
    image: Item,
    update: Option<expression::Update>,
    condition: Option<Condition>,
    on_failure: bool,
}

impl BoundAction {
    /// The key of the action's item, or why it makes the transaction be cancelled. An empty value refuses the whole
    /// request, as at AWS, which looks for those before it begins.
    fn key(&self, table: &Table) -> Result<Result<Key, Fault>, Fault> {
        let schema = &table.spec.key;
        let found = match self.kind {
            Kind::Put => keys::of_item(schema, &self.image),
            _ => keys::exact(schema, &self.image),
        };
        if let Err(fault) = found {
            let empty = matches!(schema.key_of(&self.image), Err(KeyError::Empty { .. }));
            return if empty { Err(fault) } else { Ok(Err(fault)) };
        }
        let written = self.update.iter().flat_map(expression::Update::attributes).find(|name| schema.has(name));
        Ok(match written {
            Some(name) => Err(Fault::from(db::Error::KeyChanged(name.to_string()))),
            None => found,
        })
    }

    fn write(self, table: TableId, key: Key, origin: Origin) -> Write {
        let op = match (self.kind, self.update) {
            (Kind::Put, _) => Op::Put(self.image),
            (Kind::Update, Some(update)) => Op::Update(update),
            (Kind::Delete, _) => Op::Delete,
            _ => Op::Check,
        };
        Write { table, key, op, condition: self.condition, origin }
    }
}

/// What a TransactWriteItems' answer shows.
pub(crate) struct Reply {
    consumed: Consumed,
    collections: bool,
    actions: Vec<Shown>,
}

/// What the answer has to know of an action.
struct Shown {
    table: Arc<Table>,
    partition: KeyValue,
    /// For the words of what an update cannot do.
    update: Option<expression::Update>,
    /// The item as it was, when the condition does not hold.
    on_failure: bool,
}

pub(crate) fn write(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TransactWriteItemsInput<'_> = json::decode(call.body)?;
    if let Some(token) = &input.token {
        check_length("ClientRequestToken", token.len(), TOKEN_BYTES_MAX)?;
    }
    let mut checks = Checks::default();
    let consumed = checks.consumed(input.consumed.as_ref());
    let collections = checks.item_collection_metrics(input.metrics.as_ref());
    let sent: Vec<_> = some_actions(input.items, &mut checks)?.into_iter().map(TransactWriteItem::actions).collect();
    for (place, action) in sent.iter().enumerate().flat_map(|(place, all)| all.iter().map(move |one| (place, one))) {
        action.check(&mut checks, place);
    }
    checks.finish()?;
    let sent = sent.into_iter().map(only).collect::<Result<Vec<_>, Fault>>()?;
    let token = input.token.as_deref();
    let token = match token {
        Some(token) => Some(client_token(call, token, &sent)),
        None => call.retry_token().map(retry::with_request),
    };
    let bound = sent.into_iter().map(Action::bind).collect::<Result<Vec<_>, Fault>>()?;
    if bound.iter().map(|action| size::item(&action.image)).sum::<usize>() > BYTES_MAX {
        return Err(transaction_too_large());
    }
    submit(call, bound, (consumed, collections), token)
}

/// Finds tables and keys, and hands the transaction over.
fn submit(
    call: &Call<'_>,
    bound: Vec<BoundAction>,
    (consumed, collections): (Consumed, bool),
    token: Option<RetryToken>,
) -> Result<Step, Fault> {
    let tables = bound.iter().map(|action| call.table(&action.table)).collect::<Result<Vec<_>, Fault>>()?;
    let keys = bound.iter().zip(&tables).map(|(action, table)| action.key(table)).collect::<Result<Vec<_>, Fault>>()?;
    let keys = distinct(&tables, keys)?;
    call.door.conflicts.strike_transaction(&call.door.db, tables.iter().map(|table| table.id))?;
    let mut writes = Vec::with_capacity(bound.len());
    let mut actions = Vec::with_capacity(bound.len());
    for ((action, table), key) in bound.into_iter().zip(tables).zip(keys) {
        let (partition, update) = (key.partition.clone(), action.update.clone());
        actions.push(Shown { table: Arc::clone(&table), partition, update, on_failure: action.on_failure });
        writes.push(action.write(table.id, key, call.origin()));
    }
    Ok(Step::Transact(call.door.db.transact(writes, token), Reply { consumed, collections, actions }))
}

/// The actions of a request, at least one and not too many.
fn some_actions<T>(items: Option<List<T>>, checks: &mut Checks) -> Result<Vec<T>, Fault> {
    checks.required("transactItems", items.is_some());
    let Some(items) = items else { return Ok(Vec::new()) };
    check_length("TransactItems", items.len(), ACTIONS_MAX)?;
    Ok(items.0)
}

/// A length that AWS's newest layer checks: by itself, capitalised, and without the value.
fn check_length(name: &str, length: usize, most: usize) -> Result<(), Fault> {
    let constraint = match length {
        0 => "greater than or equal to 1".to_string(),
        length if length > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(Fault::validation(format!(
        "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length \
         {constraint}"
    )))
}

fn only(mut actions: Vec<Action<'_>>) -> Result<Action<'_>, Fault> {
    match (actions.pop(), actions.is_empty()) {
        (Some(action), true) => Ok(action),
        (Some(_), false) => Err(Fault::validation(SEVERAL)),
        (None, _) => Err(Fault::validation(NONE)),
    }
}

/// The token for what the actions mean; what the answer shows of them is no part of that.
fn client_token(call: &Call<'_>, token: &str, actions: &[Action<'_>]) -> RetryToken {
    let mut hasher = Xxh3::new();
    actions.iter().for_each(|action| action.hash(&mut hasher));
    retry::client_token(&call.door.config.place.account, token, hasher.digest())
}

/// The keys, if all of them are keys and no item has two.
fn distinct(tables: &[Arc<Table>], keys: Vec<Result<Key, Fault>>) -> Result<Vec<Key>, Fault> {
    let mut seen = HashSet::with_capacity(keys.len());
    for (table, key) in tables.iter().zip(&keys) {
        if key.as_ref().is_ok_and(|key| !seen.insert((table.id, key))) {
            return Err(Fault::validation(DUPLICATES));
        }
    }
    if keys.iter().all(Result::is_ok) {
        return Ok(keys.into_iter().flatten().collect());
    }
    Err(Fault::canceled(keys.into_iter().map(|key| key.err().map(Reason::from).unwrap_or_default()).collect()))
}

impl Reply {
    pub fn finish(self, transacted: Result<Transacted, db::Error>) -> Result<Vec<u8>, Fault> {
        let Transacted { written, repeated } = transacted.map_err(|error| self.fault(error))?;
        let mut out = Vec::with_capacity(128);
        let mut response = Object::new(&mut out);
        if self.consumed != Consumed::None {
            let mut totals = Totals::default();
            for (action, written) in self.actions.iter().zip(&written) {
                totals.add(&action.table, units(&action.table, written, repeated));
            }
            let kind = if repeated { "ReadCapacityUnits" } else { "WriteCapacityUnits" };
            totals.write(&mut response, self.consumed, Some(kind));
        }
        if self.collections {
            let places = self.actions.iter().map(|action| (&*action.table, &action.partition));
            capacity::add_collections(&mut response, places);
        }
        response.end();
        Ok(out)
    }

    fn fault(&self, error: db::Error) -> Fault {
        let db::Error::Canceled(reasons) = error else { return Fault::from(error) };
        // AWS looks for empty keys before it begins; here the index is known only where the item is.
        let empty = |error: &db::Error| matches!(error, db::Error::IndexKey { error: KeyError::Empty { .. }, .. });
        if let Some(error) = reasons.iter().flatten().find(|error| empty(error)) {
            return Fault::from(error.clone());
        }
        let reasons = reasons.into_iter().zip(&self.actions).map(|(error, action)| match error {
            Some(error) => action.fault(error).into(),
            None => Reason::default(),
        });
        Fault::canceled(reasons.collect())
    }
}

impl Shown {
    fn fault(&self, error: db::Error) -> Fault {
        items::refused(self.update.as_ref(), self.on_failure, error)
    }
}

/// Units of one write: the table's are taken twice, to prepare and to carry out. A repeat reads what the first attempt
/// wrote. Indexes are written once, not prepared: so AWS shows it.
fn units<'t>(table: &'t Table, written: &Written, repeated: bool) -> Units<'t> {
    let (old, new) = (written.old.as_ref(), written.new.as_ref());
    if repeated {
        let bytes = old.into_iter().chain(new).map(size::item).max().unwrap_or(0);
        return Units::of_table(PASSES * capacity::of_read(bytes, true));
    }
    let mut units = Units::of_write(table, old, new);
    units.table *= PASSES;
    units
}

/// A Get with its projection read.
struct BoundGet {
    table: String,
    key: Item,
    projection: Option<Projection>,
}

/// Gets, ready to be read.
struct Gets {
    consumed: Consumed,
    tables: Vec<Arc<Table>>,
    keys: Vec<(TableId, Key)>,
    projections: Vec<Option<Projection>>,
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TransactGetItemsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let consumed = checks.consumed(input.consumed.as_ref());
    let items = some_actions(input.items, &mut checks)?;
    items.iter().enumerate().for_each(|(place, item)| check_get(&mut checks, place, item.get.as_ref()));
    checks.finish()?;
    let bound = items.into_iter().map(|item| bind_get(item.get.unwrap_or_default()));
    let bound = bound.collect::<Result<Vec<_>, Fault>>()?;
    let tables = bound.iter().map(|get| call.table(&get.table)).collect::<Result<Vec<_>, Fault>>()?;
    let keys = bound.iter().zip(&tables).map(|(get, table)| {
        let found = keys::exact(&table.spec.key, &get.key);
        let empty = matches!(table.spec.key.key_of(&get.key), Err(KeyError::Empty { .. }));
        if empty { found.map(Ok) } else { Ok(found) }
    });
    let keys = keys.collect::<Result<Vec<_>, Fault>>()?;
    let keys = distinct(&tables, keys)?;
    call.door.conflicts.strike_transaction(&call.door.db, tables.iter().map(|table| table.id))?;
    let keys: Vec<_> = tables.iter().map(|table| table.id).zip(keys).collect();
    let projections = bound.into_iter().map(|get| get.projection).collect();
    let gets = Gets { consumed, tables, keys, projections };
    if gets.keys.len() <= INLINE_GETS {
        return Ok(Step::Done(gets.read(&call.door.db)?));
    }
    let db = call.door.db.clone();
    Ok(Step::Blocking(Box::new(move || gets.read(&db))))
}

fn check_get(checks: &mut Checks, place: usize, get: Option<&Get<'_>>) {
    let Some(get) = get else {
        return checks.required(format_args!("transactItems.{}.member.get", place + 1), false);
    };
    let at = |member| Member(place, "get", member);
    checks.required(at("tableName"), get.table.is_some());
    checks.name(at("tableName"), get.table.as_deref(), 1);
    checks.required(at("key"), get.key.is_some());
}

fn bind_get(get: Get<'_>) -> Result<BoundGet, Fault> {
    let expressions = [("ProjectionExpression", get.projection.is_some())];
    check_together(LAYER, &expressions, &[], get.names.is_some(), false)?;
    let key = get.key.unwrap_or_default();
    LAYER.value(key.fault.as_ref())?;
    let bound = Bound::new(LAYER, get.names, None)?;
    let mut placeholders = bound.placeholders();
    let projection = bound.projection(get.projection.as_ref(), &mut placeholders)?;
    bound.finish(placeholders)?;
    let table = get.table.map(|name| name.0.into_owned()).unwrap_or_default();
    Ok(BoundGet { table, key: key.item, projection })
}

impl Gets {
    fn read(self, db: &db::Db) -> Result<Vec<u8>, Fault> {
        let images = db.images(&self.keys)?;
        let sizes = images.iter().map(|image| image.as_deref().map_or(Ok(0), size::stored));
        let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
        if sizes.iter().sum::<usize>() > BYTES_MAX {
            return Err(transaction_too_large());
        }
        let mut out = Vec::with_capacity(1024);
        let mut response = Object::new(&mut out);
        if self.consumed != Consumed::None {
            let mut totals = Totals::default();
            for (table, bytes) in self.tables.iter().zip(sizes) {
                totals.add(table, Units::of_table(PASSES * capacity::of_read(bytes, true)));
            }
            totals.write(&mut response, self.consumed, Some("ReadCapacityUnits"));
        }
        let mut responses = response.array("Responses");
        for (image, projection) in images.iter().zip(&self.projections) {
            let mut one = responses.object();
            if let Some(image) = image {
                projected(one.field("Item"), image, projection.as_ref())?;
            }
            one.end();
        }
        responses.end();
        response.end();
        Ok(out)
    }
}
