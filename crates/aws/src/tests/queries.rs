//! Query and Scan.

use super::*;

fn filled(count: u32, padding: usize) -> House {
    let house = House::furnished();
    for rank in 0..count {
        let region = if rank % 3 == 0 { "NORTH" } else { "SOUTH" };
        let body = format!(
            r#"{{"TableName":"totals","Item":{{"region":{{"S":"{region}"}},"rank":{{"N":"{rank}"}},"padding":{{"S":"{}"}}}}}}"#,
            "x".repeat(padding)
        );
        house.ok("PutItem", &body);
    }
    house
}

const SOUTH: &str =
    "{'TableName':'totals','KeyConditionExpression':'#r = :r','ExpressionAttributeNames':{'#r':'region'}";

#[test]
fn a_query_pages_filters_projects_and_counts() {
    let house = filled(9, 0);
    let with = |values: &str, rest: &str| {
        format!("{SOUTH},'ExpressionAttributeValues':{{':r':{{'S':'SOUTH'}}{values}}}{rest}}}")
    };
    let range = with(",':a':{'N':'2'},':b':{'N':'5'}", ",'ProjectionExpression':'#k'")
        .replace("#r = :r", "#r = :r AND #k BETWEEN :a AND :b")
        .replace("'region'}", "'region','#k':'rank'}");
    house.replay(
        "Query",
        &[
            &with("", ",'Limit':2,'ReturnConsumedCapacity':'TOTAL'"),
            &with("", ",'Limit':2,'ExclusiveStartKey':{'region':{'S':'SOUTH'},'rank':{'N':'2'}}"),
            &with("", ",'Limit':2,'ScanIndexForward':false"),
            &range,
            &with("", ",'Select':'COUNT'"),
            &with(",':p':{'S':'x'}", ",'FilterExpression':'padding = :p','ConsistentRead':true,'ReturnConsumedCapacity':'INDEXES'"),
            "{'TableName':'totals','KeyConditions':{'region':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':'SOUTH'}]},\
              'rank':{'ComparisonOperator':'GT','AttributeValueList':[{'N':'5'}]}},'AttributesToGet':['rank'],\
              'QueryFilter':{'padding':{'ComparisonOperator':'EQ','AttributeValueList':[{'S':''}]}}}",
        ],
        expect_test::expect![[r#"
            {"Items":[{"padding":{"S":""},"rank":{"N":"1"},"region":{"S":"SOUTH"}},{"padding":{"S":""},"rank":{"N":"2"},"region":{"S":"SOUTH"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"rank":{"N":"2"},"region":{"S":"SOUTH"}},"ConsumedCapacity":{"TableName":"totals","CapacityUnits":0.5}}
            {"Items":[{"padding":{"S":""},"rank":{"N":"4"},"region":{"S":"SOUTH"}},{"padding":{"S":""},"rank":{"N":"5"},"region":{"S":"SOUTH"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"rank":{"N":"5"},"region":{"S":"SOUTH"}}}
            {"Items":[{"padding":{"S":""},"rank":{"N":"8"},"region":{"S":"SOUTH"}},{"padding":{"S":""},"rank":{"N":"7"},"region":{"S":"SOUTH"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"rank":{"N":"7"},"region":{"S":"SOUTH"}}}
            {"Items":[{"rank":{"N":"2"}},{"rank":{"N":"4"}},{"rank":{"N":"5"}}],"Count":3,"ScannedCount":3}
            {"Count":6,"ScannedCount":6}
            {"Items":[],"Count":0,"ScannedCount":6,"ConsumedCapacity":{"TableName":"totals","CapacityUnits":1.0,"Table":{"CapacityUnits":1.0}}}
            {"Items":[{"rank":{"N":"7"}},{"rank":{"N":"8"}}],"Count":2,"ScannedCount":2}"#]],
    );
}

#[test]
fn queries_that_cannot_be_are_refused_as_aws_does() {
    let house = House::furnished();
    let with = |rest: &str| format!("{SOUTH},'ExpressionAttributeValues':{{':r':{{'S':'SOUTH'}}}}{rest}}}");
    house.replay(
        "Query",
        &[
            "{}",
            "{'TableName':'totals'}",
            &with(",'Limit':0"),
            &with(",'Select':'X'"),
            &with(",'Select':'SPECIFIC_ATTRIBUTES'"),
            &with(",'Select':'ALL_ATTRIBUTES','ProjectionExpression':'a'"),
            &with(",'Select':'ALL_PROJECTED_ATTRIBUTES'"),
            &with(",'IndexName':'index'"),
            &with(",'FilterExpression':'#r = :r'"),
            &with(",'FilterExpression':'#missing = :r'"),
            &with(",'ProjectionExpression':'#r.x'"),
            &with(",'ExclusiveStartKey':{'region':{'S':'SOUTH'}}"),
            &with(",'ExclusiveStartKey':{'region':{'S':'NORTH'},'rank':{'N':'1'}}"),
            &with("").replace("totals", "none"),
            &with("").replace("#r = :r", ""),
            &with("").replace("#r = :r", "attr = :r").replace("'#r'", "'#u'"),
            &with("").replace("'#r':'region'", "'#r':'rank'").replace("{'S':'SOUTH'}", "{'N':'1'}"),
            &with("").replace("{'S':'SOUTH'}", "{'N':'1'}"),
            "{'TableName':'totals','KeyConditions':{'region':{'ComparisonOperator':'NE','AttributeValueList':[{'S':'SOUTH'}]}}}",
            "{'TableName':'totals','KeyConditions':{'region':{'ComparisonOperator':'XX'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: 1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null
            400 ValidationException: Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.
            400 ValidationException: 1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1
            400 ValidationException: 1 validation error detected: Value 'X' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]
            400 ValidationException: Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES
            400 ValidationException: Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES
            400 ValidationException: One or more parameter values were invalid: ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName
            400 ValidationException: The table does not have the specified index: index
            400 ValidationException: Filter Expression can only contain non-primary key attributes: Primary key attribute: region
            400 ValidationException: Invalid FilterExpression: An expression attribute name used in the document path is not defined; attribute name: #missing
            400 ValidationException: Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: region
            400 ValidationException: The provided starting key is invalid
            400 ValidationException: The provided starting key is outside query boundaries based on provided conditions
            400 ResourceNotFoundException: Requested resource not found
            400 ValidationException: Invalid KeyConditionExpression: The expression can not be empty;
            400 ValidationException: Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}
            400 ValidationException: Query condition missed key schema element: region
            400 ValidationException: One or more parameter values were invalid: Condition parameter type does not match schema type
            400 ValidationException: Attempted conditional constraint is not an indexable operation
            400 ValidationException: 1 validation error detected: Value 'XX' at 'keyConditions.region.member.comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"#]],
    );
    house.replay(
        "Scan",
        &[
            "{'TableName':'totals','Segment':0}",
            "{'TableName':'totals','TotalSegments':4}",
            "{'TableName':'totals','Segment':5,'TotalSegments':5}",
            "{'TableName':'totals','Limit':0,'Segment':-1}",
            "{'TableName':'totals','ExclusiveStartKey':{'region':{'S':'a'}}}",
            "{'TableName':'totals','FilterExpression':'a = :v','ExpressionAttributeValues':{':v':{'N':'x'}}}",
        ],
        expect_test::expect![[r#"
            400 ValidationException: The TotalSegments parameter is required but was not present in the request when Segment parameter is present
            400 ValidationException: The Segment parameter is required but was not present in the request when parameter TotalSegments is present
            400 ValidationException: The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less than TotalSegments: 5
            400 ValidationException: 2 validation errors detected: Value '-1' at 'segment' failed to satisfy constraint: Member must have value greater than or equal to 0; Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1
            400 ValidationException: The provided starting key is invalid: The provided key element does not match the schema
            400 ValidationException: ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :v"#]],
    );
}

/// Follows `LastEvaluatedKey` to the end; answers the ranks and the pages' sizes.
fn pages(house: &House, operation: &str, rest: &str) -> (Vec<u32>, Vec<usize>) {
    let (mut ranks, mut sizes, mut start) = (Vec::new(), Vec::new(), String::new());
    loop {
        let body = format!("{{'TableName':'totals'{rest}}}").replace('\'', "\"").replace("\"START\":0", &start);
        let page = house.json(operation, &body.replace(",}", "}"));
        let items = page["Items"].as_array().expect("items");
        assert_eq!(page["Count"], items.len());
        sizes.push(items.len());
        let rank = |item: &serde_json::Value| item["rank"]["N"].as_str().and_then(|rank| rank.parse::<u32>().ok());
        ranks.extend(items.iter().map(|item| rank(item).expect("a rank")));
        match page.get("LastEvaluatedKey") {
            Some(last) => start = format!("\"ExclusiveStartKey\":{last}"),
            None => return (ranks, sizes),
        }
    }
}

#[test]
fn pages_end_at_a_megabyte_or_the_limit_and_go_on_where_they_ended() {
    let house = filled(150, 20_000);
    let query = ",'KeyConditionExpression':'#r = :r','ExpressionAttributeNames':{'#r':'region'},\
                 'ExpressionAttributeValues':{':r':{'S':'SOUTH'}},'START':0";
    let south: Vec<u32> = (0..150).filter(|rank| rank % 3 != 0).collect();
    let (ranks, sizes) = pages(&house, "Query", query);
    assert_eq!(ranks, south);
    assert_eq!(sizes, [53, 47], "a page ends with the item that reaches 1 MB");
    let (ranks, sizes) = pages(&house, "Query", &format!(",'Limit':70{query}"));
    assert_eq!((ranks, sizes[0]), (south.clone(), 53));
    let (mut ranks, _) = pages(&house, "Scan", ",'Limit':7,'START':0");
    ranks.sort_unstable();
    assert_eq!(ranks, (0..150).collect::<Vec<_>>());
    let (mut ranks, _) = pages(&house, "Query", &format!(",'ScanIndexForward':false,'Limit':80{query}"));
    ranks.reverse();
    assert_eq!(ranks, south);
}

#[test]
fn long_pages_of_small_items_come_whole() {
    let house = filled(200, 0);
    let (ranks, sizes) = pages(&house, "Scan", ",'START':0");
    assert_eq!((ranks.len(), sizes), (200, vec![200]));
    let (_, sizes) = pages(&house, "Scan", ",'Limit':150,'START':0");
    assert_eq!(sizes, [150, 50]);
}

#[test]
fn segments_of_a_scan_make_up_the_table() {
    let house = House::furnished();
    for id in 0..40 {
        house.ok("PutItem", &format!(r#"{{"TableName":"votes","Item":{{"id":{{"S":"{id}"}}}}}}"#));
    }
    let mut seen = std::collections::BTreeSet::new();
    for segment in 0..5 {
        let page = house.json("Scan", &format!(r#"{{"TableName":"votes","Segment":{segment},"TotalSegments":5}}"#));
        for item in page["Items"].as_array().expect("items") {
            assert!(seen.insert(item["id"]["S"].to_string()), "no item is in two segments");
        }
    }
    assert_eq!(seen.len(), 40);
    let first = house.json("Scan", r#"{"TableName":"votes","Segment":0,"TotalSegments":5,"Limit":1}"#);
    let start = &first["LastEvaluatedKey"];
    let other = house
        .ask("Scan", &format!(r#"{{"TableName":"votes","Segment":4,"TotalSegments":5,"ExclusiveStartKey":{start}}}"#));
    assert!(other.contains("Please use ExclusiveStartKey with correct Segment"), "{other}");
}
