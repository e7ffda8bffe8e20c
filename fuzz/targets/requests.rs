//! Requests of every operation through the route table: each is answered, none with an internal error, and the database
//! adds up afterwards. An input is lines of an operation and its body: `PutItem {"TableName":"votes",...}`.

#![no_main]

use fuzz::House;
use libfuzzer_sys::fuzz_target;

/// A table with a stream, a global index and an item, and one with a sort key and a local index, as the seeds know them.
const FURNITURE: [(&str, &str); 3] = [
    (
        "CreateTable",
        r#"{"TableName":"votes","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},
                {"AttributeName":"region","AttributeType":"S"}],
            "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
            "GlobalSecondaryIndexes":[{"IndexName":"by-region","Projection":{"ProjectionType":"ALL"},
                "KeySchema":[{"AttributeName":"region","KeyType":"HASH"}]}],
            "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}"#,
    ),
    (
        "CreateTable",
        r#"{"TableName":"totals","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{"AttributeName":"region","AttributeType":"S"},
                {"AttributeName":"rank","AttributeType":"N"},{"AttributeName":"n","AttributeType":"N"}],
            "KeySchema":[{"AttributeName":"region","KeyType":"HASH"},{"AttributeName":"rank","KeyType":"RANGE"}],
            "LocalSecondaryIndexes":[{"IndexName":"by-n","Projection":{"ProjectionType":"KEYS_ONLY"},
                "KeySchema":[{"AttributeName":"region","KeyType":"HASH"},{"AttributeName":"n","KeyType":"RANGE"}]}]}"#,
    ),
    ("PutItem", r#"{"TableName":"votes","Item":{"id":{"S":"1"},"region":{"S":"SOUTH"},"n":{"N":"1"}}}"#),
];

/// Requests of one input; what follows is left out, so that no input is slow for its length alone.
const REQUESTS_MAX: usize = 12;

fuzz_target!(|data: &[u8]| {
    let house = House::new(Vec::new());
    for (operation, body) in FURNITURE {
        assert!(house.ask(operation, body.as_bytes()).is_some_and(|answer| answer.status == 200));
    }
    for line in data.split(|byte| *byte == b'\n').take(REQUESTS_MAX) {
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (operation, body) = line.split_at(space);
        let Ok(operation) = std::str::from_utf8(operation) else { continue };
        let Some(answer) = house.ask(operation, body.get(1..).unwrap_or_default()) else { continue };
        let text = String::from_utf8_lossy(&answer.body);
        assert!(matches!(answer.status, 200 | 400), "{operation}: {} {text}", answer.status);
        let object = serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok_and(|body| body.is_object());
        assert!(object || answer.body.is_empty() && answer.status == 200, "{operation}: no object: {text}");
    }
    house.check();
});
