//! Exports as the console shows them, and what its buttons do about executions.

use crate::shown::{Running, refused};
use console::{Cause, Decision, Later, Refused};
use exports::{Binding, Complete, Error, Execution, Hold, Policy, Sample, Statistics, StepRecord, TableStatus};

impl Running {
    pub fn exports(&self) -> console::ExportsRow {
        let tables = self.exports.status().unwrap_or_else(|error| {
            tracing::warn!("what exports are doing cannot be read: {error}");
            Vec::new()
        });
        let counts = self.exports.counts();
        console::ExportsRow {
            bindings: self.exports.bindings().iter().map(binding).collect(),
            tables: tables.into_iter().map(table).collect(),
            counts: console::ExportCounts {
                succeeded: counts.succeeded,
                failed: counts.failed,
                held: counts.held,
                rejected: counts.rejected,
                refused: counts.refused,
                ignored: counts.ignored,
                misplaced: counts.misplaced,
                published: counts.published,
                applied: counts.applied,
            },
        }
    }

    /// Executions, newest first.
    pub fn executions(&self, table: Option<&str>, most: usize) -> Result<Vec<console::ExecutionRow>, Refused> {
        let mut listed = self.exports.list(table).map_err(refusal)?;
        listed.truncate(most);
        Ok(listed.into_iter().map(|one| execution(one.table, one.execution)).collect())
    }

    pub fn execution(&self, table: &str, version: &str) -> Result<console::ExecutionRow, Refused> {
        let shown = self.exports.show(table, version).map_err(refusal)?;
        Ok(execution(table.to_owned(), shown))
    }

    /// Decides about an execution, which waits for the disk.
    pub fn decide(&self, table: String, version: String, decision: Decision) -> Later<Result<String, Refused>> {
        let exports = self.exports.clone();
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || match decision {
                Decision::Retry => exports.retry(&table, &version).map(|_| format!("{table} {version} is tried again")),
                Decision::Release => {
                    exports.release(&table, &version).map(|_| format!("{table} {version} is released"))
                }
                Decision::Reject => exports.reject(&table, &version).map(|_| format!("{table} {version} is rejected")),
            });
            let broken = |_| refused(Cause::Failed, "it failed in a way that it should not; see the log");
            asked.await.map_err(broken)?.map_err(refusal)
        })
    }
}

fn refusal(error: Error) -> Refused {
    let cause = match &error {
        Error::NotFound(_) => Cause::Missing,
        Error::Refused { .. } => Cause::Conflict,
        Error::Binding { .. } => Cause::Invalid,
        _ => Cause::Failed,
    };
    refused(cause, error)
}

fn binding(binding: &Binding) -> console::BindingRow {
    console::BindingRow {
        name: binding.name(),
        bucket: binding.bucket.clone(),
        prefix: binding.prefix.clone(),
        key: binding.key.clone(),
        stream: binding.stream.clone(),
        target: binding.target.clone(),
        numbers: binding.numbers.clone(),
        registry: binding.registry.clone(),
        brake: brake(&binding.brake),
        complete: match &binding.complete {
            Complete::Files(1) => "with its first file".to_owned(),
            Complete::Files(count) => format!("with {count} files"),
            Complete::Marker(name) => format!("with an object {name}"),
        },
    }
}

/// What holds an execution, in words.
fn brake(brake: &exports::Brake) -> String {
    let share = brake.delete_share_max;
    let deletes = if share < 1.0 {
        format!("holds if more than {} % of {} rows or more go", percent(share), brake.rows_min)
    } else {
        "does not hold because of rows that go".to_owned()
    };
    let columns = match (brake.added, brake.dropped) {
        (Policy::Hold, Policy::Hold) => "holds if columns come or go",
        (Policy::Hold, Policy::Accept) => "holds if columns come",
        (Policy::Accept, Policy::Hold) => "holds if columns go",
        (Policy::Accept, Policy::Accept) => "holds if the key goes",
    };
    format!("{deletes}; {columns}")
}

/// A share in percent, with as many digits as it needs.
fn percent(share: f64) -> f64 {
    (share * 1_000_000.0).round() / 10_000.0
}

fn table(status: TableStatus) -> console::ExportTableRow {
    console::ExportTableRow {
        table: status.table,
        binding: status.binding,
        imported: status.imported.map(|imported| console::ImportedRow {
            version: imported.version,
            ended_ms: imported.ended_ms,
            duration_ms: imported.duration_ms,
            operations: imported.operations,
        }),
        running: status.running.map(|running| console::RunningRow {
            version: running.version,
            step: running.step.name().to_owned(),
            started_ms: running.started_ms,
            progress: running.progress.map(|progress| console::ProgressRow {
                unit: progress.unit.to_owned(),
                done: progress.done,
                total: progress.total,
            }),
        }),
        waiting: status.waiting,
        queued: status.queued,
        held: status.held,
        failed: status.failed,
        oldest_ms: status.oldest_ms,
    }
}

fn execution(table: String, execution: Execution) -> console::ExecutionRow {
    let file = |file: exports::ExportFile| console::ExportFileRow { key: file.key, etag: file.etag, size: file.size };
    console::ExecutionRow {
        table,
        version: execution.version,
        status: execution.status.name().to_owned(),
        files: execution.files.into_iter().map(file).collect(),
        registered_ms: execution.registered_ms,
        started_ms: execution.started_ms,
        ended_ms: execution.ended_ms,
        steps: execution.steps.into_iter().map(step).collect(),
        previous: execution.previous,
        columns: execution.columns,
        added: execution.added,
        dropped: execution.dropped,
        statistics: execution.statistics.map(statistics),
        hold: execution.hold.map(hold),
        released: execution.released,
        error: execution.error,
        published: execution.published,
        applied: execution.applied,
        stream: execution.stream,
        target: execution.target,
        ignored: execution.ignored,
    }
}

fn step(record: StepRecord) -> console::StepRow {
    console::StepRow {
        name: record.step.name().to_owned(),
        outcome: record.outcome.name().to_owned(),
        started_ms: record.started_ms,
        ended_ms: record.ended_ms,
        error: record.error,
    }
}

fn statistics(found: Statistics) -> console::DeltaRow {
    console::DeltaRow {
        previous_rows: found.previous_rows,
        next_rows: found.next_rows,
        inserts: found.inserts,
        updates: found.updates,
        deletes: found.deletes,
        unchanged: found.unchanged,
        bytes: found.bytes,
    }
}

fn hold(hold: Hold) -> console::HoldRow {
    let operation =
        |sample: Sample| console::OperationRow { operation: sample.operation, key: sample.key, row: sample.row };
    console::HoldRow {
        reasons: hold.reasons,
        sample: hold.sample.into_iter().map(operation).collect(),
        releasable: hold.releasable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exports::Brake;

    #[test]
    fn a_brake_is_told_in_words() {
        let usual = Brake::default();
        assert_eq!(brake(&usual), "holds if more than 30 % of 100 rows or more go; holds if columns come or go");
        let loose = Brake { delete_share_max: 1.0, added: Policy::Accept, dropped: Policy::Accept, ..usual.clone() };
        assert_eq!(brake(&loose), "does not hold because of rows that go; holds if the key goes");
        let exact = Brake { delete_share_max: 0.125, dropped: Policy::Accept, ..usual };
        assert_eq!(brake(&exact), "holds if more than 12.5 % of 100 rows or more go; holds if columns come");
    }
}
