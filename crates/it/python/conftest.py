"""Clients of the server under test, and tables that are new for each test."""

import itertools
import os

import boto3
import pytest
from botocore.config import Config

ENDPOINT = os.environ["STREAMFOLD_ENDPOINT"]
NUMBERS = itertools.count()


def client(service):
    # Errors are what is tested: none is to be tried again behind the test's back.
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client(service, endpoint_url=ENDPOINT, config=config)


@pytest.fixture(scope="session")
def dynamodb():
    return client("dynamodb")


@pytest.fixture(scope="session")
def streams():
    return client("dynamodbstreams")


@pytest.fixture(scope="session")
def resource():
    return boto3.resource("dynamodb", endpoint_url=ENDPOINT)


@pytest.fixture(scope="session")
def kinesis():
    return client("kinesis")


@pytest.fixture
def new_stream(kinesis):
    """Makes a stream: `new_stream(ShardCount=2)`."""
    made = []

    def make(**settings):
        name = f"stream-{os.getpid()}-{next(NUMBERS)}"
        kinesis.create_stream(StreamName=name, **settings)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        made.append(name)
        return name

    yield make
    for name in made:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})


@pytest.fixture
def new_table(dynamodb):
    """Makes a table: `new_table("id", "S")`, `new_table("pk", "S", "sk", "N", stream="NEW_IMAGE")`."""
    made = []

    def make(partition, kind, sort=None, sort_kind=None, stream=None):
        name = f"table-{os.getpid()}-{next(NUMBERS)}"
        key = [{"AttributeName": partition, "KeyType": "HASH"}]
        attributes = [{"AttributeName": partition, "AttributeType": kind}]
        if sort:
            key.append({"AttributeName": sort, "KeyType": "RANGE"})
            attributes.append({"AttributeName": sort, "AttributeType": sort_kind})
        more = {}
        if stream:
            more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
        dynamodb.create_table(
            TableName=name, KeySchema=key, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST", **more
        )
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
        made.append(name)
        return name

    yield make
    for name in made:
        dynamodb.delete_table(TableName=name)


def refusal(call, **arguments):
    """The code and message that a call is refused with."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
