//! GetItem, PutItem, UpdateItem, DeleteItem.

use super::*;

const VOTE: &str = "{'TableName':'votes','Item':{'id':{'S':'1'},'region':{'S':'SOUTH'},'n':{'N':'1.50'}}";

#[test]
fn an_item_is_put_if_its_condition_holds_and_read() {
    let house = House::furnished();
    house.replay(
        "PutItem",
        &[
            &format!("{VOTE}}}"),
            &format!("{VOTE},'ReturnValues':'ALL_OLD','ReturnConsumedCapacity':'INDEXES'}}"),
            &format!("{VOTE},'ConditionExpression':'attribute_not_exists(id)'}}"),
            &format!(
                "{VOTE},'ConditionExpression':'attribute_not_exists(id)',\
                 'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}}"
            ),
            &format!("{VOTE},'Expected':{{'region':{{'Value':{{'S':'NORTH'}}}}}}}}"),
            &format!("{VOTE},'Expected':{{'region':{{'ComparisonOperator':'BEGINS_WITH','AttributeValueList':[{{'S':'SO'}}]}}}}}}"),
        ],
        expect_test::expect![[r#"
            {}
            {"Attributes":{"id":{"S":"1"},"n":{"N":"1.5"},"region":{"S":"SOUTH"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0,"Table":{"CapacityUnits":1.0}}}
            400 ConditionalCheckFailedException: The conditional request failed
            400 ConditionalCheckFailedException: The conditional request failed {"id":{"S":"1"},"n":{"N":"1.5"},"region":{"S":"SOUTH"}}
            400 ConditionalCheckFailedException: The conditional request failed
            {}"#]],
    );
    let get = "{'TableName':'votes','Key':{'id':{'S':'1'}}";
    house.replay(
        "GetItem",
        &[
            &format!("{get}}}"),
            &format!("{get},'ProjectionExpression':'#r','ExpressionAttributeNames':{{'#r':'region'}}}}"),
            &format!("{get},'AttributesToGet':['n','none']}}"),
            &format!("{get},'ConsistentRead':true,'ReturnConsumedCapacity':'TOTAL'}}"),
            "{'TableName':'votes','Key':{'id':{'S':'2'}},'ReturnConsumedCapacity':'TOTAL'}",
            "{'TableName':'arn:aws:dynamodb:us-east-1:000000000000:table/votes','Key':{'id':{'S':'2'}}}",
        ],
        expect_test::expect![[r#"
            {"Item":{"id":{"S":"1"},"n":{"N":"1.5"},"region":{"S":"SOUTH"}}}
            {"Item":{"region":{"S":"SOUTH"}}}
            {"Item":{"n":{"N":"1.5"}}}
            {"Item":{"id":{"S":"1"},"n":{"N":"1.5"},"region":{"S":"SOUTH"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}
            {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":0.5}}
            {}"#]],
    );
}

#[test]
fn an_item_is_changed_and_deleted_and_shown_as_asked() {
    let house = House::furnished();
    house.replay("PutItem", &[&format!("{VOTE}}}")], expect_test::expect!["{}"]);
    let update = |rest: &str| format!("{{'TableName':'votes','Key':{{'id':{{'S':'1'}}}},{rest}}}");
    let add = "'UpdateExpression':'ADD n :one SET m = :one','ExpressionAttributeValues':{':one':{'N':'1'}}";
    house.replay(
        "UpdateItem",
        &[
            &update(add),
            &update(&format!("{add},'ReturnValues':'UPDATED_NEW'")),
            &update(&format!("{add},'ReturnValues':'UPDATED_OLD'")),
            &update(&format!("{add},'ReturnValues':'ALL_NEW','ReturnConsumedCapacity':'TOTAL'")),
            &update(&format!("{add},'ReturnValues':'ALL_OLD'")),
            &update("'UpdateExpression':'REMOVE m','ReturnValues':'UPDATED_NEW'"),
            &update("'AttributeUpdates':{'n':{'Action':'ADD','Value':{'N':'-5.5'}},'region':{'Action':'DELETE'},'k':{'Value':{'BOOL':true}}},'ReturnValues':'ALL_NEW'"),
            &update("'UpdateExpression':'ADD k :one','ExpressionAttributeValues':{':one':{'N':'1'}}"),
            "{'TableName':'votes','Key':{'id':{'S':'new'}},'ReturnValues':'ALL_NEW'}",
        ],
        expect_test::expect![[r#"
            {}
            {"Attributes":{"m":{"N":"1"},"n":{"N":"3.5"}}}
            {"Attributes":{"m":{"N":"1"},"n":{"N":"3.5"}}}
            {"Attributes":{"id":{"S":"1"},"m":{"N":"1"},"n":{"N":"5.5"},"region":{"S":"SOUTH"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}
            {"Attributes":{"id":{"S":"1"},"m":{"N":"1"},"n":{"N":"5.5"},"region":{"S":"SOUTH"}}}
            {}
            {"Attributes":{"id":{"S":"1"},"k":{"BOOL":true},"n":{"N":"1"}}}
            400 ValidationException: An operand in the update expression has an incorrect data type
            {"Attributes":{"id":{"S":"new"}}}"#]],
    );
    let delete =
        "{'TableName':'votes','Key':{'id':{'S':'1'}},'ReturnValues':'ALL_OLD','ReturnConsumedCapacity':'TOTAL'}";
    house.replay("DeleteItem", &[delete, delete], expect_test::expect![[r#"
        {"Attributes":{"id":{"S":"1"},"k":{"BOOL":true},"n":{"N":"1"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}
        {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}"#]]);
}

#[test]
fn puts_that_cannot_be_are_refused_in_the_order_of_aws() {
    let house = House::furnished();
    let long = "k".repeat(2049);
    let name = "x".repeat(256);
    house.replay(
        "PutItem",
        &[
            "{}",
            "{'TableName':'','Item':{}}",
            "{'TableName':'','Item':{},'ReturnValues':'INVALID'}",
            &format!("{{'TableName':'{name}','Item':{{}}}}"),
            "{'TableName':'a!','Item':{},'ReturnValues':'X','ReturnConsumedCapacity':'Y','ReturnItemCollectionMetrics':'Z'}",
            "{'TableName':'none','Item':{'id':{'S':'1'}}}",
            "{'TableName':'none','Item':{'id':{'S':'1'},'x':{'N':'abc'}}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ReturnValues':'ALL_NEW'}",
            "{'TableName':'votes','Item':{'x':{'S':'1'}}}",
            "{'TableName':'votes','Item':{'id':{'N':'1'}}}",
            "{'TableName':'votes','Item':{'id':{'S':''}}}",
            &format!("{{'TableName':'votes','Item':{{'id':{{'S':'{long}'}}}}}}"),
            &format!("{{'TableName':'votes','Item':{{'id':{{'S':'1'}},'x':{{'S':'{}'}}}}}}", "x".repeat(410 * 1024)),
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'Expected':{},'ConditionExpression':'x'}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ExpressionAttributeValues':{':a':{'S':'1'}}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ExpressionAttributeNames':{'#a':'a'}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':''}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':'a = :b'}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':'a = :b','ExpressionAttributeValues':{':b':{'N':'x'}}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':'a = :b','ExpressionAttributeValues':{':b':{'N':'1'},':c':{'N':'1'}}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'ConditionExpression':'a = a','ExpressionAttributeNames':{}}",
            "{'TableName':'votes','Item':{'id':{'S':'1'}},'Expected':{'a':{'Exists':true}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'item' failed to satisfy constraint: Member must not be null
            400 ValidationException: 1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' at 'tableName' failed to satisfy constraint: Member must have length less than or equal to 255
            400 ValidationException: 4 validation errors detected: Value 'Y' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'a!' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value 'X' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]; Value 'Z' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: 1 validation error detected: The parameter cannot be converted to a numeric value: abc
            400 ValidationException: 1 validation error detected: ReturnValues can only be ALL_OLD or NONE
            400 ValidationException: One or more parameter values were invalid: Missing the key id in the item
            400 ValidationException: One or more parameter values were invalid: Type mismatch for key id expected: S actual: N
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes
            400 ValidationException: 1 validation error detected: Item size has exceeded the maximum allowed size
            400 ValidationException: 1 validation error detected: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}
            400 ValidationException: 1 validation error detected: ExpressionAttributeValues can only be specified when using expressions
            400 ValidationException: 1 validation error detected: ExpressionAttributeNames can only be specified when using expressions
            400 ValidationException: 1 validation error detected: Invalid ConditionExpression: The expression can not be empty;
            400 ValidationException: 1 validation error detected: Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :b
            400 ValidationException: 1 validation error detected: The parameter cannot be converted to a numeric value: x
            400 ValidationException: 1 validation error detected: Value provided in ExpressionAttributeValues unused in expressions: keys: {:c}
            400 ValidationException: 1 validation error detected: ExpressionAttributeNames must not be empty
            400 ValidationException: 1 validation error detected: One or more parameter values were invalid: Value must be provided when Exists is true for Attribute: a"#]],
    );
}

#[test]
fn updates_that_cannot_be_are_refused_in_the_order_of_aws() {
    let house = House::furnished();
    house.replay(
        "UpdateItem",
        &[
            "{'TableName':'','UpdateExpression':'SET a = :a','ReturnConsumedCapacity':'INVALID','ReturnValues':'INVALID'}",
            "{'TableName':'a!','UpdateExpression':'SET a = :a','ReturnConsumedCapacity':'INVALID','ReturnValues':'INVALID'}",
            "{'TableName':'a!','UpdateExpression':'SET a = :a','ReturnConsumedCapacity':'INVALID'}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'UpdateExpression':'SET id = :a','ExpressionAttributeValues':{':a':{'S':'1'}}}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributeUpdates':{'id':{'Value':{'S':'2'}}}}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributeUpdates':{'x':{'Action':'ADD','Value':{'S':'2'}}}}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributeUpdates':{'x':{'Action':'PUT'}}}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributeUpdates':{},'UpdateExpression':'SET a = :a'}",
            "{'TableName':'votes','Key':{'id':{'N':'1'}},'UpdateExpression':'REMOVE a'}",
            "{'TableName':'votes','Key':{'id':{'S':'1'},'x':{'S':'1'}},'UpdateExpression':'REMOVE a'}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'UpdateExpression':'INVALID SYNTAX HERE'}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'UpdateExpression':'SET a.b = :a','ExpressionAttributeValues':{':a':{'S':'1'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]
            400 ValidationException: 3 validation errors detected: Value 'INVALID' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'a!' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value null at 'key' failed to satisfy constraint: Member must not be null
            400 ValidationException: One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key
            400 ValidationException: One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key
            400 ValidationException: 1 validation error detected: One or more parameter values were invalid: ADD action is not supported for the type S
            400 ValidationException: 1 validation error detected: One or more parameter values were invalid: Only DELETE action is allowed when no attribute value is specified
            400 ValidationException: 1 validation error detected: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates} Expression parameters: {UpdateExpression}
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: 1 validation error detected: Invalid UpdateExpression: Syntax error; token: "INVALID", near: "INVALID SYNTAX"
            400 ValidationException: The document path provided in the update expression is invalid for update"#]],
    );
}

#[test]
fn deletes_that_cannot_be_are_refused_in_the_order_of_aws() {
    let house = House::furnished();
    let delete = |rest: &str| format!("{{'TableName':'votes','Key':{{'id':{{'S':'1'}}}}{rest}}}");
    house.replay(
        "DeleteItem",
        &[
            "{}",
            "{'TableName':'','Key':{}}",
            "{'TableName':'x!','Key':{}}",
            &delete(",'ReturnValues':'INVALID','ReturnConsumedCapacity':'INVALID'"),
            &delete(",'ReturnValues':'ALL_NEW'"),
            &delete(",'ConditionExpression':'((attribute_exists(id)))'"),
            &delete(",'ConditionExpression':'attribute_exists(name)'"),
            "{'TableName':'votes','Key':{'id':{'S':''}}}",
            "{'TableName':'votes','Key':{'id':{'L':[]}}}",
            "{'TableName':'none','Key':{'id':{'S':'1'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'key' failed to satisfy constraint: Member must not be null
            400 ValidationException: 1 validation error detected: Value at 'TableName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value 'x!' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+
            400 ValidationException: 2 validation errors detected: Value 'INVALID' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'INVALID' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]
            400 ValidationException: 1 validation error detected: ReturnValues can only be ALL_OLD or NONE
            400 ValidationException: 1 validation error detected: Invalid ConditionExpression: The expression has redundant parentheses;
            400 ValidationException: 1 validation error detected: Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: name
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: The provided key element does not match the schema
            400 ResourceNotFoundException: Requested resource not found"#]],
    );
}

/// Asks with an item of exactly so many bytes.
fn put_of(house: &House, id: &str, bytes: usize) -> String {
    let padding = "x".repeat(bytes - "id".len() - id.len() - "p".len());
    house.ask("PutItem", &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"{id}"}},"p":{{"S":"{padding}"}}}}}}"#))
}

#[test]
fn sizes_are_allowed_to_the_byte() {
    let house = House::furnished();
    let update = |bytes: usize| {
        let padding = "x".repeat(bytes);
        house.ask("UpdateItem", &format!(
            r#"{{"TableName":"votes","Key":{{"id":{{"S":"1"}}}},"UpdateExpression":"SET q = :q","ExpressionAttributeValues":{{":q":{{"S":"{padding}"}}}}}}"#
        ))
    };
    let condition = |values: usize, bytes: usize| {
        let one = |at: usize| format!(r#"":v{at}":{{"S":"{}"}}"#, "x".repeat(bytes));
        let all: Vec<String> = (0..values).map(one).collect();
        let used: Vec<String> = (0..values).map(|at| format!("a <> :v{at}")).collect();
        house.ask("PutItem", &format!(
            r#"{{"TableName":"votes","Item":{{"id":{{"S":"2"}}}},"ConditionExpression":"{}","ExpressionAttributeValues":{{{}}}}}"#,
            used.join(" AND "), all.join(",")
        ))
    };
    let mebi = 1024 * 1024;
    let text = |length: usize| {
        let spaces = " ".repeat(length - "attribute_exists(a)".len());
        house.ask("PutItem", &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"2"}}}},"ConditionExpression":"attribute_exists(a){spaces}"}}"#))
    };
    let operators = |count: usize| {
        let one = vec!["attribute_exists(a)"; count.div_ceil(2)].join(" OR ");
        house.ask(
            "PutItem",
            &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"2"}}}},"ConditionExpression":"{one}"}}"#),
        )
    };
    let answers = [
        put_of(&house, "1", 409_600),
        put_of(&house, "1", 409_601),
        put_of(&house, "1", 1_000),
        update(408_598),
        update(408_600),
        condition(2, mebi),
        condition(2, mebi + 1),
        text(4_096),
        text(4_097),
        operators(140),
        operators(302),
    ];
    expect_test::expect![[r#"
        {}
        400 ValidationException: 1 validation error detected: Item size has exceeded the maximum allowed size
        {}
        {}
        400 ValidationException: Item size to update has exceeded the maximum allowed size
        {}
        400 ValidationException: 1 validation error detected: ExpressionAttributeValues has exceeded the maximum allowed size of 2 MB
        400 ConditionalCheckFailedException: The conditional request failed
        400 ValidationException: 1 validation error detected: Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097
        400 ConditionalCheckFailedException: The conditional request failed
        400 ValidationException: 1 validation error detected: Invalid ConditionExpression: The expression contains too many operators; operator count: 301"#]]
    .assert_eq(&answers.join("\n"));
}

#[test]
fn capacity_counts_what_was_there_and_what_is_there_now() {
    let house = House::furnished();
    put_of(&house, "1", 5_000);
    let put = |rest: &str| format!("{{'TableName':'votes','Item':{{'id':{{'S':'1'}}}}{rest}}}");
    let total = ",'ReturnConsumedCapacity':'TOTAL'";
    house.replay(
        "PutItem",
        &[
            &put(",'ReturnConsumedCapacity':'INDEXES','ReturnItemCollectionMetrics':'SIZE'"),
            &put(total),
            &put(",'ReturnConsumedCapacity':'NONE','ReturnItemCollectionMetrics':'SIZE'"),
        ],
        expect_test::expect![[r#"
            {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":5.0,"Table":{"CapacityUnits":5.0}}}
            {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}
            {}"#]],
    );
    put_of(&house, "1", 8_193);
    let get = |rest: &str| format!("{{'TableName':'votes','Key':{{'id':{{'S':'1'}}}}{rest}}}");
    house.replay(
        "GetItem",
        &[
            &get(&format!("{total},'ProjectionExpression':'id'")),
            &get(&format!("{total},'ProjectionExpression':'id','ConsistentRead':true")),
            &get(",'ProjectionExpression':'id','ReturnConsumedCapacity':'INDEXES','ConsistentRead':true"),
        ],
        expect_test::expect![[r#"
            {"Item":{"id":{"S":"1"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.5}}
            {"Item":{"id":{"S":"1"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":3.0}}
            {"Item":{"id":{"S":"1"}},"ConsumedCapacity":{"TableName":"votes","CapacityUnits":3.0,"Table":{"CapacityUnits":3.0}}}"#]],
    );
    house.replay(
        "DeleteItem",
        &[&get(total), &get(total)],
        expect_test::expect![[r#"
        {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":9.0}}
        {"ConsumedCapacity":{"TableName":"votes","CapacityUnits":1.0}}"#]],
    );
}

#[test]
fn gets_that_cannot_be_are_refused_in_the_order_of_aws() {
    let house = House::furnished();
    house.replay(
        "GetItem",
        &[
            "{}",
            "{'TableName':'none','Key':{}}",
            "{'TableName':'votes','Key':{}}",
            "{'TableName':'totals','Key':{'region':{'S':'a'}}}",
            "{'TableName':'totals','Key':{'region':{'S':'a'},'rank':{'S':'1'}}}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributesToGet':['a','a']}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'AttributesToGet':['a'],'ProjectionExpression':'a'}",
            "{'TableName':'votes','Key':{'id':{'S':'1'}},'ProjectionExpression':'a, a'}",
            "{'TableName':'votes','Key':{'id':{'N':'x'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'key' failed to satisfy constraint: Member must not be null
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: One or more parameter values were invalid: Duplicate value in attribute name: a
            400 ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}
            400 ValidationException: Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]
            400 ValidationException: The parameter cannot be converted to a numeric value: x"#]],
    );
}

#[test]
fn a_view_is_read_only_and_says_so() {
    let house = House::new();
    let key =
        item::KeySchema { partition: item::KeyAttribute { name: "region".into(), kind: item::KeyKind::S }, sort: None };
    let mut spec = db::TableSpec::new("total_votes", key);
    spec.view = Some(db::ViewSpec { sql: "SELECT region FROM votes GROUP BY region".into(), sources: Vec::new() });
    house.db.create_table(spec).wait().expect("a table");
    house.replay(
        "PutItem",
        &["{'TableName':'total_votes','Item':{'region':{'S':'SOUTH'}}}"],
        expect_test::expect!["400 ValidationException: Table total_votes is kept by a view and is read-only: write to the tables the view reads, or delete the view to write to this table"],
    );
}

#[test]
fn a_repeated_attempt_gets_the_first_answer() {
    let house = House::furnished();
    let attempt = |number: u32, by: &str| {
        let request = Request::post("/")
            .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
            .header("amz-sdk-invocation-id", "3f2a9c1e-0d4b-4c6a-9e7f-112233445566")
            .header("amz-sdk-request", format!("attempt={number}; max=5"))
            .body(())
            .expect("a request");
        let body = format!(
            r#"{{"TableName":"votes","Key":{{"id":{{"S":"1"}}}},"UpdateExpression":"ADD n :n",
                "ExpressionAttributeValues":{{":n":{{"N":"{by}"}}}},"ReturnValues":"ALL_NEW"}}"#
        );
        String::from_utf8(house.send(request, &body).body().to_vec()).expect("UTF-8")
    };
    let first = attempt(1, "1");
    assert_eq!(first, r#"{"Attributes":{"id":{"S":"1"},"n":{"N":"1"}}}"#);
    assert_eq!(attempt(2, "1"), first);
    assert_eq!(attempt(3, "1"), first);
    // Another request under the same id is another request.
    assert_eq!(attempt(2, "5"), r#"{"Attributes":{"id":{"S":"1"},"n":{"N":"6"}}}"#);
}
