"""Adds one to counters, many times from several threads, with a stock boto3 whose retries are on.

Prints, as JSON, how many calls succeeded for each counter and how many ended without an answer.
"""

import collections
import concurrent.futures
import json
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ENDPOINT, CALLS = sys.argv[1], int(sys.argv[2])
THREADS = 8
COUNTERS = 5

succeeded = collections.Counter()
unknown = collections.Counter()
lock = threading.Lock()
local = threading.local()


def client():
    """One client for each thread, so that connections are many."""
    if not hasattr(local, "client"):
        retries = {"mode": "standard", "total_max_attempts": 12}
        config = Config(retries=retries, connect_timeout=5, read_timeout=20)
        local.client = boto3.session.Session().client("dynamodb", endpoint_url=ENDPOINT, config=config)
    return local.client


def add(number):
    counter = f"counter-{number % COUNTERS}"
    try:
        client().update_item(
            TableName="counters",
            Key={"id": {"S": counter}},
            UpdateExpression="ADD #c :one",
            ExpressionAttributeNames={"#c": "count"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        outcome = succeeded
    except (BotoCoreError, ClientError) as error:
        print(f"{counter}: {error}", file=sys.stderr)
        outcome = unknown
    with lock:
        outcome[counter] += 1


with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
    list(pool.map(add, range(CALLS)))

names = sorted(succeeded | unknown)
print(json.dumps({name: [succeeded[name], unknown[name]] for name in names}))
