//! The registry: executions and their steps as items of a table that anyone can read and nobody else can write. Its rows
//! are in the same commits as what they tell of.
//!
//! Partition key `table`: TENANT/TABLE. Sort key `execution`: EXPORT_VERSION for the execution, EXPORT_VERSION#1-register to
//! EXPORT_VERSION#6-release for its steps, EXPORT_VERSION#refused/FILE for what a rule refused. Objects that fit no layout
//! are under the table [`MISPLACED`].

use crate::{Error, Execution, Outcome, Statistics, Step, StepRecord, fields, table::Table};
use db::{Db, Keeper, Row, TableSpec};
use item::{Item, KeyAttribute, KeyKind, KeySchema, Value};
use std::sync::Arc;
use wire::time;

/// Where objects are shown whose keys do not fit the layout: no TENANT/TABLE is called so.
pub const MISPLACED: &str = "misplaced";
/// Who keeps the table, in words for whoever tries to write to it.
const KEEPER: &str = "executions of exports";
/// Files of an execution that are shown; their number is shown in any case.
const FILES_SHOWN: usize = 20;
/// Longest text that is shown, bytes.
const TEXT_MAX: usize = 2048;
/// Longest part of an object's key in a sort key, bytes.
const KEY_MAX: usize = 512;

fn spec(name: &str) -> TableSpec {
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
    let key = KeySchema { partition: attribute("table"), sort: Some(attribute("execution")) };
    TableSpec { keeper: Some(KEEPER.to_owned()), ..TableSpec::new(name, key) }
}

/// Whether the registry is not there.
pub fn is_missing(db: &Db, name: &str) -> bool {
    db.table(name).is_none()
}

/// The registry of this name; made, if it is not there.
pub fn ensure(db: &Db, name: &str) -> Result<Arc<db::Table>, Error> {
    let found = match db.table(name) {
        Some(found) => found,
        None => match db.create_table(spec(name)).wait() {
            Err(db::Error::TableExists(_)) => return ensure(db, name),
            created => created?,
        },
    };
    let keeper = Some(Keeper::Room(KEEPER.to_owned()));
    if found.spec.keeper() != keeper || found.spec.key != spec(name).key {
        let what = "a table of this name is there and is no registry: give the registry another name".to_owned();
        return Err(Error::Binding { binding: format!("registry {name}"), what });
    }
    Ok(found)
}

/// A row that is put.
pub fn row(registry: &db::Table, item: Item) -> Row {
    let key = registry.spec.key.key_of(&item).expect("rows are written with their key");
    Row::folded(registry.id, key, Some(item))
}

fn keyed(table: &str, execution: String) -> Item {
    Item::from_iter([("table", fields::text(table)), ("execution", fields::text(execution))])
}

/// The rows of an execution; those of steps that did not begin are taken away.
pub fn rows(registry: &db::Table, table: &Table, execution: &Execution) -> Vec<Row> {
    let mut rows = vec![row(registry, execution_item(table, execution))];
    for step in Step::ALL {
        let name = format!("{}#{}-{}", execution.version, step.number(), step.name());
        let item = keyed(&table.name, name);
        let key = registry.spec.key.key_of(&item).expect("written with it");
        let record = execution.steps.iter().find(|record| record.step == step);
        let new = record.map(|record| step_item(item, execution, record));
        rows.push(Row::folded(registry.id, key, new));
    }
    rows
}

/// What a rule refused.
pub fn refused(table: &str, version: &str, file: &str, why: &str, now_ms: u64) -> Item {
    let mut item = keyed(table, format!("{version}#refused/{}", cut(file, KEY_MAX)));
    item.insert("status", fields::text("REFUSED"));
    item.insert("error", fields::text(format!("{version} {why}")));
    put_time(&mut item, "ended", Some(now_ms));
    item
}

/// An object whose key does not fit the layout.
pub fn misplaced(bucket: &str, key: &str, why: &str, now_ms: u64) -> Item {
    let mut item = keyed(MISPLACED, format!("{bucket}/{}", cut(key, KEY_MAX)));
    item.insert("status", fields::text("MISPLACED"));
    item.insert("error", fields::text(why));
    item.insert("input", Value::M(Item::from_iter([("bucket", fields::text(bucket)), ("key", fields::text(key))])));
    put_time(&mut item, "ended", Some(now_ms));
    item
}

fn execution_item(table: &Table, execution: &Execution) -> Item {
    let mut item = keyed(&table.name, execution.version.clone());
    item.insert("status", fields::text(execution.status.name()));
    item.insert("step", fields::text(execution.step().name()));
    item.insert("input", Value::M(input(table, execution)));
    item.insert("output", Value::M(output(execution)));
    item.insert("ignored", fields::number(execution.ignored));
    fields::put(&mut item, "statistics", execution.statistics.map(statistics));
    put_time(&mut item, "registered", Some(execution.registered_ms));
    put_times(&mut item, execution.started_ms, execution.ended_ms);
    put_error(&mut item, execution.error.as_ref());
    if let Some(hold) = &execution.hold {
        let reasons: Vec<String> = hold.reasons.iter().map(|reason| cut(reason, TEXT_MAX).to_owned()).collect();
        item.insert("hold", fields::texts(&reasons));
        item.insert("sample", hold.sample_value());
        item.insert("released", Value::Bool(execution.released));
    }
    item
}

fn input(table: &Table, execution: &Execution) -> Item {
    let shown = |file: &crate::ExportFile| {
        Value::M(Item::from_iter([
            ("key", fields::text(&file.key)),
            ("etag", fields::text(&file.etag)),
            ("size", fields::number(file.size)),
        ]))
    };
    let mut item = Item::from_iter([
        ("binding", fields::text(&table.binding)),
        ("fileCount", fields::number(execution.files.len() as u64)),
        ("files", Value::L(execution.files.iter().take(FILES_SHOWN).map(shown).collect())),
    ]);
    fields::put(&mut item, "previous", execution.previous.as_ref().map(fields::text));
    item
}

fn output(execution: &Execution) -> Item {
    let mut item = Item::new();
    for (name, place, done) in
        [("stream", &execution.stream, execution.published), ("target", &execution.target, execution.applied)]
    {
        if let Some(place) = place {
            item.insert(name, fields::text(place));
            item.insert(if name == "stream" { "published" } else { "applied" }, fields::number(done));
        }
    }
    item
}

fn statistics(statistics: Statistics) -> Value {
    let mut item = statistics.to_item();
    item.insert("operations", fields::number(statistics.operations()));
    Value::M(item)
}

fn step_item(mut item: Item, execution: &Execution, record: &StepRecord) -> Item {
    item.insert("status", fields::text(record.outcome.name()));
    put_times(&mut item, Some(record.started_ms), record.ended_ms);
    put_error(&mut item, record.error.as_ref());
    let done = |name: &str, done: u64| {
        let numbers = [(name, fields::number(done)), ("operations", fields::number(operations(execution)))];
        Value::M(Item::from_iter(numbers))
    };
    match record.step {
        Step::Register => {
            let files = fields::number(execution.files.len() as u64);
            item.insert("output", Value::M(Item::from_iter([("files", files)])));
        }
        Step::Lock => {
            let token = fields::number(execution.token);
            item.insert("output", Value::M(Item::from_iter([("token", token)])));
        }
        Step::Delta => {
            let mut input = Item::new();
            fields::put(&mut input, "previous", execution.previous.as_ref().map(fields::text));
            item.insert("input", Value::M(input));
            fields::put(&mut item, "statistics", execution.statistics.map(statistics));
        }
        Step::Publish if record.outcome != Outcome::Skipped => {
            item.insert("statistics", done("published", execution.published));
            put_place(&mut item, "stream", execution.stream.as_ref());
        }
        Step::Apply if record.outcome != Outcome::Skipped => {
            item.insert("statistics", done("applied", execution.applied));
            put_place(&mut item, "target", execution.target.as_ref());
        }
        Step::Publish | Step::Apply | Step::Release => {}
    }
    item
}

fn put_place(item: &mut Item, name: &str, place: Option<&String>) {
    let place = place.map(|place| (name, fields::text(place)));
    item.insert("output", Value::M(place.into_iter().collect()));
}

fn operations(execution: &Execution) -> u64 {
    execution.statistics.map_or(0, |statistics| statistics.operations())
}

fn put_error(item: &mut Item, error: Option<&String>) {
    fields::put(item, "error", error.map(|error| fields::text(cut(error, TEXT_MAX))));
}

fn put_times(item: &mut Item, started_ms: Option<u64>, ended_ms: Option<u64>) {
    put_time(item, "started", started_ms);
    put_time(item, "ended", ended_ms);
    let duration = started_ms.zip(ended_ms).map(|(started, ended)| ended.saturating_sub(started));
    fields::put(item, "durationMs", duration.map(fields::number));
}

/// A moment, for people and for programs.
fn put_time(item: &mut Item, name: &str, ms: Option<u64>) {
    if let Some(ms) = ms {
        item.insert(format!("{name}At"), fields::text(format!("{}Z", time::label(ms))));
        item.insert(format!("{name}Ms"), fields::number(ms));
    }
}

/// The beginning of a text, where it is too long.
pub fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
