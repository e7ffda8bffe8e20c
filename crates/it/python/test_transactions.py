"""Transactions: all or nothing, reasons, tokens, reads at one moment."""

import threading

import pytest
from botocore.exceptions import ClientError
from conftest import refusal
from waiting import until


def put(table, key, **more):
    return {"Put": {"TableName": table, "Item": {"id": {"S": key}, **more}}}


def add(table, key, number=1):
    update = {
        "TableName": table,
        "Key": {"id": {"S": key}},
        "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": {"N": str(number)}},
    }
    return {"Update": update}


def get(table, key):
    return {"Get": {"TableName": table, "Key": {"id": {"S": key}}}}


def count(dynamodb, table, key):
    return dynamodb.get_item(TableName=table, Key={"id": {"S": key}})["Item"]["n"]["N"]


def test_all_four_actions_happen_together_over_two_tables(dynamodb, new_table):
    here, there = new_table("id", "S"), new_table("id", "S")
    dynamodb.put_item(TableName=there, Item={"id": {"S": "gone"}})
    written = dynamodb.transact_write_items(
        TransactItems=[
            put(here, "a", n={"N": "1"}),
            add(there, "b", 2),
            {"Delete": {"TableName": there, "Key": {"id": {"S": "gone"}}}},
            {
                "ConditionCheck": {
                    "TableName": here,
                    "Key": {"id": {"S": "c"}},
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            },
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert written["ConsumedCapacity"] == [
        {"TableName": here, "CapacityUnits": 4.0, "WriteCapacityUnits": 4.0},
        {"TableName": there, "CapacityUnits": 4.0, "WriteCapacityUnits": 4.0},
    ]
    read = dynamodb.transact_get_items(
        TransactItems=[get(there, "b"), get(there, "gone"), get(here, "a")], ReturnConsumedCapacity="INDEXES"
    )
    assert read["Responses"] == [
        {"Item": {"id": {"S": "b"}, "n": {"N": "2"}}},
        {},
        {"Item": {"id": {"S": "a"}, "n": {"N": "1"}}},
    ]
    assert [table["Table"]["ReadCapacityUnits"] for table in read["ConsumedCapacity"]] == [4.0, 2.0]


def test_a_failed_condition_cancels_all_and_shows_its_item(dynamodb, new_table):
    table = new_table("id", "S")
    dynamodb.put_item(TableName=table, Item={"id": {"S": "old"}, "n": {"N": "7"}})
    twice = put(table, "old")
    twice["Put"] |= {
        "ConditionExpression": "attribute_not_exists(id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[put(table, "new"), twice])
    answer = caught.value.response
    assert answer["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"
    )
    assert answer["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": {"id": {"S": "old"}, "n": {"N": "7"}},
        },
    ]
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"id": {"S": "new"}})


def test_a_token_is_used_once(dynamodb, new_table):
    table = new_table("id", "S")
    for _ in range(3):
        dynamodb.transact_write_items(TransactItems=[add(table, "a")], ClientRequestToken=table)
    assert count(dynamodb, table, "a") == "1"
    code, message = refusal(
        dynamodb.transact_write_items, TransactItems=[add(table, "a", 2)], ClientRequestToken=table
    )
    assert code == "IdempotentParameterMismatchException"
    assert "idempotent token that was already used" in message
    repeat = dynamodb.transact_write_items(
        TransactItems=[add(table, "a")], ClientRequestToken=table, ReturnConsumedCapacity="TOTAL"
    )
    assert repeat["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    # boto3 makes up a token for each call that has none.
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[add(table, "b")])
    assert count(dynamodb, table, "b") == "2"


def test_no_read_sees_half_of_a_transaction(dynamodb, new_table):
    table = new_table("id", "S")
    keys = [f"k{number}" for number in range(4)]
    dynamodb.transact_write_items(TransactItems=[add(table, key) for key in keys])
    rounds, failures = 50, []

    def write():
        try:
            for _ in range(rounds):
                dynamodb.transact_write_items(TransactItems=[add(table, key) for key in keys])
        except ClientError as error:
            failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        read = dynamodb.transact_get_items(TransactItems=[get(table, key) for key in keys])
        counts = {one["Item"]["n"]["N"] for one in read["Responses"]}
        assert len(counts) == 1, counts
        seen |= counts
    for writer in writers:
        writer.join()
    assert not failures
    assert len(seen) > 1, "the reads were too few to mean anything"
    assert count(dynamodb, table, keys[0]) == str(1 + 3 * rounds)


def test_a_view_counts_what_transactions_write_and_can_be_checked(dynamodb):
    key = {"region": {"S": "TRANSACTED"}, "improvement": {"S": "MORE_TREES"}}
    check = {"TableName": "total_votes", "Key": key, "ConditionExpression": "attribute_not_exists(total_votes)"}
    votes = [put("votes", f"transacted-{number}", **key) for number in range(3)]
    dynamodb.transact_write_items(TransactItems=[*votes, {"ConditionCheck": check}])
    total = until("the view to count", lambda: dynamodb.get_item(TableName="total_votes", Key=key).get("Item"))
    assert total["total_votes"] == {"N": "3"}
    code, message = refusal(dynamodb.transact_write_items, TransactItems=[{"Delete": {"TableName": "total_votes", "Key": key}}])
    assert (code, "total_votes is kept by a view" in message) == ("ValidationException", True)
    for number in range(3):
        dynamodb.delete_item(TableName="votes", Key={"id": {"S": f"transacted-{number}"}})


@pytest.mark.parametrize(
    "actions, message",
    [
        ([put("t1", "a"), put("t1", "a")], "Transaction request cannot include multiple operations on one item"),
        ([{**put("t1", "a"), **add("t1", "a")}], "TransactItems can only contain one of Check, Put, Update or Delete"),
    ],
)
def test_what_cannot_be_a_transaction_is_refused(dynamodb, new_table, actions, message):
    table = new_table("id", "S")
    for action in actions:
        for member in action.values():
            member["TableName"] = table
    assert refusal(dynamodb.transact_write_items, TransactItems=actions) == ("ValidationException", message)
