//! Triggers as pages and clients of the API see them, the frame of a trigger's page, and what is parked in its quarantine.

use crate::{
    Inner, alarms,
    feed::Built,
    respond::{Body, json as respond_json, refused},
    running::{GaveUp, LanePhase, LaneRow, ParkedKey, QuarantinePage, TriggerCounts, TriggerRow, TriggerSettings},
};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

/// Lanes of one trigger that are shown: the first ones, and those that stand still.
const LANES_MAX: usize = 200;

/// The frame of one trigger's page.
pub fn one(inner: &Inner, uuid: &str) -> Built {
    let triggers = inner.triggers();
    let Some(row) = triggers.iter().find(|row| row.uuid == uuid) else {
        return inner.running(json!({ "gone": true }));
    };
    let history = inner.history.lock().unwrap_or_else(PoisonError::into_inner).trigger(uuid);
    let body = json!({
        "trigger": full(row),
        "history": history,
        "alarms": alarms::frame(&alarms::trigger(row)),
        "hands": inner.config.hands.is_some(),
    });
    inner.running(body)
}

/// `/api/triggers`.
pub fn api(inner: &Inner) -> Value {
    json!({ "triggers": inner.triggers().iter().map(full).collect::<Vec<Value>>() })
}

/// `/api/triggers/UUID/quarantine?after=ID`.
pub async fn quarantine(inner: &Arc<Inner>, uuid: &str, after: Option<String>) -> Response<Body> {
    if inner.trigger(uuid).is_none() {
        return respond_json(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no trigger {uuid}") }));
    }
    let (own, uuid) = (Arc::clone(inner), uuid.to_owned());
    // Parked records lie in the database, whole.
    let read = tokio::task::spawn_blocking(move || (own.config.quarantine)(&uuid, after.as_deref()));
    match read.await {
        Ok(Ok(page)) => respond_json(StatusCode::OK, &parked(&page)),
        Ok(Err(why)) => refused(&why),
        Err(_) => {
            let body = json!({ "error": "the quarantine could not be read" });
            respond_json(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

/// What a list shows.
pub fn short(row: &TriggerRow) -> Value {
    let stopped = row.lanes.iter().filter(|lane| alarms::stopped(&lane.phase).is_some()).count();
    json!({
        "uuid": row.uuid,
        "function": row.function,
        "source": { "name": row.source.name, "arn": row.source.arn, "table": row.source.table },
        "state": row.state,
        "enabled": row.enabled,
        "doing": doing(row),
        "last_result": row.last_result,
        "trouble": row.trouble,
        "recursion_depth": row.recursion_depth,
        "counts": counts(&row.counts),
        "iterator_age_ms": row.iterator_age_ms,
        "lag_records": row.lag_records,
        "lanes_count": row.lanes.len(),
        "lanes_stopped": stopped,
        "quarantine_full": alarms::full(row).is_some(),
    })
}

/// Everything.
pub fn full(row: &TriggerRow) -> Value {
    let mut shown = short(row);
    let more = json!({
        "starting": row.starting,
        "created_ms": row.created_ms,
        "changed_ms": row.changed_ms,
        "settings": settings(&row.settings),
        "lanes": lanes(&row.lanes),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// What a trigger as a whole does: `paused`, what AWS calls the state while it changes, or what of its lanes matters
/// most: `stopped`, `backing off`, `calling`, `gathering`, `idle`.
fn doing(row: &TriggerRow) -> String {
    let any = |wanted: fn(&LanePhase) -> bool| row.lanes.iter().any(|lane| wanted(&lane.phase));
    let said = match row.state.as_str() {
        "Disabled" => "paused",
        "Enabled" if row.trouble.is_some() || any(|phase| matches!(phase, LanePhase::Stopped(_))) => "stopped",
        "Enabled" if any(|phase| matches!(phase, LanePhase::BackingOff { .. })) => "backing off",
        "Enabled" if any(|phase| matches!(phase, LanePhase::Calling { .. })) => "calling",
        "Enabled" if any(|phase| matches!(phase, LanePhase::Gathering { .. })) => "gathering",
        "Enabled" => "idle",
        changing => return changing.to_lowercase(),
    };
    said.to_owned()
}

fn counts(counts: &TriggerCounts) -> Value {
    json!({
        "delivered": counts.delivered,
        "calls": counts.calls,
        "errors": counts.errors,
        "throttles": counts.throttles,
        "filtered": counts.filtered,
        "given_up": counts.given_up,
        "parked": counts.parked,
        "parked_now": counts.parked_now,
        "dead_letters": counts.dead_letters,
        "lost": counts.lost,
    })
}

fn settings(settings: &TriggerSettings) -> Value {
    json!({
        "batch_size": settings.batch_size,
        "batching_window_s": settings.batching_window_s,
        "parallelization": settings.parallelization,
        "retry_attempts": settings.retry_attempts,
        "record_age_s": settings.record_age_s,
        "bisect": settings.bisect,
        "report_item_failures": settings.report_item_failures,
        "tumbling_window_s": settings.tumbling_window_s,
        "filters": settings.filters,
        "on_failure": settings.on_failure,
        "quarantine": settings.quarantine.map(|bound| json!({ "records": bound.records, "bytes": bound.bytes })),
    })
}

/// Those that stand still are never left out for those that do not.
fn lanes(lanes: &[LaneRow]) -> Vec<Value> {
    let still = lanes.iter().filter(|lane| alarms::stopped(&lane.phase).is_some()).count();
    let mut others = LANES_MAX.saturating_sub(still);
    let mut shown = Vec::new();
    for row in lanes {
        if alarms::stopped(&row.phase).is_none() {
            if others == 0 {
                continue;
            }
            others -= 1;
        }
        if shown.len() < LANES_MAX {
            shown.push(lane(row));
        }
    }
    shown
}

fn lane(row: &LaneRow) -> Value {
    json!({
        "shard": row.shard,
        "lane": row.lane,
        "position": row.position.0.to_string(),
        "lag": row.lag,
        "age_ms": row.age_ms,
        "attempts": row.attempts,
        "phase": phase(&row.phase),
        "counts": counts(&row.counts),
        "last_error": row.last_error,
        "gave_up": row.gave_up.as_ref().map(gave_up),
    })
}

/// `{name, until_ms?, records?, why?}`.
fn phase(phase: &LanePhase) -> Value {
    match phase {
        LanePhase::Idle => json!({ "name": "idle" }),
        LanePhase::Gathering { until_ms } => json!({ "name": "gathering", "until_ms": until_ms }),
        LanePhase::Calling { records } => json!({ "name": "calling", "records": records }),
        LanePhase::BackingOff { until_ms } => json!({ "name": "backing off", "until_ms": until_ms }),
        LanePhase::Stopped(why) => json!({ "name": "stopped", "why": why }),
        LanePhase::Ended => json!({ "name": "ended" }),
    }
}

fn gave_up(gave_up: &GaveUp) -> Value {
    json!({
        "first": gave_up.first.0.to_string(),
        "last": gave_up.last.0.to_string(),
        "records": gave_up.records,
        "condition": gave_up.condition,
        "error": gave_up.error,
    })
}

/// `{keys: [{id, key, shard, parked_ms, attempts, error, records: [{seq, event}], records_more, pending}], next}`; an
/// event is text, exactly as the function gets it.
fn parked(page: &QuarantinePage) -> Value {
    let key = |key: &ParkedKey| {
        let records =
            key.records.iter().map(|record| json!({ "seq": record.seq.0.to_string(), "event": record.event }));
        json!({
            "id": key.id,
            "key": key.key,
            "shard": key.shard,
            "parked_ms": key.parked_ms,
            "attempts": key.attempts,
            "error": key.error,
            "records": records.collect::<Vec<Value>>(),
            "records_more": key.records_more,
            "pending": key.pending,
        })
    };
    json!({ "keys": page.keys.iter().map(key).collect::<Vec<Value>>(), "next": page.next })
}
