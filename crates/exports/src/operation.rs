//! An operation on its way out: as a record of a stream, and as a row of the target. Both are tried on every operation
//! before the first one leaves.

use crate::{Sample, table::Table};
use delta::{Kind, Operation};
use item::{Item, Key, Number, Origin, Value};
use kinesis::{PARTITION_KEY_MAX, Put, Stream};
use wire::Object;

/// Columns of a sample that are shown, and characters of a text.
const SAMPLE_COLUMNS: usize = 50;
const SAMPLE_CHARACTERS: usize = 200;

pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Insert => "INSERT",
        Kind::Update => "UPDATE",
        Kind::Delete => "DELETE",
    }
}

/// Which export an operation is of.
#[derive(Clone, Copy)]
pub struct Of<'o> {
    pub tenant: &'o str,
    pub table: &'o str,
    pub version: &'o str,
}

impl<'o> Of<'o> {
    pub fn new(table: &'o Table, version: &'o str) -> Of<'o> {
        let (tenant, table) = table.parts();
        Of { tenant, table, version }
    }
}

/// The record of a stream.
pub fn record(of: Of<'_>, operation: &Operation<'_>, stream: &Stream) -> Result<db::Record, String> {
    let put = Put::new(partition_key(of, operation), json(of, operation));
    stream.record(put, Origin::Client).map_err(|error| format!("{}: {error}", shown_key(operation)))
}

/// The same for all operations on a row, so that they stay in order.
fn partition_key(of: Of<'_>, operation: &Operation<'_>) -> String {
    let mut key = format!("{}/{}", of.tenant, of.table);
    for (_, text) in operation.key() {
        key.push('/');
        key.push_str(text);
    }
    if key.chars().count() > PARTITION_KEY_MAX {
        // What tells long keys apart may be at their ends.
        let hash = item::partition_hash(&item::KeyValue::S(key.clone()));
        let kept: String = key.chars().take(PARTITION_KEY_MAX - 9).collect();
        key = format!("{kept}#{hash:08x}");
    }
    key
}

fn json(of: Of<'_>, operation: &Operation<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut object = Object::new(&mut out);
    object.text("operation", kind_name(operation.kind));
    object.text("tenant", of.tenant);
    object.text("table", of.table);
    object.text("exportVersion", of.version);
    object.bare("ordinal", operation.ordinal);
    let mut key = object.object("key");
    operation.key().for_each(|(name, text)| key.text(name, text));
    key.end();
    if operation.kind != Kind::Delete {
        let mut row = object.object("row");
        operation.row().for_each(|(name, text)| row.text(name, text));
        row.end();
    }
    object.end();
    out
}

/// The row of the target after the operation.
pub fn row(operation: &Operation<'_>, target: &db::Table, numbers: &[String]) -> Result<db::Row, String> {
    let explain = |why: String| format!("{}: {why}", shown_key(operation));
    let (key, new) = (|| {
        let key = item(operation.key(), numbers)?;
        let key: Key = target.spec.key.exact_key(&key).map_err(|error| error.to_string())?;
        if operation.kind == Kind::Delete {
            return Ok((key, None));
        }
        let new = item(operation.row(), numbers)?;
        check(&new, target)?;
        Ok((key, Some(new)))
    })()
    .map_err(explain)?;
    Ok(db::Row::folded(target.id, key, new))
}

/// Refuses what the target would refuse from a client.
fn check(item: &Item, target: &db::Table) -> Result<(), String> {
    let bytes = item::size::item(item);
    if bytes > item::size::ITEM_BYTES_MAX {
        let (table, most) = (&target.spec.name, item::size::ITEM_BYTES_MAX);
        return Err(format!("the row takes {bytes} bytes in table {table}, more than {most}"));
    }
    for index in &target.indexes {
        index.spec.key.key_of(item).map_err(|error| format!("index {}: {error}", index.spec.name))?;
    }
    Ok(())
}

fn item<'t>(texts: impl Iterator<Item = (&'t str, &'t str)>, numbers: &[String]) -> Result<Item, String> {
    let mut item = Item::new();
    for (name, text) in texts {
        if name.is_empty() {
            return Err("a column without a name cannot be an attribute".to_owned());
        }
        let is_number = numbers.iter().any(|number| number == name);
        match (is_number, text) {
            (false, text) => drop(item.insert(name, Value::S(text.to_owned()))),
            (true, "") => {}
            (true, text) => {
                let number =
                    Number::parse(text).map_err(|_| format!("column {name} says {text:?}, which is no number"))?;
                item.insert(name, Value::N(number));
            }
        }
    }
    Ok(item)
}

/// A key for people: `PK=7`.
fn shown_key(operation: &Operation<'_>) -> String {
    let parts: Vec<String> = operation.key().map(|(name, text)| format!("{name}={}", shown(text))).collect();
    format!("{} of {}", kind_name(operation.kind), parts.join(", "))
}

pub fn sample(operation: &Operation<'_>) -> Sample {
    let pair = |(name, text): (&str, &str)| (shown(name), shown(text));
    Sample {
        operation: kind_name(operation.kind).to_owned(),
        key: operation.key().take(SAMPLE_COLUMNS).map(pair).collect(),
        row: operation.row().take(SAMPLE_COLUMNS).map(pair).collect(),
    }
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SAMPLE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
