//! Tables, their settings, tags and limits.

use super::*;

#[test]
fn a_table_is_created_described_listed_changed_and_deleted() {
    let house = House::new();
    let described = house.ok("CreateTable", VOTES);
    expect_test::expect![[r#"{"TableDescription":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":"votes","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1700000000.000,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},"TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes","TableId":"022ab1ba-8040-98e6-cb29-3e6770eb3a95","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","LastUpdateToPayPerRequestDateTime":1700000000.000},"DeletionProtectionEnabled":false}}"#]].assert_eq(&described);
    house.replay(
        "CreateTable",
        &[VOTES],
        expect_test::expect!["400 ResourceInUseException: Table already exists: votes"],
    );
    house.ok("CreateTable", TOTALS);
    house.replay(
        "ListTables",
        &["{}", "{'Limit':1}", "{'Limit':1,'ExclusiveStartTableName':'totals'}", "{'Limit':101}", "{'Limit':0}"],
        expect_test::expect![[r#"
            {"TableNames":["totals","votes"]}
            {"TableNames":["totals"],"LastEvaluatedTableName":"totals"}
            {"TableNames":["votes"]}
            400 ValidationException: 1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100
            400 ValidationException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"#]],
    );
    let on = "{'TableName':'votes','StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_IMAGE'}}";
    let off = "{'TableName':'votes','StreamSpecification':{'StreamEnabled':false}}";
    let protect = "{'TableName':'votes','DeletionProtectionEnabled':true}";
    house.replay(
        "UpdateTable",
        &[
            off,
            on,
            on,
            off,
            protect,
            "{'TableName':'votes','ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':6}}",
            "{'TableName':'votes','BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':6}}",
            "{'TableName':'votes','ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':6}}",
            "{'TableName':'votes','ProvisionedThroughput':{'ReadCapacityUnits':0}}",
            "{'TableName':'votes','BillingMode':'PROVISIONED'}",
            "{'TableName':'votes'}",
            "{'TableName':'none','DeletionProtectionEnabled':true}",
            "{'TableName':'votes','GlobalSecondaryIndexUpdates':[{'Create':{}}]}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: Table has no stream to disable: TableName: votes
            {"TableDescription":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":"votes","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1700000000.000,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},"TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes","TableId":"022ab1ba-8040-98e6-cb29-3e6770eb3a95","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","LastUpdateToPayPerRequestDateTime":1700000000.000},"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},"LatestStreamLabel":"2023-11-14T22:13:20.000","LatestStreamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-11-14T22:13:20.000","DeletionProtectionEnabled":false}}
            400 ValidationException: Table already has an enabled stream: TableName: votes
            {"TableDescription":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":"votes","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1700000000.000,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},"TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes","TableId":"022ab1ba-8040-98e6-cb29-3e6770eb3a95","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","LastUpdateToPayPerRequestDateTime":1700000000.000},"LatestStreamLabel":"2023-11-14T22:13:20.000","LatestStreamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-11-14T22:13:20.000","DeletionProtectionEnabled":false}}
            {"TableDescription":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":"votes","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1700000000.000,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0},"TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes","TableId":"022ab1ba-8040-98e6-cb29-3e6770eb3a95","BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST","LastUpdateToPayPerRequestDateTime":1700000000.000},"LatestStreamLabel":"2023-11-14T22:13:20.000","LatestStreamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-11-14T22:13:20.000","DeletionProtectionEnabled":true}}
            400 ValidationException: One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST
            {"TableDescription":{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"TableName":"votes","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"TableStatus":"ACTIVE","CreationDateTime":1700000000.000,"ProvisionedThroughput":{"NumberOfDecreasesToday":0,"ReadCapacityUnits":5,"WriteCapacityUnits":6},"TableSizeBytes":0,"ItemCount":0,"TableArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes","TableId":"022ab1ba-8040-98e6-cb29-3e6770eb3a95","LatestStreamLabel":"2023-11-14T22:13:20.000","LatestStreamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-11-14T22:13:20.000","DeletionProtectionEnabled":true}}
            400 ValidationException: The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.
            400 ValidationException: 2 validation errors detected: Value null at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must not be null; Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1
            400 ValidationException: One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED
            400 ValidationException: At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required
            400 ResourceNotFoundException: Requested resource not found: Table: none not found
            400 ValidationException: 3 validation errors detected: Value null at 'globalSecondaryIndexUpdates.1.member.create.indexName' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexUpdates.1.member.create.keySchema' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexUpdates.1.member.create.projection' failed to satisfy constraint: Member must not be null"#]],
    );
}

#[test]
fn a_protected_table_is_not_deleted_and_a_deleted_one_is_gone() {
    let house = House::furnished();
    let protect = "{'TableName':'votes','DeletionProtectionEnabled':true}".replace('\'', "\"");
    house.ok("UpdateTable", &protect);
    house.replay("DeleteTable", &["{'TableName':'votes'}", "{'TableName':'none'}", "{}"], expect_test::expect![[r#"
        400 ValidationException: Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.
        400 ResourceNotFoundException: Requested resource not found: Table: none not found
        400 ValidationException: The parameter 'TableName' is required but was not present in the request"#]]);
    house.ok("UpdateTable", &protect.replace("true", "false"));
    assert!(house.ok("DeleteTable", r#"{"TableName":"votes"}"#).contains(r#""TableStatus":"DELETING""#));
    house.replay(
        "DescribeTable",
        &["{'TableName':'votes'}", "{}", "{'TableName':''}", "{'TableName':'a/b'}"],
        expect_test::expect![[r#"
            400 ResourceNotFoundException: Requested resource not found: Table: votes not found
            400 ValidationException: The parameter 'TableName' is required but was not present in the request
            400 ValidationException: 1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value 'a/b' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"#]],
    );
}

#[test]
fn tables_that_cannot_be_are_refused_as_aws_does() {
    let house = House::new();
    let with = |rest: &str| format!("{{'TableName':'votes',{rest}}}");
    let key = |rest: &str| {
        with(&format!(
            "'AttributeDefinitions':[{{'AttributeName':'id','AttributeType':'S'}}],\
             'KeySchema':[{{'AttributeName':'id','KeyType':'HASH'}}],{rest}"
        ))
    };
    let bodies = [
        "{}".to_string(),
        "{'TableName':'ab'}".to_string(),
        "{'TableName':'a;bc'}".to_string(),
        with("'KeySchema':[]"),
        with(
            "'AttributeDefinitions':[{'AttributeName':'id','AttributeType':'X'}],'KeySchema':[{'AttributeName':'id','KeyType':'Y'}],'BillingMode':'Z'",
        ),
        with(
            "'AttributeDefinitions':[],'KeySchema':[{'AttributeName':'a','KeyType':'HASH'},{'AttributeName':'b','KeyType':'RANGE'},{'AttributeName':'c','KeyType':'RANGE'}]",
        ),
        key("'ProvisionedThroughput':{'ReadCapacityUnits':0}"),
        key("'BillingMode':'PROVISIONED'"),
        key("'BillingMode':'PAY_PER_REQUEST','ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':1}"),
        with(
            "'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}]",
        ),
        with(
            "'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'x','AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}]",
        ),
        with(
            "'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'id','AttributeType':'S'},{'AttributeName':'y','AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'},{'AttributeName':'id','KeyType':'RANGE'}]",
        ),
        with(
            "'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'id','AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'RANGE'}]",
        ),
        with(
            "'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':'id','AttributeType':'S'},{'AttributeName':'y','AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}]",
        ),
        key("'BillingMode':'PAY_PER_REQUEST','GlobalSecondaryIndexes':[{}]"),
        key("'BillingMode':'PAY_PER_REQUEST','LocalSecondaryIndexes':[]"),
        key("'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{'StreamEnabled':true}"),
        key(
            "'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{'StreamEnabled':false,'StreamViewType':'NEW_IMAGE'}",
        ),
        key("'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{'StreamViewType':'ALL'}"),
    ];
    house.replay("CreateTable", &bodies.iter().map(String::as_str).collect::<Vec<_>>(), expect_test::expect![[r#"
        400 ValidationException: The parameter 'TableName' is required but was not present in the request
        400 ValidationException: 1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3
        400 ValidationException: 1 validation error detected: Value 'a;bc' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+
        400 ValidationException: 2 validation errors detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null; Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1
        400 ValidationException: 3 validation errors detected: Value 'X' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]; Value 'Z' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]; Value 'Y' at 'keySchema.1.member.keyType' failed to satisfy constraint: Member must satisfy enum value set: [HASH, RANGE]
        400 ValidationException: 1 validation error detected: Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2
        400 ValidationException: 2 validation errors detected: Value null at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must not be null; Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1
        400 ValidationException: One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED
        400 ValidationException: One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST
        400 ValidationException: Invalid KeySchema: Some index key attribute have no definition
        400 ValidationException: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [id], AttributeDefinitions: [x]
        400 ValidationException: Both the Hash Key and the Range Key element in the KeySchema have the same name
        400 ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type
        400 ValidationException: One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions
        400 ValidationException: 3 validation errors detected: Value null at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.keySchema' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy constraint: Member must not be null
        400 ValidationException: One or more parameter values were invalid: List of LocalSecondaryIndexes is empty
        400 ValidationException: One or more parameter values were invalid: Table is being created with a stream enabled, UpdateViewType is required
        400 ValidationException: One or more parameter values were invalid: Table is being created with a stream disabled, UpdateViewType should not be specified
        400 ValidationException: 2 validation errors detected: Value null at 'streamSpecification.streamEnabled' failed to satisfy constraint: Member must not be null; Value 'ALL' at 'streamSpecification.streamViewType' failed to satisfy constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]"#]]);
    assert_eq!(house.ok("ListTables", "{}"), r#"{"TableNames":[]}"#);
}

#[test]
fn tags_come_and_go() {
    let house = House::furnished();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/votes";
    let tag = |rest: &str| format!("{{'ResourceArn':'{arn}',{rest}}}");
    house.replay(
        "TagResource",
        &[
            &tag("'Tags':[{'Key':'team','Value':'a'},{'Key':'cost','Value':'1'}]"),
            &tag("'Tags':[{'Key':'team','Value':'b'}]"),
            &tag("'Tags':[]"),
            "{}",
            "{'ResourceArn':'votes','Tags':[]}",
            &tag("'Tags':[{'Key':'team','Value':'b'}]").replace("votes", "none"),
        ],
        expect_test::expect![[r#"


            400 ValidationException: Atleast one Tag needs to be provided as Input.
            400 ValidationException: Invalid TableArn
            400 ValidationException: Invalid TableArn: Invalid ResourceArn provided as input votes
            400 ResourceNotFoundException: Requested resource not found: ResourcArn: arn:aws:dynamodb:us-east-1:000000000000:table/none not found"#]],
    );
    house.replay(
        "UntagResource",
        &[&tag("'TagKeys':['cost']"), &tag("'TagKeys':[]")],
        expect_test::expect![[r#"

        400 ValidationException: Atleast one Tag Key needs to be provided as Input."#]],
    );
    house.replay(
        "ListTagsOfResource",
        &[&format!("{{'ResourceArn':'{arn}'}}")],
        expect_test::expect![[r#"{"Tags":[{"Key":"team","Value":"b"}]}"#]],
    );
}

#[test]
fn limits_and_endpoints_are_told() {
    let house = House::new();
    house.replay("DescribeLimits", &["{}"], expect_test::expect![[r#"{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}"#]]);
    house.replay(
        "DescribeEndpoints",
        &["{}"],
        expect_test::expect![[r#"{"Endpoints":[{"Address":"localhost","CachePeriodInMinutes":1440}]}"#]],
    );
}

#[test]
fn tables_of_other_rooms_are_not_there_for_clients() {
    let house = House::new();
    house.ok("CreateTable", VOTES);
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/room:own";
    let votes = house.db.table("votes").expect("it was created");
    let own =
        db::TableSpec { name: "room:own".into(), stream: Some(db::StreamViewType::NewImage), ..votes.spec.clone() };
    house.db.create_table(own).wait().expect("the room creates it");
    assert_eq!(house.ask("ListTables", "{}"), r#"{"TableNames":["votes"]}"#);
    assert_eq!(house.ask("ListStreams", "{}"), r#"{"Streams":[]}"#);
    let asked = [
        ("DescribeTable", ""),
        ("DeleteTable", ""),
        ("UpdateTable", ",'DeletionProtectionEnabled':true"),
        ("PutItem", ",'Item':{'id':{'S':'1'}}"),
        ("GetItem", ",'Key':{'id':{'S':'1'}}"),
        ("Scan", ""),
        ("DescribeContinuousBackups", ""),
    ];
    let answers = asked
        .map(|(operation, rest)| house.ask(operation, &format!("{{'TableName':'{arn}'{rest}}}").replace('\'', "\"")));
    expect_test::expect![[r#"
        400 ResourceNotFoundException: Requested resource not found: Table: room:own not found
        400 ResourceNotFoundException: Requested resource not found: Table: room:own not found
        400 ResourceNotFoundException: Requested resource not found: Table: room:own not found
        400 ResourceNotFoundException: Requested resource not found
        400 ResourceNotFoundException: Requested resource not found
        400 ResourceNotFoundException: Requested resource not found
        400 TableNotFoundException: Table not found: room:own"#]]
    .assert_eq(&answers.join("\n"));
    let label = house.db.streams()[0].created_ms;
    let stream = format!("{arn}/stream/{}", wire::time::label(label));
    let described = house.ask("DescribeStream", &format!(r#"{{"StreamArn":"{stream}"}}"#));
    assert!(described.starts_with("400 ResourceNotFoundException"), "{described}");
    assert!(house.db.table("room:own").is_some_and(|table| house.db.stats(table.id).items == 0));
}
