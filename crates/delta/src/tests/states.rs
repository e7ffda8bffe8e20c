//! State files: what a delta leaves for the next one, and when it is of no use.

use super::{Place, lines};
use crate::{Config, Empty, Error, Input, Policy, sample::Sample};
use expect_test::expect;

fn reason(result: Result<crate::Delta, Error>) -> String {
    match result {
        Err(Error::State { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_chain_of_states_finds_what_full_comparisons_find() {
    let place = Place::new();
    let sample = Sample::new(3000, 9);
    let version = |version: u32| {
        let mut text = Vec::new();
        sample.write(version, &mut text).unwrap();
        place.export(&format!("v{version}-"), &[text])
    };
    let mut before = version(1);
    place.full(&place.config(), None, &before, "v1").unwrap();
    for number in 2..5 {
        let next = version(number);
        let state = place.output(&format!("v{}", number - 1)).state;
        let step = place.incremental(&place.config(), &state, &next, &format!("v{number}")).unwrap();
        let full = place.full(&place.config(), Some(&before), &next, "full").unwrap();
        assert_eq!(lines(&step.operations), lines(&full.operations));
        let same = |ending: fn(crate::Output) -> std::path::PathBuf| {
            let read = |name: &str| std::fs::read(ending(place.output(name))).unwrap();
            read(&format!("v{number}")) == read("full")
        };
        assert!(same(|output| output.operations) && same(|output| output.state), "byte for byte");
        let changes = sample.changes(number);
        let found = step.statistics;
        assert_eq!((found.inserts, found.updates, found.deletes), (changes.inserts, changes.updates, changes.deletes));
        assert!(changes.inserts > 0 && changes.updates > 0 && changes.deletes > 0, "{changes:?}");
        before = next;
    }
}

#[test]
fn a_dropped_column_may_come_back() {
    let place = Place::new();
    let config = Config { added: Policy::Accept, dropped: Policy::Accept, empty: Empty::Absent, ..place.config() };
    let texts = ["PK,a,b,c\n1,x,y,z\n2,x,,z\n", "PK,a,c\n1,x,z\n2,x,z\n", "c,b,PK,a\nz,y,1,x\nz,,2,x\n"];
    let exports: Vec<Input> =
        texts.iter().enumerate().map(|(at, text)| place.export(&format!("v{at}-"), &[text])).collect();
    place.full(&config, None, &exports[0], "v0").unwrap();
    let without = place.incremental(&config, &place.output("v0").state, &exports[1], "v1").unwrap();
    assert_eq!((&without.added[..], &without.dropped[..]), (&[][..], &["b".to_owned()][..]));
    let again = place.incremental(&config, &place.output("v1").state, &exports[2], "v2").unwrap();
    assert_eq!((&again.added[..], &again.dropped[..]), (&["b".to_owned()][..], &[][..]));
    expect![[r#"
        ~ 0 PK='1' | c='z' b='y' PK='1' a='x'
    "#]]
    .assert_eq(&lines(&again.operations));
}

#[test]
fn a_state_of_another_configuration_is_told_from_its_own() {
    let place = Place::new();
    let export = place.export("export", &["PK,id\n1,a\n"]);
    place.full(&place.config(), None, &export, "first").unwrap();
    let state = place.output("first").state;
    let other = "it was written with another key, seed or rule for empty fields";
    for config in [
        Config { seed: 1, ..place.config() },
        Config { empty: Empty::Absent, ..place.config() },
        Config { key: vec!["id".to_owned()], ..place.config() },
        Config { key: vec!["PK".to_owned(), "id".to_owned()], ..place.config() },
    ] {
        assert_eq!(reason(place.incremental(&config, &state, &export, "next")), other);
    }
    assert_eq!(reason(place.incremental(&place.config(), &place.path("missing"), &export, "next")), "it is not there");
    assert_eq!(
        reason(place.incremental(&place.config(), &place.output("first").operations, &export, "next")),
        "it is another kind of file, or of another version"
    );
    let plain = Config { memory: 1 << 20, ..place.config() };
    assert_eq!(place.incremental(&plain, &state, &export, "next").unwrap().statistics.unchanged, 1);
}

#[test]
fn a_state_that_is_damaged_anywhere_is_refused() {
    let place = Place::new();
    let export = place.export("export", &["PK,name\n1,Ana\n2,Bo\n3,Chloé\n"]);
    place.full(&place.config(), None, &export, "first").unwrap();
    let whole = std::fs::read(place.output("first").state).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(place.path("damaged"), bytes).unwrap();
        let result = place.incremental(&place.config(), &place.path("damaged"), &export, "next");
        assert!(matches!(result, Err(Error::State { .. })), "{what}: {result:?}");
    };
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes, &format!("bit {bit}"));
    }
    for length in 0..whole.len() {
        refused(&whole[..length], &format!("cut to {length}"));
    }
    assert_eq!(place.left_behind(), ["first.operations", "first.state"]);
}

/// A change of these bytes is a new version of the format: give it a new mark.
#[test]
fn formats_are_frozen() {
    let place = Place::new();
    let config = Config { seed: 7, key: vec!["k".to_owned(), "PK".to_owned()], empty: Empty::Absent, ..place.config() };
    let first = place.export("first", &["PK,k,name\n1,a,Ana\n2,\"b,c\",\"say \"\"x\"\"\"\n3,d,\n"]);
    let next = place.export("next", &["PK,k,name\n1,a,Ana\n3,d,x\n4,e,\n"]);
    place.full(&config, None, &first, "first").unwrap();
    place.incremental(&config, &place.output("first").state, &next, "next").unwrap();
    let hex = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        bytes.chunks(32).map(line).collect::<String>()
    };
    expect![[r#"
        5346737461743031160000000000000000000000000000004fa031763fb73fef
        2fe8e63439b7b9890302504b01016b01046e616d650140000000030000000000
        00000000000097a445966996de55f5d99926f89dc1661d5ef5189a37c8d9b268
        2d611260361e3a0a120a40c3fb87013e7404b3bc561444a7d1ac34ae8f910307
        03612c3122622c63222c32642c3308000000000000000000000000000000a026
        e13736c298c303000000000000008e000000000000005346737461743031
    "#]]
    .assert_eq(&hex(place.output("first").state));
    expect![[r#"
        53466f70657230310e000000000000000000000000000000b845fb766125faf1
        0302504b016b046e616d65020100140000000300000000000000000000004592
        3cffe8645444010233026402780002340265000204622c630232400000000000
        00000000000000000000a571b899c4fa2cac0300000000000000030000000000
        0000010000000000000001000000000000000100000000000000010000000000
        000031000000000000001d000000000000005a0000000000000053466f706572
        3031
    "#]]
    .assert_eq(&hex(place.output("next").operations));
}
