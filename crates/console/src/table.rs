//! One table in full: its settings and stream, and pages of its items or of an index's entries.

use crate::{
    Inner,
    cell::text,
    overview::{key, view_type},
    recent::key_columns,
    respond::{Body, json},
};
use db::{Billing, Db, Error, Index, IndexScan, Scan, Table};
use http::{Response, StatusCode};
use item::{Item, Key};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Items of one page of the browser.
const ITEMS_PAGE: usize = 25;
/// Attributes shown as columns, key included.
const COLUMNS_MAX: usize = 12;
/// Longest text of one attribute in the browser, in characters.
const VALUE_CHARS_MAX: usize = 400;

/// `/api/tables/NAME`: what does not move. Figures that do come with the feed.
pub async fn describe(inner: &Arc<Inner>, name: &str) -> Response<Body> {
    let Some(table) = inner.db.table(name) else { return missing(name) };
    let spec = &table.spec;
    let stream =
        inner.db.streams().into_iter().rev().find(|stream| stream.table == table.id && stream.closed.is_none());
    let billing = match spec.billing {
        Billing::OnDemand => "on demand".to_owned(),
        Billing::Provisioned { read, write } => format!("provisioned, {read} read and {write} write units"),
    };
    let body = json!({
        "name": spec.name,
        "uuid": uuid(table.uuid),
        "key": key(&spec.key),
        "created_ms": table.created_ms,
        "stream": spec.stream.map(|kind| json!({
            "type": view_type(kind),
            "shards": spec.shards,
            "arn": stream.map(|stream| (inner.config.stream_arn)(&stream)),
        })),
        "view": spec.view.as_ref().map(|view| json!({
            "sql": view.sql,
            "sources": view.sources.iter().map(|(_, table)| table).collect::<Vec<_>>(),
        })),
        "billing": billing,
        "ttl": spec.ttl,
        "protected": spec.deletion_protection,
        "tags": spec.tags,
    });
    json(StatusCode::OK, &body)
}

/// `/api/tables/NAME/items?index=INDEX&start=TOKEN`: `{columns, more_columns, rows: [[cell]], next}`, a cell is
/// `[type, text]` or null.
pub async fn items(inner: &Arc<Inner>, name: &str, query: &str) -> Response<Body> {
    let Some(table) = inner.db.table(name) else { return missing(name) };
    let source = match Source::of(&table, query) {
        Ok(source) => source,
        Err((status, why)) => return json(status, &json!({ "error": why })),
    };
    let db = inner.db.clone();
    // The page may have to come from the disk.
    let read = tokio::task::spawn_blocking(move || source.page(&db, &table).map(|page| shown(&page)));
    match read.await {
        Ok(Ok(body)) => json(StatusCode::OK, &body),
        Ok(Err(error)) => json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error.to_string() })),
        Err(_) => json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "the page could not be read" })),
    }
}

/// What is browsed, and from where on.
enum Source {
    Table(Option<Key>),
    Index(Index, Option<Vec<u8>>),
}

/// One page of the browser.
struct Browsed {
    /// Attributes of the keys: they are shown first.
    keys: Vec<String>,
    items: Vec<Item>,
    /// Where the next page starts.
    next: Option<Vec<u8>>,
}

impl Source {
    fn of(table: &Table, query: &str) -> Result<Source, (StatusCode, &'static str)> {
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
        let wrong = (StatusCode::BAD_REQUEST, "start is not a place in this table");
        let start = parameter("start=").map(|token| unhex(token).ok_or(wrong)).transpose()?;
        let Some(index) = parameter("index=") else {
            let key = start.map(|bytes| table.spec.key.decode(&bytes).ok_or(wrong));
            return Ok(Source::Table(key.transpose()?));
        };
        let index = table.index(index).ok_or((StatusCode::NOT_FOUND, "this table has no such index"))?;
        Ok(Source::Index(index.clone(), start))
    }

    fn page(self, db: &Db, table: &Table) -> Result<Browsed, Error> {
        let (segment, limit) = ((0, 1), Some(ITEMS_PAGE));
        let mut keys = key_columns(&table.spec.key);
        match self {
            Source::Table(start) => {
                let page = db.scan(table, &Scan { segment, start, limit, filter: None })?;
                let next = page.last.map(|key| {
                    let mut bytes = Vec::new();
                    key.encode(&mut bytes);
                    bytes
                });
                Ok(Browsed { keys, items: page.items, next })
            }
            Source::Index(index, start) => {
                let scan = IndexScan { segment, start, limit, filter: None, whole: false };
                let page = db.scan_index(table, &index, &scan)?;
                let next = page.last.and_then(|place| index.position(table, &place).ok());
                let own: Vec<String> = index.spec.key.attributes().map(|attribute| attribute.name.clone()).collect();
                keys.retain(|name| !own.contains(name));
                Ok(Browsed { keys: [own, keys].concat(), items: page.items, next })
            }
        }
    }
}

fn shown(page: &Browsed) -> Value {
    let mut columns = page.keys.clone();
    let names = page.items.iter().flat_map(Item::iter).map(|(name, _)| name);
    let others: BTreeSet<&str> = names.filter(|name| !columns.iter().any(|column| column == name)).collect();
    let room = COLUMNS_MAX - columns.len();
    columns.extend(others.iter().take(room).map(|name| (*name).to_owned()));
    let cell =
        |item: &Item, name: &str| item.get(name).map(|value| json!([value.type_code(), text(value, VALUE_CHARS_MAX)]));
    let row = |item: &Item| columns.iter().map(|name| cell(item, name)).collect::<Vec<_>>();
    json!({
        "columns": columns,
        "more_columns": others.len().saturating_sub(room),
        "rows": page.items.iter().map(row).collect::<Vec<_>>(),
        "next": page.next.as_deref().map(hex),
    })
}

/// A place as text for an address.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn missing(name: &str) -> Response<Body> {
    json(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no table named {name}") }))
}
