//! What time calls functions for: `rule` and `scheduler` are the two types of resources, `event` the two kinds of events
//! of a SAM function. Here is what several of them read.

pub(super) mod event;
pub(super) mod rule;
pub(super) mod scheduler;

use super::functions::name_of;
use crate::field::{Field, short};
use crate::json;
use crate::model::RetryPolicy;
use crate::suggest::did_you_mean;
use crate::yaml::Value;
use schedule::{Expression, Service, Timetable, Zone};

/// The expression, read as its service reads it.
fn expression(field: &Field<'_>, service: Service) -> Option<Expression> {
    let text = field.text()?;
    let parsed = Expression::parse(&text, service);
    parsed.map_err(|error| field.error(error.to_string())).ok()
}

/// Expression, time zone, beginning and end, as Scheduler has them.
fn timetable(field: &Field<'_>) -> Option<Timetable> {
    let expression = field.require("ScheduleExpression").and_then(|f| expression(&f, Service::Scheduler));
    let zone = field.get("ScheduleExpressionTimezone").map(|f| zone(&f));
    let dates = ["StartDate", "EndDate"].map(|key| field.get(key).and_then(|f| date(&f).map(|date| (date, f))));
    if let [Some((start, _)), Some((end, at))] = &dates
        && end <= start
    {
        at.error("the schedule ends before it begins");
    }
    let [start_ms, end_ms] = dates.map(|date| date.map(|(ms, _)| ms));
    let mut timetable = Timetable::new(expression?);
    (timetable.start_ms, timetable.end_ms) = (start_ms, end_ms);
    if let Some(zone) = zone {
        timetable.zone = zone?;
    }
    Some(timetable)
}

fn zone(field: &Field<'_>) -> Option<Zone> {
    let name = field.name()?;
    let found = Zone::named(&name);
    if let Err(error) = &found {
        let names = Zone::names();
        let mut diagnostic = field.diagnostic(crate::Severity::Error, error.to_string());
        diagnostic.help = did_you_mean(&name, names.iter().map(String::as_str));
        field.report.push(diagnostic);
    }
    found.ok()
}

fn date(field: &Field<'_>) -> Option<i64> {
    let text = field.text()?;
    schedule::parse_date(&text).map_err(|error| field.error(error.to_string())).ok()
}

/// `State`; enabled if it is left out.
fn is_enabled(field: &Field<'_>, words: &[(&str, bool)]) -> bool {
    field.get("State").and_then(|f| f.one_of(words)).unwrap_or(true)
}

const STATES: [(&str, bool); 2] = [("ENABLED", true), ("DISABLED", false)];
/// A rule may be enabled for more than is run here.
const RULE_STATES: [(&str, bool); 3] =
    [("ENABLED", true), ("DISABLED", false), ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", true)];

/// Longest input of a rule's target.
const MAX_RULE_INPUT: usize = 8192;
/// Longest input of a schedule's target.
const MAX_INPUT: usize = 256 << 10;

/// What the function gets: a JSON text.
fn input(field: &Field<'_>, most: usize) -> Option<String> {
    let at = field.get("Input")?;
    let text = at.text()?;
    if text.len() > most {
        at.error(format!("an input has at most {most} bytes"));
    } else if let Err(why) = json::any(&text) {
        at.error_help(
            why,
            "a function gets JSON: for instance '{ \"pull\": \"all\" }', or '\"all\"' in quotes of its own",
        );
    }
    Some(text)
}

fn retry(field: &Field<'_>) -> RetryPolicy {
    let default = RetryPolicy::default();
    let Some(policy) = field.get("RetryPolicy") else { return default };
    policy.only(&["MaximumEventAgeInSeconds", "MaximumRetryAttempts"]);
    let number = |key: &str, least, most| {
        let number = policy.get(key).and_then(|f| f.integer(least, most));
        number.map(|number| u32::try_from(number).expect("a limit of EventBridge"))
    };
    RetryPolicy {
        attempts_max: number("MaximumRetryAttempts", 0, 185).unwrap_or(default.attempts_max),
        age_seconds_max: number("MaximumEventAgeInSeconds", 60, 86_400).unwrap_or(default.age_seconds_max),
    }
}

/// The ARN of the queue that is told of calls that are given up.
fn dead_letter(field: &Field<'_>) -> Option<String> {
    let config = field.get("DeadLetterConfig")?;
    if !config.only(&["Arn"]) {
        return None;
    }
    queue_arn(&config.require("Arn")?)
}

fn queue_arn(at: &Field<'_>) -> Option<String> {
    if let Value::Away(why) = &at.node.value {
        at.warning(format!("not run here: calls that are given up go nowhere: {why}"), None);
        return None;
    }
    let arn = at.name()?;
    if arn.split(':').nth(2) != Some("sqs") {
        at.error_help(
            format!("expected the ARN of a queue, found `{}`", short(&arn)),
            "for instance !GetAtt Queue.Arn",
        );
    }
    Some(arn)
}

/// `FlexibleTimeWindow`: within how many minutes after it is due it may run.
fn window(field: &Field<'_>) -> Option<u32> {
    if !field.only(&["MaximumWindowInMinutes", "Mode"]) {
        return None;
    }
    let minutes = field.get("MaximumWindowInMinutes");
    match (field.require("Mode")?.one_of(&[("OFF", false), ("FLEXIBLE", true)])?, minutes) {
        (true, Some(minutes)) => minutes.integer(1, 1440).map(|minutes| u32::try_from(minutes).expect("at most a day")),
        (true, None) => {
            field.error("`Mode: FLEXIBLE` needs MaximumWindowInMinutes");
            None
        }
        (false, Some(minutes)) => {
            minutes.error("it goes with `Mode: FLEXIBLE` only");
            None
        }
        (false, None) => None,
    }
}

/// The name of the function that a target's ARN means. A target of another kind is not run, which is said here.
fn function(at: &Field<'_>) -> Option<String> {
    const HELP: Option<&str> = Some("targets that are functions of the template are");
    if let Value::Away(why) = &at.node.value {
        at.warning(format!("not run here: {why}"), HELP);
        return None;
    }
    let arn = at.name()?;
    let service = arn.split(':').nth(2).unwrap_or_default();
    if !arn.starts_with("arn:") {
        at.error_help(format!("expected an ARN, found `{}`", short(&arn)), "for instance !GetAtt Function.Arn");
        return None;
    }
    if service != "lambda" {
        at.warning(format!("not run here: a target of {service}"), HELP);
        return None;
    }
    let name = name_of(&arn);
    if name.is_none() {
        at.error(format!("expected the ARN of a function, found `{}`", short(&arn)));
    }
    name
}
