//! The indexes of a table and what expires of it, as pages show them: key, projection, figures, and how far a new index
//! is filled with the items that were there before it.

use db::{Backfill, Db, Index, Projected, Table};
use item::{IndexSchema, KeyAttribute};
use serde_json::{Value, json};

/// `[{name, local, key, projected, items, bytes, fill}]`, in the order of their creation.
pub fn rows(db: &Db, table: &Table) -> Vec<Value> {
    table.indexes.iter().map(|index| row(db, table, index)).collect()
}

fn row(db: &Db, table: &Table, index: &Index) -> Value {
    let stats = db.stats(index.id);
    json!({
        "name": index.spec.name,
        "local": index.spec.local,
        "key": key(&index.spec.key),
        "projected": projected(&index.spec.projected),
        "items": stats.items,
        "bytes": stats.bytes,
        "fill": fill(db, table, index.backfill.as_ref()),
    })
}

/// `{attribute, items, fill}`, where items expire: how many wait for their time.
pub fn expiry(db: &Db, table: &Table) -> Option<Value> {
    let expiry = table.expiry.as_ref()?;
    Some(json!({
        "attribute": expiry.attribute,
        "items": db.stats(expiry.id).items,
        "fill": fill(db, table, expiry.backfill.as_ref()),
    }))
}

/// `{done, total}` in items of the table; none once it is complete. Items come and go meanwhile.
fn fill(db: &Db, table: &Table, backfill: Option<&Backfill>) -> Option<Value> {
    backfill.map(|backfill| {
        let total = db.stats(table.id).items.max(backfill.items);
        json!({ "done": backfill.items, "total": total })
    })
}

/// The part of an index that is filled, from 0 to 1.
pub fn filled(db: &Db, table: &Table, index: &Index) -> f64 {
    let total = db.stats(table.id).items;
    match &index.backfill {
        Some(backfill) if total > 0 => (backfill.items as f64 / total as f64).min(1.0),
        Some(_) => 0.0,
        None => 1.0,
    }
}

/// `[{name, type, part}]`, the partition key first; each part may have several attributes.
fn key(schema: &IndexSchema) -> Vec<Value> {
    let attribute = |attribute: &KeyAttribute, part: &str| json!({ "name": attribute.name, "type": attribute.kind.code(), "part": part });
    let partition = schema.partition.iter().map(|one| attribute(one, "partition"));
    partition.chain(schema.sort.iter().map(|one| attribute(one, "sort"))).collect()
}

/// `"all"`, or the attributes that entries carry beside the keys.
fn projected(projected: &Projected) -> Value {
    match projected {
        Projected::All => "all".into(),
        Projected::KeysOnly => json!([]),
        Projected::Include(names) => json!(names),
    }
}
