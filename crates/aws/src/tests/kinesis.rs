//! Kinesis: streams come and go, records are put and read, and what cannot be is refused in AWS's words.

use super::*;
use crate::Access;
use expect_test::expect;
use item::Origin;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The iterator of a shard; `more` begins with a comma.
fn iterator(house: &House, stream: &str, shard: u16, kind: &str, more: &str) -> String {
    let body =
        format!("{{'StreamName':'{stream}','ShardId':'shardId-{shard:012}','ShardIteratorType':'{kind}'{more}}}");
    let answer = house.kinesis("GetShardIterator", &body);
    json(&answer)["ShardIterator"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn records(house: &House, iterator: &str, more: &str) -> serde_json::Value {
    json(&house.kinesis("GetRecords", &format!("{{'ShardIterator':'{iterator}'{more}}}")))
}

/// The data of an answer, as it is sent.
fn data(page: &serde_json::Value) -> String {
    let records = page["Records"].as_array().expect("records");
    records.iter().map(|record| record["Data"].as_str().expect("data")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_stream_is_created_described_listed_and_deleted() {
    let house = House::new();
    house.replay_kinesis(
        &[
            ("CreateStream", "{'StreamName':'orders','ShardCount':2,'Tags':{'team':'a'}}"),
            ("CreateStream", "{'StreamName':'orders','ShardCount':2}"),
            (
                "CreateStream",
                "{'StreamName':'clicks','StreamModeDetails':{'StreamMode':'ON_DEMAND'},'MaxRecordSizeInKiB':10240}",
            ),
            ("DescribeStream", "{'StreamName':'orders','StreamId':'12345678901234567890-123'}"),
            ("DescribeStream", "{'StreamName':'orders','Limit':1}"),
            ("DescribeStream", "{'StreamName':'orders','ExclusiveStartShardId':'shardId-000000000000','Limit':1}"),
            ("DescribeStreamSummary", "{'StreamARN':'arn:aws:kinesis:us-east-1:000000000000:stream/clicks'}"),
            ("ListTagsForStream", "{'StreamName':'orders'}"),
            ("ListStreams", "{}"),
            ("ListStreams", "{'Limit':1}"),
            ("ListStreams", "{'Limit':1,'NextToken':'Y2xpY2tz'}"),
            ("ListStreams", "{'ExclusiveStartStreamName':'orders'}"),
            ("DescribeLimits", "{}"),
            ("DeleteStream", "{'StreamName':'clicks','EnforceConsumerDeletion':true}"),
            ("DescribeStreamSummary", "{'StreamName':'clicks'}"),
            ("DeleteStream", "{'StreamName':'clicks'}"),
        ],
        expect![[r#"

            400 {"__type":"ResourceInUseException","message":"Stream orders under account 000000000000 already exists."}

            {"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"RetentionPeriodHours":24,"StreamCreationTimestamp":1700000000.000,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"170141183460469231731687303715884105727"},"SequenceNumberRange":{"StartingSequenceNumber":"100000000000000000000001"}},{"ShardId":"shardId-000000000001","HashKeyRange":{"StartingHashKey":"170141183460469231731687303715884105728","EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"100000000000000000000001"}}],"HasMoreShards":false}}
            {"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"RetentionPeriodHours":24,"StreamCreationTimestamp":1700000000.000,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","Shards":[{"ShardId":"shardId-000000000000","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"170141183460469231731687303715884105727"},"SequenceNumberRange":{"StartingSequenceNumber":"100000000000000000000001"}}],"HasMoreShards":true}}
            {"StreamDescription":{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"RetentionPeriodHours":24,"StreamCreationTimestamp":1700000000.000,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","Shards":[{"ShardId":"shardId-000000000001","HashKeyRange":{"StartingHashKey":"170141183460469231731687303715884105728","EndingHashKey":"340282366920938463463374607431768211455"},"SequenceNumberRange":{"StartingSequenceNumber":"100000000000000000000001"}}],"HasMoreShards":false}}
            {"StreamDescriptionSummary":{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RetentionPeriodHours":24,"StreamCreationTimestamp":1700000000.000,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","OpenShardCount":4,"ConsumerCount":0,"MaxRecordSizeInKiB":10240}}
            {"Tags":[{"Key":"team","Value":"a"}],"HasMoreTags":false}
            {"StreamNames":["clicks","orders"],"HasMoreStreams":false,"StreamSummaries":[{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1700000000.000},{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"StreamCreationTimestamp":1700000000.000}]}
            {"StreamNames":["clicks"],"HasMoreStreams":true,"NextToken":"Y2xpY2tz","StreamSummaries":[{"StreamName":"clicks","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/clicks","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"StreamCreationTimestamp":1700000000.000}]}
            {"StreamNames":["orders"],"HasMoreStreams":false,"StreamSummaries":[{"StreamName":"orders","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"PROVISIONED"},"StreamCreationTimestamp":1700000000.000}]}
            {"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}
            {"ShardLimit":1000,"OpenShardCount":6,"OnDemandStreamCount":1,"OnDemandStreamCountLimit":250}

            400 {"__type":"ResourceNotFoundException","message":"Stream clicks under account 000000000000 not found."}
            400 {"__type":"ResourceNotFoundException","message":"Stream clicks under account 000000000000 not found."}"#]],
    );
}

#[test]
fn shards_are_listed_in_pages_and_after_a_shard() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':3}");
    let ids = |answer: &str| {
        let answer = json(answer);
        let shards = answer["Shards"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        let ids: Vec<String> =
            shards.iter().map(|shard| shard["ShardId"].as_str().expect("an id")[19..].to_owned()).collect();
        (ids.join(" "), answer["NextToken"].as_str().map(str::to_owned))
    };
    let list = |more: &str| ids(&house.kinesis("ListShards", &format!("{{'StreamName':'s'{more}}}")));
    assert_eq!(list(""), ("0 1 2".into(), None));
    let (first, token) = list(",'MaxResults':2");
    assert_eq!(first, "0 1");
    let token = token.expect("there is more");
    let (rest, end) = ids(&house.kinesis("ListShards", &format!("{{'NextToken':'{token}','MaxResults':2}}")));
    assert_eq!((rest.as_str(), end), ("2", None));
    assert_eq!(list(",'ExclusiveStartShardId':'shardId-000000000001'").0, "2");
    assert_eq!(list(",'ShardFilter':{'Type':'AFTER_SHARD_ID','ShardId':'shardId-000000000000'}").0, "1 2");
    for kind in ["AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST"] {
        assert_eq!(list(&format!(",'ShardFilter':{{'Type':'{kind}'}}")).0, "0 1 2", "{kind}");
    }
    assert_eq!(list(",'ShardFilter':{'Type':'AT_TIMESTAMP','Timestamp':1700000000}").0, "0 1 2");
    assert_eq!(list(",'StreamCreationTimestamp':1700000000").0, "0 1 2");
    house.world.advance_ms(5 * 60 * 1000 + 1);
    house.replay_kinesis(
        &[
            ("ListShards", "{'StreamName':'s','StreamCreationTimestamp':1600000000}"),
            ("ListShards", &format!("{{'NextToken':'{token}'}}")),
            ("ListShards", &format!("{{'NextToken':'{token}','StreamName':'s'}}")),
            ("ListShards", "{'NextToken':'x'}"),
            ("ListShards", "{}"),
            ("ListShards", "{'StreamName':'s','ShardFilter':{'Type':'AFTER_SHARD_ID'}}"),
            ("ListShards", "{'StreamName':'s','ShardFilter':{'Type':'AT_TIMESTAMP'}}"),
            ("ListShards", "{'StreamName':'s','ShardFilter':{'Type':'NEAR'}}"),
            ("ListShards", "{'StreamName':'s','ExclusiveStartShardId':'shardId-000000000003'}"),
        ],
        expect![[r#"
            400 {"__type":"ResourceNotFoundException","message":"Stream s under account 000000000000 not found."}
            400 {"__type":"ExpiredNextTokenException","message":"The NextToken is more than 300 seconds old."}
            400 {"__type":"InvalidArgumentException","message":"NextToken and StreamName cannot be provided together."}
            400 {"__type":"InvalidArgumentException","message":"Invalid NextToken."}
            400 {"__type":"InvalidArgumentException","message":"When invoking this API, you must use either the StreamARN or the StreamName parameter, or both."}
            400 {"__type":"InvalidArgumentException","message":"ShardFilter of type AFTER_SHARD_ID needs a ShardId."}
            400 {"__type":"InvalidArgumentException","message":"ShardFilter of type AT_TIMESTAMP needs a Timestamp."}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value 'NEAR' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]"}
            400 {"__type":"ResourceNotFoundException","message":"Shard shardId-000000000003 in stream s under account 000000000000 does not exist"}"#]],
    );
}

#[test]
fn records_are_put_and_read_from_wherever_a_reader_asks() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':2}");
    let before = iterator(&house, "s", 1, "LATEST", "");
    house.replay_kinesis(
        &[
            ("PutRecord", "{'StreamName':'s','PartitionKey':'a','Data':'MQ=='}"),
            ("PutRecord", "{'StreamARN':'arn:aws:kinesis:us-east-1:000000000000:stream/s','PartitionKey':'a','Data':'Mg==','ExplicitHashKey':'340282366920938463463374607431768211455','SequenceNumberForOrdering':'100000000000000000000002'}"),
            ("PutRecords", "{'StreamName':'s','Records':[{'PartitionKey':'a','Data':'Mw=='},{'PartitionKey':'b','Data':''},{'PartitionKey':'c','Data':'NA==','ExplicitHashKey':'0'}]}"),
        ],
        expect![[r#"
            {"ShardId":"shardId-000000000000","SequenceNumber":"100000000000000000000002"}
            {"ShardId":"shardId-000000000001","SequenceNumber":"100000000000000000000003"}
            {"FailedRecordCount":0,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"100000000000000000000004"},{"ShardId":"shardId-000000000001","SequenceNumber":"100000000000000000000005"},{"ShardId":"shardId-000000000000","SequenceNumber":"100000000000000000000006"}]}"#]],
    );
    house.world.advance_ms(1500);
    assert_eq!(data(&records(&house, &before, "")), "Mg== ");
    let horizon = iterator(&house, "s", 0, "TRIM_HORIZON", "");
    let page = house.kinesis("GetRecords", &format!("{{'ShardIterator':'{horizon}','Limit':2}}"));
    let next = json(&page)["NextShardIterator"].as_str().expect("an iterator").to_owned();
    expect![[r#"{"Records":[{"SequenceNumber":"100000000000000000000002","ApproximateArrivalTimestamp":1700000000.000,"Data":"MQ==","PartitionKey":"a"},{"SequenceNumber":"100000000000000000000004","ApproximateArrivalTimestamp":1700000000.000,"Data":"Mw==","PartitionKey":"a"}],"NextShardIterator":"NEXT","MillisBehindLatest":1500}"#]].assert_eq(&page.replace(&next, "NEXT"));
    let page = records(&house, &next, ",'StreamARN':'arn:aws:kinesis:us-east-1:000000000000:stream/s'");
    assert_eq!((data(&page).as_str(), &page["MillisBehindLatest"]), ("NA==", &0.into()));
    let next = page["NextShardIterator"].as_str().expect("an iterator");
    assert_eq!(data(&records(&house, next, "")), "");
    let first = ",'StartingSequenceNumber':'100000000000000000000002'";
    for (kind, more, expected) in [
        ("AT_SEQUENCE_NUMBER", first, "MQ== Mw== NA=="),
        ("AFTER_SEQUENCE_NUMBER", first, "Mw== NA=="),
        ("AT_TIMESTAMP", ",'Timestamp':1700000000", "MQ== Mw== NA=="),
        ("AT_TIMESTAMP", ",'Timestamp':1700000000.001", ""),
        ("LATEST", "", ""),
    ] {
        assert_eq!(data(&records(&house, &iterator(&house, "s", 0, kind, more), "")), expected, "{kind} {more}");
    }
}

#[test]
fn an_iterator_is_good_for_five_minutes_and_for_its_stream() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let old = iterator(&house, "s", 0, "TRIM_HORIZON", "");
    house.world.advance_ms(5 * 60 * 1000);
    assert_eq!(data(&records(&house, &old, "")), "");
    house.world.advance_ms(1);
    let other = iterator(&house, "s", 0, "TRIM_HORIZON", "");
    house.kinesis("CreateStream", "{'StreamName':'t','ShardCount':1}");
    let arn = "'arn:aws:kinesis:us-east-1:000000000000:stream/t'";
    let expired = house.kinesis("GetRecords", &format!("{{'ShardIterator':'{old}'}}"));
    let elsewhere = house.kinesis("GetRecords", &format!("{{'ShardIterator':'{other}','StreamARN':{arn}}}"));
    house.kinesis("DeleteStream", "{'StreamName':'s'}");
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let gone = house.kinesis("GetRecords", &format!("{{'ShardIterator':'{other}'}}"));
    let none = house.kinesis("GetRecords", "{'ShardIterator':'AAAA'}");
    expect![[r#"
        400 {"__type":"ExpiredIteratorException","message":"Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the tolerated delay of 300000 milliseconds."}
        400 {"__type":"InvalidArgumentException","message":"StreamName s and StreamARN name different streams."}
        400 {"__type":"ResourceNotFoundException","message":"Shard shardId-000000000000 in stream s under account 000000000000 does not exist"}
        400 {"__type":"InvalidArgumentException","message":"Invalid ShardIterator."}"#]].assert_eq(&[expired, elsewhere, gone, none].join("\n"));
}

#[test]
fn records_of_ten_megabytes_are_read_in_answers_of_ten_megabytes() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let put = |bytes: usize| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let data = STANDARD.encode(vec![b'x'; bytes]);
        house.kinesis("PutRecord", &format!("{{'StreamName':'s','PartitionKey':'k','Data':'{data}'}}"))
    };
    let answers = [
        put((1 << 20) - 1),
        put(1 << 20),
        house.kinesis(
            "UpdateMaxRecordSize",
            "{'StreamARN':'arn:aws:kinesis:us-east-1:000000000000:stream/s','MaxRecordSizeInKiB':10240}",
        ),
        put((10 << 20) - 1),
        put((10 << 20) + 1),
    ];
    expect![[r#"
        {"ShardId":"shardId-000000000000","SequenceNumber":"100000000000000000000002"}
        400 {"__type":"InvalidArgumentException","message":"a record for the stream s has 1048577 bytes with its partition key, more than 1048576"}

        {"ShardId":"shardId-000000000000","SequenceNumber":"100000000000000000000004"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760"}"#]].assert_eq(&answers.join("\n"));
    let page = records(&house, &iterator(&house, "s", 0, "TRIM_HORIZON", ""), "");
    assert_eq!(page["Records"].as_array().expect("records").len(), 1, "two are more than ten megabytes");
    let next = page["NextShardIterator"].as_str().expect("an iterator");
    assert_eq!(data(&records(&house, next, "")).len(), ((10 << 20) + 1) / 3 * 4);
}

#[test]
fn where_many_read_large_records_answers_are_small_until_some_are_sent() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1,'MaxRecordSizeInKiB':2048}");
    let put = |data: &str| {
        house.kinesis("PutRecord", &format!("{{'StreamName':'s','PartitionKey':'k','Data':'{data}'}}"));
    };
    // Two of 768 KiB, and one of 1.5 MiB.
    let half = "A".repeat(1 << 20);
    [&half, &half, &half.repeat(2)].into_iter().for_each(|data| put(data));
    let page = |from: &str| house.kinesis("GetRecords", &format!("{{'ShardIterator':'{from}'}}"));
    let first = iterator(&house, "s", 0, "TRIM_HORIZON", "");
    let places: Vec<_> = std::iter::from_fn(|| house.door.0.large_pages.take()).collect();
    let crowded = json(&page(&first));
    assert_eq!(crowded["Records"].as_array().expect("records").len(), 1);
    let next = json(&page(crowded["NextShardIterator"].as_str().expect("an iterator")));
    assert_eq!(next["Records"].as_array().expect("records").len(), 1);
    let large = next["NextShardIterator"].as_str().expect("an iterator");
    expect![[r#"400 {"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard shardId-000000000000 in stream s: too many read large records"}"#]].assert_eq(&page(large));
    drop(places);
    assert_eq!(json(&page(large))["Records"].as_array().expect("records").len(), 1);
    assert_eq!(json(&page(&first))["Records"].as_array().expect("records").len(), 3);
    let places: Vec<_> = std::iter::from_fn(|| house.door.0.large_pages.take()).collect();
    assert_eq!(places.len(), 8, "answers that were sent have given back their places");
}

#[test]
fn a_call_of_too_many_or_too_large_records_is_refused() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let put = |count: usize, data: &str| {
        let record = format!("{{'PartitionKey':'k','Data':'{data}'}}");
        house.kinesis("PutRecords", &format!("{{'StreamName':'s','Records':[{}]}}", vec![record; count].join(",")))
    };
    let answers = [put(501, ""), put(0, ""), put(14, &"A".repeat(1 << 20))];
    expect![[r#"
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '[501 records]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '[0 records]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"}
        400 {"__type":"InvalidArgumentException","message":"Records size exceeds 10 MB limit"}"#]].assert_eq(&answers.join("\n"));
    let placed = json(&put(500, "MQ=="));
    assert_eq!(placed["FailedRecordCount"], 0);
    let numbers: Vec<&str> = placed["Records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| record["SequenceNumber"].as_str().expect("a number"))
        .collect();
    assert!(numbers.len() == 500 && numbers.is_sorted_by(|left, right| left < right));
}

#[test]
fn a_repeated_put_gets_the_first_answer() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let put = |attempt: &str, data: &str| {
        let headers = [("amz-sdk-invocation-id", "3f2a9c1e-0d4b-4c6a-9e7f-112233445566"), ("amz-sdk-request", attempt)];
        let body = format!(
            "{{'StreamName':'s','Records':[{{'PartitionKey':'a','Data':'{data}'}},{{'PartitionKey':'b','Data':''}}]}}"
        );
        house.json_11("Kinesis_20131202.PutRecords", &body, &headers)
    };
    let first = put("attempt=1; max=3", "MQ==");
    assert_eq!(put("attempt=2; max=3", "MQ=="), first);
    assert_ne!(put("attempt=2; max=3", "Mg=="), first, "another request under the same id is another call");
    assert_eq!(data(&records(&house, &iterator(&house, "s", 0, "TRIM_HORIZON", ""), "")), "MQ==  Mg== ");
}

#[test]
fn records_that_a_function_puts_say_how_many_functions_they_came_through() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1;Lineage=2:87bd80c0:0";
    let body = "{'StreamName':'s','PartitionKey':'a','Data':''}";
    house.json_11("Kinesis_20131202.PutRecord", body, &[("x-amzn-trace-id", trace)]);
    let streams = &house.door.0.streams;
    let page = streams.read(&streams.get("s").expect("it is there"), 0, item::Seq::ZERO, 9, usize::MAX).expect("reads");
    assert_eq!(page.records[0].origin, Origin::Function { depth: 2 });
}

#[test]
fn retention_mode_and_tags_change() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    let many: Vec<String> = (0..51).map(|at| format!("'k{at}':''")).collect();
    house.replay_kinesis(
        &[
            ("IncreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':48}"),
            ("IncreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':47}"),
            ("IncreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':8761}"),
            ("DecreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':49}"),
            ("DecreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':23}"),
            ("DecreaseStreamRetentionPeriod", "{'StreamName':'s'}"),
            ("DecreaseStreamRetentionPeriod", &format!("{{'StreamARN':'{arn}','RetentionPeriodHours':36}}")),
            ("UpdateStreamMode", &format!("{{'StreamARN':'{arn}','StreamModeDetails':{{'StreamMode':'ON_DEMAND'}}}}")),
            ("UpdateStreamMode", "{'StreamModeDetails':{'StreamMode':'FREE'}}"),
            ("AddTagsToStream", "{'StreamName':'s','Tags':{'team':'a','stage':'test'}}"),
            ("TagResource", &format!("{{'ResourceARN':'{arn}','Tags':{{'team':'b'}}}}")),
            ("TagResource", &format!("{{'ResourceARN':'{arn}','Tags':{{'':'b','a?':'c'}}}}")),
            ("AddTagsToStream", "{'StreamName':'s','Tags':{'a?':'c'}}"),
            ("AddTagsToStream", &format!("{{'StreamName':'s','Tags':{{{}}}}}", many.join(","))),
            ("ListTagsForStream", "{'StreamName':'s','Limit':1}"),
            ("ListTagsForStream", "{'StreamName':'s','ExclusiveStartTagKey':'stage'}"),
            ("RemoveTagsFromStream", "{'StreamName':'s','TagKeys':['stage']}"),
            ("ListTagsForResource", &format!("{{'ResourceARN':'{arn}'}}")),
            ("UntagResource", &format!("{{'ResourceARN':'{arn}','TagKeys':['team']}}")),
            ("UntagResource", &format!("{{'ResourceARN':'{arn}','TagKeys':[]}}")),
            ("ListTagsForResource", &format!("{{'ResourceARN':'{arn}'}}")),
            ("DescribeStreamSummary", "{'StreamName':'s'}"),
        ],
        expect![[r#"

            400 {"__type":"InvalidArgumentException","message":"Requested retention period (47 hours) for stream s can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API."}
            400 {"__type":"InvalidArgumentException","message":"Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long."}
            400 {"__type":"InvalidArgumentException","message":"Requested retention period (49 hours) for stream s can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod API."}
            400 {"__type":"InvalidArgumentException","message":"Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'retentionPeriodHours' failed to satisfy constraint: Member must not be null"}


            400 {"__type":"ValidationException","message":"2 validation errors detected: Value null at 'streamARN' failed to satisfy constraint: Member must not be null; Value 'FREE' at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]"}


            400 {"__type":"ValidationException","message":"1 validation error detected: Value '{=b, a?=c}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"}
            400 {"__type":"InvalidArgumentException","message":"Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @ :."}
            400 {"__type":"InvalidArgumentException","message":"Failed to add tags to stream s under account 000000000000 because a given stream cannot have more than 50 tags associated with it."}
            {"Tags":[{"Key":"stage","Value":"test"}],"HasMoreTags":true}
            {"Tags":[{"Key":"team","Value":"b"}],"HasMoreTags":false}

            {"Tags":[{"Key":"team","Value":"b"}]}

            400 {"__type":"ValidationException","message":"1 validation error detected: Value '[]' at 'tagKeys' failed to satisfy constraint: Member must have length greater than or equal to 1"}
            {"Tags":[]}
            {"StreamDescriptionSummary":{"StreamName":"s","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s","StreamStatus":"ACTIVE","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RetentionPeriodHours":36,"StreamCreationTimestamp":1700000000.000,"EnhancedMonitoring":[{"ShardLevelMetrics":[]}],"EncryptionType":"NONE","OpenShardCount":1,"ConsumerCount":0,"MaxRecordSizeInKiB":1024}}"#]],
    );
}

#[test]
fn streams_and_records_that_cannot_be_are_refused_as_kinesis_does() {
    let house = House::new();
    house.kinesis("CreateStream", "{'StreamName':'s','ShardCount':1}");
    let long = "k".repeat(257);
    let of = |more: &str| format!("{{'StreamName':'s','ShardId':'shardId-000000000000'{more}}}");
    house.replay_kinesis(
        &[
            ("CreateStream", "{}"),
            ("CreateStream", "{'StreamName':'','ShardCount':0}"),
            ("CreateStream", "{'StreamName':'a b','StreamModeDetails':{},'MaxRecordSizeInKiB':1}"),
            ("CreateStream", "{'StreamName':'t','StreamModeDetails':{'StreamMode':'PROVISIONED'}}"),
            ("CreateStream", "{'StreamName':'t','StreamModeDetails':{'StreamMode':'ON_DEMAND'},'ShardCount':1}"),
            ("CreateStream", "{'StreamName':'t','ShardCount':1000}"),
            ("CreateStream", "{'StreamName':'t','ShardCount':1000000}"),
            ("CreateStream", "{'StreamName':'t','WarmThroughputMiBps':1}"),
            ("CreateStream", "{'StreamName':'t','RecordDistributionStrategy':'AUTO'}"),
            ("DescribeStream", "{}"),
            ("DescribeStream", "{'StreamARN':'s'}"),
            ("DescribeStream", "{'StreamName':'t','StreamARN':'arn:aws:kinesis:us-east-1:000000000000:stream/s'}"),
            ("DescribeStream", "{'StreamARN':'arn:aws:kinesis:us-east-1:111111111111:stream/s'}"),
            ("PutRecord", "{'StreamName':'s'}"),
            ("PutRecord", "{'StreamName':'t','PartitionKey':'a','Data':''}"),
            ("PutRecord", &format!("{{'StreamName':'s','PartitionKey':'{long}','Data':'','ExplicitHashKey':'01'}}")),
            ("PutRecord", "{'StreamName':'s','PartitionKey':'a','Data':'','ExplicitHashKey':'340282366920938463463374607431768211456'}"),
            ("PutRecord", "{'StreamName':'s','PartitionKey':'a','Data':'','SequenceNumberForOrdering':'7'}"),
            ("PutRecord", "{'StreamName':'s','PartitionKey':'a','Data':'!'}"),
            ("PutRecord", "{'StreamName':'s','PartitionKey':'a','Data':'','DryRun':true}"),
            ("PutRecords", "{'StreamName':'s','Records':[{'PartitionKey':''},{'Data':''}]}"),
            ("GetShardIterator", "{}"),
            ("GetShardIterator", &of(",'ShardIteratorType':'NEWEST'")),
            ("GetShardIterator", &of(",'ShardIteratorType':'LATEST','StartingSequenceNumber':'1'")),
            ("GetShardIterator", &of(",'ShardIteratorType':'AT_TIMESTAMP'")),
            ("GetShardIterator", &of(",'ShardIteratorType':'AT_TIMESTAMP','Timestamp':1900000000")),
            ("GetShardIterator", &of(",'ShardIteratorType':'AT_SEQUENCE_NUMBER'")),
            ("GetShardIterator", &of(",'ShardIteratorType':'AT_SEQUENCE_NUMBER','StartingSequenceNumber':'7'")),
            ("GetShardIterator", &of(",'ShardIteratorType':'AT_SEQUENCE_NUMBER','StartingSequenceNumber':'x'")),
            ("GetShardIterator", "{'StreamName':'s','ShardId':'shardId-000000000001','ShardIteratorType':'LATEST'}"),
            ("GetRecords", "{'Limit':10001}"),
            ("ListStreams", "{'Limit':0,'ExclusiveStartStreamName':''}"),
            ("SplitShard", "{}"),
            ("RegisterStreamConsumer", "{}"),
            ("StartStreamEncryption", "{}"),
            ("CreateChannel", "{}"),
            ("PutRecord", "[]"),
        ],
        expect![[r#"
            400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ValidationException","message":"3 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"}
            400 {"__type":"ValidationException","message":"3 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value null at 'streamModeDetails.streamMode' failed to satisfy constraint: Member must not be null; Value '1' at 'maxRecordSizeInKiB' failed to satisfy constraint: Member must have value greater than or equal to 1024"}
            400 {"__type":"InvalidArgumentException","message":"ShardCount must be specified for a stream in PROVISIONED mode."}
            400 {"__type":"InvalidArgumentException","message":"ShardCount must not be specified for a stream in ON_DEMAND mode."}
            400 {"__type":"LimitExceededException","message":"the stream t would bring the shards of all streams to 1001, more than 1000"}
            400 {"__type":"LimitExceededException","message":"All streams together have 1000 shards at most."}
            400 {"__type":"InvalidArgumentException","message":"WarmThroughputMiBps does not work here: nothing limits a stream's throughput. Leave it out."}
            400 {"__type":"InvalidArgumentException","message":"RecordDistributionStrategy AUTO does not work here: records go to the shard of their partition key."}
            400 {"__type":"InvalidArgumentException","message":"When invoking this API, you must use either the StreamARN or the StreamName parameter, or both."}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value 's' at 'streamARN' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+"}
            400 {"__type":"InvalidArgumentException","message":"StreamName t and StreamARN name different streams."}
            400 {"__type":"ResourceNotFoundException","message":"Stream s under account 000000000000 not found."}
            400 {"__type":"ValidationException","message":"2 validation errors detected: Value null at 'data' failed to satisfy constraint: Member must not be null; Value null at 'partitionKey' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ResourceNotFoundException","message":"Stream t under account 000000000000 not found."}
            400 {"__type":"ValidationException","message":"2 validation errors detected: Value 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk' at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256; Value '01' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})"}
            400 {"__type":"InvalidArgumentException","message":"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456"}
            400 {"__type":"InvalidArgumentException","message":"ExclusiveMinimumSequenceNumber 7 used in PutRecord on stream s under account 000000000000 is invalid."}
            400 {"__type":"SerializationException","Message":"Base64 encoded length is expected a multiple of 4 bytes but found: 1"}
            400 {"__type":"DryRunOperationException","message":"The request would have succeeded, but DryRun is set"}
            400 {"__type":"ValidationException","message":"3 validation errors detected: Value null at 'records.1.member.data' failed to satisfy constraint: Member must not be null; Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1; Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ValidationException","message":"2 validation errors detected: Value null at 'shardIteratorType' failed to satisfy constraint: Member must not be null; Value null at 'shardId' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"}
            400 {"__type":"InvalidArgumentException","message":"Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber or (3) AT_TIMESTAMP and Timestamp. Request specified LATEST and also a StartingSequenceNumber."}
            400 {"__type":"InvalidArgumentException","message":"Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber or (3) AT_TIMESTAMP and Timestamp. Request specified AT_TIMESTAMP and no Timestamp."}
            400 {"__type":"InvalidArgumentException","message":"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 1900000000000, currentTimestampInMillis: 1700000000000"}
            400 {"__type":"InvalidArgumentException","message":"Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber or (3) AT_TIMESTAMP and Timestamp. Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."}
            400 {"__type":"InvalidArgumentException","message":"StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000000 in stream s under account 000000000000 is invalid because it did not come from this stream."}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value 'x' at 'startingSequenceNumber' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})"}
            400 {"__type":"ResourceNotFoundException","message":"Shard shardId-000000000001 in stream s under account 000000000000 does not exist"}
            400 {"__type":"ValidationException","message":"2 validation errors detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000; Value null at 'shardIterator' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ValidationException","message":"3 validation errors detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '' at 'exclusiveStartStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'exclusiveStartStreamName' failed to satisfy constraint: Member must have length greater than or equal to 1"}
            400 {"__type":"UnknownOperationException","message":"SplitShard does not work here: a stream keeps the shards that it was created with"}
            400 {"__type":"UnknownOperationException","message":"RegisterStreamConsumer does not work here: readers share a stream without limits: read it with GetRecords"}
            400 {"__type":"UnknownOperationException","message":"StartStreamEncryption does not work here: nothing is encrypted here"}
            400 {"__type":"UnknownOperationException","message":"CreateChannel does not work here"}
            400 {"__type":"SerializationException","Message":"Start of list found where not expected"}"#]],
    );
}

#[test]
fn cbor_is_answered_with_how_to_send_json() {
    let house = House::new();
    let request = Request::post("/")
        .header("x-amz-target", "Kinesis_20131202.PutRecord")
        .header("content-type", "application/x-amz-cbor-1.1");
    let response = house.send(request.body(()).expect("a request"), b"\xbf\xff");
    let answer = format!("{} {}", response.status().as_u16(), String::from_utf8_lossy(response.body()));
    expect![[r#"400 {"__type":"SerializationException","Message":"CBOR is not spoken here, JSON is: set the environment variable AWS_CBOR_DISABLE=true, or the Java property aws.cborEnabled=false, where the client runs"}"#]].assert_eq(&answer);
}

#[test]
fn a_key_that_may_only_read_puts_no_records() {
    let reader = AccessKey { id: "reader".into(), secret: "s".into(), access: Access::Read };
    let house = House::with_keys(vec![reader]);
    let route = crate::routes::ROUTES.iter().find(|route| route.name == "kinesis:PutRecord").expect("a route");
    let denied = |body: &[u8]| crate::denial::denied(&house.door.0.config, "reader", route, &[], body).message;
    let answers = [
        denied(br#"{"StreamName":"s"}"#),
        denied(br#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}"#),
        denied(b"{}"),
    ];
    expect![[r#"
        User: arn:aws:iam::000000000000:user/reader is not authorized to perform: kinesis:PutRecord on resource: arn:aws:kinesis:us-east-1:000000000000:stream/s because no identity-based policy allows the kinesis:PutRecord action
        User: arn:aws:iam::000000000000:user/reader is not authorized to perform: kinesis:PutRecord on resource: arn:aws:kinesis:us-east-1:000000000000:stream/s because no identity-based policy allows the kinesis:PutRecord action
        User: arn:aws:iam::000000000000:user/reader is not authorized to perform: kinesis:PutRecord on resource: * because no identity-based policy allows the kinesis:PutRecord action"#]].assert_eq(&answers.map(Option::unwrap_or_default).join("\n"));
}
