//! The `Events` of a SAM function: streams, buckets and schedules that call it. Events of other kinds are listed here, so
//! that each of them is said not to run, and a misspelled one is noticed.

use super::{bucket_events, stream};
use crate::field::Field;
use crate::model::{Function, Origin, Project, Trigger};
use crate::resources::{marks, schedules};
use crate::scope::{Resource, Scope};

/// One event of a function.
pub(in crate::resources) struct Event<'e, 'a> {
    pub(in crate::resources) scope: &'e Scope<'a>,
    pub(in crate::resources) function: &'e Function,
    /// Its name among the function's events.
    pub(in crate::resources) name: &'e str,
    /// Its Properties as written.
    pub(in crate::resources) properties: Field<'e>,
    /// Where it begins.
    pub(in crate::resources) field: &'e Field<'e>,
}

impl Event<'_, '_> {
    /// What SAM calls the resource that it makes of the event.
    pub(in crate::resources) fn logical_id(&self) -> String {
        format!("{}{}", self.function.origin.logical_id, self.name)
    }

    pub(in crate::resources) fn origin(&self) -> Origin {
        Origin {
            logical_id: self.function.origin.logical_id.clone(),
            path: self.properties.path.clone(),
            location: self.field.location(),
            properties: self.properties.locations(),
        }
    }
}

/// What reads one kind of event.
type Read = fn(&Event<'_, '_>, &marks::Marks, &mut Project);

/// Kinds of events that are run here, or will be: how they are read, and which marks can be about them.
const RUN: [(&str, marks::Kind, Read); 5] = [
    ("DynamoDB", marks::Kind::Stream, stream_event),
    ("Kinesis", marks::Kind::Stream, stream_event),
    ("S3", marks::Kind::Other, |event, _, project| bucket_events::read(event, project)),
    ("Schedule", marks::Kind::Schedule, |event, marks, project| {
        schedules::event::rule(event, marks.missed(event.name), project)
    }),
    ("ScheduleV2", marks::Kind::Schedule, |event, marks, project| {
        schedules::event::scheduler(event, marks.missed(event.name), project)
    }),
];

/// Most events of a function: SAM makes a resource of each, and AWS takes no more than this.
const MAX_EVENTS: usize = 500;

/// Kinds of events that are not run here.
const NOT_RUN: [&str; 14] = [
    "AlexaSkill",
    "Api",
    "CloudWatchEvent",
    "CloudWatchLogs",
    "Cognito",
    "DocumentDB",
    "EventBridgeRule",
    "HttpApi",
    "IoTRule",
    "MQ",
    "MSK",
    "SNS",
    "SQS",
    "SelfManagedKafka",
];

/// Reads the events of `function`, whose properties are `written`.
pub(super) fn read(
    scope: &Scope<'_>,
    resource: &Resource<'_>,
    written: &Field<'_>,
    function: &Function,
    project: &mut Project,
) {
    let events = written.get("Events").map(|events| events.at_most(MAX_EVENTS)).unwrap_or_default();
    let kinds: Vec<Option<(marks::Kind, Read)>> = events.iter().map(|(name, field)| kind(name, field)).collect();
    let named = events.iter().zip(&kinds);
    let named = named.map(|((name, _), kind)| (*name, kind.map_or(marks::Kind::Other, |(kind, _)| kind)));
    let marks = marks::of_function(scope, resource, &named.collect::<Vec<_>>());
    for ((name, field), kind) in events.iter().zip(kinds) {
        let Some((_, read)) = kind else { continue };
        let Some(properties) = field.require("Properties") else { continue };
        read(&Event { scope, function, name, properties, field }, &marks, project);
    }
}

/// How an event is read; none for one that is not run here, or that has a fault.
fn kind(name: &str, field: &Field<'_>) -> Option<(marks::Kind, Read)> {
    if !field.only(&["Type", "Properties"]) {
        return None;
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        field.error("the name of an event has letters and digits only: it becomes part of a logical id");
    }
    let written = field.require("Type")?;
    let text = written.text()?;
    let found = RUN.iter().find(|(known, _, _)| *known == text);
    if found.is_none() && NOT_RUN.contains(&text.as_str()) {
        let at = field.key.unwrap_or(field.node.span);
        let message = format!("not run here: the event {name}, of type {text}");
        field.report.push(field.diagnostic_at(at, crate::Severity::Warning, message));
    } else if found.is_none() {
        let known: Vec<&str> = RUN.iter().map(|(known, _, _)| *known).chain(NOT_RUN).collect();
        written.error_known(format!("`{text}` is not a type of event"), &text, &known);
    }
    found.map(|(_, kind, read)| (*kind, *read))
}

/// `DynamoDB` and `Kinesis`, which differ in what their Stream is.
fn stream_event(event: &Event<'_, '_>, marks: &marks::Marks, project: &mut Project) {
    let known: Vec<&str> = ["Stream"].into_iter().chain(stream::PROPERTIES).collect();
    if !event.properties.only_with(&known, advice) {
        return;
    }
    let Some(source) = event.properties.require("Stream").and_then(|f| stream::source(event.scope, &f)) else { return };
    let node = event.scope.resolve_some(&event.properties, &stream::PROPERTIES);
    let settings = stream::settings(&event.properties.with_node(&node), &source, marks.quarantine(event.name));
    project.triggers.push(Trigger {
        origin: event.origin(),
        name: event.logical_id(),
        event: Some(event.name.to_string()),
        function: event.function.name.clone(),
        source,
        settings,
    });
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "EventSourceArn" | "StreamArn" | "Table" => "did you mean Stream?",
        "FunctionName" => "the function is the one that has this event",
        "Quarantine" => "it stands under `Metadata: Streamfold: Triggers:` of the function",
        "RetryAttempts" | "MaximumRetries" => "did you mean MaximumRetryAttempts?",
        _ => return None,
    };
    Some(advice.to_string())
}
