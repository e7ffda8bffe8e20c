//! BatchGetItem and BatchWriteItem.

use super::*;

#[test]
fn batches_write_and_read_several_tables() {
    let house = House::furnished();
    house.replay(
        "BatchWriteItem",
        &[
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'}}}},{'PutRequest':{'Item':{'id':{'S':'2'},'x':{'N':'1'}}}}],\
              'totals':[{'PutRequest':{'Item':{'region':{'S':'a'},'rank':{'N':'1'}}}}]},'ReturnConsumedCapacity':'TOTAL'}",
            "{'RequestItems':{'votes':[{'DeleteRequest':{'Key':{'id':{'S':'1'}}}}]}}",
        ],
        expect_test::expect![[r#"
            {"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":2.0},{"TableName":"totals","CapacityUnits":1.0}]}
            {"UnprocessedItems":{}}"#]],
    );
    house.replay(
        "BatchGetItem",
        &[
            "{'RequestItems':{'votes':{'Keys':[{'id':{'S':'1'}},{'id':{'S':'2'}}],'ProjectionExpression':'x'},\
              'totals':{'Keys':[{'region':{'S':'a'},'rank':{'N':'1.0'}}],'ConsistentRead':true}},'ReturnConsumedCapacity':'TOTAL'}",
        ],
        expect_test::expect![[r#"{"Responses":{"votes":[{"x":{"N":"1"}}],"totals":[{"rank":{"N":"1"},"region":{"S":"a"}}]},"UnprocessedKeys":{},"ConsumedCapacity":[{"TableName":"votes","CapacityUnits":1.0},{"TableName":"totals","CapacityUnits":1.0}]}"#]],
    );
}

#[test]
fn batches_that_cannot_be_are_refused_as_aws_does() {
    let house = House::furnished();
    let puts = |count: usize| {
        let one: Vec<_> = (0..count).map(|id| format!("{{'PutRequest':{{'Item':{{'id':{{'S':'{id}'}}}}}}}}")).collect();
        format!("{{'RequestItems':{{'votes':[{}]}}}}", one.join(","))
    };
    house.replay(
        "BatchWriteItem",
        &[
            "{}",
            "{'RequestItems':{}}",
            "{'RequestItems':{'votes':[]}}",
            "{'RequestItems':{'a!':[{}]}}",
            &puts(26),
            "{'RequestItems':{'votes':[{}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{}}]}}",
            "{'RequestItems':{'none':[{'PutRequest':{'Item':{'id':{'S':'1'}}}}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'N':'1'}}}}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':''}}}}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'},'n':{'N':''}}}}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'}}}},{'DeleteRequest':{'Key':{'id':{'S':'1'}}}}]}}",
            "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'}}}}]},'ReturnConsumedCapacity':'X','ReturnItemCollectionMetrics':'Y'}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: Member must not be null
            400 ValidationException: The requestItems parameter is required for BatchWriteItem
            400 ValidationException: 1 validation error detected: Value '{votes=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]
            400 ValidationException: 1 validation error detected: Value '{a!=[...]}' at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]
            400 ValidationException: 1 validation error detected: Value '{votes=[...]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]
            400 ValidationException: Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes
            400 ValidationException: 1 validation error detected: Value null at 'requestItems.member.member.putRequest.item' failed to satisfy constraint: Member must not be null
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: id
            400 ValidationException: The parameter cannot be converted to a numeric value
            400 ValidationException: Provided list of item keys contains duplicates
            400 ValidationException: 2 validation errors detected: Value 'X' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; Value 'Y' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: [SIZE, NONE]"#]],
    );
    let keys = |count: usize| {
        let one: Vec<_> = (0..count).map(|id| format!("{{'id':{{'S':'{id}'}}}}")).collect();
        format!("{{'RequestItems':{{'votes':{{'Keys':[{}]}}}}}}", one.join(","))
    };
    house.replay(
        "BatchGetItem",
        &[
            "{}",
            "{'RequestItems':{}}",
            &keys(0),
            &keys(101),
            "{'RequestItems':{'votes':{}}}",
            "{'RequestItems':{'none':{'Keys':[{'id':{'S':'1'}}]}}}",
            "{'RequestItems':{'votes':{'Keys':[{'id':{'S':'1'}},{'id':{'S':'1'}}]}}}",
            "{'RequestItems':{'votes':{'Keys':[{'id':{'S':'1'}}],'ProjectionExpression':'a','AttributesToGet':['a']}}}",
            "{'RequestItems':{'votes':{'Keys':[{'id':{'S':'1'}}],'ProjectionExpression':'id'},\
              'totals':{'Keys':[{'region':{'S':'a'},'rank':{'N':'1'}}],'AttributesToGet':['rank']}}}",
            "{'RequestItems':{'votes':{'Keys':[{'id':{'S':'1'}}],'ProjectionExpression':'a, a'},\
              'totals':{'Keys':[{'region':{'S':'a'},'rank':{'N':'1'}}],'ProjectionExpression':'a'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: Member must not be null
            400 ValidationException: The requestItems parameter is required for BatchGetItem
            400 ValidationException: 1 validation error detected: Value at 'RequestItems.votes.member.Keys' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value at 'RequestItems.votes.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100
            400 ValidationException: 1 validation error detected: Value null at 'requestItems.votes.member.keys' failed to satisfy constraint: Member must not be null
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: Provided list of item keys contains duplicates
            400 ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}
            400 ValidationException: Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}
            400 ValidationException: Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"#]],
    );
}

#[test]
fn an_answer_of_16_megabytes_hands_the_other_keys_back() {
    let house = House::furnished();
    let text = "x".repeat(390 * 1024);
    let mut keys = Vec::new();
    for id in 0..50 {
        house.ok("PutItem", &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"{id}"}},"x":{{"S":"{text}"}}}}}}"#));
        keys.push(format!(r#"{{"id":{{"S":"{id}"}}}}"#));
    }
    let mut request = format!(
        r##"{{"votes":{{"Keys":[{}],"ProjectionExpression":"#i","ExpressionAttributeNames":{{"#i":"id"}}}}}}"##,
        keys.join(",")
    );
    let mut seen = Vec::new();
    let mut rounds = 0;
    while request != "{}" {
        let answer = house.json("BatchGetItem", &format!(r#"{{"RequestItems":{request}}}"#));
        let found = answer["Responses"]["votes"].as_array().expect("items").clone();
        seen.extend(found.iter().map(|item| item["id"]["S"].as_str().expect("an id").to_string()));
        request = answer["UnprocessedKeys"].to_string();
        rounds += 1;
    }
    assert_eq!((seen.len(), rounds), (50, 2));
    assert_eq!(seen.iter().collect::<std::collections::HashSet<_>>().len(), 50);
}
