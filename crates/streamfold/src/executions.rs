//! `streamfold exports`: executions as a person at a terminal reads them, from what the console's addresses for programs
//! answer.

use crate::{
    cli::{Executions, Exports, ListedExecutions, OneExecution, ShownExecution},
    client::{Client, encoded, line, text},
    failure::Failure,
    say,
};
use serde_json::Value;
use std::fmt::Write;

/// What an execution does, in order.
const STEPS: [&str; 6] = ["register", "lock", "delta", "publish", "apply", "release"];
/// Where nothing goes on by itself.
const STANDS_STILL: [&str; 5] = ["HELD", "FAILED", "REJECTED", "REFUSED", "SUCCEEDED"];
/// Characters of a field of a row in question.
const FIELD_MAX: usize = 40;

pub fn exports(exports: &Exports) -> Result<(), Failure> {
    match &exports.what {
        Executions::List(list) => self::list(list),
        Executions::Show(show) => self::show(show),
        Executions::Retry(one) => decide(one, "retry"),
        Executions::Release(one) => decide(one, "release"),
        Executions::Reject(one) => decide(one, "reject"),
    }
}

fn list(asked: &ListedExecutions) -> Result<(), Failure> {
    let table = asked.table.as_ref().map(|table| format!("&table={}", encoded(table))).unwrap_or_default();
    let answer = Client::new(&asked.running).get(&format!("/api/exports?most={}{table}", asked.most))?;
    say(&if asked.json { pretty(&answer["executions"]) } else { listed(&answer) });
    Ok(())
}

fn show(asked: &ShownExecution) -> Result<(), Failure> {
    let client = Client::new(&asked.execution.running);
    if asked.follow {
        return follow(&client, &asked.execution);
    }
    let answer = client.get(&format!("/api{}", address(&asked.execution.execution)))?;
    say(&if asked.json { pretty(&answer["execution"]) } else { shown(&answer) });
    Ok(())
}

/// Says what changes, as the execution's page learns it.
fn follow(client: &Client, asked: &OneExecution) -> Result<(), Failure> {
    let path = address(&asked.execution);
    // A feed tells nobody that there is no such execution.
    client.get(&format!("/api{path}"))?;
    let mut said = String::new();
    client.follow(&format!("{path}/feed"), |frame| {
        let now = state(&frame["execution"]);
        if now != said {
            line(&now);
            said = now;
        }
        !STANDS_STILL.contains(&text(&frame["execution"], "status"))
    })?;
    let answer = client.get(&format!("/api{path}"))?;
    say(&format!("\n{}", shown(&answer)));
    Ok(())
}

fn decide(asked: &OneExecution, decision: &str) -> Result<(), Failure> {
    let path = format!("/api{}/{decision}", address(&asked.execution));
    let answer = Client::new(&asked.running).post(&path, "{}")?;
    line(text(&answer, "done"));
    Ok(())
}

/// Its page.
fn address(execution: &str) -> String {
    let parts: Vec<String> = execution.split('/').map(encoded).collect();
    format!("/exports/{}", parts.join("/"))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// A table of executions, with what a person should know below those that stand still.
fn listed(answer: &Value) -> String {
    let rows: Vec<&Value> = answer["executions"].as_array().into_iter().flatten().collect();
    if rows.is_empty() {
        return "no export has arrived\n".to_owned();
    }
    let now_ms = answer["at"].as_u64().unwrap_or_default();
    let head = ["EXECUTION", "STATUS", "STEP", "INSERT", "UPDATE", "DELETE", "TOOK", "WHEN"].map(str::to_owned);
    let cells: Vec<[String; 8]> = rows.iter().map(|row| cells(row, now_ms)).collect();
    let width = |column: usize| {
        cells.iter().chain([&head]).map(|cells| cells[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = aligned(&head, &widths);
    for (row, cells) in rows.iter().zip(&cells) {
        out += &aligned(cells, &widths);
        for reason in reasons(row) {
            out += &format!("    {reason}\n");
        }
    }
    out
}

/// Words to the left, numbers to the right.
fn aligned(cells: &[String; 8], widths: &[usize]) -> String {
    let padded = |(at, cell): (usize, &String)| {
        let width = widths[at];
        if (3..=6).contains(&at) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    };
    let line: Vec<String> = cells.iter().enumerate().map(padded).collect();
    line.join("  ").trim_end().to_owned() + "\n"
}

fn cells(row: &Value, now_ms: u64) -> [String; 8] {
    let found = |name: &str| row["statistics"][name].as_u64().map(|count| count.to_string()).unwrap_or_default();
    let step = row["steps"].as_array().and_then(|steps| steps.last());
    let when =
        row["ended_ms"].as_u64().or_else(|| row["started_ms"].as_u64()).or_else(|| row["registered_ms"].as_u64());
    [
        text(row, "name").to_owned(),
        text(row, "status").to_owned(),
        step.map(|step| doing(row, step)).unwrap_or_default(),
        found("inserts"),
        found("updates"),
        found("deletes"),
        took(row, now_ms).map(span).unwrap_or_default(),
        when.map(|ms| format!("{} ago", span(now_ms.saturating_sub(ms)))).unwrap_or_default(),
    ]
}

/// A step, and how far it is.
fn doing(row: &Value, step: &Value) -> String {
    let name = text(step, "name");
    match (text(row, "status"), part(&row["progress"])) {
        ("RUNNING", Some(percent)) => format!("{name} {percent} %"),
        _ => name.to_owned(),
    }
}

fn part(progress: &Value) -> Option<u64> {
    let (done, total) = (progress["done"].as_u64()?, progress["total"].as_u64()?);
    Some(if total == 0 { 0 } else { (u128::from(done) * 100 / u128::from(total)).min(100) as u64 })
}

/// From the start to the end, or to now.
fn took(row: &Value, now_ms: u64) -> Option<u64> {
    let end_ms = row["ended_ms"].as_u64().unwrap_or(now_ms);
    Some(end_ms.saturating_sub(row["started_ms"].as_u64()?))
}

/// `20 ms`, `3.4 s`, `12 min`, `5 h`, `3 d`.
fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// Why it is held, or what went wrong.
fn reasons(row: &Value) -> Vec<&str> {
    let held = row["hold"]["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match text(row, "status") {
        "HELD" => held.collect(),
        "SUCCEEDED" => Vec::new(),
        _ => row["error"].as_str().into_iter().collect(),
    }
}

/// One line about an execution.
fn state(row: &Value) -> String {
    let step = row["steps"].as_array().and_then(|steps| steps.last());
    format!("{:<9}  {}", text(row, "status"), step.map(|step| doing(row, step)).unwrap_or_default())
        .trim_end()
        .to_owned()
}

/// Everything about one execution.
fn shown(answer: &Value) -> String {
    let (row, now_ms) = (&answer["execution"], answer["at"].as_u64().unwrap_or_default());
    let mut out = format!("{}  {}\n", text(row, "name"), text(row, "status"));
    let from = row["previous"]
        .as_str()
        .map_or("starts from nothing: every row is an INSERT".to_owned(), |previous| format!("starts from {previous}"));
    out += &format!("{from}\n\n");
    for name in STEPS {
        out += &step(row, name, now_ms);
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            write!(out, "\n{title}\n  {}\n", lines.join("\n  ")).expect("a String takes any text");
        }
    };
    section("why", reasons(row).into_iter().map(str::to_owned).collect());
    if text(row, "status") == "HELD" {
        section(
            "some of the operations",
            row["hold"]["sample"].as_array().into_iter().flatten().map(operation).collect(),
        );
    }
    section("files", row["files"].as_array().into_iter().flatten().map(file).collect());
    out
}

fn step(row: &Value, name: &str, now_ms: u64) -> String {
    let found = row["steps"].as_array().into_iter().flatten().find(|step| step["name"] == name);
    let Some(step) = found else { return format!("  {name}\n") };
    let took =
        step["ended_ms"].as_u64().unwrap_or(now_ms).saturating_sub(step["started_ms"].as_u64().unwrap_or(now_ms));
    let operations = |what: &str| match row[what].as_u64() {
        Some(count) if count > 0 => format!("{count} operations"),
        _ => String::new(),
    };
    let said = match name {
        "delta" => changes(&row["statistics"]),
        "publish" => operations("published"),
        "apply" => operations("applied"),
        _ => String::new(),
    };
    let progress = match (text(step, "outcome"), part(&row["progress"])) {
        ("RUNNING", Some(percent)) => format!("{percent} %  "),
        _ => String::new(),
    };
    let line = format!("  {name:<8}  {:<9}  {:>7}  {progress}{said}", text(step, "outcome"), span(took));
    line.trim_end().to_owned() + "\n"
}

fn changes(found: &Value) -> String {
    let count = |name: &str| found[name].as_u64().unwrap_or_default();
    if found.is_null() {
        return String::new();
    }
    format!(
        "{} INSERT, {} UPDATE, {} DELETE, {} unchanged; {} rows before, {} now",
        count("inserts"),
        count("updates"),
        count("deletes"),
        count("unchanged"),
        count("previous_rows"),
        count("next_rows")
    )
}

/// `DELETE  PK=P000001  name=Lamp`
fn operation(row: &Value) -> String {
    let pairs = row["key"].as_array().into_iter().chain(row["row"].as_array()).flatten();
    let mut seen = Vec::new();
    let mut line = text(row, "operation").to_owned();
    for pair in pairs {
        let (name, value) = (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default());
        if !seen.contains(&name) {
            seen.push(name);
            line += &format!("  {name}={}", cut(value));
        }
    }
    line
}

/// On one line, no longer than is read at a glance.
fn cut(value: &str) -> String {
    let plain: String = value.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    match plain.char_indices().nth(FIELD_MAX) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain,
    }
}

fn file(file: &Value) -> String {
    format!("{}  {} bytes", text(file, "key"), file["size"].as_u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    fn held() -> Value {
        json!({
            "name": "tenant/test_table/20210102_V0004", "status": "HELD", "previous": "20210101_V0003",
            "registered_ms": 90_000, "started_ms": 90_500, "ended_ms": null,
            "steps": [
                { "name": "register", "outcome": "SUCCEEDED", "started_ms": 90_000, "ended_ms": 90_020 },
                { "name": "lock", "outcome": "SUCCEEDED", "started_ms": 90_500, "ended_ms": 90_505 },
                { "name": "delta", "outcome": "HELD", "started_ms": 90_505, "ended_ms": 91_905 },
            ],
            "statistics": {
                "previous_rows": 204, "next_rows": 102, "inserts": 0, "updates": 0, "deletes": 102, "unchanged": 102,
            },
            "hold": {
                "reasons": ["102 of 204 rows would be deleted (50 %): at most 30 % may go"],
                "sample": [{
                    "operation": "DELETE", "key": [["PK", "P000001"]],
                    "row": [["PK", "P000001"], ["note", "fragile\nthis side up, and a text that goes on and on and on"]],
                }],
                "releasable": true,
            },
            "error": null, "published": 0, "applied": 0,
            "files": [{ "key": "tenant/test_table/20210102_V0004/export.csv.gz", "size": 12_345 }],
        })
    }

    fn running() -> Value {
        json!({
            "name": "acme/customers/20210103_V0005", "status": "RUNNING", "previous": null,
            "registered_ms": 100_000, "started_ms": 100_000, "ended_ms": null,
            "steps": [
                { "name": "register", "outcome": "SUCCEEDED", "started_ms": 100_000, "ended_ms": 100_020 },
                { "name": "publish", "outcome": "RUNNING", "started_ms": 100_900, "ended_ms": null },
            ],
            "progress": { "unit": "operations", "done": 12_000, "total": 20_000 },
            "statistics": {
                "previous_rows": 0, "next_rows": 20_000, "inserts": 20_000, "updates": 0, "deletes": 0, "unchanged": 0,
            },
            "hold": null, "error": null, "published": 12_000, "applied": 0, "files": [],
        })
    }

    #[test]
    fn executions_are_listed_with_what_a_person_should_know_below_them() {
        let failed = json!({
            "name": "acme/prices/20210101_V0003", "status": "FAILED", "registered_ms": 1, "started_ms": 2,
            "ended_ms": 40_000, "steps": [], "statistics": null, "error": "export.csv.gz, row 17: a quote is not closed",
        });
        let answer = json!({ "at": 102_000, "executions": [running(), held(), failed] });
        expect![[r#"
            EXECUTION                         STATUS   STEP          INSERT  UPDATE  DELETE   TOOK  WHEN
            acme/customers/20210103_V0005     RUNNING  publish 60 %   20000       0       0  2.0 s  2.0 s ago
            tenant/test_table/20210102_V0004  HELD     delta              0       0     102   11 s  11 s ago
                102 of 204 rows would be deleted (50 %): at most 30 % may go
            acme/prices/20210101_V0003        FAILED                                          39 s  62 s ago
                export.csv.gz, row 17: a quote is not closed
        "#]]
        .assert_eq(&listed(&answer));
        expect![[r#"
            no export has arrived
        "#]]
        .assert_eq(&listed(&json!({ "at": 1, "executions": [] })));
    }

    #[test]
    fn an_execution_is_shown_step_by_step_with_the_rows_in_question() {
        expect![[r#"
            tenant/test_table/20210102_V0004  HELD
            starts from 20210101_V0003

              register  SUCCEEDED    20 ms
              lock      SUCCEEDED     5 ms
              delta     HELD         1.4 s  0 INSERT, 0 UPDATE, 102 DELETE, 102 unchanged; 204 rows before, 102 now
              publish
              apply
              release

            why
              102 of 204 rows would be deleted (50 %): at most 30 % may go

            some of the operations
              DELETE  PK=P000001  note=fragile this side up, and a text that go…

            files
              tenant/test_table/20210102_V0004/export.csv.gz  12345 bytes
        "#]]
        .assert_eq(&shown(&json!({ "at": 102_000, "execution": held() })));
        expect![[r#"
            acme/customers/20210103_V0005  RUNNING
            starts from nothing: every row is an INSERT

              register  SUCCEEDED    20 ms
              lock
              delta
              publish   RUNNING      1.1 s  60 %  12000 operations
              apply
              release
        "#]]
        .assert_eq(&shown(&json!({ "at": 102_000, "execution": running() })));
        expect![[r#"
            RUNNING    publish 60 %
            HELD       delta
        "#]]
        .assert_eq(&format!("{}\n{}\n", state(&running()), state(&held())));
    }
}
