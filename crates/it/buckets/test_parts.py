"""Uploads in parts: by hand, by boto3's managed transfers, copied, listed, given up."""

import base64
import hashlib
import io
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from conftest import refusal

MB = 1 << 20
ONE, TWO = b"1" * (5 * MB), b"2" * MB


def md5(*parts):
    return hashlib.md5(b"".join(parts))


def upload(s3, bucket, key, *parts, **begin):
    """Uploads the parts and answers the upload's id and what completes it."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **begin)["UploadId"]
    place = {"Bucket": bucket, "Key": key, "UploadId": upload}
    done = []
    for number, part in enumerate(parts, 1):
        algorithm = {name: begin[name] for name in begin if name == "ChecksumAlgorithm"}
        answer = s3.upload_part(**place, PartNumber=number, Body=part, **algorithm)
        checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        done.append({"PartNumber": number, "ETag": answer["ETag"], **checksums})
    return place, {"Parts": done}


def test_parts_become_an_object(s3, bucket):
    said = {"ContentType": "text/plain", "Metadata": {"a": "1"}, "Tagging": "t=1", "StorageClass": "STANDARD_IA"}
    place, parts = upload(s3, bucket, "some key", ONE, TWO, **said)
    assert refusal(s3.head_object, Bucket=bucket, Key="some key")[1] == 404
    done = s3.complete_multipart_upload(**place, MultipartUpload=parts)
    etag = f'"{md5(md5(ONE).digest(), md5(TWO).digest()).hexdigest()}-2"'
    assert (done["ETag"], done["Key"], done["Bucket"]) == (etag, "some key", bucket)
    got = s3.get_object(Bucket=bucket, Key="some key")
    assert got["Body"].read() == ONE + TWO
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/plain", {"a": "1"}, 1)
    assert got["StorageClass"] == "STANDARD_IA"
    for number, part in [(1, ONE), (2, TWO)]:
        one = s3.get_object(Bucket=bucket, Key="some key", PartNumber=number)
        assert (one["Body"].read(), one["PartsCount"]) == (part, 2)
        head = s3.head_object(Bucket=bucket, Key="some key", PartNumber=number)
        assert (head["ContentLength"], head["PartsCount"]) == (len(part), 2)
    assert refusal(s3.get_object, Bucket=bucket, Key="some key", PartNumber=3) == ("InvalidPartNumber", 416)
    attributes = s3.get_object_attributes(Bucket=bucket, Key="some key", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert attributes["TotalPartsCount"] == 2
    assert [part["Size"] for part in attributes["Parts"]] == [len(ONE), len(TWO)]
    assert s3.complete_multipart_upload(**place, MultipartUpload=parts)["ETag"] == etag, "told again"
    assert refusal(s3.upload_part, **place, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "some key"})
    assert copied["CopyObjectResult"]["ETag"] == f'"{md5(ONE, TWO).hexdigest()}"'


def test_parts_are_what_was_named_or_the_upload_goes_on(s3, bucket):
    place, parts = upload(s3, bucket, "k", ONE, TWO, b"3")
    one, two, three = parts["Parts"]
    complete = lambda *parts, **more: refusal(
        s3.complete_multipart_upload, **place, MultipartUpload={"Parts": list(parts)}, **more
    )
    assert complete(two, one) == ("InvalidPartOrder", 400)
    assert complete(one, one) == ("InvalidPartOrder", 400)
    assert complete(one, {**two, "PartNumber": 9}) == ("InvalidPart", 400)
    assert complete(one, {**two, "ETag": one["ETag"]}) == ("InvalidPart", 400)
    assert complete(one, two, three) == ("EntityTooSmall", 400)
    assert complete(one, two, MpuObjectSize=7) == ("InvalidArgument", 400)
    assert refusal(s3.complete_multipart_upload, **place, MultipartUpload={"Parts": []})[1] == 400
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    assert complete(one, two, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"there"
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [one, three]}, MpuObjectSize=len(ONE) + 1)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == ONE + b"3"


def test_an_upload_that_is_given_up_is_gone(s3, bucket):
    place, parts = upload(s3, bucket, "k", ONE)
    s3.abort_multipart_upload(**place)
    assert refusal(s3.abort_multipart_upload, **place) == ("NoSuchUpload", 404)
    assert refusal(s3.list_parts, **place) == ("NoSuchUpload", 404)
    assert refusal(s3.complete_multipart_upload, **place, MultipartUpload=parts) == ("NoSuchUpload", 404)
    assert refusal(s3.head_object, Bucket=bucket, Key="k")[1] == 404
    for number in (0, 10001):
        begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        refused = refusal(s3.upload_part, Bucket=bucket, Key="k", UploadId=begun, PartNumber=number, Body=b"")
        assert refused == ("InvalidArgument", 400)


def test_parts_and_uploads_are_listed(s3, bucket):
    place, _ = upload(s3, bucket, "b/2", b"a", b"b", b"c", b"d", b"e")
    s3.upload_part(**place, PartNumber=2, Body=b"again")
    pages = list(s3.get_paginator("list_parts").paginate(**place, PaginationConfig={"PageSize": 2}))
    found = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in found] == [(1, 1), (2, 5), (3, 1), (4, 1), (5, 1)]
    assert found[1]["ETag"] == f'"{md5(b"again").hexdigest()}"'
    others = [s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in ["a", "b/1", "b/2", "c d", "ü"]]
    for size in (1, 2, 1000):
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        found = [(upload["Key"], upload["UploadId"]) for page in pages for upload in page["Uploads"]]
        assert [key for key, _ in found] == ["a", "b/1", "b/2", "b/2", "c d", "ü"], size
        assert {upload for _, upload in found} == {place["UploadId"], *others}
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [upload["Key"] for upload in grouped["Uploads"]] == ["a", "c d", "ü"]
    assert grouped["CommonPrefixes"] == [{"Prefix": "b/"}]
    inside = s3.list_multipart_uploads(Bucket=bucket, Prefix="b/", KeyMarker="b/1")
    assert [upload["Key"] for upload in inside["Uploads"]] == ["b/2", "b/2"]
    assert [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix="b/", KeyMarker="a")["Uploads"]] == [
        "b/1",
        "b/2",
        "b/2",
    ]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket, Prefix="b/", KeyMarker="c")


def test_parts_are_copied_from_other_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=ONE + TWO)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": begun}
    source = {"CopySource": {"Bucket": bucket, "Key": "source"}}
    one = s3.upload_part_copy(**place, **source, PartNumber=1)["CopyPartResult"]["ETag"]
    last = f"bytes={5 * MB}-{6 * MB - 1}"
    two = s3.upload_part_copy(**place, **source, PartNumber=2, CopySourceRange=last)["CopyPartResult"]["ETag"]
    assert (one, two) == (f'"{md5(ONE, TWO).hexdigest()}"', f'"{md5(TWO).hexdigest()}"')
    for range in ("bytes=0-99999999", "bytes=5-", "nonsense"):
        refused = refusal(s3.upload_part_copy, **place, **source, PartNumber=3, CopySourceRange=range)
        assert refused == ("InvalidArgument", 400), range
    parts = [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == ONE + TWO + TWO


def test_checksums_of_parts_make_one_of_the_object(s3, bucket):
    place, parts = upload(s3, bucket, "composite", ONE, TWO, ChecksumAlgorithm="SHA256")
    done = s3.complete_multipart_upload(**place, MultipartUpload=parts)
    digests = [hashlib.sha256(part).digest() for part in (ONE, TWO)]
    expected = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode() + "-2"
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (expected, "COMPOSITE")
    place, parts = upload(s3, bucket, "whole", ONE, TWO, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    whole = base64.b64encode(zlib.crc32(ONE + TWO).to_bytes(4, "big")).decode()
    wrong = refusal(s3.complete_multipart_upload, **place, MultipartUpload=parts, ChecksumCRC32="AAAAAA==")
    assert wrong == ("BadDigest", 400)
    done = s3.complete_multipart_upload(**place, MultipartUpload=parts, ChecksumCRC32=whole)
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    assert got["Body"].read() == ONE + TWO
    place, _ = upload(s3, bucket, "k", ChecksumAlgorithm="SHA256")
    other = refusal(s3.upload_part, **place, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA1")
    assert other == ("InvalidRequest", 400)
    begin = {"Bucket": bucket, "Key": "k", "ChecksumAlgorithm": "SHA1", "ChecksumType": "FULL_OBJECT"}
    assert refusal(s3.create_multipart_upload, **begin) == ("InvalidArgument", 400)


@pytest.mark.parametrize("size", [0, 3, 8 * MB, 20 * MB + 1])
def test_managed_transfers_bring_the_same_bytes_back(s3, bucket, size):
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    config = TransferConfig(multipart_threshold=6 * MB, multipart_chunksize=5 * MB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "k", Config=config, ExtraArgs={"Metadata": {"a": "1"}})
    back = io.BytesIO()
    s3.download_fileobj(bucket, "k", back, Config=config)
    assert back.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == size
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1"}
