"""Calls the handler in a bare loop: `bare.py SOCKET BATCH SECONDS` prints records a second, with the event as it is, then
with JSON read and written around each call, as any caller has to."""

import json
import os
import sys
import time

os.environ["TOLD"], batch, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "nothing"))
from app import handler  # noqa: E402


def record(number):
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2026-11-20T13:00:00.000"
    image = {"id": {"S": f"{number:012}"}, "improvement": {"S": "MORE_TREES"}, "region": {"S": "SOUTH"}}
    change = {
        "ApproximateCreationDateTime": 1795178000.0,
        "Keys": {"id": image["id"]},
        "NewImage": image,
        "SequenceNumber": f"1{number:023}",
        "SizeBytes": 60,
        "StreamViewType": "NEW_IMAGE",
    }
    head = {"eventID": f"{number:032x}", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb"}
    return head | {"awsRegion": "us-east-1", "dynamodb": change, "eventSourceARN": arn}


def rate(call):
    calls, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        call()
        calls += 1
    return calls * batch / (time.perf_counter() - begin)


event = {"Records": [record(number) for number in range(batch)]}
text = json.dumps(event)
print(rate(lambda: handler(event, None)))
print(rate(lambda: json.dumps(handler(json.loads(text), None))))
