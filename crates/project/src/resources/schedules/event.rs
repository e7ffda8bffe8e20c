//! `Schedule` and `ScheduleV2` among the Events of a SAM function: what SAM makes a rule and a schedule of.

use super::{MAX_INPUT, MAX_RULE_INPUT, RULE_STATES, STATES};
use crate::field::Field;
use crate::model::{Missed, Project, Schedule, ScheduleKind};
use crate::resources::functions::events::Event;
use crate::resources::name::physical;
use crate::resources::physical::plain_name;
use crate::yaml::Value;
use schedule::{Service, Timetable};

const RULE: [&str; 9] =
    ["DeadLetterConfig", "Description", "Enabled", "Input", "Name", "RetryPolicy", "RuleName", "Schedule", "State"];

const SCHEDULER: [&str; 16] = [
    "DeadLetterConfig",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "Input",
    "KmsKeyArn",
    "Name",
    "OmitName",
    "PermissionsBoundary",
    "RetryPolicy",
    "RoleArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
];
/// Those of them that are worked out here.
const SCHEDULER_READ: [&str; 13] = [
    "DeadLetterConfig",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "Input",
    "Name",
    "OmitName",
    "RetryPolicy",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
];

/// `Schedule`: a rule of EventBridge.
pub(in crate::resources) fn rule(event: &Event<'_, '_>, missed: Missed, project: &mut Project) {
    if !event.properties.only_with(&RULE, rule_advice) {
        return;
    }
    let node = event.scope.resolve_some(&event.properties, &RULE);
    let field = event.properties.with_node(&node);
    let name = field.get("Name").or_else(|| field.get("RuleName")).and_then(|f| plain_name(&f, 64, ".-_"));
    let name = name.unwrap_or_else(|| physical(&event.scope.stack_name, &event.logical_id(), 64));
    if let (Some(_), Some(enabled)) = (field.get("State"), field.get("Enabled")) {
        enabled.error_help("State and Enabled say the same", "leave one of them out");
    }
    let enabled = field.get("Enabled").and_then(|f| f.boolean()).unwrap_or(true);
    let expression = field.require("Schedule").and_then(|f| super::expression(&f, Service::Rule));
    let common = Common { enabled: enabled && super::is_enabled(&field, &RULE_STATES), most_input: MAX_RULE_INPUT };
    let kind = ScheduleKind::Rule { rule: name.clone() };
    project.schedules.extend(common.read(event, &field, kind, name, expression.map(Timetable::new), missed));
}

fn rule_advice(key: &str) -> Option<String> {
    match key {
        "ScheduleExpression" => Some("did you mean Schedule? ScheduleExpression belongs to ScheduleV2".into()),
        "ScheduleExpressionTimezone" | "StartDate" | "EndDate" => {
            Some("an event of type ScheduleV2 has it, with ScheduleExpression".into())
        }
        "Missed" => Some("it stands under `Metadata: Streamfold: Schedules:` of the function".into()),
        _ => None,
    }
}

/// `ScheduleV2`: a schedule of EventBridge Scheduler.
pub(in crate::resources) fn scheduler(event: &Event<'_, '_>, missed: Missed, project: &mut Project) {
    if !event.properties.only_with(&SCHEDULER, scheduler_advice) {
        return;
    }
    let node = event.scope.resolve_some(&event.properties, &SCHEDULER_READ);
    let field = event.properties.with_node(&node);
    let group = field.get("GroupName").and_then(|f| plain_name(&f, 64, ".-_")).unwrap_or_else(|| "default".into());
    let common = Common { enabled: super::is_enabled(&field, &STATES), most_input: MAX_INPUT };
    let timetable = super::timetable(&field);
    let kind = ScheduleKind::Scheduler { group };
    let name = scheduler_name(event, &field);
    project.schedules.extend(common.read(event, &field, kind, name, timetable, missed));
}

fn scheduler_advice(key: &str) -> Option<String> {
    match key {
        "Schedule" => Some("did you mean ScheduleExpression? Schedule belongs to events of that type".into()),
        "Enabled" => Some("did you mean `State: ENABLED`?".into()),
        "Missed" => Some("it stands under `Metadata: Streamfold: Schedules:` of the function".into()),
        _ => None,
    }
}

/// SAM names a schedule itself, unless it is told not to.
fn scheduler_name(event: &Event<'_, '_>, field: &Field<'_>) -> String {
    let name = field.get("Name");
    let omitted = field.get("OmitName").and_then(|f| f.boolean()).unwrap_or(false);
    if let (Some(name), true) = (&name, omitted) {
        name.error("Name cannot be set when OmitName is true");
    }
    match name.and_then(|f| plain_name(&f, 64, ".-_")) {
        Some(name) => name,
        None if omitted => physical(&event.scope.stack_name, &event.logical_id(), 64),
        None => event.logical_id(),
    }
}

/// What both kinds of events have.
struct Common {
    enabled: bool,
    most_input: usize,
}

impl Common {
    fn read(
        &self,
        event: &Event<'_, '_>,
        field: &Field<'_>,
        kind: ScheduleKind,
        name: String,
        timetable: Option<Timetable>,
        missed: Missed,
    ) -> Option<Schedule> {
        let schedule = Schedule {
            origin: event.origin(),
            kind,
            name,
            event: Some(event.name.to_string()),
            function: event.function.name.clone(),
            enabled: self.enabled,
            input: super::input(field, self.most_input),
            description: field.get("Description").and_then(|f| f.text_within(512)).unwrap_or_default(),
            retry: super::retry(field),
            dead_letter: field.get("DeadLetterConfig").and_then(|f| dead_letter(event, &f)),
            flexible_minutes: field.get("FlexibleTimeWindow").and_then(|f| super::window(&f)),
            missed,
            timetable: timetable?,
        };
        Some(schedule)
    }
}

/// A queue of the template, or one that SAM makes.
fn dead_letter(event: &Event<'_, '_>, field: &Field<'_>) -> Option<String> {
    if !field.only(&["Arn", "QueueLogicalId", "Type"]) {
        return None;
    }
    let (arn, kind) = (field.get("Arn"), field.get("Type"));
    match (arn, kind) {
        (Some(arn), None) => super::queue_arn(&arn),
        (None, Some(kind)) => {
            kind.one_of(&[("SQS", ())])?;
            let id = match field.get("QueueLogicalId").map(|f| f.node.value.clone()) {
                Some(Value::Text { text, .. }) => text,
                _ => format!("{}Queue", event.logical_id()),
            };
            Some(event.scope.arn("sqs", &physical(&event.scope.stack_name, &id, 80)))
        }
        (Some(_), Some(kind)) => {
            kind.error_help("Arn and Type say the same", "leave one of them out");
            None
        }
        (None, None) => {
            field.error("`Arn` or `Type` is missing");
            None
        }
    }
}
