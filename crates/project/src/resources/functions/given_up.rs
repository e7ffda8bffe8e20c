//! What becomes of an event that nobody waits for and that the function fails: how often it is tried, how old it may get,
//! and where it goes then. SAM and CloudFormation name the queue differently; the rest only SAM has on a function.

use crate::field::{Field, short};
use crate::model::Events;
use crate::resources::name::physical;
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

/// Why nothing of an event that is given up remains.
const NOWHERE: &str = "not run here: events that are given up go nowhere";

pub(super) fn read(scope: &Scope<'_>, resource: &Resource<'_>, function: &Field<'_>) -> Events {
    let default = Events::default();
    let queue = function.get("DeadLetterQueue").or_else(|| function.get("DeadLetterConfig"));
    let dead_letter = queue.as_ref().and_then(dead_letter);
    let known = ["DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"];
    let Some(config) = function.get("EventInvokeConfig").filter(|config| config.only(&known)) else {
        return Events { dead_letter, ..default };
    };
    let number = |key: &str, least, most, default| {
        let number = config.get(key).and_then(|field| field.integer(least, most));
        number.map_or(default, |number| u32::try_from(number).expect("a limit of Lambda"))
    };
    let on_failure = config.get("DestinationConfig").and_then(|field| on_failure(scope, resource, &field));
    if let (Some(_), Some(queue)) = (&on_failure, &queue) {
        queue.warning("not run here: a queue beside OnFailure", Some("events that are given up go to OnFailure only"));
    }
    Events {
        retry_attempts: number("MaximumRetryAttempts", 0, 2, default.retry_attempts),
        age_seconds: number("MaximumEventAgeInSeconds", 60, 21_600, default.age_seconds),
        dead_letter: on_failure.or(dead_letter),
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
    arn(&queue.require("TargetArn")?, &["sqs", "sns"], "a queue or a topic")
}

fn on_failure(scope: &Scope<'_>, resource: &Resource<'_>, field: &Field<'_>) -> Option<String> {
    if !field.only(&["OnFailure", "OnSuccess"]) {
        return None;
    }
    if let Some(success) = field.get("OnSuccess") {
        success.warning("not run here: OnSuccess", Some("what a function answers to an event goes nowhere"));
    }
    let failure = field.get("OnFailure").filter(|failure| failure.only(&["Destination", "Type"]))?;
    let kinds = ["SQS", "SNS", "Lambda", "EventBridge", "S3Bucket"].map(|kind| (kind, kind));
    let kind = failure.get("Type").map(|kind| kind.one_of(&kinds).ok_or(())).transpose().ok()?;
    if let Some("Lambda" | "EventBridge") = kind {
        failure.warning(
            NOWHERE,
            Some("a queue or a topic takes them, for which the table dead_letters stands; so does a bucket"),
        );
        return None;
    }
    match (failure.get("Destination"), kind) {
        (Some(destination), _) => arn(&destination, &["sqs", "sns", "s3"], "a queue, a topic or a bucket"),
        // SAM makes one.
        (None, Some(kind @ ("SQS" | "SNS"))) => {
            let id = format!("{}EventInvokeConfigOnFailure", resource.logical_id);
            Some(scope.arn(&kind.to_lowercase(), &physical(&scope.stack_name, &id, 80)))
        }
        (None, _) => {
            failure.error("`Destination` is missing");
            None
        }
    }
}

/// The ARN of something that takes what is given up.
fn arn(at: &Field<'_>, services: &[&str], kinds: &str) -> Option<String> {
    if let Value::Away(why) = &at.node.value {
        at.warning(format!("{NOWHERE}: {why}"), None);
        return None;
    }
    let arn = at.name()?;
    if !services.contains(&arn.split(':').nth(2).unwrap_or_default()) {
        let message = format!("expected the ARN of {kinds}, found `{}`", short(&arn));
        at.error_help(message, "for instance !GetAtt Queue.Arn");
        return None;
    }
    Some(arn)
}
