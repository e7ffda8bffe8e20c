//! Whatever the text, the answer is a value or an error, soon and on a small stack.

use super::Request;
use super::notation::item;
use crate::expression::{Condition, KeyCondition, Projection, Update};
use crate::{Item, KeyAttribute, KeyKind, KeySchema};
use proptest::prelude::*;

/// Reads a text as every kind of expression and evaluates what was read.
fn read(text: &str, source: &Item) -> bool {
    let request = Request::new("#a: 'a', :v: 1, :s: 'x', :l: [1], :t: <'x'>");
    let mut placeholders = super::Placeholders::new(&request.names, &request.values);
    let schema = KeySchema { partition: KeyAttribute { name: "a".into(), kind: KeyKind::N }, sort: None };
    let condition = Condition::parse("ConditionExpression", text, &mut placeholders);
    let update = Update::parse(text, &mut placeholders);
    let projection = Projection::parse(text, &mut placeholders);
    let _ = KeyCondition::parse(text, &schema, &mut placeholders);
    if let Ok(condition) = &condition {
        let _ = condition.matches(Some(source));
        let _ = condition.paths();
    }
    if let Ok(update) = &update {
        let _ = update.apply(source);
        let _ = update.project(source);
    }
    if let Ok(projection) = &projection {
        let _ = projection.apply(source);
    }
    condition.is_ok() || update.is_ok() || projection.is_ok()
}

fn source() -> Item {
    item("a: 1, b: {c: [1, {d: 2}], e: 'x'}, l: [1, 2, 3], s: <'x', 'y'>")
}

/// A server's threads may have less stack than a test's.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(work).expect("a thread can start");
    thread.join().expect("no panic, no overflow");
}

#[test]
fn deep_nesting_is_an_error_and_never_a_stack_overflow() {
    on_a_small_stack(|| {
        for text in [
            "(".repeat(4000),
            "NOT ".repeat(1000) + "a = :v",
            "NOT(".repeat(800) + "a = :v" + &")".repeat(800),
            "size(".repeat(600) + "a" + &")".repeat(600) + " = :v",
            "a<:v or (".repeat(400) + "a<:v" + &")".repeat(400),
            "SET a = ".to_string() + &"(".repeat(2000) + "b",
            "SET a = ".to_string() + &"if_not_exists(b,".repeat(200) + ":v" + &")".repeat(200),
            "a".to_string() + &"[0]".repeat(1300),
        ] {
            assert!(text.len() <= 4096, "the limit on length would hide the nesting: {}", text.len());
            read(&text, &source());
        }
        // The deepest that DynamoDB's 300 operators allow is read and evaluated.
        let deepest = "NOT(".repeat(299) + "a = :v" + &")".repeat(299);
        assert!(read(&deepest, &source()));
    });
}

/// Words that make many texts almost well-formed.
fn any_word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b.c",
        "b.c[1].d",
        "l[0]",
        "l[9]",
        "#a",
        ":v",
        ":s",
        ":l",
        ":t",
        "=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "+",
        "-",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "attribute_exists(",
        "size(",
        "begins_with(",
        "contains(",
        "if_not_exists(",
        "list_append(",
        "1",
        "name",
        "_",
        "é",
        "a = :v",
        "SET b.e = :s",
        "ADD s :t",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_answered(text in ".{0,60}") {
        read(&text, &source());
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(any_word(), 0..16)) {
        read(&words.join(" "), &source());
    }
}
