"""Parameters that no other test needs: those of before expressions, capacity, settings, tags, corners of streams."""

import datetime

import pytest
from conftest import refusal
from test_streams import arn_of, read, shards

A = {"S": "a"}


def number(value):
    return {"N": str(value)}


@pytest.fixture
def filled(dynamodb, new_table):
    """One partition of ten items with a number and a parity."""
    table = new_table("pk", "S", "sk", "N")
    for n in range(10):
        item = {"pk": A, "sk": number(n), "n": number(n * 10), "odd": {"BOOL": n % 2 == 1}, "text": {"S": f"text-{n}"}}
        dynamodb.put_item(TableName=table, Item=item)
    return table


def keys(answer):
    return sorted(int(item["sk"]["N"]) for item in answer["Items"])


def test_expected_values_guard_every_write(dynamodb, filled):
    key = {"pk": A, "sk": number(1)}
    wrong = {"n": {"Value": number(11)}, "odd": {"Value": {"BOOL": False}}}
    mixed = {"n": {"Value": number(11)}, "odd": {"ComparisonOperator": "EQ", "AttributeValueList": [{"BOOL": True}]}}
    writes = [
        (dynamodb.put_item, {"Item": {**key, "n": number(10), "odd": {"BOOL": True}}}),
        (dynamodb.update_item, {"Key": key, "AttributeUpdates": {"n": {"Value": number(0), "Action": "ADD"}}}),
        (dynamodb.delete_item, {"Key": key}),
    ]
    for write, what in writes:
        for expected, operator in [(wrong, "AND"), (wrong, "OR"), (mixed, "AND")]:
            arguments = {"TableName": filled, **what, "Expected": expected, "ConditionalOperator": operator}
            assert refusal(write, **arguments)[0] == "ConditionalCheckFailedException", (operator, expected)
        write(TableName=filled, **what, Expected=mixed, ConditionalOperator="OR")
        write(TableName=filled, **what, Expected={"gone": {"Exists": False}})


def test_attribute_updates_put_add_and_delete(dynamodb, filled):
    updates = {
        "n": {"Action": "ADD", "Value": number(5)},
        "text": {"Action": "DELETE"},
        "new": {"Action": "PUT", "Value": {"SS": ["x", "y"]}},
    }
    key = {"pk": A, "sk": number(2)}
    arguments = {"TableName": filled, "Key": key, "ReturnValues": "ALL_NEW"}
    after = dynamodb.update_item(**arguments, AttributeUpdates=updates)["Attributes"]
    assert after == {**key, "n": number(25), "odd": {"BOOL": False}, "new": {"SS": ["x", "y"]}}
    less = {"new": {"Action": "DELETE", "Value": {"SS": ["x"]}}}
    assert dynamodb.update_item(**arguments, AttributeUpdates=less)["Attributes"]["new"] == {"SS": ["y"]}


def test_conditions_of_before_expressions_choose_filter_and_project(dynamodb, filled):
    is_a = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [A]}}
    range_ = {"sk": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [number(2), number(7)]}}
    filters = {
        "n": {"ComparisonOperator": "GT", "AttributeValueList": [number(60)]},
        "odd": {"ComparisonOperator": "EQ", "AttributeValueList": [{"BOOL": True}]},
    }
    query = {"TableName": filled, "KeyConditions": {**is_a, **range_}}
    assert keys(dynamodb.query(**query)) == [2, 3, 4, 5, 6, 7]
    assert keys(dynamodb.query(**query, QueryFilter=filters)) == [7]
    assert keys(dynamodb.query(**query, QueryFilter=filters, ConditionalOperator="OR")) == [3, 5, 7]
    assert keys(dynamodb.scan(TableName=filled, ScanFilter=filters)) == [7, 9]
    assert keys(dynamodb.scan(TableName=filled, ScanFilter=filters, ConditionalOperator="OR")) == [1, 3, 5, 7, 8, 9]
    only = {"AttributesToGet": ["sk"]}
    assert dynamodb.query(**query, **only, Limit=1)["Items"] == [{"sk": number(2)}]
    assert dynamodb.scan(TableName=filled, **only, Limit=1)["Items"] == [{"sk": number(0)}]
    key = {"pk": A, "sk": number(3)}
    assert dynamodb.get_item(TableName=filled, Key=key, **only)["Item"] == {"sk": number(3)}
    got = dynamodb.batch_get_item(RequestItems={filled: {"Keys": [key], **only}})
    assert got["Responses"][filled] == [{"sk": number(3)}]
    both = refusal(dynamodb.get_item, TableName=filled, Key=key, **only, ProjectionExpression="sk")
    assert both[0] == "ValidationException" and "expression and non-expression parameters" in both[1]


def test_every_expression_takes_names_and_shows_the_item_that_failed_it(dynamodb, filled):
    key = {"pk": A, "sk": number(4)}
    guard = {
        "TableName": filled,
        "Key": key,
        "ConditionExpression": "#n < :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": number(40)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    update = {**guard, "UpdateExpression": "SET #n = :n"}
    for write, arguments in [(dynamodb.delete_item, guard), (dynamodb.update_item, update)]:
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
            write(**arguments)
        assert caught.value.response["Item"]["n"] == number(40)
    names = {"#t": "text"}
    got = dynamodb.get_item(TableName=filled, Key=key, ProjectionExpression="#t", ExpressionAttributeNames=names)
    assert got["Item"] == {"text": {"S": "text-4"}}
    batch = {"Keys": [key], "ProjectionExpression": "#t", "ExpressionAttributeNames": names, "ConsistentRead": True}
    assert dynamodb.batch_get_item(RequestItems={filled: batch})["Responses"][filled] == [{"text": {"S": "text-4"}}]
    values = {":t": {"S": "text-4"}}
    filters = {"FilterExpression": "#t = :t", "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    scanned = dynamodb.scan(TableName=filled, ProjectionExpression="#t", Select="SPECIFIC_ATTRIBUTES", **filters)
    assert (scanned["Items"], scanned["ScannedCount"]) == ([{"text": {"S": "text-4"}}], 10)


def test_consumed_capacity_is_told_by_every_operation_on_items(dynamodb, filled):
    key = {"pk": A, "sk": number(5)}
    item = {**key, "text": {"S": "x" * 3000}}
    write = {"TableName": filled, "ReturnConsumedCapacity": "TOTAL"}
    update = {"Key": key, "UpdateExpression": "REMOVE gone"}
    condition = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": A}}
    puts = {filled: [{"PutRequest": {"Item": item}}]}
    units = [
        (dynamodb.put_item(**write, Item=item), 3),
        (dynamodb.update_item(**write, **update), 3),
        (dynamodb.get_item(**write, Key=key), 0.5),
        (dynamodb.get_item(**write, Key=key, ConsistentRead=True), 1),
        (dynamodb.query(**write, **condition), 0.5),
        (dynamodb.scan(**write, ConsistentRead=True), 1),
        (dynamodb.delete_item(**write, Key=key), 3),
    ]
    for answer, expected in units:
        assert answer["ConsumedCapacity"] == {"TableName": filled, "CapacityUnits": expected}
    batch = dynamodb.batch_write_item(RequestItems=puts, ReturnConsumedCapacity="TOTAL")
    assert batch["ConsumedCapacity"] == [{"TableName": filled, "CapacityUnits": 3}]
    batch = dynamodb.batch_get_item(RequestItems={filled: {"Keys": [key]}}, ReturnConsumedCapacity="INDEXES")
    assert batch["ConsumedCapacity"][0]["CapacityUnits"] == 0.5
    assert batch["ConsumedCapacity"][0]["Table"] == {"CapacityUnits": 0.5}


TABLE = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def scratch(dynamodb):
    """A table's name; the table is deleted afterwards."""
    yield "scratch"
    dynamodb.update_table(TableName="scratch", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="scratch")


def test_settings_without_a_meaning_here_are_accepted(dynamodb, scratch):
    warm = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}
    settings = {
        "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "WarmThroughput": warm,
        "OnDemandThroughput": {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 100},
    }
    policy = {"ResourcePolicy": '{"Version":"2012-10-17","Statement":[]}'}
    dynamodb.create_table(TableName=scratch, **TABLE, **settings, **policy)
    dynamodb.put_item(TableName=scratch, Item={"id": A})
    # AWS changes encryption by itself only.
    dynamodb.update_table(TableName=scratch, SSESpecification=settings.pop("SSESpecification"))
    dynamodb.update_table(TableName=scratch, **settings)
    described = dynamodb.describe_table(TableName=scratch)["Table"]
    assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert dynamodb.get_item(TableName=scratch, Key={"id": A})["Item"] == {"id": A}


def test_settings_for_regions_and_vectors_are_not_looked_at(dynamodb, scratch):
    vector = {"IndexName": "near", "VectorAttribute": {"AttributeName": "v"}, "Projection": {"ProjectionType": "ALL"}}
    vectors = [{**vector, "Dimensions": 3, "DistanceFunction": "COSINE"}]
    mode = {"GlobalTableSettingsReplicationMode": "DISABLED"}
    dynamodb.create_table(TableName=scratch, **TABLE, VectorIndexes=vectors, **mode)
    assert "VectorIndexes" not in dynamodb.describe_table(TableName=scratch)["Table"]
    for alone in [mode, {"VectorIndexUpdates": [{"Create": vectors[0]}]}, {"DisassociationProtectionEnabled": True}]:
        assert refusal(dynamodb.update_table, TableName=scratch, **alone)[0] == "ValidationException"


def test_a_table_comes_with_tags_and_protection(dynamodb, scratch):
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "stage", "Value": ""}]
    dynamodb.create_table(TableName=scratch, **TABLE, Tags=tags, DeletionProtectionEnabled=True)
    described = dynamodb.describe_table(TableName=scratch)["Table"]
    assert described["DeletionProtectionEnabled"] is True
    arn = described["TableArn"]
    listed = dynamodb.list_tags_of_resource(ResourceArn=arn)
    assert sorted(listed["Tags"], key=lambda tag: tag["Key"]) == tags[::-1] and "NextToken" not in listed
    dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "red"}])
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["stage"])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "red"}]
    assert refusal(dynamodb.delete_table, TableName=scratch)[0] == "ValidationException"
    assert dynamodb.describe_table(TableName=arn)["Table"]["TableName"] == scratch


def test_billing_changes_between_the_two_modes(dynamodb, new_table):
    table = new_table("id", "S")
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    dynamodb.update_table(TableName=table, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    described = dynamodb.describe_table(TableName=table)["Table"]["ProvisionedThroughput"]
    assert {name: described[name] for name in units} == units
    dynamodb.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")
    described = dynamodb.describe_table(TableName=table)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_tables_and_streams_are_listed_from_a_start(dynamodb, streams, new_table):
    names = sorted(new_table("id", "S", stream="KEYS_ONLY") for _ in range(3))
    listed = dynamodb.list_tables(ExclusiveStartTableName=names[0], Limit=1)
    assert (listed["TableNames"], listed["LastEvaluatedTableName"]) == ([names[1]], names[1])
    first = streams.list_streams(Limit=1)
    second = streams.list_streams(ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"], Limit=1)
    assert first["Streams"][0]["StreamArn"] != second["Streams"][0]["StreamArn"]


def test_a_shard_starts_at_a_time_and_has_no_children(dynamodb, streams, new_table):
    table = new_table("id", "S", stream="KEYS_ONLY")
    arn = arn_of(dynamodb, table)
    dynamodb.put_item(TableName=table, Item={"id": A})
    (shard,) = shards(streams, arn)
    name = shard["ShardId"]
    children = {"Type": "CHILD_SHARDS", "ShardId": name}
    assert streams.describe_stream(StreamArn=arn, ShardFilter=children)["StreamDescription"]["Shards"] == []
    assert streams.describe_stream(StreamArn=arn, ExclusiveStartShardId=name)["StreamDescription"]["Shards"] == []
    assert len(read(streams, arn, name)) == 1
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    assert len(read(streams, arn, name, "AT_TIMESTAMP", Timestamp=before)) == 1


NOT_HERE = [
    ("create_backup", {"TableName": "votes", "BackupName": "backup"}),
    ("execute_statement", {"Statement": "SELECT * FROM votes"}),
    ("batch_execute_statement", {"Statements": [{"Statement": "SELECT * FROM votes"}]}),
    ("execute_transaction", {"TransactStatements": [{"Statement": "SELECT * FROM votes"}]}),
    ("list_backups", {}),
    ("list_global_tables", {}),
    ("list_exports", {}),
    ("list_imports", {}),
    ("describe_kinesis_streaming_destination", {"TableName": "votes"}),
    ("list_contributor_insights", {}),
]


@pytest.mark.parametrize("operation, arguments", NOT_HERE, ids=[operation for operation, _ in NOT_HERE])
def test_what_does_not_work_here_says_so(dynamodb, operation, arguments):
    code, _ = refusal(getattr(dynamodb, operation), **arguments)
    assert code == "UnknownOperationException"


def test_what_spans_regions_is_refused(dynamodb, new_table):
    table = new_table("id", "S")
    code, _ = refusal(
        dynamodb.update_table, TableName=table, ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}]
    )
    assert code == "ValidationException"
    assert "Replicas" not in dynamodb.describe_table(TableName=table)["Table"]
