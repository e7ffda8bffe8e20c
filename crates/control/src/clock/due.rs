//! Which run is due. Pure: the time comes in.

use crate::Missed;
use ::schedule::Runs;

/// A run that is no later than this is on time: starting again takes a moment, and AWS promises the minute.
const LATE_MS: i64 = 60_000;
/// A clock that was set back further than this starts over: it was wrong before.
const SET_BACK_MS: i64 = 3_600_000;
/// Runs that were missed are counted up to here.
const COUNTED_MAX: usize = 1_000;

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Everything up to here is taken care of then.
    pub kept_ms: i64,
    /// The moment to run for, if any.
    pub run_ms: Option<i64>,
    /// Moments that get no run of their own.
    pub missed: u64,
}

/// What is due at `now_ms` of a schedule that is taken care of up to `kept_ms`.
pub(crate) fn due(runs: &Runs, missed: Missed, kept_ms: i64, now_ms: i64) -> Option<Due> {
    let last_ms = last(runs, kept_ms, now_ms)?;
    let on_time = now_ms - last_ms <= LATE_MS;
    let run_ms = (on_time || missed == Missed::Run).then_some(last_ms);
    let all = runs.due_between(kept_ms, now_ms).take(COUNTED_MAX).count() as u64;
    Some(Due { kept_ms: last_ms, run_ms, missed: all - u64::from(run_ms.is_some()) })
}

/// Where to go on from.
pub(crate) fn kept(kept_ms: Option<i64>, owed_ms: i64, now_ms: i64) -> i64 {
    // What is due at the very moment that it is owed from is owed.
    let owed_ms = owed_ms - 1;
    match kept_ms {
        Some(kept_ms) if kept_ms > now_ms + SET_BACK_MS => now_ms,
        Some(kept_ms) => kept_ms.max(owed_ms),
        None => owed_ms,
    }
}

/// The last moment after `after_ms` up to `now_ms`: found by halving, for there may be years of minutes between.
fn last(runs: &Runs, after_ms: i64, now_ms: i64) -> Option<i64> {
    let first_after = |ms: i64| runs.next_after(ms).filter(|due| *due <= now_ms);
    let mut found = first_after(after_ms)?;
    let (mut low, mut high) = (found, now_ms);
    // There is one after `low - 1`, and none after `high`.
    while low < high {
        let middle = low + (high - low) / 2;
        match first_after(middle) {
            Some(later) => (found, low) = (later, later),
            None => high = middle,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScheduleDefinition, Service};
    use expect_test::{Expect, expect};

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    /// 2026-01-01T00:00:00Z.
    const START: i64 = 1_767_225_600_000;

    fn runs(expression: &str) -> Runs {
        let definition = ScheduleDefinition::new(Service::Scheduler, "s", expression, "f");
        definition.timetable().expect("it parses").runs(START)
    }

    fn check(expression: &str, kept_ms: i64, now_ms: i64, expected: &Expect) {
        let show = |missed| {
            let found = due(&runs(expression), missed, START + kept_ms, START + now_ms);
            let minutes = |ms: i64| format!("{}", (ms - START) / MINUTE);
            found.map_or("nothing".to_owned(), |due| {
                let run = due.run_ms.map_or("no run".to_owned(), |ms| format!("run for minute {}", minutes(ms)));
                format!("{run}, kept to {}, {} missed", minutes(due.kept_ms), due.missed)
            })
        };
        expected.assert_eq(&format!("{}; skipping: {}", show(Missed::Run), show(Missed::Skip)));
    }

    #[test]
    fn runs_that_were_missed_are_one_run_or_none() {
        check("rate(1 hour)", 0, HOUR - 1, &expect!["nothing; skipping: nothing"]);
        let on_time =
            expect!["run for minute 60, kept to 60, 0 missed; skipping: run for minute 60, kept to 60, 0 missed"];
        check("rate(1 hour)", 0, HOUR, &on_time);
        check("rate(1 hour)", 0, HOUR + MINUTE, &on_time);
        check(
            "rate(1 hour)",
            0,
            HOUR + MINUTE + 1,
            &expect!["run for minute 60, kept to 60, 0 missed; skipping: no run, kept to 60, 1 missed"],
        );
        check(
            "rate(1 hour)",
            0,
            9 * HOUR + 5,
            &expect!["run for minute 540, kept to 540, 8 missed; skipping: run for minute 540, kept to 540, 8 missed"],
        );
        check("rate(1 hour)", 540 * MINUTE, 9 * HOUR + 5, &expect!["nothing; skipping: nothing"]);
        check(
            "at(2026-01-01T02:00:00)",
            0,
            100 * HOUR,
            &expect!["run for minute 120, kept to 120, 0 missed; skipping: no run, kept to 120, 1 missed"],
        );
        // Every minute of every January: the last one of 2030's, and not counted for ever.
        check(
            "cron(* * ? 1 * *)",
            0,
            40_000 * HOUR,
            &expect![
                "run for minute 2148479, kept to 2148479, 999 missed; skipping: no run, kept to 2148479, 1000 missed"
            ],
        );
    }

    #[test]
    fn nothing_is_owed_from_before_it_was_on_and_a_clock_set_right_is_followed() {
        assert_eq!(kept(None, 5, 100), 4);
        assert_eq!(kept(Some(50), 5, 100), 50);
        assert_eq!(kept(Some(50), 70, 100), 69);
        assert_eq!(kept(Some(50), 5, 49), 50, "set back by a moment: nothing is run twice");
        assert_eq!(kept(Some(10 * HOUR), 5, HOUR), HOUR, "set back by hours: it does not wait for nine");
    }

    #[test]
    fn the_last_moment_is_that_of_looking_at_each() {
        let expressions =
            ["rate(7 minutes)", "cron(0/13 3-5 ? * MON-FRI *)", "cron(0 10 L * ? *)", "cron(5 4 ? 2 * 2027)"];
        for runs in expressions.map(runs) {
            for step in (1..300).step_by(23) {
                let (after, now) = (START + step * 61 * MINUTE, START + step * 977 * MINUTE + 1);
                assert_eq!(last(&runs, after, now), runs.due_between(after, now).last());
            }
        }
    }
}
