//! Figures for machines: Prometheus' text format and a health check.

mod buckets;
mod exports;
mod running;

use crate::{
    Inner, Phase, index,
    respond::{Body, full, json},
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;
use std::fmt::{Display, Write};

/// `/metrics`.
pub fn respond(inner: &Inner) -> Response<Body> {
    let mut text = Text::default();
    engine(inner, &mut text);
    tables(inner, &mut text);
    indexes(inner, &mut text);
    views(inner, &mut text);
    requests(inner, &mut text);
    running::functions(&inner.functions(), &mut text);
    running::triggers(&inner.triggers(), &mut text);
    running::schedules(&inner.schedules(), &mut text);
    buckets::buckets(&(inner.config.buckets)(), &mut text);
    buckets::traffic(&(inner.config.bucket_traffic)(), &mut text);
    exports::exports(&(inner.config.exports)(), inner.db.now_ms(), &mut text);
    full(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(text.0))
}

/// `/health`: 200, or 503 once the database takes no more writes.
pub fn health(inner: &Inner) -> Response<Body> {
    let head = inner.db.head().0.to_string();
    let version = inner.config.version.as_str();
    match inner.db.status().poisoned {
        None => json(StatusCode::OK, &json!({ "status": "ok", "head": head, "version": version })),
        Some(reason) => {
            let body = json!({ "status": "poisoned", "reason": reason, "head": head, "version": version });
            json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

/// The exposition format: a family's lines stand together under its help and type.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family<'a, V: Display>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        self.suffixed((name, kind, help), samples.into_iter().map(|(labels, value)| ("", labels, value)));
    }

    /// A family whose lines carry suffixes to its name.
    fn suffixed<'a, V: Display>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        samples: impl IntoIterator<Item = (&'a str, Vec<(&'a str, &'a str)>, V)>,
    ) {
        let mut lines = String::new();
        for (suffix, labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            writeln!(lines, "streamfold_{name}{suffix}{labels} {value}").expect("writing to a string does not fail");
        }
        if !lines.is_empty() {
            self.0 += &format!("# HELP streamfold_{name} {help}\n# TYPE streamfold_{name} {kind}\n{lines}");
        }
    }

    fn one(&mut self, family: (&str, &str, &str), value: impl Display) {
        self.family(family, [(Vec::new(), value)]);
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn engine(inner: &Inner, text: &mut Text) {
    let status = inner.db.status();
    let version = inner.config.version.as_str();
    text.family(("build_info", "gauge", "The running version."), [(vec![("version", version)], 1)]);
    let uptime = inner.started.elapsed().as_secs_f64();
    text.one(("uptime_seconds", "gauge", "Time since the console started."), format!("{uptime:.3}"));
    text.one(("log_head_position", "counter", "Newest position of the log."), status.head);
    text.one(("log_synced_position", "counter", "Newest position on disk."), status.synced);
    text.one(("log_trimmed_position", "counter", "Oldest readable position."), status.trimmed);
    text.one(("log_size_bytes", "gauge", "Bytes of the log on disk."), status.log_bytes);
    text.one(("state_size_bytes", "gauge", "Bytes of the state engine on disk."), status.state_bytes);
    text.one(("memory_bytes", "gauge", "Bytes of write buffers and caches."), status.memory_bytes);
    text.one(("commit_groups_total", "counter", "Groups committed."), status.groups);
    text.one(("writes_total", "counter", "Writes committed."), status.writes);
    text.one(("poisoned", "gauge", "1 once no more writes are taken."), u8::from(status.poisoned.is_some()));
    text.one(("feed_watchers", "gauge", "Pages that watch a live feed."), inner.feeds.watchers());
}

fn tables(inner: &Inner, text: &mut Text) {
    let tables = inner.db.tables();
    let stats: Vec<_> = tables.iter().map(|table| (table.spec.name.as_str(), inner.db.stats(table.id))).collect();
    let label = |name| vec![("table", name)];
    let items = stats.iter().map(|(name, stats)| (label(*name), stats.items));
    text.family(("table_items", "gauge", "Items of a table."), items);
    let bytes = stats.iter().map(|(name, stats)| (label(*name), stats.bytes));
    text.family(("table_size_bytes", "gauge", "Size of a table's items as DynamoDB counts it."), bytes);
    let changed = stats.iter().map(|(name, stats)| (label(*name), stats.changed));
    text.family(("table_changed_position", "counter", "Position of a table's last change."), changed);
}

fn indexes(inner: &Inner, text: &mut Text) {
    let (db, tables) = (&inner.db, inner.db.tables());
    let each = || {
        tables.iter().flat_map(|table| {
            table.indexes.iter().map(move |index| {
                let label = vec![("table", table.spec.name.as_str()), ("index", index.spec.name.as_str())];
                (label, table, index)
            })
        })
    };
    let items = each().map(|(label, _, index)| (label, db.stats(index.id).items));
    text.family(("index_items", "gauge", "Entries of an index."), items);
    let bytes = each().map(|(label, _, index)| (label, db.stats(index.id).bytes));
    text.family(("index_size_bytes", "gauge", "Size of an index's entries as DynamoDB counts it."), bytes);
    let filled = each().map(|(label, table, index)| (label, index::filled(db, table, index)));
    text.family(("index_filled_ratio", "gauge", "Part of an index that is filled, 1 once it is complete."), filled);
    let expiring = tables.iter().filter_map(|table| {
        let expiry = table.expiry.as_ref()?;
        Some((vec![("table", table.spec.name.as_str())], db.stats(expiry.id).items))
    });
    text.family(("table_expiring_items", "gauge", "Items that wait for their expiry time."), expiring);
}

fn views(inner: &Inner, text: &mut Text) {
    let views = (inner.config.views)();
    let label = |name| vec![("view", name)];
    let each = || views.iter().map(|view| (label(view.table.as_str()), view));
    let lag = each().map(|(label, view)| (label, view.lag));
    text.family(("view_lag_positions", "gauge", "Positions a view has not folded in yet."), lag);
    let lag_seconds = each().map(|(label, view)| (label, std::time::Duration::from_millis(view.lag_ms).as_secs_f64()));
    text.family(("view_lag_seconds", "gauge", "Time since a view was caught up."), lag_seconds);
    let folded = each().map(|(label, view)| (label, view.folded));
    text.family(("view_folded_changes_total", "counter", "Changes a view folded since the start."), folded);
    let groups = each().map(|(label, view)| (label, view.groups));
    text.family(("view_groups", "gauge", "Groups of a view."), groups);
    let live = each().map(|(label, view)| (label, u8::from(view.phase == Phase::Live)));
    text.family(("view_live", "gauge", "1 while a view follows its source, 0 while it fills or is stopped."), live);
    let skipped = views.iter().flat_map(|view| {
        let name = view.table.as_str();
        view.skipped
            .iter()
            .map(move |skipped| (vec![("view", name), ("reason", skipped.reason.as_str())], skipped.count))
    });
    text.family(("view_skipped_records_total", "counter", "Records that did not fit a view."), skipped);
}

fn requests(inner: &Inner, text: &mut Text) {
    let rows = (inner.config.requests)();
    let label = |name| vec![("operation", name)];
    let counts = rows.iter().map(|row| (label(row.operation.as_str()), row.count));
    text.family(("requests_total", "counter", "Requests answered."), counts);
    let errors = rows.iter().map(|row| (label(row.operation.as_str()), row.errors));
    text.family(("request_errors_total", "counter", "Requests answered with an error."), errors);
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_family_stands_together_and_labels_are_escaped() {
        let mut text = Text::default();
        text.one(("poisoned", "gauge", "1 once no more writes are taken."), 0);
        text.family(
            ("view_skipped_records_total", "counter", "Records."),
            [(vec![("view", "t"), ("reason", "no \"region\"\n")], 3)],
        );
        text.family::<u64>(("empty", "gauge", "Nothing."), []);
        expect![[r#"
            # HELP streamfold_poisoned 1 once no more writes are taken.
            # TYPE streamfold_poisoned gauge
            streamfold_poisoned 0
            # HELP streamfold_view_skipped_records_total Records.
            # TYPE streamfold_view_skipped_records_total counter
            streamfold_view_skipped_records_total{view="t",reason="no \"region\"\n"} 3
        "#]]
        .assert_eq(&text.0);
    }
}
