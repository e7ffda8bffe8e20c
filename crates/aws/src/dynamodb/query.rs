//! Query and Scan, of tables and of indexes.

use super::{
    expressions::{Bound, Names, check_together},
    keys, legacy,
    source::{self, Request, Source, View},
    validate::Checks,
};
use crate::{
    json::{self, Attributes, Flag, Integer, Layer, List, Map, Text, Values},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{IndexQuery, IndexScan, Query, Scan};
use item::{
    IndexRange,
    expression::{Condition, KeyCondition, Projection},
};

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

/// What `Select` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Select {
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
    let consistent = input.consistent.is_some_and(|flag| flag.0);
    let source = Source::find(table, input.index.as_deref(), consistent)?;
    let condition = condition.expect("one of the two parameters was there");
    let reverse = input.forward.is_some_and(|forward| !forward.0);
    let limit = input.limit.map(|limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
    let request = query_request(&source, &condition, input.start.as_ref(), reverse, limit)?;
    keys::check_scalar(&source.table, projection.iter().flat_map(Projection::paths))?;
    source.check_filter_key(filter.as_ref(), filter_is_legacy)?;
    source.check_all(select)?;
    keys::check_scalar(&source.table, filter.iter().flat_map(Condition::paths))?;
    source.check_filter_projected(filter.as_ref())?;
    let request = request.showing(filter, source.fetches(select, projection.as_ref())?);
    let view = View { source, count_only: select == Some(Select::Count), projection, consumed, consistent };
    source::read(call, view, request)
}

fn query_request(
    source: &Source,
    condition: &Condition,
    start: Option<&Attributes>,
    reverse: bool,
    limit: Option<usize>,
) -> Result<Request, Fault> {
    let start = start.map(|start| &start.item);
    let Some(index) = source.index() else {
        let KeyCondition { partition, sort } = KeyCondition::of(condition, &source.table.spec.key)?;
        let start = start.map(|start| source.query_key(start, &partition, &sort)).transpose()?;
        return Ok(Request::Query(Query { partition, sort, reverse, start, limit, filter: None }));
    };
    let range = IndexRange::of(condition, &index.spec.key, &index.spec.name)?;
    let start = start.map(|start| source.query_place(index, start, &range)).transpose()?;
    Ok(Request::IndexQuery(IndexQuery { range, reverse, start, limit, filter: None, whole: false }))
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
    let index = input.index.as_deref();
    if index.is_some_and(|name| table.index(name).is_none()) && input.start.is_some() {
        return Err(source::no_start());
    }
    let consistent = input.consistent.is_some_and(|flag| flag.0);
    let source = Source::find(table, index, consistent)?;
    let limit = input.limit.map(|limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
    let request = scan_request(&source, segment, input.start.as_ref(), limit)?;
    source.check_all(select)?;
    keys::check_scalar(&source.table, projection.iter().flat_map(Projection::paths))?;
    keys::check_scalar(&source.table, filter.iter().flat_map(Condition::paths))?;
    let request = request.showing(filter, source.fetches(select, projection.as_ref())?);
    let view = View { source, count_only: select == Some(Select::Count), projection, consumed, consistent };
    source::read(call, view, request)
}

fn scan_request(
    source: &Source,
    segment: (u32, u32),
    start: Option<&Attributes>,
    limit: Option<usize>,
) -> Result<Request, Fault> {
    let start = start.map(|start| &start.item);
    let Some(index) = source.index() else {
        let start = start.map(|start| source.scan_key(start, segment)).transpose()?;
        return Ok(Request::Scan(Scan { segment, start, limit, filter: None }));
    };
    let start = start.map(|start| source.scan_place(index, start, segment)).transpose()?;
    Ok(Request::IndexScan(IndexScan { segment, start, limit, filter: None, whole: false }))
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
