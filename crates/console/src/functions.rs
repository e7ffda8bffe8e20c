//! Functions as pages and clients of the API see them, and the frames of their pages.

use crate::{
    Inner, alarms,
    feed::Built,
    running::{EventCounts, FunctionRow},
    triggers,
};
use serde_json::{Value, json};
use std::{sync::PoisonError, time::Duration};

/// Functions, triggers and schedules, each, on one page: the first ones by name.
pub const ROWS_MAX: usize = 300;
/// These figures move without the log, so a page looks at them this often while it is watched.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The frame of the list: every function in short, with its last hour, and every trigger.
pub fn list(inner: &Inner) -> Built {
    let (functions, triggers) = (inner.functions(), inner.triggers());
    let history = inner.history.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = functions.iter().take(ROWS_MAX).map(|row| {
        let mut frame = short(row);
        frame["minutes"] = history.function_by_minute(&row.name);
        let (invocations, errors) = history.last_minute(&row.name);
        frame["last_minute"] = json!({ "invocations": invocations, "errors": errors });
        let of_this = || triggers.iter().filter(|trigger| trigger.function == row.name);
        frame["triggers"] = of_this().count().into();
        frame["age_ms"] = of_this().map(|trigger| trigger.iterator_age_ms).max().into();
        frame
    });
    let body = json!({
        "functions": rows.collect::<Vec<Value>>(),
        "functions_count": functions.len(),
        "triggers": triggers.iter().take(ROWS_MAX).map(triggers::short).collect::<Vec<Value>>(),
        "triggers_count": triggers.len(),
        "alarms": alarms::frame(&alarms::all(&functions, &triggers, &[])),
    });
    inner.running(body)
}

/// The frame of one function's page.
pub fn one(inner: &Inner, name: &str) -> Built {
    let functions = inner.functions();
    let Some(row) = functions.iter().find(|row| row.name == name) else {
        return inner.running(json!({ "gone": true }));
    };
    let triggers: Vec<_> = inner.triggers().into_iter().filter(|trigger| trigger.function == name).collect();
    let history = inner.history.lock().unwrap_or_else(PoisonError::into_inner).function(name);
    let body = json!({
        "function": full(row),
        "history": history,
        "triggers": triggers.iter().take(ROWS_MAX).map(triggers::full).collect::<Vec<Value>>(),
        "schedules": inner.schedules().iter().filter(|row| row.function == name).take(ROWS_MAX)
            .map(|row| json!({ "name": row.name, "expression": row.expression })).collect::<Vec<Value>>(),
        "alarms": alarms::frame(&alarms::all(std::slice::from_ref(row), &triggers, &[])),
        "hands": inner.config.hands.is_some(),
    });
    inner.running(body)
}

/// `/api/functions`.
pub fn api(inner: &Inner) -> Value {
    json!({ "functions": inner.functions().iter().map(full).collect::<Vec<Value>>() })
}

/// What a list shows.
pub fn short(row: &FunctionRow) -> Value {
    json!({
        "name": row.name,
        "runtime": row.runtime,
        "init_error": row.init_error,
        "invocations": row.invocations,
        "errors": row.errors,
        "throttles": row.throttles,
        "timeouts": row.timeouts,
        "cold_starts": row.cold_starts,
        "duration_ms": {
            "p50": milliseconds(row.durations.p50),
            "p99": milliseconds(row.durations.p99),
            "max": milliseconds(row.durations.max),
            "count": row.durations.count,
        },
        "processes": {
            "busy": row.processes.busy, "idle": row.processes.idle, "starting": row.processes.starting,
        },
        "waiting": row.waiting,
        "memory_mb": row.memory_mb,
        "memory_max_mb": row.memory_max_mb,
        "last_error": row.last_error.as_ref().map(|error| json!({
            "kind": error.kind, "message": error.message, "at_ms": error.at_ms,
        })),
    })
}

/// Everything.
fn full(row: &FunctionRow) -> Value {
    let mut shown = short(row);
    let settings = json!({
        "arn": row.arn,
        "handler": row.handler,
        "folder": row.folder,
        "description": row.description,
        "environment": row.environment,
        "timeout_s": row.timeout_s,
        "reserved_concurrency": row.reserved_concurrency,
        "events": events(&row.events),
    });
    if let (Value::Object(shown), Value::Object(settings)) = (&mut shown, settings) {
        shown.extend(settings);
    }
    shown
}

pub fn events(counts: &EventCounts) -> Value {
    json!({
        "waiting": counts.waiting,
        "succeeded": counts.succeeded,
        "tried_again": counts.tried_again,
        "given_up": counts.given_up,
        "dead_letters": counts.dead_letters,
    })
}

/// To a hundredth.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
