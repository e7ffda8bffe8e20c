//! An hour of figures of functions and triggers, a point for every five seconds. Rows carry counts that only grow and
//! figures of the moment; what is kept is how much the former grew in a step, and the latter at its end. Pure but for the
//! task that takes the samples, which runs whether somebody watches or not: a chart shows what was before it was opened.

use crate::{
    Inner,
    feed::closed,
    running::{FunctionRow, TriggerRow},
};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};
use tokio::time::sleep;

/// Between two points.
pub const STEP_MS: u64 = 5_000;
/// Points kept: an hour.
pub const POINTS_MAX: usize = 720;
/// Functions and triggers, each, that have a history, at 20 KB; those that were seen first.
const SUBJECTS_MAX: usize = 300;
/// Points of a list's small charts: a minute each.
const COARSE_POINTS: usize = POINTS_MAX / 12;

/// What functions and triggers did.
#[derive(Default)]
pub struct History {
    functions: HashMap<String, Series<6>>,
    triggers: HashMap<String, Series<5>>,
}

/// What a function's points hold, in this order.
const FUNCTION_FIGURES: [(&str, Kind); 6] = [
    ("invocations", Kind::Grown),
    ("errors", Kind::Grown),
    ("throttles", Kind::Grown),
    ("mean_ms", Kind::Now),
    ("p99_ms", Kind::Now),
    ("age_ms", Kind::Now),
];

const TRIGGER_FIGURES: [(&str, Kind); 5] = [
    ("delivered", Kind::Grown),
    ("errors", Kind::Grown),
    ("parked_now", Kind::Now),
    ("age_ms", Kind::Now),
    ("lag", Kind::Now),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// By how much a count grew within the step.
    Grown,
    /// A figure at the step's end.
    Now,
}

impl History {
    /// Takes a sample. `triggers` of a function tell the age of what waits for it.
    pub fn sample(&mut self, now_ms: u64, functions: &[FunctionRow], triggers: &[TriggerRow]) {
        let step = now_ms / STEP_MS;
        self.functions.retain(|name, _| functions.iter().any(|row| row.name == *name));
        self.triggers.retain(|uuid, _| triggers.iter().any(|row| row.uuid == *uuid));
        for row in functions {
            let ages = triggers.iter().filter(|trigger| trigger.function == row.name);
            let age_ms = ages.map(|trigger| trigger.iterator_age_ms).max();
            let counts = [row.invocations, row.errors, row.throttles, row.durations.count];
            // Their counts begin with the program: what was counted before the first sample happened just now.
            let Some(series) = series(&mut self.functions, &row.name, [0; 4]) else { continue };
            let sum = row.durations.sum;
            let grown = series.grown(counts);
            let took = series.took(sum);
            let ran = grown[3] > 0.0;
            let mean = if ran { took / grown[3] } else { f32::NAN };
            let p99 = if ran { milliseconds(row.durations.p99) } else { f32::NAN };
            series.put(step, [grown[0], grown[1], grown[2], mean, p99, whole(age_ms)], &FUNCTION_FIGURES);
        }
        for row in triggers {
            // Theirs are older than the program.
            let counts = [row.counts.delivered, row.counts.errors, 0, 0];
            let Some(series) = series(&mut self.triggers, &row.uuid, counts) else { continue };
            let grown = series.grown(counts);
            let now = [row.counts.parked_now, row.iterator_age_ms, row.lag_records].map(|figure| whole(Some(figure)));
            series.put(step, [grown[0], grown[1], now[0], now[1], now[2]], &TRIGGER_FIGURES);
        }
    }

    /// `{step_ms, until_ms, invocations: [..], ..}`, the last point ends at `until_ms`; null where nothing happened.
    pub fn function(&self, name: &str) -> Value {
        self.functions.get(name).map_or(Value::Null, |series| series.frame(&FUNCTION_FIGURES))
    }

    /// The same for a trigger.
    pub fn trigger(&self, uuid: &str) -> Value {
        self.triggers.get(uuid).map_or(Value::Null, |series| series.frame(&TRIGGER_FIGURES))
    }

    /// `{invocations, errors}` by the minute, an hour of them; null where nothing happened.
    pub fn function_by_minute(&self, name: &str) -> Value {
        let Some(series) = self.functions.get(name).filter(|series| !series.is_idle()) else { return Value::Null };
        json!({ "invocations": series.coarse(0), "errors": series.coarse(1) })
    }

    /// Invocations and errors of the last whole minute.
    pub fn last_minute(&self, name: &str) -> (u64, u64) {
        let Some(series) = self.functions.get(name) else { return (0, 0) };
        let sum = |at: usize| {
            series
                .points
                .iter()
                .rev()
                .take(12)
                .map(|point| f64::from(point[at]))
                .filter(|value| value.is_finite())
                .sum::<f64>()
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let whole = |value: f64| value.round() as u64;
        (whole(sum(0)), whole(sum(1)))
    }
}

/// The series of a subject, made on first sight unless there are as many as may be.
fn series<'a, const N: usize>(
    all: &'a mut HashMap<String, Series<N>>,
    name: &str,
    counts: [u64; 4],
) -> Option<&'a mut Series<N>> {
    if !all.contains_key(name) {
        if all.len() >= SUBJECTS_MAX {
            return None;
        }
        all.insert(name.to_owned(), Series { counts, sum: Duration::ZERO, last_step: 0, points: VecDeque::new() });
    }
    all.get_mut(name)
}

/// The points of one subject. What is not known is not a number.
struct Series<const N: usize> {
    /// As they were at the last sample.
    counts: [u64; 4],
    sum: Duration,
    /// The step of the newest point.
    last_step: u64,
    points: VecDeque<[f32; N]>,
}

impl<const N: usize> Series<N> {
    /// By how much counts grew since the last sample. One that shrank began anew.
    #[allow(clippy::cast_precision_loss, reason = "a chart's point; a count of seconds is far below 2^24")]
    fn grown(&mut self, counts: [u64; 4]) -> [f32; 4] {
        let before = std::mem::replace(&mut self.counts, counts);
        let mut grown = [0.0; 4];
        for (at, grown) in grown.iter_mut().enumerate() {
            *grown = counts[at].checked_sub(before[at]).unwrap_or(counts[at]) as f32;
        }
        grown
    }

    /// Milliseconds by which a sum of times grew.
    fn took(&mut self, sum: Duration) -> f32 {
        let before = std::mem::replace(&mut self.sum, sum);
        milliseconds(sum.checked_sub(before).unwrap_or(sum))
    }

    fn put(&mut self, step: u64, point: [f32; N], figures: &[(&str, Kind); N]) {
        let after = step.saturating_sub(self.last_step);
        match self.points.back_mut() {
            // A clock that was set back, or a sample too early: the step is not over.
            Some(last) if after == 0 => merge(last, point, figures),
            Some(_) => {
                let missed = usize::try_from(after - 1).unwrap_or(usize::MAX).min(POINTS_MAX);
                self.points.extend(std::iter::repeat_n([f32::NAN; N], missed));
                self.points.push_back(point);
            }
            None => self.points.push_back(point),
        }
        self.last_step = self.last_step.max(step);
        self.points.drain(..self.points.len().saturating_sub(POINTS_MAX));
    }

    fn is_idle(&self) -> bool {
        self.points.iter().flatten().all(|value| value.is_nan() || *value == 0.0)
    }

    /// An idle hour is null: a page that shows one gets no frame for time alone.
    fn frame(&self, figures: &[(&str, Kind); N]) -> Value {
        if self.is_idle() {
            return Value::Null;
        }
        let mut frame = json!({ "step_ms": STEP_MS, "until_ms": self.last_step * STEP_MS });
        for (at, (name, _)) in figures.iter().enumerate() {
            frame[*name] = self.points.iter().map(|point| shown(point[at])).collect();
        }
        frame
    }

    /// Sums of twelve points each, the newest last.
    fn coarse(&self, figure: usize) -> Vec<Value> {
        let mut sums = vec![0.0; COARSE_POINTS];
        for (back, point) in self.points.iter().rev().enumerate() {
            // Whole minutes of the clock: a sum does not change any more once its minute is over. A point stands for the
            // step before its sample.
            let newest = usize::try_from((self.last_step + 11) % 12).expect("less than twelve");
            let minute = (back + 11 - newest) / 12;
            if minute < COARSE_POINTS && point[figure].is_finite() {
                sums[COARSE_POINTS - 1 - minute] += point[figure];
            }
        }
        sums.into_iter().map(shown).collect()
    }
}

fn merge<const N: usize>(last: &mut [f32; N], point: [f32; N], figures: &[(&str, Kind); N]) {
    for (at, (_, kind)) in figures.iter().enumerate() {
        match kind {
            Kind::Grown => last[at] = last[at].max(0.0) + point[at],
            Kind::Now if point[at].is_finite() => last[at] = point[at],
            Kind::Now => {}
        }
    }
}

fn milliseconds(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "a chart's point")]
fn whole(figure: Option<u64>) -> f32 {
    figure.map_or(f32::NAN, |figure| figure as f32)
}

/// To a tenth, in few digits.
fn shown(value: f32) -> Value {
    let rounded = (f64::from(value) * 10.0).round() / 10.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is a whole number below 2^53")]
    match rounded {
        unknown if unknown.is_nan() => Value::Null,
        whole if whole.fract() == 0.0 && whole.abs() < 9e15 => json!(whole as i64),
        other => json!(other),
    }
}

/// Takes samples at the end of each step until the console is closed or gone.
pub async fn keep(inner: Weak<Inner>) {
    loop {
        let Some(own) = inner.upgrade() else { return };
        let left = STEP_MS - own.db.now_ms() % STEP_MS;
        let closing = own.closing.subscribe();
        drop(own);
        tokio::select! {
            () = sleep(Duration::from_millis(left)) => {}
            () = closed(closing) => return,
        }
        let Some(own) = inner.upgrade() else { return };
        take(&own);
    }
}

/// Takes one sample now.
fn take(inner: &Arc<Inner>) {
    let (functions, triggers) = ((inner.config.functions)(), (inner.config.triggers)());
    let mut history = inner.history.lock().unwrap_or_else(PoisonError::into_inner);
    history.sample(inner.db.now_ms(), &functions, &triggers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::{Durations, TriggerCounts};
    use expect_test::{Expect, expect};

    fn function(invocations: u64, errors: u64, sum_ms: u64) -> FunctionRow {
        let durations = Durations {
            sum: Duration::from_millis(sum_ms),
            count: invocations,
            p99: Duration::from_millis(90),
            ..Durations::default()
        };
        FunctionRow { name: "count".into(), invocations, errors, durations, ..FunctionRow::default() }
    }

    fn trigger(delivered: u64, iterator_age_ms: u64) -> TriggerRow {
        let counts = TriggerCounts { delivered, ..TriggerCounts::default() };
        TriggerRow { uuid: "u".into(), function: "count".into(), iterator_age_ms, counts, ..TriggerRow::default() }
    }

    /// Samples of `(step, invocations, errors, milliseconds in all, delivered, age)`, and what is shown of them.
    fn check(samples: &[(u64, u64, u64, u64, u64, u64)], expected: &Expect) {
        let mut history = History::default();
        for &(step, invocations, errors, sum_ms, delivered, age) in samples {
            let (function, trigger) = (function(invocations, errors, sum_ms), trigger(delivered, age));
            history.sample(step * STEP_MS + 17, &[function], &[trigger]);
        }
        let (function, trigger) = (history.function("count"), history.trigger("u"));
        let mut out = format!("until {}\n", function["until_ms"]);
        for name in ["invocations", "errors", "mean_ms", "p99_ms", "age_ms"] {
            out += &format!("{name} {}\n", function[name]);
        }
        out += &format!("delivered {}\n", trigger["delivered"]);
        expected.assert_eq(&out);
    }

    #[test]
    fn a_point_is_how_much_counts_grew_and_how_long_calls_took_meanwhile() {
        check(
            &[(10, 4, 0, 100, 1000, 0), (11, 6, 1, 130, 1007, 250), (12, 6, 1, 130, 1007, 5250)],
            &expect![[r#"
                until 60000
                invocations [4,2,0]
                errors [0,1,0]
                mean_ms [25,15,null]
                p99_ms [90,90,null]
                age_ms [0,250,5250]
                delivered [0,7,0]
            "#]],
        );
    }

    #[test]
    fn steps_without_a_sample_are_unknown_and_counts_that_shrink_began_anew() {
        check(
            &[(10, 4, 0, 100, 0, 0), (13, 9, 0, 150, 0, 0), (13, 10, 0, 160, 0, 0), (14, 2, 1, 7, 3, 0)],
            &expect![[r#"
                until 70000
                invocations [4,null,null,6,2]
                errors [0,null,null,0,1]
                mean_ms [25,null,null,10,3.5]
                p99_ms [90,null,null,90,90]
                age_ms [0,null,null,0,0]
                delivered [0,null,null,0,3]
            "#]],
        );
    }

    #[test]
    fn an_hour_is_kept_and_an_idle_one_is_nothing() {
        let mut history = History::default();
        history.sample(0, &[function(7, 0, 7)], &[]);
        for step in 1..2_000 {
            history.sample(step * STEP_MS, &[function(7, 0, 7)], &[]);
        }
        assert_eq!(history.functions["count"].points.len(), POINTS_MAX);
        assert_eq!((history.function("count"), history.function_by_minute("count")), (Value::Null, Value::Null));
        history.sample(2_000 * STEP_MS, &[function(9, 1, 9)], &[]);
        history.sample(2_001 * STEP_MS, &[function(12, 1, 12)], &[]);
        let minutes = history.function_by_minute("count");
        let invocations = minutes["invocations"].as_array().expect("an hour");
        assert_eq!((invocations.len(), &invocations[59], &minutes["errors"][59]), (60, &json!(5), &json!(1)));
        assert_eq!(history.last_minute("count"), (5, 1));
        // Far ahead, everything before is unknown, and no more than an hour of that is kept.
        history.sample(u64::MAX, &[function(12, 1, 12)], &[]);
        assert_eq!(history.functions["count"].points.len(), POINTS_MAX);
        history.sample(2_003 * STEP_MS, &[], &[]);
        assert!(history.functions.is_empty(), "what is gone is forgotten");
    }

    #[test]
    fn subjects_are_bounded() {
        let mut history = History::default();
        let rows: Vec<FunctionRow> = (0..SUBJECTS_MAX + 50)
            .map(|at| FunctionRow { name: at.to_string(), invocations: 1, ..FunctionRow::default() })
            .collect();
        history.sample(STEP_MS, &rows, &[]);
        assert_eq!(history.functions.len(), SUBJECTS_MAX);
    }
}
