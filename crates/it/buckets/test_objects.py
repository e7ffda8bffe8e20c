"""Buckets and objects: put, get, head, ranges, conditions, copies, tags, deletions, presigned addresses."""

import base64
import datetime
import hashlib
import re
import urllib.error
import urllib.request
import zlib

import pytest
from botocore import UNSIGNED
from conftest import ENDPOINT, client, refusal

ODD_KEYS = [
    "plain",
    "with space",
    "a+b",
    "100%",
    "%2F",
    "ünïcödé/東京/🌳",
    "a//b",
    "/leading",
    "trailing/",
    "./dot",
    "a/../b",
    "q?x=y&z",
    "#hash",
    "tab\tand\nline",
    "quote\"'<>&",
    "\u0001control",
    "x" * 1024,
    "(*)!~.-_",
]


def test_a_bucket_comes_and_goes(s3):
    created = s3.create_bucket(Bucket="a-bucket")
    assert created["Location"] == "/a-bucket"
    s3.create_bucket(Bucket="a-bucket")
    assert "a-bucket" in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket="a-bucket")["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket="a-bucket")["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket="a-bucket")
    s3.put_object(Bucket="a-bucket", Key="k", Body=b"x")
    assert refusal(s3.delete_bucket, Bucket="a-bucket") == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="a-bucket", Key="k")
    s3.delete_bucket(Bucket="a-bucket")
    assert refusal(s3.delete_bucket, Bucket="a-bucket") == ("NoSuchBucket", 404)
    assert refusal(s3.head_bucket, Bucket="a-bucket")[1] == 404
    assert refusal(s3.list_objects_v2, Bucket="a-bucket") == ("NoSuchBucket", 404)
    assert refusal(s3.put_object, Bucket="a-bucket", Key="k", Body=b"") == ("NoSuchBucket", 404)
    elsewhere = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration=elsewhere)
    assert s3.get_bucket_location(Bucket="a-bucket")["LocationConstraint"] == "eu-west-1"
    again = refusal(s3.create_bucket, Bucket="a-bucket", CreateBucketConfiguration=elsewhere)
    assert again == ("BucketAlreadyOwnedByYou", 409)
    s3.delete_bucket(Bucket="a-bucket")


def test_buckets_are_listed_by_pages_and_prefix(s3):
    names = [f"list-{at}" for at in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix="list-", PaginationConfig={"PageSize": 2})
    pages = [[found["Name"] for found in page["Buckets"]] for page in pages]
    assert pages == [names[:2], names[2:4], names[4:]]
    for name in names:
        s3.delete_bucket(Bucket=name)


def test_an_object_comes_back_with_all_that_was_said_about_it(s3, bucket):
    said = {
        "ContentType": "text/plain; charset=utf-8",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="x.txt"',
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "Metadata": {"colour": "red", "two-words": "a b"},
        "StorageClass": "STANDARD_IA",
    }
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", Tagging="a=1&b=2", Expires=expires, **said)
    etag = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert put["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="k")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"hello"
    for found in (got, head):
        assert {name: found[name] for name in said} == said
        assert (found["ETag"], found["ContentLength"], found["AcceptRanges"]) == (etag, 5, "bytes")
        assert found["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        age = datetime.datetime.now(datetime.timezone.utc) - found["LastModified"]
        assert abs(age.total_seconds()) < 60
    assert got["TagCount"] == 2
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    plain = s3.get_object(Bucket=bucket, Key="k")
    assert (plain["ContentType"], plain["Metadata"], plain["Body"].read()) == ("binary/octet-stream", {}, b"")
    assert "StorageClass" not in plain and "TagCount" not in plain


def test_keys_may_be_odd(s3, bucket):
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(ODD_KEYS, key=str.encode)
    assert refusal(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)
    for key in ODD_KEYS[:9]:
        copy = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
        assert copy["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(key.encode()).hexdigest()}"'
    # What XML cannot say, not even a reference, is deleted by itself.
    s3.delete_object(Bucket=bucket, Key="\u0001control")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ODD_KEYS if key[0] != "\u0001"]})
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["copy"]


def test_a_bucket_may_stand_before_the_host(bucket):
    port = ENDPOINT.rsplit(":", 1)[1]
    for base in ("localhost", "s3.localhost"):
        host = f"{bucket}.{base}:{port}"
        put = urllib.request.Request(f"{ENDPOINT}/some%20key", b"hello", {"host": host}, method="PUT")
        urllib.request.urlopen(put)
        got = urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/some%20key", headers={"host": host}))
        assert got.read() == b"hello"
    listed = urllib.request.urlopen(urllib.request.Request(ENDPOINT, headers={"host": host})).read()
    assert b"<Key>some key</Key>" in listed


def test_what_is_not_there_is_not_there(s3, bucket):
    assert refusal(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="none")[1] == 404
    assert refusal(s3.get_object, Bucket="no-such-bucket", Key="k") == ("NoSuchBucket", 404)
    assert refusal(s3.get_object_tagging, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    s3.delete_object(Bucket=bucket, Key="none")


def test_ranges_are_cut_out(s3, bucket):
    body = bytes(range(256)) * 2000
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, start, end in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, len(body)),
        ("bytes=-3", len(body) - 3, len(body)),
        ("bytes=-999999999", 0, len(body)),
        ("bytes=511990-999999999", 511990, len(body)),
        ("bytes=1000-400000", 1000, 400001),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == body[start:end], asked
        assert got["ContentRange"] == f"bytes {start}-{end - 1}/{len(body)}"
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert s3.head_object(Bucket=bucket, Key="k", Range=asked)["ResponseMetadata"]["HTTPStatusCode"] == 206
    for asked in ("bytes=512000-", "bytes=999999-9999999", "bytes=-0"):
        assert refusal(s3.get_object, Bucket=bucket, Key="k", Range=asked) == ("InvalidRange", 416), asked
    whole = s3.get_object(Bucket=bucket, Key="k")
    assert whole["Body"].read() == body and "ContentRange" not in whole


def test_reads_have_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = (modified + datetime.timedelta(seconds=by) for by in (-10, 10))
    for read in (s3.get_object, s3.head_object):
        ask = lambda **conditions: read(Bucket=bucket, Key="k", **conditions)
        status = lambda **conditions: refusal(read, Bucket=bucket, Key="k", **conditions)[1]
        ask(IfMatch=etag)
        ask(IfMatch=etag, IfUnmodifiedSince=before)
        ask(IfNoneMatch='"other"', IfModifiedSince=after)
        ask(IfModifiedSince=before)
        ask(IfUnmodifiedSince=modified)
        assert status(IfMatch='"other"') == 412
        assert status(IfUnmodifiedSince=before) == 412
        assert status(IfNoneMatch=etag) == 304
        assert status(IfNoneMatch=etag, IfModifiedSince=before) == 304
        assert status(IfModifiedSince=modified) == 304


def test_writes_have_conditions(s3, bucket):
    put = lambda **more: s3.put_object(Bucket=bucket, Key="k", Body=b"x", **more)
    refused = lambda **more: refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"y", **more)
    assert refused(IfMatch='"none"') == ("NoSuchKey", 404)
    etag = put(IfNoneMatch="*")["ETag"]
    assert refused(IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(IfMatch='"other"') == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    put(IfMatch=etag)
    assert refused(IfNoneMatch=etag) == ("NotImplemented", 501)
    assert refusal(s3.delete_object, Bucket=bucket, Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)


def test_what_arrives_is_checked_against_what_was_announced(s3, bucket):
    md5 = lambda body: base64.b64encode(hashlib.md5(body).digest()).decode()
    put = lambda **more: s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **more)
    put(ContentMD5=md5(b"hello"))
    refused = lambda **more: refusal(s3.put_object, Bucket=bucket, Key="none", Body=b"hello", **more)
    assert refused(ContentMD5=md5(b"other")) == ("BadDigest", 400)
    assert refused(ContentMD5="nonsense") == ("InvalidDigest", 400)
    assert refused(ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert refused(ChecksumSHA256="nonsense") == ("InvalidRequest", 400)
    assert refusal(s3.head_object, Bucket=bucket, Key="none")[1] == 404
    forged = urllib.request.Request(f"{ENDPOINT}/{bucket}/none", b"hello", {"x-amz-content-sha256": "0" * 64}, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(forged)
    assert b"XAmzContentSHA256Mismatch" in caught.value.read()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_kept_and_shown_where_asked_for(s3, bucket, algorithm):
    digest = {
        "CRC32": zlib.crc32(b"hello").to_bytes(4, "big"),
        "SHA1": hashlib.sha1(b"hello").digest(),
        "SHA256": hashlib.sha256(b"hello").digest(),
    }[algorithm]
    expected = base64.b64encode(digest).decode()
    name = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)
    assert (put[name], put["ChecksumType"]) == (expected, "FULL_OBJECT")
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[name] == expected
    assert name not in s3.head_object(Bucket=bucket, Key="k")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[name], got["Body"].read()) == (expected, b"hello")
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", Range="bytes=1-2")["Body"].read() == b"el"
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"]
    )
    assert attributes["Checksum"] == {name: expected, "ChecksumType": "FULL_OBJECT"}
    assert (attributes["ObjectSize"], attributes["StorageClass"]) == (5, "STANDARD")
    assert "ObjectParts" not in attributes
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]


def test_a_reader_may_have_its_own_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="application/json",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
        ResponseContentEncoding="identity",
        ResponseContentLanguage="fr",
        ResponseExpires=datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc),
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("application/json", "inline")
    assert (got["CacheControl"], got["ContentEncoding"], got["ContentLanguage"]) == ("no-store", "identity", "fr")
    assert got["ExpiresString"] == "Wed, 01 Jan 2031 00:00:00 GMT"


def test_an_object_is_copied_with_or_without_what_was_said_about_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentType="text/plain", Metadata={"a": "1"}, Tagging="t=1")
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    s3.copy_object(
        Bucket=bucket,
        Key="other",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        TaggingDirective="REPLACE",
        Tagging="u=2",
        StorageClass="GLACIER_IR",
    )
    same, other = (s3.head_object(Bucket=bucket, Key=key) for key in ("same", "other"))
    assert (same["ContentType"], same["Metadata"]) == ("text/plain", {"a": "1"})
    assert (other["ContentType"], other["Metadata"]) == ("binary/octet-stream", {"b": "2"})
    assert other["StorageClass"] == "GLACIER_IR"
    tags = [s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] for key in ("same", "other")]
    assert tags == [[{"Key": "t", "Value": "1"}], [{"Key": "u", "Value": "2"}]]
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="same")["Body"].read() == b"hello"
    itself = {"Bucket": bucket, "Key": "same", "CopySource": {"Bucket": bucket, "Key": "same"}}
    assert refusal(s3.copy_object, **itself) == ("InvalidRequest", 400)
    s3.copy_object(**itself, MetadataDirective="REPLACE", Metadata={"c": "3"})
    assert s3.head_object(Bucket=bucket, Key="same")["Metadata"] == {"c": "3"}
    assert s3.get_object(Bucket=bucket, Key="same")["Body"].read() == b"hello"
    copy = lambda **more: refusal(s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "same"}, **more)
    assert copy(CopySourceIfMatch='"other"') == ("PreconditionFailed", 412)
    etag = s3.head_object(Bucket=bucket, Key="same")["ETag"]
    assert copy(CopySourceIfNoneMatch=etag) == ("PreconditionFailed", 412)
    gone = {"Bucket": bucket, "Key": "k"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="x", CopySource=gone) == ("NoSuchKey", 404)
    summed = s3.copy_object(Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "same"}, ChecksumAlgorithm="SHA256")
    expected = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert summed["CopyObjectResult"]["ChecksumSHA256"] == expected


def test_objects_have_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    tags = [{"Key": "colour", "Value": "röd"}, {"Key": "empty", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    many = [{"Key": str(at), "Value": "x"} for at in range(11)]
    for wrong in (many, [{"Key": "a", "Value": "1"}] * 2, [{"Key": "x" * 129, "Value": ""}]):
        refused = refusal(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": wrong})
        assert refused == ("InvalidTag", 400)
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert s3.head_object(Bucket=bucket, Key="k")["LastModified"] == modified


def test_several_objects_are_deleted_at_once(s3, bucket):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    etag = s3.head_object(Bucket=bucket, Key="c")["ETag"]
    objects = [{"Key": "a"}, {"Key": "none"}, {"Key": "a"}, {"Key": "b", "ETag": '"other"'}, {"Key": "c", "ETag": etag}]
    objects += [{"Key": "b", "VersionId": "x"}]
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [found["Key"] for found in done["Deleted"]] == ["a", "none", "a", "c"]
    assert [(found["Key"], found["Code"]) for found in done["Errors"]] == [("b", "PreconditionFailed"), ("b", "NoSuchVersion")]
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b", "VersionId": "null"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    gone = refusal(s3.delete_objects, Bucket="no-such-bucket", Delete={"Objects": [{"Key": "b"}]})
    assert gone == ("NoSuchBucket", 404)


def fetch(url, body=None, method="GET", **headers):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method))
        return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_address_works_for_as_long_as_it_says(bucket, version):
    s3 = client(signature_version=version)
    place = {"Bucket": bucket, "Key": "some key"}
    put = s3.generate_presigned_url("put_object", place)
    assert fetch(put, b"hello", "PUT")[0] == 200
    assert fetch(put.replace("X-Amz-Expires=", "X-Amz-Expires=x").replace("&Expires=", "&Expires=x"), b"", "PUT")[0] == 400
    get = s3.generate_presigned_url("get_object", place | {"ResponseContentType": "text/x-own"})
    assert fetch(get) == (200, b"hello")
    old = re.sub("Date=[^&]*", "Date=20200101T000000Z", re.sub("([?&]Expires)=[0-9]*", r"\1=1", get))
    status, body = fetch(old)
    assert status == 403 and b"Request has expired" in body


def test_without_keys_nobody_needs_to_sign_but_pages_of_others(s3, bucket):
    anonymous = client(signature_version=UNSIGNED)
    anonymous.put_object(Bucket=bucket, Key="k", Body=b"hello")
    assert fetch(f"{ENDPOINT}/{bucket}/k") == (200, b"hello")
    assert fetch(f"{ENDPOINT}/{bucket}/k", Origin="http://localhost:3000") == (200, b"hello")
    assert fetch(f"{ENDPOINT}/{bucket}/k", b"x", "PUT", Origin="http://evil.example")[0] == 403
    assert fetch(f"{ENDPOINT}/no-such-bucket/k")[0] == 404


def test_what_is_not_kept_is_refused_and_never_taken_for_something_else(s3, bucket):
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place, Body=b"hello")
    on = {"VersioningConfiguration": {"Status": "Enabled"}}
    for call, arguments in [
        (s3.put_bucket_versioning, {"Bucket": bucket, **on}),
        (s3.put_bucket_website, {"Bucket": bucket, "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}}),
        (s3.put_object_acl, {**place, "ACL": "public-read"}),
        (s3.get_bucket_policy, {"Bucket": bucket}),
        (s3.delete_bucket_policy, {"Bucket": bucket}),
        (s3.put_object, {**place, "Body": b"x", "ServerSideEncryption": "aws:kms"}),
        (s3.put_object, {**place, "Body": b"x", "ObjectLockLegalHoldStatus": "ON"}),
        (s3.restore_object, place),
    ]:
        assert refusal(call, **arguments) == ("NotImplemented", 501), call
    status, _ = fetch(f"{ENDPOINT}/{bucket}/k?somethingNew", b"<x/>", "PUT")
    assert status == 501
    assert fetch(f"{ENDPOINT}/{bucket}?somethingNew", method="DELETE")[0] == 501
    assert s3.get_object(**place)["Body"].read() == b"hello"
    assert refusal(s3.get_object, **place, VersionId="x") == ("NoSuchVersion", 404)
    assert s3.get_object(**place, VersionId="null")["Body"].read() == b"hello"
    assert refusal(s3.get_object, **place, ExpectedBucketOwner="111111111111") == ("AccessDenied", 403)
    s3.get_object(**place, ExpectedBucketOwner="000000000000")
    assert refusal(s3.put_object, **place, Metadata={"x": "y" * 2048}) == ("MetadataTooLarge", 400)
    assert refusal(s3.put_object, **place, StorageClass="COLD") == ("InvalidStorageClass", 400)
    s3.put_object(**place, Body=b"x", ServerSideEncryption="AES256", ACL="private")


def test_large_bodies_come_and_go_as_they_are(s3, bucket):
    body = bytes(range(251)) * 15000
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ContentLength"] == len(body)
    assert got["Body"].read() == body
