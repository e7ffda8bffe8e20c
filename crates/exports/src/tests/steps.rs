//! What an execution does when nothing is in its way, and what it does with exports that are no good.

use super::{Machine, binding, export, gzip, key, rows};
use crate::{Binding, Empty, Status};
use expect_test::{Expect, expect};

fn shown(machine: &Machine) -> String {
    let lines: Vec<String> = machine.registered("t/x");
    lines.join("\n")
}

#[test]
fn only_changes_leave_and_the_target_follows() {
    let machine = Machine::new(1);
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2 c=3 d=4")));
    machine.settle();
    machine.upload(&key("t/x", "V2"), &export(&rows("a=1 b=9 c=3 e=5 d=4")));
    machine.settle();
    machine.upload(&key("t/x", "V3"), &export(&rows("b=9 c=3 e=5 d=4")));
    machine.settle();
    let last = rows("b=9 c=3 d=4 e=5");
    assert_eq!(machine.target(), last);
    machine.check("t/x", &last);
    expect![[r#"
        V1 0 INSERT a 1
        V1 1 INSERT b 2
        V1 2 INSERT c 3
        V1 3 INSERT d 4
        V2 0 UPDATE b 9
        V2 1 INSERT e 5
        V3 0 DELETE a -"#]]
    .assert_eq(&machine.operations("t/x").join("\n"));
    let all = machine.stream();
    expect![[r#"{"operation":"UPDATE","tenant":"t","table":"x","exportVersion":"V2","ordinal":0,"key":{"PK":"b"},"row":{"PK":"b","v":"9"}}"#]]
        .assert_eq(&all.iter().find(|seen| seen.data.contains("UPDATE")).expect("published").data);
    assert!(all.iter().any(|seen| seen.partition_key == "t/x/b"));
    expect![[r#"{"operation":"DELETE","tenant":"t","table":"x","exportVersion":"V3","ordinal":0,"key":{"PK":"a"}}"#]]
        .assert_eq(&all.last().expect("published").data);
}

#[test]
fn the_registry_shows_an_execution_and_its_steps() {
    let machine = Machine::new(2);
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2")));
    machine.settle();
    machine.upload("t/lost.gz", b"?");
    machine.settle();
    expect![[r#"
        V1 SUCCEEDED
        V1#1-register SUCCEEDED
        V1#2-lock SUCCEEDED
        V1#3-delta SUCCEEDED
        V1#4-publish SUCCEEDED
        V1#5-apply SUCCEEDED
        V1#6-release SUCCEEDED"#]]
    .assert_eq(&shown(&machine));
    let mut json = Vec::new();
    wire::item(&mut json, &machine.registry("t/x", "V1").expect("there"));
    json.push(b'\n');
    wire::item(&mut json, &machine.registry("t/x", "V1#3-delta").expect("there"));
    json.push(b'\n');
    wire::item(&mut json, &machine.registry("misplaced", "imports/t/lost.gz").expect("there"));
    let json = String::from_utf8(json).expect("JSON");
    expect![[r#"
        {"durationMs":{"N":"0"},"endedAt":{"S":"2023-11-14T22:13:20.000Z"},"endedMs":{"N":"1700000000000"},"execution":{"S":"V1"},"ignored":{"N":"0"},"input":{"M":{"binding":{"S":"imports/"},"fileCount":{"N":"1"},"files":{"L":[{"M":{"etag":{"S":"927a84fd2dadda0689d07c5dbe312e0d"},"key":{"S":"t/x/V1/export.csv.gz"},"size":{"N":"36"}}}]}}},"output":{"M":{"applied":{"N":"2"},"published":{"N":"2"},"stream":{"S":"changes"},"target":{"S":"copy"}}},"registeredAt":{"S":"2023-11-14T22:13:20.000Z"},"registeredMs":{"N":"1700000000000"},"startedAt":{"S":"2023-11-14T22:13:20.000Z"},"startedMs":{"N":"1700000000000"},"statistics":{"M":{"bytes":{"N":"36"},"deletes":{"N":"0"},"inserts":{"N":"2"},"nextRows":{"N":"2"},"operations":{"N":"2"},"previousRows":{"N":"0"},"textBytes":{"N":"13"},"unchanged":{"N":"0"},"updates":{"N":"0"}}},"status":{"S":"SUCCEEDED"},"step":{"S":"release"},"table":{"S":"t/x"}}
        {"durationMs":{"N":"0"},"endedAt":{"S":"2023-11-14T22:13:20.000Z"},"endedMs":{"N":"1700000000000"},"execution":{"S":"V1#3-delta"},"input":{"M":{}},"startedAt":{"S":"2023-11-14T22:13:20.000Z"},"startedMs":{"N":"1700000000000"},"statistics":{"M":{"bytes":{"N":"36"},"deletes":{"N":"0"},"inserts":{"N":"2"},"nextRows":{"N":"2"},"operations":{"N":"2"},"previousRows":{"N":"0"},"textBytes":{"N":"13"},"unchanged":{"N":"0"},"updates":{"N":"0"}}},"status":{"S":"SUCCEEDED"},"table":{"S":"t/x"}}
        {"endedAt":{"S":"2023-11-14T22:13:20.000Z"},"endedMs":{"N":"1700000000000"},"error":{"S":"it has 2 parts after the prefix, not TENANT/TABLE/EXPORT_VERSION/FILE.gz"},"execution":{"S":"imports/t/lost.gz"},"input":{"M":{"bucket":{"S":"imports"},"key":{"S":"t/lost.gz"}}},"status":{"S":"MISPLACED"},"table":{"S":"misplaced"}}"#]].assert_eq(&json);
}

#[test]
fn keys_whose_hashes_collide_are_told_apart_from_the_delta_to_the_target_wherever_the_machine_stops() {
    // All keys collide, and a few.
    for hash_mask in [0, 0x8000_0001] {
        for pieces in 0..8 {
            let mut machine = Machine::new(8);
            machine.settings.hash_mask = hash_mask;
            machine.crash();
            machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2 c=3 d=4")));
            machine.settle();
            machine.upload(&key("t/x", "V2"), &export(&rows("a=1 b=9 e=3 d=4 f=4")));
            machine.engine().register().expect("registered");
            {
                let mut work = machine.begin().expect("its turn");
                let _ = (0..pieces).all(|_| work.step().is_ok());
            }
            machine.crash();
            machine.settle();
            let last = rows("a=1 b=9 d=4 e=3 f=4");
            assert_eq!(machine.target(), last);
            machine.check("t/x", &last);
            assert_eq!(machine.operations("t/x")[4..], OF_SECOND, "{hash_mask:x}, after {pieces} pieces");
        }
    }
}

const OF_SECOND: [&str; 4] = ["V2 0 UPDATE b 9", "V2 1 INSERT e 3", "V2 2 INSERT f 4", "V2 3 DELETE c -"];

/// What becomes of a first export of these texts, with a target whose column `n` is a number.
fn check(texts: &[&[u8]], expected: Expect) {
    let machine = Machine::new(3);
    let numbers = vec!["n".to_owned()];
    machine.engine().bind(&[Binding { numbers, ..binding() }]).expect("bound");
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1")));
    machine.settle();
    for (at, bytes) in texts.iter().enumerate() {
        machine.upload(&key("t/x", &format!("V{}", at + 2)), bytes);
    }
    machine.settle();
    let told: Vec<String> = (0..texts.len())
        .map(|at| machine.show("t/x", &format!("V{}", at + 2)))
        .map(|execution| format!("{} {}", execution.status.name(), execution.error.unwrap_or_default()))
        .collect();
    expected.assert_eq(&told.join("\n"));
    assert_eq!(machine.operations("t/x").len(), 1, "nothing of it left");
    assert_eq!(machine.target(), rows("a=1"));
    machine.check("t/x", &rows("a=1"));
}

#[test]
fn what_cannot_be_used_fails_with_the_place_and_leaves_nothing() {
    let whole = export(&rows("a=1 b=2 c=3"));
    let long = format!("PK,v,n\na,{},1\n", "x".repeat(500_000));
    check(
        &[
            &whole[..whole.len() - 9],
            b"",
            &gzip("PK,v\na,1\na,2\n"),
            &gzip("PK,v\na,1,3\n"),
            &gzip("PK,v,n\na,1,many\n"),
            &gzip(&long),
            &gzip("PK,v,n\n,1,1\n"),
        ],
        expect![[r#"
            FAILED t/x/V2/export.csv.gz, byte 31 of the compressed file: the gzip stream is cut off; upload the file again
            FAILED t/x/V3/export.csv.gz: the file has 0 bytes; upload the file again
            FAILED t/x/V4/export.csv.gz, row 2: key a is there already, in row 1; export every key once, or configure more key columns
            FAILED t/x/V5/export.csv.gz, row 1, byte 5 of the text: 3 fields, the header has 2; quote fields that hold commas or line ends
            FAILED UPDATE of PK=a: column n says "many", which is no number
            FAILED UPDATE of PK=a: the row takes 500007 bytes in table copy, more than 409600
            FAILED t/x/V8/export.csv.gz, row 1, byte 7 of the text: key column PK is empty; give every row its key"#]],
    );
}

#[test]
fn a_failed_export_is_tried_again_when_it_is_uploaded_anew_or_somebody_asks() {
    let machine = Machine::new(4);
    machine.upload(&key("t/x", "V1"), &gzip("PK,v\na,1\na,2\n"));
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Failed);
    let token = machine.table("t/x").head(machine.db()).expect("reads").lock;
    assert_eq!(token, None, "the lock is free");
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1")));
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Succeeded);

    // The target is missing, and comes.
    machine.db().delete_table("copy").wait().expect("deleted");
    machine.upload(&key("t/y", "V1"), &export(&rows("c=1")));
    machine.settle();
    let failed = machine.show("t/y", "V1");
    assert_eq!(failed.error.as_deref(), Some("target table copy does not exist: create it and retry"));
    machine.make_target();
    assert!(machine.engine().retry("t/x", "V1").is_err(), "it did not fail");
    machine.engine().retry("t/y", "V1").expect("retried");
    machine.settle();
    assert_eq!(machine.show("t/y", "V1").status, Status::Succeeded);
    assert_eq!(machine.target(), rows("c=1"));

    // An object that changed while nobody followed the bucket is taken as it is when it is tried again.
    machine.upload(&key("t/z", "V1"), &gzip("PK,v\n\"\n"));
    machine.settle();
    assert_eq!(machine.show("t/z", "V1").status, Status::Failed);
    machine.upload(&key("t/z", "V1"), &export(&rows("z=1")));
    machine.engine().retry("t/z", "V1").expect("retried");
    while machine.carry_out_one() {}
    assert_eq!(machine.show("t/z", "V1").status, Status::Succeeded);
    machine.settle();
    assert_eq!(machine.show("t/z", "V1").ignored, 0, "it is the very event that was taken already");
}

#[test]
fn numbers_are_numbers_in_the_target_and_empty_ones_are_left_out() {
    for empty in [Empty::Text, Empty::Absent] {
        let machine = Machine::new(5);
        let numbers = vec!["v".to_owned()];
        machine.engine().bind(&[Binding { numbers, empty, ..binding() }]).expect("bound");
        machine.upload(&key("t/x", "V1"), &gzip("PK,v,w\na,007,\nb,,x\n"));
        machine.settle();
        assert_eq!(machine.target(), rows("a=7 b=None"));
        let table = machine.db().table("copy").expect("created");
        let key = item::Key { partition: item::KeyValue::S("a".to_owned()), sort: None };
        let item = machine.db().get(&table, &key).expect("reads").expect("there");
        assert_eq!(item.get("w").is_some(), empty == Empty::Text);
    }
}

#[test]
fn an_export_may_be_published_only_or_applied_only_or_neither() {
    for (stream, target) in [(true, false), (false, true), (false, false)] {
        let machine = Machine::new(6);
        let keep = |wanted: bool, name: &str| wanted.then(|| name.to_owned());
        let bound =
            Binding { stream: keep(stream, "changes"), target: keep(target, "copy"), ..Binding::new("imports") };
        machine.engine().bind(&[bound]).expect("bound");
        machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2 c=3 d=4")));
        machine.settle();
        assert_eq!(machine.status("V1"), Status::Succeeded);
        assert_eq!(machine.stream().len(), if stream { 4 } else { 0 });
        assert_eq!(machine.target().len(), if target { 4 } else { 0 });
    }
}

#[test]
fn a_delta_whose_state_is_lost_compares_the_exports_themselves_and_fails_without_them() {
    let machine = Machine::new(7);
    for (version, text) in [("V1", "a=1 b=2"), ("V2", "a=1 b=3"), ("V3", "a=1 b=4")] {
        for path in machine.engine().table("t/x").map(|_| machine.files("t/x")).unwrap_or_default() {
            let is_state = path.extension().is_some_and(|ending| ending == "state");
            if is_state || version == "V3" {
                std::fs::remove_file(path).expect("removed");
            }
        }
        machine.upload(&key("t/x", version), &export(&rows(text)));
        machine.settle();
    }
    assert_eq!(machine.status("V2"), Status::Succeeded);
    let error = machine.show("t/x", "V3").error.expect("failed");
    assert!(error.starts_with("the previous export V2 cannot be compared with: state "), "{error}");
    assert!(error.ends_with("its file t/x/V2/export.csv.gz is gone"), "{error}");
    machine.check("t/x", &rows("a=1 b=3"));
}
