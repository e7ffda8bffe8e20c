//! Made-up exports: one table that works, one whose newest version is held, one that failed.

use super::{Stage, locked};
use console::{
    BindingRow, Cause, Decision, DeltaRow, ExecutionRow, ExportCounts, ExportFileRow, ExportTableRow, ExportsRow,
    HoldRow, ImportedRow, OperationRow, ProgressRow, Refused, RunningRow, StepRow,
};

/// What is under way, what is held, what failed.
const RUNNING: (&str, &str) = ("acme/customers", "20210103_V0005");
const HELD: (&str, &str) = ("tenant/test_table", "20210102_V0004");
const FAILED: (&str, &str) = ("acme/prices", "20210101_V0003");

impl Stage {
    pub(super) fn newest(&self, table: Option<&str>, most: usize) -> Vec<ExecutionRow> {
        let executions = locked(&self.executions);
        executions.iter().filter(|row| table.is_none_or(|table| row.table == table)).take(most).cloned().collect()
    }

    pub(super) fn execution(&self, table: &str, version: &str) -> Result<ExecutionRow, Refused> {
        let executions = locked(&self.executions);
        let found = executions.iter().find(|row| row.table == table && row.version == version);
        found.cloned().ok_or_else(|| missing(table, version))
    }

    pub(super) fn decide(&self, table: &str, version: &str, decision: Decision) -> Result<String, Refused> {
        let mut executions = locked(&self.executions);
        let row = executions.iter_mut().find(|row| row.table == table && row.version == version);
        let row = row.ok_or_else(|| missing(table, version))?;
        let (status, fits) = match decision {
            Decision::Retry => ("QUEUED", row.status == "FAILED"),
            Decision::Release => ("QUEUED", row.status == "HELD"),
            Decision::Reject => ("REJECTED", row.status != "SUCCEEDED"),
        };
        if !fits {
            let why = format!("{table} {version} is {}", row.status);
            return Err(Refused { cause: Cause::Conflict, why });
        }
        row.status = status.into();
        for table in locked(&self.exports).tables.iter_mut().filter(|row| row.table == table) {
            table.held.retain(|held| held != version);
            table.failed.retain(|failed| failed != version);
        }
        Ok(format!("{table} {version}: {}", status.to_lowercase()))
    }
}

fn missing(table: &str, version: &str) -> Refused {
    Refused { cause: Cause::Missing, why: format!("there is no execution of {table} {version}") }
}

pub(super) fn exports(now_ms: u64) -> ExportsRow {
    let table = |table: &str, version: &str| ExportTableRow {
        table: table.into(),
        binding: "imports/".into(),
        imported: Some(ImportedRow {
            version: version.into(),
            ended_ms: now_ms - 3_700_000,
            duration_ms: 2_340,
            operations: 20,
        }),
        ..ExportTableRow::default()
    };
    ExportsRow {
        bindings: vec![BindingRow {
            name: "imports/".into(),
            bucket: "imports".into(),
            key: vec!["PK".into()],
            stream: Some("changes".into()),
            target: Some("votes".into()),
            numbers: vec!["price".into(), "stock".into()],
            registry: "registry".into(),
            brake: "holds if more than 30 % of at least 100 rows go, or if columns come or go".into(),
            complete: "with 1 file".into(),
            ..BindingRow::default()
        }],
        tables: vec![
            ExportTableRow {
                running: Some(RunningRow {
                    version: RUNNING.1.into(),
                    step: "publish".into(),
                    started_ms: now_ms - 4_200,
                    progress: Some(ProgressRow { unit: "operations".into(), done: 12_000, total: 20_000 }),
                }),
                oldest_ms: Some(now_ms - 5_000),
                ..table(RUNNING.0, "20210102_V0004")
            },
            ExportTableRow { failed: vec![FAILED.1.into()], ..table(FAILED.0, "20201231_V0002") },
            ExportTableRow {
                held: vec![HELD.1.into()],
                queued: vec!["20210103_V0005".into()],
                oldest_ms: Some(now_ms - 60_000),
                ..table(HELD.0, "20210101_V0003")
            },
        ],
        counts: ExportCounts {
            succeeded: 11,
            failed: 1,
            held: 1,
            refused: 2,
            misplaced: 1,
            published: 1_240_500,
            applied: 1_228_500,
            ..ExportCounts::default()
        },
    }
}

pub(super) fn executions(now_ms: u64) -> Vec<ExecutionRow> {
    let rows = |previous_rows: u64, next_rows: u64, inserts: u64, updates: u64, deletes: u64| DeltaRow {
        previous_rows,
        next_rows,
        inserts,
        updates,
        deletes,
        unchanged: next_rows - inserts - updates,
        bytes: next_rows * 62,
    };
    vec![
        ExecutionRow {
            steps: steps(now_ms - 4_500, "publish", "RUNNING"),
            statistics: Some(rows(1_000_000, 1_000_000, 5_000, 10_000, 5_000)),
            published: 12_000,
            ..execution(RUNNING, "RUNNING", now_ms - 4_500)
        },
        ExecutionRow {
            steps: steps(now_ms - 62_000, "delta", "HELD"),
            statistics: Some(rows(204, 102, 0, 0, 102)),
            hold: Some(HoldRow {
                reasons: vec!["102 of 204 rows would be deleted (50 %): at most 30 % may go".into()],
                sample: (1..=8).map(operation).collect(),
                releasable: true,
            }),
            ..execution(HELD, "HELD", now_ms - 62_000)
        },
        ExecutionRow {
            steps: steps(now_ms - 600_000, "delta", "FAILED"),
            error: Some("export.csv.gz, row 17: a quote is not closed".into()),
            ended_ms: Some(now_ms - 599_000),
            ..execution(FAILED, "FAILED", now_ms - 600_000)
        },
        ExecutionRow {
            steps: steps(now_ms - 3_702_340, "release", "SUCCEEDED"),
            statistics: Some(rows(202, 204, 6, 10, 4)),
            published: 20,
            applied: 20,
            ended_ms: Some(now_ms - 3_700_000),
            ..execution((HELD.0, "20210101_V0003"), "SUCCEEDED", now_ms - 3_702_340)
        },
    ]
}

fn execution((table, version): (&str, &str), status: &str, started_ms: u64) -> ExecutionRow {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ExecutionRow {
        table: table.into(),
        version: version.into(),
        status: status.into(),
        files: vec![ExportFileRow {
            key: format!("{table}/{version}/export.csv.gz"),
            etag: "9e107d9d372bb6826bd81d3542a419d6".into(),
            size: 12_345,
        }],
        registered_ms: started_ms - 120,
        started_ms: Some(started_ms),
        previous: Some("20201231_V0002".into()),
        columns: words(&["PK", "name", "price", "stock", "note"]),
        stream: Some("changes".into()),
        target: Some("votes".into()),
        ..ExecutionRow::default()
    }
}

/// All steps up to one that came to something.
fn steps(started_ms: u64, last: &str, outcome: &str) -> Vec<StepRow> {
    let took = [("register", 20), ("lock", 5), ("delta", 840), ("publish", 900), ("apply", 560), ("release", 15)];
    let mut at_ms = started_ms;
    let mut steps = Vec::new();
    for (name, ms) in took {
        let is_last = name == last;
        steps.push(StepRow {
            name: name.into(),
            outcome: if is_last { outcome } else { "SUCCEEDED" }.into(),
            started_ms: at_ms,
            ended_ms: (!is_last || outcome != "RUNNING").then_some(at_ms + ms),
            error: None,
        });
        at_ms += ms;
        if is_last {
            break;
        }
    }
    steps
}

fn operation(number: u32) -> OperationRow {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    OperationRow {
        operation: "DELETE".into(),
        key: vec![pair("PK", format!("P{number:06}"))],
        row: vec![pair("name", format!("Lamp no. {number}")), pair("price", "19.90".into())],
    }
}
