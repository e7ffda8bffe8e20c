"""PynamoDB: what its documentation shows, as its users write it."""

import os
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import ENDPOINT
from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection, TableConnection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    PutError,
    TableDoesNotExist,
    UpdateError,
)
from pynamodb.expressions.condition import size
from pynamodb.models import Model


class Local:
    """What every model's `Meta` has in common."""

    host = ENDPOINT
    region = "us-east-1"
    billing_mode = "PAY_PER_REQUEST"
    max_retry_attempts = 0


class Address(MapAttribute):
    street = UnicodeAttribute()
    number = NumberAttribute(null=True)


class Thread(Model):
    class Meta(Local):
        table_name = f"thread-{os.getpid()}"

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    views = NumberAttribute(default=0)
    tags = UnicodeSetAttribute(null=True)
    scores = NumberSetAttribute(null=True)
    notes = ListAttribute(default=list)
    address = Address(null=True)
    anything = JSONAttribute(null=True)
    content = BinaryAttribute(null=True, legacy_encoding=False)
    sent = UTCDateTimeAttribute(null=True)
    answered = BooleanAttribute(default=False)


class Document(Model):
    class Meta(Local):
        table_name = f"document-{os.getpid()}"

    id = UnicodeAttribute(hash_key=True)
    text = UnicodeAttribute(null=True)
    version = VersionAttribute()


@pytest.fixture
def thread():
    Thread.create_table(wait=True)
    yield Thread
    Thread.delete_table()


@pytest.fixture
def document():
    Document.create_table(wait=True)
    yield Document
    Document.delete_table()


def why(caught):
    """The code of DynamoDB's error below PynamoDB's."""
    assert isinstance(caught.value.cause, ClientError)
    return caught.value.cause.response["Error"]["Code"]


def test_a_models_table_comes_and_goes():
    assert not Thread.exists()
    with pytest.raises(TableDoesNotExist):
        Thread.describe_table()
    with pytest.raises(PutError) as caught:
        Thread("a", "b").save()
    assert why(caught) == "ResourceNotFoundException"
    Thread.create_table(wait=True)
    assert Thread.exists()
    Thread.create_table(wait=True)
    assert Thread.describe_table()["TableStatus"] == "ACTIVE"
    Thread.delete_table()
    assert not Thread.exists()


def test_an_item_is_saved_read_refreshed_and_deleted(thread):
    sent = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    item = thread(
        "music",
        "drums",
        tags={"loud", "new"},
        scores={1, 2.5},
        notes=["first", 2],
        address=Address(street="Straße", number=7),
        anything={"a": [1, None]},
        content=bytes(range(256)),
        sent=sent,
    )
    item.save()
    got = thread.get("music", "drums", consistent_read=True)
    assert got.serialize() == item.serialize()
    assert got.sent == sent and got.address.number == 7 and got.content == bytes(range(256))
    got.views = 5
    got.save()
    item.refresh()
    assert item.views == 5
    assert thread.count() == 1
    item.delete()
    with pytest.raises(DoesNotExist):
        thread.get("music", "drums")


def test_queries_and_scans_take_every_operator(thread):
    with thread.batch_write() as batch:
        for n in range(60):
            batch.save(thread("forum", f"subject-{n:02}", views=n, answered=n % 2 == 0))
        batch.save(thread("elsewhere", "subject-00", views=100))
    subjects = lambda found: [item.subject[-2:] for item in found]
    key = thread.subject
    assert len(subjects(thread.query("forum"))) == 60
    assert subjects(thread.query("forum", key == "subject-07")) == ["07"]
    assert subjects(thread.query("forum", key < "subject-02")) == ["00", "01"]
    assert subjects(thread.query("forum", key <= "subject-01")) == ["00", "01"]
    assert subjects(thread.query("forum", key > "subject-58")) == ["59"]
    assert subjects(thread.query("forum", key >= "subject-58", scan_index_forward=False)) == ["59", "58"]
    assert subjects(thread.query("forum", key.between("subject-10", "subject-12"))) == ["10", "11", "12"]
    assert len(subjects(thread.query("forum", key.startswith("subject-1")))) == 10
    filtered = thread.query("forum", filter_condition=(thread.views > 55) & (thread.answered == True))  # noqa: E712
    assert subjects(filtered) == ["56", "58"]
    assert thread.count("forum", key.startswith("subject-1"), filter_condition=thread.views.is_in(11, 12, 70)) == 2
    pages = thread.query("forum", page_size=7, limit=20, attributes_to_get=["forum", "subject"])
    assert len(subjects(pages)) == 20
    last = pages.last_evaluated_key
    assert last == {"forum": {"S": "forum"}, "subject": {"S": "subject-19"}}
    assert subjects(thread.query("forum", last_evaluated_key=last, limit=1)) == ["20"]
    assert len(list(thread.scan(page_size=10))) == 61
    assert sum(len(list(thread.scan(segment=n, total_segments=3))) for n in range(3)) == 61
    assert len(list(thread.scan(~(thread.answered == True)))) == 31  # noqa: E712
    assert len(list(thread.scan((thread.views < 2) | (thread.views > 58)))) == 4
    assert [item.forum for item in thread.scan(thread.forum == "elsewhere")] == ["elsewhere"]


def test_many_items_are_written_read_and_deleted_in_batches(thread):
    with thread.batch_write() as batch:
        for n in range(130):
            batch.save(thread("forum", f"{n}"))
    keys = [("forum", f"{n}") for n in range(150)]
    assert len(list(thread.batch_get(keys))) == 130
    only = list(thread.batch_get(keys[:2], consistent_read=True, attributes_to_get=["subject"]))
    assert sorted(item.subject for item in only) == ["0", "1"]
    with thread.batch_write() as batch:
        for n in range(130):
            batch.delete(thread("forum", f"{n}"))
    assert thread.count() == 0


def test_updates_take_every_action(thread):
    item = thread("forum", "subject", views=1, tags={"a", "b"}, notes=["x", "y"], address=Address(street="here"))
    item.save()
    item.update(actions=[thread.views.add(2), thread.tags.add({"c"}), thread.notes.set(thread.notes.append(["z"]))])
    assert (item.views, item.tags, item.notes) == (3, {"a", "b", "c"}, ["x", "y", "z"])
    item.update(actions=[thread.views.set(thread.views - 5), thread.notes.set(thread.notes.prepend(["w"]))])
    assert (item.views, item.notes) == (-2, ["w", "x", "y", "z"])
    item.update(actions=[thread.tags.delete({"a", "b"}), thread.notes[0].remove(), thread.notes[1].set("changed")])
    assert (item.tags, item.notes) == ({"c"}, ["changed", "y", "z"])
    item.update(actions=[thread.address.street.set("there"), thread.answered.set(True), thread.views.remove()])
    assert (item.address.street, item.answered) == ("there", True)
    item.update(actions=[thread.views.set(thread.views | 40)])
    assert item.views == 40
    item.update(actions=[thread.views.set(thread.views + 2)], condition=thread.views == 40)
    assert thread.get("forum", "subject").views == 42


HOLDS = {
    "=": lambda t: t.views == 5,
    "<>": lambda t: t.views != 6,
    "<": lambda t: t.views < 6,
    "between": lambda t: t.views.between(1, 5),
    "in": lambda t: t.views.is_in(4, 5),
    "exists": lambda t: t.forum.exists(),
    "does not exist": lambda t: t.content.does_not_exist(),
    "type": lambda t: t.views.is_type(),
    "begins with": lambda t: t.forum.startswith("for"),
    "contains": lambda t: t.tags.contains("a"),
    "size": lambda t: size(t.tags) == 2,
    "nested": lambda t: t.address["street"].exists() & (t.notes[0] == "x"),
    "not": lambda t: ~t.subject.contains("nothing"),
    "or": lambda t: (t.views < 1) | (t.views > 4),
}


@pytest.mark.parametrize("condition", HOLDS.values(), ids=HOLDS.keys())
def test_conditions_hold_or_do_not(thread, condition):
    item = thread("forum", "subject", views=5, tags={"a", "b"}, notes=["x"], address=Address(street="here"))
    item.save()
    item.save(condition(thread))
    with pytest.raises(UpdateError) as caught:
        item.update(actions=[thread.answered.set(True)], condition=~condition(thread))
    assert why(caught) == "ConditionalCheckFailedException"
    with pytest.raises(DeleteError) as caught:
        item.delete(~condition(thread))
    assert why(caught) == "ConditionalCheckFailedException"
    item.delete(condition(thread))
    assert thread.count() == 0


def test_a_save_on_condition_says_why_not(thread):
    item = thread("forum", "subject")
    with pytest.raises(PutError) as caught:
        item.save(thread.forum.exists())
    assert why(caught) == "ConditionalCheckFailedException"
    item.save(thread.forum.does_not_exist())


def test_a_version_keeps_writers_from_overwriting_one_another(document):
    mine = document("1", text="mine")
    mine.save()
    theirs = document.get("1")
    assert (mine.version, theirs.version) == (1, 1)
    mine.update(actions=[document.text.set("changed")])
    assert mine.version == 2
    theirs.text = "late"
    for write, error in [(theirs.save, PutError), (theirs.delete, DeleteError)]:
        with pytest.raises(error) as caught:
            write()
        assert why(caught) == "ConditionalCheckFailedException"
    theirs.refresh()
    theirs.save()
    assert document.get("1").version == 3
    theirs.delete()


def test_the_low_level_connection_reads_and_writes():
    connection = Connection(host=ENDPOINT, region="us-east-1")
    name = f"low-level-{os.getpid()}"
    attributes = [{"attribute_name": key, "attribute_type": "S"} for key in ("key1", "key2")]
    schema = [{"attribute_name": "key1", "key_type": "HASH"}, {"attribute_name": "key2", "key_type": "RANGE"}]
    units = {"read_capacity_units": 1, "write_capacity_units": 1}
    connection.create_table(name, attribute_definitions=attributes, key_schema=schema, **units)
    assert name in connection.list_tables()["TableNames"]
    assert connection.describe_table(name)["TableStatus"] == "ACTIVE"
    connection.put_item(name, "hash", "range", attributes={"key": {"S": "value"}})
    table = TableConnection(name, host=ENDPOINT, region="us-east-1")
    table.describe_table()
    assert table.get_item("hash", "range")["Item"]["key"] == {"S": "value"}
    assert table.scan()["Count"] == 1
    assert table.query("hash")["Count"] == 1
    assert table.delete_item("hash", "range", return_values="ALL_OLD")["Attributes"]["key"] == {"S": "value"}
    connection.update_table(name, read_capacity_units=20, write_capacity_units=20)
    assert table.describe_table()["ProvisionedThroughput"]["ReadCapacityUnits"] == 20
    connection.delete_table(name)
