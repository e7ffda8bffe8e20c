//! The newest changes of a table, as rows of text. Pure; the caller reads the log.

use crate::cell::{CELL_CHARS_MAX, text};
use item::{Change, Item, KeySchema};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use xxhash_rust::xxh3::xxh3_64;

/// Which changes are rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One per item: its last change.
    Items,
    /// Every change, with what it did to the attributes that are not columns.
    Changes,
}

/// The newest rows, newest first, `limit` of them at most.
#[derive(Debug)]
pub struct Tail {
    pub columns: Vec<String>,
    pub limit: usize,
    rows: Rows,
    shown: VecDeque<Row>,
}

#[derive(Debug)]
struct Row {
    id: u64,
    json: Value,
}

impl Tail {
    /// No `columns`: the key's attributes.
    pub fn new(columns: &[String], limit: usize, rows: Rows, key: &KeySchema) -> Tail {
        let columns = if columns.is_empty() { key_columns(key) } else { columns.to_vec() };
        Tail { columns, limit, rows, shown: VecDeque::new() }
    }

    /// Takes in a page of changes that follow those already seen, oldest first.
    pub fn absorb(&mut self, changes: &[Change], key: &KeySchema) {
        let mut fresh = Vec::new();
        let mut known = HashSet::new();
        // From the newest on: what a burst pushed out again is never formatted.
        for change in changes.iter().rev() {
            if fresh.len() == self.limit {
                break;
            }
            let id = self.id(change, key);
            if known.insert(id) {
                fresh.push(Row { id, json: self.row(id, change) });
            }
        }
        if fresh.is_empty() {
            return;
        }
        self.shown.retain(|row| !known.contains(&row.id));
        for row in fresh.into_iter().rev() {
            self.shown.push_front(row);
        }
        self.shown.truncate(self.limit);
    }

    pub fn frame(&self) -> Value {
        self.shown.iter().map(|row| &row.json).cloned().collect()
    }

    fn id(&self, change: &Change, key: &KeySchema) -> u64 {
        match self.rows {
            Rows::Changes => change.seq.0,
            Rows::Items => {
                let mut bytes = Vec::new();
                change.key(key).encode(&mut bytes);
                xxh3_64(&bytes)
            }
        }
    }

    /// `{id, seq, ms, kind, cells, was, detail}`: `was` holds the cells before, where they differ.
    fn row(&self, id: u64, change: &Change) -> Value {
        let (kind, image) = match (&change.old, &change.new) {
            (None, Some(new)) => ("new", new),
            (Some(_), Some(new)) => ("changed", new),
            (Some(old), None) => ("removed", old),
            (None, None) => unreachable!("a change has an image"),
        };
        let before = change.old.as_ref().filter(|_| change.new.is_some());
        let cells: Vec<Option<String>> = self.columns.iter().map(|name| cell(image, name)).collect();
        let was: Vec<Option<String>> = self
            .columns
            .iter()
            .map(|name| {
                before.filter(|old| old.get(name) != image.get(name)).map(|old| cell(old, name).unwrap_or_default())
            })
            .collect();
        json!({
            "id": format!("{id:016x}"),
            "seq": change.seq.0.to_string(),
            "ms": change.time_ms,
            "kind": kind,
            "cells": cells,
            "was": was,
            "detail": (self.rows == Rows::Changes).then(|| self.detail(image, before)),
        })
    }

    /// The other attributes on one line; of a changed item those that changed.
    fn detail(&self, image: &Item, before: Option<&Item>) -> String {
        let shown = |item: &Item, name: &str| cell(item, name).unwrap_or_else(|| "∅".into());
        let mut names: Vec<&str> = image.iter().map(|(name, _)| name).collect();
        names.extend(
            before.into_iter().flat_map(Item::iter).map(|(name, _)| name).filter(|name| image.get(name).is_none()),
        );
        let parts: Vec<String> = names
            .into_iter()
            .filter(|name| !self.columns.iter().any(|column| column == name))
            .filter(|name| before.is_none_or(|old| old.get(name) != image.get(name)))
            .take(8)
            .map(|name| match before {
                Some(old) => format!("{name}: {} → {}", shown(old, name), shown(image, name)),
                None => format!("{name}: {}", shown(image, name)),
            })
            .collect();
        parts.join(" · ")
    }
}

/// The names of the key's attributes.
pub fn key_columns(key: &KeySchema) -> Vec<String> {
    std::iter::once(&key.partition).chain(&key.sort).map(|attribute| attribute.name.clone()).collect()
}

fn cell(item: &Item, name: &str) -> Option<String> {
    item.get(name).map(|value| text(value, CELL_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use item::{KeyAttribute, KeyKind, Origin, Seq, TableId};

    fn vote(id: &str, region: &str) -> Item {
        [("id", id), ("region", region)].into_iter().map(|(name, text)| (name, item::Value::S(text.into()))).collect()
    }

    fn change(seq: u64, old: Option<Item>, new: Option<Item>) -> Change {
        Change { seq: Seq(seq), time_ms: 1000 + seq, table: TableId(1), shard: 0, origin: Origin::Client, old, new }
    }

    fn check(rows: Rows, pages: &[&[Change]], expected: &Expect) {
        let key = KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None };
        let columns = if rows == Rows::Items { vec!["id".to_owned(), "region".to_owned()] } else { Vec::new() };
        let mut tail = Tail::new(&columns, 3, rows, &key);
        for page in pages {
            tail.absorb(page, &key);
        }
        let mut out = String::new();
        for row in tail.frame().as_array().into_iter().flatten() {
            out += &format!("{} {} {} was {} {}\n", row["seq"], row["kind"], row["cells"], row["was"], row["detail"]);
        }
        expected.assert_eq(&out);
    }

    fn history() -> [Change; 5] {
        [
            change(1, None, Some(vote("a", "SOUTH"))),
            change(2, None, Some(vote("b", "SOUTH"))),
            change(3, None, Some(vote("c", "EAST"))),
            change(5, Some(vote("a", "SOUTH")), Some(vote("a", "NORTH"))),
            change(9, Some(vote("b", "SOUTH")), None),
        ]
    }

    #[test]
    fn an_item_has_one_row_with_what_happened_to_it_last() {
        let expected = expect![[r#"
            "9" "removed" ["b","SOUTH"] was [null,null] null
            "5" "changed" ["a","NORTH"] was [null,"SOUTH"] null
            "3" "new" ["c","EAST"] was [null,null] null
        "#]];
        let all = history();
        check(Rows::Items, &[&all], &expected);
        check(Rows::Items, &[&all[..2], &all[2..4], &[], &all[4..]], &expected);
    }

    #[test]
    fn every_change_is_a_row_where_asked_and_says_what_it_did() {
        check(
            Rows::Changes,
            &[&history()],
            &expect![[r#"
            "9" "removed" ["b"] was [null] "region: SOUTH"
            "5" "changed" ["a"] was [null] "region: SOUTH → NORTH"
            "3" "new" ["c"] was [null] "region: EAST"
        "#]],
        );
    }
}
