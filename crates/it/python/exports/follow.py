"""A consumer of exports, as one would write it with boto3: folds the stream's operations into a dictionary, reads the
target table, and compares both with a full export. Prints how many operations of which version it saw.

    python follow.py EXPORT.csv.gz STREAM TABLE
"""

import collections
import csv
import decimal
import gzip
import json
import os
import sys

import boto3

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
NUMBERS = ("price", "stock")


def exported(path):
    """The rows of an export by their key."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        return {row["PK"]: row for row in csv.DictReader(file)}


def records(kinesis, stream):
    """Every record of the stream, shard by shard."""
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while place:
            page = kinesis.get_records(ShardIterator=place)
            yield from page["Records"]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
            place = page["NextShardIterator"]


def folded(kinesis, stream):
    """What the operations add up to, and the ordinals of each version."""
    rows, ordinals = {}, collections.defaultdict(list)
    for record in records(kinesis, stream):
        operation = json.loads(record["Data"])
        ordinals[operation["exportVersion"]].append(operation["ordinal"])
        key = operation["key"]["PK"]
        if operation["operation"] == "DELETE":
            del rows[key]
        else:
            assert (key in rows) == (operation["operation"] == "UPDATE"), operation
            rows[key] = operation["row"]
    return rows, ordinals


def scanned(table):
    """The items of the target by their key."""
    page = table.scan()
    items = page["Items"]
    while "LastEvaluatedKey" in page:
        page = table.scan(ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    return {item["PK"]: item for item in items}


def typed(row):
    """A row of an export as the target has it."""
    return {name: decimal.Decimal(text) if name in NUMBERS else text for name, text in row.items()}


def main(path, stream, table):
    wanted = exported(path)
    rows, ordinals = folded(boto3.client("kinesis", endpoint_url=ENDPOINT), stream)
    assert rows == wanted, "the stream adds up to something else than the export"
    for version, seen in ordinals.items():
        assert sorted(seen) == list(range(len(seen))), f"{version}: not every operation exactly once"
    items = scanned(boto3.resource("dynamodb", endpoint_url=ENDPOINT).Table(table))
    assert items == {key: typed(row) for key, row in wanted.items()}, "the target is something else than the export"
    for version in sorted(ordinals):
        print(version, len(ordinals[version]))


main(*sys.argv[1:])
