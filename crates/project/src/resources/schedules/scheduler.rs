//! `AWS::Scheduler::Schedule`: a function that is called at a time, in a time zone, between two dates.

use super::{MAX_INPUT, STATES, is_enabled};
use crate::model::{Project, Schedule, ScheduleKind};
use crate::resources::ResourceType;
use crate::resources::physical::{self, Naming, plain_name, text};
use crate::resources::{marks, properties};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(in crate::resources) const TYPE: ResourceType = ResourceType {
    name: "AWS::Scheduler::Schedule",
    read,
    reference: |scope, resource| physical::name(scope, resource, &NAMING),
    attributes: &["Arn"],
    attribute: |scope, resource, _| match physical::name(scope, resource, &NAMING) {
        Value::Text { text: name, .. } => {
            text(scope.arn("scheduler", &format!("schedule/{}/{name}", group(scope, resource))))
        }
        other => other,
    },
};

const NAMING: Naming = Naming { property: "Name", most: 64, check: |field| plain_name(field, 64, ".-_") };

const PROPERTIES: [&str; 11] = [
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "Name",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
];
/// Those of them that are worked out as a whole.
const READ: [&str; 7] = [
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
];

/// What of the target is read, and what it has for the sake of other services.
const TARGET: [&str; 4] = ["Arn", "DeadLetterConfig", "Input", "RetryPolicy"];
const OF_OTHERS: [&str; 6] = [
    "EcsParameters",
    "EventBridgeParameters",
    "KinesisParameters",
    "RoleArn",
    "SageMakerPipelineParameters",
    "SqsParameters",
];

/// The group that it is in.
fn group(scope: &Scope<'_>, resource: &Resource<'_>) -> String {
    let Some(written) = resource.properties().and_then(|properties| properties.get("GroupName")) else {
        return "default".into();
    };
    let node = scope.resolve(&written);
    let name = node.and_then(|node| plain_name(&written.with_node(&node), 64, ".-_"));
    name.unwrap_or_else(|| "default".into())
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only_with(&PROPERTIES, advice) {
        return;
    }
    let node = scope.resolve_some(&written, &READ);
    let field = written.with_node(&node);
    let timetable = super::timetable(&field);
    let flexible_minutes = field.require("FlexibleTimeWindow").and_then(|f| super::window(&f));
    let enabled = is_enabled(&field, &STATES);
    let description = field.get("Description").and_then(|f| f.text_within(512)).unwrap_or_default();
    let missed = marks::missed_of(scope, resource);
    let name = physical::name_text(scope, resource, &NAMING);
    let Some(target) = written.require("Target").and_then(|target| scope.taken(&target)) else { return };
    let known: Vec<&str> = TARGET.into_iter().chain(OF_OTHERS).collect();
    if !target.only(&known) {
        return;
    }
    target.require("RoleArn");
    let node = scope.resolve_some(&target, &TARGET);
    let target = target.with_node(&node);
    let (input, retry, dead_letter) =
        (super::input(&target, MAX_INPUT), super::retry(&target), super::dead_letter(&target));
    let function = target.require("Arn").and_then(|f| super::function(&f));
    let (Some(function), Some(timetable)) = (function, timetable) else { return };
    project.schedules.push(Schedule {
        origin: properties::origin(resource, &written),
        kind: ScheduleKind::Scheduler { group: group(scope, resource) },
        name,
        event: None,
        function,
        timetable,
        enabled,
        input,
        description,
        retry,
        dead_letter,
        flexible_minutes,
        missed,
    });
}

fn advice(key: &str) -> Option<String> {
    match key {
        "Schedule" => Some("did you mean ScheduleExpression?".into()),
        "Timezone" | "TimeZone" => Some("did you mean ScheduleExpressionTimezone?".into()),
        "Targets" => Some("a schedule has one Target".into()),
        "Missed" => Some("it stands under `Metadata: Streamfold:`, beside Properties".into()),
        _ => None,
    }
}
