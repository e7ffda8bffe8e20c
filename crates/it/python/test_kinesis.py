"""Streams and records over the API of Kinesis."""

import hashlib
import itertools
import os

import boto3
import pytest
from botocore.config import Config
from conftest import ENDPOINT, refusal
from waiting import until


def iterator(kinesis, stream, shard, kind="TRIM_HORIZON", **more):
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


def read(kinesis, place, limit=1000):
    """All records from an iterator on."""
    records = []
    while True:
        page = kinesis.get_records(ShardIterator=place, Limit=limit)
        records += page["Records"]
        place = page["NextShardIterator"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return records


def test_a_stream_is_described_as_it_was_created(kinesis, new_stream):
    name = new_stream(ShardCount=3, Tags={"team": "green"}, MaxRecordSizeInKiB=2048)
    description = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (description["StreamStatus"], description["RetentionPeriodHours"]) == ("ACTIVE", 24)
    assert description["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    summary = kinesis.describe_stream_summary(StreamARN=description["StreamARN"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["MaxRecordSizeInKiB"]) == (3, 2048)
    # By hand: boto3's paginator sends the name with the token, which AWS refuses too.
    first = kinesis.list_shards(StreamName=name, MaxResults=2)
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    shards = first["Shards"] + rest["Shards"]
    assert shards == description["Shards"] and "NextToken" not in rest
    ranges = [shard["HashKeyRange"] for shard in shards]
    assert int(ranges[0]["StartingHashKey"]) == 0 and int(ranges[-1]["EndingHashKey"]) == 2**128 - 1
    for before, after in itertools.pairwise(ranges):
        assert int(before["EndingHashKey"]) + 1 == int(after["StartingHashKey"])
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "team", "Value": "green"}]
    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    assert name in [found for page in pages for found in page["StreamNames"]]
    again = refusal(kinesis.create_stream, StreamName=name, ShardCount=1)
    assert again == ("ResourceInUseException", f"Stream {name} under account 000000000000 already exists.")


def test_the_stream_of_the_template_is_there(kinesis):
    summary = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 36)
    assert kinesis.list_tags_for_stream(StreamName="clicks")["Tags"] == [{"Key": "team", "Value": "green"}]


def test_a_function_of_the_template_gets_what_is_put_into_its_stream(kinesis, dynamodb):
    kinesis.put_record(StreamName="clicks", PartitionKey="somebody", Data=b"button")
    read = {"TableName": "clicked", "Key": {"id": {"S": "somebody"}}}
    found = until("the function to write it down", lambda: dynamodb.get_item(**read).get("Item"), 60)
    assert found["data"] == {"S": "button"}


def test_records_go_where_their_key_hashes_and_are_read_in_order(kinesis, new_stream):
    name = new_stream(ShardCount=4)
    shards = kinesis.list_shards(StreamName=name)["Shards"]
    sent = {shard["ShardId"]: [] for shard in shards}
    for start in range(0, 200, 50):
        keys = [f"key-{at % 17}" for at in range(start, start + 50)]
        records = [{"PartitionKey": key, "Data": f"{key}:{at}".encode()} for at, key in enumerate(keys, start)]
        answer = kinesis.put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0
        for record, placed in zip(records, answer["Records"], strict=True):
            sent[placed["ShardId"]].append((placed["SequenceNumber"], record["Data"]))
            hashed = int(hashlib.md5(record["PartitionKey"].encode()).hexdigest(), 16)
            shard = next(shard for shard in shards if shard["ShardId"] == placed["ShardId"])
            span = shard["HashKeyRange"]
            assert int(span["StartingHashKey"]) <= hashed <= int(span["EndingHashKey"])
    for shard, expected in sent.items():
        assert expected, "some key is in each shard"
        for limit in [1000, 7]:
            found = read(kinesis, iterator(kinesis, name, shard), limit)
            assert [(record["SequenceNumber"], record["Data"]) for record in found] == expected
        middle, after = expected[len(expected) // 2], expected[len(expected) // 2 + 1 :]
        place = iterator(kinesis, name, shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=middle[0])
        assert [record["Data"] for record in read(kinesis, place)] == [data for _, data in after]
    numbers = [number for expected in sent.values() for number, _ in expected]
    assert len({len(number) for number in numbers}) == 1 and len(set(numbers)) == 200


def test_a_reader_of_the_newest_sees_what_comes(kinesis, new_stream):
    name = new_stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    shard = "shardId-000000000000"
    kinesis.put_record(StreamName=name, PartitionKey="k", ExplicitHashKey="0", Data=b"before")
    place = iterator(kinesis, name, shard, "LATEST")
    assert read(kinesis, place) == []
    put = kinesis.put_record(StreamName=name, PartitionKey="ü", ExplicitHashKey="0", Data=bytes(range(256)))
    assert put["ShardId"] == shard
    (record,) = read(kinesis, place)
    assert (record["PartitionKey"], record["Data"]) == ("ü", bytes(range(256)))
    moment = record["ApproximateArrivalTimestamp"]
    found = read(kinesis, iterator(kinesis, name, shard, "AT_TIMESTAMP", Timestamp=moment))
    assert found[-1]["Data"] == bytes(range(256))


def test_retention_mode_and_tags_of_a_stream_change(kinesis, new_stream):
    name = new_stream(ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=72)
    kinesis.decrease_stream_retention_period(StreamARN=arn, RetentionPeriodHours=48)
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10240)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (summary["RetentionPeriodHours"], summary["MaxRecordSizeInKiB"]) == (48, 10240)
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    kinesis.add_tags_to_stream(StreamName=name, Tags={"a": "1", "b": "2"})
    kinesis.tag_resource(ResourceARN=arn, Tags={"b": "3"})
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "3"}]
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["b"])
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == []
    large = os.urandom(2 * 1024 * 1024)
    put = kinesis.put_record(StreamName=name, PartitionKey="k", Data=large)
    (record,) = read(kinesis, iterator(kinesis, name, put["ShardId"]))
    assert record["Data"] == large


def test_what_kinesis_does_and_this_does_not_says_so(kinesis, new_stream):
    name = new_stream(ShardCount=1)
    account = "under account 000000000000"
    assert refusal(kinesis.put_record, StreamName="none", PartitionKey="k", Data=b"") == (
        "ResourceNotFoundException",
        f"Stream none {account} not found.",
    )
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.get_records(ShardIterator="x")
    split = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "7"}
    assert refusal(kinesis.split_shard, StreamName=name, **split) == (
        "UnknownOperationException",
        "SplitShard does not work here: a stream keeps the shards that it was created with",
    )
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    code, message = refusal(kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="c")
    assert code == "UnknownOperationException" and "GetRecords" in message


def test_a_put_whose_answer_is_lost_is_carried_out_once(new_stream, kinesis):
    """The first attempt's answer never reaches the client, which tries again."""
    name = new_stream(ShardCount=1)
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    forgetful = boto3.client("kinesis", endpoint_url=ENDPOINT, config=config)
    attempts = []

    def lose(**_):
        attempts.append(1)
        # Botocore tries again when a hook answers a delay.
        return 0 if len(attempts) == 1 else None

    forgetful.meta.events.register_first("needs-retry.kinesis.PutRecord", lose)
    forgetful.put_record(StreamName=name, PartitionKey="k", Data=b"once")
    assert len(attempts) == 2
    assert [record["Data"] for record in read(kinesis, iterator(kinesis, name, "shardId-000000000000"))] == [b"once"]
