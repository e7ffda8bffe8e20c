"""Views: counted once, moved, taken back, skipped where they do not fit, read-only, with a stream of their own."""

from conftest import refusal
from waiting import until


def vote(dynamodb, name, region, improvement="MORE_TREES"):
    item = {"id": {"S": name}, "region": {"S": region}, "improvement": {"S": improvement}}
    dynamodb.put_item(TableName="votes", Item=item)


def totals(dynamodb, *regions):
    """Rows of these regions, which other tests leave alone."""
    rows = {}
    for region in regions:
        answer = dynamodb.query(
            TableName="total_votes",
            KeyConditionExpression="#r = :r",
            ExpressionAttributeNames={"#r": "region"},
            ExpressionAttributeValues={":r": {"S": region}},
        )
        for row in answer["Items"]:
            rows[row["region"]["S"], row["improvement"]["S"]] = int(row["total_votes"]["N"])
    return rows


def becomes(dynamodb, expected, *regions):
    until(f"totals to be {expected}", lambda: totals(dynamodb, *regions) == expected)


def test_votes_are_counted_moved_and_taken_back(dynamodb):
    north, south = "view-NORTH", "view-SOUTH"
    for number in range(5):
        vote(dynamodb, f"v{number}", south)
    becomes(dynamodb, {(south, "MORE_TREES"): 5}, north, south)
    vote(dynamodb, "v0", north)
    vote(dynamodb, "v1", south, "BIKE_LANES")
    becomes(
        dynamodb,
        {(south, "MORE_TREES"): 3, (south, "BIKE_LANES"): 1, (north, "MORE_TREES"): 1},
        north,
        south,
    )
    dynamodb.delete_item(TableName="votes", Key={"id": {"S": "v1"}})
    dynamodb.update_item(
        TableName="votes",
        Key={"id": {"S": "v2"}},
        UpdateExpression="SET remark = :c",
        ExpressionAttributeValues={":c": {"S": "this changes no group"}},
    )
    becomes(dynamodb, {(south, "MORE_TREES"): 3, (north, "MORE_TREES"): 1}, north, south)
    got = dynamodb.get_item(
        TableName="total_votes", Key={"region": {"S": south}, "improvement": {"S": "MORE_TREES"}}
    )
    assert got["Item"] == {
        "region": {"S": south},
        "improvement": {"S": "MORE_TREES"},
        "total_votes": {"N": "3"},
    }


def test_what_does_not_fit_is_skipped_until_it_does(dynamodb):
    region = "view-EAST"
    dynamodb.put_item(TableName="votes", Item={"id": {"S": "odd1"}, "region": {"S": region}})
    odd = {"id": {"S": "odd2"}, "region": {"S": region}, "improvement": {"N": "7"}}
    dynamodb.put_item(TableName="votes", Item=odd)
    vote(dynamodb, "odd3", region)
    becomes(dynamodb, {(region, "MORE_TREES"): 1}, region)
    vote(dynamodb, "odd1", region)
    becomes(dynamodb, {(region, "MORE_TREES"): 2}, region)
    dynamodb.put_item(TableName="votes", Item=odd)
    dynamodb.delete_item(TableName="votes", Key={"id": {"S": "odd3"}})
    becomes(dynamodb, {(region, "MORE_TREES"): 1}, region)


def test_a_view_is_read_only(dynamodb):
    key = {"region": {"S": "view-WEST"}, "improvement": {"S": "x"}}
    for call, arguments in [
        (dynamodb.put_item, {"Item": {**key, "total_votes": {"N": "1000000"}}}),
        (dynamodb.delete_item, {"Key": key}),
        (dynamodb.update_item, {"Key": key}),
    ]:
        code, message = refusal(call, TableName="total_votes", **arguments)
        assert "view" in message and "total_votes" in message, message
    code, message = refusal(
        dynamodb.batch_write_item, RequestItems={"total_votes": [{"DeleteRequest": {"Key": key}}]}
    )
    assert "view" in message


def test_a_view_has_a_stream_of_its_own(dynamodb, streams):
    arn = dynamodb.describe_table(TableName="total_votes")["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    kind = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"}
    iterator = streams.get_shard_iterator(**kind)["ShardIterator"]
    vote(dynamodb, "streamed", "view-CENTRAL")
    seen = []

    def look():
        nonlocal iterator
        page = streams.get_records(ShardIterator=iterator)
        iterator = page["NextShardIterator"]
        seen.extend(r for r in page["Records"] if r["dynamodb"]["Keys"]["region"]["S"] == "view-CENTRAL")
        return seen

    until("the view's record", look)
    assert [record["eventName"] for record in seen] == ["INSERT"]
    assert seen[0]["dynamodb"]["NewImage"]["total_votes"] == {"N": "1"}


def test_sums_are_exact_and_averages_rounded_over_a_table_without_a_stream(dynamodb):
    def order(name, amount, status="paid"):
        item = {"id": {"S": name}, "customer": {"S": "ada"}, "amount": amount, "status": {"S": status}}
        dynamodb.put_item(TableName="orders", Item=item)

    def row():
        return dynamodb.get_item(TableName="paid", Key={"customer": {"S": "ada"}}).get("Item")

    order("o1", {"N": "0.1"})
    order("o2", {"N": "0.2"})
    order("o3", {"N": "1E30"})
    order("o4", {"N": "5"}, status="open")
    until("three orders", lambda: row() and row()["orders"]["N"] == "3")
    dynamodb.delete_item(TableName="orders", Key={"id": {"S": "o3"}})
    order("o4", {"N": "0.7"})
    expected = {
        "customer": {"S": "ada"},
        "orders": {"N": "3"},
        "total": {"N": "1"},
        "mean": {"N": "0." + "3" * 38},
    }
    until("the large order taken back exactly", lambda: row() and row()["orders"]["N"] == "3" and row() == expected)
    for name in ("o1", "o2", "o4"):
        dynamodb.delete_item(TableName="orders", Key={"id": {"S": name}})
    until("a group without orders to vanish", lambda: row() is None)
