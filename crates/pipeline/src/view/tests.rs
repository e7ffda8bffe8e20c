//! Views against their definition: a simulated database, random changes, crashes at any step.

use super::*;
use crate::sql::{
    Plan, evaluate,
    tests::{item, schema},
};
use db::{Env, Options, SimStore, TableSpec, TableUpdate, ViewSpec, Write, env::sim::World};
use item::{Item, KeyKind, Origin};
use proptest::prelude::*;
use std::collections::BTreeMap;

const TOTALS: &str = "SELECT region, improvement, COUNT(*) AS total_votes FROM votes GROUP BY region, improvement";

/// A database in memory that can crash.
struct Lab {
    world: World,
    store: SimStore,
    db: Db,
}

fn options() -> Options {
    Options { segment_bytes: 1 << 20, ..Options::new("/sim") }
}

impl Lab {
    fn new(seed: u64) -> Lab {
        let world = World::new(seed);
        let store = SimStore::new();
        let db = Db::open_stepped(options(), world.env(), &store).expect("opens");
        Lab { world, store, db }
    }

    /// What is left after the process died.
    fn crash(&mut self) {
        self.store = self.store.crash();
        self.db = Db::open_stepped(options(), self.env(), &self.store).expect("opens again");
    }

    fn env(&self) -> Env {
        self.world.env()
    }

    fn table(&self, name: &str) -> Arc<Table> {
        self.db.table(name).expect("a table of this test")
    }

    fn votes(&self) -> Arc<Table> {
        self.create(TableSpec::new("votes", schema(("id", KeyKind::S), None)))
    }

    fn create(&self, spec: TableSpec) -> Arc<Table> {
        self.db.create_table(spec).wait().expect("created")
    }

    fn view(&self, name: &str, sql: &str, key: item::KeySchema) -> Arc<Table> {
        self.create(TableSpec { view: Some(definition(sql)), ..TableSpec::new(name, key) })
    }

    fn totals(&self) -> Arc<Table> {
        self.view("total_votes", TOTALS, schema(("region", KeyKind::S), Some(("improvement", KeyKind::S))))
    }

    fn put(&self, table: &str, text: &str) {
        self.op(table, text, db::Op::Put(item(text)));
    }

    fn delete(&self, table: &str, key: &str) {
        self.op(table, key, db::Op::Delete);
    }

    fn op(&self, table: &str, text: &str, op: db::Op) {
        let table = self.table(table);
        let key = table.spec.key.key_of(&item(text)).expect("a key");
        let write = Write { table: table.id, key, op, condition: None, origin: Origin::Client };
        self.db.write(write, None).wait().expect("written");
    }

    fn open(&self, table: &Table) -> View {
        View::open(self.db.clone(), self.table(&table.spec.name)).expect("a view")
    }

    /// Rows as text, sorted.
    fn rows(&self, table: &str) -> Vec<String> {
        let mut rows: Vec<String> = self.items(table).iter().map(show).collect();
        rows.sort();
        rows
    }

    fn items(&self, table: &str) -> Vec<Item> {
        let page = db::Scan { segment: (0, 1), start: None, limit: None, filter: None };
        self.db.scan(&self.table(table), &page).expect("scanned").items
    }

    #[track_caller]
    fn assert_true(&self, table: &Table) {
        let found = verify(&self.db, table).expect("live");
        assert!(found.is_true(), "{:#?}", found.differences);
    }
}

fn definition(sql: &str) -> ViewSpec {
    ViewSpec { sql: sql.to_string(), sources: vec![("votes".to_string(), "votes".to_string())] }
}

fn show(row: &Item) -> String {
    let value = |value: &item::Value| match value {
        item::Value::S(text) => text.clone(),
        item::Value::N(number) => number.to_string(),
        other => other.type_code().to_string(),
    };
    row.iter().map(|(name, member)| format!("{name}={}", value(member))).collect::<Vec<_>>().join(" ")
}

/// Steps until there is nothing more to do; answers how many steps made progress.
fn drive(view: &mut View) -> usize {
    for steps in 0..10_000 {
        if let Step::Idle { .. } = view.step().expect("steps") {
            return steps;
        }
    }
    panic!("the view does not come to rest: {:?}", view.status());
}

#[test]
fn a_vote_is_counted_moved_and_taken_back() {
    let lab = Lab::new(1);
    lab.votes();
    lab.put("votes", "id=0 region=SOUTH improvement=MORE_TREES");
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    drive(&mut view);
    assert_eq!(lab.rows("total_votes"), ["improvement=MORE_TREES region=SOUTH total_votes=1"]);
    lab.put("votes", "id=1 region=SOUTH improvement=MORE_TREES");
    lab.put("votes", "id=2 region=SOUTH improvement=PARKS");
    drive(&mut view);
    assert_eq!(
        lab.rows("total_votes"),
        ["improvement=MORE_TREES region=SOUTH total_votes=2", "improvement=PARKS region=SOUTH total_votes=1"]
    );
    lab.put("votes", "id=1 region=NORTH improvement=MORE_TREES");
    lab.delete("votes", "id=2");
    drive(&mut view);
    assert_eq!(
        lab.rows("total_votes"),
        ["improvement=MORE_TREES region=NORTH total_votes=1", "improvement=MORE_TREES region=SOUTH total_votes=1"]
    );
    lab.assert_true(&totals);
    let status = view.status();
    assert_eq!((status.phase, status.groups, status.lag_changes), (Phase::Live, 2, 0));
    assert_eq!((status.source.as_str(), status.sql.as_str()), ("votes", TOTALS));
}

#[test]
fn an_item_that_does_not_fit_is_counted_by_reason_until_it_fits() {
    let lab = Lab::new(2);
    lab.votes();
    lab.put("votes", "id=early region=SOUTH");
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    drive(&mut view);
    for at in 0..25 {
        lab.put("votes", &format!("id={at} region=#1 improvement=x"));
    }
    drive(&mut view);
    let reason = "attribute region is N, the view's key needs S".to_string();
    let missing = "attribute improvement is missing".to_string();
    let status = view.status();
    assert_eq!(status.skipped, [(reason.clone(), 25), (missing.clone(), 1)]);
    assert_eq!(status.samples.len(), 20);
    assert_eq!((status.samples[0].key.as_str(), &status.samples[0].reason), ("id=24", &reason));
    // It is known after a restart, and taken back when the item fits or goes.
    let mut view = lab.open(&totals);
    lab.put("votes", "id=24 region=SOUTH improvement=x");
    lab.delete("votes", "id=23");
    drive(&mut view);
    let status = view.status();
    assert_eq!(status.skipped, [(reason, 23), (missing, 1)]);
    assert_eq!((status.samples.len(), status.samples[0].key.as_str()), (18, "id=22"));
    assert_eq!(lab.rows("total_votes"), ["improvement=x region=SOUTH total_votes=1"]);
    lab.assert_true(&totals);
}

#[test]
fn a_source_that_goes_stops_the_view_and_one_that_comes_back_fills_it_anew() {
    let lab = Lab::new(3);
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    let stopped = Phase::Stopped { reason: "source table votes does not exist".to_string() };
    drive(&mut view);
    assert_eq!(view.status().phase, stopped);
    lab.votes();
    for at in 0..9 {
        lab.put("votes", &format!("id={at} region=R{at} improvement=x"));
    }
    drive(&mut view);
    assert_eq!((view.status().phase, lab.rows("total_votes").len()), (Phase::Live, 9));
    lab.db.delete_table("votes").wait().expect("deleted");
    drive(&mut view);
    assert_eq!((view.status().phase, lab.rows("total_votes").len()), (stopped, 9));
    lab.votes();
    lab.put("votes", "id=1 region=SOUTH improvement=x");
    drive(&mut view);
    assert_eq!(lab.rows("total_votes"), ["improvement=x region=SOUTH total_votes=1"]);
    assert_eq!(view.status().groups, 1);
    lab.assert_true(&totals);
    lab.db.delete_table("total_votes").wait().expect("deleted");
    assert!(matches!(view.step(), Err(ViewError::Gone(name)) if name == "total_votes"));
}

#[test]
fn a_new_definition_clears_the_view_and_fills_it_anew() {
    let lab = Lab::new(4);
    lab.votes();
    for at in 0..12 {
        lab.put("votes", &format!("id={at} region=R{} improvement=x price=#{at}", at % 4));
    }
    lab.put("votes", "id=bad region=SOUTH improvement=x price=much");
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    drive(&mut view);
    assert_eq!(lab.rows("total_votes").len(), 5);
    let sql = "SELECT region, improvement, SUM(price) AS s, AVG(price) AS a FROM votes WHERE region <> 'R0' GROUP BY region, improvement";
    let update = TableUpdate { view: Some(definition(sql)), ..TableUpdate::default() };
    lab.db.update_table("total_votes", update).wait().expect("updated");
    drive(&mut view);
    assert_eq!(
        lab.rows("total_votes"),
        ["a=5 improvement=x region=R1 s=15", "a=6 improvement=x region=R2 s=18", "a=7 improvement=x region=R3 s=21",]
    );
    assert_eq!(view.status().skipped, [("attribute price is S, SUM and AVG need N".to_string(), 1)]);
    lab.assert_true(&totals);
    let broken = TableUpdate { view: Some(definition("SELECT")), ..TableUpdate::default() };
    lab.db.update_table("total_votes", broken).wait().expect("updated");
    drive(&mut view);
    assert!(matches!(view.status().phase, Phase::Stopped { reason } if reason.contains("is not understood: 1:")));
}

#[test]
fn a_view_over_a_view_follows_it() {
    let lab = Lab::new(5);
    lab.votes();
    let totals = lab.totals();
    let sql = "SELECT region, SUM(total_votes) AS n, COUNT(*) AS improvements FROM total_votes GROUP BY region";
    let regions = lab.view("regions", sql, schema(("region", KeyKind::S), None));
    let (mut first, mut second) = (lab.open(&totals), lab.open(&regions));
    for at in 0..20 {
        lab.put("votes", &format!("id={at} region=R{} improvement=I{}", at % 2, at % 3));
        drive(&mut first);
        drive(&mut second);
    }
    lab.delete("votes", "id=0");
    drive(&mut first);
    drive(&mut second);
    assert_eq!(lab.rows("regions"), ["improvements=3 n=10 region=R1", "improvements=3 n=9 region=R0"]);
    lab.assert_true(&regions);
}

#[test]
fn sums_without_numbers_are_null_and_sums_beyond_the_range_come_back() {
    let lab = Lab::new(6);
    lab.votes();
    let sql = "SELECT 'all' AS id, COUNT(*) AS n, COUNT(p) AS c, SUM(p) AS s, AVG(p) AS a FROM votes";
    let all = lab.view("all", sql, schema(("id", KeyKind::S), None));
    let mut view = lab.open(&all);
    drive(&mut view);
    assert_eq!(lab.rows("all"), [""; 0], "no items, no row");
    lab.put("votes", "id=1");
    drive(&mut view);
    assert_eq!(lab.rows("all"), ["a=NULL c=0 id=all n=1 s=NULL"]);
    lab.put("votes", "id=2 p=#1");
    lab.put("votes", "id=3 p=#9e125");
    lab.put("votes", "id=4 p=#9e125");
    drive(&mut view);
    assert!(lab.rows("all")[0].ends_with("c=3 id=all n=4 s=NULL"));
    // A result too close to zero is zero.
    lab.delete("votes", "id=2");
    lab.delete("votes", "id=3");
    lab.put("votes", "id=4 p=#1e-130");
    lab.put("votes", "id=5 p=#0");
    drive(&mut view);
    assert!(lab.rows("all")[0].starts_with("a=0 c=2 id=all n=3 s=0.0"), "{:?}", lab.rows("all"));
    lab.put("votes", "id=2 p=#1");
    lab.delete("votes", "id=4");
    lab.delete("votes", "id=5");
    drive(&mut view);
    assert_eq!(lab.rows("all"), ["a=1 c=1 id=all n=2 s=1"]);
    lab.assert_true(&all);
}

#[test]
fn a_change_that_the_query_does_not_read_commits_nothing() {
    let lab = Lab::new(7);
    lab.votes();
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    lab.put("votes", "id=1 region=SOUTH improvement=x");
    drive(&mut view);
    let commits = view.status().commits_total;
    let changed = lab.db.stats(totals.id).changed;
    for at in 0..20 {
        lab.put("votes", &format!("id=1 region=SOUTH improvement=x note=n{at}"));
        drive(&mut view);
    }
    assert_eq!(view.status().commits_total, commits);
    assert_eq!(lab.db.stats(totals.id).changed, changed);
    assert_eq!(view.status().lag_changes, 0);
    // The cursor alone is committed now and then, and when the view stops.
    lab.create(TableSpec::new("other", schema(("id", KeyKind::S), None)));
    for at in 0..60 {
        lab.put("other", &format!("id={at}"));
    }
    drive(&mut view);
    assert_eq!(view.status().commits_total, commits + 1);
    lab.put("other", "id=last");
    drive(&mut view);
    view.flush().expect("flushed");
    assert_eq!(view.status().commits_total, commits + 1, "shown with the next step");
    drive(&mut view);
    assert_eq!(view.status().commits_total, commits + 2);
}

#[test]
fn a_view_that_comes_back_after_the_log_was_trimmed_fills_itself_anew() {
    let mut lab = Lab::new(8);
    lab.votes();
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    lab.put("votes", "id=1 region=SOUTH improvement=x");
    drive(&mut view);
    let cursor = view.status().cursor;
    drop(view);
    let filler = "f".repeat(100_000);
    for at in 0..60 {
        lab.put("votes", &format!("id={} region=R{} improvement=x filler={filler}", at % 7, at % 5));
    }
    lab.world.advance_ms(2 * 24 * 60 * 60 * 1000);
    lab.put("votes", "id=late region=R1 improvement=x");
    lab.db.chores(true).expect("trimmed");
    lab.db.chores(true).expect("trimmed");
    assert!(lab.db.trimmed() > cursor, "the test trims the log: {} {cursor}", lab.db.trimmed());
    lab.crash();
    let mut view = lab.open(&totals);
    drive(&mut view);
    lab.assert_true(&totals);
    assert_eq!(view.status().phase, Phase::Live);
}

#[test]
fn changes_between_a_backfills_snapshot_and_its_reading_of_the_log_count_once() {
    let lab = Lab::new(11);
    let votes = lab.votes();
    for id in 0..30 {
        lab.put("votes", &format!("id={id} region=R{} improvement=x", id % 3));
    }
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    view.step().expect("steps");
    let (db, mut at) = (lab.db.clone(), 0);
    let interrupt = move || {
        at += 1;
        for id in [at * 5 % 30, at * 11 % 30] {
            let item = item(&format!("id={id} region=R{} improvement=y", at % 4));
            let key = votes.spec.key.key_of(&item).expect("a key");
            let op = if at % 3 == 0 { db::Op::Delete } else { db::Op::Put(item) };
            let write = Write { table: votes.id, key, op, condition: None, origin: Origin::Client };
            db.write(write, None).wait().expect("written");
        }
    };
    view.running.as_mut().expect("it backfills").after_snapshot = Some(Box::new(interrupt));
    drive(&mut view);
    assert_eq!(view.status().phase, Phase::Live);
    lab.assert_true(&totals);
}

#[test]
fn verification_finds_a_row_that_is_wrong_missing_or_too_many() {
    let lab = Lab::new(9);
    lab.votes();
    let totals = lab.totals();
    let mut view = lab.open(&totals);
    for id in ["1", "2"] {
        lab.put("votes", &format!("id={id} region=R{id} improvement=x"));
    }
    drive(&mut view);
    lab.assert_true(&totals);
    let forge = |text: &str, new: bool| {
        let row = item(text);
        let key = totals.spec.key.key_of(&row).expect("a key");
        let row = db::Row::folded(totals.id, key, new.then_some(row));
        let follower = FollowerId(totals.id.0);
        let at = lab.db.follower_cursor(follower);
        let upto = at.expect("a cursor");
        let commit = db::FollowerCommit {
            follower,
            expected: at,
            upto,
            rows: vec![row],
            records: Vec::new(),
            state: Vec::new(),
        };
        lab.db.follower_commit(commit).wait().expect("committed");
    };
    forge("region=R1 improvement=x total_votes=#7", true);
    forge("region=R2 improvement=x", false);
    forge("region=R3 improvement=x total_votes=#1", true);
    let found = verify(&lab.db, &totals).expect("live");
    assert_eq!(found.differences.len(), 3, "{:#?}", found.differences);
    // Another change comes: the view goes on from its own state, and mends the row it touches only.
    lab.put("votes", "id=3 region=R1 improvement=x");
    drive(&mut view);
    assert_eq!(verify(&lab.db, &totals).expect("live").differences.len(), 2);
}

#[test]
fn a_commit_by_somebody_else_makes_the_view_look_again() {
    let lab = Lab::new(10);
    lab.votes();
    let totals = lab.totals();
    let (mut one, mut two) = (lab.open(&totals), lab.open(&totals));
    for at in 0..30 {
        lab.put("votes", &format!("id={at} region=R{} improvement=x", at % 3));
        drive(if at % 2 == 0 { &mut one } else { &mut two });
    }
    lab.assert_true(&totals);
    drive(&mut one);
    assert_eq!(lab.rows("total_votes").len(), 3);
    assert!(lab.rows("total_votes").iter().all(|row| row.ends_with("total_votes=10")));
}

/// What may happen to a database with a view.
#[derive(Clone, Debug)]
enum Event {
    Put(String),
    /// In one group, with keys that differ.
    Batch(BTreeMap<u8, String>),
    Delete(u8),
    Step(u8),
    Restart,
    Crash,
    Redefine(bool),
    Recreate,
}

fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        3 => (0..3u8).prop_map(|r| format!("region=R{r} improvement=I{}", r % 2)),
        3 => (0..12u8, -3..4i64, 0..3u8).prop_map(|(r, p, e)| format!("region=R{r} improvement=x price=#{p}e{}", i64::from(e) * 30 - 30)),
        1 => Just("region=#1 improvement=x".to_string()),
        1 => Just("region=R1 improvement=x price=much".to_string()),
        1 => Just("improvement=x".to_string()),
    ];
    prop_oneof![
        12 => (0..30u8, value.clone()).prop_map(|(id, rest)| Event::Put(format!("id={id} {rest}"))),
        2 => proptest::collection::btree_map(0..30u8, value, 1..12).prop_map(Event::Batch),
        4 => (0..30u8).prop_map(Event::Delete),
        6 => (1..5u8).prop_map(Event::Step),
        1 => Just(Event::Restart),
        1 => Just(Event::Crash),
        1 => any::<bool>().prop_map(Event::Redefine),
        1 => Just(Event::Recreate),
    ]
}

const SUMS: &str = "SELECT region, improvement, COUNT(*) AS n, COUNT(price) AS c, SUM(price) AS s, AVG(price) AS a \
                    FROM votes WHERE improvement <> 'I1' OR price > 0 GROUP BY region, improvement";

/// The model: the source's items, and what the query says of them.
#[derive(Default)]
struct Model {
    items: BTreeMap<String, Item>,
    sql: &'static str,
}

impl Model {
    fn put(&mut self, text: &str) {
        let id = text.split(' ').next().expect("an id first").to_string();
        self.items.insert(id, item(text));
    }

    #[track_caller]
    fn assert_equals(&self, lab: &Lab, totals: &Table, view: &View) {
        let plan = Plan::parse(self.sql, &totals.spec.key).expect("a view");
        let reference = evaluate(&plan, self.items.values());
        let mut expected: Vec<String> = reference.rows.values().map(|(_, row)| show(row)).collect();
        expected.sort();
        assert_eq!(lab.rows("total_votes"), expected);
        let status = view.status();
        assert_eq!(status.skipped.into_iter().collect::<BTreeMap<_, _>>(), reference.skipped);
        assert_eq!(status.groups, expected.len() as u64);
        lab.assert_true(totals);
    }
}

fn run(events: &[Event], seed: u64) {
    let mut lab = Lab::new(seed);
    lab.votes();
    let totals = lab.totals();
    let mut model = Model { sql: TOTALS, ..Model::default() };
    let mut view = lab.open(&totals);
    for event in events {
        match event {
            Event::Put(text) => {
                lab.put("votes", text);
                model.put(text);
            }
            Event::Batch(items) => {
                let texts: Vec<String> = items.iter().map(|(id, rest)| format!("id={id} {rest}")).collect();
                let table = lab.table("votes");
                let write = |text: &String| Write {
                    table: table.id,
                    key: table.spec.key.key_of(&item(text)).expect("a key"),
                    op: db::Op::Put(item(text)),
                    condition: None,
                    origin: Origin::Client,
                };
                lab.db.write_batch(texts.iter().map(write).collect(), None).wait().expect("written");
                texts.iter().for_each(|text| model.put(text));
            }
            Event::Delete(id) => {
                lab.delete("votes", &format!("id={id}"));
                model.items.remove(&format!("id={id}"));
            }
            Event::Step(times) => (0..*times).for_each(|_| {
                view.step().expect("steps");
            }),
            Event::Restart => view = lab.open(&totals),
            Event::Crash => {
                lab.crash();
                view = lab.open(&totals);
            }
            Event::Redefine(sums) => {
                model.sql = if *sums { SUMS } else { TOTALS };
                let update = TableUpdate { view: Some(definition(model.sql)), ..TableUpdate::default() };
                lab.db.update_table("total_votes", update).wait().expect("updated");
            }
            Event::Recreate => {
                lab.db.delete_table("votes").wait().expect("deleted");
                lab.votes();
                model.items.clear();
            }
        }
    }
    drive(&mut view);
    model.assert_equals(&lab, &totals, &view);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    /// Whatever happens in whatever order, with a crash at any step, the view is its query over the current items.
    #[test]
    fn a_view_equals_its_query_evaluated_from_scratch(
        events in proptest::collection::vec(event(), 1..120),
        seed in any::<u64>(),
    ) {
        run(&events, seed);
    }
}
