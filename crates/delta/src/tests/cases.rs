//! Two exports, and what is between them.

use super::{Place, delta, lines};
use crate::{Config, Empty, Error, Policy};
use expect_test::{Expect, expect};

fn check_with(change: impl Fn(&mut Config), previous: &[&str], next: &[&str], expected: Expect) {
    let place = Place::new();
    let mut config = place.config();
    change(&mut config);
    let (previous, next) = (place.export("previous", previous), place.export("next", next));
    match delta(&config, &place, &previous, &next) {
        Ok(delta) => expected.assert_eq(&lines(&delta.operations)),
        Err(error) => expected.assert_eq(&format!("{error}\n")),
    }
}

fn check(previous: &str, next: &str, expected: Expect) {
    check_with(|_| {}, &[previous], &[next], expected);
}

#[test]
fn what_came_and_changed_stands_in_the_order_of_the_next_export_and_what_went_in_that_of_the_previous() {
    check(
        "PK,name\n9,gone\n1,Ana\n2,Björn\n3,Chloé\n8,gone too\n",
        "PK,name\n5,new\n3,Chloe\n1,Ana\n4,newer\n2,Bjorn\n",
        expect![[r#"
            + 0 PK='5' | PK='5' name='new'
            ~ 1 PK='3' | PK='3' name='Chloe'
            + 2 PK='4' | PK='4' name='newer'
            ~ 3 PK='2' | PK='2' name='Bjorn'
            - 4 PK='9'
            - 5 PK='8'
        "#]],
    );
}

#[test]
fn equal_exports_have_no_delta() {
    check("PK,name\n1,Ana\n2,Bo\n", "PK,name\n2,Bo\n1,Ana\n", expect![[""]]);
}

#[test]
fn an_export_of_nothing_but_a_header_deletes_every_row() {
    check(
        "PK,name\n1,Ana\n2,Bo\n",
        "PK,name\n",
        expect![[r#"
        - 0 PK='1'
        - 1 PK='2'
    "#]],
    );
    check("PK,name\n", "PK,name", expect![[""]]);
}

#[test]
fn rows_come_after_an_export_of_nothing_but_a_header() {
    check(
        "PK,name",
        "PK,name\n1,Ana\n",
        expect![[r#"
        + 0 PK='1' | PK='1' name='Ana'
    "#]],
    );
}

#[test]
fn a_composite_key_is_told_apart_part_by_part() {
    check_with(
        |config| config.key = vec!["country".to_owned(), "id".to_owned()],
        &["id,country,name\n1,DE,a\n1,FR,b\n\"1,DE\",X,c\n1,\"DE,X\",d\n"],
        &["id,country,name\n1,DE,a\n1,FR,B\n1,\"DE,X\",d\n\"1,DE\",X,C\n"],
        expect![[r#"
            ~ 0 country='FR' id='1' | id='1' country='FR' name='B'
            ~ 1 country='X' id='1,DE' | id='1,DE' country='X' name='C'
        "#]],
    );
    check_with(
        |config| config.key = vec!["country".to_owned(), "id".to_owned()],
        &["id,country\n\"say \"\"1\"\"\",\"D,E\"\n2,DE\n"],
        &["id,country\n2,DE\n"],
        expect![[r#"
            - 0 country='D,E' id='say \'1\''
        "#]],
    );
}

#[test]
fn columns_in_another_order_are_no_change() {
    check(
        "PK,name,city\n1,Ana,\"Porto, PT\"\n2,Bo,Nice\n",
        "city,PK,name\n\"Porto, PT\",1,Ana\nNizza,2,Bo\n",
        expect![[r#"
        ~ 0 PK='2' | city='Nizza' PK='2' name='Bo'
    "#]],
    );
}

#[test]
fn quoting_is_no_change() {
    check(
        "PK,name\n1,Ana\n\"2\",\"B,o\"\n3,\"say \"\"hi\"\"\"\n",
        "PK,\"name\"\n\"1\",\"Ana\"\n2,\"B,o\"\n\"3\",\"say \"\"hi\"\"\"\n",
        expect![[""]],
    );
}

#[test]
fn fields_that_only_look_alike_are_changes() {
    // The same bytes, were it not for the quotes; a quoted quote is not a quote.
    check(
        "PK,a,b\n1,\"x,y\",z\n2,\"\"\"a\"\"\",b\n3, x,y\n",
        "PK,a,b\n1,x,\"y,z\"\n2,a,b\n3,x,y\n",
        expect![[r#"
        ~ 0 PK='1' | PK='1' a='x' b='y,z'
        ~ 1 PK='2' | PK='2' a='a' b='b'
        ~ 2 PK='3' | PK='3' a='x' b='y'
    "#]],
    );
}

#[test]
fn quoted_nothing_is_nothing() {
    check("PK,name,city\n1,,\n2,\"\",Nice\n", "PK,name,city\n1,\"\",\"\"\n2,,Nice\n", expect![[""]]);
    check_with(
        |config| config.empty = Empty::Absent,
        &["PK,name,city\n1,,\n2,\"\",Nice\n3,a,b\n"],
        &["PK,name,city\n1,\"\",\"\"\n2,,Nice\n3,\"\",b\n"],
        expect![[r#"
            ~ 0 PK='3' | PK='3' city='b'
        "#]],
    );
}

#[test]
fn empty_is_an_empty_text_or_no_column_at_all() {
    check(
        "PK,name,city\n",
        "PK,name,city\n1,,\"\"\n",
        expect![[r#"
        + 0 PK='1' | PK='1' name='' city=''
    "#]],
    );
    check_with(
        |config| config.empty = Empty::Absent,
        &["PK,name,city\n"],
        &["PK,name,city\n1,,\"\"\n"],
        expect![[r#"
        + 0 PK='1' | PK='1'
    "#]],
    );
}

#[test]
fn line_ends_blank_lines_a_byte_order_mark_and_a_missing_last_line_end_are_no_change() {
    check(
        "PK,name\n1,Ana\n2,\"two\nlines\"\n",
        "\u{FEFF}PK,name\r\n\r\n1,Ana\r\n\n\r\n2,\"two\nlines\"",
        expect![[""]],
    );
    // Inside quotes they are text.
    check(
        "PK,name\n2,\"two\nlines\"\n3,\"x\r\"\n4,a\rb\n",
        "PK,name\r\n2,\"two\r\nlines\"\r\n3,x\r\n4,\"a\rb\"\r\n",
        expect![[r#"
        ~ 0 PK='2' | PK='2' name='two\r\nlines'
        ~ 1 PK='3' | PK='3' name='x'
    "#]],
    );
}

#[test]
fn a_carriage_return_that_no_line_end_takes_is_text() {
    check(
        "PK,name\n1,x\n2,y\n",
        "PK,name\n1,x\r\r\n2,\r\r\n",
        expect![[r#"
            ~ 0 PK='1' | PK='1' name='x\r'
            ~ 1 PK='2' | PK='2' name='\r'
        "#]],
    );
    // A row of nothing else is no blank line.
    check(
        "PK\n1\n",
        "PK\n1\n\r\r\n",
        expect![[r#"
        + 0 PK='\r' | PK='\r'
    "#]],
    );
}

#[test]
fn texts_arrive_as_they_are() {
    check(
        "PK,name\n",
        "PK,name\n\"a,\"\"b\"\"\n\",\" 東京 \"\"x\"\", ; 'y'\tz\"\n",
        expect![[r#"
        + 0 PK='a,\'b\'\n' | PK='a,\'b\'\n' name=' 東京 \'x\', ; 'y'\tz'
    "#]],
    );
}

#[test]
fn changed_columns_hold() {
    check(
        "PK,name,city\n1,a,b\n",
        "PK,name,street,zip\n1,a,b,c\n",
        expect![[r#"
        columns changed: added street, zip; dropped city
    "#]],
    );
    let place = Place::new();
    let (previous, next) = (place.export("previous", &["PK,a\n1,a\n"]), place.export("next", &["PK,a,b\n1,a,b\n"]));
    let config = Config { dropped: Policy::Accept, ..place.config() };
    let held = delta(&config, &place, &previous, &next).unwrap_err();
    assert!(matches!(held, Error::Columns { added, dropped } if added == ["b"] && dropped.is_empty()));
    assert_eq!(place.left_behind(), ["first.operations", "first.state"]);
    let released = Config { added: Policy::Accept, ..place.config() };
    assert_eq!(delta(&released, &place, &previous, &next).unwrap().added, ["b"]);
}

fn accept(empty: Empty) -> impl Fn(&mut Config) {
    move |config| (config.added, config.dropped, config.empty) = (Policy::Accept, Policy::Accept, empty)
}

#[test]
fn accepted_columns_change_every_row_where_empty_is_a_text() {
    check_with(
        accept(Empty::Text),
        &["PK,a,b\n1,x,\n2,x,y\n"],
        &["PK,c,a\n1,,x\n2,z,x\n"],
        expect![[r#"
        ~ 0 PK='1' | PK='1' c='' a='x'
        ~ 1 PK='2' | PK='2' c='z' a='x'
    "#]],
    );
    // Also where what was dropped said nothing, and the rest says the same in the same place.
    check_with(
        accept(Empty::Text),
        &["PK,b,a\n1,,x\n"],
        &["PK,a\n1,x\n"],
        expect![[r#"
        ~ 0 PK='1' | PK='1' a='x'
    "#]],
    );
}

#[test]
fn accepted_columns_change_the_rows_that_have_them_where_empty_is_absent() {
    check_with(
        accept(Empty::Absent),
        &["PK,a,b,c\n1,x,,\n2,x,y,\n3,,,z\n4,,,\n"],
        &["PK,d,c,a\n1,,,x\n2,,\"\",x\n3,,z,\n4,new,,\n"],
        expect![[r#"
            ~ 0 PK='2' | PK='2' a='x'
            ~ 1 PK='4' | PK='4' d='new'
        "#]],
    );
}

#[test]
fn several_files_are_one_export_however_it_is_cut() {
    check_with(
        |_| {},
        &["PK,name\n1,a\n2,b\n", "name,PK\nc,3\nd,4\n"],
        &["PK,name\n4,d\n", "PK,name\n", "name,PK\nC,3\nb,2\n", "PK,name\n1,a\n5,e\n"],
        expect![[r#"
            ~ 0 PK='3' | PK='3' name='C'
            + 1 PK='5' | PK='5' name='e'
        "#]],
    );
}

#[test]
fn without_a_previous_export_every_row_is_an_insert() {
    let place = Place::new();
    let next = place.export("next", &["PK,name\n2,b\n1,a\n"]);
    let delta = place.full(&place.config(), None, &next, "first").unwrap();
    expect![[r#"
        + 0 PK='2' | PK='2' name='b'
        + 1 PK='1' | PK='1' name='a'
    "#]]
    .assert_eq(&lines(&delta.operations));
    expect![[r#"
        Statistics {
            previous_rows: 0,
            next_rows: 2,
            inserts: 2,
            updates: 0,
            deletes: 0,
            unchanged: 0,
            next_bytes: 36,
            next_text_bytes: 16,
        }
    "#]]
    .assert_debug_eq(&delta.statistics);
}

#[test]
fn statistics_count_rows_and_tell_the_share_that_is_gone() {
    let place = Place::new();
    let previous = place.export("previous", &["PK,name\n1,a\n2,b\n3,c\n4,d\n"]);
    let next = place.export("next", &["PK,name\n1,a\n2,B\n5,e\n"]);
    let statistics = delta(&place.config(), &place, &previous, &next).unwrap().statistics;
    assert_eq!((statistics.previous_rows, statistics.next_rows), (4, 3));
    assert_eq!((statistics.inserts, statistics.updates, statistics.deletes, statistics.unchanged), (1, 1, 2, 1));
    assert_eq!(statistics.deleted_share(), 0.5);
}
