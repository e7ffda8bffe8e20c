"""Streams: what records show, the five kinds of iterator, shards, and streams that are turned on and off."""

import datetime

import pytest
from conftest import refusal


def read(streams, arn, shard, kind="TRIM_HORIZON", **more):
    """All records from an iterator on, until a page is empty."""
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]
    records = []
    while iterator:
        page = streams.get_records(ShardIterator=iterator)
        if not page["Records"]:
            break
        records += page["Records"]
        iterator = page.get("NextShardIterator")
    return records


def shards(streams, arn):
    found, start = [], {}
    while True:
        page = streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return found
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def arn_of(dynamodb, table):
    return dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]


def change(dynamodb, table):
    """An insert, a modification, a write that changes nothing, a removal, and one of what is not there."""
    key = {"id": {"S": "1"}}
    dynamodb.put_item(TableName=table, Item={**key, "x": {"N": "1"}})
    dynamodb.put_item(TableName=table, Item={**key, "x": {"N": "2"}})
    dynamodb.put_item(TableName=table, Item={**key, "x": {"N": "2"}})
    dynamodb.delete_item(TableName=table, Key=key)
    dynamodb.delete_item(TableName=table, Key=key)


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_records_show_what_the_view_type_says(dynamodb, streams, new_table, view_type):
    table = new_table("id", "S", stream=view_type)
    change(dynamodb, table)
    arn = arn_of(dynamodb, table)
    records = read(streams, arn, shards(streams, arn)[0]["ShardId"])
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    new, old = "NEW" in view_type, "OLD" in view_type
    images = [({"x": 1}, None), ({"x": 2}, {"x": 1}), (None, {"x": 2})]
    for record, (after, before) in zip(records, images):
        shown = record["dynamodb"]
        assert shown["Keys"] == {"id": {"S": "1"}}
        assert shown["StreamViewType"] == view_type
        number = lambda image: {"x": int(image["x"]["N"])} if image else None
        assert number(shown.get("NewImage")) == (after if new else None)
        assert number(shown.get("OldImage")) == (before if old else None)
        assert record["eventSource"] == "aws:dynamodb" and record["awsRegion"] == "us-east-1"
        assert shown["SizeBytes"] > 0
    assert len({record["eventID"] for record in records}) == 3
    sequence = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert sequence == sorted(sequence) and all(21 <= len(number) <= 40 for number in sequence)


def test_each_kind_of_iterator_starts_where_it_says(dynamodb, streams, new_table):
    table = new_table("id", "S", stream="NEW_IMAGE")
    arn = arn_of(dynamodb, table)
    shard = shards(streams, arn)[0]["ShardId"]
    latest = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    for number in range(5):
        dynamodb.put_item(TableName=table, Item={"id": {"S": str(number)}})
    ids = lambda records: [record["dynamodb"]["Keys"]["id"]["S"] for record in records]
    everything = read(streams, arn, shard)
    assert ids(everything) == ["0", "1", "2", "3", "4"]
    third = everything[2]["dynamodb"]["SequenceNumber"]
    assert ids(read(streams, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=third)) == ["2", "3", "4"]
    assert ids(read(streams, arn, shard, "AFTER_SEQUENCE_NUMBER", SequenceNumber=third)) == ["3", "4"]
    # LATEST means the end at the time of asking for the iterator.
    assert ids(streams.get_records(ShardIterator=latest)["Records"]) == ["0", "1", "2", "3", "4"]
    assert read(streams, arn, shard, "LATEST") == []
    limited = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    page = streams.get_records(ShardIterator=limited["ShardIterator"], Limit=2)
    assert ids(page["Records"]) == ["0", "1"]
    assert ids(streams.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == ["2", "3", "4"]


def test_a_shard_is_chosen_by_partition_key_and_none_is_missing(dynamodb, streams):
    arn = arn_of(dynamodb, "wide")
    found = shards(streams, arn)
    assert len(found) == 4
    for number in range(40):
        for version in range(3):
            item = {"id": {"S": f"item-{number}"}, "version": {"N": str(version)}}
            dynamodb.put_item(TableName="wide", Item=item)
    seen = {}
    for shard in found:
        records = read(streams, arn, shard["ShardId"])
        assert records, "each shard has its share"
        for record in records:
            name = record["dynamodb"]["Keys"]["id"]["S"]
            where, versions = seen.setdefault(name, (shard["ShardId"], []))
            assert where == shard["ShardId"], "an item stays in its shard"
            versions.append(record["dynamodb"]["NewImage"]["version"]["N"])
    assert {name: versions for name, (_, versions) in seen.items()} == {
        f"item-{number}": ["0", "1", "2"] for number in range(40)
    }
    page = streams.describe_stream(StreamArn=arn, Limit=3)["StreamDescription"]
    assert len(page["Shards"]) == 3 and page["LastEvaluatedShardId"] == page["Shards"][-1]["ShardId"]


def test_streams_are_listed_and_described(dynamodb, streams, new_table):
    table = new_table("id", "S", stream="KEYS_ONLY")
    arn = arn_of(dynamodb, table)
    listed = streams.list_streams(TableName=table)["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [arn]
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamStatus"] == "ENABLED" and described["StreamViewType"] == "KEYS_ONLY"
    assert described["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert isinstance(described["CreationRequestDateTime"], datetime.datetime)
    assert "EndingSequenceNumber" not in described["Shards"][0]["SequenceNumberRange"]
    code, _ = refusal(streams.describe_stream, StreamArn=arn + "x")
    assert code == "ResourceNotFoundException"
    wrong = {"StreamArn": arn, "ShardId": described["Shards"][0]["ShardId"], "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    code, _ = refusal(streams.get_shard_iterator, **wrong)
    assert code == "ValidationException"


def test_a_stream_that_is_turned_off_can_be_read_to_its_end(dynamodb, streams, new_table):
    table = new_table("id", "S", stream="NEW_IMAGE")
    first = arn_of(dynamodb, table)
    dynamodb.put_item(TableName=table, Item={"id": {"S": "in"}})
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    dynamodb.put_item(TableName=table, Item={"id": {"S": "between"}})
    again = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    dynamodb.update_table(TableName=table, StreamSpecification=again)
    second = arn_of(dynamodb, table)
    assert second != first
    dynamodb.put_item(TableName=table, Item={"id": {"S": "after"}})
    for arn, expected, closed in [(first, ["in"], True), (second, ["after"], False)]:
        shard = shards(streams, arn)[0]
        ids = [record["dynamodb"]["Keys"]["id"]["S"] for record in read(streams, arn, shard["ShardId"])]
        assert ids == expected
        assert ("EndingSequenceNumber" in shard["SequenceNumberRange"]) == closed
    assert streams.describe_stream(StreamArn=first)["StreamDescription"]["StreamStatus"] == "DISABLED"
    shard = shards(streams, first)[0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=first, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    pages, iterator = 0, iterator["ShardIterator"]
    while iterator:
        iterator, pages = streams.get_records(ShardIterator=iterator).get("NextShardIterator"), pages + 1
        assert pages < 10, "a closed shard ends"
