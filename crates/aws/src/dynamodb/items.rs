//! GetItem, PutItem, UpdateItem, DeleteItem.

use super::{
    capacity::{self, Units},
    expressions::{Bound, Names, check_together, projected},
    keys, legacy,
    validate::{Checks, Consumed, Returns},
};
use crate::{
    json::{self, Attributes, Flag, Layer, List, Object, Text, Values},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{Op, Table, Write, Written};
use item::{
    Item, KeyValue, Value,
    expression::{Condition, Update},
    size,
};
use std::sync::Arc;

shape! {
    GetItemInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "Key" => key: Attributes,
        "AttributesToGet" => attributes_to_get: List<Text<'a>>,
        "ConsistentRead" => consistent: Flag,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ProjectionExpression" => projection: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
    }
}

shape! {
    PutItemInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "Item" => item: Attributes,
        "Expected" => expected: legacy::Expected<'a>,
        "ReturnValues" => returns: Text<'a>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ReturnItemCollectionMetrics" => metrics: Text<'a>,
        "ConditionalOperator" => operator: Text<'a>,
        "ConditionExpression" => condition: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
        "ExpressionAttributeValues" => values: Values,
        "ReturnValuesOnConditionCheckFailure" => on_failure: Text<'a>,
    }
}

shape! {
    UpdateItemInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "Key" => key: Attributes,
        "AttributeUpdates" => updates: legacy::AttributeUpdates<'a>,
        "Expected" => expected: legacy::Expected<'a>,
        "ConditionalOperator" => operator: Text<'a>,
        "ReturnValues" => returns: Text<'a>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ReturnItemCollectionMetrics" => metrics: Text<'a>,
        "UpdateExpression" => update: Text<'a>,
        "ConditionExpression" => condition: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
        "ExpressionAttributeValues" => values: Values,
        "ReturnValuesOnConditionCheckFailure" => on_failure: Text<'a>,
    }
}

shape! {
    DeleteItemInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "Key" => key: Attributes,
        "Expected" => expected: legacy::Expected<'a>,
        "ConditionalOperator" => operator: Text<'a>,
        "ReturnValues" => returns: Text<'a>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ReturnItemCollectionMetrics" => metrics: Text<'a>,
        "ConditionExpression" => condition: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
        "ExpressionAttributeValues" => values: Values,
        "ReturnValuesOnConditionCheckFailure" => on_failure: Text<'a>,
    }
}

/// What a write's answer shows.
pub(crate) struct Reply {
    table: Arc<Table>,
    returns: Returns,
    consumed: Consumed,
    /// The item collection whose size is told, if it is: its partition key.
    collection: Option<KeyValue>,
    /// The item as it was, when the condition does not hold.
    on_failure: bool,
    /// For `UPDATED_OLD` and `UPDATED_NEW`, and for complaints about keys of indexes.
    update: Option<Update>,
}

const LAYER: Layer = Layer::Enveloped;

/// The checked parts of a write that all three have.
struct Common {
    returns: Returns,
    consumed: Consumed,
    collection: bool,
    on_failure: bool,
    or: bool,
}

/// What newer layers of AWS's check before everything else, and tell alone: most regions do so since June 2026
/// (`paritysuite/dynamodb-conformance`, `registry/splits.json`).
fn check_first(table: Option<&Text<'_>>) -> Result<(), Fault> {
    match table {
        Some(name) if name.is_empty() => Err(Fault::validation(
            "1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length \
             greater than or equal to 1",
        )),
        _ => Ok(()),
    }
}

impl Common {
    /// Runs the checks in AWS's order: see the conformance of `joins the enums ...` for UpdateItem.
    fn check(
        checks: &mut Checks,
        table: Option<&Text<'_>>,
        options: [Option<&Text<'_>>; 5],
        image: (&str, bool),
    ) -> Common {
        let [consumed, returns, metrics, operator, on_failure] = options;
        let consumed = checks.consumed(consumed);
        checks.table_name(table);
        let returns = checks.returns(returns);
        let collection = checks.item_collection_metrics(metrics);
        let or = checks.conditional_operator(operator);
        checks.required(image.0, image.1);
        let on_failure = checks.returns_on_failure(on_failure);
        Common { returns, consumed, collection, on_failure, or }
    }
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let layer = Layer::Bare;
    let input: GetItemInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let consumed = checks.consumed(input.consumed.as_ref());
    checks.table_name(input.table.as_ref());
    checks.required("key", input.key.is_some());
    checks.finish()?;
    check_together(
        layer,
        &[("ProjectionExpression", input.projection.is_some())],
        &[("AttributesToGet", input.attributes_to_get.is_some())],
        input.names.is_some(),
        false,
    )?;
    let key = input.key.unwrap_or_default();
    layer.value(key.fault.as_ref())?;
    let bound = Bound::new(layer, input.names, None)?;
    let mut placeholders = bound.placeholders();
    let projection = match &input.attributes_to_get {
        Some(names) => Some(legacy::attributes_to_get(layer, names)?),
        None => bound.projection(input.projection.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let name = input.table.as_deref().unwrap_or_default();
    let table = call.table(name)?;
    let key = keys::exact(&table.spec.key, &key.item)?;
    let found = call.door.db.image(&table, &key)?;
    let bytes = match (&found, consumed) {
        (Some(image), Consumed::Total | Consumed::Indexes) => size::stored(image)?,
        _ => 0,
    };
    let mut out = Vec::with_capacity(512);
    let mut response = Object::new(&mut out);
    if let Some(image) = found {
        projected(response.field("Item"), &image, projection.as_ref())?;
    }
    let consistent = input.consistent.is_some_and(|flag| flag.0);
    capacity::add(&mut response, consumed, &table.spec.name, || Units::of_table(capacity::of_read(bytes, consistent)));
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn put(call: &Call<'_>) -> Result<Step, Fault> {
    let input: PutItemInput<'_> = json::decode(call.body)?;
    check_first(input.table.as_ref())?;
    let mut checks = Checks::default();
    let options = [&input.consumed, &input.returns, &input.metrics, &input.operator, &input.on_failure];
    let image = ("item", input.item.is_some());
    let common = Common::check(&mut checks, input.table.as_ref(), options.map(Option::as_ref), image);
    checks.finish()?;
    check_together(
        LAYER,
        &[("ConditionExpression", input.condition.is_some())],
        &[("Expected", input.expected.is_some()), ("ConditionalOperator", input.operator.is_some())],
        input.names.is_some(),
        input.values.is_some(),
    )?;
    let Attributes { item, fault } = input.item.unwrap_or_default();
    LAYER.value(fault.as_ref())?;
    check_returns(common.returns)?;
    // No item is larger than its JSON.
    if call.body.len() > size::ITEM_BYTES_MAX && size::item(&item) > size::ITEM_BYTES_MAX {
        return Err(LAYER.fault("Item size has exceeded the maximum allowed size"));
    }
    let bound = Bound::new(LAYER, input.names, input.values)?;
    let mut placeholders = bound.placeholders();
    let condition = match input.expected {
        Some(expected) => Some(legacy::expected(LAYER, expected, common.or)?),
        None => bound.condition("ConditionExpression", input.condition.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let table = call.table(input.table.as_deref().unwrap_or_default())?;
    let key = keys::of_item(&table.spec.key, &item)?;
    keys::check_indexed(&table, &item)?;
    let write = Write { table: table.id, key, op: Op::Put(item), condition, origin: call.origin() };
    submit(call, write, table, common, None)
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateItemInput<'_> = json::decode(call.body)?;
    check_first(input.table.as_ref())?;
    check_update_returns(input.returns.as_ref())?;
    let mut checks = Checks::default();
    let options = [&input.consumed, &input.returns, &input.metrics, &input.operator, &input.on_failure];
    let image = ("key", input.key.is_some());
    let common = Common::check(&mut checks, input.table.as_ref(), options.map(Option::as_ref), image);
    checks.finish()?;
    check_together(
        LAYER,
        &[("UpdateExpression", input.update.is_some()), ("ConditionExpression", input.condition.is_some())],
        &[
            ("AttributeUpdates", input.updates.is_some()),
            ("Expected", input.expected.is_some()),
            ("ConditionalOperator", input.operator.is_some()),
        ],
        input.names.is_some(),
        input.values.is_some(),
    )?;
    let key = input.key.unwrap_or_default();
    LAYER.value(key.fault.as_ref())?;
    let bound = Bound::new(LAYER, input.names, input.values)?;
    let mut placeholders = bound.placeholders();
    let update = match (input.updates, &input.update) {
        (Some(updates), _) => legacy::updates(LAYER, updates)?,
        (None, Some(text)) => Update::parse(text, &mut placeholders).map_err(|error| LAYER.invalid(error))?,
        // Only makes sure that the item is there.
        (None, None) => Update::new(Vec::new()),
    };
    let condition = match input.expected {
        Some(expected) => Some(legacy::expected(LAYER, expected, common.or)?),
        None => bound.condition("ConditionExpression", input.condition.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let table = call.table(input.table.as_deref().unwrap_or_default())?;
    let key = keys::exact(&table.spec.key, &key.item)?;
    keys::check_update(&table, &update)?;
    let kept = matches!(common.returns, Returns::UpdatedOld | Returns::UpdatedNew) || !table.indexes.is_empty();
    let kept = kept.then(|| update.clone());
    let write = Write { table: table.id, key, op: Op::Update(update), condition, origin: call.origin() };
    submit(call, write, table, common, kept)
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DeleteItemInput<'_> = json::decode(call.body)?;
    check_first(input.table.as_ref())?;
    let mut checks = Checks::default();
    let options = [&input.consumed, &input.returns, &input.metrics, &input.operator, &input.on_failure];
    let image = ("key", input.key.is_some());
    let common = Common::check(&mut checks, input.table.as_ref(), options.map(Option::as_ref), image);
    checks.finish()?;
    check_together(
        LAYER,
        &[("ConditionExpression", input.condition.is_some())],
        &[("Expected", input.expected.is_some()), ("ConditionalOperator", input.operator.is_some())],
        input.names.is_some(),
        input.values.is_some(),
    )?;
    let key = input.key.unwrap_or_default();
    LAYER.value(key.fault.as_ref())?;
    check_returns(common.returns)?;
    let bound = Bound::new(LAYER, input.names, input.values)?;
    let mut placeholders = bound.placeholders();
    let condition: Option<Condition> = match input.expected {
        Some(expected) => Some(legacy::expected(LAYER, expected, common.or)?),
        None => bound.condition("ConditionExpression", input.condition.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let table = call.table(input.table.as_deref().unwrap_or_default())?;
    let key = keys::exact(&table.spec.key, &key.item)?;
    let write = Write { table: table.id, key, op: Op::Delete, condition, origin: call.origin() };
    submit(call, write, table, common, None)
}

/// UpdateItem stops at a `ReturnValues` that it does not know, in words of its own; the last but one name is AWS's slip.
fn check_update_returns(returns: Option<&Text<'_>>) -> Result<(), Fault> {
    match returns.map(Text::as_str) {
        None | Some("ALL_OLD" | "UPDATED_OLD" | "ALL_NEW" | "UPDATED_NEW" | "NONE") => Ok(()),
        Some(_) => Err(LAYER.fault(
            "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, \
             UPDATE_NEW, NONE]",
        )),
    }
}

/// PutItem and DeleteItem have no updated parts to show, nor a new image that the client does not know.
fn check_returns(returns: Returns) -> Result<(), Fault> {
    match returns {
        Returns::None | Returns::AllOld => Ok(()),
        _ => Err(LAYER.fault("ReturnValues can only be ALL_OLD or NONE")),
    }
}

fn submit(
    call: &Call<'_>,
    write: Write,
    table: Arc<Table>,
    common: Common,
    update: Option<Update>,
) -> Result<Step, Fault> {
    call.door.conflicts.strike_write(&call.door.db, table.id)?;
    let Common { returns, consumed, collection, on_failure, or: _ } = common;
    let collection = (collection && capacity::has_collections(&table)).then(|| write.key.partition.clone());
    let db = &call.door.db;
    let retry = call.retry_token();
    let ticket = if call.alone { db.write_here(write, retry) } else { db.write(write, retry) };
    Ok(Step::Write(ticket, Reply { table, returns, consumed, collection, on_failure, update }))
}

impl Reply {
    pub fn finish(self, written: Result<Written, db::Error>) -> Result<Vec<u8>, Fault> {
        let written = written.map_err(|error| self.fault(error))?;
        let mut out = Vec::with_capacity(if self.returns == Returns::None { 128 } else { 512 });
        let mut response = Object::new(&mut out);
        if let Some(shown) = self.shown(&written) {
            response.item("Attributes", &shown);
        }
        capacity::add(&mut response, self.consumed, &self.table.spec.name, || {
            Units::of_write(&self.table, written.old.as_ref(), written.new.as_ref())
        });
        if let Some(partition) = &self.collection {
            let attribute = &self.table.spec.key.partition.name;
            let metrics = response.object("ItemCollectionMetrics");
            capacity::write_collection(metrics, attribute, Value::from(partition.clone()));
        }
        response.end();
        Ok(out)
    }

    fn shown<'w>(&self, written: &'w Written) -> Option<std::borrow::Cow<'w, Item>> {
        use std::borrow::Cow;
        let part = |image: Option<&Item>| {
            let part = self.update.as_ref()?.project(image?);
            (!part.is_empty()).then_some(Cow::Owned(part))
        };
        match self.returns {
            Returns::None => None,
            Returns::AllOld => written.old.as_ref().map(Cow::Borrowed),
            Returns::AllNew => written.new.as_ref().map(Cow::Borrowed),
            Returns::UpdatedOld => part(written.old.as_ref()),
            Returns::UpdatedNew => part(written.new.as_ref()),
        }
    }

    fn fault(&self, error: db::Error) -> Fault {
        refused(self.update.as_ref(), self.on_failure, error)
    }
}

/// Why a write of one item was not carried out, by itself or in a transaction; with the item as it was `on_failure` of
/// the condition.
pub(super) fn refused(update: Option<&Update>, on_failure: bool, error: db::Error) -> Fault {
    let mut fault = match error {
        // A put item's size was checked at the door: this one grew.
        db::Error::ItemTooLarge => Fault::validation("Item size to update has exceeded the maximum allowed size"),
        other => keys::updated(update, other),
    };
    if !on_failure {
        fault.item = None;
    }
    fault
}
