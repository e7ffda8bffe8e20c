//! Key conditions: ranges, and refusals.

use super::Request;
use crate::expression::{Condition, KeyCondition};
use crate::{IndexRange, IndexSchema, KeyAttribute, KeyKind, KeySchema};
use expect_test::{Expect, expect};

fn check_with(sort: Option<KeyKind>, text: &str, placeholders: &str, expected: Expect) {
    let attribute = |name: &str, kind| KeyAttribute { name: name.to_string(), kind };
    let schema = KeySchema { partition: attribute("pk", KeyKind::S), sort: sort.map(|kind| attribute("sk", kind)) };
    let parsed = Request::new(placeholders).parse(|p| KeyCondition::parse(text, &schema, p));
    expected.assert_eq(&match parsed {
        Ok(condition) => format!("{:?} {:?}", condition.partition, condition.sort),
        Err(error) => error.to_string(),
    });
}

fn check(text: &str, placeholders: &str, expected: Expect) {
    check_with(Some(KeyKind::S), text, placeholders, expected);
}

#[test]
fn a_partition_and_at_most_one_range() {
    let p = ":p: 'a', :x: 'm', :y: 'z'";
    let pair = ":p: 'a', :x: 'm'";
    check("pk = :p", ":p: 'a'", expect![[r#"S("a") All"#]]);
    check(":p = pk", ":p: 'a'", expect![[r#"S("a") All"#]]);
    check("pk = :p AND sk = :x", pair, expect![[r#"S("a") Equal(S("m"))"#]]);
    check("sk < :x AND pk = :p", pair, expect![[r#"S("a") Less(S("m"))"#]]);
    check("pk = :p and :x < sk", pair, expect![[r#"S("a") Greater(S("m"))"#]]);
    check("pk = :p AND sk >= :x", pair, expect![[r#"S("a") GreaterEqual(S("m"))"#]]);
    check("((pk = :p) AND (sk <= :x))", pair, expect![[r#"S("a") LessEqual(S("m"))"#]]);
    check("pk = :p AND sk BETWEEN :x AND :y", p, expect![[r#"S("a") Between(S("m"), S("z"))"#]]);
    check("begins_with(sk, :x) AND pk = :p", pair, expect![[r#"S("a") BeginsWith(S("m"))"#]]);
    check("#k = :p AND #s > :x", "#k: 'pk', #s: 'sk', :p: 'a', :x: 'm'", expect![[r#"S("a") Greater(S("m"))"#]]);
}

#[test]
fn what_no_query_can_do_is_refused() {
    let pair = ":p: 'a', :x: 'm'";
    check("sk = :x", ":x: 'm'", expect!["Query condition missed key schema element: pk"]);
    check("pk = :p AND another = :x", pair, expect!["Query condition missed key schema element: sk"]);
    check("pk < :p", ":p: 'a'", expect!["Query key condition not supported"]);
    check("begins_with(pk, :p)", ":p: 'a'", expect!["Query key condition not supported"]);
    check_with(None, "pk = :p AND sk = :x", pair, expect!["Query key condition not supported"]);
    check("pk = :p OR sk = :x", pair, expect!["Invalid operator used in KeyConditionExpression: OR"]);
    check("NOT sk = :x AND pk = :p", pair, expect!["Invalid operator used in KeyConditionExpression: NOT"]);
    check("pk = :p AND sk <> :x", pair, expect!["Invalid operator used in KeyConditionExpression: <>"]);
    check("pk = :p AND sk IN (:x)", pair, expect!["Invalid operator used in KeyConditionExpression: IN"]);
    check("pk = :p AND contains(sk, :x)", pair, expect!["Invalid operator used in KeyConditionExpression: contains"]);
    check(
        "pk = :p AND attribute_exists(sk)",
        ":p: 'a'",
        expect!["Invalid operator used in KeyConditionExpression: attribute_exists"],
    );
    check("pk = :p AND size(sk) = :x", pair, expect!["KeyConditionExpressions cannot contain nested operations"]);
    check(
        "pk = :p AND sk.a = :x",
        pair,
        expect!["KeyConditionExpressions cannot have conditions on nested attributes"],
    );
    check(
        "pk = sk",
        "",
        expect!["Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"],
    );
    check(":p = :x", pair, expect!["Invalid condition in KeyConditionExpression: No key attribute specified"]);
    check(
        "pk = :p AND begins_with(:x, sk)",
        pair,
        expect![
            "Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute as its first operand"
        ],
    );
    check("pk = :p AND pk = :x", pair, expect!["KeyConditionExpressions must only contain one condition per key"]);
    check("pk = :p AND sk > :x AND a = :x", pair, expect!["Conditions can be of length 1 or 2 only"]);
    check("pk", "", expect![[r#"Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "pk""#]]);
    check(
        "pk = :p AND BEGINS_WITH(sk, :x)",
        pair,
        expect!["Invalid KeyConditionExpression: Invalid function name; function: BEGINS_WITH"],
    );
}

#[test]
fn values_must_fit_the_schema() {
    let mismatch =
        || expect!["One or more parameter values were invalid: Condition parameter type does not match schema type"];
    check("pk = :p", ":p: 1", mismatch());
    check("pk = :p AND sk = :x", ":p: 'a', :x: 1", mismatch());
    check_with(Some(KeyKind::N), "pk = :p AND begins_with(sk, :x)", ":p: 'a', :x: '1'", mismatch());
    check_with(
        Some(KeyKind::N),
        "pk = :p AND begins_with(sk, :x)",
        ":p: 'a', :x: 1",
        expect![
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"
        ],
    );
    check_with(
        Some(KeyKind::B),
        "pk = :p AND begins_with(sk, :x)",
        ":p: 'a', :x: b'x'",
        expect![[r#"S("a") BeginsWith(B([120]))"#]],
    );
    check(
        "pk = :p",
        ":p: ''",
        expect![
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
        ],
    );
    check(
        "pk = :p",
        &format!(":p: '{}'", "a".repeat(2049)),
        expect![
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"
        ],
    );
    check(
        "pk = :p AND sk BETWEEN :x AND :y",
        ":p: 'a', :x: 'b', :y: 'a'",
        expect![
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"
        ],
    );
}

/// On an index by (tenant, season) and within it by (place, score).
fn check_index(text: &str, expected: Expect) {
    let attribute = |name: &str, kind| KeyAttribute { name: name.to_string(), kind };
    let schema = IndexSchema {
        partition: vec![attribute("tenant", KeyKind::S), attribute("season", KeyKind::S)],
        sort: vec![attribute("place", KeyKind::S), attribute("score", KeyKind::S)],
    };
    let all = [":t: 'a'", ":y: '7'", ":p: 'x'", ":r: '1'", ":s: '2'", ":e: ''"];
    let used: Vec<&str> = all.into_iter().filter(|value| text.contains(&value[..2])).collect();
    let parsed = Request::new(&used.join(", ")).parse(|p| {
        let condition = Condition::parse("KeyConditionExpression", text, p)?;
        IndexRange::of(&condition, &schema, "by_place")
    });
    expected.assert_eq(&match parsed {
        Ok(range) => format!("{:?} {:?} {:?}", range.partition, range.equal, range.sort),
        Err(error) => error.to_string(),
    });
}

#[test]
fn an_index_takes_all_partition_attributes_and_sort_attributes_from_the_left() {
    check_index("tenant = :t AND season = :y", expect![[r#"[S("a"), S("7")] [] All"#]]);
    check_index("place > :p AND season = :y AND tenant = :t", expect![[r#"[S("a"), S("7")] [] Greater(S("x"))"#]]);
    check_index(
        "tenant = :t AND season = :y AND place = :p AND score BETWEEN :r AND :s",
        expect![[r#"[S("a"), S("7")] [S("x")] Between(S("1"), S("2"))"#]],
    );
    check_index("tenant = :t AND season = :y AND place = :p", expect![[r#"[S("a"), S("7")] [] Equal(S("x"))"#]]);
    check_index("tenant = :t", expect!["Query condition missed key schema element: season"]);
    check_index("tenant = :t AND place = :p", expect!["Query condition missed key schema element: season"]);
    check_index("tenant = :t AND season > :y", expect!["Query key condition not supported"]);
    check_index(
        "tenant = :t AND season = :y AND score = :r",
        expect!["Query condition missed key schema element: place"],
    );
    check_index(
        "tenant = :t AND season = :y AND place > :p AND score = :r",
        expect!["Query key condition not supported"],
    );
    check_index(
        "tenant = :t AND season = :y AND place = :p AND score = :r AND more = :s",
        expect!["Query key condition not supported"],
    );
    check_index(
        "tenant = :e AND season = :y",
        expect![
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: by_place, IndexKey: tenant"
        ],
    );
}
