//! What becomes of an event that nobody waits for: how often it is tried where the function fails it, how old it may get,
//! and whom its end is told. SAM and CloudFormation name the queue differently; of the rest SAM has a property of the
//! function, CloudFormation a resource.

use crate::field::{Field, short};
use crate::model::{EventInvoke, Events};
use crate::resources::name::physical;
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

const SETTINGS: [&str; 3] = ["DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"];

/// One of the two ends of an event.
struct End {
    /// The property that says whom it is told.
    property: &'static str,
    /// What of it goes nowhere if nobody is told.
    nowhere: &'static str,
    /// Services whose ARNs it may name, and what they are.
    services: &'static [&'static str],
    /// Services that are told on AWS and not here.
    elsewhere: &'static [&'static str],
    kinds: &'static str,
    help: &'static str,
}

const FAILURE: End = End {
    property: "OnFailure",
    nowhere: "not run here: events that are given up go nowhere",
    services: &["sqs", "sns", "s3"],
    elsewhere: &["events", "lambda"],
    kinds: "a queue, a topic or a bucket",
    help: "a queue or a topic takes them, for which the table dead_letters stands; so does a bucket",
};

const SUCCESS: End = End {
    property: "OnSuccess",
    nowhere: "not run here: what a function answers to an event goes nowhere",
    services: &["sqs", "sns"],
    elsewhere: &["events", "lambda"],
    kinds: "a queue or a topic",
    help: "a queue or a topic takes it, for which the table dead_letters stands",
};

pub(super) fn read(scope: &Scope<'_>, resource: &Resource<'_>, function: &Field<'_>) -> Events {
    let queue = function.get("DeadLetterQueue").or_else(|| function.get("DeadLetterConfig"));
    let config = function.get("EventInvokeConfig").filter(|config| config.only(&SETTINGS));
    let events = Events {
        dead_letter: queue.as_ref().and_then(dead_letter),
        invoke: config.map(|config| invoke(scope, resource, &config)),
    };
    let is_told = events.invoke.as_ref().is_some_and(|invoke| invoke.on_failure.is_some());
    if let (true, Some(queue)) = (is_told, &queue) {
        queue.warning("not run here: a queue beside OnFailure", Some("events that are given up go to OnFailure only"));
    }
    events
}

/// What the settings of a function's events say.
pub(super) fn invoke(scope: &Scope<'_>, resource: &Resource<'_>, config: &Field<'_>) -> EventInvoke {
    let number = |key: &str, least, most| {
        let number = config.get(key).and_then(|field| field.integer(least, most));
        number.map(|number| u32::try_from(number).expect("a limit of Lambda"))
    };
    let ends = config.get("DestinationConfig").filter(|ends| ends.only(&[FAILURE.property, SUCCESS.property]));
    let told = |end: &End| ends.as_ref().and_then(|ends| destination(scope, resource, ends, end));
    EventInvoke {
        retry_attempts: number("MaximumRetryAttempts", 0, 2),
        age_seconds: number("MaximumEventAgeInSeconds", 60, 21_600),
        on_failure: told(&FAILURE),
        on_success: told(&SUCCESS),
    }
}

/// SAM has the type for the sake of policies.
fn dead_letter(queue: &Field<'_>) -> Option<String> {
    if !queue.only(&["TargetArn", "Type"]) {
        return None;
    }
    if let Some(kind) = queue.get("Type") {
        kind.one_of(&[("SQS", ()), ("SNS", ())])?;
    }
    let queues = End { services: &["sqs", "sns"], elsewhere: &[], kinds: "a queue or a topic", ..FAILURE };
    arn(&queue.require("TargetArn")?, &queues)
}

fn destination(scope: &Scope<'_>, resource: &Resource<'_>, ends: &Field<'_>, end: &End) -> Option<String> {
    let told = ends.get(end.property).filter(|told| told.only(&["Destination", "Type"]))?;
    let kinds = ["SQS", "SNS", "Lambda", "EventBridge", "S3Bucket"].map(|kind| (kind, kind));
    let kind = told.get("Type").map(|kind| kind.one_of(&kinds).ok_or(())).transpose().ok()?;
    if let Some("Lambda" | "EventBridge") = kind {
        told.warning(end.nowhere, Some(end.help));
        return None;
    }
    match (told.get("Destination"), kind) {
        (Some(destination), _) => arn(&destination, end),
        // SAM makes one.
        (None, Some(kind @ ("SQS" | "SNS"))) => {
            let id = format!("{}EventInvokeConfig{}", resource.logical_id, end.property);
            Some(scope.arn(&kind.to_lowercase(), &physical(&scope.stack_name, &id, 80)))
        }
        (None, _) => {
            told.error("`Destination` is missing");
            None
        }
    }
}

/// The ARN of something that is told.
fn arn(at: &Field<'_>, end: &End) -> Option<String> {
    if let Value::Away(why) = &at.node.value {
        at.warning(format!("{}: {why}", end.nowhere), None);
        return None;
    }
    let arn = at.name()?;
    let service = arn.split(':').nth(2).unwrap_or_default();
    if end.services.contains(&service) {
        return Some(arn);
    }
    if end.elsewhere.contains(&service) {
        at.warning(end.nowhere, Some(end.help));
    } else {
        let message = format!("expected the ARN of {}, found `{}`", end.kinds, short(&arn));
        at.error_help(message, "for instance !GetAtt Queue.Arn");
    }
    None
}
