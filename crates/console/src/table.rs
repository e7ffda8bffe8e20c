//! One table in full: its settings and stream, and pages of its items.

use crate::{
    Inner,
    cell::text,
    overview::{key, view_type},
    recent::key_columns,
    respond::{Body, json},
};
use db::{Billing, Db, Error, Page, Scan, Table};
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

/// `/api/tables/NAME/items?start=TOKEN`: `{columns, more_columns, rows: [[cell]], next}`, a cell is `[type, text]` or
/// null.
pub async fn items(inner: &Arc<Inner>, name: &str, query: &str) -> Response<Body> {
    let Some(table) = inner.db.table(name) else { return missing(name) };
    let token = query.split('&').find_map(|pair| pair.strip_prefix("start="));
    let start = match token.map(|token| key_of(&table, token)) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => return json(StatusCode::BAD_REQUEST, &json!({ "error": "start is not a key of this table" })),
    };
    let db = inner.db.clone();
    // The page may have to come from the disk.
    let read = tokio::task::spawn_blocking(move || page(&db, &table, start).map(|page| shown(&table, &page)));
    match read.await {
        Ok(Ok(body)) => json(StatusCode::OK, &body),
        Ok(Err(error)) => json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error.to_string() })),
        Err(_) => json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "the page could not be read" })),
    }
}

fn page(db: &Db, table: &Table, start: Option<Key>) -> Result<Page, Error> {
    db.scan(table, &Scan { segment: (0, 1), start, limit: Some(ITEMS_PAGE), filter: None })
}

fn shown(table: &Table, page: &Page) -> Value {
    let mut columns = key_columns(&table.spec.key);
    let names = page.items.iter().flat_map(Item::iter).map(|(name, _)| name);
    let others: BTreeSet<&str> = names.filter(|name| !table.spec.key.has(name)).collect();
    let room = COLUMNS_MAX - columns.len();
    columns.extend(others.iter().take(room).map(|name| (*name).to_owned()));
    let cell =
        |item: &Item, name: &str| item.get(name).map(|value| json!([value.type_code(), text(value, VALUE_CHARS_MAX)]));
    let row = |item: &Item| columns.iter().map(|name| cell(item, name)).collect::<Vec<_>>();
    json!({
        "columns": columns,
        "more_columns": others.len().saturating_sub(room),
        "rows": page.items.iter().map(row).collect::<Vec<_>>(),
        "next": page.last.as_ref().map(token),
    })
}

/// A key as text for an address: its stored form in hex.
fn token(key: &Key) -> String {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(table: &Table, token: &str) -> Option<Key> {
    if !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&token[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(byte).collect();
    table.spec.key.decode(&bytes?)
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn missing(name: &str) -> Response<Body> {
    json(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no table named {name}") }))
}
