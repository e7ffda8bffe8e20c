//! Secondary indexes: created, described, changed, read, written to, and what all that is said to cost.

use super::*;
use std::time::Duration;

/// A table by (pk, sk) with a global index of some attributes, one of all, one by several attributes, and two local ones.
const INDEXED: &str = r#"{"TableName":"games","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},
        {"AttributeName":"team","AttributeType":"S"},{"AttributeName":"score","AttributeType":"N"},
        {"AttributeName":"round","AttributeType":"N"},{"AttributeName":"place","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
    "GlobalSecondaryIndexes":[
        {"IndexName":"by_team","KeySchema":[{"AttributeName":"team","KeyType":"HASH"},{"AttributeName":"score","KeyType":"RANGE"}],
            "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["note","extra"]}},
        {"IndexName":"whole","KeySchema":[{"AttributeName":"place","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}},
        {"IndexName":"several","KeySchema":[{"AttributeName":"team","KeyType":"HASH"},{"AttributeName":"round","KeyType":"HASH"},
            {"AttributeName":"place","KeyType":"RANGE"},{"AttributeName":"score","KeyType":"RANGE"}],
            "Projection":{"ProjectionType":"KEYS_ONLY"}}],
    "LocalSecondaryIndexes":[
        {"IndexName":"by_score","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"score","KeyType":"RANGE"}],
            "Projection":{"ProjectionType":"KEYS_ONLY"}},
        {"IndexName":"by_round","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"round","KeyType":"RANGE"}],
            "Projection":{"ProjectionType":"ALL"}}]}"#;

fn indexed() -> House {
    let house = House::new();
    house.ok("CreateTable", INDEXED);
    house
}

/// Items 0 to `count`: six partitions; of five items one has no team, of four one no place.
fn games(count: u32) -> House {
    let house = indexed();
    for n in 0..count {
        let mut item = format!(r#""pk":{{"S":"p{}"}},"sk":{{"N":"{n}"}},"score":{{"N":"{}"}}"#, n % 6, (n * 37) % 101);
        if n % 5 != 0 {
            item += &format!(r#","team":{{"S":"t{}"}}"#, n % 3);
        }
        if n % 4 != 0 {
            item += &format!(r#","place":{{"S":"l{}"}}"#, n % 2);
        }
        item += &format!(r#","round":{{"N":"{}"}},"note":{{"S":"n{n}"}},"remark":{{"S":"o{n}"}}"#, n % 7);
        house.ok("PutItem", &format!(r#"{{"TableName":"games","Item":{{{item}}}}}"#));
    }
    house
}

/// Waits until the table is ACTIVE again.
fn settle(house: &House, table: &str) {
    let body = format!(r#"{{"TableName":"{table}"}}"#);
    let mut seen = house.db.head();
    for _ in 0..10_000 {
        if house.ok("DescribeTable", &body).contains(r#""TableStatus":"ACTIVE""#) {
            return;
        }
        seen = house.db.wait_past(seen, Duration::from_millis(50));
    }
    panic!("an index of {table} is never filled");
}

#[test]
fn indexes_are_described_with_their_keys_projections_and_counts() {
    let house = games(20);
    let description = house.json("DescribeTable", r#"{"TableName":"games"}"#);
    let table = &description["Table"];
    let text = |value: &serde_json::Value| serde_json::to_string_pretty(value).expect("JSON");
    expect_test::expect![[r#"[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"place","AttributeType":"S"},{"AttributeName":"round","AttributeType":"N"},{"AttributeName":"score","AttributeType":"N"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"team","AttributeType":"S"}]"#]].assert_eq(&text(&table["AttributeDefinitions"]).replace([' ', '\n'], ""));
    expect_test::expect![[r#"
        [
          {
            "IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/games/index/by_team",
            "IndexName": "by_team",
            "IndexSizeBytes": 440,
            "IndexStatus": "ACTIVE",
            "ItemCount": 16,
            "KeySchema": [
              {
                "AttributeName": "team",
                "KeyType": "HASH"
              },
              {
                "AttributeName": "score",
                "KeyType": "RANGE"
              }
            ],
            "Projection": {
              "NonKeyAttributes": [
                "extra",
                "note"
              ],
              "ProjectionType": "INCLUDE"
            },
            "ProvisionedThroughput": {
              "NumberOfDecreasesToday": 0,
              "ReadCapacityUnits": 0,
              "WriteCapacityUnits": 0
            }
          },
          {
            "IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/games/index/whole",
            "IndexName": "whole",
            "IndexSizeBytes": 731,
            "IndexStatus": "ACTIVE",
            "ItemCount": 15,
            "KeySchema": [
              {
                "AttributeName": "place",
                "KeyType": "HASH"
              }
            ],
            "Projection": {
              "ProjectionType": "ALL"
            },
            "ProvisionedThroughput": {
              "NumberOfDecreasesToday": 0,
              "ReadCapacityUnits": 0,
              "WriteCapacityUnits": 0
            }
          },
          {
            "IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/games/index/several",
            "IndexName": "several",
            "IndexSizeBytes": 418,
            "IndexStatus": "ACTIVE",
            "ItemCount": 12,
            "KeySchema": [
              {
                "AttributeName": "team",
                "KeyType": "HASH"
              },
              {
                "AttributeName": "round",
                "KeyType": "HASH"
              },
              {
                "AttributeName": "place",
                "KeyType": "RANGE"
              },
              {
                "AttributeName": "score",
                "KeyType": "RANGE"
              }
            ],
            "Projection": {
              "ProjectionType": "KEYS_ONLY"
            },
            "ProvisionedThroughput": {
              "NumberOfDecreasesToday": 0,
              "ReadCapacityUnits": 0,
              "WriteCapacityUnits": 0
            }
          }
        ]"#]]
    .assert_eq(&text(&table["GlobalSecondaryIndexes"]));
    expect_test::expect![[r#"
        [
          {
            "IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/games/index/by_score",
            "IndexName": "by_score",
            "IndexSizeBytes": 298,
            "ItemCount": 20,
            "KeySchema": [
              {
                "AttributeName": "pk",
                "KeyType": "HASH"
              },
              {
                "AttributeName": "score",
                "KeyType": "RANGE"
              }
            ],
            "Projection": {
              "ProjectionType": "KEYS_ONLY"
            }
          },
          {
            "IndexArn": "arn:aws:dynamodb:us-east-1:000000000000:table/games/index/by_round",
            "IndexName": "by_round",
            "IndexSizeBytes": 936,
            "ItemCount": 20,
            "KeySchema": [
              {
                "AttributeName": "pk",
                "KeyType": "HASH"
              },
              {
                "AttributeName": "round",
                "KeyType": "RANGE"
              }
            ],
            "Projection": {
              "ProjectionType": "ALL"
            }
          }
        ]"#]]
    .assert_eq(&text(&table["LocalSecondaryIndexes"]));
    assert_eq!(table["ItemCount"], 20);
}

#[test]
fn indexes_that_cannot_be_are_refused_as_aws_does() {
    let house = House::new();
    let attributes = |names: &str| {
        let one = |name: &str| format!("{{'AttributeName':'{name}','AttributeType':'S'}}");
        names.split_whitespace().map(one).collect::<Vec<_>>().join(",")
    };
    let key = |names: &str| {
        let one = |name: &str| match name.strip_prefix('+') {
            Some(name) => format!("{{'AttributeName':'{name}','KeyType':'RANGE'}}"),
            None => format!("{{'AttributeName':'{name}','KeyType':'HASH'}}"),
        };
        names.split_whitespace().map(one).collect::<Vec<_>>().join(",")
    };
    let table = |own: &str, defined: &str, rest: &str| {
        format!(
            "{{'TableName':'games','BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{}],'KeySchema':[{}]{rest}}}",
            attributes(defined),
            key(own)
        )
    };
    let index = |name: &str, names: &str, projection: &str| {
        format!("{{'IndexName':'{name}','KeySchema':[{}],'Projection':{{{projection}}}}}", key(names))
    };
    let (all, keys) = ("'ProjectionType':'ALL'", "'ProjectionType':'KEYS_ONLY'");
    let global = |indexes: &str| format!(",'GlobalSecondaryIndexes':[{indexes}]");
    let local = |indexes: &str| format!(",'LocalSecondaryIndexes':[{indexes}]");
    let one = |names: &str, defined: &str, projection: &str| {
        table("a", &format!("a {defined}"), &global(&index("one", names, projection)))
    };
    let many = |count: usize| (0..count).map(|n| index(&format!("index{n}"), "b", keys)).collect::<Vec<_>>().join(",");
    let locals =
        |count: usize| (0..count).map(|n| index(&format!("index{n}"), "a +c", keys)).collect::<Vec<_>>().join(",");
    let projects = |from: usize, to: usize| {
        let names: Vec<String> = (from..to).map(|n| format!("'n{n}'")).collect();
        format!("'ProjectionType':'INCLUDE','NonKeyAttributes':[{}]", names.join(","))
    };
    let provisioned = |body: String| {
        let units = "'ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':1}";
        body.replace("'BillingMode':'PAY_PER_REQUEST'", &format!("'BillingMode':'PROVISIONED',{units}"))
    };
    let units = |body: String, units: &str| {
        body.replace("'IndexName'", &format!("'ProvisionedThroughput':{units},'IndexName'"))
    };
    let six =
        (0..6).map(|n| index(&format!("index{n}"), "b", &projects(n * 20, n * 20 + 17))).collect::<Vec<_>>().join(",");
    let bodies = [
        table("a", "a", &global("")),
        table("a +b", "a b", &local("")),
        table("a", "a", &global("{}")),
        table("a", "a b", &global(&index("x", "b", "'ProjectionType':'all'"))),
        table("a", "a b", &global(&index("a/b", "b", "'NonKeyAttributes':[]"))),
        one("b", "b", &projects(0, 21)),
        one("b", "b", &projects(0, 1).replace("n0", "")),
        table("a", "a b", &local(&index("one", "a +b", all))),
        table("a +b", "a b c", &local(&index("one", "a +b +c", all))),
        table("a +b", "a b c", &local(&index("one", "b +c", all))),
        table("a +b", "a b", &local(&index("one", "a", all))),
        table("a +b", "a b", &local(&index("one", "a +q", all))),
        table("a +b", "a b c", &local(&locals(6))),
        table("a +b", "a b c", &format!("{}{}", local(&index("dup", "a +c", all)), global(&index("dup", "b", all)))),
        table("a", "a a", ""),
        one("b", "b c", all),
        one("q", "b", all),
        one("+b", "b", all),
        one("b +c d", "b c d", all),
        one("b c +b", "b c", all),
        one("b +b", "b", all),
        one("b c d e f", "b c d e f", all),
        one("b +c +d +e +f +g", "b c d e f g", all),
        one("b", "b", ""),
        one("b", "b", "'ProjectionType':'INCLUDE'"),
        one("b", "b", "'ProjectionType':'ALL','NonKeyAttributes':['x']"),
        one("b", "b", "'ProjectionType':'INCLUDE','NonKeyAttributes':['x','y','x']"),
        table("a", "a b", &global(&many(21))),
        table("a", "a b", &global(&six)),
        units(one("b", "b", all), "{'ReadCapacityUnits':1,'WriteCapacityUnits':1}"),
        units(one("b", "b", all), "{'ReadCapacityUnits':0}"),
        provisioned(one("b", "b", all)),
        units(provisioned(one("b", "b", all)), "{'ReadCapacityUnits':1000000000001,'WriteCapacityUnits':1}"),
    ];
    house.replay("CreateTable", &bodies.iter().map(String::as_str).collect::<Vec<_>>(), expect_test::expect![[r#"
        400 ValidationException: One or more parameter values were invalid: List of GlobalSecondaryIndexes is empty
        400 ValidationException: One or more parameter values were invalid: List of LocalSecondaryIndexes is empty
        400 ValidationException: 3 validation errors detected: Value null at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.keySchema' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy constraint: Member must not be null
        400 ValidationException: 2 validation errors detected: Value 'x' at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must have length greater than or equal to 3; Value 'all' at 'globalSecondaryIndexes.1.member.projection.projectionType' failed to satisfy constraint: Member must satisfy enum value set: [ALL, INCLUDE, KEYS_ONLY]
        400 ValidationException: 2 validation errors detected: Value 'a/b' at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '[]' at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes' failed to satisfy constraint: Member must have length greater than or equal to 1
        400 ValidationException: 1 validation error detected: Value '[n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15, n16, n17, n18, n19, n20]' at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes' failed to satisfy constraint: Member must have length less than or equal to 20
        400 ValidationException: 1 validation error detected: Value '[]' at 'globalSecondaryIndexes.1.member.projection.nonKeyAttributes' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than or equal to 1]
        400 ValidationException: One or more parameter values were invalid: Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex
        400 ValidationException: 1 validation error detected: Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'localSecondaryIndexes.1.member.keySchema' failed to satisfy constraint: Member must have length less than or equal to 2
        400 ValidationException: One or more parameter values were invalid: Index KeySchema does not have the same leading hash key as table KeySchema for index: one. index hash key: b, table hash key: a
        400 ValidationException: One or more parameter values were invalid: Index KeySchema does not have a range key for index: one
        400 ValidationException: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [a, q], AttributeDefinitions: [a, b]
        400 ValidationException: One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds per-table limit of 5
        400 ValidationException: One or more parameter values were invalid: Duplicate index name: dup
        400 ValidationException: Attribute Name is duplicated: a
        400 ValidationException: One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], keys used: [a, b]
        400 ValidationException: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [q], AttributeDefinitions: [a, b]
        400 ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type
        400 ValidationException: One or more parameter values were invalid: All HASH key attributes must precede RANGE key attributes in the KeySchema
        400 ValidationException: The KeySchema contains multiple key attributes with the same name
        400 ValidationException: Both the Hash Key and the Range Key element in the KeySchema have the same name
        400 ValidationException: One or more parameter values were invalid: The KeySchema exceeds the maximum allowed number of HASH key attributes
        400 ValidationException: One or more parameter values were invalid: The KeySchema exceeds the maximum allowed number of RANGE key attributes
        400 ValidationException: One or more parameter values were invalid: Unknown ProjectionType: null
        400 ValidationException: One or more parameter values were invalid: ProjectionType is INCLUDE, but NonKeyAttributes is not specified
        400 ValidationException: One or more parameter values were invalid: ProjectionType is ALL, but NonKeyAttributes is specified
        400 ValidationException: One or more parameter values were invalid: Duplicate element in NonKeyAttributes: x
        400 ValidationException: One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table limit of 20
        400 ValidationException: One or more parameter values were invalid: Number of NonKeyAttributes projected by all indexes exceeds the per-table limit of 100
        400 ValidationException: One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: one when BillingMode is PAY_PER_REQUEST
        400 ValidationException: 2 validation errors detected: Value null at 'globalSecondaryIndexes.1.member.provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must not be null; Value '0' at 'globalSecondaryIndexes.1.member.provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1
        400 ValidationException: One or more parameter values were invalid: ProvisionedThroughput is not specified for index: one
        400 ValidationException: Given value 1000000000001 for ReadCapacityUnits is out of bounds for index one"#]]);
    assert_eq!(house.ok("ListTables", "{}"), r#"{"TableNames":[]}"#);
    let can_be = [
        one("b c d e +f +g +h +i", "b c d e f g h i", all),
        table("a +b", "a b", &format!("{}{}", local(&index("one", "a +b", all)), global(&index("games", "a +b", all)))),
        table("a +b", "a b c", &local(&locals(5))),
        table("a", "a b", &global(&many(20))),
    ];
    for body in can_be {
        house.ok("CreateTable", &body.replace('\'', "\""));
        house.ok("DeleteTable", r#"{"TableName":"games"}"#);
    }
}

#[test]
fn an_index_is_made_on_a_table_with_items_and_goes_again() {
    let house = House::furnished();
    for n in 0..2_000 {
        house.ok(
            "PutItem",
            &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"{n}"}},"region":{{"S":"r{}"}}}}}}"#, n % 4),
        );
    }
    let create = |name: &str| {
        format!(
            "{{'TableName':'votes','AttributeDefinitions':[{{'AttributeName':'region','AttributeType':'S'}}],\
             'GlobalSecondaryIndexUpdates':[{{'Create':{{'IndexName':'{name}','KeySchema':[{{'AttributeName':'region',\
             'KeyType':'HASH'}}],'Projection':{{'ProjectionType':'KEYS_ONLY'}}}}}}]}}"
        )
    };
    let json = |body: &str| body.replace('\'', "\"");
    let made = house.json("UpdateTable", &json(&create("by_region")));
    let index = &made["TableDescription"]["GlobalSecondaryIndexes"][0];
    assert_eq!(
        (&made["TableDescription"]["TableStatus"], &index["IndexStatus"]),
        (&"UPDATING".into(), &"CREATING".into())
    );
    assert_eq!(index["Backfilling"], true);
    settle(&house, "votes");
    let described = house.json("DescribeTable", r#"{"TableName":"votes"}"#);
    let index = &described["Table"]["GlobalSecondaryIndexes"][0];
    assert_eq!((index["IndexStatus"].as_str(), index["ItemCount"].as_u64()), (Some("ACTIVE"), Some(2_000)));
    assert!(index.get("Backfilling").is_none());
    let counted = house.json(
        "Query",
        &json(
            "{'TableName':'votes','IndexName':'by_region','KeyConditionExpression':'#r = :r','Select':'COUNT',\
         'ExpressionAttributeNames':{'#r':'region'},'ExpressionAttributeValues':{':r':{'S':'r3'}}}",
        ),
    );
    assert_eq!(counted["Count"], 500);
    let delete = "{'TableName':'votes','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'by_region'}}]}";
    let gone = house.json("UpdateTable", &json(delete));
    assert_eq!(gone["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"], "DELETING");
    let described = house.json("DescribeTable", r#"{"TableName":"votes"}"#);
    assert!(described["Table"].get("GlobalSecondaryIndexes").is_none());
    assert_eq!(described["Table"]["AttributeDefinitions"].as_array().map(Vec::len), Some(1));
    house.replay(
        "UpdateTable",
        &[delete],
        expect_test::expect![
            "400 ResourceNotFoundException: Requested resource not found: Index by_region for table votes"
        ],
    );
}

#[test]
fn updates_of_indexes_that_cannot_be_are_refused_as_aws_does() {
    let house = indexed();
    let with = |rest: &str| format!("{{'TableName':'games',{rest}}}");
    let updates = |list: &str| with(&format!("'GlobalSecondaryIndexUpdates':[{list}]"));
    let create = |name: &str| {
        format!(
            "{{'Create':{{'IndexName':'{name}','KeySchema':[{{'AttributeName':'b','KeyType':'HASH'}}],\
             'Projection':{{'ProjectionType':'ALL'}}}}}}"
        )
    };
    let defined = |kind: &str, list: &str| {
        with(&format!(
            "'AttributeDefinitions':[{{'AttributeName':'b','AttributeType':'{kind}'}}],'GlobalSecondaryIndexUpdates':[{list}]"
        ))
    };
    let delete = |name: &str| format!("{{'Delete':{{'IndexName':'{name}'}}}}");
    let units =
        |name: &str, units: &str| format!("{{'Update':{{'IndexName':'{name}','ProvisionedThroughput':{units}}}}}");
    let some = "{'ReadCapacityUnits':3,'WriteCapacityUnits':4}";
    let bodies = [
        updates(""),
        with("'GlobalSecondaryIndexUpdates':[],'DeletionProtectionEnabled':true"),
        updates("{}"),
        updates("{'Create':{},'Delete':{'IndexName':'x'}}"),
        updates("{'Update':{'IndexName':'whole'},'Delete':{'IndexName':'whole'}}"),
        updates(&format!("{},{}", delete("whole"), delete("whole"))),
        updates(&format!("{},{}", delete("whole"), delete("several"))),
        updates(&delete("nothing")),
        updates(&delete("by_score")),
        updates(&create("new")),
        defined("S", &create("whole")),
        defined("S", &create("by_score")),
        defined("N", &create("new")).replace("'b'", "'team'"),
        defined("S", &create("new")).replace("'AttributeName':'b','KeyType'", "'AttributeName':'q','KeyType'"),
        defined("S", &create("new")).replace("'Create':{", &format!("'Create':{{'ProvisionedThroughput':{some},")),
        updates(&units("whole", some)),
        updates(&units("nothing", some)),
        updates(&units("by_score", some)),
        with("'BillingMode':'PROVISIONED','ProvisionedThroughput':{'ReadCapacityUnits':3,'WriteCapacityUnits':4}"),
        with(&format!(
            "'StreamSpecification':{{'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'}},'GlobalSecondaryIndexUpdates':[{}]",
            delete("whole")
        )),
        with(&format!("'DeletionProtectionEnabled':true,'GlobalSecondaryIndexUpdates':[{}]", delete("whole"))),
        with("'TableClass':'STANDARD','SSESpecification':{}"),
        with("'TableClass':'CHEAP'"),
        with("'ReplicaUpdates':[{'Create':{'RegionName':'eu-west-1'}}]"),
        with("'StreamSpecification':{'StreamEnabled':true}"),
        with("'StreamSpecification':{'StreamEnabled':false,'StreamViewType':'KEYS_ONLY'}"),
    ];
    house.replay("UpdateTable", &bodies.iter().map(String::as_str).collect::<Vec<_>>(), expect_test::expect![[r#"
        400 ValidationException: At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required
        400 ValidationException: One or more parameter values were invalid: List of GlobalSecondaryIndexUpdates is empty
        400 ValidationException: One or more parameter values were invalid: One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null
        400 ValidationException: 4 validation errors detected: Value null at 'globalSecondaryIndexUpdates.1.member.create.indexName' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexUpdates.1.member.create.keySchema' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexUpdates.1.member.create.projection' failed to satisfy constraint: Member must not be null; Value 'x' at 'globalSecondaryIndexUpdates.1.member.delete.indexName' failed to satisfy constraint: Member must have length greater than or equal to 3
        400 ValidationException: One or more parameter values were invalid: Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object
        400 ValidationException: One or more parameter values were invalid: Only one global secondary index update per index is allowed simultaneously. Index: whole
        400 LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table
        400 ResourceNotFoundException: Requested resource not found: Index nothing for table games
        400 ValidationException: Cannot delete an index that is not a GlobalSecondaryIndex: by_score
        400 ValidationException: One or more parameter values were invalid: AttributeDefinitions is not specified for index: new
        400 ValidationException: Attempting to create an index which already exists
        400 ValidationException: Attempting to create an index which already exists
        400 ValidationException: One or more parameter values were invalid: Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. Existing schema: Schema:[SchemaElement: key{team:S:HASH}, SchemaElement: key{score:N:RANGE}] New schema: Schema:[SchemaElement: key{team:N:HASH}]
        400 ValidationException: One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [q], AttributeDefinitions: [b]
        400 ValidationException: One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: new when BillingMode is PAY_PER_REQUEST
        400 ValidationException: One or more parameter values were invalid: The only Updates for index: whole when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput
        400 ResourceNotFoundException: Requested resource not found: Index nothing for table games
        400 ValidationException: Cannot update an index that is not a GlobalSecondaryIndex: by_score
        400 ValidationException: One or more parameter values were invalid: ProvisionedThroughput must be specified for index: by_team
        400 ValidationException: One or more parameter values were invalid: You cannot create or delete index while changing stream status
        400 ValidationException: One or more parameter values were invalid: DeletionProtection modification must be the only operation in the request
        400 ValidationException: One or more parameter values were invalid: Server-Side Encryption modification must be the only operation in the request
        400 ValidationException: Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, STANDARD_INFREQUENT_ACCESS].
        400 ValidationException: ReplicaUpdates: global tables are not supported
        400 ValidationException: One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required
        400 ValidationException: One or more parameter values were invalid: If stream is being disabled, then UpdateViewType must not be specified"#]]);
    let ask = |body: &str| house.json("UpdateTable", &body.replace('\'', "\""));
    let all = format!("{},{},{}", units("whole", some), units("by_team", some), units("several", some));
    let switched = ask(&with(&format!(
        "'BillingMode':'PROVISIONED','ProvisionedThroughput':{some},'GlobalSecondaryIndexUpdates':[{all}]"
    )));
    assert_eq!(
        switched["TableDescription"]["GlobalSecondaryIndexes"][1]["ProvisionedThroughput"]["WriteCapacityUnits"],
        4
    );
    house.replay("UpdateTable", &[&updates(&units("whole", some)), &defined("S", &create("new"))], expect_test::expect![[r#"
        400 ValidationException: The provisioned throughput for the index whole will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for index whole: 3. Requested ReadCapacityUnits: 3. Current WriteCapacityUnits provisioned for index whole: 4. Requested WriteCapacityUnits: 4. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.
        400 ValidationException: One or more parameter values were invalid: Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: new"#]]);
    let back = ask(&with("'BillingMode':'PAY_PER_REQUEST'"));
    assert_eq!(back["TableDescription"]["GlobalSecondaryIndexes"][1]["ProvisionedThroughput"]["WriteCapacityUnits"], 0);
    let class = ask(&with("'TableClass':'STANDARD_INFREQUENT_ACCESS'"));
    assert_eq!(class["TableDescription"]["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");
}

#[test]
fn an_index_being_filled_cannot_be_read_and_holds_other_changes_up() {
    // 8 MB are filled in some thirty steps, each of which is synced.
    let padding = "x".repeat(20_000);
    let with = |rest: &str| format!("{{'TableName':'votes',{rest}}}").replace('\'', "\"");
    let create = |name: &str| {
        with(&format!(
            "'AttributeDefinitions':[{{'AttributeName':'id','AttributeType':'S'}}],'GlobalSecondaryIndexUpdates':\
             [{{'Create':{{'IndexName':'{name}','KeySchema':[{{'AttributeName':'id','KeyType':'HASH'}}],\
             'Projection':{{'ProjectionType':'ALL'}}}}}}]"
        ))
    };
    let units = "{'ReadCapacityUnits':3,'WriteCapacityUnits':4}";
    let asked = [
        (
            "Query",
            with("'IndexName':'slow','KeyConditionExpression':'id = :i','ExpressionAttributeValues':{':i':{'S':'1'}}"),
        ),
        ("Scan", with("'IndexName':'slow'")),
        ("UpdateTable", create("slow")),
        ("UpdateTable", create("another")),
        (
            "UpdateTable",
            with(&format!(
                "'GlobalSecondaryIndexUpdates':[{{'Update':{{'IndexName':'slow','ProvisionedThroughput':{units}}}}}]"
            )),
        ),
        ("UpdateTable", with("'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'KEYS_ONLY'}")),
        ("UpdateTable", with(&format!("'BillingMode':'PROVISIONED','ProvisionedThroughput':{units}"))),
        ("DeleteTable", with("'ReturnConsumedCapacity':'NONE'")),
    ];
    // An index that was complete before the last answer proves nothing: once more, with another house.
    let answers = (0..10).find_map(|_| {
        let house = House::furnished();
        for n in 0..400 {
            let item = format!(r#"{{"id":{{"S":"{n}"}},"b":{{"S":"{padding}"}}}}"#);
            house.ok("PutItem", &format!(r#"{{"TableName":"votes","Item":{item}}}"#));
        }
        house.ok("UpdateTable", &create("slow"));
        let answers: Vec<String> = asked.iter().map(|(operation, body)| house.ask(operation, body)).collect();
        let table = house.db.table("votes")?;
        let filling = table.index("slow").is_some_and(|index| index.backfill.is_some());
        filling.then_some(answers)
    });
    expect_test::expect![[r#"
        400 ValidationException: Cannot read from backfilling global secondary index: slow
        400 ValidationException: Cannot read from backfilling global secondary index: slow
        400 ResourceInUseException: Attempt to change a resource which is still in use: Index is being created. Table: votes Index: slow
        400 LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table
        400 ResourceInUseException: Attempt to change a resource which is still in use: Index is being created. Table: votes Index: slow
        400 ResourceInUseException: Attempt to change a resource which is still in use: Can't change stream status when an index is being created. Table: votes Indexes: [slow]
        400 ResourceInUseException: Attempt to change a resource which is still in use: Can't change table IOPS when an index is being created. Table: votes Indexes: [slow]
        400 ResourceInUseException: Attempt to change a resource which is still in use: Cannot delete table while indexes are being created, updated, or deleted."#]].assert_eq(&answers.expect("an index is met while it fills").join("\n"));
}

#[test]
fn queries_of_indexes_find_what_their_keys_say() {
    let house = games(30);
    let query = |index: &str, condition: &str, values: &str, rest: &str| {
        format!(
            "{{'TableName':'games','IndexName':'{index}','KeyConditionExpression':'{condition}',\
             'ExpressionAttributeValues':{{{values}}}{rest}}}"
        )
    };
    let (t1, s50) = ("':t':{'S':'t1'}", ",':s':{'N':'50'}");
    let keys = ",'ProjectionExpression':'sk,score'";
    house.replay(
        "Query",
        &[
            &query("by_team", "team = :t AND score < :s", &format!("{t1}{s50}"), ",'ReturnConsumedCapacity':'INDEXES'"),
            &query("by_team", "team = :t", t1, &format!("{keys},'Limit':2,'ScanIndexForward':false")),
            &query("several", "team = :t AND round = :r AND place > :p", &format!("{t1},':r':{{'N':'0'}},':p':{{'S':'a'}}"), ""),
            &query("several", "team = :t AND round = :r AND place = :p AND score > :s", &format!("{t1},':r':{{'N':'0'}},':p':{{'S':'l1'}}{s50}"), ""),
            &query("by_score", "pk = :p AND score > :s", &format!("':p':{{'S':'p1'}}{s50}"), ",'ReturnConsumedCapacity':'INDEXES','ConsistentRead':true"),
            &query("by_score", "pk = :p AND score > :s", &format!("':p':{{'S':'p1'}}{s50}"), ",'Select':'ALL_ATTRIBUTES','ReturnConsumedCapacity':'INDEXES','ConsistentRead':true"),
            &query("by_score", "pk = :p AND score > :s", &format!("':p':{{'S':'p1'}}{s50}"), ",'ProjectionExpression':'note','ReturnConsumedCapacity':'TOTAL'"),
            &query("by_team", "team = :t", t1, ",'FilterExpression':'note = :n','Select':'COUNT'").replace("':t'", "':n':{'S':'n4'},':t'"),
            "{'TableName':'games','IndexName':'by_team','KeyConditions':{'team':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'t1'}]},\
              'score':{'ComparisonOperator':'GT','AttributeValueList':[{'N':'90'}]}},'AttributesToGet':['sk','note']}",
        ],
        expect_test::expect![[r#"
            {"Items":[{"note":{"S":"n22"},"pk":{"S":"p4"},"score":{"N":"6"},"sk":{"N":"22"},"team":{"S":"t1"}},{"note":{"S":"n28"},"pk":{"S":"p4"},"score":{"N":"26"},"sk":{"N":"28"},"team":{"S":"t1"}},{"note":{"S":"n1"},"pk":{"S":"p1"},"score":{"N":"37"},"sk":{"N":"1"},"team":{"S":"t1"}},{"note":{"S":"n4"},"pk":{"S":"p4"},"score":{"N":"47"},"sk":{"N":"4"},"team":{"S":"t1"}}],"Count":4,"ScannedCount":4,"ConsumedCapacity":{"TableName":"games","CapacityUnits":0.5,"Table":{"CapacityUnits":0.0},"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":0.5}}}}
            {"Items":[{"score":{"N":"97"},"sk":{"N":"19"}},{"score":{"N":"87"},"sk":{"N":"16"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"pk":{"S":"p4"},"score":{"N":"87"},"sk":{"N":"16"},"team":{"S":"t1"}}}
            {"Items":[{"pk":{"S":"p1"},"place":{"S":"l1"},"round":{"N":"0"},"score":{"N":"57"},"sk":{"N":"7"},"team":{"S":"t1"}}],"Count":1,"ScannedCount":1}
            {"Items":[{"pk":{"S":"p1"},"place":{"S":"l1"},"round":{"N":"0"},"score":{"N":"57"},"sk":{"N":"7"},"team":{"S":"t1"}}],"Count":1,"ScannedCount":1}
            {"Items":[{"pk":{"S":"p1"},"score":{"N":"57"},"sk":{"N":"7"}},{"pk":{"S":"p1"},"score":{"N":"77"},"sk":{"N":"13"}},{"pk":{"S":"p1"},"score":{"N":"97"},"sk":{"N":"19"}}],"Count":3,"ScannedCount":3,"ConsumedCapacity":{"TableName":"games","CapacityUnits":1.0,"Table":{"CapacityUnits":0.0},"LocalSecondaryIndexes":{"by_score":{"CapacityUnits":1.0}}}}
            {"Items":[{"note":{"S":"n7"},"pk":{"S":"p1"},"place":{"S":"l1"},"remark":{"S":"o7"},"round":{"N":"0"},"score":{"N":"57"},"sk":{"N":"7"},"team":{"S":"t1"}},{"note":{"S":"n13"},"pk":{"S":"p1"},"place":{"S":"l1"},"remark":{"S":"o13"},"round":{"N":"6"},"score":{"N":"77"},"sk":{"N":"13"},"team":{"S":"t1"}},{"note":{"S":"n19"},"pk":{"S":"p1"},"place":{"S":"l1"},"remark":{"S":"o19"},"round":{"N":"5"},"score":{"N":"97"},"sk":{"N":"19"},"team":{"S":"t1"}}],"Count":3,"ScannedCount":3,"ConsumedCapacity":{"TableName":"games","CapacityUnits":4.0,"Table":{"CapacityUnits":3.0},"LocalSecondaryIndexes":{"by_score":{"CapacityUnits":1.0}}}}
            {"Items":[{"note":{"S":"n7"}},{"note":{"S":"n13"}},{"note":{"S":"n19"}}],"Count":3,"ScannedCount":3,"ConsumedCapacity":{"TableName":"games","CapacityUnits":2.0}}
            {"Count":1,"ScannedCount":8}
            {"Items":[{"note":{"S":"n19"},"sk":{"N":"19"}}],"Count":1,"ScannedCount":1}"#]],
    );
    house.replay(
        "Query",
        &[
            &query("nothing", "team = :t", t1, ""),
            &query("by_team", "team = :t", t1, ",'ConsistentRead':true"),
            &query("by_team", "team = :t", t1, ",'Select':'ALL_ATTRIBUTES'"),
            &query("by_team", "team = :t", t1, ",'ProjectionExpression':'remark,note,more.x'"),
            &query("by_team", "team = :t", t1, ",'FilterExpression':'remark = :t'"),
            &query("by_score", "pk = :t", t1, ",'FilterExpression':'remark = :t'"),
            &query("by_team", "team = :t", t1, ",'FilterExpression':'score = :t'"),
            &query("by_team", "team = :t", t1, ",'FilterExpression':'#p.x = :t','ExpressionAttributeNames':{'#p':'place'}"),
            &query("by_team", "team = :t AND sk = :t", t1, ""),
            &query("by_team", "team = :t", "':t':{'S':''}", ""),
            &query("several", "team = :t", t1, ""),
            &query("several", "team = :t AND round = :r AND score = :r", &format!("{t1},':r':{{'N':'0'}}"), ""),
            &query("by_team", "team = :t", t1, ",'ExclusiveStartKey':{'team':{'S':'t1'},'score':{'N':'1'}}"),
            &query("by_team", "team = :t", t1, ",'ExclusiveStartKey':{'team':{'N':'1'},'score':{'N':'1'},'pk':{'S':'a'},'sk':{'N':'1'}}"),
            &query("by_team", "team = :t", t1, ",'ExclusiveStartKey':{'team':{'S':'t1'},'score':{'N':'1'},'pk':{'S':'a'},'sk':{'S':'1'}}"),
            &query("by_team", "team = :t", t1, ",'ExclusiveStartKey':{'team':{'S':'t2'},'score':{'N':'1'},'pk':{'S':'a'},'sk':{'N':'1'}}"),
            &query("by_team", "team = :t AND score > :s", &format!("{t1}{s50}"), ",'ExclusiveStartKey':{'team':{'S':'t1'},'score':{'N':'1'},'pk':{'S':'a'},'sk':{'N':'1'}}"),
        ],
        expect_test::expect![[r#"
            400 ValidationException: The table does not have the specified index: nothing
            400 ValidationException: Consistent reads are not supported on global secondary indexes
            400 ValidationException: One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index by_team because its projection type is not ALL
            400 ValidationException: One or more parameter values were invalid: Global secondary index by_team does not project [remark, more]
            400 ValidationException: One or more parameter values were invalid: Secondary index by_team does not project one or more filter attributes: [remark]
            400 ValidationException: One or more parameter values were invalid: Secondary index by_score does not project one or more filter attributes: [remark]
            400 ValidationException: Filter Expression can only contain non-primary key attributes: Primary key attribute: score
            400 ValidationException: Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: place
            400 ValidationException: Query condition missed key schema element: score
            400 ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: by_team, IndexKey: team
            400 ValidationException: Query condition missed key schema element: round
            400 ValidationException: Query condition missed key schema element: place
            400 ValidationException: The provided starting key is invalid
            400 ValidationException: The provided key element does not match the schema
            400 ValidationException: The provided starting key is invalid: The provided key element does not match the schema
            400 ValidationException: The provided starting key is outside query boundaries based on provided conditions
            400 ValidationException: The provided starting key does not match the range key predicate"#]],
    );
    house.replay(
        "Scan",
        &[
            "{'TableName':'games','IndexName':'whole','Limit':1,'ReturnConsumedCapacity':'INDEXES'}",
            "{'TableName':'games','IndexName':'several','Select':'COUNT'}",
            "{'TableName':'games','IndexName':'nothing'}",
            "{'TableName':'games','IndexName':'nothing','ExclusiveStartKey':{'pk':{'S':'a'}}}",
            "{'TableName':'games','IndexName':'whole','ConsistentRead':true}",
            "{'TableName':'games','IndexName':'by_team','Select':'ALL_ATTRIBUTES'}",
            "{'TableName':'games','IndexName':'by_team','ProjectionExpression':'remark'}",
            "{'TableName':'games','IndexName':'whole','ExclusiveStartKey':{'pk':{'S':'a'},'sk':{'N':'1'}}}",
        ],
        expect_test::expect![[r#"
            {"Items":[{"note":{"S":"n3"},"pk":{"S":"p3"},"place":{"S":"l1"},"remark":{"S":"o3"},"round":{"N":"3"},"score":{"N":"10"},"sk":{"N":"3"},"team":{"S":"t0"}}],"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"p3"},"place":{"S":"l1"},"sk":{"N":"3"}},"ConsumedCapacity":{"TableName":"games","CapacityUnits":0.5,"Table":{"CapacityUnits":0.0},"GlobalSecondaryIndexes":{"whole":{"CapacityUnits":0.5}}}}
            {"Count":18,"ScannedCount":18}
            400 ValidationException: The table does not have the specified index: nothing
            400 ValidationException: The provided starting key is invalid
            400 ValidationException: Consistent reads are not supported on global secondary indexes
            400 ValidationException: One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index by_team because its projection type is not ALL
            400 ValidationException: One or more parameter values were invalid: Global secondary index by_team does not project [remark]
            400 ValidationException: The provided starting key is invalid"#]],
    );
}

/// Follows `LastEvaluatedKey` to the end; answers the sort keys of the table.
fn pages(house: &House, operation: &str, body: &str) -> Vec<u32> {
    let (mut found, mut start) = (Vec::new(), String::new());
    loop {
        let page = house.json(operation, &format!("{}{start}}}", body.replace('\'', "\"")));
        for item in page["Items"].as_array().expect("items") {
            found.push(item["sk"]["N"].as_str().and_then(|sk| sk.parse().ok()).expect("a sort key"));
        }
        match page.get("LastEvaluatedKey") {
            Some(last) => start = format!(r#","ExclusiveStartKey":{last}"#),
            None => return found,
        }
    }
}

#[test]
fn pages_of_an_index_follow_one_another_both_ways_and_in_segments() {
    let house = games(120);
    let mut expected: Vec<u32> = (0..120).filter(|n| n % 5 != 0 && n % 3 == 1).collect();
    // Equal scores order by the table's key: its hash, which only the index itself can tell.
    let query = "{'TableName':'games','IndexName':'by_team','KeyConditionExpression':'team = :t',\
                 'ExpressionAttributeValues':{':t':{'S':'t1'}}";
    let whole = pages(&house, "Query", query);
    expected.sort_by_key(|n| (n * 37) % 101);
    assert_eq!(
        whole.iter().map(|n| (n * 37) % 101).collect::<Vec<_>>(),
        expected.iter().map(|n| (n * 37) % 101).collect::<Vec<_>>()
    );
    assert_eq!(pages(&house, "Query", &format!("{query},'Limit':7")), whole);
    let backwards: Vec<u32> = whole.iter().rev().copied().collect();
    assert_eq!(pages(&house, "Query", &format!("{query},'Limit':7,'ScanIndexForward':false")), backwards);
    let mut scanned: Vec<u32> = (0..4)
        .flat_map(|segment| {
            let scan =
                format!("{{'TableName':'games','IndexName':'by_team','Limit':5,'Segment':{segment},'TotalSegments':4");
            pages(&house, "Scan", &scan)
        })
        .collect();
    scanned.sort_unstable();
    assert_eq!(scanned, (0..120).filter(|n| n % 5 != 0).collect::<Vec<_>>());
}

#[test]
fn writes_that_do_not_fit_an_index_are_refused_as_aws_does() {
    let house = indexed();
    let put = |rest: &str| format!("{{'TableName':'games','Item':{{'pk':{{'S':'a'}},'sk':{{'N':'1'}}{rest}}}}}");
    let long = "x".repeat(2049);
    house.replay(
        "PutItem",
        &[
            &put(",'team':{'N':'1'}"),
            &put(",'team':{'S':''},'score':{'N':'1'}"),
            &put(&format!(",'team':{{'S':'{long}'}}")),
            &put(&format!(",'place':{{'S':'{}'}},'team':{{'S':'t'}},'round':{{'N':'1'}}", &long[..1025])),
            &put(",'score':{'NULL':true}"),
            &put(",'e':{'S':'text'},'score':{'N':'1'},'team':{'S':'t'}"),
        ],
        expect_test::expect![[r#"
            400 ValidationException: One or more parameter values were invalid: Type mismatch for Index Key team Expected: S Actual: N IndexName: by_team
            400 ValidationException: One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: by_team, IndexKey: team
            400 ValidationException: One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes
            400 ValidationException: One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes
            400 ValidationException: One or more parameter values were invalid: Type mismatch for Index Key score Expected: N Actual: NULL IndexName: by_team
            {}"#]],
    );
    let update = |expression: &str, values: &str| {
        format!(
            "{{'TableName':'games','Key':{{'pk':{{'S':'a'}},'sk':{{'N':'1'}}}},'UpdateExpression':'{expression}'{values}}}"
        )
    };
    let value = |value: &str| format!(",'ExpressionAttributeValues':{{':v':{value}}}");
    house.replay(
        "UpdateItem",
        &[
            &update("SET team = :v", &value("{'N':'1'}")),
            &update("SET team = :v", &value("{'S':''}")),
            &update("SET score = e", ""),
            &update("SET team.x = :v", &value("{'S':'a'}")),
            &update("SET team = if_not_exists(absent, :v)", &value(&format!("{{'S':'{long}'}}"))),
            &update("SET remark = :v", &value("{'S':'a'}")),
            &update("REMOVE team", ""),
        ],
        expect_test::expect![[r#"
            400 ValidationException: One or more parameter values were invalid: Type mismatch for Index Key team Expected: S Actual: N IndexName: by_team
            400 ValidationException: One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value.
            400 ValidationException: The update expression attempted to update the secondary index key to unsupported type
            400 ValidationException: Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: team
            400 ValidationException: The update expression attempted to update the secondary index key beyond allowed size limits
            {}
            {}"#]],
    );
    house.replay(
        "BatchWriteItem",
        &["{'RequestItems':{'games':[{'PutRequest':{'Item':{'pk':{'S':'b'},'sk':{'N':'1'},'team':{'N':'1'}}}}]}}"],
        expect_test::expect!["400 ValidationException: One or more parameter values were invalid: Type mismatch for Index Key team Expected: S Actual: N IndexName: by_team"],
    );
}

#[test]
fn writes_cost_what_they_change_in_indexes() {
    let house = indexed();
    let put = |operation: &str, body: &str| {
        let body = body.replace('\'', "\"").replacen('{', r#"{"ReturnConsumedCapacity":"INDEXES","#, 1);
        house.json(operation, &body)["ConsumedCapacity"].to_string()
    };
    let item = |rest: &str| format!("{{'TableName':'games','Item':{{'pk':{{'S':'a'}},'sk':{{'N':'1'}}{rest}}}}}");
    let whole = ",'team':{'S':'t'},'score':{'N':'1'},'note':{'S':'n'},'remark':{'S':'o'}";
    let update = |expression: &str| {
        format!(
            "{{'TableName':'games','Key':{{'pk':{{'S':'a'}},'sk':{{'N':'1'}}}},'UpdateExpression':'{expression}',\
             'ExpressionAttributeValues':{{':v':{{'S':'{}'}}}}}}",
            "v".repeat(1500)
        )
    };
    let asked = [
        put("PutItem", &item("")),
        put("PutItem", &item(whole)),
        put("PutItem", &item(whole)),
        put("UpdateItem", &update("SET remark = :v")),
        put("UpdateItem", &update("SET note = :v")),
        put("UpdateItem", &update("SET team = :v REMOVE remark")),
        put("UpdateItem", &update("REMOVE score SET tail = :v")),
        put("DeleteItem", "{'TableName':'games','Key':{'pk':{'S':'a'},'sk':{'N':'1'}}}"),
    ];
    expect_test::expect![[r#"
        {"CapacityUnits":1.0,"Table":{"CapacityUnits":1.0},"TableName":"games"}
        {"CapacityUnits":3.0,"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":1.0}},"LocalSecondaryIndexes":{"by_score":{"CapacityUnits":1.0}},"Table":{"CapacityUnits":1.0},"TableName":"games"}
        {"CapacityUnits":1.0,"Table":{"CapacityUnits":1.0},"TableName":"games"}
        {"CapacityUnits":2.0,"Table":{"CapacityUnits":2.0},"TableName":"games"}
        {"CapacityUnits":5.0,"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":2.0}},"Table":{"CapacityUnits":3.0},"TableName":"games"}
        {"CapacityUnits":8.0,"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":5.0}},"Table":{"CapacityUnits":3.0},"TableName":"games"}
        {"CapacityUnits":9.0,"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":3.0}},"LocalSecondaryIndexes":{"by_score":{"CapacityUnits":1.0}},"Table":{"CapacityUnits":5.0},"TableName":"games"}
        {"CapacityUnits":5.0,"Table":{"CapacityUnits":5.0},"TableName":"games"}"#]].assert_eq(&asked.join("\n"));
    let puts = format!(
        "{{'ReturnItemCollectionMetrics':'SIZE','ReturnConsumedCapacity':'INDEXES','RequestItems':{{'games':[\
         {{'PutRequest':{{'Item':{{'pk':{{'S':'b'}},'sk':{{'N':'1'}}{whole}}}}}}},\
         {{'PutRequest':{{'Item':{{'pk':{{'S':'b'}},'sk':{{'N':'2'}}}}}}}},\
         {{'PutRequest':{{'Item':{{'pk':{{'S':'a'}},'sk':{{'N':'2'}}}}}}}}]}}}}"
    );
    house.replay("BatchWriteItem", &[&puts], expect_test::expect![[r#"{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"games","CapacityUnits":5.0,"Table":{"CapacityUnits":3.0},"LocalSecondaryIndexes":{"by_score":{"CapacityUnits":1.0}},"GlobalSecondaryIndexes":{"by_team":{"CapacityUnits":1.0}}}],"ItemCollectionMetrics":{"games":[{"ItemCollectionKey":{"pk":{"S":"a"}},"SizeEstimateRangeGB":[0.0,1.0]},{"ItemCollectionKey":{"pk":{"S":"b"}},"SizeEstimateRangeGB":[0.0,1.0]}]}}"#]]);
    house.replay(
        "PutItem",
        &[
            &item(whole).replacen('{', "{'ReturnItemCollectionMetrics':'SIZE','ReturnConsumedCapacity':'TOTAL',", 1),
            &item("").replacen('{', "{'ReturnItemCollectionMetrics':'NONE',", 1),
        ],
        expect_test::expect![[r#"
            {"ConsumedCapacity":{"TableName":"games","CapacityUnits":3.0},"ItemCollectionMetrics":{"ItemCollectionKey":{"pk":{"S":"a"}},"SizeEstimateRangeGB":[0.0,1.0]}}
            {}"#]],
    );
}

#[test]
fn continuous_backups_are_described_as_off() {
    let house = House::furnished();
    house.replay(
        "DescribeContinuousBackups",
        &["{'TableName':'votes'}", "{'TableName':'none'}", "{}"],
        expect_test::expect![[r#"
            {"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}
            400 TableNotFoundException: Table not found: none
            400 ValidationException: 1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"#]],
    );
    let set = |enabled: bool| {
        format!("{{'TableName':'votes','PointInTimeRecoverySpecification':{{'PointInTimeRecoveryEnabled':{enabled}}}}}")
    };
    house.replay("UpdateContinuousBackups", &[&set(false), &set(true), "{'TableName':'votes'}"], expect_test::expect![[r#"
        {"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}
        400 ValidationException: PointInTimeRecoveryEnabled: point-in-time recovery is not supported here
        400 ValidationException: 1 validation error detected: Value null at 'pointInTimeRecoverySpecification' failed to satisfy constraint: Member must not be null"#]]);
}
