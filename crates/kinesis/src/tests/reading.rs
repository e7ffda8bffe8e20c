//! What was put is read: in order, from any position, for as long as it is kept.

use super::{HOUR_MS, Machine};
use crate::{Definition, Error, Put, Record, Start, hash_key};
use db::{Durability, FollowerCommit, RetryToken, StreamRead};
use item::{Origin, Seq};

#[test]
fn records_are_read_in_order_from_their_shards_whoever_entered_them_and_after_a_crash() {
    let mut machine = Machine::new(Durability::Durable);
    let stream = machine.create("s", 3);
    let keys = ["a", "b", "c", "d", "e", "f"];
    let mut expected: [Vec<String>; 3] = Default::default();
    for round in 0..20 {
        let puts: Vec<Put> = keys.iter().map(|key| Put::new(*key, format!("{key}{round}"))).collect();
        let placed = machine.streams().put(&stream, puts, Origin::Client, None).expect("valid").wait().expect("put");
        for (key, placed) in keys.iter().zip(placed) {
            let range = stream.range(placed.shard);
            assert!((range.first..=range.last).contains(&hash_key(key)));
            expected[usize::from(placed.shard)].push(format!("{key}{round}"));
        }
    }
    let explicit = Put { explicit_hash_key: Some(u128::MAX), ..Put::new("a", "from a commit") };
    let commit = FollowerCommit {
        follower: stream.resource.id,
        expected: None,
        upto: Seq(1),
        rows: Vec::new(),
        records: vec![stream.record(explicit, Origin::Function { depth: 3 }).expect("valid")],
        state: Vec::new(),
    };
    machine.db().follower_commit(commit).wait().expect("committed");
    expected[2].push("from a commit".into());
    machine.crash();
    for (shard, expected) in (0..).zip(&expected) {
        assert!(!expected.is_empty(), "some key is in each shard");
        for limit in [1, 7, 1000] {
            assert_eq!(machine.data(&stream, shard, Seq::ZERO, limit), *expected);
        }
    }
    // The two ways to read a record agree.
    let read = StreamRead {
        table: stream.resource.records(),
        shard: None,
        from: Seq(1),
        records_max: 999,
        bytes_max: 1 << 20,
    };
    let mut raw = Vec::new();
    let seen = machine.db().visit_changes(&read, |change| {
        raw.push(Record::read(&change).expect("a record"));
        std::ops::ControlFlow::Continue(())
    });
    seen.expect("reads");
    let changes = machine.db().changes(&read).expect("reads").changes;
    assert_eq!(changes.into_iter().filter_map(Record::of).collect::<Vec<_>>(), raw);
    assert_eq!((raw.len(), raw[120].origin), (121, Origin::Function { depth: 3 }));
}

#[test]
fn a_reader_starts_where_it_asked_to() {
    let machine = Machine::new(Durability::Durable);
    let stream = machine.create("s", 1);
    let mut placed = Vec::new();
    for at in 0..5 {
        placed.push((machine.db().now_ms(), machine.put(&stream, "k", &format!("r{at}"))));
        machine.world.advance_ms(1000);
    }
    let from = |start: Start| {
        let position = machine.streams().position(&stream, start).expect("reads");
        machine.data(&stream, 0, position, 100).join(" ")
    };
    let (time, seq) = placed[2];
    assert_eq!(from(Start::Horizon), "r0 r1 r2 r3 r4");
    assert_eq!(from(Start::Latest), "");
    assert_eq!(from(Start::At(seq)), "r2 r3 r4");
    assert_eq!(from(Start::After(seq)), "r3 r4");
    assert_eq!(from(Start::Time(time)), "r2 r3 r4");
    assert_eq!(from(Start::Time(time + 1)), "r3 r4");
    assert_eq!(from(Start::Time(0)), "r0 r1 r2 r3 r4");
    let latest = machine.streams().position(&stream, Start::Latest).expect("reads");
    machine.put(&stream, "k", "new");
    assert_eq!(machine.data(&stream, 0, latest, 100), ["new"]);
}

#[test]
fn a_page_ends_before_it_is_too_large_and_says_how_far_behind_it_is() {
    let machine = Machine::new(Durability::Durable);
    let stream = machine.create("s", 1);
    let large = "x".repeat(1000);
    for _ in 0..3 {
        machine.put(&stream, "k", &large);
        machine.world.advance_ms(500);
    }
    // A partition key counts: each record has 1,001 bytes.
    let page = |from: Seq, bytes: usize| {
        let page = machine.streams().read(&stream, 0, from, 100, bytes).expect("reads");
        (page.records.len(), page.behind_ms, page.next)
    };
    let (records, behind_ms, next) = page(Seq::ZERO, 2002);
    assert_eq!((records, behind_ms), (2, 500));
    assert_eq!(page(next, 2002).0, 1);
    assert_eq!(page(next, 2002).1, 0, "nothing is behind the last record");
    assert_eq!(page(Seq::ZERO, 2001).0, 1);
    assert_eq!(page(Seq::ZERO, 1).0, 1, "a page that has room for none has one");
    let other = machine.create("other", 1);
    machine.put(&other, "k", "of another stream");
    let page = machine.streams().read(&stream, 0, next, 1, usize::MAX).expect("reads");
    assert_eq!((page.records.len(), page.behind_ms), (1, 0), "what comes after it is another stream's");
}

#[test]
fn what_a_loss_of_power_could_take_back_is_not_shown() {
    let mut machine = Machine::new(Durability::Relaxed);
    let stream = machine.create("s", 1);
    machine.put(&stream, "k", "kept");
    machine.db().chores(true).expect("a healthy disk");
    let synced = machine.db().synced();
    machine.put(&stream, "k", "not yet on disk");
    assert!(machine.db().head() > synced);
    assert_eq!(machine.data(&stream, 0, Seq::ZERO, 9), ["kept"]);
    machine.crash();
    assert_eq!(machine.data(&stream, 0, Seq::ZERO, 9), ["kept"]);
}

#[test]
fn a_repeated_call_gets_the_first_ones_answer() {
    let mut machine = Machine::new(Durability::Durable);
    let stream = machine.create("s", 2);
    let call = |machine: &Machine, repeat| {
        let puts = vec![Put::new("a", "1"), Put::new("b", "2")];
        let token = RetryToken { id: [1; 16], request: 2, repeat };
        machine.streams().put(&stream, puts, Origin::Client, Some(token)).expect("valid").wait().expect("put")
    };
    let first = call(&machine, false);
    assert_eq!(call(&machine, true), first);
    machine.crash();
    assert_eq!(call(&machine, true), first);
    let all: Vec<String> = (0..2).flat_map(|shard| machine.data(&stream, shard, Seq::ZERO, 9)).collect();
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn a_reader_behind_the_retention_goes_on_at_the_oldest_record_that_is_kept() {
    let machine = Machine::new(Durability::Durable);
    let day = machine.create("day", 1);
    let week = Definition { shards: 1, retention_hours: 168, ..Definition::new("week") };
    let week = machine.streams().create(&week).expect("created");
    let filler = "x".repeat(20_000);
    let mut first = Seq::ZERO;
    for hour in 0..60 {
        for stream in [&day, &week] {
            let seq = machine.put(stream, "k", &format!("{hour:02}{filler}"));
            first = if hour == 0 { seq } else { first };
        }
        machine.world.advance_ms(HOUR_MS);
        machine.db().chores(true).expect("a healthy disk");
    }
    let hours = |stream, from| {
        let data = machine.data(stream, 0, from, 3);
        (data.first().map(|text| text[..2].to_owned()).unwrap_or_default(), data.len())
    };
    // The week's records keep the log; the day's are in it and not shown.
    assert!(machine.db().trimmed() < first);
    assert_eq!(hours(&week, first), ("00".into(), 60));
    assert_eq!(hours(&day, first), ("36".into(), 24));
    let shorter = |definition: &mut Definition| {
        definition.retention_hours = 24;
        Ok::<_, Error>(())
    };
    let week = machine.streams().update("week", shorter).expect("changed");
    machine.db().chores(true).expect("a healthy disk");
    assert!(machine.db().trimmed() > first, "nobody needs the older log any more");
    assert_eq!(hours(&week, first), ("36".into(), 24));
    let position = machine.streams().position(&week, Start::After(first)).expect("reads");
    assert_eq!(hours(&week, position), ("36".into(), 24));
}
