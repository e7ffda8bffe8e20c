//! Figures of functions, triggers and schedules. Their number is not bounded, the number of labels is.

use super::Text;
use crate::{
    alarms,
    running::{FunctionRow, ScheduleRow, TriggerRow},
};
use std::{fmt::Display, time::Duration};

/// Functions, triggers and schedules, each, that are shown: the first ones by name. How many there are is shown, too.
pub const LABELLED_MAX: usize = 500;

pub type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Families of one figure for each row.
pub struct Families<'a, 't, R> {
    text: &'t mut Text,
    rows: &'a [R],
    labels: fn(&'a R) -> Labels<'a>,
}

impl<'a, 't, R> Families<'a, 't, R> {
    pub fn of(text: &'t mut Text, rows: &'a [R], labels: fn(&'a R) -> Labels<'a>) -> Families<'a, 't, R> {
        Families { text, rows: &rows[..rows.len().min(LABELLED_MAX)], labels }
    }

    pub fn counter<V: Display>(&mut self, name: &str, help: &str, figure: impl Fn(&'a R) -> V) {
        self.one((name, "counter", help), figure);
    }

    pub fn gauge<V: Display>(&mut self, name: &str, help: &str, figure: impl Fn(&'a R) -> V) {
        self.one((name, "gauge", help), figure);
    }

    fn one<V: Display>(&mut self, family: (&str, &str, &str), figure: impl Fn(&'a R) -> V) {
        self.text.family(family, self.rows.iter().map(|row| ((self.labels)(row), figure(row))));
    }

    /// Several figures for each row, told apart by a further label.
    pub fn labelled<const N: usize, V: Display>(
        &mut self,
        family: (&str, &str, &str),
        label: &'a str,
        figures: impl Fn(&'a R) -> [(&'a str, V); N],
    ) {
        let labels = self.labels;
        let each = |row: &'a R| {
            figures(row).map(|(value, figure)| {
                let mut labels = labels(row);
                labels.push((label, value));
                (labels, figure)
            })
        };
        self.text.family(family, self.rows.iter().flat_map(each));
    }
}

pub fn functions(rows: &[FunctionRow], text: &mut Text) {
    text.one(("functions", "gauge", "Functions."), rows.len());
    let mut each = Families::of(text, rows, |row| vec![("function", &row.name)]);
    each.counter("function_invocations_total", "Invocations of a function.", |row| row.invocations);
    each.counter("function_errors_total", "Invocations that ended in an error.", |row| row.errors);
    each.counter("function_throttles_total", "Invocations that found no room.", |row| row.throttles);
    each.counter("function_timeouts_total", "Errors that were time-outs.", |row| row.timeouts);
    each.counter("function_cold_starts_total", "Invocations that started a process.", |row| row.cold_starts);
    each.gauge("function_waiting", "Invocations that wait for a process.", |row| row.waiting);
    each.gauge("function_broken", "1 while its code does not start.", |row| u8::from(row.init_error.is_some()));
    let help = "Processes of a function by what they do.";
    each.labelled(("function_processes", "gauge", help), "state", |row| {
        let processes = row.processes;
        [("busy", processes.busy), ("idle", processes.idle), ("starting", processes.starting)]
    });
    let help = "How long invocations took; the quantiles are of the latest ones.";
    let durations = each.rows.iter().flat_map(|row| {
        let label = |quantile: Option<&'static str>| {
            let own = [("function", row.name.as_str())];
            own.into_iter().chain(quantile.map(|quantile| ("quantile", quantile))).collect::<Labels>()
        };
        [
            ("", label(Some("0.5")), seconds(row.durations.p50)),
            ("", label(Some("0.99")), seconds(row.durations.p99)),
            ("_sum", label(None), seconds(row.durations.sum)),
            ("_count", label(None), row.durations.count.to_string()),
        ]
    });
    each.text.suffixed(("function_duration_seconds", "summary", help), durations);
}

pub fn triggers(rows: &[TriggerRow], text: &mut Text) {
    text.one(("triggers", "gauge", "Triggers."), rows.len());
    let mut each = Families::of(text, rows, |row| vec![("trigger", &row.uuid), ("function", &row.function)]);
    let age = |row: &TriggerRow| seconds(Duration::from_millis(row.iterator_age_ms));
    each.gauge("trigger_iterator_age_seconds", "Age of the oldest record not delivered.", age);
    each.gauge("trigger_lag_records", "Records not delivered, at most.", |row| row.lag_records);
    each.counter("trigger_records_total", "Records that the function took.", |row| row.counts.delivered);
    each.counter("trigger_calls_total", "Calls of the function.", |row| row.counts.calls);
    each.counter("trigger_errors_total", "Calls that failed.", |row| row.counts.errors);
    each.counter("trigger_throttles_total", "Calls that found no room.", |row| row.counts.throttles);
    each.counter("trigger_filtered_total", "Records that no filter wanted.", |row| row.counts.filtered);
    each.counter("trigger_given_up_total", "Records that were given up.", |row| row.counts.given_up);
    each.gauge("trigger_parked_records", "Records in quarantine.", |row| row.counts.parked_now);
    let help = "Messages about records that were given up.";
    each.counter("trigger_dead_letters_total", help, |row| row.counts.dead_letters);
    let help = "Positions of the log that were trimmed before they were read.";
    each.counter("trigger_lost_positions_total", help, |row| row.counts.lost);
    each.gauge("trigger_lanes_stopped", "Lanes that do nothing until somebody does something.", |row| {
        row.lanes.iter().filter(|lane| alarms::stopped(&lane.phase).is_some()).count()
    });
    each.gauge("trigger_enabled", "0 while a trigger is paused.", |row| u8::from(row.enabled));
}

pub fn schedules(rows: &[ScheduleRow], text: &mut Text) {
    text.one(("schedules", "gauge", "Schedules."), rows.len());
    let mut each = Families::of(text, rows, |row| vec![("schedule", &row.name)]);
    let help = "Runs of a schedule by how they ended; one that is tried again is counted with each attempt.";
    each.labelled(("schedule_runs_total", "counter", help), "outcome", |row| {
        let runs = row.runs;
        [("succeeded", runs.succeeded), ("tried_again", runs.tried_again), ("given_up", runs.given_up)]
    });
    each.gauge("schedule_runs_waiting", "Runs that are not done.", |row| row.runs.waiting);
    each.counter("schedule_missed_total", "Moments that got no run of their own.", |row| row.missed);
    let labels = each.labels;
    let next = each.rows.iter().filter_map(|row| Some((labels(row), timestamp(*row.next_ms.first()?))));
    let help = "When a schedule is due next, where it is.";
    each.text.family(("schedule_next_run_timestamp_seconds", "gauge", help), next);
}

fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

/// Exact, whatever the year.
fn timestamp(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_and_the_number_of_functions_is_told() {
        let row = |at: usize| FunctionRow { name: format!("f{at:04}"), ..FunctionRow::default() };
        let rows: Vec<FunctionRow> = (0..LABELLED_MAX + 100).map(row).collect();
        let mut text = Text::default();
        functions(&rows, &mut text);
        let lines = |name: &str| text.0.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(lines("streamfold_function_invocations_total{"), LABELLED_MAX);
        assert_eq!(lines("streamfold_functions 600"), 1);
    }
}
