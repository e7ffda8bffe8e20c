//! Figures of exports. The number of tables is not bounded, the number of labels is.

use super::{Text, running::Families};
use crate::executions::{ExportTableRow, ExportsRow};
use std::time::Duration;

pub fn exports(row: &ExportsRow, now_ms: u64, text: &mut Text) {
    if row.bindings.is_empty() && row.tables.is_empty() {
        return;
    }
    let counts = row.counts;
    let ended = [
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("held", counts.held),
        ("rejected", counts.rejected),
        ("refused", counts.refused),
    ];
    let ended = ended.map(|(status, count)| (vec![("status", status)], count));
    text.family(("export_executions_total", "counter", "Executions by what became of them."), ended);
    let help = "Objects that arrived and were here already.";
    text.one(("export_ignored_objects_total", "counter", help), counts.ignored);
    let help = "Objects whose key does not fit the layout.";
    text.one(("export_misplaced_objects_total", "counter", help), counts.misplaced);
    text.one(("export_published_operations_total", "counter", "Operations published to streams."), counts.published);
    text.one(("export_applied_operations_total", "counter", "Operations applied to targets."), counts.applied);
    tables(&row.tables, now_ms, text);
}

fn tables(rows: &[ExportTableRow], now_ms: u64, text: &mut Text) {
    text.one(("export_tables", "gauge", "Tables that exports came of."), rows.len());
    let mut each = Families::of(text, rows, |row| vec![("table", &row.table)]);
    each.labelled(("export_executions", "gauge", "Executions that are not at their end."), "status", |row| {
        [
            ("waiting", row.waiting.len()),
            ("queued", row.queued.len()),
            ("running", usize::from(row.running.is_some())),
            ("held", row.held.len()),
            ("failed", row.failed.len()),
        ]
    });
    let help = "How long the last imported version took; 0: there is none.";
    each.gauge("export_last_duration_seconds", help, |row| {
        seconds(row.imported.as_ref().map_or(0, |imported| imported.duration_ms))
    });
    let help = "Operations of the last imported version.";
    each.gauge("export_last_operations", help, |row| row.imported.as_ref().map_or(0, |imported| imported.operations));
    let help = "Since when the oldest version waits that is not imported; 0: none does.";
    each.gauge("export_lag_seconds", help, |row| seconds(row.oldest_ms.map_or(0, |ms| now_ms.saturating_sub(ms))));
}

fn seconds(ms: u64) -> String {
    format!("{:.3}", Duration::from_millis(ms).as_secs_f64())
}
