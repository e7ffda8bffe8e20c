//! Definitions come back from their items, and what AWS refuses is refused in its words.

use crate::{
    Code, Error, EventInvoke, Events, FunctionDefinition, Missed, Origin, Parameter, ParameterDefinition,
    ParameterType, RetryPolicy, Schedule, ScheduleDefinition, Service, Tier,
};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn function(name: &str) -> FunctionDefinition {
    FunctionDefinition::new(name, "python3.12", "app.handler", Code::Folder("/srv/app".into()))
}

#[test]
fn every_setting_of_a_function_comes_back_from_its_item() {
    let full = FunctionDefinition {
        timeout_s: 900,
        memory_mb: 10_240,
        environment: texts(&[("TABLE", "votes"), ("EMPTY", "")]),
        description: "counts".to_owned(),
        role: "arn:aws:iam::000000000000:role/lambda".to_owned(),
        architecture: "arm64".to_owned(),
        reserved_concurrency: Some(0),
        code: Code::Stored { sha256: "ab".repeat(32), bytes: 123_456_789 },
        events: Events {
            dead_letter: Some("arn:aws:sqs:::q".to_owned()),
            invoke: Some(EventInvoke {
                retry_attempts: Some(0),
                age_s: Some(60),
                on_failure: Some("arn:aws:sqs:::f".to_owned()),
                on_success: Some("arn:aws:sns:::s".to_owned()),
            }),
        },
        tags: texts(&[("team", "green")]),
        origin: Origin::Template,
        ..function("count")
    };
    for definition in [function("count"), full] {
        assert_eq!(FunctionDefinition::from_item("count", &definition.to_item()), Ok(definition));
    }
}

#[test]
fn every_setting_of_a_schedule_comes_back_from_its_item() {
    let plain = ScheduleDefinition::new(Service::Scheduler, "nightly", "at(2026-11-20T13:00:00)", "count");
    let full = ScheduleDefinition {
        service: Service::Rule,
        group: "bus".to_owned(),
        target_id: "one".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        start_ms: Some(-1),
        end_ms: Some(9_000_000_000_000),
        enabled: false,
        description: "every night".to_owned(),
        input: Some("{}".to_owned()),
        missed: Missed::Skip,
        retry: RetryPolicy { attempts: 0, age_s: 60 },
        dead_letter: Some("arn:aws:sqs:::q".to_owned()),
        window_minutes: Some(15),
        delete_after: true,
        origin: Origin::Template,
        ..plain.clone()
    };
    for definition in [plain, full] {
        let schedule = Schedule::put(definition, None, 1_700_000_000_000);
        assert_eq!(Schedule::from_item(&schedule.to_item()), Ok(schedule));
    }
}

#[test]
fn every_setting_of_a_parameter_comes_back_from_its_item() {
    let plain = ParameterDefinition::new("/votes/limit", ParameterType::String, "40");
    let full = ParameterDefinition {
        kind: ParameterType::SecureString,
        description: "how many".to_owned(),
        allowed_pattern: Some("\\d+".to_owned()),
        tier: Tier::Intelligent,
        tags: texts(&[("team", "green")]),
        origin: Origin::Template,
        ..plain.clone()
    };
    for definition in [plain, full] {
        let parameter = Parameter { definition, version: 7, modified_ms: 1_700_000_000_000 };
        let item = parameter.definition.to_item(parameter.version, parameter.modified_ms);
        assert_eq!(Parameter::from_item("/votes/limit", &item), Ok(parameter));
    }
}

#[test]
fn a_rate_counts_from_when_it_got_its_expression_and_owes_nothing_from_while_it_was_off() {
    let on = ScheduleDefinition::new(Service::Rule, "r", "rate(1 hour)", "count");
    let off = ScheduleDefinition { enabled: false, ..on.clone() };
    let first = Schedule::put(on.clone(), None, 1);
    let described = ScheduleDefinition { description: "hourly".to_owned(), ..on.clone() };
    let again = Schedule::put(described, Some(&first), 2);
    assert_eq!((again.base_ms, again.owed_ms), (1, 1));
    let on_again = Schedule::put(on.clone(), Some(&Schedule::put(off, Some(&first), 3)), 4);
    assert_eq!((on_again.base_ms, on_again.owed_ms), (1, 4));
    let faster = ScheduleDefinition { expression: "rate(1 minute)".to_owned(), ..on };
    let faster = Schedule::put(faster, Some(&on_again), 5);
    assert_eq!((faster.base_ms, faster.owed_ms), (5, 5));
}

fn check(result: Result<(), Error>, expected: &Expect) {
    expected.assert_eq(&result.map_or_else(|error| error.to_string(), |()| "accepted".to_owned()));
}

#[test]
fn functions_that_lambda_refuses_are_refused() {
    let check = |change: &dyn Fn(&mut FunctionDefinition), expected: Expect| {
        let mut definition = function("count");
        change(&mut definition);
        check(definition.check(), &expected);
    };
    check(&|_| {}, expect!["accepted"]);
    check(&|f| f.name = "a/b".to_owned(), expect!["function name `a/b`: 1 to 64 letters, digits, - and _ are allowed"]);
    check(&|f| f.timeout_s = 901, expect!["timeout is 901, not within 1 to 900 seconds"]);
    check(&|f| f.memory_mb = 127, expect!["memorySize is 127, not within 128 to 10240 MB"]);
    check(&|f| f.handler = "app handler".to_owned(), expect!["the handler `app handler` has white space in it"]);
    check(
        &|f| f.environment = texts(&[("A-B", "")]),
        expect!["environment variable `A-B`: a name is a letter, then letters, digits and _"],
    );
    check(
        &|f| f.environment = texts(&[("AWS_REGION", "x"), ("OK", "")]),
        expect![
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"
        ],
    );
    // `{"AB":"…"}` is nine characters and the value.
    check(&|f| f.environment = texts(&[("AB", &"x".repeat(4096 - 9))]), expect!["accepted"]);
    let mut long = function("count");
    long.environment = texts(&[("AB", &"x".repeat(4096 - 8))]);
    assert!(
        long.check().expect_err("too long").to_string().contains("exceeded the 4KB limit. String measured: {\"AB\"")
    );
}

#[test]
fn parameters_that_ssm_refuses_are_refused() {
    let check = |change: &dyn Fn(&mut ParameterDefinition), expected: Expect| {
        let mut definition = ParameterDefinition::new("/votes/limit", ParameterType::String, "40");
        change(&mut definition);
        check(definition.check(), &expected);
    };
    check(&|_| {}, expect!["accepted"]);
    check(&|p| p.name = "plain.name_1-2".to_owned(), expect!["accepted"]);
    check(&|p| p.name = "votes/limit".to_owned(), expect!["Parameter name must be a fully qualified name."]);
    check(&|p| p.name = "/votes/".to_owned(), expect!["Parameter name must be a fully qualified name."]);
    check(
        &|p| p.name = "AWSvotes".to_owned(),
        expect![[r#"Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive)."#]],
    );
    check(&|p| p.name = "/aws/votes".to_owned(), expect!["No access to reserved parameter name: /aws/votes."]);
    check(
        &|p| p.name = "/a b".to_owned(),
        expect![
            "Only a mix of letters, numbers and the following 3 symbols .-_ are allowed. If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"
        ],
    );
    check(&|p| p.name = "/l".repeat(15), expect!["accepted"]);
    check(
        &|p| p.name = "/l".repeat(16),
        expect!["A hierarchical parameter can have a maximum of 15 levels: /l/l/l/l/l/l/l/l/l/l/l/l/l/l/l/l"],
    );
    check(&|p| p.value = String::new(), expect!["Parameter value cannot be empty."]);
    check(
        &|p| p.value = "x".repeat(4097),
        expect![
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
        ],
    );
    check(&|p| (p.tier, p.value) = (Tier::Intelligent, "x".repeat(8192)), expect!["accepted"]);
    check(
        &|p| (p.tier, p.value) = (Tier::Advanced, "x".repeat(8193)),
        expect!["Advanced-tier parameters support a maximum parameter value of 8192 characters."],
    );
    check(&|p| p.allowed_pattern = Some("\\d{1,2}".to_owned()), expect!["accepted"]);
    check(
        &|p| p.allowed_pattern = Some("\\d".to_owned()),
        expect!["Parameter value, cannot be validated against allowedPattern: \\d"],
    );
    let list = |p: &mut ParameterDefinition| {
        (p.kind, p.value) = (ParameterType::StringList, "1,2,3".to_owned());
        p.allowed_pattern = Some("\\d".to_owned());
    };
    check(&list, expect!["accepted"]);
    check(
        &|p| p.allowed_pattern = Some("(".to_owned()),
        expect!["The pattern ( is invalid: found open group without closing ')'"],
    );
}

#[test]
fn schedules_that_eventbridge_refuses_are_refused() {
    let check = |change: &dyn Fn(&mut ScheduleDefinition), expected: Expect| {
        let mut definition = ScheduleDefinition::new(Service::Rule, "r", "rate(5 minutes)", "count");
        definition.target_id = "one".to_owned();
        change(&mut definition);
        check(definition.check(), &expected);
    };
    check(&|_| {}, expect!["accepted"]);
    check(
        &|s| s.expression = "rate(1 minutes)".to_owned(),
        expect!["Parameter ScheduleExpression is not valid (one minute is rate(1 minute))"],
    );
    check(&|s| s.zone = "Berlin".to_owned(), expect!["`Berlin` is not a time zone: for instance Europe/Berlin"]);
    check(&|s| s.target_id = String::new(), expect!["Id ``: 1 to 64 letters, digits, -, _ and . are allowed"]);
    check(
        &|s| s.input = Some("{".to_owned()),
        expect!["Input is not JSON: EOF while parsing an object at line 1 column 1"],
    );
    check(&|s| s.input = Some(format!("\"{}\"", "x".repeat(8191))), expect!["Input has 8193 bytes, 8192 at most"]);
    check(&|s| s.retry.age_s = 59, expect!["MaximumEventAgeInSeconds is 59, not within 60 to 86400 seconds"]);
    check(&|s| s.window_minutes = Some(0), expect!["MaximumWindowInMinutes is 0, not within 1 to 1440 minutes"]);
}
