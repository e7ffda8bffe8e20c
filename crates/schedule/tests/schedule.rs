//! Expressions in, moments out: AWS's documented samples, daylight saving time as Scheduler documents it, and refusals,
//! among them every one of a rate that was recorded on the real service.

use std::collections::BTreeSet;
use std::fmt::Write;

use expect_test::{Expect, expect};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schedule::{Expression, Service, Timetable, Zone, parse_date};

const RULE: Service = Service::Rule;
const SCHEDULER: Service = Service::Scheduler;

fn ms(text: &str) -> i64 {
    parse_date(text).expect("a date of the test")
}

/// What a clock in UTC shows.
fn clock(ms: i64) -> DateTime {
    TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).expect("within the calendar"))
}

/// A moment, with its weekday.
fn shown(ms: i64) -> String {
    clock(ms).strftime("%a %Y-%m-%dT%H:%M:%SZ").to_string()
}

fn timetable(text: &str, service: Service) -> Timetable {
    Timetable::new(Expression::parse(text, service).expect(text))
}

/// The runs that follow `from`, of a timetable that was created then.
fn due(timetable: &Timetable, from: &str, count: usize) -> String {
    let runs = timetable.runs(ms(from)).next(ms(from) - 1, count);
    runs.into_iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// Three runs of each expression from Friday, 2026-01-02 on.
fn check(texts: &[&str], expected: Expect) {
    let mut said = String::new();
    for text in texts {
        let runs = timetable(text, RULE).runs(0).next(ms("2026-01-02T12:07:30Z"), 3);
        let runs = runs.into_iter().map(shown).collect::<Vec<_>>().join(", ");
        writeln!(said, "{text}: {runs}").expect("a String takes any text");
    }
    expected.assert_eq(&said);
}

#[test]
fn samples_of_the_documentation_are_due_when_it_says() {
    check(
        &[
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(0/30 20-2 ? * MON-FRI *)",
            "cron(0 10 ? * 6L 2026-2027)",
            "cron(0 9 ? * 2#1 *)",
            "cron(15 10 ? * 6L 2026-2028)",
        ],
        expect![[r#"
            cron(0 10 * * ? *): Sat 2026-01-03T10:00:00Z, Sun 2026-01-04T10:00:00Z, Mon 2026-01-05T10:00:00Z
            cron(15 12 * * ? *): Fri 2026-01-02T12:15:00Z, Sat 2026-01-03T12:15:00Z, Sun 2026-01-04T12:15:00Z
            cron(0 18 ? * MON-FRI *): Fri 2026-01-02T18:00:00Z, Mon 2026-01-05T18:00:00Z, Tue 2026-01-06T18:00:00Z
            cron(0 8 1 * ? *): Sun 2026-02-01T08:00:00Z, Sun 2026-03-01T08:00:00Z, Wed 2026-04-01T08:00:00Z
            cron(0/15 * * * ? *): Fri 2026-01-02T12:15:00Z, Fri 2026-01-02T12:30:00Z, Fri 2026-01-02T12:45:00Z
            cron(0/10 * ? * MON-FRI *): Fri 2026-01-02T12:10:00Z, Fri 2026-01-02T12:20:00Z, Fri 2026-01-02T12:30:00Z
            cron(0/5 8-17 ? * MON-FRI *): Fri 2026-01-02T12:10:00Z, Fri 2026-01-02T12:15:00Z, Fri 2026-01-02T12:20:00Z
            cron(0/30 20-2 ? * MON-FRI *): Fri 2026-01-02T20:00:00Z, Fri 2026-01-02T20:30:00Z, Fri 2026-01-02T21:00:00Z
            cron(0 10 ? * 6L 2026-2027): Fri 2026-01-30T10:00:00Z, Fri 2026-02-27T10:00:00Z, Fri 2026-03-27T10:00:00Z
            cron(0 9 ? * 2#1 *): Mon 2026-01-05T09:00:00Z, Mon 2026-02-02T09:00:00Z, Mon 2026-03-02T09:00:00Z
            cron(15 10 ? * 6L 2026-2028): Fri 2026-01-30T10:15:00Z, Fri 2026-02-27T10:15:00Z, Fri 2026-03-27T10:15:00Z
        "#]],
    );
}

#[test]
fn letters_of_days_lists_steps_names_and_years_are_understood() {
    check(
        &[
            "cron(0 12 L * ? *)",
            "cron(0 12 L-2 * ? *)",
            "cron(0 12 15W * ? *)",
            "cron(0 12 1W * ? *)",
            "cron(0 12 1W 8 ? *)",
            "cron(0 12 31W * ? *)",
            "cron(0 12 LW * ? *)",
            "cron(0 12 1,15,L * ? *)",
            "cron(0 12 ? * L *)",
            "cron(0 12 ? * 3#2 *)",
            "cron(0 12 ? * fri#5 *)",
            "cron(0 12 ? * MONL *)",
            "cron(0 12 ? * 1,7 *)",
            "cron(0 12 ? * SAT-THU *)",
            "cron(0 12 ? * 2/3 *)",
            "cron(0 12 1 JAN,APR-JUN/2 ? *)",
            "cron(0 12 1 1 ? 2027/2)",
            "cron(0/60 * * * ? *)",
            "cron(0-15/7 8-8 ? * 2,3,4,5,6,7 *)",
            "cron(00 05 25-3 2 ? 2028)",
            "cron(0 12 29 2 ? *)",
            "cron(0 12 31 2 ? *)",
            "cron(59 23 31 12 ? 2199)",
        ],
        expect![[r#"
            cron(0 12 L * ? *): Sat 2026-01-31T12:00:00Z, Sat 2026-02-28T12:00:00Z, Tue 2026-03-31T12:00:00Z
            cron(0 12 L-2 * ? *): Thu 2026-01-29T12:00:00Z, Thu 2026-02-26T12:00:00Z, Sun 2026-03-29T12:00:00Z
            cron(0 12 15W * ? *): Thu 2026-01-15T12:00:00Z, Mon 2026-02-16T12:00:00Z, Mon 2026-03-16T12:00:00Z
            cron(0 12 1W * ? *): Mon 2026-02-02T12:00:00Z, Mon 2026-03-02T12:00:00Z, Wed 2026-04-01T12:00:00Z
            cron(0 12 1W 8 ? *): Mon 2026-08-03T12:00:00Z, Mon 2027-08-02T12:00:00Z, Tue 2028-08-01T12:00:00Z
            cron(0 12 31W * ? *): Fri 2026-01-30T12:00:00Z, Tue 2026-03-31T12:00:00Z, Fri 2026-05-29T12:00:00Z
            cron(0 12 LW * ? *): Fri 2026-01-30T12:00:00Z, Fri 2026-02-27T12:00:00Z, Tue 2026-03-31T12:00:00Z
            cron(0 12 1,15,L * ? *): Thu 2026-01-15T12:00:00Z, Sat 2026-01-31T12:00:00Z, Sun 2026-02-01T12:00:00Z
            cron(0 12 ? * L *): Sat 2026-01-03T12:00:00Z, Sat 2026-01-10T12:00:00Z, Sat 2026-01-17T12:00:00Z
            cron(0 12 ? * 3#2 *): Tue 2026-01-13T12:00:00Z, Tue 2026-02-10T12:00:00Z, Tue 2026-03-10T12:00:00Z
            cron(0 12 ? * fri#5 *): Fri 2026-01-30T12:00:00Z, Fri 2026-05-29T12:00:00Z, Fri 2026-07-31T12:00:00Z
            cron(0 12 ? * MONL *): Mon 2026-01-26T12:00:00Z, Mon 2026-02-23T12:00:00Z, Mon 2026-03-30T12:00:00Z
            cron(0 12 ? * 1,7 *): Sat 2026-01-03T12:00:00Z, Sun 2026-01-04T12:00:00Z, Sat 2026-01-10T12:00:00Z
            cron(0 12 ? * SAT-THU *): Sat 2026-01-03T12:00:00Z, Sun 2026-01-04T12:00:00Z, Mon 2026-01-05T12:00:00Z
            cron(0 12 ? * 2/3 *): Mon 2026-01-05T12:00:00Z, Thu 2026-01-08T12:00:00Z, Mon 2026-01-12T12:00:00Z
            cron(0 12 1 JAN,APR-JUN/2 ? *): Wed 2026-04-01T12:00:00Z, Mon 2026-06-01T12:00:00Z, Fri 2027-01-01T12:00:00Z
            cron(0 12 1 1 ? 2027/2): Fri 2027-01-01T12:00:00Z, Mon 2029-01-01T12:00:00Z, Wed 2031-01-01T12:00:00Z
            cron(0/60 * * * ? *): Fri 2026-01-02T13:00:00Z, Fri 2026-01-02T14:00:00Z, Fri 2026-01-02T15:00:00Z
            cron(0-15/7 8-8 ? * 2,3,4,5,6,7 *): Sat 2026-01-03T08:00:00Z, Sat 2026-01-03T08:07:00Z, Sat 2026-01-03T08:14:00Z
            cron(00 05 25-3 2 ? 2028): Tue 2028-02-01T05:00:00Z, Wed 2028-02-02T05:00:00Z, Thu 2028-02-03T05:00:00Z
            cron(0 12 29 2 ? *): Tue 2028-02-29T12:00:00Z, Sun 2032-02-29T12:00:00Z, Fri 2036-02-29T12:00:00Z
            cron(0 12 31 2 ? *): 
            cron(59 23 31 12 ? 2199): Tue 2199-12-31T23:59:00Z
        "#]],
    );
}

#[test]
fn a_rate_counts_from_its_creation_or_from_its_beginning() {
    let created = "2026-01-02T12:07:31Z";
    let mut rate = timetable("rate(5 minutes)", RULE);
    expect![[r#"
        Fri 2026-01-02T12:12:31Z
        Fri 2026-01-02T12:17:31Z"#]]
    .assert_eq(&due(&rate, created, 2));
    rate = timetable("rate(5 minutes)", SCHEDULER);
    expect![[r#"
        Fri 2026-01-02T12:07:31Z
        Fri 2026-01-02T12:12:31Z"#]]
    .assert_eq(&due(&rate, created, 2));
    // The seconds of a beginning do not count, as measured on the service.
    rate.start_ms = Some(ms("2026-01-02T13:00:30Z"));
    expect![[r#"
        Fri 2026-01-02T13:00:00Z
        Fri 2026-01-02T13:05:00Z"#]]
    .assert_eq(&due(&rate, created, 2));
    rate.start_ms = Some(ms("2025-12-24T00:00:00Z"));
    rate.end_ms = Some(ms("2026-01-02T12:15:00Z"));
    expect![[r#"
        Fri 2026-01-02T12:10:00Z
        Fri 2026-01-02T12:15:00Z"#]]
    .assert_eq(&due(&rate, created, 9));
}

#[test]
fn at_is_due_once_whatever_begins_or_ends() {
    let mut once = timetable("at(2026-11-20T13:00:00)", SCHEDULER);
    once.start_ms = Some(ms("2030-01-01T00:00:00Z"));
    once.end_ms = Some(ms("2020-01-01T00:00:00Z"));
    expect!["Fri 2026-11-20T13:00:00Z"].assert_eq(&due(&once, "2026-01-02T12:00:00Z", 2));
    once.zone = Zone::named("Asia/Tokyo").expect("a zone");
    expect!["Fri 2026-11-20T04:00:00Z"].assert_eq(&due(&once, "2026-01-02T12:00:00Z", 2));
    expect![[""]].assert_eq(&due(&once, "2026-11-20T04:00:01Z", 2));
    // Clocks in Berlin skip this time.
    once = timetable("at(2026-03-29T02:30:00)", SCHEDULER);
    once.zone = Zone::named("Europe/Berlin").expect("a zone");
    expect!["Sun 2026-03-29T01:30:00Z"].assert_eq(&due(&once, "2026-01-02T12:00:00Z", 2));
}

#[test]
fn clocks_that_skip_a_time_skip_its_run_and_a_time_shown_twice_is_one_run() {
    let mut daily = timetable("cron(30 2 * * ? *)", SCHEDULER);
    daily.zone = Zone::named("Europe/Berlin").expect("a zone");
    expect![[r#"
        Sat 2026-03-28T01:30:00Z
        Mon 2026-03-30T00:30:00Z
        Tue 2026-03-31T00:30:00Z"#]]
    .assert_eq(&due(&daily, "2026-03-27T12:00:00Z", 3));
    expect![[r#"
        Sun 2026-10-25T00:30:00Z
        Mon 2026-10-26T01:30:00Z
        Tue 2026-10-27T01:30:00Z"#]]
    .assert_eq(&due(&daily, "2026-10-24T12:00:00Z", 3));
    let mut often = timetable("cron(0/30 * * * ? *)", SCHEDULER);
    often.zone = daily.zone.clone();
    expect![[r#"
        Sun 2026-03-29T00:00:00Z
        Sun 2026-03-29T00:30:00Z
        Sun 2026-03-29T01:00:00Z
        Sun 2026-03-29T01:30:00Z"#]]
    .assert_eq(&due(&often, "2026-03-29T00:00:00Z", 4));
    expect![[r#"
        Sun 2026-10-25T00:00:00Z
        Sun 2026-10-25T00:30:00Z
        Sun 2026-10-25T02:00:00Z
        Sun 2026-10-25T02:30:00Z"#]]
    .assert_eq(&due(&often, "2026-10-25T00:00:00Z", 4));
    // In the second of the two hours, what is shown again is not due again.
    expect![[r#"
        Sun 2026-10-25T02:00:00Z
        Sun 2026-10-25T02:30:00Z"#]]
    .assert_eq(&due(&often, "2026-10-25T01:10:00Z", 2));
    // A rate in days is a rate in steps of 24 hours.
    let mut rate = timetable("rate(1 day)", SCHEDULER);
    rate.zone = daily.zone.clone();
    expect![[r#"
        Sat 2026-03-28T12:00:00Z
        Sun 2026-03-29T12:00:00Z
        Mon 2026-03-30T12:00:00Z"#]]
    .assert_eq(&due(&rate, "2026-03-28T12:00:00Z", 3));
}

#[test]
fn what_was_missed_is_what_was_due_meanwhile() {
    let hourly = timetable("cron(0 * * * ? *)", RULE).runs(ms("2026-01-01T00:00:00Z"));
    let missed: Vec<String> =
        hourly.due_between(ms("2026-01-01T03:00:00Z"), ms("2026-01-01T05:00:00Z")).map(shown).collect();
    expect![[r#"
        Thu 2026-01-01T04:00:00Z
        Thu 2026-01-01T05:00:00Z"#]]
    .assert_eq(&missed.join("\n"));
    assert_eq!(hourly.next_after(ms("2020-01-01T00:00:00Z")), Some(ms("2026-01-01T00:00:00Z")));
}

/// What is said about each text.
fn refused(texts: &[&str], service: Service, expected: Expect) {
    let said = |text: &&str| match Expression::parse(text, service) {
        Ok(_) => format!("{text}: taken"),
        Err(error) => format!("{text}: {error}"),
    };
    expected.assert_eq(&(texts.iter().map(said).collect::<Vec<_>>().join("\n") + "\n"));
}

#[test]
fn what_rules_refuse_is_refused_in_their_words_and_with_the_reason() {
    refused(
        &[
            "rate(10 seconds)",
            "rate(10 years)",
            "rate(1 minutes)",
            "rate(1 hours)",
            "rate(1 days)",
            "rate(10 minute)",
            "rate(10 hour)",
            "rate(10 day)",
            "rate()",
            "rate(10)",
            "rate(10 minutess)",
            "rate(foo minutes)",
            "rate(0 minutes)",
            "rate(-10 minutes)",
            "rate(10 MINUTES)",
            "rate( 10 minutes )",
            " rate(10 minutes)",
            "rate(5000000000 days)",
            "at(2026-11-20T13:00:00)",
            "cron(7 20 * * 1-7 *)",
            "cron(0 10 ? * ? *)",
            "cron(0 10 * * *)",
            "cron(0/5, 9-18, ?, *, MON-FRI, *)",
            "cron(15 12 ? * -1 *)",
            "cron(60 10 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 10 32 * ? *)",
            "cron(0 10 0 * ? *)",
            "cron(0 10 * 13 ? *)",
            "cron(0 10 ? * 0 *)",
            "cron(0 10 ? * 8 *)",
            "cron(0 10 ? * 3#1,6#3 *)",
            "cron(0 10 ? * 3#6 *)",
            "cron(0#1 10 * * ? *)",
            "cron(0 10 * * ? 1969)",
            "cron(0 10 * * ? 2027-2026)",
            "cron(? 10 * * ? *)",
            "cron(*/0 10 * * ? *)",
            "cron(+5 10 * * ? *)",
            "cron(0 10 * * ? *",
            "every day",
            "",
        ],
        RULE,
        expect![[r#"
            rate(10 seconds): Parameter ScheduleExpression is not valid (one minute is the shortest rate)
            rate(10 years): Parameter ScheduleExpression is not valid (the unit is minutes, hours or days)
            rate(1 minutes): Parameter ScheduleExpression is not valid (one minute is rate(1 minute))
            rate(1 hours): Parameter ScheduleExpression is not valid (one hour is rate(1 hour))
            rate(1 days): Parameter ScheduleExpression is not valid (one day is rate(1 day))
            rate(10 minute): Parameter ScheduleExpression is not valid (more than one minute is rate(10 minutes))
            rate(10 hour): Parameter ScheduleExpression is not valid (more than one hour is rate(10 hours))
            rate(10 day): Parameter ScheduleExpression is not valid (more than one day is rate(10 days))
            rate(): Parameter ScheduleExpression is not valid (expected a number and a unit, as in rate(5 minutes))
            rate(10): Parameter ScheduleExpression is not valid (expected a number and a unit, as in rate(5 minutes))
            rate(10 minutess): Parameter ScheduleExpression is not valid (the unit is minutes, hours or days)
            rate(foo minutes): Parameter ScheduleExpression is not valid (expected a number and a unit, as in rate(5 minutes))
            rate(0 minutes): Parameter ScheduleExpression is not valid (a rate is at least 1)
            rate(-10 minutes): Parameter ScheduleExpression is not valid (expected a number and a unit, as in rate(5 minutes))
            rate(10 MINUTES): Parameter ScheduleExpression is not valid (the unit is minutes, hours or days)
            rate( 10 minutes ): Parameter ScheduleExpression is not valid (expected a number and a unit, as in rate(5 minutes))
             rate(10 minutes): Parameter ScheduleExpression is not valid (expected rate(5 minutes) or cron(0 10 * * ? *))
            rate(5000000000 days): Parameter ScheduleExpression is not valid (5000000000 is too many)
            at(2026-11-20T13:00:00): Parameter ScheduleExpression is not valid (a rule has rate() or cron(); at() belongs to EventBridge Scheduler)
            cron(7 20 * * 1-7 *): Parameter ScheduleExpression is not valid (one of day-of-month and day-of-week must be ?)
            cron(0 10 ? * ? *): Parameter ScheduleExpression is not valid (day-of-month and day-of-week cannot both be ?)
            cron(0 10 * * *): Parameter ScheduleExpression is not valid (expected six fields: minutes, hours, day-of-month, month, day-of-week, year; found 5)
            cron(0/5, 9-18, ?, *, MON-FRI, *): Parameter ScheduleExpression is not valid (one of day-of-month and day-of-week must be ?)
            cron(15 12 ? * -1 *): Parameter ScheduleExpression is not valid (day-of-week: expected 1 to 7 or SUN to SAT, found ``)
            cron(60 10 * * ? *): Parameter ScheduleExpression is not valid (minutes: expected 0 to 59, found `60`)
            cron(0 24 * * ? *): Parameter ScheduleExpression is not valid (hours: expected 0 to 23, found `24`)
            cron(0 10 32 * ? *): Parameter ScheduleExpression is not valid (day-of-month: expected 1 to 31, found `32`)
            cron(0 10 0 * ? *): Parameter ScheduleExpression is not valid (day-of-month: expected 1 to 31, found `0`)
            cron(0 10 * 13 ? *): Parameter ScheduleExpression is not valid (month: expected 1 to 12 or JAN to DEC, found `13`)
            cron(0 10 ? * 0 *): Parameter ScheduleExpression is not valid (day-of-week: expected 1 to 7 or SUN to SAT, found `0`)
            cron(0 10 ? * 8 *): Parameter ScheduleExpression is not valid (day-of-week: expected 1 to 7 or SUN to SAT, found `8`)
            cron(0 10 ? * 3#1,6#3 *): Parameter ScheduleExpression is not valid (day-of-week: with # there is one day only)
            cron(0 10 ? * 3#6 *): Parameter ScheduleExpression is not valid (day-of-week: expected 1 to 5 after #, found `6`)
            cron(0#1 10 * * ? *): Parameter ScheduleExpression is not valid (minutes: expected 0 to 59, found `0#1`)
            cron(0 10 * * ? 1969): Parameter ScheduleExpression is not valid (year: expected 1970 to 2199, found `1969`)
            cron(0 10 * * ? 2027-2026): Parameter ScheduleExpression is not valid (year: 2027-2026 ends before it begins)
            cron(? 10 * * ? *): Parameter ScheduleExpression is not valid (minutes: expected 0 to 59, found `?`)
            cron(*/0 10 * * ? *): Parameter ScheduleExpression is not valid (minutes: expected a step after the slash, found `0`)
            cron(+5 10 * * ? *): Parameter ScheduleExpression is not valid (minutes: expected 0 to 59, found `+5`)
            cron(0 10 * * ? *: Parameter ScheduleExpression is not valid (expected rate(5 minutes) or cron(0 10 * * ? *))
            every day: Parameter ScheduleExpression is not valid (expected rate(5 minutes) or cron(0 10 * * ? *))
            : Parameter ScheduleExpression is not valid (expected rate(5 minutes) or cron(0 10 * * ? *))
        "#]],
    );
}

#[test]
fn scheduler_takes_either_number_of_the_unit_and_refuses_the_rest_in_its_words() {
    refused(
        &[
            "rate(1 hours)",
            "rate(5 minute)",
            "rate(30 seconds)",
            "cron(*/30 * * * * ? *)",
            "at(2026-09-08T03:54:26.439)",
            "at(2026-09-08T03:54:26Z)",
            "at(2026-09-08 03:54:26)",
            "at(2026-02-30T00:00:00)",
            "now",
        ],
        SCHEDULER,
        expect![[r#"
            rate(1 hours): taken
            rate(5 minute): taken
            rate(30 seconds): Invalid Schedule Expression rate(30 seconds) (one minute is the shortest rate)
            cron(*/30 * * * * ? *): Invalid Schedule Expression cron(*/30 * * * * ? *) (expected six fields: minutes, hours, day-of-month, month, day-of-week, year; found 7)
            at(2026-09-08T03:54:26.439): Invalid Schedule Expression at(2026-09-08T03:54:26.439) (expected a time without fraction or offset, as in at(2026-11-20T13:00:00))
            at(2026-09-08T03:54:26Z): Invalid Schedule Expression at(2026-09-08T03:54:26Z) (expected a time without fraction or offset, as in at(2026-11-20T13:00:00))
            at(2026-09-08 03:54:26): Invalid Schedule Expression at(2026-09-08 03:54:26) (expected a time without fraction or offset, as in at(2026-11-20T13:00:00))
            at(2026-02-30T00:00:00): Invalid Schedule Expression at(2026-02-30T00:00:00) (expected a time without fraction or offset, as in at(2026-11-20T13:00:00))
            now: Invalid Schedule Expression now (expected rate(5 minutes), cron(0 10 * * ? *) or at(2026-11-20T13:00:00))
        "#]],
    );
    let zone = |name: &str| Zone::named(name).map(|zone| zone.name().to_owned()).map_err(|error| error.to_string());
    expect![[r#"[Ok("Europe/Berlin"), Ok("UTC"), Err("`europe/berlin` is not a time zone: for instance Europe/Berlin"), Err("`+02:00` is not a time zone: for instance Europe/Berlin"), Err("`Mars` is not a time zone: for instance Europe/Berlin")]"#]].assert_eq(&format!("{:?}", ["Europe/Berlin", "UTC", "europe/berlin", "+02:00", "Mars"].map(zone)));
    let date = |text: &str| parse_date(text).map_err(|error| error.to_string());
    expect![[r#"[Ok(0), Ok(1000), Err("expected a date like 2026-11-20T13:00:00Z, found `1970-01-01`"), Err("expected a date like 2026-11-20T13:00:00Z, found `soon`")]"#]].assert_eq(&format!(
        "{:?}",
        ["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:01", "1970-01-01", "soon"].map(date)
    ));
}

/// The values that a list names: an independent, slow reading of a field.
fn named(text: &str, least: i64, most: i64) -> BTreeSet<i64> {
    (least..=most).filter(|value| names(text, *value, least, most)).collect()
}

fn names(text: &str, value: i64, least: i64, most: i64) -> bool {
    text.split(',').any(|part| {
        let (range, step) =
            part.split_once('/').map_or((part, None), |(range, step)| (range, step.parse::<i64>().ok()));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((first, last)) => (first.parse().expect("a number"), last.parse().expect("a number")),
            None => {
                let one = range.parse().expect("a number");
                (one, if step.is_some() { most } else { one })
            }
        };
        let value = if value < first && last < first { value + most - least + 1 } else { value };
        let last = if last < first { last + most - least + 1 } else { last };
        (first..=last).contains(&value) && (value - first) % step.unwrap_or(1) == 0
    })
}

fn list(least: u32, most: u32) -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let part = (least..=most, least..=most, 1u32..20, 0u8..8).prop_map(move |(a, b, step, shape)| match shape {
        1 => format!("{a}"),
        2 => format!("{a}-{b}"),
        3 => format!("{a}/{step}"),
        4 => format!("{a}-{b}/{step}"),
        _ => "*".to_string(),
    });
    proptest::collection::vec(part, 1..3).prop_map(|parts| parts.join(","))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    /// Four days read minute by minute, with every field looked at by itself, names the same runs.
    #[test]
    fn a_cron_expression_is_due_when_each_minute_looked_at_by_itself_is(
        minutes in list(0, 59), hours in list(0, 23), days in list(1, 31), months in list(1, 12), weekdays in list(1, 7),
        by_date in proptest::bool::ANY, from_day in 0i64..365,
    ) {
        let fields = if by_date { format!("{days} {months} ?") } else { format!("? {months} {weekdays}") };
        let text = format!("cron({minutes} {hours} {fields} *)");
        let from = ms("2027-01-01T00:00:00Z") + from_day * 86_400_000;
        let until = from + 4 * 86_400_000;
        let (minute, hour, month) = (named(&minutes, 0, 59), named(&hours, 0, 23), named(&months, 1, 12));
        let (day, weekday) = (named(&days, 1, 31), named(&weekdays, 1, 7));
        let is_named = |moment: &i64| {
            let time = clock(*moment);
            let today = match by_date {
                true => day.contains(&time.day().into()),
                false => weekday.contains(&(i64::from(time.weekday().to_sunday_zero_offset()) + 1)),
            };
            minute.contains(&time.minute().into())
                && hour.contains(&time.hour().into())
                && month.contains(&time.month().into())
                && today
        };
        let expected: Vec<i64> = (from + 60_000..=until).step_by(60_000).filter(is_named).collect();
        let found: Vec<i64> = timetable(&text, RULE).runs(0).due_between(from, until).collect();
        proptest::prop_assert_eq!(found, expected, "{}", text);
    }

    /// Whatever a text holds, it is taken or refused, and what is taken can be asked when it is due.
    #[test]
    fn any_text_is_answered(text in "(rate|cron|at)?\\(?[0-9A-Z*?/,#LW: \\-]{0,30}\\)?", from in proptest::num::i64::ANY) {
        for service in [RULE, SCHEDULER] {
            if let Ok(expression) = Expression::parse(&text, service) {
                Timetable::new(expression).runs(from).next(from, 3);
            }
        }
    }
}
