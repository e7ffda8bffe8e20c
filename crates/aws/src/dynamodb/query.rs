//! Query and Scan.

use super::{
    capacity,
    expressions::{Bound, Names, check_together, projected},
    keys, legacy,
    validate::{Checks, Consumed},
};
use crate::{
    Inner,
    json::{self, Attributes, Flag, Integer, Layer, List, Map, Object, Text, Values},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{PageEnd, Query, Scan, Table};
use item::{
    Key, SortRange,
    codec::DecodeError,
    expression::{Condition, KeyCondition, Path, Projection},
};
use std::sync::Arc;

shape! {
    QueryInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "IndexName" => index: Text<'a>,
        "Select" => select: Text<'a>,
        "AttributesToGet" => attributes_to_get: List<Text<'a>>,
        "Limit" => limit: Integer,
        "ConsistentRead" => consistent: Flag,
        "KeyConditions" => key_conditions: legacy::Conditions<'a>,
        "QueryFilter" => legacy_filter: legacy::Conditions<'a>,
        "ConditionalOperator" => operator: Text<'a>,
        "ScanIndexForward" => forward: Flag,
        "ExclusiveStartKey" => start: Attributes,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "ProjectionExpression" => projection: Text<'a>,
        "FilterExpression" => filter: Text<'a>,
        "KeyConditionExpression" => key_condition: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
        "ExpressionAttributeValues" => values: Values,
    }
}

shape! {
    ScanInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "IndexName" => index: Text<'a>,
        "AttributesToGet" => attributes_to_get: List<Text<'a>>,
        "Limit" => limit: Integer,
        "Select" => select: Text<'a>,
        "ScanFilter" => legacy_filter: legacy::Conditions<'a>,
        "ConditionalOperator" => operator: Text<'a>,
        "ExclusiveStartKey" => start: Attributes,
        "ReturnConsumedCapacity" => consumed: Text<'a>,
        "TotalSegments" => segments: Integer,
        "Segment" => segment: Integer,
        "ProjectionExpression" => projection: Text<'a>,
        "FilterExpression" => filter: Text<'a>,
        "ExpressionAttributeNames" => names: Names<'a>,
        "ExpressionAttributeValues" => values: Values,
        "ConsistentRead" => consistent: Flag,
    }
}

/// Items read on the runtime's own threads. Such a page takes some ten microseconds, less than handing it to another
/// thread; where more is wanted and there, the page is read again elsewhere, so that the runtime is never held up by a
/// page of a megabyte.
const INLINE_ITEMS: usize = 64;

/// How a page is shown.
struct View {
    table: Arc<Table>,
    count_only: bool,
    projection: Option<Projection>,
    consumed: Consumed,
    consistent: bool,
}

/// What `Select` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Select {
    Specific,
    Count,
    All,
    Projected,
}

fn check_select(checks: &mut Checks, select: Option<&Text<'_>>) -> Option<Select> {
    let set = ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
    let all = [Select::Specific, Select::Count, Select::All, Select::Projected];
    checks.one_of("select", select, &set).map(|place| all[place])
}

/// Rules between `Select`, the projection and the index.
fn check_selected(select: Option<Select>, projection: Option<&'static str>, indexed: bool) -> Result<(), Fault> {
    let name = match (select, projection) {
        (Some(Select::Specific), None) => {
            return Err(Fault::validation(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
            ));
        }
        (Some(Select::Projected), None) if !indexed => {
            return Err(Fault::validation(
                "One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying \
                 using an IndexName",
            ));
        }
        (Some(Select::All), Some(_)) => "ALL_ATTRIBUTES",
        (Some(Select::Count), Some(_)) => "only the Count",
        (Some(Select::Projected), Some(_)) => "ALL_PROJECTED_ATTRIBUTES",
        _ => return Ok(()),
    };
    let projection = projection.unwrap_or_default();
    Err(Fault::validation(format!("Cannot specify the {projection} when choosing to get {name}")))
}

/// Which projection parameter a request has.
fn projection_name(expression: bool, attributes_to_get: bool) -> Option<&'static str> {
    match (expression, attributes_to_get) {
        (true, _) => Some("ProjectionExpression"),
        (false, true) => Some("AttributesToGet"),
        (false, false) => None,
    }
}

/// Key attributes have no parts.
fn check_scalar<'p>(table: &Table, mut paths: impl Iterator<Item = &'p Path>) -> Result<(), Fault> {
    match paths.find(|path| path.is_nested() && table.spec.key.has(&path.name)) {
        None => Ok(()),
        Some(path) => Err(Fault::validation(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: {}",
            path.name
        ))),
    }
}

fn check_paths(table: &Table, projection: Option<&Projection>, filter: Option<&Condition>) -> Result<(), Fault> {
    check_scalar(table, projection.iter().flat_map(|projection| projection.paths()))?;
    check_scalar(table, filter.iter().flat_map(|filter| filter.paths()))
}

/// There are no indexes yet, so no table has the one named.
fn check_index(index: Option<&Text<'_>>) -> Result<(), Fault> {
    match index {
        None => Ok(()),
        Some(name) => Err(Fault::validation(format!("The table does not have the specified index: {}", name.as_str()))),
    }
}

/// The condition of legacy filters: `None` where there are none.
fn legacy_filter(layer: Layer, filter: Option<legacy::Conditions<'_>>, or: bool) -> Result<Option<Condition>, Fault> {
    match filter {
        Some(Map(conditions)) if conditions.is_empty() => Ok(None),
        Some(conditions) => legacy::conditions(layer, conditions, or).map(Some),
        None => Ok(None),
    }
}

fn check_operators(checks: &mut Checks, at: &str, conditions: Option<&legacy::Conditions<'_>>) {
    for (name, condition) in conditions.iter().flat_map(|conditions| conditions.iter()) {
        let at = format_args!("{at}.{}.member.comparisonOperator", name.as_str());
        checks.required(at, condition.operator.is_some());
        checks.one_of(at, condition.operator.as_ref(), &legacy::OPERATORS);
    }
}

/// The words that AWS puts before faults of `ExclusiveStartKey`, and those it does not.
fn start_fault(layer: Layer, start: Option<&Attributes>) -> Result<(), Fault> {
    use crate::json::ValueFault;
    match start.and_then(|start| start.fault.as_ref()) {
        None => Ok(()),
        Some(fault @ (ValueFault::Number(..) | ValueFault::Duplicates(..) | ValueFault::EmptySet("NS"))) => {
            layer.value(Some(fault))
        }
        Some(fault) => Err(layer.fault(format_args!("The provided starting key is invalid: {}", fault.words(layer)))),
    }
}

pub(crate) fn query(call: &Call<'_>) -> Result<Step, Fault> {
    let layer = Layer::Bare;
    let input: QueryInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let select = check_select(&mut checks, input.select.as_ref());
    checks.name("indexName", input.index.as_deref(), 3);
    let consumed = checks.consumed(input.consumed.as_ref());
    check_operators(&mut checks, "queryFilter", input.legacy_filter.as_ref());
    checks.table_name(input.table.as_ref());
    let or = checks.conditional_operator(input.operator.as_ref());
    if input.limit.is_some_and(|limit| limit.0 < 1) {
        // Query's layer is AWS's newest: no value, and the parameter's own name.
        checks.broken(
            "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
                .to_string(),
        );
    }
    check_operators(&mut checks, "keyConditions", input.key_conditions.as_ref());
    checks.finish()?;
    check_query_parameters(layer, &input)?;
    let shown = projection_name(input.projection.is_some(), input.attributes_to_get.is_some());
    check_selected(select, shown, input.index.is_some())?;
    start_fault(layer, input.start.as_ref())?;
    let filter_is_legacy = input.legacy_filter.is_some();
    let legacy_filter = legacy_filter(layer, input.legacy_filter, or)?;
    if input.key_conditions.is_none() && input.key_condition.is_none() {
        return Err(Fault::validation(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let bound = Bound::new(layer, input.names, input.values)?;
    let mut placeholders = bound.placeholders();
    let condition = match input.key_conditions {
        Some(conditions) => {
            legacy::check_indexable(&conditions)?;
            Some(legacy::conditions(layer, conditions, false)?)
        }
        None => bound.condition("KeyConditionExpression", input.key_condition.as_ref(), &mut placeholders)?,
    };
    let filter = bound.condition("FilterExpression", input.filter.as_ref(), &mut placeholders)?.or(legacy_filter);
    let projection = match &input.attributes_to_get {
        Some(names) => Some(legacy::attributes_to_get(layer, names)?),
        None => bound.projection(input.projection.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let table = call.table(input.table.as_deref().unwrap_or_default())?;
    check_index(input.index.as_ref())?;
    let condition = condition.expect("one of the two parameters was there");
    let KeyCondition { partition, sort } = KeyCondition::of(&condition, &table.spec.key)?;
    let start = input.start.map(|start| query_start(&table, &start, &partition, &sort)).transpose()?;
    check_filter(&table, filter.as_ref(), filter_is_legacy)?;
    check_paths(&table, projection.as_ref(), filter.as_ref())?;
    let reverse = input.forward.is_some_and(|forward| !forward.0);
    let limit = input.limit.map(|limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
    let query = Query { partition, sort, reverse, start, limit, filter };
    let consistent = input.consistent.is_some_and(|flag| flag.0);
    let count_only = select == Some(Select::Count);
    let view = View { table, count_only, projection, consumed, consistent };
    read(call, view, query, limit, query_page)
}

fn check_query_parameters(layer: Layer, input: &QueryInput<'_>) -> Result<(), Fault> {
    let mut others = vec![
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("QueryFilter", input.legacy_filter.is_some()),
        ("ConditionalOperator", input.operator.is_some()),
    ];
    // AWS lets legacy key conditions stand beside the other expressions.
    if input.key_condition.is_some() {
        others.push(("KeyConditions", input.key_conditions.is_some()));
    }
    check_together(
        layer,
        &[
            ("ProjectionExpression", input.projection.is_some()),
            ("FilterExpression", input.filter.is_some()),
            ("KeyConditionExpression", input.key_condition.is_some()),
        ],
        &others,
        input.names.is_some(),
        input.values.is_some(),
    )
}

/// Where a Query goes on: within what it asks for.
fn query_start(table: &Table, start: &Attributes, partition: &item::KeyValue, sort: &SortRange) -> Result<Key, Fault> {
    let key =
        table.spec.key.exact_key(&start.item).map_err(|_| Fault::validation("The provided starting key is invalid"))?;
    let inside = key.sort.as_ref().is_none_or(|value| sort.contains(value));
    match (key.partition == *partition, inside) {
        (true, true) => Ok(key),
        (true, false) => Err(Fault::validation("The provided starting key does not match the range key predicate")),
        (false, _) => {
            Err(Fault::validation("The provided starting key is outside query boundaries based on provided conditions"))
        }
    }
}

/// A Query's filter sees what the key condition left: it may not name the key.
fn check_filter(table: &Table, filter: Option<&Condition>, is_legacy: bool) -> Result<(), Fault> {
    let names = filter.map(Condition::attributes).unwrap_or_default();
    let key = std::iter::once(&table.spec.key.partition).chain(&table.spec.key.sort);
    match key.map(|attribute| attribute.name.as_str()).find(|name| names.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let parameter = if is_legacy { "QueryFilter" } else { "Filter Expression" };
            Err(Fault::validation(format!(
                "{parameter} can only contain non-primary key attributes: Primary key attribute: {name}"
            )))
        }
    }
}

pub(crate) fn scan(call: &Call<'_>) -> Result<Step, Fault> {
    let layer = Layer::Older;
    let input: ScanInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let select = check_select(&mut checks, input.select.as_ref());
    checks.name("indexName", input.index.as_deref(), 3);
    let segments = input.segments.map(|segments| segments.0);
    checks.at_least("totalSegments", segments, 1);
    checks.at_most("totalSegments", segments, 1_000_000);
    let consumed = checks.consumed(input.consumed.as_ref());
    checks.table_name(input.table.as_ref());
    let or = checks.conditional_operator(input.operator.as_ref());
    check_operators(&mut checks, "scanFilter", input.legacy_filter.as_ref());
    checks.at_least("segment", input.segment.map(|segment| segment.0), 0);
    checks.at_least("limit", input.limit.map(|limit| limit.0), 1);
    checks.finish()?;
    check_together(
        layer,
        &[("ProjectionExpression", input.projection.is_some()), ("FilterExpression", input.filter.is_some())],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.legacy_filter.is_some()),
            ("ConditionalOperator", input.operator.is_some()),
        ],
        input.names.is_some(),
        input.values.is_some(),
    )?;
    let shown = projection_name(input.projection.is_some(), input.attributes_to_get.is_some());
    check_selected(select, shown, input.index.is_some())?;
    let legacy_filter = legacy_filter(layer, input.legacy_filter, or)?;
    start_fault(layer, input.start.as_ref())?;
    let segment = segment(input.segment, input.segments)?;
    let bound = Bound::new(layer, input.names, input.values)?;
    let mut placeholders = bound.placeholders();
    let filter = bound.condition("FilterExpression", input.filter.as_ref(), &mut placeholders)?.or(legacy_filter);
    let projection = match &input.attributes_to_get {
        Some(names) => Some(legacy::attributes_to_get(layer, names)?),
        None => bound.projection(input.projection.as_ref(), &mut placeholders)?,
    };
    bound.finish(placeholders)?;
    let table = call.table(input.table.as_deref().unwrap_or_default())?;
    check_index(input.index.as_ref())?;
    let start = input.start.map(|start| scan_start(&table, &start, segment)).transpose()?;
    check_paths(&table, projection.as_ref(), filter.as_ref())?;
    let limit = input.limit.map(|limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
    let consistent = input.consistent.is_some_and(|flag| flag.0);
    let count_only = select == Some(Select::Count);
    let view = View { table, count_only, projection, consumed, consistent };
    read(call, view, Scan { segment, start, limit, filter }, limit, scan_page)
}

fn segment(segment: Option<Integer>, total: Option<Integer>) -> Result<(u32, u32), Fault> {
    let (segment, total) = match (segment, total) {
        (None, None) => return Ok((0, 1)),
        (Some(segment), Some(total)) => (segment.0, total.0),
        (Some(_), None) => {
            return Err(Fault::validation(
                "The TotalSegments parameter is required but was not present in the request when Segment parameter is \
                 present",
            ));
        }
        (None, Some(_)) => {
            return Err(Fault::validation(
                "The Segment parameter is required but was not present in the request when parameter TotalSegments is \
                 present",
            ));
        }
    };
    if segment >= total {
        return Err(Fault::validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is \
             not less than TotalSegments: {total}"
        )));
    }
    Ok((segment as u32, total as u32))
}

/// Where a Scan goes on: within its segment.
fn scan_start(table: &Table, start: &Attributes, (segment, total): (u32, u32)) -> Result<Key, Fault> {
    let key = keys::exact(&table.spec.key, &start.item).map_err(|fault| {
        let words = fault.message.unwrap_or_default();
        Fault::validation(format!("The provided starting key is invalid: {words}"))
    })?;
    let place = u64::from(item::partition_hash(&key.partition));
    // The hash's range in as many equal parts as there are segments, the same way `db` cuts it.
    if (place * u64::from(total)) >> 32 != u64::from(segment) {
        return Err(Fault::validation(format!(
            "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with \
             correct Segment. TotalSegments: {total} Segment: {segment}"
        )));
    }
    Ok(key)
}

/// What the images of a page go to, one by one.
type Sink<'s> = dyn FnMut(&[u8]) -> Result<(), DecodeError> + 's;

/// Reads a page: with what limit.
type Reader<R> = fn(&Inner, &Table, &mut R, Option<usize>, &mut Sink<'_>) -> Result<PageEnd, db::Error>;

fn query_page(
    door: &Inner,
    table: &Table,
    query: &mut Query,
    limit: Option<usize>,
    sink: &mut Sink<'_>,
) -> Result<PageEnd, db::Error> {
    query.limit = limit;
    door.db.visit_query(table, query, sink)
}

fn scan_page(
    door: &Inner,
    table: &Table,
    scan: &mut Scan,
    limit: Option<usize>,
    sink: &mut Sink<'_>,
) -> Result<PageEnd, db::Error> {
    scan.limit = limit;
    door.db.visit_scan(table, scan, sink)
}

/// Reads a page, here if it is small.
fn read<R: Send + 'static>(
    call: &Call<'_>,
    view: View,
    mut request: R,
    limit: Option<usize>,
    page: Reader<R>,
) -> Result<Step, Fault> {
    let wanted = limit.unwrap_or(usize::MAX);
    let inline = Some(wanted.min(INLINE_ITEMS));
    let (first, end) = view.answer(|sink| page(call.door, &view.table, &mut request, inline, sink))?;
    let complete = end.last.is_none() || end.scanned >= wanted || end.scanned < INLINE_ITEMS;
    if complete {
        return Ok(Step::Done(first));
    }
    let door = Arc::clone(call.door);
    Ok(Step::Blocking(Box::new(move || {
        let (whole, _) = view.answer(|sink| page(&door, &view.table, &mut request, limit, sink))?;
        Ok(whole)
    })))
}

/// Room for a small page, so that its answer does not move as it grows.
const PAGE_CAPACITY: usize = 8 * 1024;

impl View {
    /// Reads a page and shows each image as it passes by.
    fn answer(
        &self,
        read: impl FnOnce(&mut Sink<'_>) -> Result<PageEnd, db::Error>,
    ) -> Result<(Vec<u8>, PageEnd), Fault> {
        let mut out = Vec::with_capacity(if self.count_only { 128 } else { PAGE_CAPACITY });
        let mut response = Object::new(&mut out);
        let mut count = 0usize;
        let end = if self.count_only {
            read(&mut |_| {
                count += 1;
                Ok(())
            })?
        } else {
            let mut items = response.array("Items");
            let end = read(&mut |image| {
                count += 1;
                projected(items.element(), image, self.projection.as_ref())
            })?;
            items.end();
            end
        };
        response.bare("Count", count);
        response.bare("ScannedCount", end.scanned);
        if let Some(last) = &end.last {
            response.item("LastEvaluatedKey", &self.table.spec.key.attributes(last));
        }
        capacity::add(&mut response, self.consumed, &self.table.spec.name, || {
            capacity::of_read(end.bytes, self.consistent)
        });
        response.end();
        Ok((out, end))
    }
}
