//! The overview's frames: the engine's figures, tables, views, exports, requests.

use crate::{
    Inner, Phase, ViewRow, alarms, buckets,
    dashboard::phase,
    exports,
    feed::{Built, Vitals, WATCHERS_MAX},
    functions::{self, ROWS_MAX},
    index, schedules, triggers,
};
use db::{StreamRead, StreamViewType, Table, TableStats};
use item::{KeySchema, Seq, TableId};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Tables listed; the first ones by name.
const TABLES_MAX: usize = 500;
/// Figures that move without the log: reads are counted, too.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What one producer knows between frames.
#[derive(Default)]
pub struct OverviewSource {
    /// When a table changed last: position and commit time.
    changed: HashMap<TableId, (Seq, Option<u64>)>,
}

impl OverviewSource {
    pub fn build(&mut self, inner: &Inner) -> Built {
        let seq = inner.db.head();
        let now_ms = inner.db.now_ms();
        let vitals = Vitals::of(inner);
        let mut tables = inner.db.tables();
        // Buckets' are shown as buckets.
        tables.retain(|table| !db::is_internal(&table.spec.name));
        self.changed.retain(|id, _| tables.iter().any(|table| table.id == *id));
        let rows: Vec<Value> = tables.iter().take(TABLES_MAX).map(|table| self.table(inner, table)).collect();
        let views = (inner.config.views)();
        let requests = (inner.config.requests)();
        let mut body = json!({
            "version": inner.config.version,
            "engine": engine(inner),
            "tables": rows,
            "tables_count": tables.len(),
            "views": views.iter().map(view).collect::<Vec<Value>>(),
            "dashboards": inner.config.dashboards.iter()
                .map(|dashboard| json!({ "name": dashboard.name, "title": dashboard.title })).collect::<Vec<Value>>(),
            "requests": requests.iter()
                .map(|row| json!({ "operation": row.operation, "count": row.count, "errors": row.errors }))
                .collect::<Vec<Value>>(),
            "watchers": { "count": inner.feeds.watchers(), "max": WATCHERS_MAX },
        });
        running(inner, &mut body);
        Built { body, now_ms, of_log: Some((seq, vitals)), again: Some(LOOK_AGAIN) }
    }

    fn table(&mut self, inner: &Inner, table: &Arc<Table>) -> Value {
        let stats = inner.db.stats(table.id);
        json!({
            "name": table.spec.name,
            "key": key(&table.spec.key),
            "items": stats.items,
            "bytes": stats.bytes,
            "fingerprint": stats.fingerprint.to_string(),
            "stream": table.spec.stream.map(view_type),
            "view": table.spec.view.is_some(),
            "indexes": index::rows(&inner.db, table),
            "expiry": index::expiry(&inner.db, table),
            "changed": (stats.changed > table.created).then(|| stats.changed.0.to_string()),
            "changed_ms": self.changed_ms(inner, table, &stats),
        })
    }

    /// The commit time of the last change, read once for each; `None` where the log has let it go.
    fn changed_ms(&mut self, inner: &Inner, table: &Table, stats: &TableStats) -> Option<u64> {
        if stats.changed <= table.created {
            return None;
        }
        if let Some((_, time_ms)) = self.changed.get(&table.id).filter(|(seq, _)| *seq == stats.changed) {
            return *time_ms;
        }
        let one = StreamRead { table: table.id, shard: None, from: stats.changed, records_max: 1, bytes_max: 1 };
        let time_ms = inner.db.changes(&one).ok().and_then(|page| page.changes.first().map(|change| change.time_ms));
        self.changed.insert(table.id, (stats.changed, time_ms));
        time_ms
    }
}

/// Adds functions, triggers, schedules, buckets and exports, and what is wrong with them.
fn running(inner: &Inner, body: &mut Value) {
    let (functions, triggers, schedules) = (inner.functions(), inner.triggers(), inner.schedules());
    let exports = (inner.config.exports)();
    let mut alarms = alarms::all(&functions, &triggers, &schedules);
    alarms.extend(alarms::exports(&exports.tables));
    let buckets = (inner.config.buckets)();
    alarms.extend(alarms::buckets(&buckets));
    body["buckets"] = buckets.iter().take(ROWS_MAX).map(buckets::row).collect();
    body["buckets_count"] = buckets.len().into();
    body["alarms"] = alarms::frame(&alarms);
    body["functions"] = functions.iter().take(ROWS_MAX).map(functions::short).collect();
    body["functions_count"] = functions.len().into();
    body["triggers"] = triggers.iter().take(ROWS_MAX).map(triggers::short).collect();
    body["triggers_count"] = triggers.len().into();
    body["schedules"] = schedules.iter().take(ROWS_MAX).map(schedules::row).collect();
    body["schedules_count"] = schedules.len().into();
    body["exports"] = exports.tables.iter().take(ROWS_MAX).map(exports::table).collect();
    body["exports_count"] = exports.tables.len().into();
}

fn engine(inner: &Inner) -> Value {
    let status = inner.db.status();
    json!({
        "head": status.head.0.to_string(),
        "synced": status.synced.0.to_string(),
        "trimmed": status.trimmed.0.to_string(),
        "timeline": inner.db.timeline(),
        "log_bytes": status.log_bytes,
        "state_bytes": status.state_bytes,
        "memory_bytes": status.memory_bytes,
        "groups": status.groups,
        "writes": status.writes,
        "poisoned": status.poisoned,
        // The start, not the time since: frames of an idle database are equal.
        "started_ms": inner.started_ms,
    })
}

fn view(view: &ViewRow) -> Value {
    json!({
        "table": view.table,
        "source": view.source,
        "sql": view.sql,
        "phase": phase(&view.phase),
        "stopped": matches!(view.phase, Phase::Stopped(_)),
        "cursor": view.cursor.map(|cursor| cursor.0.to_string()),
        "lag": view.lag,
        "lag_ms": view.lag_ms,
        "groups": view.groups,
        "folded": view.folded,
        "skipped": view.skipped.iter()
            .map(|skipped| json!({ "reason": skipped.reason, "count": skipped.count })).collect::<Vec<Value>>(),
        "samples": view.samples.iter()
            .map(|sample| json!({
                "key": sample.key, "reason": sample.reason, "seq": sample.seq.map(|seq| seq.0.to_string()),
            }))
            .collect::<Vec<Value>>(),
    })
}

/// `[{name, type}]`, the partition key first.
pub fn key(schema: &KeySchema) -> Value {
    std::iter::once(&schema.partition)
        .chain(&schema.sort)
        .map(|attribute| json!({ "name": attribute.name, "type": attribute.kind.code() }))
        .collect()
}

pub fn view_type(view_type: StreamViewType) -> &'static str {
    match view_type {
        StreamViewType::KeysOnly => "keys only",
        StreamViewType::NewImage => "new image",
        StreamViewType::OldImage => "old image",
        StreamViewType::NewAndOldImages => "new and old images",
    }
}
