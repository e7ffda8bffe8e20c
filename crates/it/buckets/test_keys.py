"""Where keys are configured: who may do what, and signatures that do not fit."""

import base64
import hashlib
import urllib.error
import urllib.request
import zlib

import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ENDPOINT, client, refusal

WRITER = ("writer", "secret-of-writer")
READER = ("reader", "secret-of-reader")


@pytest.fixture(scope="module")
def writer():
    s3 = client(*WRITER)
    s3.create_bucket(Bucket="cats")
    s3.put_object(Bucket="cats", Key="some key/ü+&", Body=b"hello", Metadata={"a": "1"})
    return s3


def test_a_writer_may_do_everything(writer):
    assert writer.get_object(Bucket="cats", Key="some key/ü+&")["Body"].read() == b"hello"
    writer.put_object(Bucket="cats", Key="k", Body=b"x" * 300000)
    writer.delete_objects(Bucket="cats", Delete={"Objects": [{"Key": "k"}]})


def test_a_reader_may_read(writer):
    reader = client(*READER)
    assert reader.get_object(Bucket="cats", Key="some key/ü+&")["Body"].read() == b"hello"
    assert reader.list_objects_v2(Bucket="cats", Prefix="some key/ü")["KeyCount"] == 1
    for call, arguments in [
        (reader.put_object, {"Bucket": "cats", "Key": "k", "Body": b""}),
        (reader.delete_object, {"Bucket": "cats", "Key": "some key/ü+&"}),
        (reader.create_bucket, {"Bucket": "dogs"}),
        (reader.delete_bucket, {"Bucket": "cats"}),
        (reader.create_multipart_upload, {"Bucket": "cats", "Key": "k"}),
        (reader.put_object_tagging, {"Bucket": "cats", "Key": "some key/ü+&", "Tagging": {"TagSet": []}}),
    ]:
        assert refusal(call, **arguments) == ("AccessDenied", 403), call


def test_others_may_nothing(writer):
    place = {"Bucket": "cats", "Key": "some key/ü+&"}
    assert refusal(client("nobody", "x").get_object, **place) == ("InvalidAccessKeyId", 403)
    assert refusal(client(WRITER[0], "wrong").get_object, **place) == ("SignatureDoesNotMatch", 403)
    assert refusal(client(signature_version=UNSIGNED).get_object, **place) == ("AccessDenied", 403)
    assert refusal(client(signature_version=UNSIGNED).put_object, **place, Body=b"") == ("AccessDenied", 403)


def fetch(url, body=None, method="GET", **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)).read()
    except urllib.error.HTTPError as error:
        return error.read()


def test_presigned_addresses_are_checked(writer):
    writer = client(*WRITER, signature_version="s3v4")
    place = {"Bucket": "cats", "Key": "presigned key"}
    assert fetch(writer.generate_presigned_url("put_object", place), b"hello", "PUT").decode() == ""
    url = writer.generate_presigned_url("get_object", place)
    assert fetch(url) == b"hello"
    assert b"SignatureDoesNotMatch" in fetch(url.replace("presigned", "other"))
    reader = client(*READER, signature_version="s3v4")
    assert b"AccessDenied" in fetch(reader.generate_presigned_url("put_object", place), b"x", "PUT")
    old_way = client(*WRITER, signature_version="s3").generate_presigned_url("get_object", place)
    assert fetch(old_way) == b"hello"
    assert b"SignatureDoesNotMatch" in fetch(url, b"x", "PUT")
    assert fetch(url) == b"hello"


class Signer(S3SigV4Auth):
    """Signs the hash of the body that it is told."""

    def __init__(self, payload):
        super().__init__(Credentials(*WRITER), "s3", "us-east-1")
        self.said = payload

    def payload(self, request):
        return self.said


def signed(body, headers, url=f"{ENDPOINT}/cats/chunked"):
    """Sends a body under a signature of its own making."""
    request = AWSRequest("PUT", url, headers=headers)
    Signer(headers["X-Amz-Content-SHA256"]).add_auth(request)
    return fetch(url, body, "PUT", **dict(request.headers.items()))


def test_chunks_without_signatures_are_taken_with_their_checksum(writer):
    trailer = "x-amz-checksum-crc32"
    headers = {
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(3 << 20),
        "X-Amz-Trailer": trailer,
    }
    # One chunk, as some clients send whatever they have.
    body = b"x" * (3 << 20)
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
    wire = b"%x\r\n%b\r\n0\r\n%b:%b\r\n\r\n" % (len(body), body, trailer.encode(), crc)
    assert signed(wire, headers).decode() == ""
    got = writer.get_object(Bucket="cats", Key="chunked")
    assert got["Body"].read() == body and "ContentEncoding" not in got
    wrong = wire.replace(crc, b"AAAAAA==")
    assert b"BadDigest" in signed(wrong, headers)
    assert b"IncompleteBody" in signed(wire, headers | {"X-Amz-Decoded-Content-Length": str(4 << 20)})


def test_a_body_that_is_not_the_one_that_was_signed_is_refused(writer):
    headers = {"X-Amz-Content-SHA256": hashlib.sha256(b"hello").hexdigest()}
    assert signed(b"hello", headers).decode() == ""
    assert b"XAmzContentSHA256Mismatch" in signed(b"jello", headers)
    assert writer.get_object(Bucket="cats", Key="chunked")["Body"].read() == b"hello"


def test_signed_chunks_are_checked_one_by_one(writer):
    auth = Signer("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    chunks = [b"a" * 65536, b"b" * 1000, b""]
    headers = {
        "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(sum(map(len, chunks))),
    }
    url = f"{ENDPOINT}/cats/signed"
    request = AWSRequest("PUT", url, headers=headers)
    auth.add_auth(request)
    date = request.context["timestamp"]
    previous = request.headers["Authorization"].rsplit("Signature=", 1)[1]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    wire = b""
    for chunk in chunks:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{empty}\n{hashlib.sha256(chunk).hexdigest()}"
        previous = auth.signature(text, request)
        wire += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), previous.encode(), chunk)
    sent = dict(request.headers.items())
    assert fetch(url, wire, "PUT", **sent).decode() == ""
    assert writer.get_object(Bucket="cats", Key="signed")["Body"].read() == b"".join(chunks)
    assert b"SignatureDoesNotMatch" in fetch(url, wire.replace(b"aaaa", b"aaab", 1), "PUT", **sent)
