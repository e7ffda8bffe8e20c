//! What is planned, what is refused and where, and what an item contributes.

use super::{evaluate::decode_group, *};
use expect_test::{Expect, expect};
use item::{Item, KeyAttribute, KeyKind, KeySchema, Number, Value};

pub(crate) fn schema(partition: (&str, KeyKind), sort: Option<(&str, KeyKind)>) -> KeySchema {
    let attribute = |(name, kind): (&str, KeyKind)| KeyAttribute { name: name.to_string(), kind };
    KeySchema { partition: attribute(partition), sort: sort.map(attribute) }
}

fn totals() -> KeySchema {
    schema(("region", KeyKind::S), Some(("improvement", KeyKind::S)))
}

/// An item in shorthand: `region=SOUTH n=#5 ok=true gone=null tags=[] map={x=1}`; `#` marks a number.
pub(crate) fn item(text: &str) -> Item {
    let value = |text: &str| match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        "[]" => Value::L(Vec::new()),
        "0x" => Value::B(vec![1, 2]),
        _ => match text.strip_prefix('#') {
            Some(number) => Value::N(Number::parse(number).expect("a test number")),
            None => Value::S(text.to_string()),
        },
    };
    let mut item = Item::new();
    for pair in text.split_whitespace() {
        let (name, text) = pair.split_once('=').expect("name=value");
        match name.split_once('.') {
            Some((map, member)) => {
                let inner = [(member, value(text))].into_iter().collect();
                item.insert(map, Value::M(inner));
            }
            None => {
                item.insert(name, value(text));
            }
        }
    }
    item
}

fn check(sql: &str, output: &KeySchema, expect: Expect) {
    let sources = |name: &str| (name == "votes").then(|| schema(("id", KeyKind::S), None));
    let answer = match check_view(sql, &sources, output) {
        Ok(view) => format!("view of {}", view.source),
        Err(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    expect.assert_eq(&answer);
}

fn refused(sql: &str, expect: Expect) {
    check(sql, &totals(), expect);
}

#[test]
fn views_that_can_be_maintained_are_accepted() {
    for sql in [
        "SELECT region, improvement, COUNT(*) AS total_votes FROM votes GROUP BY region, improvement",
        "select v.region, \"v\".improvement, count(*), sum(v.price) AS s, avg(price) FROM votes AS v GROUP BY improvement, region;",
        "-- a comment\nSELECT votes.region, improvement, COUNT(`a.b`) FROM votes /* the source */ GROUP BY region, votes.improvement",
        "SELECT place.area AS region, improvement FROM votes GROUP BY place.area, improvement",
        "SELECT 'all' AS region, 'x' AS improvement, COUNT(1) FROM votes WHERE NOT (a = -1 OR b IN ('x', 2)) AND c LIKE 'a%' AND TRUE",
        "SELECT region, improvement, COUNT(*) FROM votes WHERE ((((((((((((((((n = 1)))))))))))))))) GROUP BY region, improvement",
        "SELECT region, improvement, COUNT(`order`) FROM votes WHERE \"created-at\" > 'x' GROUP BY region, improvement",
        "SELECT region, improvement, COUNT(*) FROM votes WHERE 5 < n AND when IS NOT NULL AND x NOT BETWEEN 1 AND 2 AND ok GROUP BY region, improvement",
    ] {
        check(sql, &totals(), expect!["view of votes"]);
    }
}

#[test]
fn what_cannot_be_maintained_is_refused_with_the_reason() {
    const OK: &str = "SELECT region, improvement, COUNT(*) FROM votes";
    const BY: &str = "GROUP BY region, improvement";
    let select = |list: &str| format!("SELECT region, improvement, {list}\nFROM votes {BY}");
    refused(
        &select("MIN(n)"),
        expect!["1:29: MIN cannot be maintained: taking back the extreme value needs all the others"],
    );
    refused(
        &select("COUNT(DISTINCT n)"),
        expect!["1:29: COUNT(DISTINCT) cannot be maintained: taking back a value needs all the others"],
    );
    refused(&select("SUM(price * 2)"), expect!["1:33: SUM takes an attribute: expressions are not supported"]);
    refused(&select("SUM(*)"), expect!["1:29: SUM takes an attribute, not *"]);
    refused(&select("UPPER(n)"), expect!["1:29: UPPER is not supported: a view can COUNT, SUM and AVG"]);
    refused(
        &select("COUNT(*) OVER (PARTITION BY n)"),
        expect!["1:29: window functions cannot be maintained: a row would depend on its neighbours"],
    );
    refused(
        &select("COUNT(*) FILTER (WHERE n > 1)"),
        expect!["1:29: FILTER is not supported (use WHERE, or a second view)"],
    );
    refused(
        &select("*"),
        expect!["1:29: * is not supported: a view's row has the group's attributes and aggregates (name them)"],
    );
    refused(
        &select("id"),
        expect![[r#"
        1:29: id is neither in GROUP BY nor in an aggregate: a row of the view is a group (add GROUP BY, or COUNT, SUM or AVG)
        1:29: id is not in the key of the view's table (region S, improvement S): its key must be the group"#]],
    );
    refused(
        &select("COUNT(*), COUNT(*)"),
        expect!["1:39: two columns are named count (give one another name with AS)"],
    );
    refused(
        &select("COUNT(*) AS region"),
        expect![[r#"
        1:41: region is in the key of the view's table and cannot be an aggregate
        1:41: two columns are named region (give one another name with AS)"#]],
    );
    refused(
        &format!("SELECT DISTINCT region, improvement FROM votes {BY}"),
        expect!["1:8: DISTINCT is not supported: GROUP BY gives one row per group already"],
    );
    refused(
        &format!("{OK} {BY}\nHAVING COUNT(*) > 1"),
        expect!["2:1: HAVING is not supported: a view keeps all its groups; filter when reading it"],
    );
    refused(
        &format!("{OK} {BY}\n  ORDER BY region LIMIT 5"),
        expect![[r#"
            2:3: ORDER BY is not supported: a view is a table, its sort key orders it
            2:19: LIMIT and OFFSET cannot be maintained: whether a row is in the view would depend on all the others"#]],
    );
    refused(
        &format!("{OK}\n  JOIN users ON users.id = votes.id {BY}"),
        expect!["2:8: a view reads one table: joins and subqueries would have to be matched anew at every change"],
    );
    refused(
        &format!("{OK}, users {BY}"),
        expect!["1:50: a view reads one table: joins and subqueries would have to be matched anew at every change"],
    );
    refused(
        &format!("SELECT region, improvement, COUNT(*) FROM (SELECT * FROM votes) {BY}"),
        expect!["1:44: a view reads one table: joins and subqueries would have to be matched anew at every change"],
    );
    refused(
        &format!("{OK} {BY} UNION SELECT 1"),
        expect!["1:77: UNION is not supported: a view is one SELECT from one table"],
    );
    refused(
        &format!("WITH v AS (SELECT 1) {OK} {BY}"),
        expect!["1:1: WITH is not supported: a view is one SELECT from one table"],
    );
    refused(&format!("{OK} {BY}; SELECT 2"), expect!["1:79: a view is one SELECT, and this is a second statement"]);
    refused(
        &format!("{OK} {BY} OFFSET 5"),
        expect![
            "1:78: LIMIT and OFFSET cannot be maintained: whether a row is in the view would depend on all the others"
        ],
    );
    refused(
        &format!("{OK} {BY} FETCH FIRST 5 ROWS ONLY"),
        expect!["1:78: FETCH cannot be maintained: whether a row is in the view would depend on all the others"],
    );
    refused(
        &select("SUM(DISTINCT n)"),
        expect!["1:29: SUM(DISTINCT) cannot be maintained: taking back a value needs all the others"],
    );
    refused(&select("SUM(a[0])"), expect!["1:33: SUM takes an attribute: expressions are not supported"]);
    refused(
        "CREATE VIEW v AS SELECT 1",
        expect!["1:1: a view is a SELECT (write the SELECT only; the view's name and key are those of its table)"],
    );
    refused("", expect!["1:1: there is no SELECT here (SELECT a, COUNT(*) AS n FROM t GROUP BY a)"]);
    refused(
        "SELECT 'all' AS region, 'x' AS improvement, COUNT(*)",
        expect!["1:1: FROM is missing: a view reads a table (write SELECT a, COUNT(*) AS n FROM t GROUP BY a)"],
    );
    refused(&format!("{OK} GROUP BY ALL"), expect!["1:49: GROUP BY ALL is not supported (name the attributes)"]);
    refused(
        &format!("{OK} GROUP BY 1, 2"),
        expect![[r#"
        1:58: GROUP BY takes attributes, not positions (name the attribute)
        1:61: GROUP BY takes attributes, not positions (name the attribute)"#]],
    );
    refused(
        &format!("{OK} GROUP BY region, improvement, id"),
        expect![
            "1:79: id is in GROUP BY but not in SELECT, so that two groups could have one row (select id, and make it part of the key of the view's table)"
        ],
    );
    refused(
        &format!("{OK} GROUP BY region"),
        expect![
            "1:16: improvement is neither in GROUP BY nor in an aggregate: a row of the view is a group (add GROUP BY, or COUNT, SUM or AVG)"
        ],
    );
}

#[test]
fn the_key_of_the_table_must_be_the_group() {
    refused(
        "SELECT region, COUNT(*) FROM votes GROUP BY region",
        expect![
            "1:1: improvement is in the key of the view's table but not in SELECT (select and group by improvement, or select a constant AS improvement)"
        ],
    );
    refused(
        "SELECT region, improvement, id, COUNT(*) FROM votes GROUP BY region, improvement, id",
        expect!["1:29: id is not in the key of the view's table (region S, improvement S): its key must be the group"],
    );
    refused(
        "SELECT COUNT(*) FROM votes",
        expect![[r#"
        1:1: improvement is in the key of the view's table but not in SELECT (select and group by improvement, or select a constant AS improvement)
        1:1: region is in the key of the view's table but not in SELECT (select and group by region, or select a constant AS region)"#]],
    );
    refused(
        "SELECT 1 AS region, '' AS improvement, COUNT(*) FROM votes",
        expect![[r#"
        1:13: this constant is N, but region is S in the key of the view's table
        1:27: a key cannot be empty"#]],
    );
    let number = schema(("id", KeyKind::N), None);
    check(
        "SELECT id, COUNT(*) FROM votes GROUP BY id",
        &number,
        expect!["1:41: id is S in votes, but id is N in the view's key"],
    );
    check(
        "SELECT n AS id, SUM(id) FROM votes GROUP BY n",
        &number,
        expect!["1:21: id is S in votes, SUM and AVG need N"],
    );
    check("SELECT id,\n  COUNT(*) FROM nobody GROUP BY id", &number, expect!["2:17: table nobody does not exist"]);
}

#[test]
fn conditions_that_cannot_be_understood_are_refused_with_their_place() {
    let with = |condition: &str| {
        format!("SELECT region, improvement, COUNT(*) FROM votes\nWHERE {condition}\nGROUP BY region, improvement")
    };
    refused(
        &with("a = NULL AND b + 1 > 2"),
        expect![[r#"
        2:11: nothing is equal to NULL, or less or greater (use IS NULL or IS NOT NULL)
        2:20: arithmetic is not supported in WHERE"#]],
    );
    refused(&with("1 = 1"), expect!["2:7: this compares two constants"]);
    refused(
        &with("a IN (SELECT id FROM users)"),
        expect!["2:7: subqueries cannot be maintained: a change in another table would change which items count"],
    );
    refused(
        &with("EXISTS (SELECT 1 FROM users)"),
        expect!["2:15: subqueries cannot be maintained: a change in another table would change which items count"],
    );
    refused(&with("LOWER(a) = 'x'"), expect!["2:7: functions are not supported in WHERE"]);
    refused(&with("a ILIKE 'x%'"), expect!["2:7: ILIKE is not supported: LIKE heeds upper and lower case"]);
    refused(
        &with("a LIKE b OR a LIKE 'x\\'"),
        expect![[r#"
        2:14: the pattern of LIKE must be a string
        2:26: the pattern ends with its escape character"#]],
    );
    refused(&with("a[1] = 2"), expect!["2:7: list elements are not supported: a.b names a member of a map"]);
    refused(
        &with("a = 1e200"),
        expect![
            "2:11: 1e200 is not a number of DynamoDB: magnitude larger than 9.9999999999999999999999999999999999999E+125"
        ],
    );
    refused(&with("a ="), expect!["3:7: expected end of statement, found BY"]);
    refused(&with("a = 'x"), expect!["2:11: unterminated string literal"]);
    refused(&with(&"(".repeat(300)), expect!["1:1: the expressions nest too deeply"]);
    refused(&with(&"NOT ".repeat(600)), expect!["2:95: expected end of statement, found NOT"]);
    refused(&with(&format!("a{}", " AND a".repeat(600))), expect!["2:2971: a view has at most 1000 words and signs"]);
}

/// A plan over `votes` with this WHERE, grouped by `region`.
fn filtered(condition: &str) -> Plan {
    let sql = format!("SELECT region, COUNT(*) FROM votes WHERE {condition} GROUP BY region");
    Plan::parse(&sql, &schema(("region", KeyKind::S), None)).unwrap_or_else(|found| panic!("{condition}: {found:?}"))
}

fn outcome(plan: &Plan, item: &Item) -> String {
    let mut evaluated = Evaluated::default();
    evaluated.set(plan, Some(Image::Item(item))).expect("not malformed");
    // Read where it is stored, it is the same.
    let (mut stored, mut bytes) = (Evaluated::default(), Vec::new());
    item::codec::encode(item, &mut bytes);
    stored.set(plan, Some(Image::Stored(&bytes))).expect("not malformed");
    assert_eq!(stored, evaluated);
    match evaluated.outcome {
        Outcome::Counted => "counted".to_string(),
        Outcome::Absent => "left out".to_string(),
        Outcome::Misfit(misfit) => {
            let mut bytes = Vec::new();
            misfit.encode(&mut bytes);
            assert_eq!(Misfit::decode(&bytes), Some(misfit));
            plan.reason(misfit)
        }
    }
}

#[test]
fn conditions_follow_sql_and_types_that_do_not_fit_are_named() {
    let ask = |condition: &str, attributes: &str, expected: &str| {
        let answer = outcome(&filtered(condition), &item(&format!("region=SOUTH {attributes}")));
        assert_eq!(answer, expected, "WHERE {condition} of {attributes}");
    };
    for (condition, attributes) in [
        ("a = 1", "a=#1.0"),
        ("a <> 'x'", "a=y"),
        ("1 < a", "a=#2"),
        ("a >= b", "a=#2 b=#2"),
        ("a BETWEEN 1 AND 2", "a=#2"),
        ("a NOT BETWEEN 1 AND 2", "a=#3"),
        ("a IN ('x', 'y')", "a=y"),
        ("a NOT IN ('x', 'y')", "a=z"),
        ("a IS NULL", "b=#1"),
        ("a IS NULL", "a=null"),
        ("a IS NOT NULL", "a=[]"),
        ("a LIKE 'MORE%'", "a=MORE_TREES"),
        ("a NOT LIKE 'MORE%'", "a=LESS"),
        ("a.b = 3", "a.b=#3"),
        ("votes.a = 3", "a=#3"),
        ("a", "a=true"),
        ("NOT a", "a=false"),
        ("a = TRUE", "a=true"),
    ] {
        ask(condition, attributes, "counted");
    }
    // Missing and NULL are unknown: neither a comparison nor its opposite holds.
    for (condition, attributes) in [
        ("a = 1", ""),
        ("NOT a = 1", ""),
        ("a <> 1", "a=null"),
        ("a NOT IN (1, 2)", ""),
        ("a NOT LIKE 'x'", ""),
        ("NOT a", ""),
        ("a.b = 1", "a=#1"),
        ("a = 1 OR b = 1", "a=#2"),
        ("a = 1 AND b = 'x'", "a=#2 b=#1"),
        ("FALSE", ""),
    ] {
        ask(condition, attributes, "left out");
    }
    ask("a = 1 OR b = 1", "b=#1", "counted");
    // One decisive part decides, whatever is wrong with the other.
    ask("b = 'x' OR a = 1", "a=#1 b=#1", "counted");
    ask("kind = 'order' AND amount > 10", "kind=other amount=many", "left out");
    ask("kind = 'order' AND amount > 10", "kind=order amount=many", "attribute amount is S, compared with N in WHERE");
    ask("b = 'x' AND a = 1", "b=#1", "attribute b is N, compared with S in WHERE");
    ask("NOT (b = 'x')", "b=#1", "attribute b is N, compared with S in WHERE");
    ask("a = 'true'", "a=true", "attribute a is BOOL, compared with S in WHERE");
    ask("a > 1", "a=[]", "attribute a is L, compared with N in WHERE");
    ask("a = b", "a=[] b=[]", "attribute a is L, which WHERE cannot compare");
    ask("a LIKE 'x'", "a=#1", "attribute a is N, LIKE needs S");
    ask("a", "a=#1", "attribute a is N, a condition by itself needs BOOL");
}

#[test]
fn items_that_cannot_be_in_a_group_are_named() {
    let sql = "SELECT region, n, SUM(price) AS s FROM votes GROUP BY region, n";
    let plan = Plan::parse(sql, &schema(("region", KeyKind::S), Some(("n", KeyKind::N)))).expect("a view");
    let ask =
        |attributes: &str, expected: &str| assert_eq!(outcome(&plan, &item(attributes)), expected, "{attributes}");
    ask("region=SOUTH n=#1", "counted");
    ask("region=SOUTH n=#1 price=null", "counted");
    ask("region=SOUTH", "attribute n is missing");
    ask("region=#1 n=#1", "attribute region is N, the view's key needs S");
    ask("region=null n=#1", "attribute region is NULL, the view's key needs S");
    ask("region= n=#1", "attribute region is empty, which a key cannot be");
    ask(&format!("region={} n=#1", "x".repeat(2049)), "attribute region is longer than a key can be");
    ask("region=SOUTH n=#1 price=x", "attribute price is S, SUM and AVG need N");
}

#[test]
fn a_group_reads_back_as_its_key() {
    let output = schema(("b", KeyKind::B), Some(("n", KeyKind::N)));
    let plan = Plan::parse("SELECT b, n FROM votes GROUP BY n, b", &output).expect("a view");
    let mut evaluated = Evaluated::default();
    evaluated.set(&plan, Some(Image::Item(&item("b=0x n=#-7.5")))).expect("not malformed");
    expect!["[0, 2, 1, 2, 1, 125, 105]"].assert_eq(&format!("{:?}", evaluated.group));
    let key = decode_group(&output, &evaluated.group).expect("a group");
    assert_eq!(output.attributes(&key), item("b=0x n=#-7.5"));
    assert_eq!(decode_group(&output, &evaluated.group[..3]), None);
}

#[test]
fn aggregates_ignore_null_and_average_to_38_digits() {
    let sql = "SELECT region, COUNT(*) AS n, COUNT(p) AS c, SUM(p) AS s, AVG(p) AS a FROM votes GROUP BY region";
    let plan = Plan::parse(sql, &schema(("region", KeyKind::S), None)).expect("a view");
    let items: Vec<Item> = [
        "region=A p=#1",
        "region=A p=#1",
        "region=A p=#0",
        "region=A",
        "region=B p=null",
        "region=C p=#9e125",
        "region=C p=#9e125",
        "p=#1",
        "region=A p=x",
    ]
    .iter()
    .map(|text| item(text))
    .collect();
    let reference = evaluate(&plan, &items);
    let rows: Vec<String> = reference
        .rows
        .values()
        .map(|(_, row)| row.iter().map(|(name, value)| format!("{name}={}", show(value))).collect::<Vec<_>>().join(" "))
        .collect();
    let mut rows = rows;
    rows.sort_by_key(|row| row.split_once("region=").map(|(_, region)| region.to_string()));
    expect![[r#"
        a=0.66666666666666666666666666666666666667 c=3 n=4 region=A s=2
        a=NULL c=0 n=1 region=B s=NULL
        a=900000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 c=2 n=2 region=C s=NULL"#]].assert_eq(&rows.join("\n"));
    expect![[r#"
        {
            "attribute p is S, SUM and AVG need N": 1,
            "attribute region is missing": 1,
        }
    "#]]
    .assert_debug_eq(&reference.skipped);
}

fn show(value: &Value) -> String {
    match value {
        Value::S(text) => text.clone(),
        Value::N(number) => number.to_string(),
        other => other.type_code().to_string(),
    }
}
