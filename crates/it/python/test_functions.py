"""Functions over the API: a package is uploaded, called in each way, fed from a table, changed and deleted."""

import base64
import io
import itertools
import json
import os
import zipfile

import pytest
from conftest import client, refusal
from waiting import until

NUMBERS = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/lambda"
SOURCE = """
import base64, json, os

import boto3


def handler(event, context):
    print("event:", json.dumps(event))
    if "fail" in event:
        raise ValueError(event["fail"])
    for record in event.get("Records", []):
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        if "kinesis" in record:
            id, said = record["kinesis"]["partitionKey"], base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            id, said = record["dynamodb"]["Keys"]["id"]["S"], record["eventName"]
        if said == "poison":
            raise ValueError("poison")
        table.put_item(Item={"id": id, "from": said, "request": context.aws_request_id})
    custom = context.client_context.custom if context.client_context else None
    return {"event": event, "name": context.function_name, "greeting": os.environ.get("GREETING"), "custom": custom}
"""


def package(source=SOURCE):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("app.py", source)
    return archive.getvalue()


@pytest.fixture(scope="module")
def functions():
    return client("lambda")


@pytest.fixture
def new_function(functions):
    """Makes a function: `new_function(Timeout=10)`."""
    made = []

    def make(**more):
        name = f"function-{os.getpid()}-{next(NUMBERS)}"
        settings = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Timeout": 60}
        functions.create_function(FunctionName=name, Code={"ZipFile": package()}, **settings | more)
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        made.append(name)
        return name

    yield make
    for name in made:
        functions.delete_function(FunctionName=name)


def called(functions, name, event, **more):
    """The answer of a call, and the payload decoded."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return answer, json.loads(answer["Payload"].read() or "null")


def test_a_function_is_uploaded_and_called(functions, new_function):
    name = new_function(Environment={"Variables": {"GREETING": "hello"}}, MemorySize=256, Tags={"team": "green"})
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    answer, payload = called(functions, name, {"a": 1}, LogType="Tail", ClientContext=context)
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer.get("FunctionError")) == (200, "$LATEST", None)
    assert payload == {"event": {"a": 1}, "name": name, "greeting": "hello", "custom": {"a": "b"}}
    log = base64.b64decode(answer["LogResult"]).decode()
    assert 'event: {"a": 1}' in log and f"REPORT RequestId: {answer['ResponseMetadata']['RequestId']}" in log
    found = functions.get_function(FunctionName=name)
    assert found["Tags"] == {"team": "green"}
    assert found["Configuration"]["State"] == "Active" and found["Configuration"]["MemorySize"] == 256
    assert os.path.exists(found["Code"]["Location"].removeprefix("file://") + "/app.py")
    arn = found["Configuration"]["FunctionArn"]
    assert called(functions, arn, {}, Qualifier="$LATEST")[1]["event"] == {}


def test_a_function_that_fails_says_why(functions, new_function):
    name = new_function()
    answer, payload = called(functions, name, {"fail": "no votes today"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no votes today")
    assert "LogResult" not in answer


def test_a_function_is_changed_listed_and_deleted(functions, new_function):
    name = new_function()
    before = functions.get_function_configuration(FunctionName=name)
    assert called(functions, name, {})[1]["greeting"] is None
    variables = {"Variables": {"GREETING": "later"}}
    functions.update_function_configuration(FunctionName=name, Environment=variables, RevisionId=before["RevisionId"])
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert called(functions, name, {})[1]["greeting"] == "later"
    other = package("def handler(event, context):\n    return 'other'\n")
    updated = functions.update_function_code(FunctionName=name, ZipFile=other)
    assert updated["CodeSha256"] != before["CodeSha256"] and updated["CodeSize"] == len(other)
    assert called(functions, name, {})[1] == "other"
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    assert name in [found["FunctionName"] for page in pages for found in page["Functions"]]
    versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]
    arn = before["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"a b": "1", "c": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a b", "d"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"c": "2"}
    assert functions.get_account_settings()["AccountUsage"]["FunctionCount"] >= 1
    stale = {"FunctionName": name, "Timeout": 5, "RevisionId": before["RevisionId"]}
    assert refusal(functions.update_function_configuration, **stale)[0] == "PreconditionFailedException"
    missing = functions.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match=f"Function not found: {arn}x"):
        functions.get_function(FunctionName=name + "x")


def test_a_function_without_concurrency_is_throttled(functions, new_function):
    name = new_function()
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
    with pytest.raises(functions.exceptions.TooManyRequestsException) as caught:
        functions.invoke(FunctionName=name, Payload="{}")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.delete_function_concurrency(FunctionName=name)
    assert called(functions, name, {})[1]["event"] == {}


def test_calls_are_refused_as_lambda_does(functions, new_function):
    name = new_function()
    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert refusal(functions.invoke, FunctionName=name, Payload="no")[0] == "InvalidRequestContentException"
    large = {"FunctionName": name, "Payload": json.dumps("x" * (6 << 20))}
    assert refusal(functions.invoke, **large) == (
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )
    assert refusal(functions.invoke, FunctionName=name, Qualifier="7")[0] == "ResourceNotFoundException"
    assert refusal(functions.publish_version, FunctionName=name)[0] == "UnknownOperationException"
    code = {"S3Bucket": "code", "S3Key": "app.zip"}
    named = {"FunctionName": "x", "Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE}
    assert refusal(functions.create_function, Code=code, **named)[0] == "InvalidParameterValueException"
    again = {**named, "FunctionName": name, "Code": {"ZipFile": package()}}
    assert refusal(functions.create_function, **again) == (
        "ResourceConflictException",
        f"Function already exist: {name}",
    )


def test_an_event_is_accepted_and_a_function_writes_with_stock_boto3(functions, dynamodb, new_function, new_table):
    table = new_table("id", "S")
    name = new_function(Environment={"Variables": {"TABLE": table}})
    event = {"Records": [{"eventName": "event", "dynamodb": {"Keys": {"id": {"S": "1"}}}}]}
    answer, _ = called(functions, name, event, InvocationType="Event")
    assert answer["StatusCode"] == 202
    read = {"TableName": table, "Key": {"id": {"S": "1"}}}
    written = until("the function to write what it was sent", lambda: dynamodb.get_item(**read).get("Item"))
    assert written["from"] == {"S": "event"}
    assert written["request"] == {"S": answer["ResponseMetadata"]["RequestId"]}


def mapping_of(functions, dynamodb, table, name, **more):
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    position = {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON"}
    return functions.create_event_source_mapping(FunctionName=name, **position, **more)


def test_a_mapping_is_created_listed_changed_and_deleted(functions, dynamodb, new_function, new_table):
    table = new_table("id", "S", stream="KEYS_ONLY")
    name = new_function()
    filters = {"Filters": [{"Pattern": json.dumps({"eventName": ["REMOVE"]})}]}
    made = mapping_of(functions, dynamodb, table, name, Enabled=False, FilterCriteria=filters)
    uuid = made["UUID"]
    assert made["State"] == "Creating" and made["FilterCriteria"] == filters
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    with pytest.raises(functions.exceptions.ResourceConflictException, match=f"with UUID {uuid}"):
        mapping_of(functions, dynamodb, table, name)
    found = functions.get_event_source_mapping(UUID=uuid)
    assert found["State"] == "Disabled" and found["LastProcessingResult"] == "No records processed"
    source = made["EventSourceArn"]
    listed = functions.list_event_source_mappings(EventSourceArn=source, FunctionName=name)
    assert [mapping["UUID"] for mapping in listed["EventSourceMappings"]] == [uuid]
    changed = functions.update_event_source_mapping(UUID=uuid, BatchSize=7, MaximumRetryAttempts=0)
    assert (changed["BatchSize"], changed["MaximumRetryAttempts"], changed["FilterCriteria"]) == (7, 0, filters)
    assert refusal(functions.update_event_source_mapping, UUID=uuid, BatchSize=10_001)[0] == "ValidationException"
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    gone = functions.exceptions.ResourceNotFoundException
    with pytest.raises(gone, match="The resource you requested does not exist."):
        functions.get_event_source_mapping(UUID=uuid)


def test_a_mapping_made_over_the_api_feeds_its_function(functions, dynamodb, new_function, new_table):
    source, target = new_table("id", "S", stream="NEW_IMAGE"), new_table("id", "S")
    name = new_function(Environment={"Variables": {"TABLE": target}})
    dynamodb.put_item(TableName=source, Item={"id": {"S": "before"}})
    uuid = mapping_of(functions, dynamodb, source, name)["UUID"]
    dynamodb.put_item(TableName=source, Item={"id": {"S": "after"}})

    def copied():
        items = dynamodb.scan(TableName=target)["Items"]
        return items if len(items) == 2 else None

    items = until("both records to come through the function", copied)
    assert {item["id"]["S"] for item in items} == {"before", "after"}
    assert {item["from"]["S"] for item in items} == {"INSERT"}
    found = functions.get_event_source_mapping(UUID=uuid)
    assert (found["State"], found["LastProcessingResult"]) == ("Enabled", "OK")
    functions.delete_event_source_mapping(UUID=uuid)


def stream_mapping(functions, kinesis, stream, name, **more):
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    position = {"EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON"}
    return functions.create_event_source_mapping(FunctionName=name, **position, **more)["UUID"]


def records_of(texts):
    """One record for each text, with a partition key of its own."""
    return [{"PartitionKey": f"key-{place}", "Data": text.encode()} for place, text in enumerate(texts)]


def test_records_that_boto3_puts_into_a_kinesis_stream_come_through_a_function(
    functions, kinesis, dynamodb, new_function, new_stream, new_table
):
    stream, target = new_stream(ShardCount=2), new_table("id", "S")
    name = new_function(Environment={"Variables": {"TABLE": target}})
    filters = {"Filters": [{"Pattern": json.dumps({"data": {"kind": ["vote"]}})}]}
    uuid = stream_mapping(functions, kinesis, stream, name, FilterCriteria=filters, ParallelizationFactor=2)
    wanted = [json.dumps({"kind": "vote", "n": n}) for n in range(20)]
    put = kinesis.put_records(StreamName=stream, Records=records_of([*wanted, "no JSON", '{"kind":"other"}']))
    assert put["FailedRecordCount"] == 0

    def copied():
        items = dynamodb.scan(TableName=target)["Items"]
        return items if len(items) == len(wanted) else None

    items = until("the records to come through the function", copied)
    assert {item["id"]["S"]: item["from"]["S"] for item in items} == {f"key-{n}": wanted[n] for n in range(20)}
    assert functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK"
    functions.delete_event_source_mapping(UUID=uuid)


def test_records_that_a_function_fails_are_an_object_of_the_bucket_that_the_mapping_names(
    functions, kinesis, new_function, new_stream, new_table
):
    stream, s3 = new_stream(ShardCount=1), client("s3")
    bucket = f"letters-{os.getpid()}-{next(NUMBERS)}"
    name = new_function(Environment={"Variables": {"TABLE": new_table("id", "S")}})
    settings = {"DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}}
    settings |= {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": True}
    missing = f"the on-failure destination is the bucket {bucket}, which does not exist"
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match=missing):
        stream_mapping(functions, kinesis, stream, name, **settings)
    s3.create_bucket(Bucket=bucket)
    kinesis.put_records(StreamName=stream, Records=records_of(["one", "poison", "three"]))
    uuid = stream_mapping(functions, kinesis, stream, name, **settings)
    prefix = f"aws/lambda/{uuid}/shardId-000000000000/"
    listed = until("the letter", lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"))
    letter = json.load(s3.get_object(Bucket=bucket, Key=listed[0]["Key"])["Body"])
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["KinesisBatchInfo"]["batchSize"] == 1
    (record,) = letter["payload"]["Records"]
    assert base64.b64decode(record["kinesis"]["data"]) == b"poison"
    functions.delete_event_source_mapping(UUID=uuid)
    s3.delete_object(Bucket=bucket, Key=listed[0]["Key"])
    s3.delete_bucket(Bucket=bucket)
