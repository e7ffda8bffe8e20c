//! One seed drives the database: what is asked, in which order it runs, when the disk fails, when the power goes.
//!
//! After every crash the database must hold what was acknowledged, plus all or nothing of the group that was being
//! written; its totals must equal a recount, its stream must add up to its table, its follower to a recount, and its
//! indexes to its items ([`derived`]).

mod derived;

use crate::{
    Db, Durability, Env, FollowerCommit, FollowerId, Op, OpenError, Options, RetryToken, Row, Scan, SimStore,
    StreamRead, StreamViewType, Table, TableSpec, Ticket, Write, Written, env::sim::World,
};
use item::{
    Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Origin, Seq, Value,
    expression::{Condition, Placeholders, Update},
};
use std::{collections::BTreeMap, sync::Arc};

type Contents = BTreeMap<String, Item>;

/// One machine, the database on it, and what it should hold.
struct Run {
    seed: u64,
    world: World,
    store: SimStore,
    db: Option<Db>,
    durability: Durability,
    /// The table after each group that may be what a crash leaves, oldest first.
    possible: Vec<Contents>,
    /// Requests that were submitted and not answered.
    waiting: Vec<(Write, Option<RetryToken>, Ticket<Written>)>,
    calls: u64,
}

fn key_schema(name: &str, kind: KeyKind) -> KeySchema {
    KeySchema { partition: KeyAttribute { name: name.to_owned(), kind }, sort: None }
}

fn key(id: &str) -> Key {
    Key { partition: KeyValue::S(id.to_owned()), sort: None }
}

fn vote(id: &str, region: u64, padding: usize) -> Item {
    Item::from_iter([
        ("id", Value::S(id.to_owned())),
        ("region", Value::S(format!("R{region}"))),
        ("n", Value::N(Number::from(region))),
        ("padding", Value::B(vec![7; padding])),
    ])
}

impl Run {
    fn new(seed: u64) -> Run {
        let world = World::new(seed);
        let durability = if seed.is_multiple_of(3) { Durability::Relaxed } else { Durability::Durable };
        let mut run = Run {
            seed,
            world,
            store: SimStore::new(),
            db: None,
            durability,
            possible: vec![Contents::new()],
            waiting: Vec::new(),
            calls: 0,
        };
        run.open();
        let spec = TableSpec {
            stream: Some(StreamViewType::NewAndOldImages),
            shards: 3,
            ttl: Some("until".to_owned()),
            indexes: vec![derived::by_region()],
            ..TableSpec::new("votes", key_schema("id", KeyKind::S))
        };
        run.db().create_table(spec).wait().expect("creates votes");
        run.db()
            .create_table(TableSpec::new("counts", key_schema("region", KeyKind::S)))
            .wait()
            .expect("creates counts");
        run.db().chores(true).expect("a healthy disk");
        run
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("open between crashes")
    }

    fn roll(&self, below: u64) -> u64 {
        self.world.roll() % below
    }

    fn open(&mut self) {
        let options = Options {
            durability: self.durability,
            retention_ms: u64::MAX,
            segment_bytes: 32 << 10,
            ..Options::new("/sim")
        };
        self.db = Some(Db::open_stepped(options, self.world.env(), &self.store).expect("opens after a crash"));
    }

    fn table(&self, name: &str) -> Arc<Table> {
        self.db().table(name).expect("created at the start")
    }

    fn random_write(&self) -> Write {
        let id = format!("v{}", self.roll(40));
        let (op, condition) = match self.roll(10) {
            0 | 1 => (Op::Delete, None),
            2 | 3 => (Op::Update(add_one()), None),
            4 => (Op::Put(vote(&id, self.roll(4), 10)), Some(condition("attribute_not_exists(id)"))),
            _ => {
                let padding = usize::try_from(self.roll(900)).expect("small");
                (Op::Put(self.vary(vote(&id, self.roll(4), padding))), None)
            }
        };
        Write { table: self.table("votes").id, key: key(&id), op, condition, origin: Origin::Client }
    }

    fn submit(&mut self) {
        self.calls += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.calls.to_le_bytes());
        let retry = (self.roll(2) == 0).then_some(RetryToken { id, request: self.calls, repeat: false });
        let write = self.random_write();
        let ticket = self.db().write(write.clone(), retry);
        self.waiting.push((write, retry, ticket));
    }

    /// Commits one group and takes in its answers.
    fn step(&mut self) {
        self.db().step();
        let mut now = self.possible.last().expect("never empty").clone();
        let mut maybe = None;
        for (write, _, ticket) in std::mem::take(&mut self.waiting) {
            match ticket.try_wait() {
                Some(Ok(written)) => put(&mut now, &write.key, written.new),
                Some(Err(crate::Error::ConditionFailed { item })) => {
                    assert!(item.is_some(), "{}: the condition only fails on an item that is there", self.seed);
                }
                // The group may or may not be on disk.
                Some(Err(crate::Error::Poisoned(_))) => {
                    maybe = Some(apply(maybe.take().unwrap_or_else(|| now.clone()), &write));
                }
                Some(Err(crate::Error::NoSpace(_))) => {}
                Some(Err(error)) => panic!("{}: {error}", self.seed),
                None => panic!("{}: one step answers all", self.seed),
            }
        }
        self.happened(now);
        self.possible.extend(maybe);
    }

    /// The table is this now; under durable writes it cannot be anything older any more.
    fn happened(&mut self, now: Contents) {
        if self.durability == Durability::Durable && self.db().status().poisoned.is_none() {
            self.possible.clear();
        }
        self.possible.push(now);
    }

    /// Repeats a call that was answered, as an SDK does whose connection dropped: nothing changes, the answer is the
    /// same.
    fn repeat_a_call(&mut self) {
        self.submit();
        let (write, retry, ticket) = self.waiting.pop().expect("just submitted");
        self.step();
        let Some(first) = ticket.try_wait() else { panic!("{}: one step answers all", self.seed) };
        if let Err(crate::Error::Poisoned(_)) = first {
            // It may be on disk all the same.
            let maybe = apply(self.possible.last().expect("never empty").clone(), &write);
            return self.possible.push(maybe);
        }
        let (Ok(first), Some(retry)) = (first, retry) else { return self.resync() };
        put(self.possible.last_mut().expect("never empty"), &write.key, first.new.clone());
        let head = self.db().head();
        let again = self.db().write(write, Some(RetryToken { repeat: true, ..retry })).wait().expect("answers");
        if first.seq.is_some() {
            assert_eq!(again, first, "{}: a repeat gets the first answer", self.seed);
            assert_eq!(self.db().head(), head, "{}: a repeat changes nothing", self.seed);
        } else {
            self.resync();
        }
    }

    /// Takes what the table holds for right, where an answer was not kept.
    fn resync(&mut self) {
        let now = self.contents();
        self.possible.push(now);
    }

    fn contents(&self) -> Contents {
        let scan = Scan { segment: (0, 1), start: None, limit: None, filter: None };
        let page = self.db().scan(&self.table("votes"), &scan).expect("reads");
        page.items.into_iter().map(|item| (id_of(&item), item)).collect()
    }

    /// Folds the next changes into counts per region, as a view does.
    fn follow(&mut self) {
        let (votes, counts) = (self.table("votes"), self.table("counts"));
        let follower = FollowerId::from(counts.id);
        let cursor = self.db().follower_cursor(follower);
        let from = cursor.map_or(votes.created, Seq::next);
        let read = StreamRead { table: votes.id, shard: None, from, records_max: 20, bytes_max: 1 << 20 };
        let page = self.db().changes(&read).expect("nothing is trimmed");
        let mut deltas: BTreeMap<String, i64> = BTreeMap::new();
        for change in &page.changes {
            for (image, sign) in [(&change.old, -1), (&change.new, 1)] {
                if let Some(item) = image {
                    *deltas.entry(region_of(item)).or_default() += sign;
                }
            }
        }
        let rows = deltas.into_iter().map(|(region, delta)| {
            let stored = self.db().get(&counts, &key(&region)).expect("reads");
            let count = stored.map_or(0, |row| count_of(&row)) + delta;
            let row = Item::from_iter([("region", Value::S(region.clone())), ("count", Value::N(Number::from(count)))]);
            Row::folded(counts.id, key(&region), (count != 0).then_some(row))
        });
        let commit = FollowerCommit {
            follower,
            expected: cursor,
            upto: Seq(page.next.0 - 1),
            rows: rows.collect(),
            records: Vec::new(),
            state: vec![(b"last".to_vec(), Some(page.next.0.to_be_bytes().to_vec()))],
        };
        let _ = self.db().follower_commit(commit).wait();
    }

    fn crash(&mut self) {
        self.waiting.clear();
        let db = self.db.take();
        drop(db);
        self.world.lose_power();
        self.store = self.store.crash();
        self.open();
        self.check();
    }

    /// The process dies, the machine stays up: what was written is still in the page cache, synced or not.
    fn kill(&mut self) {
        self.waiting.clear();
        drop(self.db.take());
        self.store = self.store.crash();
        self.open();
        self.check();
    }

    fn check(&mut self) {
        let seed = self.seed;
        let now = self.contents();
        assert!(self.possible.contains(&now), "{seed}: the table after a crash is no state that it had");
        self.possible = vec![now.clone()];
        let votes = self.table("votes");
        let counted = self.db().recount(&votes).expect("reads");
        let kept = self.db().stats(votes.id);
        assert_eq!(
            (counted.items, counted.bytes, counted.fingerprint),
            (kept.items, kept.bytes, kept.fingerprint),
            "{seed}"
        );
        assert_eq!(self.fold_stream(), now, "{seed}: the stream adds up to the table");
        while self.lag() {
            self.follow();
        }
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for item in now.values() {
            *counts.entry(region_of(item)).or_default() += 1;
        }
        let scan = Scan { segment: (0, 1), start: None, limit: None, filter: None };
        let rows = self.db().scan(&self.table("counts"), &scan).expect("reads").items;
        let rows: BTreeMap<String, i64> = rows.iter().map(|row| (region_of(row), count_of(row))).collect();
        assert_eq!(rows, counts, "{seed}: the follower equals a recount");
        self.check_derived();
    }

    /// Whether the follower has changes of the source before it.
    fn lag(&self) -> bool {
        let (votes, counts) = (self.table("votes"), self.table("counts"));
        let cursor = self.db().follower_cursor(counts.id.into());
        cursor.is_none_or(|cursor| cursor < self.db().stats(votes.id).changed)
    }

    /// The stream read shard by shard in small pages, folded.
    fn fold_stream(&self) -> Contents {
        let votes = self.table("votes");
        let mut contents = Contents::new();
        for shard in 0..3 {
            let (mut from, mut last) = (votes.created, Seq::ZERO);
            loop {
                let read = StreamRead { table: votes.id, shard: Some(shard), from, records_max: 7, bytes_max: 4096 };
                let page = self.db().changes(&read).expect("nothing is trimmed");
                for change in &page.changes {
                    assert!(change.seq > last, "positions increase");
                    last = change.seq;
                    let key = change.key(&votes.spec.key);
                    let KeyValue::S(id) = &key.partition else { panic!("ids are strings") };
                    assert_eq!(contents.get(id), change.old.as_ref(), "{}: the old image is what was there", self.seed);
                    put(&mut contents, &key, change.new.clone());
                }
                if page.changes.is_empty() {
                    break;
                }
                from = page.next;
            }
        }
        contents
    }

    fn act(&mut self) {
        match self.roll(100) {
            0..=34 => self.submit(),
            35..=39 => self.write_here_after_step(),
            40..=69 => self.step(),
            70..=79 => self.follow_after_step(),
            80..=84 => self.repeat_after_step(),
            85..=88 => self.world.advance_ms(i64::try_from(self.roll(5000)).expect("small") - 1000),
            89..=90 => self.chores(),
            91 => self.change_indexes(),
            92 => self.transact(),
            93..=94 => self.world.fail_sync_in(self.roll(4)),
            95 => self.world.limit_room(Some(self.roll(64 << 10))),
            96 => self.world.limit_room(None),
            97 => {
                self.world.limit_room(None);
                self.world.heal();
                self.kill();
            }
            _ => self.recover(),
        }
        if self.db().status().poisoned.is_some() {
            // A process that is restarted finds what the failed sync left in the cache, not on disk.
            if self.roll(2) == 0 {
                self.world.limit_room(None);
                self.world.heal();
                self.kill();
            } else {
                self.recover();
            }
        }
    }

    /// Commits without a step, where nothing else waits; the step after it takes in the answer.
    fn write_here_after_step(&mut self) {
        self.step();
        let write = self.random_write();
        let ticket = self.db().write_here(write.clone(), None);
        self.waiting.push((write, None, ticket));
        self.step();
    }

    /// A follower's wait commits what else waits, so that goes first and is accounted for.
    fn follow_after_step(&mut self) {
        self.step();
        if self.db().status().poisoned.is_none() {
            self.follow();
        }
    }

    fn repeat_after_step(&mut self) {
        self.world.limit_room(None);
        self.step();
        if self.db().status().poisoned.is_none() {
            self.repeat_a_call();
        }
    }

    /// Faults end with the power: the machine that comes back is healthy.
    fn recover(&mut self) {
        self.world.limit_room(None);
        self.world.heal();
        self.crash();
    }
}

fn condition(text: &str) -> Condition {
    let (names, values) = (BTreeMap::new(), BTreeMap::new());
    Condition::parse("ConditionExpression", text, &mut Placeholders::new(&names, &values)).expect("parses")
}

fn add_one() -> Update {
    let values = BTreeMap::from([(":one".to_owned(), Value::N(Number::from(1_u64)))]);
    let names = BTreeMap::new();
    Update::parse("ADD n :one", &mut Placeholders::new(&names, &values)).expect("parses")
}

/// What a write does, worked out apart from the database.
fn apply(mut contents: Contents, write: &Write) -> Contents {
    let KeyValue::S(id) = &write.key.partition else { panic!("ids are strings") };
    let old = contents.get(id);
    if write.condition.as_ref().is_some_and(|condition| !condition.matches(old)) {
        return contents;
    }
    let new = match &write.op {
        Op::Put(item) => Some(item.clone()),
        Op::Delete => None,
        Op::Check => old.cloned(),
        Op::Expire(_) => panic!("no client writes this"),
        Op::Update(update) => {
            let fresh = Item::from_iter([("id", Value::S(id.clone()))]);
            Some(update.apply(old.unwrap_or(&fresh)).expect("adds"))
        }
    };
    put(&mut contents, &write.key, new);
    contents
}

fn put(contents: &mut Contents, key: &Key, item: Option<Item>) {
    let KeyValue::S(id) = &key.partition else { panic!("ids are strings") };
    match item {
        Some(item) => contents.insert(id.clone(), item),
        None => contents.remove(id),
    };
}

fn id_of(item: &Item) -> String {
    match item.get("id") {
        Some(Value::S(id)) => id.clone(),
        other => panic!("an id is a string, not {other:?}"),
    }
}

/// Votes that were only ever added to have no region.
fn region_of(item: &Item) -> String {
    match item.get("region") {
        Some(Value::S(region)) => region.clone(),
        _ => "none".to_owned(),
    }
}

fn count_of(row: &Item) -> i64 {
    match row.get("count") {
        Some(Value::N(count)) => count.to_string().parse().expect("a count is an integer"),
        other => panic!("a count is a number, not {other:?}"),
    }
}

#[test]
fn whatever_the_seed_a_crash_leaves_what_was_acknowledged() {
    let long = std::env::var_os("STREAMFOLD_LONG").is_some();
    let only = std::env::var("STREAMFOLD_SEED").ok().map(|seed| seed.parse::<u64>().expect("a seed is a number"));
    let seeds = only.map_or(0..if long { 3000 } else { 150 }, |seed| seed..seed + 1);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            for _ in 0..400 {
                run.act();
            }
            run.recover();
        });
        assert!(run.is_ok(), "seed {seed} fails; run it alone with STREAMFOLD_SEED={seed}");
    }
}

#[test]
fn a_damaged_frame_that_was_on_disk_refuses_to_open_and_says_where() {
    let mut run = Run::new(1);
    for _ in 0..20 {
        run.submit();
        run.step();
    }
    let env = run.world.env();
    let path = std::path::Path::new("/sim/log/000000000001.seg");
    let file = env.disk.open(path).expect("the first segment is there");
    file.write_at(&[0xff; 16], 4096 + 600).expect("writes");
    file.sync().expect("syncs");
    drop(run.db.take());
    let options = Options { segment_bytes: 32 << 10, ..Options::new("/sim") };
    match Db::open_stepped(options, env, &SimStore::new()) {
        Err(OpenError::Corrupt { path: found, offset, what }) => {
            assert_eq!(found, path);
            assert!((4096..4096 + 616).contains(&offset), "{offset}");
            assert!(what.contains("damaged"), "{what}");
        }
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("a corrupt log opened"),
    }
}

fn token(id: u8, repeat: bool) -> Option<RetryToken> {
    Some(RetryToken { id: [id; 16], request: 7, repeat })
}

#[test]
fn a_first_attempt_that_its_repeat_overtook_changes_nothing() {
    let run = Run::new(1);
    let write = || Write {
        table: run.table("votes").id,
        key: key("v1"),
        op: Op::Update(add_one()),
        condition: None,
        origin: Origin::Client,
    };
    let first = run.db().write(write(), token(1, true)).wait().expect("adds");
    assert_eq!(run.db().write(write(), token(1, false)).wait().expect("answers"), first);
    let together = [run.db().write(write(), token(2, true)), run.db().write(write(), token(2, false))];
    let [left, right] = together.map(|ticket| ticket.wait().expect("answers"));
    assert_eq!(left, right);
    assert_ne!(left, first);
}

#[test]
fn a_power_loss_while_trimming_leaves_no_gap_between_segments() {
    for seed in 0..12 {
        let mut run = Run::new(seed * 3 + 1);
        for _ in 0..400 {
            run.submit();
            run.step();
        }
        run.db().chores(true).expect("a healthy disk");
        drop(run.db.take());
        run.store = run.store.crash();
        run.world.advance_ms(1000);
        let open = |run: &Run, store: &SimStore| {
            let options = Options { retention_ms: 1, segment_bytes: 32 << 10, ..Options::new("/sim") };
            Db::open_stepped(options, run.world.env(), store)
        };
        let db = open(&run, &run.store).expect("opens");
        // The first sync is that of the spare segment.
        run.world.fail_sync_in(1 + seed % 3);
        db.chores(false).expect_err("a sync fails in the midst of trimming");
        drop(db);
        run.world.lose_power();
        run.store = run.store.crash();
        let db = open(&run, &run.store).expect("opens after a power loss");
        db.chores(false).expect("a healthy disk");
        assert!(db.trimmed() > Seq(1));
        drop(db);
        match open(&run, &SimStore::new()) {
            Err(OpenError::Corrupt { what, .. }) => assert!(what.contains("the log begins at"), "{what}"),
            Err(other) => panic!("refused for another reason: {other}"),
            Ok(_) => panic!("a log without the state before it opened"),
        }
    }
}

#[test]
fn a_time_is_found_while_the_newest_segment_is_empty() {
    let mut run = Run::new(1);
    while run.db().status().poisoned.is_none() {
        run.db().chores(false).expect("a healthy disk");
        run.submit();
        // Only a step that starts a segment syncs so often; the fourth sync is that of its first frame.
        run.world.fail_sync_in(3);
        run.step();
        run.world.heal();
    }
    assert_eq!(run.db().seq_at(1).expect("reads"), Seq(1));
}

#[test]
fn a_table_that_a_power_loss_brings_back_has_its_items() {
    for seed in 0..20 {
        let mut run = Run::new(seed * 3);
        assert_eq!(run.durability, Durability::Relaxed);
        let item = vote("v1", 1, 10);
        let table = run.table("votes").id;
        let write = Write { table, key: key("v1"), op: Op::Put(item), condition: None, origin: Origin::Client };
        run.db().write(write, None).wait().expect("puts");
        run.db().chores(true).expect("a healthy disk");
        run.db().delete_table("votes").wait().expect("deletes");
        run.db().chores(false).expect("a healthy disk");
        drop(run.db.take());
        run.world.lose_power();
        run.store = run.store.crash();
        run.open();
        if let Some(votes) = run.db().table("votes") {
            assert_eq!(run.db().recount(&votes).expect("reads").items, 1, "seed {seed}");
        }
    }
}

#[test]
fn what_was_cut_off_the_log_does_not_come_back() {
    for seed in 0..60 {
        let mut run = Run::new(seed * 3);
        assert_eq!(run.durability, Durability::Relaxed);
        for _ in 0..4 {
            // Frames of one size: an old one lies where a new one ends, and does not follow it.
            for _ in 0..3 {
                let table = run.table("votes").id;
                let op = Op::Put(vote("v1", run.roll(4), 500));
                let write = Write { table, key: key("v1"), op, condition: None, origin: Origin::Client };
                run.db().write(write, None).wait().expect("puts");
            }
            drop(run.db.take());
            run.world.lose_power();
            run.store = run.store.crash();
            run.open();
        }
    }
}

#[test]
fn a_lone_write_is_committed_where_it_is_made_and_none_is_lost_among_many() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(Options { memory: 64 << 20, segment_bytes: 1 << 20, ..Options::new(dir.path()) }, Env::real())
        .expect("opens");
    let table = db.create_table(TableSpec::new("votes", key_schema("id", KeyKind::S))).wait().expect("creates");
    let write = |id: String| Write {
        table: table.id,
        key: key(&id),
        op: Op::Put(vote(&id, 1, 10)),
        condition: None,
        origin: Origin::Client,
    };
    // The sequencer may just be putting the core down.
    let at_once = (0..100).any(|n| {
        let ticket = db.write_here(write(format!("alone-{n}")), None);
        let here = ticket.is_answered();
        ticket.wait().expect("written");
        here
    });
    assert!(at_once);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (db, write) = (&db, &write);
            scope.spawn(move || {
                for n in 0..100 {
                    let write = write(format!("{writer}-{n}"));
                    let ticket = if writer % 2 == 0 { db.write_here(write, None) } else { db.write(write, None) };
                    ticket.wait().expect("written");
                }
            });
        }
    });
    let before = db.stats(table.id);
    assert!(before.items >= 401);
    assert_eq!(db.recount(&table).expect("reads").fingerprint, before.fingerprint);
}

#[test]
fn what_a_range_showed_is_there_for_who_reads_next() {
    let (world, store) = (World::new(3), SimStore::new());
    let db = Db::open_stepped(Options::new("/data"), world.env(), &store).expect("opens");
    // A group that is in the state already, and that the log does not show yet.
    let (shared, follower) = (&db.inner().shared, FollowerId(9));
    let seq = shared.head.get().next();
    let mut batch = crate::store::Batch::new();
    batch.put(crate::rows::state(follower, b"key"), b"value".to_vec(), seq);
    shared.store.apply(&mut batch);
    shared.store.set_head(seq);
    assert!(db.head() < seq);
    let expected = (b"key".to_vec(), b"value".to_vec());
    assert_eq!(db.follower_states(follower, b"", 9).expect("reads"), std::slice::from_ref(&expected));
    assert_eq!(db.follower_state(follower, b"key").expect("reads"), Some(expected.1));
}

#[test]
fn nobody_waits_for_a_sequencer_that_panicked() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(Options { memory: 64 << 20, segment_bytes: 1 << 20, ..Options::new(dir.path()) }, Env::real())
        .expect("opens");
    let table = db.create_table(TableSpec::new("votes", key_schema("id", KeyKind::S))).wait().expect("creates");
    // Doors refuse such keys; here it stands for a defect.
    let write =
        |id: &str| Write { table: table.id, key: key(id), op: Op::Delete, condition: None, origin: Origin::Client };
    assert!(db.write(write(&"x".repeat(70_000)), None).wait().is_err());
    assert!(db.write(write("y"), None).wait().is_err());
    let why = db.status().poisoned.expect("says so");
    assert!(why.contains("panicked"), "{why}");
}

#[test]
fn a_first_start_waits_for_a_few_megabytes_only_and_what_follows_them_is_found_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || Db::open(Options { memory: 64 << 20, ..Options::new(dir.path()) }, Env::real()).expect("opens");
    let db = open();
    let first = dir.path().join("log/000000000001.seg");
    assert_eq!(std::fs::metadata(&first).expect("is there").len(), 4 << 20);
    let table = db.create_table(TableSpec::new("votes", key_schema("id", KeyKind::S))).wait().expect("creates");
    for n in 0..30 {
        let (key, op) = (key(&n.to_string()), Op::Put(vote(&n.to_string(), 1, 300_000)));
        let write = Write { table: table.id, key, op, condition: None, origin: Origin::Client };
        db.write(write, None).wait().expect("written");
    }
    let before = db.stats(table.id);
    assert_eq!(before.items, 30);
    db.close().expect("closes");
    drop(db);
    assert_eq!(std::fs::metadata(&first).expect("is there").len(), 4 << 20);
    let db = open();
    let table = db.table("votes").expect("is there");
    assert_eq!(db.recount(&table).expect("reads").fingerprint, before.fingerprint);
    let read = StreamRead { table: table.id, shard: None, from: Seq::ZERO, records_max: 100, bytes_max: 64 << 20 };
    assert_eq!(db.changes(&read).expect("reads").changes.len(), 30);
}
