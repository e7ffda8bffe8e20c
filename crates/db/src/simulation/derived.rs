//! What the simulated database derives from its items (indexes, expiry) and does with several at once (transactions).

use super::{Contents, Run, apply, condition, id_of, key};
use crate::{
    Billing, Error, Index, IndexScan, IndexSpec, IndexUpdate, Op, Projected, RetryToken, Table, TableUpdate, Write,
};
use item::{IndexSchema, Item, KeyAttribute, KeyKind, Number, Value, codec, size};
use std::collections::BTreeMap;

fn index(name: &str, partition: &[(&str, KeyKind)], sort: &[(&str, KeyKind)], projected: Projected) -> IndexSpec {
    let attributes = |all: &[(&str, KeyKind)]| {
        all.iter().map(|(name, kind)| KeyAttribute { name: (*name).to_owned(), kind: *kind }).collect()
    };
    IndexSpec {
        name: name.to_owned(),
        local: false,
        key: IndexSchema { partition: attributes(partition), sort: attributes(sort) },
        projected,
        billing: Billing::OnDemand,
    }
}

pub(super) fn by_region() -> IndexSpec {
    index("by_region", &[("region", KeyKind::S)], &[("n", KeyKind::N)], Projected::All)
}

/// Made and deleted as the dice fall: sparse, of two partition attributes.
fn by_colour() -> IndexSpec {
    let projected = Projected::Include(vec!["until".to_owned()]);
    index("by_colour", &[("colour", KeyKind::S), ("n", KeyKind::N)], &[], projected)
}

impl Run {
    /// Gives an item an expiry time, a colour, or neither.
    pub(super) fn vary(&self, mut item: Item) -> Item {
        if self.roll(3) == 0 {
            item.insert("colour", Value::S(format!("C{}", self.roll(3))));
        }
        if self.roll(3) == 0 {
            let until = (self.db().now_ms() / 1000).saturating_add(self.roll(8)).saturating_sub(2);
            item.insert("until", Value::N(Number::from(until)));
        }
        item
    }

    fn is_due(&self, item: &Item) -> bool {
        let now = self.db().now_ms() / 1000;
        match item.get("until") {
            Some(Value::N(until)) => until.to_i64().is_some_and(|until| until <= i64::try_from(now).expect("a time")),
            _ => false,
        }
    }

    /// Maintenance, which deletes what has expired and nothing else.
    pub(super) fn chores(&mut self) {
        self.step();
        let before = self.possible.last().expect("never empty").clone();
        let mut now = before.clone();
        now.retain(|_, item| !self.is_due(item));
        let checkpoint = self.roll(2) == 0;
        match self.db().chores(checkpoint) {
            Ok(()) => {
                assert_eq!(self.contents(), now, "{}: what has expired is deleted, nothing else", self.seed);
                self.happened(now);
            }
            // It may be on disk all the same.
            Err(_) if self.db().status().poisoned.is_some() => self.possible.push(now),
            Err(_) => {
                let found = self.contents();
                assert!(found == now || found == before, "{}: all that is due is deleted, or nothing", self.seed);
                self.happened(found);
            }
        }
    }

    pub(super) fn change_indexes(&mut self) {
        self.step();
        let update = match self.table("votes").index("by_colour") {
            Some(_) => IndexUpdate::Delete("by_colour".to_owned()),
            None => IndexUpdate::Create(by_colour()),
        };
        let update = TableUpdate { indexes: vec![update], ..TableUpdate::default() };
        // A fill is left to maintenance, or for a crash to interrupt after a step or two.
        if self.db().update_table("votes", update).wait().is_ok() {
            for _ in 0..self.roll(3) {
                let _ = self.db().fill_step();
            }
        }
    }

    /// Three writes or none; a second time with the same token nothing happens, whatever crash lies between.
    pub(super) fn transact(&mut self) {
        self.step();
        if self.db().status().poisoned.is_some() {
            return;
        }
        let mut writes: BTreeMap<Vec<u8>, Write> = BTreeMap::new();
        for _ in 0..3 {
            let mut write = self.random_write();
            if self.roll(4) == 0 {
                write = Write { op: Op::Check, condition: Some(condition("attribute_exists(id)")), ..write };
            }
            let mut place = Vec::new();
            write.key.encode(&mut place);
            writes.insert(place, write);
        }
        let writes: Vec<Write> = writes.into_values().collect();
        let before = self.possible.last().expect("never empty").clone();
        let holds = |write: &Write| {
            let item::KeyValue::S(id) = &write.key.partition else { panic!("ids are strings") };
            write.condition.as_ref().is_none_or(|condition| condition.matches(before.get(id)))
        };
        let expected = writes.iter().all(&holds).then(|| writes.iter().fold(before.clone(), apply));
        self.calls += 1;
        let token = RetryToken { id: [u8::MAX; 16], request: self.calls, repeat: true };
        let token =
            RetryToken { id: std::array::from_fn(|at| token.id[at] ^ self.calls.to_le_bytes()[at % 8]), ..token };
        match (self.db().transact(writes.clone(), Some(token)).wait(), expected) {
            (Ok(done), Some(expected)) => {
                assert!(!done.repeated, "{}", self.seed);
                self.happened(expected.clone());
                self.transact_again(&writes, token, &expected);
            }
            (Err(Error::Canceled(reasons)), None) => {
                let refused: Vec<bool> = reasons.iter().map(Option::is_some).collect();
                let wanted: Vec<bool> = writes.iter().map(|write| !holds(write)).collect();
                assert_eq!(refused, wanted, "{}: the reasons are in order", self.seed);
            }
            (Err(Error::Poisoned(_)), expected) => self.possible.extend(expected),
            (Err(Error::NoSpace(_)), _) => {}
            (answer, expected) => panic!("{}: {answer:?}, expected {expected:?}", self.seed),
        }
    }

    fn transact_again(&mut self, writes: &[Write], token: RetryToken, expected: &Contents) {
        // A relaxed transaction may be gone after a crash, a durable one is not.
        if self.durability == crate::Durability::Durable && self.roll(2) == 0 {
            self.recover();
        }
        match self.db().transact(writes.to_vec(), Some(token)).wait() {
            Ok(done) => assert!(done.repeated, "{}: a token stands for one transaction", self.seed),
            Err(Error::Poisoned(_) | Error::NoSpace(_)) => return,
            Err(error) => panic!("{}: {error}", self.seed),
        }
        assert_eq!(&self.contents(), expected, "{}: a token's second transaction changes nothing", self.seed);
        let other = RetryToken { request: token.request + 1, ..token };
        let refused = self.db().transact(writes.to_vec(), Some(other)).wait();
        assert!(matches!(refused, Err(Error::TokenReused)), "{}: {refused:?}", self.seed);
    }

    /// Every index holds the items that it should, projected, and its totals are theirs.
    pub(super) fn check_derived(&self) {
        let table = self.table("votes");
        let contents = self.contents();
        for index in &table.indexes {
            self.check_index(&table, index, &contents);
        }
        let expiry = table.expiry.as_ref().expect("the table has time to live");
        let expiring = contents.values().filter(|item| item.get("until").is_some()).count();
        assert_eq!(self.db().stats(expiry.id).items, expiring as u64, "{}: all that expires is indexed", self.seed);
    }

    fn check_index(&self, table: &Table, index: &Index, contents: &Contents) {
        let scan = IndexScan { segment: (0, 1), start: None, limit: None, filter: None, whole: false };
        let found = self.db().scan_index(table, index, &scan).expect("reads").items;
        let filled = |item: &Item| {
            let mut place = Vec::new();
            key(&id_of(item)).encode(&mut place);
            index.backfill.as_ref().is_none_or(|backfill| place <= backfill.upto)
        };
        let keyed = |item: &&Item| index.spec.key.attributes().all(|attribute| item.get(&attribute.name).is_some());
        let project = |item: &Item| {
            let mut entry = item.clone();
            entry.retain(|name, _| index.carries(table, name));
            entry
        };
        let wanted = contents.values().filter(keyed).filter(|item| filled(item));
        let wanted: BTreeMap<String, Item> = wanted.map(|item| (id_of(item), project(item))).collect();
        let stats = self.db().stats(index.id);
        let fingerprint = wanted.values().fold(crate::Fingerprint::default(), |sum, entry| {
            let mut stored = Vec::new();
            codec::encode(entry, &mut stored);
            sum.replace(None, Some(&stored))
        });
        let bytes = wanted.values().map(|entry| size::item(entry) as u64).sum::<u64>();
        let name = &index.spec.name;
        assert_eq!(found.len(), wanted.len(), "{}: {name} has an entry for each item", self.seed);
        let found: BTreeMap<String, Item> = found.into_iter().map(|entry| (id_of(&entry), entry)).collect();
        assert_eq!(found, wanted, "{}: {name} equals its table's items", self.seed);
        assert_eq!(
            (stats.items, stats.bytes, stats.fingerprint),
            (wanted.len() as u64, bytes, fingerprint),
            "{}: {name}'s totals",
            self.seed
        );
    }
}

#[test]
fn an_item_whose_expiry_time_moved_meanwhile_stays() {
    let run = Run::new(1);
    let table = run.table("votes");
    let put = |until: u64| {
        let item = Item::from_iter([("id", Value::S("v1".into())), ("until", Value::N(Number::from(until)))]);
        Write { table: table.id, key: key("v1"), op: Op::Put(item), condition: None, origin: item::Origin::Client }
    };
    let expire = |seconds| Write { op: Op::Expire(seconds), origin: item::Origin::Ttl, ..put(0) };
    run.db().write(put(10), None).wait().expect("puts");
    run.db().write(put(20), None).wait().expect("puts");
    assert_eq!(run.db().write(expire(10), None).wait().expect("answers").seq, None);
    assert!(run.db().write(expire(20), None).wait().expect("answers").seq.is_some());
    assert!(run.contents().is_empty());
}

#[test]
fn what_expired_more_than_five_years_ago_stays() {
    let run = Run::new(1);
    let table = run.table("votes");
    run.world.advance_ms(20 * 365 * 24 * 60 * 60 * 1000);
    let now = run.db().now_ms() / 1000;
    for (id, until) in [("old", now - 5 * 365 * 24 * 60 * 60 - 1), ("expired", now - 5 * 365 * 24 * 60 * 60 + 60)] {
        let item = Item::from_iter([("id", Value::S(id.into())), ("until", Value::N(Number::from(until)))]);
        let write =
            Write { table: table.id, key: key(id), op: Op::Put(item), condition: None, origin: item::Origin::Client };
        run.db().write(write, None).wait().expect("puts");
    }
    run.db().chores(false).expect("a healthy disk");
    assert_eq!(run.contents().keys().collect::<Vec<_>>(), ["old"]);
}
