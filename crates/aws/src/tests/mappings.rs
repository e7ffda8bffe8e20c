//! Event source mappings: created, shown, changed, deleted, refused.

use super::{functions::create, *};
use expect_test::expect;

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

/// A house with a function, a table with a stream, and the stream's ARN.
fn furnished() -> (House, String) {
    let house = House::functional(Vec::new());
    create(&house, "count");
    house.ok("CreateTable", VOTES);
    let on = r#"{"TableName":"votes","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}}"#;
    let table = house.json("UpdateTable", on);
    let arn = table["TableDescription"]["LatestStreamArn"].as_str().expect("it has a stream").to_owned();
    (house, arn)
}

/// What is random or depends on the clock, by its name.
fn plain(answer: &str, arn: &str) -> String {
    let uuid = answer.split("\"UUID\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("-none-");
    answer.replace(uuid, "UUID").replace(arn, "STREAM")
}

fn uuid(answer: &str) -> String {
    answer.split("\"UUID\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a mapping").to_owned()
}

/// The mapping once it is as it was asked to be; changes take effect in the background, as on AWS.
fn settled(house: &House, path: &str) -> String {
    for _ in 0..10_000 {
        let shown = house.rest("GET", path, &[], "");
        if shown.contains(r#""State":"Enabled""#) || shown.contains(r#""State":"Disabled""#) {
            return shown;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("{path} does not settle");
}

#[test]
fn a_mapping_is_created_shown_changed_and_deleted() {
    let (house, arn) = furnished();
    // Keys and metrics change nothing here.
    let made = format!(
        "{{'FunctionName':'count','EventSourceArn':'{arn}','StartingPosition':'TRIM_HORIZON','KMSKeyArn':'',\
         'MetricsConfig':{{'Metrics':['EventCount']}}}}"
    );
    let created = house.rest("POST", MAPPINGS, &[], &made);
    let uuid = uuid(&created);
    let path = format!("{MAPPINGS}/{uuid}");
    let change = "{'FunctionName':'function:count','KMSKeyArn':'','MetricsConfig':{},'Enabled':false,\
                  'BatchSize':10000,'MaximumBatchingWindowInSeconds':300,'ParallelizationFactor':10,'MaximumRecordAgeInSeconds':60,'MaximumRetryAttempts':0,\
                  'BisectBatchOnFunctionError':true,'TumblingWindowInSeconds':900,\
                  'FunctionResponseTypes':['ReportBatchItemFailures'],\
                  'FilterCriteria':{'Filters':[{'Pattern':'{\\u0022eventName\\u0022:[\\u0022INSERT\\u0022]}'}]},\
                  'DestinationConfig':{'OnFailure':{'Destination':'arn:aws:sqs:us-east-1:000000000000:letters'}}}";
    let back = "{'MaximumRecordAgeInSeconds':-1,'MaximumRetryAttempts':-1,'FunctionResponseTypes':[],\
                'FilterCriteria':{'Filters':[]},'DestinationConfig':{'OnFailure':{}},'BatchSize':1}";
    let lines = [
        created,
        settled(&house, &path),
        house.rest("PUT", &path, &[], change),
        {
            settled(&house, &path);
            house.rest("PUT", &path, &[], back)
        },
        house.rest("DELETE", &path, &[], ""),
        house.rest("GET", &path, &[], ""),
        house.rest("PUT", &path, &[], "{}"),
        house.rest("DELETE", &path, &[], ""),
    ];
    let lines: Vec<String> = lines.iter().map(|line| plain(line, &arn).replace(&uuid, "UUID")).collect();
    expect![[r#"
        202 {"UUID":"UUID","StartingPosition":"TRIM_HORIZON","BatchSize":100,"MaximumBatchingWindowInSeconds":0,"ParallelizationFactor":1,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Creating","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        200 {"UUID":"UUID","StartingPosition":"TRIM_HORIZON","BatchSize":100,"MaximumBatchingWindowInSeconds":0,"ParallelizationFactor":1,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Enabled","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        202 {"UUID":"UUID","StartingPosition":"TRIM_HORIZON","BatchSize":10000,"MaximumBatchingWindowInSeconds":300,"ParallelizationFactor":10,"EventSourceArn":"STREAM","FilterCriteria":{"Filters":[{"Pattern":"{\"eventName\":[\"INSERT\"]}"}]},"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Disabling","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:letters"}},"MaximumRecordAgeInSeconds":60,"BisectBatchOnFunctionError":true,"MaximumRetryAttempts":0,"TumblingWindowInSeconds":900,"FunctionResponseTypes":["ReportBatchItemFailures"],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        202 {"UUID":"UUID","StartingPosition":"TRIM_HORIZON","BatchSize":1,"MaximumBatchingWindowInSeconds":300,"ParallelizationFactor":10,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Updating","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":true,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":900,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        202 {"UUID":"UUID","StartingPosition":"TRIM_HORIZON","BatchSize":1,"MaximumBatchingWindowInSeconds":300,"ParallelizationFactor":10,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Deleting","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":true,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":900,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The resource you requested does not exist."}
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The resource you requested does not exist."}
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The resource you requested does not exist."}"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn mappings_are_listed_by_source_and_function() {
    let (house, arn) = furnished();
    create(&house, "other");
    for function in ["count", "other"] {
        let made = format!("{{'FunctionName':'{function}','EventSourceArn':'{arn}','StartingPosition':'LATEST'}}");
        assert!(house.rest("POST", MAPPINGS, &[], &made).starts_with("202"));
    }
    let count = |query: &str| {
        let answer = house.rest("GET", &format!("{MAPPINGS}?{query}"), &[], "");
        let page: serde_json::Value = serde_json::from_str(&answer[4..]).expect("JSON");
        (page["EventSourceMappings"].as_array().expect("a list").len(), page["NextMarker"].as_str().map(str::to_owned))
    };
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(count("").0, 2);
    assert_eq!(count(&format!("EventSourceArn={encoded}")).0, 2);
    assert_eq!(count(&format!("EventSourceArn={encoded}x")).0, 0);
    assert_eq!(count("FunctionName=arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aother").0, 1);
    assert_eq!(count("FunctionName=none").0, 0);
    // A function's mappings outlive it.
    assert_eq!(house.rest("DELETE", "/2015-03-31/functions/other", &[], ""), "204");
    assert_eq!(count("FunctionName=other").0, 1);
    let (first, marker) = count("MaxItems=1");
    assert_eq!(first, 1);
    assert_eq!(count(&format!("MaxItems=1&Marker={}", marker.expect("there is more"))), (1, None));
}

#[test]
fn mappings_that_cannot_be_are_refused_as_lambda_does() {
    let (house, arn) = furnished();
    let send = |more: &str| {
        let body = format!("{{'FunctionName':'count','EventSourceArn':'{arn}','StartingPosition':'LATEST'{more}}}");
        plain(&house.rest("POST", MAPPINGS, &[], &body), &arn)
    };
    let missing = "arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2020-01-01T00:00:00.000";
    let long = format!(",'FilterCriteria':{{'Filters':[{{'Pattern':'{}'}}]}}", "x".repeat(4097));
    let first = send("");
    assert!(first.starts_with("202"), "{first}");
    let again = house.rest(
        "POST",
        MAPPINGS,
        &[],
        &format!("{{'FunctionName':'count','EventSourceArn':'{arn}','StartingPosition':'LATEST'}}"),
    );
    let (again, id) = again.split_once(" with UUID ").expect("it names the mapping that is there");
    assert_eq!(id.len(), 38);
    let mut cases = vec![again.replace(&arn, "STREAM")];
    cases.extend(
        [
            ",'FunctionName':null",
            ",'FunctionName':'none'",
            ",'FunctionName':'count:7'",
            ",'EventSourceArn':null",
            ",'EventSourceArn':'votes'",
            ",'EventSourceArn':'arn:aws:sqs:us-east-1:000000000000:q'",
            &format!(",'EventSourceArn':'{missing}'"),
            ",'StartingPosition':null",
            ",'StartingPosition':'0'",
            ",'StartingPosition':'AT_TIMESTAMP','StartingPositionTimestamp':1",
            ",'StartingPositionTimestamp':1",
            ",'BatchSize':0,'ParallelizationFactor':0",
            ",'BatchSize':10001,'MaximumBatchingWindowInSeconds':301,'ParallelizationFactor':11,'TumblingWindowInSeconds':901",
            ",'MaximumRecordAgeInSeconds':-2,'MaximumRetryAttempts':-2",
            ",'MaximumRecordAgeInSeconds':604801,'MaximumRetryAttempts':10001",
            ",'MaximumRecordAgeInSeconds':59",
            ",'FunctionResponseTypes':['All']",
            ",'FilterCriteria':{'Filters':[{'Pattern':'no'}]}",
            ",'DestinationConfig':{'OnSuccess':{}}",
            ",'DestinationConfig':{'OnFailure':{'Destination':'arn:aws:sqs:us-east-1:000000000000:q.fifo'}}",
            ",'ScalingConfig':{'MaximumConcurrency':2}",
            ",'Queues':['q']",
            ",'Topics':['t']",
            ",'SelfManagedEventSource':{}",
            ",'SourceAccessConfigurations':[{}]",
            ",'ProvisionedPollerConfig':{}",
            ",'LoggingConfig':{}",
            ",'AmazonManagedKafkaEventSourceConfig':{}",
            ",'SelfManagedKafkaEventSourceConfig':{}",
            ",'DocumentDBEventSourceConfig':{}",
            ",'Tags':{'a':'b'}",
            ",'BatchSize':'ten'",
        ]
        .map(send),
    );
    let too_long = send(&long);
    let constraint = "at 'filterCriteria.filters.1.member.pattern' failed to satisfy constraint: Member must have length less than or equal to 4096";
    assert!(too_long.starts_with("400") && too_long.contains(constraint), "{too_long}");
    expect![[r#"
        409 x-amzn-errortype=ResourceConflictException {"Type":"User","message":"The event source arn (\" STREAM \") and function (\" count \") provided mapping already exists. Please update or delete the existing mapping
        400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Function does not exist"}
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:count:7"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unrecognized event source."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unrecognized event source."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Event sources of sqs do not work here, only streams of tables and of Kinesis: arn:aws:sqs:us-east-1:000000000000:q"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Stream not found: arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2020-01-01T00:00:00.000"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."}
        400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value '0' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported starting position for arn type: STREAM"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Timestamp only valid with StartingPosition AT_TIMESTAMP"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '0' at 'parallelizationFactor' failed to satisfy constraint: Member must have value greater than or equal to 1"}
        400 x-amzn-errortype=ValidationException {"message":"4 validation errors detected: Value '10001' at 'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000; Value '301' at 'maximumBatchingWindowInSeconds' failed to satisfy constraint: Member must have value less than or equal to 300; Value '11' at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10; Value '901' at 'tumblingWindowInSeconds' failed to satisfy constraint: Member must have value less than or equal to 900"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value '-2' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to -1; Value '-2' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value greater than or equal to -1"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value '604801' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: Member must have value less than or equal to 604800; Value '10001' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 10000"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"the record age, seconds, must be from 60 to 604800, not 59"}
        400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value 'All' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy enum value set: [ReportBatchItemFailures]"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Invalid filter pattern definition."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported DestinationConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"the on-failure destination must be the ARN of a standard queue (sqs), a standard topic (sns), a bucket (s3) or a Kafka topic, not arn:aws:sqs:us-east-1:000000000000:q.fifo"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported ScalingConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported Queues parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported Topics parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported SelfManagedEventSource parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported SourceAccessConfigurations parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported ProvisionedPollerConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported LoggingConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported AmazonManagedKafkaEventSourceConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported SelfManagedKafkaEventSourceConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Unsupported DocumentDBEventSourceConfig parameter for given event source mapping type."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Tags of event source mappings do not work here"}
        400 x-amzn-errortype=SerializationException {"message":"STRING_VALUE cannot be converted to Integer"}"#]].assert_eq(&cases.join("\n"));
}

#[test]
fn a_kinesis_stream_feeds_a_function_and_starts_at_a_time_too() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    house.kinesis("CreateStream", "{'StreamName':'deltas','ShardCount':1}");
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/deltas";
    let post = |rest: &str| {
        let body = format!("{{'FunctionName':'count','EventSourceArn':'{arn}',{rest}}}");
        house.rest("POST", MAPPINGS, &[], &body)
    };
    let at = "'StartingPosition':'AT_TIMESTAMP'";
    let created = post(&format!("{at},'StartingPositionTimestamp':1700000000.25"));
    let path = format!("{MAPPINGS}/{}", uuid(&created));
    let lines = [
        created,
        settled(&house, &path),
        post(at),
        post("'StartingPosition':'LATEST','StartingPositionTimestamp':1"),
        post(r"'StartingPosition':'LATEST','FilterCriteria':{'Filters':[{'Pattern':'{\u0022data\u0022:[\u0022a\u0022]}'}]}"),
        post("'StartingPosition':'LATEST','DestinationConfig':{'OnFailure':{'Destination':'arn:aws:s3:::letters'}}"),
        house.rest("POST", MAPPINGS, &[], "{'FunctionName':'count','EventSourceArn':'arn:aws:kinesis:us-east-1:000000000000:stream/none','StartingPosition':'LATEST'}"),
    ];
    expect![[r#"
        202 {"UUID":"UUID","StartingPosition":"AT_TIMESTAMP","StartingPositionTimestamp":1700000000.250,"BatchSize":100,"MaximumBatchingWindowInSeconds":0,"ParallelizationFactor":1,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Creating","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        200 {"UUID":"UUID","StartingPosition":"AT_TIMESTAMP","StartingPositionTimestamp":1700000000.250,"BatchSize":100,"MaximumBatchingWindowInSeconds":0,"ParallelizationFactor":1,"EventSourceArn":"STREAM","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","LastModified":1700000000.000,"LastProcessingResult":"No records processed","State":"Enabled","StateTransitionReason":"User action","DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":[],"EventSourceMappingArn":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:UUID"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Timestamp must be provided with StartingPosition AT_TIMESTAMP"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Timestamp only valid with StartingPosition AT_TIMESTAMP"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Invalid filter pattern definition."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"the on-failure destination is the bucket letters, which does not exist"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Stream not found: arn:aws:kinesis:us-east-1:000000000000:stream/none"}"#]].assert_eq(&lines.map(|line| plain(&line, arn)).join("\n"));
}
