//! Exports that are refused: what is wrong, where, and what to do about it.

use super::{Place, delta, gzip};
use crate::{Config, Error, Input};
use expect_test::{Expect, expect};

const GOOD: &str = "PK,name\n1,Ana\n2,Bo\n";

/// The delta from a good export to these files must fail, whatever the configuration, and leave nothing behind.
fn refuse_files(place: &Place, config: &Config, next: &Input, expected: Expect) {
    let previous = place.export("previous", &[GOOD]);
    let error = delta(config, place, &previous, next).unwrap_err();
    assert!(matches!(error, Error::Export(_) | Error::Key { .. }), "{error:?}");
    expected.assert_eq(&format!("{error}\n"));
    assert_eq!(place.left_behind(), ["first.operations", "first.state"], "only the first import was a delta");
}

fn refuse(texts: &[&[u8]], expected: Expect) {
    let place = Place::new();
    let next = place.export("next", texts);
    refuse_files(&place, &place.config(), &next, expected);
}

fn refuse_bytes(bytes: &[u8], expected: Expect) {
    let place = Place::new();
    let next = Input { files: vec![place.raw("next.gz", bytes)] };
    refuse_files(&place, &place.config(), &next, expected);
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    refuse(
        &[b"PK,name\n1,a\n2,b\n\"1\",c\n"],
        expect![[r#"
        next0.gz, row 3: key 1 is there already, in row 1; export every key once, or configure more key columns
    "#]],
    );
    // The row that is there twice has an equal in the previous export, with which one of the two pairs off.
    refuse(
        &[b"PK,name\n1,Ana\n2,Bo\n1,Ana\n"],
        expect![[r#"
        next0.gz, row 3: key 1 is there already, in row 1; export every key once, or configure more key columns
    "#]],
    );
}

#[test]
fn a_key_in_two_files_is_refused() {
    refuse(
        &[b"PK,name\n7,a\n2,b\n", b"PK,name\n", b"PK,name\n3,c\n2,c\n"],
        expect![[r#"
        next2.gz, row 2: key 2 is there already, in next0.gz, row 2; export every key once, or configure more key columns
    "#]],
    );
}

#[test]
fn a_key_that_is_twice_in_the_previous_export_or_in_both_is_refused() {
    let place = Place::new();
    let once = place.export("once", &["PK,name\n1,a\n"]);
    let twice = place.export("twice", &["PK,name\n1,a\n2,b\n1,a\n"]);
    let expected = expect![[r#"
        twice0.gz, row 3: key 1 is there already, in row 1; export every key once, or configure more key columns
    "#]];
    // Alone, one of the two would be a DELETE of a row that is still there; in both, all rows pair off.
    for (previous, next) in [(&twice, &once), (&once, &twice), (&twice, &twice)] {
        expected.assert_eq(&format!("{}\n", delta(&place.config(), &place, previous, next).unwrap_err()));
    }
}

#[test]
fn one_key_in_all_rows_ends_soon() {
    let place = Place::new();
    let rows: String = (0..200_000).map(|row| format!("same,{row}\n")).collect();
    let next = place.export("next", &[format!("PK,name\n{rows}")]);
    let previous = place.export("previous", &[GOOD]);
    for memory in [0, 1 << 28] {
        let config = Config { memory, ..place.config() };
        let error = place.full(&config, Some(&previous), &next, "full").unwrap_err();
        expect![[r#"
            next0.gz, row 2: key same is there already, in row 1; export every key once, or configure more key columns"#]]
        .assert_eq(&error.to_string());
    }
}

#[test]
fn a_key_column_that_is_missing_or_empty_is_refused() {
    refuse(
        &[b"id,name\n1,a\n"],
        expect![[r#"
        next0.gz, header: key column PK is missing; the columns are id, name; export it, or configure the key
    "#]],
    );
    refuse(
        &[b"PK,name\n1,a\n", b"name\na\n"],
        expect![[r#"
        next1.gz, header: key column PK is missing; the columns are name; export it, or configure the key
    "#]],
    );
    refuse(
        &[b"PK,name\n1,a\n\n,b\n"],
        expect![[r#"
        next0.gz, row 2, byte 13 of the text: key column PK is empty; give every row its key
    "#]],
    );
    refuse(
        &[b"PK,name\n1,a\n\"\",b\n"],
        expect![[r#"
        next0.gz, row 2, byte 12 of the text: key column PK is empty; give every row its key
    "#]],
    );
    let place = Place::new();
    let config = Config { key: vec!["PK".to_owned(), "name".to_owned()], ..place.config() };
    refuse_files(
        &place,
        &config,
        &place.export("next", &["PK,name\n1,a\n1,\n"]),
        expect![[r#"
        next0.gz, row 2, byte 12 of the text: key column name is empty; give every row its key
    "#]],
    );
}

#[test]
fn rows_with_too_few_or_too_many_fields_are_refused() {
    refuse(
        &[b"PK,name\n1,a\n2\n"],
        expect![[r#"
        next0.gz, row 2, byte 12 of the text: 1 fields, the header has 2; quote fields that hold commas or line ends
    "#]],
    );
    refuse(
        &[b"PK,name\n1,a\n", b"PK,name\n2,b,c"],
        expect![[r#"
        next1.gz, row 1, byte 8 of the text: 3 fields, the header has 2; quote fields that hold commas or line ends
    "#]],
    );
}

#[test]
fn quotes_that_do_not_quote_are_refused() {
    refuse(
        &[b"PK,name\n1,a\n2,5\" pipe\n"],
        expect![[r#"
        next0.gz, row 2, byte 15 of the text: a quote inside a field without quotes; quote the field and double the quote
    "#]],
    );
    refuse(
        &[b"PK,name\n1,\"a\" b\n"],
        expect![[r#"
        next0.gz, row 1, byte 13 of the text: text behind a closing quote; double quotes inside quoted fields
    "#]],
    );
    refuse(
        &[b"PK,name\n1,a\n2,\"b\n3,c\n"],
        expect![[r#"
        next0.gz, row 2, byte 14 of the text: a quote is not closed before the file ends; upload the file again
    "#]],
    );
}

#[test]
fn rows_and_keys_beyond_all_measure_are_refused() {
    let place = Place::new();
    let refuse = |text: &[u8], expected: Expect| {
        let next = place.export("next", &[text]);
        let error = place.full(&place.config(), None, &next, "full").unwrap_err();
        expected.assert_eq(&format!("{error}\n"));
    };
    let open = [b"PK,name\n1,\"".as_slice(), &b"x,\n".repeat(1_500_000)].concat();
    refuse(
        &open,
        expect![[r#"
        next0.gz, row 1, byte 8 of the text: the row is longer than 4194304 bytes; most likely a quote is not closed, there or before
    "#]],
    );
    let long = [b"PK,name\n1,\"".as_slice(), &b"x\n".repeat(1 << 21), b"\"\n2,b\n"].concat();
    refuse(
        &long,
        expect![[r#"
        next0.gz, row 1, byte 8 of the text: the row is longer than 4194304 bytes; most likely a quote is not closed, there or before
    "#]],
    );
    let key = [b"PK,name\n".as_slice(), &b"k".repeat(5000), b",a\n"].concat();
    refuse(
        &key,
        expect![[r#"
        next0.gz, row 1, byte 8 of the text: the key is longer than 4096 bytes; configure a shorter key
    "#]],
    );
}

#[test]
fn headers_that_name_no_columns_are_refused() {
    refuse(
        &[b""],
        expect![[r#"
        next0.gz, header: there is no header; export as CSV in UTF-8 with a header
    "#]],
    );
    refuse(
        &[b"PK,,name\n1,2,3\n"],
        expect![[r#"
        next0.gz, header: column 2 has no name; export as CSV in UTF-8 with a header
    "#]],
    );
    refuse(
        &[b"PK,name,name\n1,2,3\n"],
        expect![[r#"
        next0.gz, header: two columns are called name; export as CSV in UTF-8 with a header
    "#]],
    );
    refuse(
        &[b"PK,\"name\n1,2\n"],
        expect![[r#"
        next0.gz, header: the header is not quoted as CSV is; export as CSV in UTF-8 with a header
    "#]],
    );
    refuse(
        &[b"PK,name\n1,2\n", b"PK,city\n3,4\n"],
        expect![[r#"
        next1.gz, header: column city is not in the first file of the export; export all files of a version with the same columns
    "#]],
    );
}

#[test]
fn texts_that_are_not_utf_8_are_refused() {
    refuse(
        &[b"\xFF\xFEP\0K\0"],
        expect![[r#"
        next0.gz, header: the text is UTF-16; export as CSV in UTF-8 with a header
    "#]],
    );
    refuse(
        &[b"PK,name\n1,Ana\n3,Bj\xF6rn\n4,\xFF\n"],
        expect![[r#"
        next0.gz, row 2, byte 18 of the text: the text is not UTF-8; export in UTF-8
    "#]],
    );
    // Also where nobody would ever see it.
    let place = Place::new();
    let bad = place.export("bad", &[b"PK,name\n1,Ana\n3,Bj\xF6rn\n"]);
    assert!(matches!(place.full(&place.config(), Some(&bad), &bad, "full"), Err(Error::Export(_))));
}

#[test]
fn files_that_are_no_gzip_files_are_refused() {
    refuse_bytes(
        b"",
        expect![[r#"
        next.gz: the file has 0 bytes; upload the file again
    "#]],
    );
    refuse_bytes(
        b"PK,name\n1,a\n",
        expect![[r#"
        next.gz: this is not a gzip file; export as CSV and compress it with gzip
    "#]],
    );
    refuse_bytes(
        &[gzip(b"PK,name\n1,a\n"), b"PK,name\n".to_vec()].concat(),
        expect![[r#"
        next.gz, byte 32 of the compressed file: there are bytes behind the end of the gzip stream; upload the file again
    "#]],
    );
    refuse_bytes(
        &[gzip(b"PK,name\n"), vec![0; 512], gzip(b"1,a\n")].concat(),
        expect![[r#"
        next.gz, byte 540 of the compressed file: there are bytes behind the end of the gzip stream; upload the file again
    "#]],
    );
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let place = Place::new();
    let next = place.export("next", &[GOOD]);
    let refuse = |config: Config, next: &Input| place.full(&config, None, next, "none").unwrap_err().to_string();
    let key = |names: &[&str]| Config { key: names.iter().map(ToString::to_string).collect(), ..place.config() };
    assert_eq!(refuse(key(&[]), &next), "no key column is named");
    assert_eq!(refuse(key(&["PK", "PK"]), &next), "key column \"PK\" is empty or named twice");
    assert_eq!(refuse(place.config(), &Input { files: Vec::new() }), "an export without files");
    // A second try after a crash between the two results would find no difference.
    place.full(&place.config(), None, &next, "first").unwrap();
    let over = place.incremental(&place.config(), &place.output("first").state, &next, "first");
    assert!(matches!(over, Err(Error::Config(_))), "{over:?}");
}

#[test]
fn files_and_folders_that_are_not_there_are_named() {
    let place = Place::new();
    let next = place.export("next", &[GOOD]);
    let missing = Input::new([place.path("missing.gz")]);
    assert!(matches!(place.full(&place.config(), None, &missing, "none"), Err(Error::Io { .. })));
    let config = Config::new(place.path("no spool"));
    assert!(matches!(place.full(&config, Some(&next), &next, "none"), Err(Error::Io { .. })));
    assert!(place.left_behind().is_empty());
}
