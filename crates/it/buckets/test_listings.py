"""Listings: both versions of the operation, pages, prefixes, delimiters, versions."""

import pytest
from conftest import refusal

KEYS = ["a", "a/1", "a/2", "a/b/3", "a b/4", "a0", "b/", "b/1", "ä/5", "z"]


@pytest.fixture
def filled(s3, bucket):
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def lines(page):
    groups = [found["Prefix"] for found in page.get("CommonPrefixes", [])]
    return [found["Key"] for found in page.get("Contents", [])], groups


def pages(s3, operation, size, **arguments):
    config = {"PageSize": size}
    return [lines(page) for page in s3.get_paginator(operation).paginate(**arguments, PaginationConfig=config)]


def test_every_object_is_listed_once_in_the_order_of_its_key(s3, filled):
    expected = sorted(KEYS, key=str.encode)
    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 3, 10, 1000):
            found = pages(s3, operation, size, Bucket=filled)
            assert [key for keys, _ in found for key in keys] == expected, (operation, size)
            assert all(len(keys) <= size for keys, _ in found)


def test_keys_are_grouped_at_a_delimiter(s3, filled):
    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 1000):
            found = pages(s3, operation, size, Bucket=filled, Delimiter="/")
            assert [key for keys, _ in found for key in keys] == ["a", "a0", "z"]
            assert [group for _, groups in found for group in groups] == ["a b/", "a/", "b/", "ä/"]
            inside = pages(s3, operation, size, Bucket=filled, Delimiter="/", Prefix="a/")
            assert [key for keys, _ in inside for key in keys] == ["a/1", "a/2"]
            assert [group for _, groups in inside for group in groups] == ["a/b/"]
    assert lines(s3.list_objects_v2(Bucket=filled, Delimiter="b", Prefix="a")) == (["a", "a/1", "a/2", "a0"], ["a b", "a/b"])
    assert lines(s3.list_objects_v2(Bucket=filled, Prefix="none/")) == ([], [])


def test_a_listing_begins_behind_a_key(s3, filled):
    assert lines(s3.list_objects_v2(Bucket=filled, StartAfter="b/"))[0] == ["b/1", "z", "ä/5"]
    assert lines(s3.list_objects(Bucket=filled, Marker="b/"))[0] == ["b/1", "z", "ä/5"]
    assert lines(s3.list_objects_v2(Bucket=filled, StartAfter="a/1", Delimiter="/")) == (["a0", "z"], ["a/", "b/", "ä/"])
    # A marker within a group is behind all of it.
    assert lines(s3.list_objects(Bucket=filled, Marker="a/1", Delimiter="/")) == (["a0", "z"], ["b/", "ä/"])
    assert lines(s3.list_objects_v2(Bucket=filled, Prefix="a/", StartAfter="a")) == (["a/1", "a/2", "a/b/3"], [])


def test_a_page_says_how_it_was_asked_for(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=2, Prefix="a", Delimiter="/", StartAfter="A", FetchOwner=True)
    assert (page["Name"], page["Prefix"], page["Delimiter"], page["StartAfter"]) == (filled, "a", "/", "A")
    assert (page["MaxKeys"], page["KeyCount"], page["IsTruncated"]) == (2, 2, True)
    assert page["Contents"][0]["Owner"] == {"ID": "000000000000"}
    found = page["Contents"][0]
    assert (found["Size"], found["StorageClass"], found["ETag"]) == (1, "STANDARD", '"0cc175b9c0f1b6a831c399e269772661"')
    none = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=5000)["MaxKeys"] == 1000
    assert refusal(s3.list_objects_v2, Bucket=filled, MaxKeys=-1) == ("InvalidArgument", 400)
    assert refusal(s3.list_objects_v2, Bucket=filled, ContinuationToken="nonsense") == ("InvalidArgument", 400)
    first = s3.list_objects(Bucket=filled, MaxKeys=2)
    assert "NextMarker" not in first and first["IsTruncated"]
    assert s3.list_objects(Bucket=filled, MaxKeys=2, Delimiter="/")["NextMarker"] == "a b/"


def test_each_object_is_its_only_version(s3, filled):
    found = [
        version
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=filled, PaginationConfig={"PageSize": 3})
        for version in page["Versions"]
    ]
    assert [version["Key"] for version in found] == sorted(KEYS, key=str.encode)
    assert all(version["VersionId"] == "null" and version["IsLatest"] for version in found)


def test_a_thousand_and_more_objects_take_two_pages(s3, bucket):
    keys = [f"k{at:04}" for at in range(1003)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    first = s3.list_objects_v2(Bucket=bucket)
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    second = s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert [found["Key"] for page in (first, second) for found in page["Contents"]] == keys
    assert lines(s3.list_objects_v2(Bucket=bucket, Delimiter="0", Prefix="k1")) == ([], ["k10"])
