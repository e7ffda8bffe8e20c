"""Time to live: the setting, and items that go when their time has come."""

import time

from conftest import refusal
from test_streams import arn_of, read, shards
from waiting import until


def turn(dynamodb, table, enabled, attribute="expires"):
    return dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled}
    )


def status(dynamodb, table):
    return dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]


def test_time_to_live_is_turned_on_and_off(dynamodb, new_table):
    table = new_table("id", "S")
    assert status(dynamodb, table) == {"TimeToLiveStatus": "DISABLED"}
    specification = {"AttributeName": "expires", "Enabled": True}
    assert turn(dynamodb, table, True)["TimeToLiveSpecification"] == specification
    enabled = {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}
    until("the setting to be in force", lambda: status(dynamodb, table) == enabled)
    refused = lambda enabled, attribute="expires": refusal(lambda: turn(dynamodb, table, enabled, attribute))
    assert refused(True) == ("ValidationException", "TimeToLive is already enabled")
    other = "TimeToLive is active on a different AttributeName: current AttributeName is expires"
    assert refused(True, "other") == ("ValidationException", other)
    turn(dynamodb, table, False)
    assert status(dynamodb, table) == {"TimeToLiveStatus": "DISABLED"}
    assert refused(False) == ("ValidationException", "TimeToLive is already disabled")


def test_expired_items_go_and_the_stream_says_who_took_them(dynamodb, streams, new_table):
    table = new_table("id", "S", stream="NEW_AND_OLD_IMAGES")
    now = int(time.time())
    put = lambda key, expires: dynamodb.put_item(TableName=table, Item={"id": {"S": key}, "expires": expires})
    put("before", {"N": str(now - 60)})
    turn(dynamodb, table, True)
    put("after", {"N": str(now - 1)})
    put("later", {"N": str(now + 3600)})
    put("ancient", {"N": str(now - 6 * 365 * 24 * 3600)})
    put("text", {"S": str(now - 60)})

    def left():
        return {item["id"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}

    until("the expired items to go", lambda: left() == {"later", "ancient", "text"})
    arn = arn_of(dynamodb, table)
    records = [record for shard in shards(streams, arn) for record in read(streams, arn, shard["ShardId"])]
    removed = {
        record["dynamodb"]["Keys"]["id"]["S"]: record.get("userIdentity")
        for record in records
        if record["eventName"] == "REMOVE"
    }
    service = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    assert removed == {"before": service, "after": service}


def test_a_view_counts_down_when_items_expire(dynamodb):
    key = {"region": {"S": "EXPIRING"}, "improvement": {"S": "MORE_TREES"}}
    vote = lambda number, more: {"id": {"S": f"expiring-{number}"}, **key, **more}
    turn(dynamodb, "votes", True)
    dynamodb.put_item(TableName="votes", Item=vote(1, {}))
    dynamodb.put_item(TableName="votes", Item=vote(2, {"expires": {"N": str(int(time.time()) + 2)}}))
    total = lambda: dynamodb.get_item(TableName="total_votes", Key=key).get("Item", {}).get("total_votes", {}).get("N")
    until("both votes to count", lambda: total() == "2")
    until("the expired vote to be taken back", lambda: total() == "1")
    turn(dynamodb, "votes", False)
    dynamodb.delete_item(TableName="votes", Key={"id": {"S": "expiring-1"}})


def test_a_view_has_no_time_to_live_of_its_own(dynamodb):
    code, message = refusal(lambda: turn(dynamodb, "total_votes", True))
    assert (code, "total_votes is kept by a view" in message) == ("ValidationException", True)
