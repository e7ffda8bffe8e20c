//! Directories that older versions left, frozen in `fixtures/`: each opens, holds what it held, and goes on.
//!
//! Each was once killed (all of it is in the log) and once closed (all of it is in the state).
//!
//! `format-1`: the votes example with 50 votes, and another table. `format-2`: a table with global and local indexes, one
//! of them filled later, items that expire, and a transaction with a token. `format-3`: resources, one of them deleted and one with
//! records in the log, a follower of one, and changes that came through functions.

use crate::{Db, Env, IndexScan, Op, Options, Scan, StreamRead, Write};
use item::{Item, Key, KeyValue, Number, Origin, Seq, Value};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (source, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if source.is_dir() { copy(&source, &to.join(name))? } else { fs::copy(&source, to.join(name)).map(drop)? }
    }
    Ok(())
}

/// A fixture in a directory that vanishes with the test.
fn thawed(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    copy(&fixture(name), dir.path()).expect("the fixture is there");
    // Git keeps no empty folders.
    for folder in ["tables", "blobs"] {
        fs::create_dir_all(dir.path().join("state").join(folder)).expect("creates");
    }
    dir
}

fn open(dir: &Path) -> Db {
    let options = Options { memory: 64 << 20, segment_bytes: 64 << 10, retention_ms: u64::MAX, ..Options::new(dir) };
    Db::open(options, Env::real()).expect("an older version's directory opens")
}

fn items(db: &Db, table: &str) -> Vec<Item> {
    let table = db.table(table).expect("the table is there");
    let counted = db.recount(&table).expect("reads");
    let kept = db.stats(table.id);
    assert_eq!((counted.items, counted.bytes, counted.fingerprint), (kept.items, kept.bytes, kept.fingerprint));
    db.scan(&table, &Scan { segment: (0, 1), start: None, limit: None, filter: None }).expect("reads").items
}

fn check_format_1(db: &Db) {
    let votes = db.table("votes").expect("the table is there");
    assert_eq!(items(db, "votes").len(), 50);
    let vote = db.get(&votes, &Key { partition: KeyValue::S("v12".into()), sort: None }).expect("reads");
    let vote = vote.expect("the vote is there");
    assert_eq!(vote.get("n"), Some(&Value::N(Number::parse("1.5").expect("a number"))));
    let totals = items(db, "total_votes");
    let total = |item: &Item| match item.get("total_votes") {
        Some(Value::N(total)) => total.to_i64(),
        _ => None,
    };
    assert_eq!(totals.iter().filter_map(total).sum::<i64>(), 50);
    assert_eq!(items(db, "other").len(), 1);
    let read = StreamRead { table: votes.id, shard: None, from: Seq(1), records_max: 1000, bytes_max: 1 << 20 };
    assert_eq!(db.changes(&read).expect("reads").changes.len(), 60 + 10 + 10);
    assert!(votes.indexes.is_empty() && votes.expiry.is_none());
}

#[test]
fn what_an_older_version_left_opens_and_goes_on() {
    for name in ["format-1/killed", "format-1/closed"] {
        let dir = thawed(name);
        let db = open(dir.path());
        check_format_1(&db);
        let table = db.table("votes").expect("the table is there").id;
        let item = Item::from_iter([("id", Value::S("new".into()))]);
        let key = Key { partition: KeyValue::S("new".into()), sort: None };
        let write = Write { table, key, op: Op::Put(item), condition: None, origin: Origin::Client };
        db.write(write, None).wait().expect("writes");
        db.close().expect("closes");
        drop(db);
        // The older version must refuse what it would misread: new entries are in a segment of the new format.
        let segment = |number: u32| fs::read(dir.path().join(format!("log/{number:012}.seg"))).expect("a segment");
        let format = |bytes: &[u8]| u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
        assert_eq!((format(&segment(1)), format(&segment(2))), (1, crate::log::frame::FORMAT));
        assert_eq!(items(&open(dir.path()), "votes").len(), 51);
    }
}

#[test]
fn indexes_of_format_2_are_their_tables_items() {
    for name in ["format-2/killed", "format-2/closed"] {
        let dir = thawed(name);
        let db = open(dir.path());
        let things = db.table("things").expect("the table is there");
        let items = items(&db, "things");
        assert_eq!(items.len(), 40);
        let expiry = things.expiry.as_ref().expect("the table has time to live");
        assert_eq!((expiry.attribute.as_str(), db.stats(expiry.id).items), ("until", 8));
        let mut sizes = Vec::new();
        for index in &things.indexes {
            assert_eq!(index.backfill, None, "{name}: {}", index.spec.name);
            let scan = IndexScan { segment: (0, 1), start: None, limit: None, filter: None, whole: true };
            let mut found = db.scan_index(&things, index, &scan).expect("reads").items;
            let keyed = |item: &&Item| index.spec.key.attributes().all(|attribute| item.get(&attribute.name).is_some());
            let mut wanted: Vec<Item> = items.iter().filter(keyed).cloned().collect();
            let key = |item: &Item| format!("{:?}", things.spec.key.key_of(item).expect("an item has its key"));
            found.sort_by_key(key);
            wanted.sort_by_key(key);
            assert_eq!(found, wanted, "{name}: {}", index.spec.name);
            assert_eq!(db.stats(index.id).items, wanted.len() as u64, "{name}: {}", index.spec.name);
            sizes.push((index.spec.name.as_str(), wanted.len()));
        }
        sizes.sort_unstable();
        assert_eq!(sizes, [("by_colour", 26), ("by_size", 40), ("later", 40)]);
    }
}

fn text(value: &str) -> Value {
    Value::S(value.to_owned())
}

#[test]
fn resources_and_records_of_format_3_are_as_they_were() {
    for name in ["format-3/killed", "format-3/closed"] {
        let dir = thawed(name);
        let db = open(dir.path());
        let kept: Vec<(String, u64)> =
            db.resources("trigger").iter().map(|found| (found.name.clone(), found.revision)).collect();
        assert_eq!(kept, [("kept".to_owned(), 2)], "{name}");
        let trigger = db.resource("trigger", "kept").expect("kept");
        assert_eq!(trigger.body, Item::from_iter([("text", text("second"))]));
        assert!(db.follower_cursor(trigger.id).is_some());
        assert_eq!(db.follower_state(trigger.id, b"lane").expect("reads").as_deref(), Some(&b"here"[..]));
        let stream = db.resource("stream", "records").expect("kept");
        assert_eq!(stream.keep_ms, 1000);
        let read = |table, shard| StreamRead { table, shard, from: Seq(1), records_max: 99, bytes_max: 1 << 20 };
        let records = db.changes(&read(stream.records(), Some(1))).expect("reads").changes;
        let data: Vec<_> = records.iter().map(|change| change.new.as_ref().and_then(|item| item.get("data"))).collect();
        assert_eq!(data, [Some(&text("r1")), Some(&text("r3"))]);
        let votes = db.table("votes").expect("the table is there");
        let changes = db.changes(&read(votes.id, None)).expect("reads").changes;
        let origins: Vec<Origin> = changes.iter().map(|change| change.origin).collect();
        assert_eq!(origins, [Origin::Client, Origin::Function { depth: 3 }]);
        assert_eq!(items(&db, "votes").len(), 2);
    }
}
