//! How a stream's records are passed to a function: the settings of an event source mapping, checked against the ranges
//! that Lambda has for streams. They are the same for an event of a SAM function and for the resource.

use crate::evaluate::get_att_names;
use crate::field::{Field, short};
use crate::intrinsics::call;
use crate::json;
use crate::model::{self, Quarantine, Source, StartingPosition, TriggerSettings};
use crate::scope::Scope;
use crate::yaml::Value;

/// Properties that both forms have.
pub(super) const PROPERTIES: [&str; 15] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];

/// Most filters of a trigger, and how many AWS allows before one asks for more.
const MAX_FILTERS: usize = 10;
const USUAL_FILTERS: usize = 5;
const MAX_PATTERN: usize = 4096;
const MAX_DESTINATION: usize = 350;

/// The settings that stand in `field`, worked out.
pub(super) fn settings(field: &Field<'_>, source: &Source, quarantine: Option<Quarantine>) -> TriggerSettings {
    let number = |key: &str, least, most, default| {
        let number = field.get(key).and_then(|f| f.integer(least, most)).unwrap_or(default);
        u32::try_from(number).expect("a limit of Lambda")
    };
    let boolean = |key: &str, default| field.get(key).and_then(|f| f.boolean()).unwrap_or(default);
    if let Some(metrics) = field.get("MetricsConfig").filter(|metrics| metrics.only(&["Metrics"])) {
        let words = [("EventCount", ()), ("ErrorCount", ()), ("KafkaMetrics", ())];
        metrics.get("Metrics").map(|f| f.items()).unwrap_or_default().iter().for_each(|item| {
            item.one_of(&words);
        });
    }
    TriggerSettings {
        enabled: boolean("Enabled", true),
        batch_size: number("BatchSize", 1, 10_000, 100),
        batching_window_seconds: number("MaximumBatchingWindowInSeconds", 0, 300, 0),
        parallelization_factor: number("ParallelizationFactor", 1, 10, 1),
        starting_position: starting_position(field, source),
        retry_attempts_max: field.get("MaximumRetryAttempts").and_then(|f| limit(&f, 0, 10_000)),
        record_age_seconds_max: field.get("MaximumRecordAgeInSeconds").and_then(|f| limit(&f, 60, 604_800)),
        bisect_on_error: boolean("BisectBatchOnFunctionError", false),
        report_item_failures: field.get("FunctionResponseTypes").is_some_and(|f| response_types(&f)),
        on_failure: field.get("DestinationConfig").and_then(|f| destination(&f)),
        tumbling_window_seconds: number("TumblingWindowInSeconds", 0, 900, 0),
        filters: field.get("FilterCriteria").map(|f| filters(&f)).unwrap_or_default(),
        quarantine,
    }
}

/// A limit that -1 takes away.
fn limit(field: &Field<'_>, least: u32, most: u32) -> Option<u32> {
    let text = field.text()?;
    if text == "-1" {
        return None;
    }
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        field.error(format!("expected a whole number from {least} to {most}, or -1, found `{}`", short(&text)));
    }
    number
}

fn starting_position(field: &Field<'_>, source: &Source) -> StartingPosition {
    let at = field.get("StartingPositionTimestamp");
    let words = ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"].map(|word| (word, word));
    let position = field.require("StartingPosition").and_then(|f| f.one_of(&words).map(|word| (word, f)));
    match position {
        Some(("AT_TIMESTAMP", f)) if !matches!(source, Source::Kinesis(_)) => {
            f.error_help("streams of tables have no AT_TIMESTAMP", "TRIM_HORIZON or LATEST");
        }
        Some(("AT_TIMESTAMP", f)) => {
            let Some(at) = at else {
                f.error("AT_TIMESTAMP needs StartingPositionTimestamp");
                return StartingPosition::TrimHorizon;
            };
            return StartingPosition::At(timestamp(&at).unwrap_or_default());
        }
        Some((word, _)) => {
            if let Some(at) = at {
                at.error("it goes with `StartingPosition: AT_TIMESTAMP` only");
            }
            return if word == "LATEST" { StartingPosition::Latest } else { StartingPosition::TrimHorizon };
        }
        None => {}
    }
    StartingPosition::TrimHorizon
}

/// Seconds since 1970, possibly with a fraction, as milliseconds.
fn timestamp(field: &Field<'_>) -> Option<i64> {
    const LATEST: f64 = 253_402_300_799.0;
    let text = field.text()?;
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=LATEST).contains(seconds));
    if seconds.is_none() {
        field.error(format!("expected seconds since 1970, found `{}`", short(&text)));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the calendar, which fits")]
    seconds.map(|seconds| (seconds * 1000.0) as i64)
}

fn response_types(field: &Field<'_>) -> bool {
    let items = field.items();
    if items.len() > 1 {
        field.error(format!("at most 1 is allowed, found {}", items.len()));
    }
    items.iter().filter_map(|item| item.one_of(&[("ReportBatchItemFailures", ())])).count() > 0
}

fn filters(field: &Field<'_>) -> Vec<String> {
    if !field.only(&["Filters"]) {
        return Vec::new();
    }
    let filters = field.get("Filters");
    let items = filters.as_ref().map(|f| f.items()).unwrap_or_default();
    match (&filters, items.len()) {
        (Some(f), found) if found > MAX_FILTERS => f.error(format!("at most {MAX_FILTERS} are allowed, found {found}")),
        (Some(f), found) if found > USUAL_FILTERS => {
            f.warning(format!("AWS takes more than {USUAL_FILTERS} filters only where that was asked for"), None);
        }
        _ => {}
    }
    items.iter().filter(|item| item.only(&["Pattern"])).filter_map(|item| pattern(&item.require("Pattern")?)).collect()
}

fn pattern(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.len() > MAX_PATTERN {
        field.error(format!("a pattern has at most {MAX_PATTERN} characters"));
    } else if let Err(why) = json::object(&text) {
        let help = "for instance: '{ \"eventName\": [\"INSERT\"] }'";
        field.error_help(format!("invalid filter pattern definition: {why}"), help);
    }
    Some(text)
}

fn destination(field: &Field<'_>) -> Option<String> {
    if !field.only(&["OnFailure"]) {
        return None;
    }
    let failure = field.get("OnFailure")?;
    // SAM has the type for the sake of policies.
    if !failure.only(&["Destination", "Type"]) {
        return None;
    }
    let at = failure.require("Destination")?;
    if let Value::Away(why) = &at.node.value {
        at.warning(format!("not run here: batches that are given up go nowhere: {why}"), None);
        return None;
    }
    let arn = at.name()?;
    let service = arn.split(':').nth(2).unwrap_or_default();
    if arn.starts_with("kafka://") {
        at.warning("not run here: topics of Kafka, so that batches that are given up go nowhere", None);
        return None;
    } else if !arn.starts_with("arn:") || !["sqs", "sns", "s3"].contains(&service) {
        at.error_help(
            format!("expected the ARN of a queue, a topic or a bucket, found `{}`", short(&arn)),
            "for instance !GetAtt Queue.Arn",
        );
    } else if arn.ends_with(".fifo") {
        at.error("a queue or topic that is FIFO cannot be the destination of a stream");
    } else if arn.len() > MAX_DESTINATION {
        at.error(format!("an ARN here has at most {MAX_DESTINATION} characters"));
    }
    Some(arn)
}

/// The stream that `written`, a property before functions are worked out, names. None with a complaint, or with a
/// warning if it exists only on AWS.
pub(super) fn source(scope: &Scope<'_>, written: &Field<'_>) -> Option<Source> {
    let Some(node) = scope.resolve(written) else {
        written.error("has no value: a trigger reads a stream");
        return None;
    };
    let field = written.with_node(&node);
    if let Value::Away(why) = &node.value
        && let Some(id) = resource(written)
    {
        away(scope, &field, &id, why);
        return None;
    }
    let text = field.name()?;
    if let Some(table) = model::stream_table(&text) {
        return Some(Source::Table(table.to_string()));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "kinesis", _, _, resource] if resource.starts_with("stream/") => Some(Source::Kinesis(text)),
        ["arn", _, "dynamodb", _, _, resource] if resource.contains("/stream/") => {
            resource.split('/').nth(1).map(|table| Source::Table(table.to_string()))
        }
        _ => {
            let named = scope.resources.iter().find(|resource| is_named_by(scope, resource.logical_id, &text));
            let id = named.map_or("Votes", |resource| resource.logical_id);
            field.error_help(
                format!("expected the ARN of a stream, found `{}`", short(&text)),
                format!("!GetAtt {id}.StreamArn"),
            );
            None
        }
    }
}

/// Whether a resource is a table with this name or ARN.
fn is_named_by(scope: &Scope<'_>, logical_id: &str, text: &str) -> bool {
    let Some(resource) = scope.resource(logical_id) else { return false };
    let Some(kind) = resource.resource_type.filter(|kind| kind.attributes.contains(&"StreamArn")) else { return false };
    [(kind.reference)(scope, resource), (kind.attribute)(scope, resource, "Arn")]
        .iter()
        .any(|value| matches!(value, Value::Text { text: found, .. } if found == text))
}

/// The resource that an attribute or a name is asked of.
fn resource(written: &Field<'_>) -> Option<String> {
    let call = call(written).filter(|call| call.name == "Fn::GetAtt" || call.name == "Ref")?;
    let argument = call.argument.field();
    get_att_names(argument).map(|(id, _)| id).or_else(|| match &argument.node.value {
        Value::Text { text, .. } => Some(text.clone()),
        _ => None,
    })
}

/// Says why a resource's stream is not there: it is a table without one, or nothing that is created here.
fn away(scope: &Scope<'_>, field: &Field<'_>, id: &str, why: &str) {
    match scope.resource(id) {
        Some(resource) if resource.resource_type.is_some() => {
            let help = format!("add `StreamSpecification: {{ StreamViewType: NEW_AND_OLD_IMAGES }}` to {id}");
            field.error_help(why.split(':').next().unwrap_or(why), help);
        }
        Some(_) => field.warning(
            format!("not run here: {why}"),
            Some("triggers on the streams of tables and on Kinesis streams are"),
        ),
        None => field.error(why),
    }
}
