//! Conditions: truth tables and refusals.

use super::Request;
use super::notation::item;
use crate::expression::Condition;
use expect_test::{Expect, expect};

const ITEM: &str = "a: 1, b: 2, s: 'hello', t: 'hello', bin: b'hi there', yes: true, nil: null, \
    ss: <'dog', 'cat'>, ns: <1, 2>, bs: <b'x'>, l: ['hi', 2, <1, 2>, [3]], m: {x: 1, y: [-1, 2], z: {d: 'deep'}}";

fn answer(text: &str, placeholders: &str) -> String {
    match Request::new(placeholders).parse(|p| Condition::parse("ConditionExpression", text, p)) {
        Ok(condition) => condition.matches(Some(&item(ITEM))).to_string(),
        Err(error) => error.to_string(),
    }
}

/// Every condition of the list, against the item above, answers so.
fn all(expected: bool, placeholders: &str, texts: &[&str]) {
    for text in texts {
        let used: Vec<String> = placeholders
            .split("; ")
            .filter(|pair| !pair.is_empty() && mentions(text, pair.split(": ").next().expect("a key")))
            .map(str::to_string)
            .collect();
        assert_eq!(answer(text, &used.join(", ")), expected.to_string(), "{text}");
    }
}

/// Whether the text has the placeholder, and not merely a longer one.
fn mentions(text: &str, key: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    text.match_indices(key).any(|(at, _)| ends(&text[at + key.len()..]))
}

fn refused(text: &str, placeholders: &str, message: Expect) {
    message.assert_eq(&answer(text, placeholders));
}

#[test]
fn comparisons_hold_within_a_type() {
    let values = ":one: 1; :two: 2; :sone: '1'; :hello: 'hello'; :set: <'cat', 'dog'>; :list: ['hi', 2, <2, 1>, [3]]; :map: {x: 1, y: [-1, 2], z: {d: 'deep'}}; :null: null; :true: true; :bin: b'hi there'";
    all(
        true,
        values,
        &[
            "a = :one",
            ":one = a",
            "a <> :two",
            "a <> :sone",
            "s = t",
            "s = :hello",
            "ss = :set",
            "l = :list",
            "m = :map",
            "nil = :null",
            "yes = :true",
            "bin = :bin",
            "a < b",
            "a <= :one",
            "b > a",
            "b >= :two",
            "s >= :hello",
            "m.x < m.y[1]",
            "m.z.d = m.z.d2 OR a = :one",
            "(a) = (:one)",
        ],
    );
    all(
        false,
        values,
        &[
            "a = :two",
            "a = :sone",
            "a < :sone",
            "a >= :sone",
            "s < :one",
            "l < m",
            "yes < nil",
            "a > b",
            "m.x < m.y[0]",
            "ss = :list",
        ],
    );
}

#[test]
fn a_missing_attribute_is_unequal_and_unordered() {
    all(
        true,
        ":v: 1",
        &[
            "q <> z",
            "q <> :v",
            ":v <> q",
            "attribute_not_exists(q)",
            "attribute_not_exists(m.q)",
            "NOT q = :v",
            "attribute_not_exists(a.b)",
            "attribute_not_exists(l[9])",
        ],
    );
    all(
        false,
        ":v: 1",
        &[
            "q = z",
            "q = :v",
            "q < :v",
            ":v >= q",
            "q BETWEEN :v AND :v",
            "q IN (:v)",
            "contains(q, :v)",
            "size(q) = :v",
            "attribute_exists(q)",
        ],
    );
    let missing = Request::new("").parse(|p| Condition::parse("ConditionExpression", "attribute_not_exists(a)", p));
    assert!(missing.expect("well-formed").matches(None));
}

#[test]
fn between_and_in_follow_equality_and_order() {
    let values = ":zero: 0; :one: 1; :two: 2; :s0: 'aardvark'; :s9: 'zebra'; :set: <1, 2>";
    all(
        true,
        values,
        &[
            "a BETWEEN :zero AND :two",
            "a between :one and :one",
            "s BETWEEN :s0 AND :s9",
            "a BETWEEN m.y[0] AND b",
            "a IN (:zero, :one)",
            "a in (b, :s0, :one)",
            "ns IN (:set)",
            "NOT a BETWEEN :two AND :two",
            "NOT a IN (:zero)",
            "a BETWEEN :zero AND :two AND b = :two",
        ],
    );
    all(
        false,
        values,
        &["a BETWEEN :two AND :two", "a BETWEEN :s0 AND :s9", "a BETWEEN b AND :zero", "a IN (:zero, :s0)"],
    );
}

#[test]
fn functions_look_at_types_and_contents() {
    let values = ":n: 'N'; :ss: 'SS'; :m: 'M'; :type_null: 'NULL'; :hel: 'hel'; :hi: b'hi'; :dog: 'dog'; :one: 1; :three: 3; :set: <1, 2>; :list: [3]; :x: b'x'; :here: b'here'; :empty: ''; :five: 5; :eight: 8; :four: 4; :two: 2";
    all(
        true,
        values,
        &[
            "attribute_exists(a)",
            "attribute_exists(m.z.d)",
            "attribute_exists(l[3][0])",
            "attribute_type(a, :n)",
            "attribute_type(ss, :ss)",
            "attribute_type(m, :m)",
            "attribute_type(nil, :type_null)",
            "begins_with(s, :hel)",
            "begins_with(bin, :hi)",
            "begins_with(s, t)",
            "contains(s, :hel)",
            "contains(s, :empty)",
            "contains(ss, :dog)",
            "contains(ns, :one)",
            "contains(bs, :x)",
            "contains(l, :set)",
            "contains(l, :list)",
            "contains(bin, :here)",
            "size(s) = :five",
            "size(bin) = :eight",
            "size(ss) = size(ns)",
            "size(l) = :four",
            "size(m) = :three",
            "size(m.y) >= :two",
            ":two < size(s)",
            "size(s) BETWEEN :one AND :five",
            "size(s) IN (:five)",
        ],
    );
    all(
        false,
        values,
        &[
            "attribute_type(a, :ss)",
            "attribute_type(q, :n)",
            "begins_with(s, :dog)",
            "begins_with(a, :hel)",
            "begins_with(s, :hi)",
            "contains(s, :dog)",
            "contains(s, :one)",
            "contains(ns, :dog)",
            "contains(ss, :hel)",
            "contains(m, :one)",
            "contains(a, :one)",
            "size(a) = :one",
            "size(yes) = :one",
            "size(nil) <= :one",
            "size(s) = :dog",
        ],
    );
}

#[test]
fn not_binds_tighter_than_and_tighter_than_or() {
    let values = ":one: 1; :two: 2";
    all(
        true,
        values,
        &[
            "a = :one OR a = :two AND b = :one",
            "NOT a = :two AND b = :two",
            "NOT (a = :one AND b = :one)",
            "NOT NOT a = :one",
            "(a = :two OR a = :one) AND b = :two",
            "not a = :two aNd b = :two oR a = :two",
            "((a = :one) AND (b = :two))",
        ],
    );
    all(
        false,
        values,
        &["(a = :one OR a = :two) AND b = :one", "NOT (a = :one OR b = :one)", "NOT a = :one OR a = :two"],
    );
}

#[test]
fn names_come_from_placeholders_where_they_must() {
    assert_eq!(answer("#m.#z.#d = :v", "#m: 'm', #z: 'z', #d: 'd', :v: 'deep'"), "true");
    assert_eq!(answer("attribute_not_exists(#d)", "#d: 'm.z.d'"), "true", "a dot in a placeholder is no step");
    refused(
        "name = :v",
        ":v: 1",
        expect!["Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: name"],
    );
    refused(
        "a.Status = :v",
        ":v: 1",
        expect!["Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: Status"],
    );
    refused(
        "#x = :v",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #x"
        ],
    );
    refused(
        "a = :x",
        "",
        expect![
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :x"
        ],
    );
    refused(
        "a = :v",
        ":v: 1, :w: 2",
        expect!["Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"],
    );
    refused(
        "#a = :v",
        "#a: 'a', #b: 'b', #c: 'c', :v: 1, :w: 2",
        expect!["Value provided in ExpressionAttributeNames unused in expressions: keys: {#c, #b}"],
    );
    refused(
        "a = :v",
        ":v: 1, #a-b: 'c'",
        expect![[r##"ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b""##]],
    );
    refused("a = :v", "v: 1", expect![[r#"ExpressionAttributeValues contains invalid key: Syntax error; key: "v""#]]);
    refused(
        "#a = :v",
        "#a: '', :v: 1",
        expect!["ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"],
    );
}

#[test]
fn syntax_errors_show_the_token_and_its_neighbours() {
    refused("", "", expect!["Invalid ConditionExpression: The expression can not be empty;"]);
    refused("foo", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "foo""#]]);
    refused(
        "attribute_not_exists(",
        "",
        expect![[r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "(""#]],
    );
    refused(
        "contains (themes, :theme",
        "",
        expect![[r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: ":theme""#]],
    );
    refused("NOT (a)", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: ")""#]]);
    refused("a = :v b", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "b", near: ":v b""#]]);
    refused("c!=:c", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "!", near: "c!=""#]]);
    refused("a = 5", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "5", near: "= 5""#]]);
    refused("_a = :v", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "_", near: "_a""#]]);
    refused("a IN ()", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: ")", near: "()""#]]);
    refused("a[:v] = :v", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: ":v", near: "[:v]""#]]);
    refused("a[01] = :v", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "1", near: "01]""#]]);
    refused("a = :v AND", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "AND""#]]);
    refused("ä = :v", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "ä", near: "ä =""#]]);
    refused("set = :v", "", expect![[r#"Invalid ConditionExpression: Syntax error; token: "set", near: "set =""#]]);
    refused("((a = :v))", ":v: 1", expect!["Invalid ConditionExpression: The expression has redundant parentheses;"]);
    refused("((a)) = :v", ":v: 1", expect!["Invalid ConditionExpression: The expression has redundant parentheses;"]);
}

#[test]
fn functions_out_of_place_are_refused() {
    refused("dog(a)", "", expect!["Invalid ConditionExpression: Invalid function name; function: dog"]);
    refused(
        "ATTRIBUTE_EXISTS(a)",
        "",
        expect!["Invalid ConditionExpression: Invalid function name; function: ATTRIBUTE_EXISTS"],
    );
    refused(
        "size(a)",
        "",
        expect![
            "Invalid ConditionExpression: The function is not allowed to be used this way in an expression; function: size"
        ],
    );
    refused(
        "attribute_exists(a) < :v",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: The function is not allowed to be used this way in an expression; function: attribute_exists"
        ],
    );
    refused(
        "if_not_exists(a, b) = :v",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: The function is not allowed in a condition expression; function: if_not_exists"
        ],
    );
    refused(
        "size(a, b) = :v",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: Incorrect number of operands for operator or function; operator or function: size, number of operands: 2"
        ],
    );
    refused(
        "attribute_exists(:v)",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: Operator or function requires a document path; operator or function: attribute_exists"
        ],
    );
}

#[test]
fn literals_of_a_wrong_type_are_refused_when_read() {
    refused(
        "begins_with(a, :v)",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"
        ],
    );
    refused(
        "a < :v",
        ":v: [1]",
        expect![
            "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: <, operand type: L"
        ],
    );
    refused(
        "size(:v) = a",
        ":v: 1",
        expect![
            "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: size, operand type: N"
        ],
    );
    refused(
        "attribute_type(a, b)",
        "",
        expect![
            "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
        ],
    );
    refused(
        "attribute_type(a, :v)",
        ":v: 'DOG'",
        expect![
            "Invalid ConditionExpression: Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
        ],
    );
    refused(
        "a BETWEEN :b AND :a",
        ":a: 'a', :b: 'b'",
        expect![
            "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"
        ],
    );
    refused(
        "a BETWEEN :b AND :a",
        ":a: 'a', :b: 1",
        expect![
            "Invalid ConditionExpression: The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"
        ],
    );
    refused(
        "a = a",
        "",
        expect![
            "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"
        ],
    );
    refused(
        "contains(m.x[1], m.x[1])",
        "",
        expect![
            "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [m, x, [1]]"
        ],
    );
    refused(
        "a[99999999999] = :v",
        ":v: 1",
        expect!["Invalid ConditionExpression: List index is not within the allowable range; index: [99999999999]"],
    );
}

#[test]
fn limits_are_aws_limits() {
    let many = |count: usize| (0..count).map(|_| ":v").collect::<Vec<_>>().join(", ");
    assert_eq!(answer(&format!("a IN ({})", many(100)), ":v: 1"), "true");
    refused(
        &format!("a IN ({})", many(101)),
        ":v: 1",
        expect![
            "Invalid ConditionExpression: The IN operator is provided with too many operands; number of operands: 101"
        ],
    );
    refused(
        &"a".repeat(4097),
        "",
        expect![
            "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"
        ],
    );
    let ands = |count: usize| (0..count).map(|_| "a=:v").collect::<Vec<_>>().join(" AND ");
    assert_eq!(answer(&ands(150), ":v: 1"), "true");
    refused(
        &ands(151),
        ":v: 1",
        expect!["Invalid ConditionExpression: The expression contains too many operators; operator count: 301"],
    );
    refused(
        &format!("a{} = :v", ".b".repeat(32)),
        ":v: 1",
        expect!["Invalid ConditionExpression: The document path has too many nesting levels; nesting levels: 33"],
    );
}
