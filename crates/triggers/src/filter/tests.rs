//! Patterns and what they match, as tables.

use super::*;

/// A record as it stands in an event, with what patterns ask about.
const RECORD: &str = r#"{
    "eventName": "INSERT", "count": 300, "ratio": 0.5, "nothing": null, "flag": true, "empty": "", "none": [],
    "tags": ["red", "Blue"],
    "dynamodb": {
        "Keys": {"id": {"S": "v1"}},
        "NewImage": {"id": {"S": "v1"}, "n": {"N": "101"}, "list": {"L": [{"S": "a"}, {"S": "b"}]}},
        "SizeBytes": 46
    }
}"#;

fn matches(pattern: &str) -> bool {
    let filters = Filters::parse(&[pattern.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    filters.matches(RECORD.as_bytes())
}

#[test]
fn patterns_match_as_documented() {
    let cases = [
        (r#"{}"#, true),
        (r#"{"eventName":["INSERT"]}"#, true),
        (r#"{"eventName":["MODIFY","INSERT"]}"#, true),
        (r#"{"eventName":["insert"]}"#, false),
        (r#"{"eventName":["INSERT"],"flag":[false]}"#, false),
        (r#"{"eventName":[{"equals-ignore-case":"insert"}]}"#, true),
        (r#"{"eventName":[{"prefix":"INS"}]}"#, true),
        (r#"{"eventName":[{"prefix":"ins"}]}"#, false),
        (r#"{"eventName":[{"prefix":{"equals-ignore-case":"ins"}}]}"#, true),
        (r#"{"eventName":[{"suffix":"ERT"}]}"#, true),
        (r#"{"eventName":[{"suffix":"INS"}]}"#, false),
        (r#"{"eventName":[{"anything-but":"REMOVE"}]}"#, true),
        (r#"{"eventName":[{"anything-but":["REMOVE","INSERT"]}]}"#, false),
        (r#"{"eventName":[{"anything-but":{"prefix":"INS"}}]}"#, false),
        (r#"{"eventName":[{"anything-but":{"suffix":["X","Y"]}}]}"#, true),
        (r#"{"missing":[{"anything-but":"x"}]}"#, false),
        // Numbers are compared as they are written.
        (r#"{"count":[300]}"#, true),
        (r#"{"count":[300.0]}"#, false),
        (r#"{"count":[{"numeric":["=",300.0]}]}"#, true),
        (r#"{"count":[{"numeric":[">",299,"<=",300]}]}"#, true),
        (r#"{"count":[{"numeric":[">",300]}]}"#, false),
        (r#"{"count":[{"numeric":["<",300]}]}"#, false),
        (r#"{"count":[{"numeric":[">=",300]}]}"#, true),
        (r#"{"count":[{"anything-but":[300,301]}]}"#, false),
        (r#"{"dynamodb":{"SizeBytes":[46]}}"#, true),
        // What DynamoDB calls a number is a text.
        (r#"{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":["=",101]}]}}}}"#, false),
        (r#"{"dynamodb":{"NewImage":{"n":{"N":["101"]}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"n":{"N":[{"anything-but":["100"]}]}}}}"#, true),
        // Null, empty and absent are three things.
        (r#"{"nothing":[null]}"#, true),
        (r#"{"missing":[null]}"#, false),
        (r#"{"empty":[""]}"#, true),
        (r#"{"nothing":[""]}"#, false),
        (r#"{"nothing":[{"exists":true}]}"#, true),
        (r#"{"missing":[{"exists":true}]}"#, false),
        (r#"{"missing":[{"exists":false}]}"#, true),
        (r#"{"missing":{"deeper":[{"exists":false}]}}"#, true),
        (r#"{"eventName":{"deeper":["x"]}}"#, false),
        // Only leaves exist.
        (r#"{"dynamodb":[{"exists":true}]}"#, false),
        (r#"{"dynamodb":{"OldImage":{"id":{"S":[{"exists":false}]}}}}"#, true),
        (r#"{"none":[{"exists":true}]}"#, false),
        // Lists match by one of their elements.
        (r#"{"tags":["red"]}"#, true),
        (r#"{"tags":[{"anything-but":"red"}]}"#, true),
        (r#"{"dynamodb":{"NewImage":{"list":{"L":{"S":["b"]}}}}}"#, true),
        (r#"{"dynamodb":{"NewImage":{"list":{"L":{"S":["c"]}}}}}"#, false),
        (r#"{"$or":[{"eventName":["REMOVE"]},{"count":[300]}]}"#, true),
        (r#"{"$or":[{"eventName":["REMOVE"]},{"count":[301]}]}"#, false),
        (r#"{"flag":[false],"$or":[{"eventName":["INSERT"]},{"count":[301]}]}"#, false),
        (r#"{"dynamodb":{"$or":[{"SizeBytes":[1]},{"Keys":{"id":{"S":["v1"]}}}]}}"#, true),
    ];
    for (pattern, expected) in cases {
        assert_eq!(matches(pattern), expected, "{pattern}");
    }
}

#[test]
fn a_record_is_wanted_that_matches_one_of_the_patterns_and_any_where_there_is_none() {
    let filters = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Filters::parse(&patterns).expect("patterns").matches(RECORD.as_bytes())
    };
    assert!(filters(&[]));
    assert!(filters(&[r#"{"eventName":["REMOVE"]}"#, r#"{"eventName":["INSERT"]}"#]));
    assert!(!filters(&[r#"{"eventName":["REMOVE"]}"#, r#"{"eventName":["MODIFY"]}"#]));
}

#[test]
fn what_is_no_pattern_is_refused_with_the_reason() {
    let check = |pattern: &str, expected: &str| {
        let error = Filters::parse(&[pattern.to_owned()]).map(|_| ()).expect_err(pattern);
        let Error::InvalidFilter { why, .. } = &error else { panic!("{error}") };
        assert_eq!(why, expected, "{pattern}");
    };
    check("single-string", "it is not JSON: expected value at line 1 column 1");
    check("[]", "it must be an object, not []");
    check(r#"{"eventName":"INSERT"}"#, r#"field eventName must have a list or an object, not "INSERT""#);
    check(r#"{"eventName":[]}"#, "field eventName has an empty list");
    check(r#"{"eventName":{}}"#, "field eventName has an empty object");
    check(r#"{"eventName":[["INSERT"]]}"#, r#"field eventName: a list holds values and tests, not ["INSERT"]"#);
    check(r#"{"eventName":[{"like":"a"}]}"#, "field eventName: there is no operator like");
    check(r#"{"eventName":[{"prefix":"a","suffix":"b"}]}"#, "field eventName: a test has one operator, not 2");
    check(r#"{"eventName":[{"prefix":1}]}"#, "field eventName: prefix cannot take 1");
    check(r#"{"eventName":[{"exists":"yes"}]}"#, r#"field eventName: exists cannot take "yes""#);
    check(r#"{"n":[{"numeric":["<",1,">",0]}]}"#, r#"field n: numeric cannot take ["<",1,">",0]"#);
    check(r#"{"n":[{"numeric":["=","1"]}]}"#, r#"field n: numeric cannot take ["=","1"]"#);
    check(r#"{"n":[{"anything-but":[1,"a"]}]}"#, r#"field n: anything-but cannot take [1,"a"]"#);
    check(r#"{"$or":[{"a":[1]}]}"#, "$or takes a list of at least two patterns");
    let long = format!(r#"{{"a":["{}"]}}"#, "x".repeat(4096));
    check(&long, "it has 4106 characters, more than 4096");
    let many = vec!["{}".to_owned(); 11];
    assert!(matches!(Filters::parse(&many), Err(Error::Invalid(_))));
}
