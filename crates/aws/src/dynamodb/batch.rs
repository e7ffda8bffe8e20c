//! BatchGetItem and BatchWriteItem.

use super::{
    capacity::{self, Totals, Units},
    expressions::{Bound, Names, check_together, projected},
    keys, legacy,
    validate::{Checks, Consumed, is_name},
};
use crate::{
    json::{self, Attributes, Flag, Layer, List, Map, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{Op, Table, Write, Written};
use item::{Item, Key, KeyValue, Origin, TableId, expression::Projection, size};
use std::{collections::HashSet, sync::Arc};

/// Keys of one BatchGetItem.
const GETS_MAX: usize = 100;
/// Requests of one BatchWriteItem.
const WRITES_MAX: usize = 25;
/// Bytes of items in one BatchGetItem's answer; the keys beyond are handed back.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Keys read on the runtime's own threads: a few microseconds each.
const INLINE_GETS: usize = 25;

const DUPLICATES: &str = "Provided list of item keys contains duplicates";
const NAME_RULES: &str = "Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member \
                          must have length greater than or equal to 3, Member must satisfy regular expression pattern: \
                          [a-zA-Z0-9_.-]+]";

shape! {
    BatchGetItemInput<'a> (request) {
        "RequestItems" => items: Map<Text<'a>, KeysAndAttributes<'a>>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
    }
}

shape! {
    KeysAndAttributes<'a> (member) {
        "Keys" => keys: List<Attributes>,
        "AttributesToGet" => attributes_to_get: List<Text<'a>>,
        "ConsistentRead" => consistent: Flag,
        "ProjectionExpression" => projection: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
    }
}

shape! {
    BatchWriteItemInput<'a> (request) {
        "RequestItems" => items: Map<Text<'a>, List<WriteRequest>>,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ReturnItemCollectionMetrics" => metrics: Text<'a>,
    }
}

shape! {
    WriteRequest (member) {
        "PutRequest" => put: PutRequest,
        "DeleteRequest" => delete: DeleteRequest,
    }
}

shape! {
    PutRequest (field) {
        "Item" => item: Attributes,
    }
}

shape! {
    DeleteRequest (field) {
        "Key" => key: Attributes,
    }
}

fn is_table(name: &str) -> bool {
    name.starts_with("arn:") || (3..=255).contains(&name.len()) && is_name(name)
}

/// One table's part of a BatchGetItem, ready to be read.
struct Gets {
    table: Arc<Table>,
    /// As the request names the table: the answer does too.
    name: String,
    keys: Vec<Key>,
    projection: Option<Projection>,
    consistent: bool,
    /// The parameters besides the keys, for keys handed back: `"ConsistentRead":true,`.
    options: Vec<u8>,
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let input: BatchGetItemInput<'_> = json::decode(call.body)?;
    let consumed = check_gets(&input)?;
    let requests = input.items.map(|items| items.0).unwrap_or_default();
    let mut all = Vec::with_capacity(requests.len());
    let mut count = 0;
    for (name, request) in requests {
        count += request.keys.as_ref().map_or(0, |keys| keys.len());
        all.push(bind(&name, request)?);
    }
    if count > GETS_MAX {
        return Err(Fault::validation("Too many items requested for the BatchGetItem call"));
    }
    let gets = all.into_iter().map(|one| locate(call, one)).collect::<Result<Vec<Gets>, Fault>>()?;
    if count <= INLINE_GETS {
        return Ok(Step::Done(read(&call.door.db, gets, consumed)?));
    }
    let db = call.door.db.clone();
    Ok(Step::Blocking(Box::new(move || read(&db, gets, consumed))))
}

fn check_gets(input: &BatchGetItemInput<'_>) -> Result<Consumed, Fault> {
    let mut checks = Checks::default();
    let requests = input.items.as_deref().unwrap_or_default();
    checks.required("requestItems", input.items.is_some());
    if input.items.is_some() && requests.is_empty() {
        return Err(Fault::validation("The requestItems parameter is required for BatchGetItem"));
    }
    if let Some((name, _)) = requests.iter().find(|(name, _)| !is_table(name)) {
        checks.broken(format!(
            "Value '{{{}=...}}' at 'requestItems' failed to satisfy constraint: {NAME_RULES}",
            &**name
        ));
    }
    for (name, request) in requests {
        let Some(keys) = &request.keys else {
            checks.required(format_args!("requestItems.{}.member.keys", &**name), false);
            continue;
        };
        let constraint = match keys.len() {
            0 => "greater than or equal to 1",
            1..=GETS_MAX => continue,
            _ => "less than or equal to 100",
        };
        checks.broken(format!(
            "Value at 'RequestItems.{}.member.Keys' failed to satisfy constraint: Member must have length {constraint}",
            &**name
        ));
    }
    let consumed = checks.consumed(input.consumed.as_ref());
    checks.finish()?;
    // A table's part by itself is checked with its expressions.
    let any = |has: fn(&KeysAndAttributes<'_>) -> bool| requests.iter().any(|(_, request)| has(request));
    check_together(
        Layer::Bare,
        &[("ProjectionExpression", any(|request| request.projection.is_some()))],
        &[("AttributesToGet", any(|request| request.attributes_to_get.is_some()))],
        false,
        false,
    )?;
    Ok(consumed)
}

/// A table's part with its expressions read; the table is looked for later, as AWS does.
struct BoundGets {
    name: String,
    keys: Vec<Item>,
    projection: Option<Projection>,
    consistent: bool,
    options: Vec<u8>,
}

fn bind(name: &str, request: KeysAndAttributes<'_>) -> Result<BoundGets, Fault> {
    let layer = Layer::Bare;
    check_together(
        layer,
        &[("ProjectionExpression", request.projection.is_some())],
        &[("AttributesToGet", request.attributes_to_get.is_some())],
        request.names.is_some(),
        false,
    )?;
    let options = options(&request);
    let bound = Bound::new(layer, request.names, None)?;
    let mut placeholders = bound.placeholders();
    let projection = match &request.attributes_to_get {
        Some(names) => Some(legacy::attributes_to_get(layer, names)?),
        None => bound.projection(request.projection.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let keys = request.keys.map(|keys| keys.0).unwrap_or_default();
    let keys = keys.into_iter().map(|key| layer.value(key.fault.as_ref()).map(|()| key.item));
    Ok(BoundGets {
        name: name.to_string(),
        keys: keys.collect::<Result<_, Fault>>()?,
        projection,
        consistent: request.consistent.is_some_and(|flag| flag.0),
        options,
    })
}

/// What has to stand beside keys that are handed back.
fn options(request: &KeysAndAttributes<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    if let Some(flag) = request.consistent {
        object.bare("ConsistentRead", flag.0);
    }
    if let Some(text) = &request.projection {
        object.text("ProjectionExpression", text);
    }
    if let Some(names) = &request.attributes_to_get {
        let mut array = object.array("AttributesToGet");
        names.iter().for_each(|name| json::string(array.element(), name));
        array.end();
    }
    if let Some(names) = &request.names {
        let mut map = object.object("ExpressionAttributeNames");
        names.iter().for_each(|(name, to)| map.text(name, to));
        map.end();
    }
    // Left open: the keys follow.
    if out.len() > 1 {
        out.push(b',');
    }
    out.split_off(1)
}

fn locate(call: &Call<'_>, bound: BoundGets) -> Result<Gets, Fault> {
    let table = call.table(&bound.name)?;
    let mut keys = Vec::with_capacity(bound.keys.len());
    let mut seen = HashSet::with_capacity(bound.keys.len());
    for item in &bound.keys {
        let key = keys::exact(&table.spec.key, item)?;
        if !seen.insert(key.clone()) {
            return Err(Fault::validation(DUPLICATES));
        }
        keys.push(key);
    }
    let BoundGets { name, projection, consistent, options, .. } = bound;
    Ok(Gets { table, name, keys, projection, consistent, options })
}

fn read(db: &db::Db, all: Vec<Gets>, consumed: Consumed) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(4096);
    let mut response = Object::new(&mut out);
    let mut responses = response.object("Responses");
    let mut bytes = 0;
    let mut units = Vec::with_capacity(all.len());
    // How many keys of each table were read before the answer was full.
    let mut done = Vec::with_capacity(all.len());
    for gets in &all {
        let mut items = responses.array(&gets.name);
        let mut of_table = 0.0;
        let mut read = 0;
        for key in &gets.keys {
            if bytes >= RESPONSE_BYTES_MAX {
                break;
            }
            read += 1;
            let found = db.image(&gets.table, key)?;
            let found_bytes = found.as_deref().map_or(Ok(0), size::stored)?;
            of_table += capacity::of_read(found_bytes, gets.consistent);
            bytes += found_bytes;
            if let Some(image) = found {
                projected(items.element(), &image, gets.projection.as_ref())?;
            }
        }
        items.end();
        units.push(of_table);
        done.push(read);
    }
    responses.end();
    let mut unprocessed = response.object("UnprocessedKeys");
    for (gets, &read) in all.iter().zip(&done).filter(|(gets, read)| **read < gets.keys.len()) {
        hand_back(unprocessed.field(&gets.name), gets, read);
    }
    unprocessed.end();
    if consumed != Consumed::None {
        let mut array = response.array("ConsumedCapacity");
        for (gets, units) in all.iter().zip(units) {
            capacity::write(array.object(), consumed, &gets.table.spec.name, units);
        }
        array.end();
    }
    response.end();
    Ok(out)
}

fn hand_back(out: &mut Vec<u8>, gets: &Gets, read: usize) {
    out.push(b'{');
    out.extend_from_slice(&gets.options);
    out.extend_from_slice(b"\"Keys\":");
    let mut array = json::Array::new(out);
    for key in &gets.keys[read..] {
        json::item(array.element(), &gets.table.spec.key.attributes(key));
    }
    array.end();
    out.push(b'}');
}

/// What a BatchWriteItem's answer shows.
pub(crate) struct Reply {
    consumed: Consumed,
    /// Whether sizes of item collections are told.
    collections: bool,
    /// The table and the partition of each write.
    places: Vec<(Arc<Table>, KeyValue)>,
}

pub(crate) fn write(call: &Call<'_>) -> Result<Step, Fault> {
    let input: BatchWriteItemInput<'_> = json::decode(call.body)?;
    let (consumed, collections) = check_writes(&input)?;
    let requests = input.items.map(|items| items.0).unwrap_or_default();
    check_values(&requests)?;
    let mut writes = Vec::new();
    let mut places = Vec::new();
    let mut seen: HashSet<(TableId, Key)> = HashSet::new();
    for (name, requests) in requests {
        let table = call.table(&name)?;
        for request in requests.0 {
            let write = one(&table, request, call.origin())?;
            if !seen.insert((write.table, write.key.clone())) {
                return Err(Fault::validation(DUPLICATES));
            }
            places.push((Arc::clone(&table), write.key.partition.clone()));
            writes.push(write);
        }
    }
    let ticket = call.door.db.write_batch(writes, call.retry_token());
    Ok(Step::Batch(ticket, Reply { consumed, collections, places }))
}

/// What is asked for besides: consumed capacity, sizes of item collections.
fn check_writes(input: &BatchWriteItemInput<'_>) -> Result<(Consumed, bool), Fault> {
    let requests = input.items.as_deref().unwrap_or_default();
    if input.items.is_some() && requests.is_empty() {
        return Err(Fault::validation("The requestItems parameter is required for BatchWriteItem"));
    }
    let mut checks = Checks::default();
    let consumed = checks.consumed(input.consumed.as_ref());
    let collections = checks.item_collection_metrics(input.metrics.as_ref());
    checks.required("requestItems", input.items.is_some());
    checks.finish()?;
    let mut checks = Checks::default();
    let echoed = |name: &str, requests: &[WriteRequest]| {
        format!("{{{name}=[{}]}}", if requests.is_empty() { "" } else { "..." })
    };
    for (name, requests) in requests {
        let at = "at 'requestItems' failed to satisfy constraint:";
        if !is_table(name) {
            checks.broken(format!("Value '{}' {at} {NAME_RULES}", echoed(name, requests)));
        }
        if !(1..=WRITES_MAX).contains(&requests.len()) {
            checks.broken(format!(
                "Value '{}' {at} Map value must satisfy constraint: [Member must have length less than or equal to 25, \
                 Member must have length greater than or equal to 1]",
                echoed(name, requests)
            ));
        }
    }
    checks.finish()?;
    if requests.iter().map(|(_, requests)| requests.len()).sum::<usize>() > WRITES_MAX {
        return Err(Fault::validation("Too many items requested for the BatchWriteItem call"));
    }
    Ok((consumed, collections))
}

fn check_values(requests: &[(Text<'_>, List<WriteRequest>)]) -> Result<(), Fault> {
    let layer = Layer::Older;
    let member = |which: &str| {
        Fault::validation(format!(
            "1 validation error detected: Value null at 'requestItems.member.member.{which}' failed to satisfy \
             constraint: Member must not be null"
        ))
    };
    for request in requests.iter().flat_map(|(_, requests)| requests.iter()) {
        match (&request.put, &request.delete) {
            (Some(put), None) => {
                let item = put.item.as_ref().ok_or_else(|| member("putRequest.item"))?;
                layer.value(item.fault.as_ref())?;
                if size::item(&item.item) > size::ITEM_BYTES_MAX {
                    return Err(Fault::validation("Item size has exceeded the maximum allowed size"));
                }
            }
            (None, Some(delete)) => {
                let key = delete.key.as_ref().ok_or_else(|| member("deleteRequest.key"))?;
                layer.value(key.fault.as_ref())?;
            }
            // AWS's words for a request that is neither or both.
            _ => {
                return Err(Fault::validation(
                    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                     datatypes",
                ));
            }
        }
    }
    Ok(())
}

fn one(table: &Table, request: WriteRequest, origin: Origin) -> Result<Write, Fault> {
    let (key, op) = match (request.put.and_then(|put| put.item), request.delete.and_then(|delete| delete.key)) {
        (Some(put), _) => {
            let key = keys::of_batch_item(&table.spec.key, &put.item)?;
            keys::check_indexed(table, &put.item)?;
            (key, Op::Put(put.item))
        }
        (None, delete) => (keys::exact(&table.spec.key, &delete.unwrap_or_default().item)?, Op::Delete),
    };
    Ok(Write { table: table.id, key, op, condition: None, origin })
}

impl Reply {
    pub fn finish(self, written: Result<Vec<Written>, db::Error>) -> Result<Vec<u8>, Fault> {
        let written = written?;
        let mut out = Vec::with_capacity(128);
        let mut response = Object::new(&mut out);
        // Nothing is ever left over: the writes are one group.
        response.object("UnprocessedItems").end();
        if self.consumed != Consumed::None {
            self.capacity(&mut response, &written);
        }
        if self.collections {
            let places = self.places.iter().map(|(table, partition)| (&**table, partition));
            capacity::add_collections(&mut response, places);
        }
        response.end();
        Ok(out)
    }

    fn capacity(&self, response: &mut Object<'_>, written: &[Written]) {
        let mut totals = Totals::default();
        for ((table, _), written) in self.places.iter().zip(written) {
            totals.add(table, Units::of_write(table, written.old.as_ref(), written.new.as_ref()));
        }
        totals.write(response, self.consumed, None);
    }
}
