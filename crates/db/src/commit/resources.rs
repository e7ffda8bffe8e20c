//! Putting and deleting resources: entries of the log like any change of schema.

use super::Core;
use crate::{
    Error, Expected, FollowerId, Record, Resource, ResourcePut, RetryToken,
    catalog::RowAfter,
    log::entry::{self, ChangeEntry},
    resource::{BODY_BYTES_MAX, RESOURCES_MAX},
    rows,
};
use item::{Seq, TableId, codec};
use std::sync::Arc;

impl Core {
    pub(super) fn put_resource(&mut self, put: ResourcePut) -> Result<Arc<Resource>, Error> {
        let found = self.catalog.resource(&put.kind, &put.name).cloned();
        if !put.expected.is_met(found.as_ref()) {
            return Err(unmet(put));
        }
        if let Some(found) = found.as_ref().filter(|found| found.body == put.body && found.keep_ms == put.keep_ms) {
            return Ok(found.clone());
        }
        check(&put)?;
        if found.is_none() && self.catalog.resources.len() >= RESOURCES_MAX {
            return Err(Error::ResourceLimit(format!("there are {RESOURCES_MAX} resources, as many as can be kept")));
        }
        let mut catalog = (*self.catalog).clone();
        let mut changed: Vec<RowAfter> = Vec::new();
        let now_ms = self.group.time_ms;
        let (id, created_ms, revision) = match found {
            Some(found) => (found.id, found.created_ms, found.revision + 1),
            None => {
                let id = FollowerId(catalog.number().0);
                changed.push(catalog.number_row());
                (id, now_ms, 1)
            }
        };
        let ResourcePut { kind, name, body, keep_ms, .. } = put;
        let key = (kind.clone(), name.clone());
        let resource = Resource { id, kind, name, body, keep_ms, created_ms, changed_ms: now_ms, revision };
        changed.push(catalog.put_resource(resource));
        self.enter(catalog, changed);
        Ok(self.catalog.resources[&key].clone())
    }

    pub(super) fn delete_resource(&mut self, kind: &str, name: &str) -> Result<Arc<Resource>, Error> {
        let mut catalog = (*self.catalog).clone();
        let gone = catalog.remove_resource(kind, name);
        let gone = gone.ok_or_else(|| Error::ResourceNotFound { kind: kind.to_owned(), name: name.to_owned() })?;
        let changed = vec![
            (rows::resource(gone.id), None),
            (rows::cursor(gone.id), None),
            // Its state is garbage, as a dropped table's is.
            (rows::dead(TableId(gone.id.0)), Some(Vec::new())),
        ];
        self.enter(catalog, changed);
        self.group.cursors.remove(&gone.id);
        Ok(gone)
    }

    /// Enters the records of one client call, once, however often it is repeated; `None` when it repeats a call of this
    /// very group. Answers their positions.
    pub(super) fn put_records(
        &mut self,
        records: &[Record],
        retry: Option<RetryToken>,
    ) -> Option<Result<Vec<Seq>, Error>> {
        let Some(token) = retry else { return Some(self.enter_records(records, None)) };
        if self.group.calls.contains(&token.id) {
            return None;
        }
        if token.repeat || self.repeats.may_hold(self.group.time_ms, &token.id) {
            match self.first_positions(token) {
                Ok(Some(positions)) if positions.len() == records.len() => return Some(Ok(positions)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        let entered = self.enter_records(records, Some(token));
        if let Ok([first, .., last] | [first @ last]) = entered.as_deref() {
            self.remember(token, *first, *last);
        }
        Some(entered)
    }

    pub(super) fn enter_records(&mut self, records: &[Record], token: Option<RetryToken>) -> Result<Vec<Seq>, Error> {
        let gone = records.iter().find(|record| !self.catalog.has_resource(record.resource));
        if let Some(Record { resource, .. }) = gone {
            return Err(Error::FollowerNotFound(*resource));
        }
        self.group.writes += records.len() as u64;
        Ok(records.iter().map(|record| self.enter_record(record, token)).collect())
    }

    fn enter_record(&mut self, record: &Record, token: Option<RetryToken>) -> Seq {
        let seq = self.next_seq();
        let mut image = Vec::with_capacity(256);
        codec::encode(&record.item, &mut image);
        let entry = ChangeEntry {
            table: TableId(record.resource.0),
            shard: record.shard,
            origin: record.origin,
            call: token.map(entry::call_of),
            old: None,
            new: Some(&image),
        };
        entry::push_change(&entry, self.writer.builder.entry());
        if self.group.recorded.last() != Some(&entry.table) {
            self.group.recorded.push(entry.table);
        }
        seq
    }

    /// Where the records of a call's first attempt are, if there was one.
    fn first_positions(&self, token: RetryToken) -> Result<Option<Vec<Seq>>, Error> {
        match self.call_of(&token.id)? {
            Some((request, first, last)) if request == token.request => Ok(Some((first.0..=last.0).map(Seq).collect())),
            _ => Ok(None),
        }
    }
}

fn unmet(put: ResourcePut) -> Error {
    let ResourcePut { kind, name, expected, .. } = put;
    match expected {
        Expected::Absent => Error::ResourceExists { kind, name },
        Expected::Revision(_) | Expected::Anything => Error::ResourceChanged { kind, name },
    }
}

fn check(put: &ResourcePut) -> Result<(), Error> {
    let mut encoded = Vec::new();
    codec::encode(&put.body, &mut encoded);
    if encoded.len() > BODY_BYTES_MAX {
        let (kind, name, bytes) = (&put.kind, &put.name, encoded.len());
        return Err(Error::ResourceLimit(format!("{kind} {name} takes {bytes} bytes, more than {BODY_BYTES_MAX}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, Durability, FollowerCommit, Op, Options, SimStore, StreamRead, TableSpec, Write, env::sim::World};
    use item::{Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Origin, Seq, Value};

    fn open(world: &World, store: &SimStore) -> Db {
        let options = Options { durability: Durability::Durable, segment_bytes: 64 << 10, ..Options::new("/data") };
        Db::open_stepped(options, world.env(), store).expect("opens")
    }

    fn put(db: &Db, name: &str, text: &str, expected: Expected) -> Result<Arc<Resource>, Error> {
        let body = Item::from_iter([("text", Value::S(text.to_owned()))]);
        db.put_resource(ResourcePut::new("trigger", name, body, expected)).wait()
    }

    /// Commits a follower's cursor and one row of state.
    fn follow(db: &Db, follower: FollowerId, expected: Option<Seq>, upto: u64) -> Result<Seq, Error> {
        let state = vec![(b"lane".to_vec(), Some(upto.to_be_bytes().to_vec()))];
        db.follower_commit(FollowerCommit {
            follower,
            expected,
            upto: Seq(upto),
            rows: Vec::new(),
            records: Vec::new(),
            state,
        })
        .wait()
    }

    #[test]
    fn resources_and_their_followers_state_outlive_a_crash_and_go_together() {
        let world = World::new(7);
        let store = SimStore::new();
        let db = open(&world, &store);
        let first = put(&db, "a", "one", Expected::Absent).expect("put");
        assert_eq!((first.revision, first.id), (1, put(&db, "a", "one", Expected::Anything).expect("put").id));
        assert!(matches!(put(&db, "a", "two", Expected::Absent), Err(Error::ResourceExists { .. })));
        assert!(matches!(put(&db, "a", "two", Expected::Revision(9)), Err(Error::ResourceChanged { .. })));
        assert_eq!(put(&db, "a", "two", Expected::Revision(1)).expect("put").revision, 2);
        let gone = put(&db, "gone", "three", Expected::Absent).expect("put");
        follow(&db, first.id, None, 1).expect("follows");
        follow(&db, gone.id, None, 1).expect("follows");
        db.delete_resource("trigger", "gone").wait().expect("deleted");
        assert!(matches!(follow(&db, gone.id, Some(Seq(1)), 2), Err(Error::FollowerNotFound(_))));
        let long = "x".repeat(BODY_BYTES_MAX);
        assert!(matches!(put(&db, "long", &long, Expected::Absent), Err(Error::ResourceLimit(_))));

        // Once with all of it in the log only, once with all of it in the state engine.
        drop(db);
        for checkpoint in [true, false] {
            let db = open(&world, &store.crash());
            let names: Vec<String> = db.resources("trigger").iter().map(|found| found.name.clone()).collect();
            assert_eq!(names, ["a"]);
            assert!(db.resources("trigge").is_empty() && db.resource("trigger", "gone").is_none());
            assert_eq!(db.resource("trigger", "a").expect("kept").revision, 2);
            assert_eq!(db.follower_cursor(first.id), Some(Seq(1)));
            assert_eq!(db.follower_state(first.id, b"lane").expect("reads"), Some(1u64.to_be_bytes().to_vec()));
            assert_eq!(db.follower_cursor(gone.id), None);
            while !db.is_idle() {
                db.step();
            }
            db.chores(checkpoint).expect("a healthy disk");
            assert_eq!(db.follower_states(gone.id, &[], 9).expect("reads"), []);
            let again = put(&db, "again", "four", Expected::Absent).expect("put");
            assert!(again.id > gone.id, "a number is never used again");
            db.delete_resource("trigger", "again").wait().expect("deleted");
        }
    }

    #[test]
    fn records_are_read_in_order_after_a_crash_and_once_however_often_they_are_put() {
        let world = World::new(9);
        let store = SimStore::new();
        let db = open(&world, &store);
        let stream = put(&db, "s", "a stream", Expected::Absent).expect("put");
        let record = |at: usize| Record {
            resource: stream.id,
            shard: u16::try_from(at % 2).expect("small"),
            origin: Origin::Client,
            item: Item::from_iter([("data", Value::S(format!("r{at}")))]),
        };
        let token = RetryToken { id: [3; 16], request: 5, repeat: false };
        let first = db.put_records((0..4).map(record).collect(), Some(token)).wait().expect("entered");
        let again = db.put_records((0..4).map(record).collect(), Some(token.again())).wait().expect("entered");
        assert_eq!(first, again);
        let commit = FollowerCommit {
            follower: stream.id,
            expected: None,
            upto: Seq(1),
            rows: Vec::new(),
            records: vec![record(4)],
            state: Vec::new(),
        };
        db.follower_commit(commit).wait().expect("entered");
        let read = |db: &Db, shard| {
            let read = StreamRead { table: stream.records(), shard, from: Seq(1), records_max: 9, bytes_max: 1 << 20 };
            let text = |change: &item::Change| match change.new.as_ref().and_then(|item| item.get("data")) {
                Some(Value::S(text)) => text.clone(),
                other => panic!("{other:?}"),
            };
            db.changes(&read).expect("reads").changes.iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(read(&db, None), ["r0", "r1", "r2", "r3", "r4"]);
        drop(db);
        let db = open(&world, &store.crash());
        assert_eq!(read(&db, Some(1)), ["r1", "r3"]);
        let again = db.put_records((0..4).map(record).collect(), Some(token.again())).wait().expect("entered");
        assert_eq!(first, again);
        db.delete_resource("trigger", "s").wait().expect("deleted");
        assert!(matches!(db.put_records(vec![record(9)], None).wait(), Err(Error::FollowerNotFound(_))));
    }

    #[test]
    fn a_table_that_a_room_keeps_takes_rows_from_its_followers_only_also_after_a_crash() {
        let world = World::new(11);
        let store = SimStore::new();
        let db = open(&world, &store);
        let key = KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None };
        let spec = TableSpec { keeper: Some("exports".to_owned()), ..TableSpec::new("registry", key) };
        let timed = TableSpec { ttl: Some("at".to_owned()), ..spec.clone() };
        assert!(matches!(db.create_table(timed).wait(), Err(Error::ReadOnly { .. })), "nothing would expire");
        let table = db.create_table(spec).wait().expect("created").id;
        let keeper = put(&db, "a", "one", Expected::Absent).expect("put").id;
        let key = Key { partition: KeyValue::S("x".to_owned()), sort: None };
        let item = Item::from_iter([("id", Value::S("x".to_owned()))]);
        let rows = vec![crate::Row::folded(table, key.clone(), Some(item))];
        let (records, state) = (Vec::new(), Vec::new());
        let commit = FollowerCommit { follower: keeper, expected: None, upto: Seq(1), rows, records, state };
        db.follower_commit(commit).wait().expect("the keeper writes");
        drop(db);
        let db = open(&world, &store.crash());
        let found = db.table("registry").expect("kept");
        assert!(db.get(&found, &key).expect("reads").is_some());
        for origin in [Origin::Client, Origin::Ttl, Origin::Function { depth: 1 }] {
            let write = Write { table, key: key.clone(), op: Op::Delete, condition: None, origin };
            let refused = db.write(write, None).wait().expect_err("it is not the client's");
            assert_eq!(refused.to_string(), "table registry is kept by exports and is read-only");
        }
    }

    #[test]
    fn the_log_says_how_many_functions_a_change_came_through() {
        let world = World::new(8);
        let store = SimStore::new();
        let db = open(&world, &store);
        let key = KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None };
        let table = db.create_table(TableSpec::new("votes", key)).wait().expect("created").id;
        let origins = [Origin::Client, Origin::Function { depth: 1 }, Origin::Function { depth: 255 }];
        for (at, origin) in origins.into_iter().enumerate() {
            let id = format!("v{at}");
            let item = Item::from_iter([("id", Value::S(id.clone()))]);
            let key = Key { partition: KeyValue::S(id), sort: None };
            db.write(Write { table, key, op: Op::Put(item), condition: None, origin }, None).wait().expect("written");
        }
        let read = StreamRead { table, shard: None, from: Seq(1), records_max: 9, bytes_max: 1 << 20 };
        let found: Vec<Origin> = db.changes(&read).expect("reads").changes.iter().map(|change| change.origin).collect();
        assert_eq!(found, origins);
    }
}
