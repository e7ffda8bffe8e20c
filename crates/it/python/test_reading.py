"""Query and Scan: ranges, pages, filters, projections, segments; and the control plane."""

import pytest
from conftest import refusal


@pytest.fixture
def filled(dynamodb, new_table):
    """Two partitions of fifty items each."""
    table = new_table("pk", "S", "sk", "N")
    for partition in ("a", "b"):
        for start in range(0, 50, 25):
            puts = [
                {"PutRequest": {"Item": {"pk": {"S": partition}, "sk": {"N": str(n)}, "even": {"BOOL": n % 2 == 0}}}}
                for n in range(start, start + 25)
            ]
            dynamodb.batch_write_item(RequestItems={table: puts})
    return table


def query(dynamodb, table, condition, values, **more):
    values = {":p": {"S": "a"}, **{name: {"N": str(value)} for name, value in values.items()}}
    return dynamodb.query(
        TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
    )


def numbers(answer):
    return [int(item["sk"]["N"]) for item in answer["Items"]]


@pytest.mark.parametrize(
    "condition, values, expected",
    [
        ("pk = :p", {}, range(50)),
        ("pk = :p AND sk = :x", {":x": 7}, [7]),
        ("pk = :p AND sk < :x", {":x": 3}, range(3)),
        ("pk = :p AND sk <= :x", {":x": 3}, range(4)),
        ("pk = :p AND sk > :x", {":x": 47}, [48, 49]),
        ("sk >= :x AND pk = :p", {":x": 47}, [47, 48, 49]),
        ("pk = :p AND sk BETWEEN :x AND :y", {":x": 5, ":y": 8}, range(5, 9)),
    ],
)
def test_a_query_is_a_range_of_one_partition(dynamodb, filled, condition, values, expected):
    assert numbers(query(dynamodb, filled, condition, values)) == list(expected)
    backwards = query(dynamodb, filled, condition, values, ScanIndexForward=False)
    assert numbers(backwards) == list(expected)[::-1]


def test_pages_follow_one_another_without_gap_or_overlap(dynamodb, filled):
    for forward in (True, False):
        seen, start = [], {}
        while True:
            page = query(dynamodb, filled, "pk = :p", {}, Limit=7, ScanIndexForward=forward, **start)
            seen += numbers(page)
            assert page["Count"] == page["ScannedCount"] <= 7
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert seen == sorted(range(50), reverse=not forward)


def test_a_filter_is_applied_after_the_limit(dynamodb, filled):
    page = dynamodb.query(
        TableName=filled,
        KeyConditionExpression="pk = :p",
        FilterExpression="even = :t",
        ProjectionExpression="sk",
        ExpressionAttributeValues={":p": {"S": "a"}, ":t": {"BOOL": True}},
        Limit=10,
        ReturnConsumedCapacity="TOTAL",
    )
    assert page["Items"] == [{"sk": {"N": str(n)}} for n in range(0, 10, 2)]
    assert (page["Count"], page["ScannedCount"]) == (5, 10)
    assert page["ConsumedCapacity"]["CapacityUnits"] == 0.5


def test_a_page_is_a_megabyte(dynamodb, new_table):
    table = new_table("pk", "S", "sk", "N")
    for number in range(12):
        item = {"pk": {"S": "a"}, "sk": {"N": str(number)}, "text": {"S": "x" * 200_000}}
        dynamodb.put_item(TableName=table, Item=item)
    pages = list(dynamodb.get_paginator("scan").paginate(TableName=table))
    assert [page["Count"] for page in pages] == [6, 6] or [page["Count"] for page in pages] == [6, 6, 0]
    assert query(dynamodb, table, "pk = :p", {})["Count"] == 6


def test_segments_of_a_scan_are_the_whole_table_once(dynamodb, new_table):
    table = new_table("id", "S")
    for start in range(0, 200, 25):
        puts = [{"PutRequest": {"Item": {"id": {"S": f"item-{n}"}}}} for n in range(start, start + 25)]
        dynamodb.batch_write_item(RequestItems={table: puts})
    seen = []
    for segment in range(4):
        pages = dynamodb.get_paginator("scan").paginate(
            TableName=table, Segment=segment, TotalSegments=4, PaginationConfig={"PageSize": 9}
        )
        found = [item["id"]["S"] for page in pages for item in page["Items"]]
        assert found, "each segment has its share"
        seen += found
    assert sorted(seen) == sorted(f"item-{n}" for n in range(200))
    assert dynamodb.scan(TableName=table, Select="COUNT")["Count"] == 200


def test_key_conditions_are_refused_in_the_words_of_aws(dynamodb, filled):
    ask = lambda condition, values: refusal(
        dynamodb.query,
        TableName=filled,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
    )
    assert ask("sk = :x", {":x": "1"})[1] == "Query condition missed key schema element: pk"
    assert ask("pk > :x", {":x": "1"}) == ("ValidationException", "Query key condition not supported")
    code, message = ask("pk = :x AND sk = :x", {":x": "1"})
    assert code == "ValidationException" and "type does not match" in message.lower() or "schema type" in message


def test_tables_are_created_described_listed_and_deleted(dynamodb, new_table):
    name = new_table("id", "S", stream="NEW_IMAGE")
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TableArn"] == f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}"
    assert table["LatestStreamArn"].startswith(table["TableArn"] + "/stream/")
    assert name in [n for page in dynamodb.get_paginator("list_tables").paginate() for n in page["TableNames"]]
    definition = {
        "TableName": name,
        "KeySchema": table["KeySchema"],
        "AttributeDefinitions": table["AttributeDefinitions"],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert refusal(dynamodb.create_table, **definition) == (
        "ResourceInUseException",
        f"Table already exists: {name}",
    )
    code, message = refusal(dynamodb.describe_table, TableName="no-such-table")
    assert code == "ResourceNotFoundException"
    assert message == "Requested resource not found: Table: no-such-table not found"
    code, _ = refusal(dynamodb.create_table, **{**definition, "TableName": "no good"})
    assert code == "ValidationException"


def test_answers_carry_a_request_id_and_a_checksum(dynamodb):
    import zlib

    seen = {}

    def look(response, **_):
        headers, body = response["headers"], response["body"]
        seen["crc"] = int(headers["x-amz-crc32"]) == zlib.crc32(body)
        seen["id"] = headers["x-amzn-requestid"]

    dynamodb.meta.events.register_first("before-parse.dynamodb.ListTables", lambda response_dict, **_: look(response_dict))
    answer = dynamodb.list_tables()
    assert seen["crc"] and seen["id"] == answer["ResponseMetadata"]["RequestId"]
