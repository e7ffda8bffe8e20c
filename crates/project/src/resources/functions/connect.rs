//! What can be checked only when everything has been read: that functions which triggers and schedules call are there,
//! that tables whose streams they read are there and have streams, that buckets are there, that nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use super::name;
use crate::diagnostic::{Diagnostic, Severity};
use crate::field::Report;
use crate::model::{
    Bucket, BucketTrigger, EventConfig, KinesisStream, Origin, Project, Schedule, ScheduleKind, Source, Table, Trigger,
};
use crate::scope::Scope;
use crate::suggest::{did_you_mean, nearest};

/// Types of resources that are functions.
const FUNCTIONS: [&str; 2] = [super::serverless::TYPE.name, super::lambda::TYPE.name];

/// Checks everything that calls a function. What calls one that is not run here is taken out, with a warning.
pub(crate) fn check(scope: &Scope<'_>, project: &mut Project) {
    let functions: Vec<String> = project.functions.iter().map(|function| function.name.clone()).collect();
    let there = |origin: &Origin, property: &str, function: &str| {
        functions.iter().any(|name| name == function) || missing(scope, &functions, origin, property, function)
    };
    project.triggers.retain(|trigger| there(&trigger.origin, "FunctionName", &trigger.function));
    project.schedules.retain(|schedule| there(&schedule.origin, target_property(schedule), &schedule.function));
    project.bucket_triggers.retain(|trigger| there(&trigger.origin, "Function", &trigger.function));
    project.event_configs.retain(|config| there(&config.origin, "FunctionName", &config.function));
    event_configs(project, scope.report);
    for trigger in &project.bucket_triggers {
        bucket(trigger, &project.buckets, scope.report);
    }
    for trigger in &project.triggers {
        source(trigger, project, scope.report);
    }
    twice(&project.triggers, scope.report);
    unique_names(project, scope.report);
}

/// Gives functions what resources of their own say of their events; each can have it once.
fn event_configs(project: &mut Project, report: &Report) {
    for EventConfig { origin, function: name, invoke } in std::mem::take(&mut project.event_configs) {
        let function = project.functions.iter_mut().find(|function| function.name == name);
        let function = function.expect("it was looked for");
        if function.events.invoke.is_some() {
            let message = format!("the function {name} has an EventInvokeConfig already");
            report.push(origin.error("FunctionName", message).with_help("leave one of them out"));
            continue;
        }
        function.events.invoke = Some(invoke);
    }
}

/// The property that names a schedule's function.
fn target_property(schedule: &Schedule) -> &'static str {
    match schedule.kind {
        ScheduleKind::Rule { .. } => "Arn",
        ScheduleKind::Scheduler { .. } => "Target",
    }
}

fn unique_names(project: &Project, report: &Report) {
    let functions = project.functions.iter().map(|function| Named::new(&function.name, &function.origin));
    unique(functions, "FunctionName", report);
    let triggers = project.triggers.iter().map(|trigger| Named::new(&trigger.name, &trigger.origin));
    let buckets = project.bucket_triggers.iter().map(|trigger| Named::new(&trigger.name, &trigger.origin));
    unique(triggers.chain(buckets), "", report);
    let buckets = project.buckets.iter().map(|bucket| Named::new(&bucket.name, &bucket.origin));
    unique(buckets, "BucketName", report);
    let parameters = project.parameters.iter().map(|parameter| Named::new(&parameter.name, &parameter.origin));
    unique(parameters, "Name", report);
    let streams = project.streams.iter().map(|stream| Named::new(&stream.name, &stream.origin));
    unique(streams, "Name", report);
    let schedules = project.schedules.iter().filter_map(|schedule| match &schedule.kind {
        ScheduleKind::Scheduler { group } => {
            let named = Named::new(&format!("{group}/{}", schedule.name), &schedule.origin);
            Some(Named { event: schedule.event.as_deref(), ..named })
        }
        ScheduleKind::Rule { .. } => None,
    });
    unique(schedules, "Name", report);
    unique(rules(&project.schedules), "", report);
}

/// Something with a name that nothing else may have.
struct Named<'p> {
    name: String,
    origin: &'p Origin,
    /// The event of a function that it stands for.
    event: Option<&'p str>,
}

impl<'p> Named<'p> {
    fn new(name: &str, origin: &'p Origin) -> Named<'p> {
        Named { name: name.to_string(), origin, event: None }
    }
}

/// Rules by name, once each: a rule with several targets is several schedules.
fn rules(schedules: &[Schedule]) -> impl Iterator<Item = Named<'_>> {
    let mut seen = BTreeSet::new();
    schedules.iter().filter_map(move |schedule| {
        let ScheduleKind::Rule { rule } = &schedule.kind else { return None };
        let is_first = seen.insert((rule, &schedule.origin.logical_id, &schedule.event));
        is_first.then(|| Named { event: schedule.event.as_deref(), ..Named::new(rule, &schedule.origin) })
    })
}

fn unique<'p>(all: impl Iterator<Item = Named<'p>>, property: &str, report: &Report) {
    let mut seen: BTreeMap<String, Named<'p>> = BTreeMap::new();
    for named in all.filter(|named| !named.name.is_empty()) {
        let Some(first) = seen.get(&named.name) else {
            seen.insert(named.name.clone(), named);
            continue;
        };
        let Origin { logical_id, location, .. } = first.origin;
        let first = match first.event {
            Some(event) => format!("the event {event} of {logical_id}"),
            None => logical_id.clone(),
        };
        let message = format!("`{}` is the name of {first} too, on line {}", named.name, location.line);
        report.push(named.origin.error(property, message));
    }
}

/// Says that there is no such function, or that it is not run here. Always false.
fn missing(scope: &Scope<'_>, functions: &[String], origin: &Origin, property: &str, function: &str) -> bool {
    let elsewhere = scope.resources.iter().any(|resource| {
        FUNCTIONS.contains(&resource.type_name.as_str())
            && scope.is_included(resource)
            && name(scope, resource) == function
    });
    let diagnostic = if elsewhere {
        origin.diagnostic(Severity::Warning, "", format!("not run here, because the function {function} is not"))
    } else {
        let mut diagnostic = origin.error(property, format!("there is no function `{function}` in the template"));
        let ids = scope.resources.iter().filter(|resource| FUNCTIONS.contains(&resource.type_name.as_str()));
        diagnostic.help = did_you_mean(function, functions.iter().map(String::as_str)).or_else(|| {
            nearest(function, ids.map(|resource| resource.logical_id)).map(|id| format!("did you mean !Ref {id}?"))
        });
        diagnostic
    };
    scope.report.push(diagnostic);
    false
}

/// The property that names a trigger's stream.
fn stream_property(trigger: &Trigger) -> &'static str {
    if trigger.event.is_some() { "Stream" } else { "EventSourceArn" }
}

/// Checks that the stream which a trigger reads is there.
fn source(trigger: &Trigger, project: &Project, report: &Report) {
    match &trigger.source {
        Source::Table(name) => table(trigger, name, &project.tables, report),
        Source::Kinesis(arn) => stream(trigger, arn, &project.streams, report),
    }
}

/// A Kinesis stream may have been created by a program.
fn stream(trigger: &Trigger, arn: &str, streams: &[KinesisStream], report: &Report) {
    let name = arn.rsplit('/').next().unwrap_or_default();
    if !streams.iter().any(|stream| stream.name == name) {
        let message = format!("there is no stream `{name}` in the template: it must be there already at the start");
        let diagnostic = trigger.origin.diagnostic(Severity::Warning, stream_property(trigger), message);
        let names = streams.iter().map(|stream| stream.name.as_str());
        report.push(Diagnostic { help: did_you_mean(name, names), ..diagnostic });
    }
}

/// Checks that the table whose stream a trigger reads is there and has one.
fn table(trigger: &Trigger, name: &str, tables: &[Table], report: &Report) {
    let error = |message: String| trigger.origin.error(stream_property(trigger), message);
    let found = tables.iter().find(|table| table.name == name);
    let diagnostic = match found {
        Some(table) if table.stream.is_some() => return,
        // A stream with a fault was complained about.
        Some(table) if table.properties.contains_key("StreamSpecification") => return,
        Some(table) => error(format!("table {name} has no stream")).with_help(format!(
            "add `StreamSpecification: {{ StreamViewType: NEW_AND_OLD_IMAGES }}` to {}",
            table.logical_id
        )),
        None => error(format!("there is no table `{name}` in the template")),
    };
    report.push(diagnostic);
}

/// Checks that the bucket whose events call a function is there, as SAM does.
fn bucket(trigger: &BucketTrigger, buckets: &[Bucket], report: &Report) {
    if buckets.iter().any(|bucket| bucket.name == trigger.bucket) {
        return;
    }
    let message = format!("there is no bucket `{}` in the template", trigger.bucket);
    let mut diagnostic = trigger.origin.error("Bucket", message);
    let is_meant = |bucket: &&Bucket| bucket.origin.logical_id == trigger.bucket;
    let meant = buckets.iter().find(is_meant).map(|bucket| format!("did you mean !Ref {}?", bucket.origin.logical_id));
    let near = || did_you_mean(&trigger.bucket, buckets.iter().map(|bucket| bucket.name.as_str()));
    diagnostic.help = meant.or_else(near);
    report.push(diagnostic);
}

/// A function reads a stream once.
fn twice(triggers: &[Trigger], report: &Report) {
    let mut seen: BTreeMap<(&str, &str), &Trigger> = BTreeMap::new();
    for trigger in triggers {
        let (Source::Table(stream) | Source::Kinesis(stream)) = &trigger.source;
        let Some(first) = seen.get(&(trigger.function.as_str(), stream.as_str())) else {
            seen.insert((&trigger.function, stream), trigger);
            continue;
        };
        let message = format!(
            "the function {} reads this stream already, through {} on line {}",
            trigger.function, first.name, first.origin.location.line
        );
        report.push(trigger.origin.error(stream_property(trigger), message).with_help("leave one of them out"));
    }
}
