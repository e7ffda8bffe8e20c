//! Attribute values: decoding and encoding, beside what AWS says of those it does not take.

use crate::json::{self, Attributes, Layer};
use item::{Item, Number, Value, codec};
use proptest::prelude::*;

fn faults(values: &[&str], layer: Layer) -> String {
    let one = |value: &&str| {
        let body = format!("{{\"a\":{}}}", value.replace('\'', "\""));
        let attributes: Attributes = json::decode(body.as_bytes()).expect("well-formed values");
        attributes.fault.map_or("fine".to_string(), |fault| fault.words(layer))
    };
    values.iter().map(one).collect::<Vec<_>>().join("\n")
}

const ODD: &[&str] = &[
    "{}",
    "null",
    "{'X':1}",
    "{'S':null}",
    "{'S':'','N':'1'}",
    "{'S':'a','S':'b'}",
    "{'N':''}",
    "{'N':'abc'}",
    "{'N':'1e126'}",
    "{'N':'1e-131'}",
    "{'N':'123456789012345678901234567890123456789'}",
    "{'NULL':false}",
    "{'SS':[]}",
    "{'NS':[]}",
    "{'BS':[]}",
    "{'SS':['b','a','b','c']}",
    "{'NS':['2','1','2.0']}",
    "{'BS':['/w==','AA==','AA==']}",
    "{'NS':['1','x']}",
    "{'L':[{'M':{'x':{'N':'y'}}}]}",
    "{'BOOL':'true'}",
];

#[test]
fn values_that_are_not_allowed_are_told_in_the_words_of_either_layer() {
    expect_test::expect![[r#"
        Supplied AttributeValue is empty, must contain exactly one of the supported datatypes
        Supplied AttributeValue is empty, must contain exactly one of the supported datatypes
        Supplied AttributeValue is empty, must contain exactly one of the supported datatypes
        Supplied AttributeValue is empty, must contain exactly one of the supported datatypes
        Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes
        fine
        The parameter cannot be converted to a numeric value: 
        The parameter cannot be converted to a numeric value: abc
        Number overflow. Attempting to store a number with magnitude larger than supported range
        Number underflow. Attempting to store a number with magnitude smaller than supported range
        Attempting to store more than 38 significant digits in a Number
        One or more parameter values were invalid: Null attribute value types must have the value of true
        One or more parameter values were invalid: An string set  may not be empty
        One or more parameter values were invalid: An number set  may not be empty
        One or more parameter values were invalid: Binary sets should not be empty
        One or more parameter values were invalid: Input collection ["a", "b", "b", "c"] contains duplicates.
        One or more parameter values were invalid: Input collection contains duplicates.
        One or more parameter values were invalid: Input collection ["AA==","/w==","AA=="]of type BS contains duplicates.
        The parameter cannot be converted to a numeric value: x
        The parameter cannot be converted to a numeric value: y
        fine"#]].assert_eq(&faults(ODD, Layer::Bare));
    expect_test::expect![[r#"
        The parameter cannot be converted to a numeric value
        One or more parameter values were invalid: Input collection [b, a, b] contains duplicates.
        One or more parameter values were invalid: Input collection [/w==, AA==, AA==]of type BS contains duplicates.
        Input collection contains duplicates"#]]
    .assert_eq(&faults(
        &["{'N':''}", "{'SS':['b','a','b']}", "{'BS':['/w==','AA==','AA==']}", "{'NS':['1','1']}"],
        Layer::Older,
    ));
}

#[test]
fn nesting_is_allowed_to_32_levels_and_no_depth_overflows_the_stack() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{}{{\"S\":\"leaf\"}}{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("{\"M\":{\"n\":", "}}"), ("{\"L\":[", "]}")] {
        assert_eq!(faults(&[&nested(32, open, close)], Layer::Bare), "fine");
        for depth in [33, 40, 100, 100_000] {
            let said = faults(&[&nested(depth, open, close)], Layer::Bare);
            assert!(said.starts_with("Nesting Levels have exceeded supported limits"), "{depth}: {said}");
        }
    }
}

#[test]
fn a_repeated_name_counts_once_and_the_last_one_counts() {
    let body = br#"{"a":{"S":"1"},"b":{"N":"2"},"a":{"S":"3"}}"#;
    let attributes: Attributes = json::decode(body).expect("an item");
    let mut out = Vec::new();
    json::item(&mut out, &attributes.item);
    assert_eq!(String::from_utf8(out).expect("UTF-8"), r#"{"a":{"S":"3"},"b":{"N":"2"}}"#);
}

fn value() -> impl Strategy<Value = Value> {
    let number = (any::<i64>(), -60i32..60)
        .prop_map(|(digits, exponent)| Number::parse(&format!("{digits}e{exponent}")).expect("a number in range"));
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::S),
        "[a-z]{0,40}[\"\\\\\n\t]?[a-zé]{0,40}".prop_map(Value::S),
        number.clone().prop_map(Value::N),
        any::<Vec<u8>>().prop_map(Value::B),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        proptest::collection::btree_set(any::<String>(), 1..4).prop_map(Value::Ss),
        proptest::collection::btree_set(number, 1..4).prop_map(Value::Ns),
        proptest::collection::btree_set(any::<Vec<u8>>(), 1..4).prop_map(Value::Bs),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::L),
            proptest::collection::btree_map("\\PC+", inner, 0..4).prop_map(|map| Value::M(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(values in proptest::collection::btree_map("\\PC+", value(), 0..5)) {
        let before: Item = values.into_iter().collect();
        let mut out = Vec::new();
        json::item(&mut out, &before);
        let parsed: serde_json::Value = serde_json::from_slice(&out).expect("JSON for everybody");
        prop_assert_eq!(parsed.as_object().map(|object| object.len()), Some(before.len()));
        let (mut image, mut from_image) = (Vec::new(), Vec::new());
        codec::encode(&before, &mut image);
        prop_assert_eq!(json::image(&mut from_image, &image), Ok(()));
        prop_assert_eq!(&from_image, &out);
        let after: Attributes = json::decode(&out).expect("our own JSON");
        prop_assert_eq!(after.fault, None);
        prop_assert_eq!(after.item, before);
    }

    #[test]
    fn no_body_makes_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::decode::<Attributes>(&bytes);
    }
}
