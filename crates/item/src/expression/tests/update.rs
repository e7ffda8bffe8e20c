//! Updates: the item that comes out, and refusals.

use super::Request;
use super::notation::{item, show_item};
use crate::expression::Update;
use expect_test::{Expect, expect};

fn check(before: &str, text: &str, placeholders: &str, expected: Expect) {
    let updated =
        Request::new(placeholders).parse(|p| Update::parse(text, p)).and_then(|update| update.apply(&item(before)));
    expected.assert_eq(&match updated {
        Ok(item) => show_item(&item),
        Err(error) => error.to_string(),
    });
}

fn refused(text: &str, placeholders: &str, expected: Expect) {
    check("p: 'k'", text, placeholders, expected);
}

#[test]
fn set_assigns_and_computes_from_the_item_as_it_was() {
    check("a: 1", "SET b = :v", ":v: 4", expect!["a: 1, b: 4"]);
    check("a: 1, b: 2", "set a = b, b = a", "", expect!["a: 2, b: 1"]);
    check("a: 2", "SET a = a + :v", ":v: 3", expect!["a: 5"]);
    check("a: 2", "SET b = :v - a", ":v: 7", expect!["a: 2, b: 5"]);
    check("a: 2", "SET b = (a + :v)", ":v: 7", expect!["a: 2, b: 9"]);
    check("a: 2", "SET b = (a) + (:v)", ":v: 7", expect!["a: 2, b: 9"]);
    check("", "SET a = :one + :big", ":one: 1, :big: 10000000000000000000000", expect!["a: 10000000000000000000001"]);
    check("", "SET a = if_not_exists(a, :z) + :one", ":z: 10, :one: 1", expect!["a: 11"]);
    check("a: 5", "SET a = if_not_exists(a, :z) + :one", ":z: 10, :one: 1", expect!["a: 6"]);
    check("c: 3", "SET a = if_not_exists(b, if_not_exists(c, :z))", ":z: 1", expect!["a: 3, c: 3"]);
    check(
        "l: [1]",
        "SET l = list_append(l, :m), n = list_append(:m, l)",
        ":m: [2, 3]",
        expect!["l: [1, 2, 3], n: [2, 3, 1]"],
    );
    check(
        "p: 1",
        "SET l = list_append(if_not_exists(l, :empty), :m)",
        ":empty: [], :m: ['x']",
        expect!["l: ['x'], p: 1"],
    );
    check("a: 'hello'", "REMOVE a SET b = a", "", expect!["b: 'hello'"]);
    check("a: 1", "SET #n = :v", "#n: 'a.b', :v: 3", expect!["a: 1, a.b: 3"]);
}

#[test]
fn nested_paths_reach_into_maps_and_lists() {
    let nested = "a: {b: 3, c: ['hi', {x: {y: [3, 5, 7]}, q: 2}]}";
    check(
        nested,
        "SET a.c[1].#n.y[1] = :v",
        "#n: 'x', :v: 9",
        expect!["a: {b: 3, c: ['hi', {q: 2, x: {y: [3, 9, 7]}}]}"],
    );
    check(nested, "REMOVE a.c[1].x.y[1], a.c[1].q", "", expect!["a: {b: 3, c: ['hi', {x: {y: [3, 7]}}]}"]);
    check(
        "a: {x: 3, y: 4, c: {y: 3}}, b: {x: 1, y: 2}",
        "SET a.b = :a, a.c.d = :b, b.x = :c REMOVE a.x, b.y",
        ":a: 10, :b: 'dog', :c: 17",
        expect!["a: {b: 10, c: {d: 'dog', y: 3}, y: 4}, b: {x: 17}"],
    );
    check("a: ['one', 'two', 'three']", "SET a[7] = :v", ":v: 'hello'", expect!["a: ['one', 'two', 'three', 'hello']"]);
    check(
        "a: [0]",
        "SET a[84] = :a, a[37] = :b, a[17] = :c, a[50] = :d",
        ":a: 84, :b: 37, :c: 17, :d: 50",
        expect!["a: [0, 17, 37, 50, 84]"],
    );
}

#[test]
fn list_indexes_mean_places_before_the_update() {
    check("a: [2, 3, 4, 5, 6, 7]", "REMOVE a[1] SET a[3] = :v", ":v: 17", expect!["a: [2, 4, 17, 6, 7]"]);
    check("a: [2, 3, 4, 5, 6, 7]", "SET a[3] = :v REMOVE a[1]", ":v: 17", expect!["a: [2, 4, 17, 6, 7]"]);
    check("a: [0, 1, 2, 3]", "REMOVE a[0], a[2], a[9] SET a[8] = :v", ":v: 4", expect!["a: [1, 3, 4]"]);
    check("a: [0, [1, 2], {x: [3, 4]}]", "REMOVE a[0], a[1][0], a[2].x[1]", "", expect!["a: [[2], {x: [3]}]"]);
    check("a: [1]", "REMOVE a[0]", "", expect!["a: []"]);
    check("a: {b: 1}", "REMOVE a.b", "", expect!["a: {}"]);
    check("a: {x: 3}, b: ['hi']", "REMOVE a.y, b[7], c", "", expect!["a: {x: 3}, b: ['hi']"]);
}

#[test]
fn add_and_delete_work_on_numbers_and_sets() {
    check("a: 3", "ADD a :v", ":v: 4", expect!["a: 7"]);
    check("a: 3", "ADD b :v", ":v: -4", expect!["a: 3, b: -4"]);
    check(
        "a: <'dog', 'cat'>",
        "ADD a :v, b :v",
        ":v: <'pig', 'dog'>",
        expect!["a: <'cat', 'dog', 'pig'>, b: <'dog', 'pig'>"],
    );
    check("a: {n: <1, 2>}", "add a.n :v", ":v: <2, 3>", expect!["a: {n: <1, 2, 3>}"]);
    check("a: <'dog', 'cat'>", "DELETE a :v", ":v: <'cat', 'pig'>", expect!["a: <'dog'>"]);
    check("a: <'dog', 'cat'>, b: 1", "DELETE a :v", ":v: <'cat', 'dog'>", expect!["b: 1"]);
    check("a: [<1>, 5]", "DELETE a[0] :v", ":v: <1>", expect!["a: [5]"]);
    check("b: 1", "DELETE a :v", ":v: <'cat'>", expect!["b: 1"]);
    check("n: 1", "ADD n :v SET s = n", ":v: 1", expect!["n: 2, s: 1"]);
}

#[test]
fn an_update_that_does_not_fit_the_item_is_refused() {
    let path = || expect!["The document path provided in the update expression is invalid for update"];
    let missing = || expect!["The provided expression refers to an attribute that does not exist in the item"];
    let wrong = || expect!["An operand in the update expression has an incorrect data type"];
    for text in ["SET a.c = :v", "SET b.c = :v", "SET c.c = :v", "SET a[0] = :v", "SET c[0] = :v", "ADD c.c :v"] {
        check("a: 'hello', b: ['hi']", text, ":v: 7", path());
    }
    for text in ["REMOVE a.c", "REMOVE c.c", "REMOVE a[0]", "REMOVE b[0].x"] {
        check("a: 'hello', b: ['hi']", text, "", path());
    }
    for text in
        ["SET c = z", "SET z = z", "SET a = z + b", "SET c = a.b.c", "SET x = list_append(z, l)", "SET x = b, y = x"]
    {
        check("a: 1, b: 2, l: []", text, "", missing());
    }
    check("b: 'hi'", "ADD b :v", ":v: 1", wrong());
    check("b: [1]", "ADD b :v", ":v: <1>", wrong());
    check("b: <'a'>", "DELETE b :v", ":v: <1>", wrong());
    check("b: 'hi', a: 1", "SET c = a + b", "", wrong());
    check("b: 'hi', l: []", "SET c = list_append(l, b)", "", wrong());
    check("b: 'hi'", "SET c = z, d.e = b ADD b :v", ":v: 1", wrong());
    let overflow =
        || expect!["Number overflow. Attempting to store a number with magnitude larger than supported range"];
    check("a: 9e125", "ADD a :v", ":v: 9e125", overflow());
    check("a: 1e50", "SET a = a - :v", ":v: 1", overflow());
    check(
        "a: 1.1e-130",
        "SET a = a - :v",
        ":v: 1e-130",
        expect!["Number underflow. Attempting to store a number with magnitude smaller than supported range"],
    );
    let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    check(
        "a: 1",
        "SET b = :v",
        &format!(":v: {deep}"),
        expect!["a: 1, b: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"],
    );
    check("a: {}", "SET a.b = :v", &format!(":v: {deep}"), expect!["Nesting Levels have exceeded supported limits"]);
}

#[test]
fn malformed_updates_are_refused_in_aws_words() {
    refused("", "", expect!["Invalid UpdateExpression: The expression can not be empty;"]);
    refused(
        "INVALID SYNTAX HERE",
        "",
        expect![[r#"Invalid UpdateExpression: Syntax error; token: "INVALID", near: "INVALID SYNTAX""#]],
    );
    refused(
        "ADD hits : incr",
        "",
        expect![[r#"Invalid UpdateExpression: Syntax error; token: ":", near: "hits : incr""#]],
    );
    refused("SET _123 = :v", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: "_", near: "SET _123""#]]);
    refused(
        "SET #a = :v, #b = :w,",
        "",
        expect![[r#"Invalid UpdateExpression: Syntax error; token: "<EOF>", near: ",""#]],
    );
    refused("SET a = b + c + d", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: "+", near: "c + d""#]]);
    refused(
        "SET c = if_not_exists(c, :v+:w)",
        "",
        expect![[r#"Invalid UpdateExpression: Syntax error; token: "+", near: ":v+:w""#]],
    );
    refused("SET :a = :b", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: ":a", near: "SET :a =""#]]);
    refused("ADD a b", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: "b", near: "a b""#]]);
    refused("SET a <> :v", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: "<>", near: "a <> :v""#]]);
    refused("REMOVE a,", "", expect![[r#"Invalid UpdateExpression: Syntax error; token: "<EOF>", near: ",""#]]);
    refused(
        "SET a = :v SET b = :v",
        ":v: 1",
        expect![[r#"Invalid UpdateExpression: The "SET" section can only be used once in an update expression;"#]],
    );
    refused(
        "set abOrt = :v",
        ":v: 1",
        expect!["Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: abOrt"],
    );
    refused(
        "SET a = f123_hi(b, c, d)",
        "",
        expect!["Invalid UpdateExpression: Invalid function name; function: f123_hi"],
    );
    refused(
        "SET a = size(b)",
        "",
        expect!["Invalid UpdateExpression: The function is not allowed in an update expression; function: size"],
    );
    refused(
        "SET a = list_append(c)",
        "",
        expect![
            "Invalid UpdateExpression: Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1"
        ],
    );
    refused(
        "SET a = if_not_exists(:v, c)",
        ":v: 1",
        expect![
            "Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists"
        ],
    );
    refused(
        "SET a = list_append(list_append(:v, :v), :v)",
        ":v: []",
        expect![
            "Invalid UpdateExpression: The function is not allowed to be used this way in an expression; function: list_append"
        ],
    );
}

#[test]
fn literals_of_a_wrong_type_are_refused_when_read() {
    refused(
        "SET a = a + :v",
        ":v: 'x'",
        expect![
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S"
        ],
    );
    refused(
        "SET a = list_append(a, :v)",
        ":v: 'x'",
        expect![
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: list_append, operand type: S"
        ],
    );
    refused(
        "ADD a :v",
        ":v: 'x'",
        expect![
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"
        ],
    );
    refused(
        "DELETE a :v",
        ":v: 1",
        expect![
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"
        ],
    );
}

#[test]
fn paths_that_exclude_one_another_and_missing_placeholders_are_refused() {
    refused(
        "SET a = :v REMOVE a",
        ":v: 1",
        expect![
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"
        ],
    );
    refused(
        "SET a = :v, a.b = :v",
        ":v: 1",
        expect![
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"
        ],
    );
    refused(
        "set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)",
        "#c: 'c'",
        expect![
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [c, [1], a], path two: [c]"
        ],
    );
    refused(
        "remove a.#c set a[1] = b",
        "#c: 'c'",
        expect![
            "Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, c], path two: [a, [1]]"
        ],
    );
    refused(
        "SET #x = :v",
        ":v: 1",
        expect![
            "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #x"
        ],
    );
    refused(
        "SET a = :x",
        "",
        expect![
            "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :x"
        ],
    );
}

#[test]
fn what_an_update_touched_can_be_shown() {
    let request = Request::new(":v: 9");
    let update = request.parse(|p| Update::parse("SET a.b = :v, c[1] = :v REMOVE gone", p)).expect("well-formed");
    let before = item("a: {b: 1, x: 2}, c: [1, 2, 3], gone: 5, other: 6");
    let after = update.apply(&before).expect("it fits");
    expect!["a: {b: 1}, c: [2], gone: 5"].assert_eq(&show_item(&update.project(&before)));
    expect!["a: {b: 9}, c: [9]"].assert_eq(&show_item(&update.project(&after)));
    assert_eq!(update.attributes(), ["a", "c", "gone"]);
}
