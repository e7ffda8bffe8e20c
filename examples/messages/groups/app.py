"""Pattern E: on each new message, the group of each of its members gets the message's time and text.

The time is part of a group's key, so a group is deleted and put anew: in one transaction for each member, so that a crash
between the two loses no conversation. A message that comes again, or late, changes nothing that is newer.
"""

import os

import boto3
from boto3.dynamodb.conditions import Key

TABLE = os.environ["TABLE"]
INDEX = os.environ["INDEX"]

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(TABLE)


def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        renew(image["message_group_uuid"]["S"], image["sk"]["S"], image["message"]["S"])


def renew(group_uuid, sk, message):
    found = table.query(IndexName=INDEX, KeyConditionExpression=Key("message_group_uuid").eq(group_uuid))
    for group in found["Items"]:
        if not group["pk"].startswith("GRP#") or group["sk"] >= sk:
            continue
        dynamodb.meta.client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": TABLE, "Key": {"pk": group["pk"], "sk": group["sk"]}}},
                {"Put": {"TableName": TABLE, "Item": {**group, "sk": sk, "message": message}}},
            ]
        )
        print(f"{group['pk']}: {group['sk']} -> {sk}")
