"""Counts votes as they are cast: an ordinary Lambda handler, which knows nothing of where it runs."""

import boto3

totals = boto3.resource("dynamodb").Table("counted_votes")


def lambda_handler(event, context):
    for record in event["Records"]:
        vote = record["dynamodb"].get("NewImage", {})
        region, improvement = vote.get("region", {}).get("S"), vote.get("improvement", {}).get("S")
        # A record without both is no vote. One that was counted before is not counted again when it changes.
        if record["eventName"] != "INSERT" or region is None or improvement is None:
            continue
        totals.update_item(
            Key={"region": region, "improvement": improvement},
            UpdateExpression="ADD total_votes :votevalue",
            ExpressionAttributeValues={":votevalue": 1},
        )
