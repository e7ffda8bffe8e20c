//! Exports larger than a piece of text, a block or the memory that is allowed.

use super::{Place, apply, lines};
use crate::{Config, sample::Sample};
use std::collections::BTreeMap;

#[test]
fn rows_longer_than_a_piece_of_text_are_one_row() {
    let place = Place::new();
    // Longer than a piece, with everything that needs care, so that pieces end everywhere in it.
    let long = |letter: &str| format!("{letter},\"\"x\"\"\r\n").repeat(60_000);
    let row = |key: u32, letter: &str| format!("{key},\"{}\",end\r\n", long(letter));
    let text = |rows: &[String]| format!("PK,long,last\r\n{}", rows.concat());
    let previous = place.export("previous", &[text(&[row(1, "a"), row(2, "b"), row(3, "c")])]);
    let next = place.export("next", &[text(&[row(3, "c"), row(2, "B"), row(1, "a")])]);
    let delta = place.full(&place.config(), Some(&previous), &next, "full").unwrap();
    assert_eq!((delta.statistics.updates, delta.statistics.unchanged), (1, 2));
    let mut reader = delta.operations.read_from(0).unwrap();
    let update = reader.next().unwrap().unwrap();
    let expected = long("B").replace("\"\"", "\"");
    assert!(update.row().eq([("PK", "2"), ("long", expected.as_str()), ("last", "end")]));
}

#[test]
fn rows_are_the_same_wherever_pieces_of_text_end() {
    let place = Place::new();
    let rows: Vec<String> = (0..25_000).map(|row| format!("{row},\"é\"\"{row}\n\",x\r\n")).collect();
    let export = |name: &str, padding: usize| {
        let header = format!("PK,a,{}\n", "b".repeat(padding + 1));
        place.export(name, &[format!("{header}{}", rows.concat())])
    };
    // Every padding shifts the ends of pieces by a byte, over all that a row consists of.
    let config = Config { added: crate::Policy::Accept, dropped: crate::Policy::Accept, ..place.config() };
    for padding in 0..22 {
        let input = export("shifted", padding);
        let delta = place.full(&config, None, &input, "first").unwrap();
        assert_eq!(delta.statistics.inserts, 25_000, "{padding}");
        let mut reader = delta.operations.read_from(0).unwrap();
        let mut number = 0;
        while let Some(operation) = reader.next().unwrap() {
            let texts: Vec<&str> = operation.row().map(|(_, text)| text).collect();
            assert_eq!(texts, [number.to_string(), format!("é\"{number}\n"), "x".to_owned()], "{padding}");
            number += 1;
        }
    }
}

#[test]
fn memory_makes_no_difference() {
    let place = Place::new();
    let sample =
        Sample { rows: 12_000, seed: 5, shares: crate::sample::Shares { updates: 2000, inserts: 1500, deletes: 1000 } };
    let version = |version: u32| {
        let part = |part| {
            let mut text = Vec::new();
            sample.write_part(version, part, 3, &mut text).unwrap();
            text
        };
        place.export(&format!("v{version}-"), &[part(0), part(1), part(2)])
    };
    let (previous, next) = (version(1), version(2));
    let expected = place.full(&place.config(), Some(&previous), &next, "full").unwrap();
    let changes = sample.changes(2);
    let found = expected.statistics;
    assert_eq!((found.inserts, found.updates, found.deletes), (changes.inserts, changes.updates, changes.deletes));
    place.full(&place.config(), None, &previous, "first").unwrap();
    for (memory, grain) in [(0, 100), (0, 5000), (300_000, 64), (700_000, 1000)] {
        let config = Config { memory, grain, ..place.config() };
        let full = place.full(&config, Some(&previous), &next, "bounded").unwrap();
        assert_eq!(lines(&full.operations), lines(&expected.operations), "{memory}");
        let step = place.incremental(&config, &place.output("first").state, &next, "step").unwrap();
        assert_eq!(lines(&step.operations), lines(&expected.operations), "{memory}");
    }
}

#[test]
fn a_sample_is_the_table_that_its_operations_make() {
    let place = Place::new();
    let sample = Sample::new(2000, 11);
    let mut table = BTreeMap::new();
    let mut before = None;
    for version in 1..4 {
        let mut text = Vec::new();
        sample.write(version, &mut text).unwrap();
        let export = place.export(&format!("v{version}-"), &[text]);
        let delta = place.full(&place.config(), before.as_ref(), &export, "full").unwrap();
        apply(&mut table, &delta.operations);
        before = Some(export);
    }
    let mut from_nothing = BTreeMap::new();
    let last = place.full(&place.config(), None, before.as_ref().unwrap(), "full").unwrap();
    apply(&mut from_nothing, &last.operations);
    assert_eq!(table, from_nothing);
}
