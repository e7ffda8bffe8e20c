//! Exports as pages and clients of the API see them, and the frames of their pages.

use crate::{
    Inner,
    executions::{
        BindingRow, DeltaRow, ExecutionRow, ExportCounts, ExportTableRow, HoldRow, OperationRow, ProgressRow,
        RunningRow, StepRow,
    },
    feed::Built,
    functions::ROWS_MAX,
    respond::{Body, json as respond_json, refused},
    running::{Cause, Refused},
};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// Executions on the page; programs may ask for more.
const EXECUTIONS_MAX: usize = 50;
/// Most that a program gets at once.
const ASKED_MAX: usize = 1_000;
/// Operations of a held execution that the list shows; its own page has all that are kept.
const SAMPLE_SHORT: usize = 5;

/// The frame of the page of all exports.
pub fn list(inner: &Inner) -> Built {
    let exports = (inner.config.exports)();
    let (executions, trouble) = match (inner.config.executions)(None, EXECUTIONS_MAX) {
        Ok(found) => (found, None),
        Err(why) => (Vec::new(), Some(why.why)),
    };
    let body = json!({
        "bindings": exports.bindings.iter().take(ROWS_MAX).map(binding).collect::<Vec<Value>>(),
        "tables": exports.tables.iter().take(ROWS_MAX).map(table).collect::<Vec<Value>>(),
        "tables_count": exports.tables.len(),
        "counts": counts(&exports.counts),
        "executions": executions.iter().map(|row| short(row, &exports.tables)).collect::<Vec<Value>>(),
        "trouble": trouble,
        "hands": inner.config.hands.is_some(),
    });
    inner.running(body)
}

/// The frame of the page of one execution, `TENANT/TABLE/VERSION`.
pub fn one(inner: &Inner, name: &str) -> Built {
    let exports = (inner.config.exports)();
    let found = name.rsplit_once('/').map(|(table, version)| (inner.config.execution)(table, version));
    let row = match found {
        Some(Ok(row)) => row,
        Some(Err(why)) if why.cause != Cause::Missing => return inner.running(json!({ "trouble": why.why })),
        _ => return inner.running(json!({ "gone": true })),
    };
    let of_table = exports.tables.iter().find(|table| table.table == row.table);
    let binding = of_table.and_then(|table| exports.bindings.iter().find(|row| row.name == table.binding));
    let body = json!({
        "execution": full(&row, &exports.tables),
        "binding": binding.map(self::binding),
        "queued": of_table.map(|table| &table.queued),
        "hands": inner.config.hands.is_some(),
    });
    inner.running(body)
}

/// `/api/exports?table=TENANT/TABLE&most=COUNT`.
pub async fn api(inner: &Arc<Inner>, table: Option<String>, most: Option<String>) -> Response<Body> {
    let most = match most.map(|text| text.parse::<usize>()) {
        None => EXECUTIONS_MAX,
        Some(Ok(most)) if (1..=ASKED_MAX).contains(&most) => most,
        Some(_) => {
            let why = format!("most must be a whole number from 1 to {ASKED_MAX}");
            return refused(&Refused { cause: Cause::Invalid, why });
        }
    };
    let own = Arc::clone(inner);
    answer(move || {
        let exports = (own.config.exports)();
        let executions = (own.config.executions)(table.as_deref(), most)?;
        Ok(json!({
            "at": own.db.now_ms(),
            "executions": executions.iter().map(|row| full(row, &exports.tables)).collect::<Vec<Value>>(),
            "tables": exports.tables.iter().map(self::table).collect::<Vec<Value>>(),
            "bindings": exports.bindings.iter().map(binding).collect::<Vec<Value>>(),
            "counts": counts(&exports.counts),
        }))
    })
    .await
}

/// `/api/exports/TENANT/TABLE/VERSION`.
pub async fn api_one(inner: &Arc<Inner>, table: String, version: String) -> Response<Body> {
    let own = Arc::clone(inner);
    answer(move || {
        let row = (own.config.execution)(&table, &version)?;
        Ok(json!({ "at": own.db.now_ms(), "execution": full(&row, &(own.config.exports)().tables) }))
    })
    .await
}

/// Executions lie in the database.
async fn answer(read: impl FnOnce() -> Result<Value, Refused> + Send + 'static) -> Response<Body> {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(body)) => respond_json(StatusCode::OK, &body),
        Ok(Err(why)) => refused(&why),
        Err(_) => {
            let body = json!({ "error": "the executions could not be read" });
            respond_json(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

fn binding(row: &BindingRow) -> Value {
    json!({
        "name": row.name,
        "bucket": row.bucket,
        "prefix": row.prefix,
        "key": row.key,
        "stream": row.stream,
        "target": row.target,
        "numbers": row.numbers,
        "registry": row.registry,
        "brake": row.brake,
        "complete": row.complete,
    })
}

pub fn table(row: &ExportTableRow) -> Value {
    json!({
        "table": row.table,
        "binding": row.binding,
        "imported": row.imported.as_ref().map(|imported| json!({
            "version": imported.version,
            "ended_ms": imported.ended_ms,
            "duration_ms": imported.duration_ms,
            "operations": imported.operations,
        })),
        "running": row.running.as_ref().map(running),
        "waiting": row.waiting,
        "queued": row.queued,
        "held": row.held,
        "failed": row.failed,
        // The start, not the time since: equal frames are sent once.
        "oldest_ms": row.oldest_ms,
    })
}

fn running(row: &RunningRow) -> Value {
    json!({
        "version": row.version,
        "step": row.step,
        "started_ms": row.started_ms,
        "progress": row.progress.as_ref().map(progress),
    })
}

fn progress(row: &ProgressRow) -> Value {
    json!({ "unit": row.unit, "done": row.done, "total": row.total })
}

fn counts(counts: &ExportCounts) -> Value {
    json!({
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "held": counts.held,
        "rejected": counts.rejected,
        "refused": counts.refused,
        "ignored": counts.ignored,
        "misplaced": counts.misplaced,
        "published": counts.published,
        "applied": counts.applied,
    })
}

/// What a list shows.
fn short(row: &ExecutionRow, tables: &[ExportTableRow]) -> Value {
    let mut shown = full(row, tables);
    if let Some(hold) = &row.hold {
        shown["hold"] = self::hold(hold, SAMPLE_SHORT);
    }
    for more in ["files", "columns"] {
        shown.as_object_mut().and_then(|shown| shown.remove(more));
    }
    shown
}

/// Everything.
fn full(row: &ExecutionRow, tables: &[ExportTableRow]) -> Value {
    let of_table = tables.iter().find(|table| table.table == row.table);
    let now = of_table.and_then(|table| table.running.as_ref()).filter(|running| running.version == row.version);
    json!({
        "table": row.table,
        "version": row.version,
        "name": row.name(),
        "status": row.status,
        "files": row.files.iter()
            .map(|file| json!({ "key": file.key, "etag": file.etag, "size": file.size })).collect::<Vec<Value>>(),
        "registered_ms": row.registered_ms,
        "started_ms": row.started_ms,
        "ended_ms": row.ended_ms,
        "steps": row.steps.iter().map(step).collect::<Vec<Value>>(),
        "progress": now.and_then(|running| running.progress.as_ref()).map(progress),
        "previous": row.previous,
        "columns": row.columns,
        "added": row.added,
        "dropped": row.dropped,
        "statistics": row.statistics.as_ref().map(statistics),
        "hold": row.hold.as_ref().map(|row| hold(row, usize::MAX)),
        "released": row.released,
        "error": row.error,
        "published": row.published,
        "applied": row.applied,
        "stream": row.stream,
        "target": row.target,
        "ignored": row.ignored,
    })
}

fn step(row: &StepRow) -> Value {
    json!({
        "name": row.name,
        "outcome": row.outcome,
        "started_ms": row.started_ms,
        "ended_ms": row.ended_ms,
        "error": row.error,
    })
}

fn statistics(row: &DeltaRow) -> Value {
    json!({
        "previous_rows": row.previous_rows,
        "next_rows": row.next_rows,
        "inserts": row.inserts,
        "updates": row.updates,
        "deletes": row.deletes,
        "unchanged": row.unchanged,
        "bytes": row.bytes,
    })
}

/// Columns are pairs: a JSON object would lose their order.
fn hold(row: &HoldRow, most: usize) -> Value {
    let operation = |row: &OperationRow| json!({ "operation": row.operation, "key": row.key, "row": row.row });
    json!({
        "reasons": row.reasons,
        "sample": row.sample.iter().take(most).map(operation).collect::<Vec<Value>>(),
        "sample_more": row.sample.len().saturating_sub(most),
        "releasable": row.releasable,
    })
}
