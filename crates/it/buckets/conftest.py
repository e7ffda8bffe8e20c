"""Clients of the server under test, and buckets that are new for each test and empty behind it."""

import itertools
import os

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
NUMBERS = itertools.count()


def client(key="local", secret="local", **config):
    # Errors are what is tested: none is to be tried again behind the test's back.
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, **config)
    return boto3.client("s3", aws_access_key_id=key, aws_secret_access_key=secret, config=config)


@pytest.fixture(scope="session")
def s3():
    return client()


@pytest.fixture
def bucket(s3):
    name = f"bucket-{os.getpid()}-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    yield name
    empty(s3, name)
    s3.delete_bucket(Bucket=name)


def empty(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [{"Key": found["Key"]} for page in pages for found in page.get("Contents", [])]
    for at in range(0, len(keys), 1000):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys[at : at + 1000], "Quiet": True})


def refusal(call, **arguments):
    """The code that a call is refused with, and the status."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert response["Error"].get("Message"), response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
