"""Items: all ten types, numbers, writes with conditions and return values, updates, batches."""

import decimal

import pytest
from conftest import refusal

# Calls that write one item wrap what their parameters are refused for, as AWS does.
WRAPPED = "1 validation error detected: "

EVERY_TYPE = {
    "id": {"S": "all"},
    "text": {"S": "Straße 東京 \u0000 \U0001f333"},
    "number": {"N": "-12.5"},
    "bytes": {"B": bytes(range(256))},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "strings": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "binaries": {"BS": [b"\x00", b"\xff"]},
    "list": {"L": [{"S": "x"}, {"N": "1"}, {"L": []}, {"M": {}}]},
    "map": {"M": {"inner": {"M": {"deep": {"BOOL": False}}}, "": {"S": ""}}},
}


def same(left, right):
    """Equal, with sets in any order."""
    order = lambda item: {
        name: {kind: sorted(value) if kind in ("SS", "NS", "BS") else value for kind, value in typed.items()}
        for name, typed in item.items()
    }
    return order(left) == order(right)


def test_every_type_comes_back_as_it_was_put(dynamodb, new_table):
    table = new_table("id", "S")
    dynamodb.put_item(TableName=table, Item=EVERY_TYPE)
    for consistent in (True, False):
        got = dynamodb.get_item(TableName=table, Key={"id": {"S": "all"}}, ConsistentRead=consistent)
        assert same(got["Item"], EVERY_TYPE)
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"id": {"S": "none"}})


@pytest.mark.parametrize(
    "written, read",
    [
        ("1", "1"),
        ("1.0", "1"),
        ("-0", "0"),
        ("000123.4500", "123.45"),
        ("1E3", "1000"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ("9.9999999999999999999999999999999999999E+125", "9" * 38 + "0" * 88),
        ("1E-130", "0." + "0" * 129 + "1"),
    ],
)
def test_numbers_are_exact_and_normalised(dynamodb, new_table, written, read):
    table = new_table("id", "S")
    dynamodb.put_item(TableName=table, Item={"id": {"S": "n"}, "n": {"N": written}})
    got = dynamodb.get_item(TableName=table, Key={"id": {"S": "n"}})["Item"]["n"]["N"]
    assert decimal.Context(prec=200).create_decimal(got) == decimal.Context(prec=200).create_decimal(read)
    if len(read) < 60:
        assert got == read


@pytest.mark.parametrize(
    "number, message",
    [
        ("1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("many", "The parameter cannot be converted to a numeric value: many"),
    ],
)
def test_numbers_out_of_range_are_refused(dynamodb, new_table, number, message):
    table = new_table("id", "S")
    code, said = refusal(dynamodb.put_item, TableName=table, Item={"id": {"S": "n"}, "n": {"N": number}})
    assert (code, said) == ("ValidationException", WRAPPED + message)


def test_numeric_keys_are_one_key_however_written_and_sort_as_numbers(dynamodb, new_table):
    table = new_table("pk", "S", "sk", "N")
    for number in ["10", "9", "-1", "0.5", "1E2", "-100", "9.0"]:
        dynamodb.put_item(TableName=table, Item={"pk": {"S": "p"}, "sk": {"N": number}})
    got = dynamodb.query(
        TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p"}}
    )
    assert [item["sk"]["N"] for item in got["Items"]] == ["-100", "-1", "0.5", "9", "10", "100"]


def test_return_values_are_those_asked_for(dynamodb, new_table):
    table = new_table("id", "S")
    key = {"id": {"S": "1"}}
    first = {**key, "a": {"N": "1"}, "b": {"S": "x"}}
    assert "Attributes" not in dynamodb.put_item(TableName=table, Item=first, ReturnValues="ALL_OLD")
    second = {**key, "a": {"N": "2"}}
    assert dynamodb.put_item(TableName=table, Item=second, ReturnValues="ALL_OLD")["Attributes"] == first
    add = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "ADD a :one SET c = :c",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":c": {"S": "new"}},
    }
    expected = {
        "NONE": None,
        "ALL_OLD": {**key, "a": {"N": "3"}, "c": {"S": "new"}},
        "UPDATED_OLD": {"a": {"N": "4"}, "c": {"S": "new"}},
        "ALL_NEW": {**key, "a": {"N": "6"}, "c": {"S": "new"}},
        "UPDATED_NEW": {"a": {"N": "7"}, "c": {"S": "new"}},
    }
    for asked, attributes in expected.items():
        assert dynamodb.update_item(**add, ReturnValues=asked).get("Attributes") == attributes, asked
    gone = dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")["Attributes"]
    assert gone == {**key, "a": {"N": "7"}, "c": {"S": "new"}}
    assert "Attributes" not in dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")


def test_a_write_whose_condition_fails_changes_nothing_and_says_so(dynamodb, new_table):
    table = new_table("id", "S")
    item = {"id": {"S": "1"}, "n": {"N": "1"}}
    dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(id)")
    again = {"TableName": table, "Item": {**item, "n": {"N": "2"}}, "ConditionExpression": "attribute_not_exists(id)"}
    assert refusal(dynamodb.put_item, **again) == (
        "ConditionalCheckFailedException",
        "The conditional request failed",
    )
    try:
        dynamodb.put_item(**again, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        assert error.response["Item"] == item
    for call in (dynamodb.delete_item, dynamodb.update_item):
        code, _ = refusal(
            call,
            TableName=table,
            Key={"id": {"S": "1"}},
            ConditionExpression="n > :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )
        assert code == "ConditionalCheckFailedException"
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "1"}})["Item"] == item


UPDATES = [
    ("SET a = a + :n", {":n": {"N": "0.1"}}, {"a": {"N": "1.1"}}),
    ("SET a = :n - a", {":n": {"N": "5"}}, {"a": {"N": "4"}}),
    ("SET z = if_not_exists(z, :n)", {":n": {"N": "7"}}, {"z": {"N": "7"}}),
    ("SET a = if_not_exists(a, :n)", {":n": {"N": "7"}}, {"a": {"N": "1"}}),
    ("SET l = list_append(l, :l)", {":l": {"L": [{"N": "3"}]}}, {"l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}}),
    ("SET l[1] = :n, l[9] = :n", {":n": {"N": "9"}}, {"l": {"L": [{"N": "1"}, {"N": "9"}, {"N": "9"}]}}),
    ("SET m.x.y = :n", {":n": {"N": "9"}}, {"m": {"M": {"x": {"M": {"y": {"N": "9"}}}}}}),
    ("REMOVE l[0]", {}, {"l": {"L": [{"N": "2"}]}}),
    ("REMOVE m.x, a", {}, {"m": {"M": {}}, "a": None}),
    ("ADD s :s", {":s": {"SS": ["b", "c"]}}, {"s": {"SS": ["a", "b", "c"]}}),
    ("DELETE s :s", {":s": {"SS": ["a", "b"]}}, {"s": None}),
    ("ADD fresh :n", {":n": {"N": "3"}}, {"fresh": {"N": "3"}}),
    ("SET a = b, b = a", {}, {"a": {"N": "2"}, "b": {"N": "1"}}),
]


@pytest.mark.parametrize("expression, values, expected", UPDATES, ids=[update[0] for update in UPDATES])
def test_updates_do_what_their_expression_says(dynamodb, new_table, expression, values, expected):
    table = new_table("id", "S")
    key = {"id": {"S": "1"}}
    before = {
        "a": {"N": "1"},
        "b": {"N": "2"},
        "l": {"L": [{"N": "1"}, {"N": "2"}]},
        "m": {"M": {"x": {"M": {"y": {"N": "1"}}}}},
        "s": {"SS": ["a", "b"]},
    }
    dynamodb.put_item(TableName=table, Item={**key, **before})
    more = {"ExpressionAttributeValues": values} if values else {}
    got = dynamodb.update_item(
        TableName=table, Key=key, UpdateExpression=expression, ReturnValues="ALL_NEW", **more
    )["Attributes"]
    after = {**key, **before, **expected}
    assert same(got, {name: value for name, value in after.items() if value is not None})


INVALID = [
    (
        "SET a = :n",
        {":n": {"N": "1"}, ":unused": {"N": "2"}},
        WRAPPED + "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}",
    ),
    (
        "SET a = :missing",
        {":n": {"N": "1"}},
        WRAPPED + "Invalid UpdateExpression: An expression attribute value used in expression is not defined; "
        "attribute value: :missing",
    ),
    (
        "SET a = #missing",
        {},
        WRAPPED + "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; "
        "attribute name: #missing",
    ),
    (
        "SET a = :n, a = :n",
        {":n": {"N": "1"}},
        WRAPPED + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these "
        "paths; path one: [a], path two: [a]",
    ),
    (
        "SET id = :n",
        {":n": {"S": "2"}},
        "One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key",
    ),
]


@pytest.mark.parametrize("expression, values, message", INVALID, ids=[case[0] for case in INVALID])
def test_expressions_are_refused_in_the_words_of_aws(dynamodb, new_table, expression, values, message):
    table = new_table("id", "S")
    more = {"ExpressionAttributeValues": values} if values else {}
    said = refusal(
        dynamodb.update_item, TableName=table, Key={"id": {"S": "1"}}, UpdateExpression=expression, **more
    )
    assert said == ("ValidationException", message)


def test_keys_and_sizes_are_checked(dynamodb, new_table):
    table = new_table("pk", "S", "sk", "N")
    put = lambda item: refusal(dynamodb.put_item, TableName=table, Item=item)
    assert put({"pk": {"S": "a"}}) == (
        "ValidationException",
        "One or more parameter values were invalid: Missing the key sk in the item",
    )
    assert put({"pk": {"S": "a"}, "sk": {"S": "1"}}) == (
        "ValidationException",
        "One or more parameter values were invalid: Type mismatch for key sk expected: N actual: S",
    )
    code, message = put({"pk": {"S": ""}, "sk": {"N": "1"}})
    assert code == "ValidationException" and "empty string" in message
    assert refusal(dynamodb.get_item, TableName=table, Key={"pk": {"S": "a"}}) == (
        "ValidationException",
        "The provided key element does not match the schema",
    )
    large = {"pk": {"S": "a"}, "sk": {"N": "1"}, "text": {"S": "x" * 400 * 1024}}
    assert put(large) == ("ValidationException", WRAPPED + "Item size has exceeded the maximum allowed size")
    large["text"]["S"] = "x" * (400 * 1024 - 20)
    dynamodb.put_item(TableName=table, Item=large)
    key = {"pk": large["pk"], "sk": large["sk"]}
    assert dynamodb.get_item(TableName=table, Key=key)["Item"] == large
    code, message = refusal(dynamodb.put_item, TableName="no-such-table", Item={"id": {"S": "1"}})
    assert code == "ResourceNotFoundException" and message == "Requested resource not found"


def test_batches_write_and_read_over_tables(dynamodb, new_table):
    left, right = new_table("id", "S"), new_table("id", "N")
    puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(12)]
    numbers = [{"PutRequest": {"Item": {"id": {"N": str(n)}, "x": {"S": "y"}}}} for n in range(13)]
    answer = dynamodb.batch_write_item(RequestItems={left: puts, right: numbers})
    assert answer["UnprocessedItems"] == {}
    delete = [{"DeleteRequest": {"Key": {"id": {"S": "0"}}}}]
    dynamodb.batch_write_item(RequestItems={left: delete})
    keys = [{"id": {"S": str(n)}} for n in range(12)]
    got = dynamodb.batch_get_item(RequestItems={left: {"Keys": keys}, right: {"Keys": [{"id": {"N": "3"}}]}})
    assert len(got["Responses"][left]) == 11 and got["UnprocessedKeys"] == {}
    assert got["Responses"][right] == [{"id": {"N": "3"}, "x": {"S": "y"}}]
    twice = [puts[0], puts[0]]
    assert refusal(dynamodb.batch_write_item, RequestItems={left: twice}) == (
        "ValidationException",
        "Provided list of item keys contains duplicates",
    )
    code, _ = refusal(dynamodb.batch_write_item, RequestItems={left: puts * 3})
    assert code == "ValidationException"


def test_the_resource_api_works_as_in_everybodys_code(resource, new_table):
    table = resource.Table(new_table("region", "S", "improvement", "S"))
    key = {"region": "SOUTH", "improvement": "MORE_TREES"}
    for _ in range(3):
        table.update_item(
            Key=key, UpdateExpression="ADD total_votes :votevalue", ExpressionAttributeValues={":votevalue": 1}
        )
    assert table.get_item(Key=key)["Item"] == {**key, "total_votes": decimal.Decimal(3)}
    with table.batch_writer() as batch:
        for number in range(60):
            batch.put_item(Item={"region": "EAST", "improvement": f"i{number:02}", "total_votes": number})
    from boto3.dynamodb.conditions import Attr, Key

    got = table.query(
        KeyConditionExpression=Key("region").eq("EAST") & Key("improvement").begins_with("i1"),
        FilterExpression=Attr("total_votes").gt(12),
        ScanIndexForward=False,
    )
    assert [int(item["total_votes"]) for item in got["Items"]] == [19, 18, 17, 16, 15, 14, 13]
    assert got["ScannedCount"] == 10
