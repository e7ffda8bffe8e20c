//! TransactWriteItems and TransactGetItems.

use super::*;
use db::{Billing, IndexSpec, Projected, ViewSpec};
use item::{IndexSchema, KeyAttribute, KeyKind};

/// A request of these actions; `'` stands for `"`.
fn actions(actions: &[&str], more: &str) -> String {
    format!("{{'TransactItems':[{}]{more}}}", actions.join(","))
}

const PUT: &str = "{'Put':{'TableName':'votes','Item':{'id':{'S':'1'},'n':{'N':'1'}}}}";
const ADD: &str = "{'Update':{'TableName':'votes','Key':{'id':{'S':'1'}},'UpdateExpression':'ADD n :one',\
                   'ExpressionAttributeValues':{':one':{'N':'1'}}}}";
const IS_NEW: &str =
    "{'Put':{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':'attribute_not_exists(id)'}}";

/// An action on the key of `votes` that is sent as `id`.
fn on(action: &str, id: &str, more: &str) -> String {
    format!("{{'{action}':{{'TableName':'votes','Key':{{'id':{id}}}{more}}}}}")
}

#[test]
fn transactions_write_and_read_several_tables() {
    let house = House::furnished();
    house.ok("PutItem", r#"{"TableName":"votes","Item":{"id":{"S":"2"},"n":{"N":"1"}}}"#);
    house.ok("PutItem", r#"{"TableName":"votes","Item":{"id":{"S":"3"}}}"#);
    let update = "{'Update':{'TableName':'arn:aws:dynamodb:us-east-1:000000000000:table/votes','Key':{'id':{'S':'2'}},\
                  'UpdateExpression':'SET #n = #n + :one','ConditionExpression':'#n = :one',\
                  'ExpressionAttributeNames':{'#n':'n'},'ExpressionAttributeValues':{':one':{'N':'1'}}}}";
    let total = "{'Put':{'TableName':'totals','Item':{'region':{'S':'a'},'rank':{'N':'1'}}}}";
    let check = "{'ConditionCheck':{'TableName':'votes','Key':{'id':{'S':'4'}},'ConditionExpression':'attribute_not_exists(id)'}}";
    let all = actions(
        &[PUT, total, update, &on("Delete", "{'S':'3'}", ""), check],
        ",'ReturnConsumedCapacity':'INDEXES','ReturnItemCollectionMetrics':'SIZE'",
    );
    house.replay("TransactWriteItems", &[&all, &actions(&[PUT], "")], expect_test::expect![[r#"
        {"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":8.0,"WriteCapacityUnits":8.0,"Table":{"CapacityUnits":8.0,"WriteCapacityUnits":8.0}},{"TableName":"totals","CapacityUnits":2.0,"WriteCapacityUnits":2.0,"Table":{"CapacityUnits":2.0,"WriteCapacityUnits":2.0}}]}
        {}"#]]);
    let get = |id: &str, more: &str| on("Get", &format!("{{'S':'{id}'}}"), more);
    let total = "{'Get':{'TableName':'totals','Key':{'region':{'S':'a'},'rank':{'N':'1.0'}}}}";
    let gets = [
        &get("2", "") as &str,
        &get("3", ""),
        total,
        &get("1", ",'ProjectionExpression':'#n','ExpressionAttributeNames':{'#n':'n'}"),
        &get("4", ""),
    ];
    house.replay(
        "TransactGetItems",
        &[&actions(&gets, ",'ReturnConsumedCapacity':'TOTAL'"), &actions(&gets[..1], "")],
        expect_test::expect![[r#"
            {"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":8.0,"ReadCapacityUnits":8.0},{"TableName":"totals","CapacityUnits":2.0,"ReadCapacityUnits":2.0}],"Responses":[{"Item":{"id":{"S":"2"},"n":{"N":"2"}}},{},{"Item":{"rank":{"N":"1"},"region":{"S":"a"}}},{"Item":{"n":{"N":"1"}}},{}]}
            {"Responses":[{"Item":{"id":{"S":"2"},"n":{"N":"2"}}}]}"#]],
    );
}

#[test]
fn a_refused_action_cancels_all_and_every_reason_is_told() {
    let house = House::furnished();
    house.ok("PutItem", r#"{"TableName":"votes","Item":{"id":{"S":"1"},"s":{"S":"x"}}}"#);
    let other = "{'Put':{'TableName':'votes','Item':{'id':{'S':'2'}}}}";
    let show = IS_NEW.replacen("'TableName'", "'ReturnValuesOnConditionCheckFailure':'ALL_OLD','TableName'", 1);
    let add = ADD.replace("ADD n", "ADD s");
    let grow =
        ADD.replace("ADD n :one", "SET n = :one").replace("{'N':'1'}", &format!("{{'S':'{}'}}", "x".repeat(409_600)));
    let wrong = "{'Put':{'TableName':'votes','Item':{'id':{'N':'1'}}}}";
    let key = ADD.replace("ADD n :one", "SET id = :one");
    house.replay(
        "TransactWriteItems",
        &[
            &actions(&[other, IS_NEW], ""),
            &actions(&[&show], ",'ReturnConsumedCapacity':'TOTAL'"),
            &actions(&[other, &add], ""),
            &actions(&[&grow], ""),
            &actions(&[other, wrong], ""),
            &actions(&[&key], ""),
            &actions(&[&on("Delete", "{'N':'1'}", "")], ""),
            &actions(&[&on("ConditionCheck", "{'L':[]}", ",'ConditionExpression':'attribute_exists(id)'")], ""),
        ],
        expect_test::expect![[r#"
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed] [{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed] [{"Code":"ConditionalCheckFailed","Item":{"id":{"S":"1"},"s":{"S":"x"}},"Message":"The conditional request failed"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError] [{"Code":"None"},{"Code":"ValidationError","Message":"An operand in the update expression has an incorrect data type"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError] [{"Code":"ValidationError","Message":"Item size to update has exceeded the maximum allowed size"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError] [{"Code":"None"},{"Code":"ValidationError","Message":"One or more parameter values were invalid: Type mismatch for key id expected: S actual: N"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError] [{"Code":"ValidationError","Message":"One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError] [{"Code":"ValidationError","Message":"The provided key element does not match the schema"}]
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError] [{"Code":"ValidationError","Message":"The provided key element does not match the schema"}]"#]],
    );
    assert_eq!(house.json("Scan", r#"{"TableName":"votes"}"#)["Count"], 1, "nothing was written");
}

#[test]
fn transactions_that_cannot_be_are_refused_as_aws_does() {
    let house = House::furnished();
    let many = vec![PUT; 101];
    let syntax = on("ConditionCheck", "{'S':'2'}", ",'ConditionExpression':'attribute_not_exists('");
    let missing = PUT.replace("votes", "none");
    let unused = on(
        "ConditionCheck",
        "{'S':'1'}",
        ",'ConditionExpression':'attribute_exists(id)','ExpressionAttributeValues':{':v':{'S':'x'}}",
    );
    let number = PUT.replace("'N':'1'", "'N':'abc'");
    let large = PUT.replace("'N':'1'", &format!("'S':'{}'", "x".repeat(409_600)));
    let token = |token: &str| format!(",'ClientRequestToken':'{token}','ReturnConsumedCapacity':'BOGUS'");
    house.replay(
        "TransactWriteItems",
        &[
            "{}",
            &actions(&[], ""),
            &actions(&many, ""),
            &actions(&[PUT], ",'ReturnConsumedCapacity':'BOGUS','ReturnItemCollectionMetrics':'BOGUS2'"),
            &actions(&[PUT], &token(&"x".repeat(37))),
            &actions(&[PUT], &token("")),
            &actions(&["{}"], ""),
            &actions(&[&format!("{{{},{}}}", &PUT[1..PUT.len() - 1], &ADD[1..ADD.len() - 1])], ""),
            &actions(&[PUT, &ADD.replace("votes", "bad!name")], ""),
            &actions(&["{'Put':{}}", "{'Update':{'TableName':'votes','ReturnValuesOnConditionCheckFailure':'X'}}"], ""),
            &actions(&["{'ConditionCheck':{'TableName':'votes','Key':{}}}"], ""),
            &actions(&[&missing], ""),
            &actions(&[&missing, &syntax], ""),
            &actions(&[PUT, &unused], ""),
            &actions(&[PUT, &on("Delete", "{'S':'1'}", "")], ""),
            &actions(&[PUT, &on("Delete", "{'S':''}", "")], ""),
            &actions(&[&PUT.replace("'S':'1'", "'S':''")], ""),
            &actions(&[&PUT.replace("}}}}", "}},'ConditionExpression':''}}")], ""),
            &actions(&[&PUT.replace("}}}}", "}},'ExpressionAttributeNames':{'#a':'a'}}}")], ""),
            &actions(&[&number], ""),
            &actions(&[&large], ""),
            "{'TransactItems':[{'Put':1}]}",
            "{'TransactItems':[{'Put':[]}]}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'transactItems' failed to satisfy constraint: Member must not be null
            400 ValidationException: 1 validation error detected: Value at 'TransactItems' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value at 'TransactItems' failed to satisfy constraint: Member must have length less than or equal to 100
            400 ValidationException: 2 validation errors detected: Value 'BOGUS' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'BOGUS2' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]
            400 ValidationException: 1 validation error detected: Value at 'ClientRequestToken' failed to satisfy constraint: Member must have length less than or equal to 36
            400 ValidationException: 1 validation error detected: Value at 'ClientRequestToken' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value '' at 'transactItems' failed to satisfy constraint: TransactWriteRequest should contain Delete or Put or Update or ConditionCheck
            400 ValidationException: TransactItems can only contain one of Check, Put, Update or Delete
            400 ValidationException: 1 validation error detected: Value 'bad!name' at 'transactItems.2.member.update.tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+
            400 ValidationException: 5 validation errors detected: Value null at 'transactItems.1.member.put.tableName' failed to satisfy constraint: Member must not be null; Value null at 'transactItems.1.member.put.item' failed to satisfy constraint: Member must not be null; Value null at 'transactItems.2.member.update.key' failed to satisfy constraint: Member must not be null; Value null at 'transactItems.2.member.update.updateExpression' failed to satisfy constraint: Member must not be null; Value 'X' at 'transactItems.2.member.update.returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, NONE]
            400 ValidationException: 1 validation error detected: Value null at 'transactItems.1.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "("
            400 ValidationException: Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}
            400 ValidationException: Transaction request cannot include multiple operations on one item
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: Invalid ConditionExpression: The expression can not be empty;
            400 ValidationException: ExpressionAttributeNames can only be specified when using expressions
            400 ValidationException: The parameter cannot be converted to a numeric value: abc
            400 ValidationException: Item size has exceeded the maximum allowed size
            400 SerializationException: Unexpected field type
            400 SerializationException: Unrecognized collection type class com.amazonaws.dynamodb.v20120810.Put"#]],
    );
    let get = on("Get", "{'S':'1'}", "");
    house.replay(
        "TransactGetItems",
        &[
            "{}",
            &actions(&[], ""),
            &actions(&vec![&get as &str; 101], ""),
            &actions(&[&get], ",'ReturnConsumedCapacity':'BOGUS'"),
            &actions(&["{}", "{'Get':{'TableName':'bad!name'}}"], ""),
            &actions(&[&get, &get], ""),
            &actions(&[&get.replace("votes", "none")], ""),
            &actions(&[&on("Get", "{'S':'1'}", ",'ProjectionExpression':'!!!'")], ""),
            &actions(&[&get, "{'Get':{'TableName':'votes','Key':{}}}"], ""),
            &actions(&[&on("Get", "{'S':''}", "")], ""),
            &actions(&[&on("Get", "{'N':'abc'}", "")], ""),
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'transactItems' failed to satisfy constraint: Member must not be null
            400 ValidationException: 1 validation error detected: Value at 'TransactItems' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value at 'TransactItems' failed to satisfy constraint: Member must have length less than or equal to 100
            400 ValidationException: 1 validation error detected: Value 'BOGUS' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]
            400 ValidationException: 3 validation errors detected: Value null at 'transactItems.1.member.get' failed to satisfy constraint: Member must not be null; Value 'bad!name' at 'transactItems.2.member.get.tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value null at 'transactItems.2.member.get.key' failed to satisfy constraint: Member must not be null
            400 ValidationException: Transaction request cannot include multiple operations on one item
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError] [{"Code":"None"},{"Code":"ValidationError","Message":"The provided key element does not match the schema"}]
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: The parameter cannot be converted to a numeric value: abc"#]],
    );
    assert_eq!(house.json("Scan", r#"{"TableName":"votes"}"#)["Count"], 0, "nothing was written");
}

#[test]
fn the_items_of_a_transaction_have_4_megabytes() {
    let house = House::furnished();
    let text = "x".repeat(390 * 1024);
    let put = |id: usize| PUT.replace("'S':'1'", &format!("'S':'{id}'")).replace("'N':'1'", &format!("'S':'{text}'"));
    let puts = |from: usize, count: usize| -> String {
        let all: Vec<String> = (from..from + count).map(put).collect();
        actions(&all.iter().map(String::as_str).collect::<Vec<_>>(), "")
    };
    // Updates that are small, of items that become large.
    let double = |id: usize| on("Update", &format!("{{'S':'{id}'}}"), ",'UpdateExpression':'SET m = n REMOVE n'");
    let doubles: Vec<String> = (0..11).map(double).collect();
    let doubles: Vec<&str> = doubles.iter().map(String::as_str).collect();
    house.replay(
        "TransactWriteItems",
        &[&puts(0, 10), &puts(10, 11), &puts(10, 1), &actions(&doubles, ""), &actions(&doubles[..10], "")],
        expect_test::expect![[r#"
            {}
            400 ValidationException: The aggregate size of the items in the transaction exceeds 4 MB
            {}
            400 ValidationException: The aggregate size of the items in the transaction exceeds 4 MB
            {}"#]],
    );
    let gets: Vec<String> =
        (0..11).map(|id| on("Get", &format!("{{'S':'{id}'}}"), ",'ProjectionExpression':'id'")).collect();
    let gets: Vec<&str> = gets.iter().map(String::as_str).collect();
    house.replay(
        "TransactGetItems",
        &[&actions(&gets, ""), &actions(&gets[..2], "")],
        expect_test::expect![[r#"
        400 ValidationException: The aggregate size of the items in the transaction exceeds 4 MB
        {"Responses":[{"Item":{"id":{"S":"0"}}},{"Item":{"id":{"S":"1"}}}]}"#]],
    );
}

#[test]
fn a_token_stands_for_one_transaction_for_ten_minutes() {
    let house = House::furnished();
    let token = ",'ClientRequestToken':'t1'";
    let spread = ADD.replacen("'TableName':'votes',", "", 1);
    let spread = format!("{},'TableName' : 'votes' }}}}", &spread[..spread.len() - 2]);
    let costs = ",'ReturnConsumedCapacity':'TOTAL','ClientRequestToken':'t1'";
    house.replay(
        "TransactWriteItems",
        &[
            &actions(&[ADD], costs),
            &actions(&[ADD], costs),
            // The same, said differently.
            &actions(&[&spread.replace("'N':'1'", "'N':'1.0'")], token),
            &actions(&[&ADD.replace("'N':'1'", "'N':'2'")], token),
            &actions(&[ADD, &on("Delete", "{'S':'2'}", "")], token),
        ],
        expect_test::expect![[r#"
            {"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":2.0,"WriteCapacityUnits":2.0}]}
            {"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":2.0,"ReadCapacityUnits":2.0}]}
            {}
            400 IdempotentParameterMismatchException: DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used.
            400 IdempotentParameterMismatchException: DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used."#]],
    );
    let count = || house.json("GetItem", r#"{"TableName":"votes","Key":{"id":{"S":"1"}}}"#)["Item"]["n"]["N"].clone();
    assert_eq!(count(), "1");
    house.world.advance_ms(10 * 60 * 1000 - 1_000);
    house.ok("TransactWriteItems", &actions(&[ADD], token).replace('\'', "\""));
    assert_eq!(count(), "1", "it still is the first one");
    house.world.advance_ms(2_000);
    house.ok("TransactWriteItems", &actions(&[ADD], token).replace('\'', "\""));
    assert_eq!(count(), "2", "the token's time is over");

    // A transaction that changes nothing has used its token, too.
    house.world.advance_ms(60 * 60 * 1000);
    let token = ",'ClientRequestToken':'t2'";
    let check = on("ConditionCheck", "{'S':'1'}", ",'ConditionExpression':'attribute_exists(id)'");
    house.ok("TransactWriteItems", &actions(&[&check], token).replace('\'', "\""));
    house.replay("TransactWriteItems", &[&actions(&[ADD], token)], expect_test::expect!["400 IdempotentParameterMismatchException: DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used."]);
    // One that was refused has not.
    let token = ",'ClientRequestToken':'t3'";
    house.ask("TransactWriteItems", &actions(&[IS_NEW], token).replace('\'', "\""));
    house.ok("TransactWriteItems", &actions(&[ADD], token).replace('\'', "\""));
    assert_eq!(count(), "3");
}

#[test]
fn without_a_token_the_call_of_the_sdk_is_one() {
    let house = House::furnished();
    let add = actions(&[ADD], "").replace('\'', "\"");
    let other = add.replace("{\"N\":\"1\"}", "{\"N\":\"10\"}");
    let call = |body: &str, attempt: &str| {
        let id = "3f2a9c1e-0d4b-4c6a-9e7f-112233445566";
        let headers = [("amz-sdk-invocation-id", id), ("amz-sdk-request", attempt)];
        assert_eq!(house.ask_as("TransactWriteItems", body, &headers), "{}");
    };
    call(&add, "attempt=1; max=3");
    call(&add, "attempt=2; max=3");
    call(&other, "attempt=1; max=3");
    let item = house.json("GetItem", r#"{"TableName":"votes","Key":{"id":{"S":"1"}}}"#);
    assert_eq!(item["Item"]["n"]["N"], "11");
}

#[test]
fn indexes_are_charged_and_checked() {
    let house = House::furnished();
    let mut spec = house.db.table("votes").expect("it is there").spec.clone();
    spec.name = "indexed".into();
    let n = KeyAttribute { name: "n".into(), kind: KeyKind::S };
    spec.indexes = vec![IndexSpec {
        name: "by-n".into(),
        local: false,
        key: IndexSchema { partition: vec![n], sort: Vec::new() },
        projected: Projected::All,
        billing: Billing::OnDemand,
    }];
    house.db.create_table(spec).wait().expect("it is created");
    let put = |n: &str| PUT.replace("votes", "indexed").replace("{'N':'1'}", n);
    let token = ",'ReturnConsumedCapacity':'INDEXES','ClientRequestToken':'t'";
    let large = format!("{{'S':'a'}},'x':{{'S':'{}'}}", "x".repeat(5000));
    house.replay(
        "TransactWriteItems",
        &[
            &actions(&[&put(&large)], token),
            &actions(&[&put(&large)], token),
            &actions(&[&put("{'S':'b'}")], ",'ReturnConsumedCapacity':'INDEXES'"),
            &actions(&[&put("{'N':'1'}")], ""),
            &actions(&[&put("{'S':''}")], ""),
        ],
        expect_test::expect![[r#"
            {"ConsumedCapacity":[{"TableName":"indexed","CapacityUnits":15.0,"WriteCapacityUnits":15.0,"Table":{"CapacityUnits":10.0,"WriteCapacityUnits":10.0},"GlobalSecondaryIndexes":{"by-n":{"CapacityUnits":5.0,"WriteCapacityUnits":5.0}}}]}
            {"ConsumedCapacity":[{"TableName":"indexed","CapacityUnits":4.0,"ReadCapacityUnits":4.0,"Table":{"CapacityUnits":4.0,"ReadCapacityUnits":4.0}}]}
            {"ConsumedCapacity":[{"TableName":"indexed","CapacityUnits":16.0,"WriteCapacityUnits":16.0,"Table":{"CapacityUnits":10.0,"WriteCapacityUnits":10.0},"GlobalSecondaryIndexes":{"by-n":{"CapacityUnits":6.0,"WriteCapacityUnits":6.0}}}]}
            400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError] [{"Code":"ValidationError","Message":"One or more parameter values were invalid: Type mismatch for Index Key n Expected: S Actual: N IndexName: by-n"}]
            400 ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: by-n, IndexKey: n"#]],
    );
}

#[test]
fn a_view_can_be_checked_but_not_written() {
    let house = House::furnished();
    let mut spec = house.db.table("votes").expect("it is there").spec.clone();
    spec.name = "view".into();
    spec.view = Some(ViewSpec { sql: "SELECT 1".into(), sources: Vec::new() });
    house.db.create_table(spec).wait().expect("it is created");
    let check = on("ConditionCheck", "{'S':'1'}", ",'ConditionExpression':'attribute_not_exists(id)'");
    let check = check.replace("votes", "view");
    house.replay(
        "TransactWriteItems",
        &[&actions(&[PUT, &check], ""), &actions(&[&PUT.replace("votes", "view")], "")],
        expect_test::expect![[r#"
            {}
            400 ValidationException: Table view is kept by a view and is read-only: write to the tables the view reads, or delete the view to write to this table"#]],
    );
}

#[test]
fn conflicts_are_made_up_where_transactions_are() {
    let house = House::build(|config| config.conflicts_percent = 100, Db::open);
    house.ok("CreateTable", VOTES);
    house.ok("CreateTable", TOTALS);
    let put = r#"{"TableName":"votes","Item":{"id":{"S":"1"}}}"#;
    house.ok("PutItem", put);
    let check = on("ConditionCheck", "{'S':'2'}", ",'ConditionExpression':'attribute_not_exists(id)'");
    house.replay("TransactWriteItems", &[&actions(&[PUT, &check], "")], expect_test::expect![[r#"400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None] [{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},{"Code":"None"}]"#]]);
    house.replay("TransactGetItems", &[&actions(&[&on("Get", "{'S':'1'}", "")], "")], expect_test::expect![[r#"400 TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict] [{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}]"#]]);
    house.replay(
        "PutItem",
        &[put],
        expect_test::expect!["400 TransactionConflictException: Transaction is ongoing for the item"],
    );
    house.ok("PutItem", r#"{"TableName":"totals","Item":{"region":{"S":"a"},"rank":{"N":"1"}}}"#);
    house.ok("GetItem", r#"{"TableName":"votes","Key":{"id":{"S":"1"}}}"#);
}
