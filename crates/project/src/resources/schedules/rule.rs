//! `AWS::Events::Rule`: functions that are called when its schedule says so. Rules that wait for events of other services
//! are not run here.

use super::{MAX_RULE_INPUT, RULE_STATES, is_enabled};
use crate::field::Field;
use crate::model::{Missed, Project, Schedule, ScheduleKind};
use crate::resources::ResourceType;
use crate::resources::physical::{self, Naming, plain_name, text};
use crate::resources::{marks, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;
use schedule::{Service, Timetable};

pub(in crate::resources) const TYPE: ResourceType = ResourceType {
    name: "AWS::Events::Rule",
    read,
    reference: |scope, resource| physical::name(scope, resource, &NAMING),
    attributes: &["Arn", "RuleName"],
    attribute: |scope, resource, attribute| match (attribute, physical::name(scope, resource, &NAMING)) {
        ("Arn", Value::Text { text: name, .. }) => text(scope.arn("events", &format!("rule/{name}"))),
        (_, name) => name,
    },
};

const NAMING: Naming = Naming { property: "Name", most: 64, check: |field| plain_name(field, 64, ".-_") };

const PROPERTIES: [&str; 9] = [
    "Description",
    "EventBusName",
    "EventPattern",
    "Name",
    "RoleArn",
    "ScheduleExpression",
    "State",
    "Tags",
    "Targets",
];

const MAX_TARGETS: usize = 5;

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only_with(&PROPERTIES, advice) {
        return;
    }
    let (pattern, schedule) = (written.get("EventPattern"), written.get("ScheduleExpression"));
    if let Some(pattern) = &pattern {
        let help = if schedule.is_some() { "its schedule is run" } else { "rules with a schedule are" };
        pattern.warning("not run here: a rule that waits for events", Some(help));
    } else if schedule.is_none() {
        written.error("a rule has a ScheduleExpression or an EventPattern");
    }
    if schedule.is_none() {
        return;
    }
    let node = scope.resolve_some(&written, &["Description", "EventBusName", "ScheduleExpression", "State"]);
    let field = written.with_node(&node);
    on_default_bus(&field);
    let expression = field.get("ScheduleExpression").and_then(|f| super::expression(&f, Service::Rule));
    let rule = Rule {
        name: physical::name_text(scope, resource, &NAMING),
        enabled: is_enabled(&field, &RULE_STATES),
        description: field.get("Description").and_then(|f| f.text_within(512)).unwrap_or_default(),
        timetable: expression.map(Timetable::new),
        missed: marks::missed_of(scope, resource),
    };
    let targets = targets(scope, &written);
    if targets.is_empty() {
        written.warning("a rule without targets calls nobody", None);
    }
    for target in &targets {
        project.schedules.extend(rule.target(scope, resource, target, targets.len() > 1));
    }
}

fn advice(key: &str) -> Option<String> {
    match key {
        "Schedule" => Some("did you mean ScheduleExpression?".into()),
        "Missed" => Some("it stands under `Metadata: Streamfold:`, beside Properties".into()),
        "ScheduleExpressionTimezone" => Some("an AWS::Scheduler::Schedule has a time zone; rules go by UTC".into()),
        _ => None,
    }
}

fn on_default_bus(field: &Field<'_>) {
    let Some(bus) = field.get("EventBusName") else { return };
    let Value::Text { text, .. } = &bus.node.value else { return };
    if text != "default" && !text.ends_with("event-bus/default") {
        bus.error("ScheduleExpression is supported only on the default event bus");
    }
}

fn targets<'a>(scope: &Scope<'_>, written: &Field<'a>) -> Vec<Field<'a>> {
    let Some(field) = written.get("Targets").and_then(|field| scope.taken(&field)) else { return Vec::new() };
    let targets: Vec<Field<'_>> = field.items().iter().filter_map(|target| scope.taken(target)).collect();
    if targets.len() > MAX_TARGETS {
        field.error(format!("at most {MAX_TARGETS} are allowed, found {}", targets.len()));
    }
    let id = |target: &Field<'_>| match target.get("Id").map(|id| id.node.value.clone()) {
        Some(Value::Text { text, .. }) => Some(text),
        _ => None,
    };
    for (at, target) in targets.iter().enumerate() {
        let same = targets[..at].iter().any(|other| id(other).is_some() && id(other) == id(target));
        if let (true, Some(field)) = (same, target.get("Id")) {
            field.error("another target of the rule has this Id");
        }
    }
    targets
}

/// What of a target is read.
const TARGET: [&str; 5] = ["Arn", "DeadLetterConfig", "Id", "Input", "RetryPolicy"];
/// What a target has for the sake of other services.
const OF_OTHERS: [&str; 10] = [
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "HttpParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RoleArn",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
];
/// What makes the input of the event.
const MADE_OF_THE_EVENT: [&str; 2] = ["InputPath", "InputTransformer"];

struct Rule {
    name: String,
    enabled: bool,
    description: String,
    timetable: Option<Timetable>,
    missed: Missed,
}

impl Rule {
    fn target(
        &self,
        scope: &Scope<'_>,
        resource: &Resource<'_>,
        target: &Field<'_>,
        is_one_of_several: bool,
    ) -> Option<Schedule> {
        let known: Vec<&str> = TARGET.into_iter().chain(OF_OTHERS).chain(MADE_OF_THE_EVENT).collect();
        if !target.only(&known) {
            return None;
        }
        made_of_the_event(target);
        let node = scope.resolve_some(target, &TARGET);
        let field = target.with_node(&node);
        let id = field.require("Id").and_then(|f| plain_name(&f, 64, ".-_"));
        let function = field.require("Arn").and_then(|f| super::function(&f));
        let mut origin = properties::origin(resource, target);
        (origin.path, origin.location) = (target.path.clone(), target.location());
        Some(Schedule {
            origin,
            kind: ScheduleKind::Rule { rule: self.name.clone() },
            name: if is_one_of_several { format!("{}/{}", self.name, id?) } else { self.name.clone() },
            event: None,
            input: super::input(&field, MAX_RULE_INPUT),
            retry: super::retry(&field),
            dead_letter: super::dead_letter(&field),
            function: function?,
            enabled: self.enabled,
            description: self.description.clone(),
            flexible_minutes: None,
            missed: self.missed,
            timetable: self.timetable.clone()?,
        })
    }
}

/// Refuses inputs that are made of the event.
fn made_of_the_event(target: &Field<'_>) {
    for property in MADE_OF_THE_EVENT {
        if let Some(found) = target.get(property) {
            found.error_help(
                format!("{property} picks from the event, and the event of a schedule says only that it is due"),
                "give what the function is to get as Input",
            );
        }
    }
}
