"""Secondary indexes under a stock client: pages compared with a model, fills under load, capacity, and changes."""

import os
import threading

import pytest
from conftest import NUMBERS, refusal
from waiting import until

ITEMS = 520


def attribute(name, kind="S"):
    return {"AttributeName": name, "AttributeType": kind}


def key(*elements):
    """`key("team", "+score")`: a plus is a sort attribute."""
    return [
        {"AttributeName": name.lstrip("+"), "KeyType": "RANGE" if name.startswith("+") else "HASH"} for name in elements
    ]


def index(name, elements, kind="ALL", include=None):
    projection = {"ProjectionType": kind}
    if include:
        projection["NonKeyAttributes"] = include
    return {"IndexName": name, "KeySchema": key(*elements), "Projection": projection}


def item(number):
    """Sparse: of seven items one has no team, of five one no day."""
    made = {
        "pk": {"S": f"p{number % 9}"},
        "sk": {"N": str(number)},
        "score": {"N": str((number * 37) % 50)},
        "note": {"S": f"note {number}"},
        "rest": {"S": "r" * (number % 40)},
    }
    if number % 7:
        made["team"] = {"S": f"t{number % 4}"}
    if number % 5:
        made["day"] = {"S": f"day{number % 3}"}
    return made


@pytest.fixture(scope="module")
def games(dynamodb):
    name = f"games-{os.getpid()}-{next(NUMBERS)}"
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            attribute("pk"),
            attribute("sk", "N"),
            attribute("team"),
            attribute("score", "N"),
            attribute("day"),
        ],
        KeySchema=key("pk", "+sk"),
        GlobalSecondaryIndexes=[
            index("whole", ["team", "+score"]),
            index("some", ["team"], "INCLUDE", ["note"]),
            index("keys", ["team", "day", "+score"], "KEYS_ONLY"),
        ],
        LocalSecondaryIndexes=[index("by_score", ["pk", "+score"], "KEYS_ONLY"), index("by_day", ["pk", "+day"])],
    )
    for start in range(0, ITEMS, 25):
        puts = [{"PutRequest": {"Item": item(n)}} for n in range(start, min(start + 25, ITEMS))]
        dynamodb.batch_write_item(RequestItems={name: puts})
    yield name
    dynamodb.delete_table(TableName=name)


def pages(call, **arguments):
    found, start = [], {}
    while True:
        page = call(**arguments, **start)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def numbers(items):
    return [int(found["sk"]["N"]) for found in items]


def model(wanted):
    return [item(number) for number in range(ITEMS) if wanted(item(number))]


PROJECTED = {
    "whole": lambda one: one,
    "some": lambda one: {name: value for name, value in one.items() if name in ("pk", "sk", "team", "note")},
    "keys": lambda one: {name: value for name, value in one.items() if name in ("pk", "sk", "team", "day", "score")},
    "by_score": lambda one: {name: value for name, value in one.items() if name in ("pk", "sk", "score")},
    "by_day": lambda one: one,
}


@pytest.mark.parametrize(
    "name, condition, values, sort",
    [
        ("whole", {"team": "t1"}, None, "score"),
        ("some", {"team": "t2"}, None, None),
        ("keys", {"team": "t3", "day": "day1"}, None, "score"),
        ("by_score", {"pk": "p4"}, None, "score"),
        ("by_day", {"pk": "p4"}, None, "day"),
        ("whole", {"team": "t1"}, ("score BETWEEN :a AND :b", 10, 30), "score"),
        ("keys", {"team": "t3", "day": "day1"}, ("score > :a", 25, None), "score"),
        ("by_score", {"pk": "p4"}, ("score <= :a", 25, None), "score"),
    ],
)
def test_pages_of_a_query_are_those_of_a_model_both_ways(dynamodb, games, name, condition, values, sort):
    bound = {f":{attribute}": {"S": value} for attribute, value in condition.items()}
    names = {f"#{attribute}": attribute for attribute in condition}
    text = " AND ".join(f"#{attribute} = :{attribute}" for attribute in condition)
    within = lambda one: True
    if values:
        extra, low, high = values
        text += f" AND {extra}"
        bound.update({":a": {"N": str(low)}})
        if high is not None:
            bound[":b"] = {"N": str(high)}
            within = lambda one: low <= int(one["score"]["N"]) <= high
        elif ">" in extra:
            within = lambda one: int(one["score"]["N"]) > low
        else:
            within = lambda one: int(one["score"]["N"]) <= low
    has = lambda one: all(one.get(attribute, {}).get("S") == value for attribute, value in condition.items())
    sorted_by = lambda one: sort in one if sort else True
    expected = model(lambda one: has(one) and sorted_by(one) and within(one))
    assert expected, "the model has something to compare with"
    ask = dict(
        TableName=games,
        IndexName=name,
        KeyConditionExpression=text,
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=bound,
    )
    whole = pages(dynamodb.query, **ask)
    by_number = lambda items: sorted(items, key=lambda one: int(one["sk"]["N"]))
    assert by_number(whole) == [PROJECTED[name](one) for one in expected]
    if sort:
        value = lambda one: int(one[sort]["N"]) if "N" in one[sort] else one[sort]["S"]
        shown = [value(item(number)) for number in numbers(whole)]
        assert shown == sorted(shown)
    assert pages(dynamodb.query, Limit=7, **ask) == whole
    assert pages(dynamodb.query, Limit=7, ScanIndexForward=False, **ask) == whole[::-1]


@pytest.mark.parametrize("name", list(PROJECTED))
def test_segments_of_a_scan_are_the_whole_index_once(dynamodb, games, name):
    needs = {"whole": ["team"], "some": ["team"], "keys": ["team", "day"], "by_score": [], "by_day": ["day"]}[name]
    found = []
    for segment in range(4):
        found += pages(dynamodb.scan, TableName=games, IndexName=name, Segment=segment, TotalSegments=4, Limit=33)
    expected = model(lambda one: all(attribute in one for attribute in needs))
    assert sorted(numbers(found)) == numbers(expected)
    assert sorted(numbers(pages(dynamodb.scan, TableName=games, IndexName=name))) == numbers(expected)


def test_a_local_index_fetches_what_it_does_not_carry(dynamodb, games):
    ask = dict(
        TableName=games,
        IndexName="by_score",
        KeyConditionExpression="pk = :p AND score > :s",
        ExpressionAttributeValues={":p": {"S": "p1"}, ":s": {"N": "40"}},
        ConsistentRead=True,
        ReturnConsumedCapacity="INDEXES",
    )
    whole = dynamodb.query(Select="ALL_ATTRIBUTES", **ask)
    expected = model(lambda one: one["pk"]["S"] == "p1" and int(one["score"]["N"]) > 40)
    assert sorted(whole["Items"], key=lambda one: int(one["sk"]["N"])) == expected
    capacity = whole["ConsumedCapacity"]
    assert capacity["LocalSecondaryIndexes"] == {"by_score": {"CapacityUnits": 1.0}}
    assert capacity["Table"]["CapacityUnits"] == len(expected)
    assert capacity["CapacityUnits"] == 1 + len(expected)
    part = dynamodb.query(ProjectionExpression="note", **ask)
    assert sorted(one["note"]["S"] for one in part["Items"]) == sorted(one["note"]["S"] for one in expected)
    projected = dynamodb.query(**ask)
    assert projected["ConsumedCapacity"]["Table"] == {"CapacityUnits": 0.0}
    code, message = refusal(
        dynamodb.query,
        TableName=games,
        IndexName="some",
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": {"S": "t1"}},
        ProjectionExpression="note, rest, score",
    )
    assert (code, message) == (
        "ValidationException",
        "One or more parameter values were invalid: Global secondary index some does not project [rest, score]",
    )


def test_writes_cost_what_they_change_in_indexes(dynamodb, games):
    ask = dict(TableName=games, ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE")
    new = {**item(1), "pk": {"S": "apart"}}
    put = dynamodb.put_item(Item=new, **ask)
    assert put["ItemCollectionMetrics"] == {
        "ItemCollectionKey": {"pk": {"S": "apart"}},
        "SizeEstimateRangeGB": [0.0, 1.0],
    }
    one = {"CapacityUnits": 1.0}
    capacity = put["ConsumedCapacity"]
    assert capacity["GlobalSecondaryIndexes"] == {"whole": one, "some": one, "keys": one}
    assert capacity["LocalSecondaryIndexes"] == {"by_score": one, "by_day": one}
    assert (capacity["Table"], capacity["CapacityUnits"]) == (one, 6.0)
    again = dynamodb.put_item(Item=new, **ask)["ConsumedCapacity"]
    assert again["CapacityUnits"] == 1.0 and "GlobalSecondaryIndexes" not in again
    where = {"pk": new["pk"], "sk": new["sk"]}
    moved = dynamodb.update_item(
        Key=where, UpdateExpression="SET team = :t", ExpressionAttributeValues={":t": {"S": "other"}}, **ask
    )["ConsumedCapacity"]
    two = {"CapacityUnits": 2.0}
    assert moved["GlobalSecondaryIndexes"] == {"whole": two, "some": two, "keys": two}
    assert moved["LocalSecondaryIndexes"] == {"by_day": one}
    gone = dynamodb.delete_item(Key=where, **ask)["ConsumedCapacity"]
    assert gone["CapacityUnits"] == 6.0


def test_an_index_is_made_on_a_table_while_it_is_written_to(dynamodb, new_table):
    table = new_table("id", "S")
    model, failures, stop = {}, [], threading.Event()

    def write(number, version):
        made = {"id": {"S": str(number)}, "group": {"S": f"g{(number + version) % 3}"}, "version": {"N": str(version)}}
        dynamodb.put_item(TableName=table, Item=made)
        model[str(number)] = made["group"]["S"]

    for number in range(1500):
        write(number, 0)

    def writer():
        try:
            version = 1
            while not stop.is_set() and version < 10_000:
                write((version * 7) % 1700, version)
                version += 1
        except Exception as error:  # Shown by the test itself.
            failures.append(error)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        create = {"IndexName": "by_group", "KeySchema": key("group"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        made = dynamodb.update_table(
            TableName=table,
            AttributeDefinitions=[attribute("group")],
            GlobalSecondaryIndexUpdates=[{"Create": create}],
        )["TableDescription"]
        assert made["TableStatus"] == "UPDATING"
        assert made["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
        described = lambda: dynamodb.describe_table(TableName=table)["Table"]
        until("the index to be filled", lambda: described()["TableStatus"] == "ACTIVE")
    finally:
        stop.set()
        thread.join()
    assert not failures
    for group in ("g0", "g1", "g2"):
        found = pages(
            dynamodb.query,
            TableName=table,
            IndexName="by_group",
            KeyConditionExpression="#g = :g",
            ExpressionAttributeNames={"#g": "group"},
            ExpressionAttributeValues={":g": {"S": group}},
        )
        assert sorted(one["id"]["S"] for one in found) == sorted(id for id, now in model.items() if now == group)
    found = described()["GlobalSecondaryIndexes"][0]
    assert (found["IndexStatus"], found["ItemCount"], found["IndexArn"].rsplit("/", 1)[1]) == (
        "ACTIVE",
        len(model),
        "by_group",
    )
    gone = dynamodb.update_table(
        TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_group"}}]
    )["TableDescription"]
    assert gone["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"
    assert "GlobalSecondaryIndexes" not in described()
    code, message = refusal(dynamodb.scan, TableName=table, IndexName="by_group")
    assert message == "The table does not have the specified index: by_group"


def test_what_cannot_be_done_with_a_global_index_is_refused(dynamodb, games):
    ask = dict(
        TableName=games,
        IndexName="whole",
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": {"S": "t1"}},
    )
    code, message = refusal(dynamodb.query, ConsistentRead=True, **ask)
    assert message == "Consistent reads are not supported on global secondary indexes"
    code, message = refusal(dynamodb.put_item, TableName=games, Item={**item(1), "team": {"N": "1"}})
    assert message == (
        "One or more parameter values were invalid: Type mismatch for Index Key team Expected: S Actual: N "
        "IndexName: whole"
    )
    two = [{"Delete": {"IndexName": "whole"}}, {"Delete": {"IndexName": "some"}}]
    assert refusal(dynamodb.update_table, TableName=games, GlobalSecondaryIndexUpdates=two) == (
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )


def test_backups_are_off_and_limits_are_told(dynamodb, games):
    described = dynamodb.describe_continuous_backups(TableName=games)["ContinuousBackupsDescription"]
    assert described["ContinuousBackupsStatus"] == "ENABLED"
    assert described["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    code, message = refusal(
        dynamodb.update_continuous_backups,
        TableName=games,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    assert code == "ValidationException" and "not supported" in message
