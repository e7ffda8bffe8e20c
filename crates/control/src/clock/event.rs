//! What a schedule sends: the target's input, or the document that AWS makes up.

use crate::{Schedule, Service};
use bytes::Bytes;
use serde_json::json;
use wire::Place;

/// Scheduler's name for a moment or a schedule in an input: it is replaced by what it stands for.
const ATTRIBUTES: [&str; 3] = ["schedule-arn", "scheduled-time", "execution-id"];
const ATTEMPT: &str = "attempt-number";

/// The payload of the run `id` for a moment. The number of the attempt is not known yet: see [`attempted`].
pub(crate) fn payload(schedule: &Schedule, place: &Place, id: &str, scheduled_ms: u64) -> Bytes {
    let definition = &schedule.definition;
    let (arn, time) = (definition.arn(place), seconds(scheduled_ms));
    match (&definition.input, definition.service) {
        (Some(input), Service::Rule) => Bytes::copy_from_slice(input.as_bytes()),
        (Some(input), Service::Scheduler) => {
            let values = [&arn, &time, id];
            let filled = |text: String, (attribute, value): (&&str, &str)| fill(text, attribute, value);
            ATTRIBUTES.iter().zip(values).fold(input.clone(), filled).into()
        }
        (None, Service::Rule) => document("aws.events", (id, &arn, &time), place, &json!({})),
        // As recorded: Scheduler has a text where rules have an object.
        (None, Service::Scheduler) => document("aws.scheduler", (id, &arn, &time), place, &json!("{}")),
    }
}

fn document(source: &str, (id, arn, time): (&str, &str, &str), place: &Place, detail: &serde_json::Value) -> Bytes {
    let document = json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": source,
        "account": place.account,
        "time": time,
        "region": place.region,
        "resources": [arn],
        "detail": detail,
    });
    Bytes::from(document.to_string())
}

/// A payload as the attempt of this number, from 1 on, delivers it.
pub(crate) fn attempted(service: Service, payload: &Bytes, attempt: u32) -> Bytes {
    match std::str::from_utf8(payload) {
        Ok(text) if service == Service::Scheduler => fill(text.to_owned(), ATTEMPT, &attempt.to_string()).into(),
        _ => payload.clone(),
    }
}

fn fill(text: String, attribute: &str, value: &str) -> String {
    let name = format!("<aws.scheduler.{attribute}>");
    if text.contains(&name) { text.replace(&name, value) } else { text }
}

/// `2026-11-20T13:00:00Z`.
fn seconds(ms: u64) -> String {
    let label = wire::time::label(ms);
    format!("{}Z", label.split('.').next().unwrap_or(&label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScheduleDefinition;
    use expect_test::{Expect, expect};

    fn check(service: Service, input: Option<&str>, expected: &Expect) {
        let definition = ScheduleDefinition {
            target_id: "one".to_owned(),
            input: input.map(str::to_owned),
            ..ScheduleDefinition::new(service, "nightly", "rate(1 hour)", "count")
        };
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let schedule = Schedule::put(definition, None, 0);
        let found = payload(&schedule, &place, "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", 1_763_643_600_999);
        let found = attempted(service, &found, 3);
        expected.assert_eq(std::str::from_utf8(&found).expect("JSON is text"));
    }

    #[test]
    fn events_of_schedules_are_those_of_aws() {
        check(
            Service::Rule,
            None,
            &expect![[
                r#"{"account":"000000000000","detail":{},"detail-type":"Scheduled Event","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","region":"us-east-1","resources":["arn:aws:events:us-east-1:000000000000:rule/nightly"],"source":"aws.events","time":"2025-11-20T13:00:00Z","version":"0"}"#
            ]],
        );
        check(
            Service::Scheduler,
            None,
            &expect![[
                r#"{"account":"000000000000","detail":"{}","detail-type":"Scheduled Event","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","region":"us-east-1","resources":["arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly"],"source":"aws.scheduler","time":"2025-11-20T13:00:00Z","version":"0"}"#
            ]],
        );
        check(
            Service::Rule,
            Some(r#"{"at": "<aws.scheduler.scheduled-time>", "attempt": "<aws.scheduler.attempt-number>"}"#),
            &expect![[r#"{"at": "<aws.scheduler.scheduled-time>", "attempt": "<aws.scheduler.attempt-number>"}"#]],
        );
        let all = r#"["<aws.scheduler.schedule-arn>", "<aws.scheduler.scheduled-time>", "<aws.scheduler.execution-id>", "<aws.scheduler.attempt-number>", "<aws.scheduler.other>"]"#;
        check(
            Service::Scheduler,
            Some(all),
            &expect![[
                r#"["arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly", "2025-11-20T13:00:00Z", "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "3", "<aws.scheduler.other>"]"#
            ]],
        );
    }
}
