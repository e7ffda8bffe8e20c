//! ListStreams, DescribeStream, GetShardIterator, GetRecords.

use super::*;
use serde_json::Value as Json;

const HOUR_MS: i64 = 60 * 60 * 1000;

fn streamed(view_type: &str) -> House {
    let house = House::new();
    let stream = format!(r#"{{"StreamSpecification":{{"StreamEnabled":true,"StreamViewType":"{view_type}"}},"#);
    house.ok("CreateTable", &VOTES.replacen('{', &stream, 1));
    house
}

fn put(house: &House, id: &str, region: &str) {
    let body = format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"{id}"}},"region":{{"S":"{region}"}}}}}}"#);
    house.ok("PutItem", &body);
}

fn arn(house: &House) -> String {
    house.json("DescribeTable", r#"{"TableName":"votes"}"#)["Table"]["LatestStreamArn"].as_str().expect("an ARN").into()
}

fn describe(house: &House, arn: &str) -> Json {
    house.json("DescribeStream", &format!(r#"{{"StreamArn":"{arn}"}}"#))["StreamDescription"].take()
}

fn ask_iterator(house: &House, arn: &str, rest: &str) -> String {
    let shard = describe(house, arn)["Shards"][0]["ShardId"].clone();
    house.ask("GetShardIterator", &format!(r#"{{"StreamArn":"{arn}","ShardId":{shard},{rest}}}"#))
}

fn iterator(house: &House, arn: &str, kind: &str) -> String {
    let answer = ask_iterator(house, arn, &format!(r#""ShardIteratorType":"{kind}""#));
    let answer: Json = serde_json::from_str(&answer).expect("an iterator");
    answer["ShardIterator"].as_str().expect("an iterator").to_string()
}

fn records(house: &House, iterator: &str) -> (Vec<Json>, Option<String>) {
    let page = house.json("GetRecords", &format!(r#"{{"ShardIterator":"{iterator}"}}"#));
    let next = page.get("NextShardIterator").map(|next| next.as_str().expect("an iterator").to_string());
    (page["Records"].as_array().expect("records").clone(), next)
}

/// `INSERT 1`.
fn short(records: &[Json]) -> Vec<String> {
    let text = |value: &Json| value.as_str().unwrap_or("?").to_string();
    records
        .iter()
        .map(|one| format!("{} {}", text(&one["eventName"]), text(&one["dynamodb"]["Keys"]["id"]["S"])))
        .collect()
}

#[test]
fn a_stream_shows_what_happened_to_items() {
    let house = streamed("NEW_AND_OLD_IMAGES");
    let arn = arn(&house);
    assert_eq!(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-11-14T22:13:20.000");
    let latest = iterator(&house, &arn, "LATEST");
    put(&house, "1", "SOUTH");
    put(&house, "1", "SOUTH");
    put(&house, "1", "NORTH");
    house.ok("DeleteItem", r#"{"TableName":"votes","Key":{"id":{"S":"1"}}}"#);
    let (found, next) = records(&house, &iterator(&house, &arn, "TRIM_HORIZON"));
    let lines: Vec<String> = found.iter().map(Json::to_string).collect();
    expect_test::expect![[r#"
        {"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"},"region":{"S":"SOUTH"}},"SequenceNumber":"100000000000000000000002","SizeBytes":17,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"33e963ea8be2dc6c61c58e83b040fa61","eventName":"INSERT","eventSource":"aws:dynamodb","eventVersion":"1.1"}
        {"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"},"region":{"S":"NORTH"}},"OldImage":{"id":{"S":"1"},"region":{"S":"SOUTH"}},"SequenceNumber":"100000000000000000000003","SizeBytes":31,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"04586ae24a8284211faff4b50f6558cc","eventName":"MODIFY","eventSource":"aws:dynamodb","eventVersion":"1.1"}
        {"awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"id":{"S":"1"}},"OldImage":{"id":{"S":"1"},"region":{"S":"NORTH"}},"SequenceNumber":"100000000000000000000004","SizeBytes":17,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventID":"9dcf023e80f55103d5bcfdb8b2dbbf49","eventName":"REMOVE","eventSource":"aws:dynamodb","eventVersion":"1.1"}"#]].assert_eq(&lines.join("\n"));
    assert_eq!(records(&house, &latest).0, found, "records have the same ids whenever they are read");
    let next = next.expect("an open shard goes on");
    assert_eq!(records(&house, &next).0, Vec::<Json>::new());
    put(&house, "2", "EAST");
    assert_eq!(short(&records(&house, &next).0), ["INSERT 2"]);
}

#[test]
fn view_types_show_the_images_they_name() {
    for (view_type, expected) in
        [("KEYS_ONLY", (false, false, 3)), ("NEW_IMAGE", (true, false, 17)), ("OLD_IMAGE", (false, true, 17))]
    {
        let house = streamed(view_type);
        put(&house, "1", "SOUTH");
        put(&house, "1", "NORTH");
        let (found, _) = records(&house, &iterator(&house, &arn(&house), "TRIM_HORIZON"));
        let body = &found[1]["dynamodb"];
        let shown = (body.get("NewImage").is_some(), body.get("OldImage").is_some(), body["SizeBytes"].as_u64());
        assert_eq!(shown, (expected.0, expected.1, Some(expected.2)), "{view_type}");
        assert_eq!(body["StreamViewType"], view_type);
    }
}

#[test]
fn iterators_start_where_they_are_told() {
    let house = streamed("NEW_IMAGE");
    let arn = arn(&house);
    for id in ["1", "2", "3"] {
        put(&house, id, "SOUTH");
        house.world.advance_ms(10_000);
    }
    let (found, _) = records(&house, &iterator(&house, &arn, "TRIM_HORIZON"));
    let second = found[1]["dynamodb"]["SequenceNumber"].as_str().expect("a number").to_string();
    let read = |rest: &str| {
        let answer: Json = serde_json::from_str(&ask_iterator(&house, &arn, rest)).expect("an iterator");
        short(&records(&house, answer["ShardIterator"].as_str().expect("an iterator")).0)
    };
    let at = |kind: &str| read(&format!(r#""ShardIteratorType":"{kind}","SequenceNumber":"{second}""#));
    assert_eq!(at("AT_SEQUENCE_NUMBER"), ["INSERT 2", "INSERT 3"]);
    assert_eq!(at("AFTER_SEQUENCE_NUMBER"), ["INSERT 3"]);
    let time = |seconds: f64| read(&format!(r#""ShardIteratorType":"AT_TIMESTAMP","Timestamp":{seconds}"#));
    assert_eq!(time(1_700_000_010.0), ["INSERT 2", "INSERT 3"]);
    assert_eq!(time(1_700_000_010.001), ["INSERT 3"]);
    assert_eq!(time(5.0).len(), 3);
    let refused: Vec<String> = [
        r#""ShardIteratorType":"AT_TIMESTAMP","Timestamp":1900000000"#,
        r#""ShardIteratorType":"AT_TIMESTAMP""#,
        r#""ShardIteratorType":"AT_SEQUENCE_NUMBER""#,
        r#""ShardIteratorType":"AT_SEQUENCE_NUMBER","SequenceNumber":"123456789012345678901""#,
        r#""ShardIteratorType":"AT_SEQUENCE_NUMBER","SequenceNumber":"100000000000000000000000""#,
        r#""ShardIteratorType":"SOMEWHERE""#,
    ]
    .map(|rest| ask_iterator(&house, &arn, rest))
    .into();
    expect_test::expect![[r#"
        400 ValidationException: Timestamp is in the future
        400 ValidationException: One or more parameter values were invalid: Timestamp must be provided when ShardIteratorType is AT_TIMESTAMP
        400 ValidationException: One or more parameter values were invalid: SequenceNumber must be provided when ShardIteratorType is AT_SEQUENCE_NUMBER
        400 ValidationException: Invalid SequenceNumber: 123456789012345678901
        400 TrimmedDataAccessException: The operation attempted to read past the oldest stream record in a shard. Try again with TRIM_HORIZON
        400 ValidationException: 1 validation error detected: Value 'SOMEWHERE' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_SEQUENCE_NUMBER, AT_TIMESTAMP, TRIM_HORIZON]"#]].assert_eq(&refused.join("\n"));
}

#[test]
fn long_shards_are_read_in_pages_without_gaps() {
    let house = streamed("NEW_IMAGE");
    let ids: Vec<String> = (0..300).map(|id| id.to_string()).collect();
    ids.iter().for_each(|id| put(&house, id, "SOUTH"));
    let arn = arn(&house);
    let oldest = iterator(&house, &arn, "TRIM_HORIZON");
    assert_eq!(records(&house, &oldest).0.len(), 300);
    let mut seen = Vec::new();
    let mut next = oldest;
    for _ in 0..50 {
        let page = house.json("GetRecords", &format!(r#"{{"ShardIterator":"{next}","Limit":7}}"#));
        let found = page["Records"].as_array().expect("records");
        assert!(found.len() <= 7);
        seen.extend(short(found));
        next = page["NextShardIterator"].as_str().expect("an open shard").to_string();
    }
    assert_eq!(seen, ids.iter().map(|id| format!("INSERT {id}")).collect::<Vec<_>>());
}

#[test]
fn a_closed_stream_ends_and_another_begins() {
    let house = streamed("NEW_IMAGE");
    put(&house, "1", "SOUTH");
    let first = arn(&house);
    house.world.advance_ms(1000);
    house.ok("UpdateTable", r#"{"TableName":"votes","StreamSpecification":{"StreamEnabled":false}}"#);
    put(&house, "2", "SOUTH");
    let on = r#"{"TableName":"votes","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}"#;
    house.ok("UpdateTable", on);
    put(&house, "3", "SOUTH");
    let (found, next) = records(&house, &iterator(&house, &first, "TRIM_HORIZON"));
    assert_eq!((short(&found), next), (vec!["INSERT 1".to_string()], None), "a closed shard has an end");
    let described = describe(&house, &first);
    assert_eq!(described["StreamStatus"], "DISABLED");
    assert!(described["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    let second = arn(&house);
    assert_ne!(first, second);
    assert_eq!(short(&records(&house, &iterator(&house, &second, "TRIM_HORIZON")).0), ["INSERT 3"]);
    let listed = house.ok("ListStreams", r#"{"TableName":"votes"}"#);
    assert!(listed.find(&first) < listed.find(&second), "{listed}");
    house.ok("DeleteTable", r#"{"TableName":"votes"}"#);
    assert_eq!(short(&records(&house, &iterator(&house, &second, "TRIM_HORIZON")).0), ["INSERT 3"]);
}

#[test]
fn what_is_older_than_the_retention_is_not_shown() {
    let house = streamed("NEW_IMAGE");
    let arn = arn(&house);
    put(&house, "old", "SOUTH");
    let (found, _) = records(&house, &iterator(&house, &arn, "TRIM_HORIZON"));
    let number = found[0]["dynamodb"]["SequenceNumber"].as_str().expect("a number").to_string();
    house.world.advance_ms(25 * HOUR_MS);
    put(&house, "new", "SOUTH");
    assert_eq!(short(&records(&house, &iterator(&house, &arn, "TRIM_HORIZON")).0), ["INSERT new"]);
    let old =
        ask_iterator(&house, &arn, &format!(r#""ShardIteratorType":"AT_SEQUENCE_NUMBER","SequenceNumber":"{number}""#));
    assert!(old.starts_with("400 TrimmedDataAccessException"), "{old}");
}

#[test]
fn an_iterator_expires_after_15_minutes() {
    let house = streamed("NEW_IMAGE");
    let latest = iterator(&house, &arn(&house), "LATEST");
    let body = format!(r#"{{"ShardIterator":"{latest}"}}"#);
    house.world.advance_ms(15 * 60 * 1000);
    house.ok("GetRecords", &body);
    house.world.advance_ms(1);
    assert!(house.ask("GetRecords", &body).starts_with("400 ExpiredIteratorException"));
}

#[test]
fn shards_are_described_in_pages() {
    let house = House::new();
    let key =
        item::KeySchema { partition: item::KeyAttribute { name: "id".into(), kind: item::KeyKind::S }, sort: None };
    let mut spec = db::TableSpec::new("votes", key);
    spec.shards = 5;
    spec.stream = Some(db::StreamViewType::KeysOnly);
    house.db.create_table(spec).wait().expect("a table");
    let arn = arn(&house);
    let (mut ids, mut start) = (Vec::new(), String::new());
    loop {
        let body = format!(r#"{{"StreamArn":"{arn}","Limit":2{start}}}"#);
        let page = house.json("DescribeStream", &body)["StreamDescription"].take();
        ids.extend(page["Shards"].as_array().expect("shards").iter().map(|shard| shard["ShardId"].to_string()));
        match page.get("LastEvaluatedShardId") {
            Some(last) => start = format!(r#","ExclusiveStartShardId":{last}"#),
            None => break,
        }
    }
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 5);
    let children = format!(r#"{{"StreamArn":"{arn}","ShardFilter":{{"Type":"CHILD_SHARDS","ShardId":{}}}}}"#, ids[0]);
    assert_eq!(house.json("DescribeStream", &children)["StreamDescription"]["Shards"], serde_json::json!([]));
    (0..40).for_each(|id| put(&house, &id.to_string(), "SOUTH"));
    let mut seen = Vec::new();
    for id in ids {
        let body = format!(r#"{{"StreamArn":"{arn}","ShardId":{id},"ShardIteratorType":"TRIM_HORIZON"}}"#);
        let iterator =
            house.json("GetShardIterator", &body)["ShardIterator"].as_str().expect("an iterator").to_string();
        let found = short(&records(&house, &iterator).0);
        assert!(found.len() < 40, "changes are spread over the shards");
        seen.extend(found);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 40);
}

#[test]
fn streams_that_are_not_there_are_not_found() {
    let house = streamed("NEW_IMAGE");
    let other = arn(&house).replace("votes", "vote2");
    house.replay(
        "DescribeStream",
        &[&format!("{{'StreamArn':'{other}'}}"), "{}", "{'StreamArn':'x','Limit':0}"],
        expect_test::expect![[r#"
            400 ResourceNotFoundException: Requested resource not found: Stream: arn:aws:dynamodb:us-east-1:000000000000:table/vote2/stream/2023-11-14T22:13:20.000 not found
            400 ValidationException: 1 validation error detected: Value null at 'streamArn' failed to satisfy constraint: Member must not be null
            400 ValidationException: 2 validation errors detected: Value 'x' at 'streamArn' failed to satisfy constraint: Member must have length greater than or equal to 37; Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"#]],
    );
    house.replay(
        "GetRecords",
        &["{}", "{'ShardIterator':'x'}", "{'ShardIterator':'x','Limit':1001}"],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'shardIterator' failed to satisfy constraint: Member must not be null
            400 ValidationException: Invalid ShardIterator
            400 ValidationException: 1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"#]],
    );
}
