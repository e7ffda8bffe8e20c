//! Projections: parts of items, and refusals.

use super::Request;
use super::notation::{item, show_item};
use crate::expression::Projection;
use expect_test::{Expect, expect};

fn check(text: &str, placeholders: &str, expected: Expect) {
    let source = "a: 1, b: {x: 1, y: {z: 2, w: 3}, e: []}, c: [10, 11, {d: 1, e: 2}, [7, 8]], s: 'x', #odd: 5";
    let parsed = Request::new(placeholders).parse(|p| Projection::parse(text, p));
    expected.assert_eq(&match parsed {
        Ok(projection) => show_item(&projection.apply(&item(source))),
        Err(error) => error.to_string(),
    });
}

#[test]
fn parts_keep_their_place_and_lists_close_their_gaps() {
    check("a, s", "", expect!["a: 1, s: 'x'"]);
    check("b.y.z", "", expect!["b: {y: {z: 2}}"]);
    check("b.x, b.y.w", "", expect!["b: {x: 1, y: {w: 3}}"]);
    check("c[3], c[0]", "", expect!["c: [10, [7, 8]]"]);
    check("c[2].d, c[3][1]", "", expect!["c: [{d: 1}, [8]]"]);
    check("b.e", "", expect!["b: {e: []}"]);
    check("#o, a", "#o: '#odd'", expect!["#odd: 5, a: 1"]);
    check(
        "q, a.b, b[0], b.y.q, s[0]",
        "",
        expect![
            "Invalid ProjectionExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [b, [0]], path two: [b, y, q]"
        ],
    );
    check("q, a.b, c[9], b.y.q, s[0]", "", expect![""]);
}

#[test]
fn paths_into_one_another_are_refused() {
    check(
        "a, a",
        "",
        expect![
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"
        ],
    );
    check(
        "b.y.z, b.y",
        "",
        expect![
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [b, y, z], path two: [b, y]"
        ],
    );
    check(
        "a[1], #a[1].x",
        "#a: 'a'",
        expect![
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, [1]], path two: [a, [1], x]"
        ],
    );
    check(
        "a.b, a[1]",
        "",
        expect![
            "Invalid ProjectionExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]"
        ],
    );
    check("a,", "", expect![[r#"Invalid ProjectionExpression: Syntax error; token: "<EOF>", near: ",""#]]);
    check(
        "name",
        "",
        expect!["Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: name"],
    );
    check(":a", "", expect![[r#"Invalid ProjectionExpression: Syntax error; token: ":a", near: ":a""#]]);
    check(" ", "", expect!["Invalid ProjectionExpression: The expression can not be empty;"]);
}
