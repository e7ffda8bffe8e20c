//! Schedules as pages and clients of the API see them, and the frame of their page.

use crate::{
    Inner, alarms,
    feed::Built,
    functions::{ROWS_MAX, events},
    running::{LastRun, Missed, RunOutcome, ScheduleRow},
};
use serde_json::{Value, json};

/// Moments of each schedule that are shown.
const NEXT_MAX: usize = 10;

/// The page's frame.
pub fn list(inner: &Inner) -> Built {
    let schedules = inner.schedules();
    let alarms: Vec<_> = schedules.iter().filter_map(alarms::schedule).collect();
    let body = json!({
        "schedules": schedules.iter().take(ROWS_MAX).map(row).collect::<Vec<Value>>(),
        "schedules_count": schedules.len(),
        "alarms": alarms::frame(&alarms),
        "hands": inner.config.hands.is_some(),
    });
    inner.running(body)
}

/// `/api/schedules`.
pub fn api(inner: &Inner) -> Value {
    json!({ "schedules": inner.schedules().iter().map(row).collect::<Vec<Value>>() })
}

pub fn row(row: &ScheduleRow) -> Value {
    json!({
        "name": row.name,
        "description": row.description,
        "expression": row.expression,
        "zone": row.zone,
        "enabled": row.enabled,
        "function": row.function,
        "input": row.input,
        "missed_policy": match row.missed_policy {
            Missed::Run => "run",
            Missed::Skip => "skip",
        },
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
        "window_minutes": row.window_minutes,
        "retry": { "attempts": row.retry_attempts, "age_s": row.retry_age_s },
        "dead_letter": row.dead_letter,
        "next_ms": row.next_ms.iter().take(NEXT_MAX).collect::<Vec<_>>(),
        "last": row.last.as_ref().map(last),
        "missed": row.missed,
        "runs": events(&row.runs),
        "trouble": row.trouble,
    })
}

fn last(run: &LastRun) -> Value {
    json!({
        "scheduled_ms": run.scheduled_ms,
        "ended_ms": run.ended_ms,
        "outcome": match run.outcome {
            RunOutcome::Succeeded => "succeeded",
            RunOutcome::WillTryAgain => "will try again",
            RunOutcome::GaveUp => "gave up",
        },
        "error": run.error,
    })
}
