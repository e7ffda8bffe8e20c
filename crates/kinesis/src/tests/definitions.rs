//! Streams come, change and go.

use super::Machine;
use crate::{Definition, Error, Mode, Put, SHARDS_MAX, stream_name};
use db::Durability;
use item::{Origin, Seq};

#[test]
fn a_stream_is_after_a_crash_what_it_was_defined_as() {
    let mut machine = Machine::new(Durability::Durable);
    let definition = Definition {
        mode: Mode::Provisioned,
        shards: 3,
        retention_hours: 48,
        record_kib: 2048,
        tags: [("team".to_owned(), "a".to_owned())].into(),
        ..Definition::new("orders")
    };
    let created = machine.streams().create(&definition).expect("created");
    assert_eq!(created.arn, "arn:aws:kinesis:us-east-1:000000000000:stream/orders");
    assert!(matches!(machine.streams().create(&definition), Err(Error::Exists(name)) if name == "orders"));
    machine.crash();
    let found = machine.streams().get("orders").expect("it is there");
    assert_eq!((found.definition, found.opened), (definition, created.opened));
    assert!(machine.streams().by_arn(&created.arn).is_some());
    assert!(machine.streams().by_arn("arn:aws:kinesis:us-east-1:111111111111:stream/orders").is_none());
}

#[test]
fn a_stream_changes_but_for_its_shards() {
    let machine = Machine::new(Durability::Durable);
    let wanted = Definition::new("orders");
    let first = machine.streams().ensure(&wanted).expect("created");
    let changed = Definition { retention_hours: 72, mode: Mode::Provisioned, ..wanted.clone() };
    let second = machine.streams().ensure(&changed).expect("changed");
    assert_eq!((second.definition, second.resource.id), (changed, first.resource.id));
    let refused = machine.streams().ensure(&Definition { shards: 5, ..wanted }).expect_err("refused").to_string();
    expect_test::expect!["the stream orders has 4 shards, not 5, and their number cannot be changed: delete it first"]
        .assert_eq(&refused);
    let updated = machine.streams().update("orders", |definition| {
        definition.shards = 9;
        definition.name = "other".into();
        definition.retention_hours = 25;
        Ok::<_, Error>(())
    });
    let updated = updated.expect("updated").definition;
    assert_eq!((updated.name.as_str(), updated.shards, updated.retention_hours), ("orders", 4, 25));
}

#[test]
fn what_no_stream_can_be_is_refused_with_its_reason() {
    let machine = Machine::new(Durability::Durable);
    let refusal = |definition: Definition| machine.streams().create(&definition).expect_err("refused").to_string();
    let plain = Definition::new("s");
    let refusals = [
        refusal(Definition::new("a b")),
        refusal(Definition { shards: 0, ..plain.clone() }),
        refusal(Definition { shards: SHARDS_MAX + 1, ..plain.clone() }),
        refusal(Definition { retention_hours: 23, ..plain.clone() }),
        refusal(Definition { record_kib: 1, ..plain.clone() }),
        refusal(Definition { tags: (0..51).map(|at| (at.to_string(), String::new())).collect(), ..plain.clone() }),
    ];
    expect_test::expect![[r#"
        "a b" is no name of a stream: 1 to 128 letters, digits, dots, hyphens and underscores are
        the stream s needs at least one shard
        the stream s would bring the shards of all streams to 1001, more than 1000
        the stream s cannot keep records for 23 hours: 24 to 8760 can be asked for
        the stream s cannot take records of 1 KiB: 1024 to 10240 can be asked for
        the stream s has 51 tags, more than 50"#]].assert_eq(&refusals.join("\n"));
    let stream = machine.streams().create(&plain).expect("created");
    let refusal = |put: Put| stream.record(put, Origin::Client).expect_err("refused").to_string();
    let refusals = [refusal(Put::new("", "x")), refusal(Put::new("k", vec![0; 1 << 20]))];
    expect_test::expect![[r#"
        a partition key for the stream s has 0 characters; 1 to 256 are possible
        a record for the stream s has 1048577 bytes with its partition key, more than 1048576"#]].assert_eq(&refusals.join("\n"));
    assert!(stream.record(Put::new("ü".repeat(256), vec![0; 1 << 19]), Origin::Client).is_ok());
}

#[test]
fn a_stream_that_is_created_again_begins_empty() {
    let machine = Machine::new(Durability::Durable);
    let old = machine.create("s", 1);
    machine.put(&old, "k", "old");
    machine.streams().delete("s").expect("deleted");
    assert!(matches!(machine.streams().delete("s"), Err(Error::NotFound(_))));
    let gone = machine.streams().put(&old, vec![Put::new("k", "late")], Origin::Client, None).expect("valid").wait();
    assert!(matches!(gone, Err(Error::Db(db::Error::FollowerNotFound(_)))), "{gone:?}");
    let new = machine.create("s", 1);
    machine.put(&new, "k", "new");
    assert_eq!(machine.data(&new, 0, Seq::ZERO, 9), ["new"]);
}

#[test]
fn the_name_is_read_from_arns_of_streams_only() {
    assert_eq!(stream_name("arn:aws:kinesis:us-east-1:000000000000:stream/a.b"), Some("a.b"));
    assert_eq!(stream_name("arn:aws-cn:kinesis:cn-north-1:000000000000:stream/a"), Some("a"));
    for other in ["a", "arn:aws:kinesis:r:0:consumer/a", "arn:aws:dynamodb:r:0:stream/a", "arn:aws:kinesis"] {
        assert_eq!(stream_name(other), None, "{other}");
    }
}
