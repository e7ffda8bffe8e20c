"""PynamoDB: transactions, expiry and models that share a table, as its documentation shows them."""

import os
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from pynamodb.attributes import DiscriminatorAttribute, NumberAttribute, TTLAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.connection import Connection
from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import CancellationReason, DoesNotExist, TransactGetError, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite
from test_pynamodb import ENDPOINT, Local


class Missing(Model):
    class Meta(Local):
        table_name = "missing"

    id = UnicodeAttribute(hash_key=True)


class Statement(Model):
    class Meta(Local):
        table_name = f"statement-{os.getpid()}"

    user = NumberAttribute(hash_key=True)
    balance = NumberAttribute(default=0)


class Line(Model):
    class Meta(Local):
        table_name = f"line-{os.getpid()}"

    user = NumberAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    amount = NumberAttribute()


class Draft(Model):
    class Meta(Local):
        table_name = f"draft-{os.getpid()}"

    id = UnicodeAttribute(hash_key=True)
    text = UnicodeAttribute(null=True)
    expires = TTLAttribute(null=True)
    version = VersionAttribute()


class Animal(Model):
    class Meta(Local):
        table_name = f"animal-{os.getpid()}"

    name = UnicodeAttribute(hash_key=True)
    kind = DiscriminatorAttribute()


class Dog(Animal, discriminator="dog"):
    breed = UnicodeAttribute()


class Cat(Animal, discriminator="cat"):
    lives = NumberAttribute(default=9)


@pytest.fixture
def tables():
    made = [Statement, Line, Draft, Animal]
    for model in made:
        model.create_table(wait=True)
    yield
    for model in made:
        model.delete_table()


@pytest.fixture
def connection():
    return Connection(host=ENDPOINT, region="us-east-1", max_retry_attempts=0)


def test_a_transaction_writes_everything_or_nothing(tables, connection):
    Statement(1, balance=0).save()
    Statement(2, balance=100).save()
    Line(9, 9, amount=1).save()
    with TransactWrite(connection=connection) as transaction:
        transaction.save(Line(1, 1, amount=50), condition=Line.user.does_not_exist())
        transaction.save(Line(2, 1, amount=-50), condition=Line.user.does_not_exist())
        transaction.update(Statement(1), actions=[Statement.balance.add(50)])
        transaction.update(Statement(2), actions=[Statement.balance.add(-50)], condition=Statement.balance >= 50)
        transaction.condition_check(Line, 9, 9, condition=Line.user.exists())
    assert (Statement.get(1).balance, Statement.get(2).balance) == (50, 50)
    with TransactWrite(connection=connection) as transaction:
        transaction.delete(Line(9, 9))
    with pytest.raises(TransactWriteError) as caught:
        with TransactWrite(connection=connection) as transaction:
            transaction.update(Statement(1), actions=[Statement.balance.add(1)])
            transaction.save(Statement(2), condition=Statement.user.does_not_exist(), return_values=ALL_OLD)
            transaction.condition_check(Line, 9, 9, condition=Line.user.exists())
    assert caught.value.cause_response_code == "TransactionCanceledException"
    failed = {"code": "ConditionalCheckFailed", "message": "The conditional request failed"}
    old = {"user": {"N": "2"}, "balance": {"N": "50"}}
    # PynamoDB sends checks first, then what is saved, then updates.
    assert caught.value.cancellation_reasons == [
        CancellationReason(**failed),
        CancellationReason(**failed, raw_item=old),
        None,
    ]
    assert (Statement.get(1).balance, Statement.get(2).balance) == (50, 50)


def test_a_transaction_names_an_item_once(tables, connection):
    Statement(1).save()
    with pytest.raises(TransactWriteError) as caught:
        with TransactWrite(connection=connection) as transaction:
            transaction.condition_check(Statement, 1, condition=Statement.user.exists())
            transaction.update(Statement(1), actions=[Statement.balance.add(10)])
    assert caught.value.cause_response_code == "ValidationException"


def test_a_transactions_token_belongs_to_one_request(tables, connection):
    token = str(uuid.uuid4())
    for _ in range(2):
        with TransactWrite(connection=connection, client_request_token=token) as transaction:
            transaction.update(Statement(1), actions=[Statement.balance.add(1)])
    assert Statement.get(1).balance == 1
    with pytest.raises(TransactWriteError) as caught:
        with TransactWrite(connection=connection, client_request_token=token) as transaction:
            transaction.save(Statement(3))
    assert caught.value.cause_response_code == "IdempotentParameterMismatchException"
    with pytest.raises(DoesNotExist):
        Statement.get(3)


def test_a_transaction_reads_over_tables(tables, connection):
    Statement(1, balance=7).save()
    Line(1, 2, amount=3).save()
    with TransactGet(connection=connection) as transaction:
        statement = transaction.get(Statement, 1)
        line = transaction.get(Line, 1, 2)
        none = transaction.get(Statement, 100)
    assert (statement.get().balance, line.get().amount) == (7, 3)
    with pytest.raises(DoesNotExist):
        none.get()
    with pytest.raises(TransactGetError) as caught:
        with TransactGet(connection=connection) as transaction:
            transaction.get(Missing, "1")
    assert caught.value.cause_response_code == "ResourceNotFoundException"


def test_versions_are_kept_in_transactions(tables, connection):
    draft, gone, late = Draft("1"), Draft("2"), Draft("1")
    draft.save()
    gone.save()
    with TransactWrite(connection=connection) as transaction:
        transaction.update(draft, actions=[Draft.text.set("new")])
        transaction.delete(gone)
        transaction.save(Draft("3"))
    assert (draft.version, Draft.get("1").version, Draft.get("3").version) == (2, 2, 1)
    with pytest.raises(TransactWriteError) as caught:
        with TransactWrite(connection=connection) as transaction:
            transaction.save(late)
    assert [reason.code for reason in caught.value.cancellation_reasons] == ["ConditionalCheckFailed"]


def test_time_to_live_is_set_with_the_model(tables):
    soon = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
    Draft("1", expires=soon).save()
    assert Draft.get("1").expires == soon
    connection = Connection(host=ENDPOINT, region="us-east-1")
    described = connection.client.describe_time_to_live(TableName=Draft.Meta.table_name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}


def test_models_that_share_a_table_are_told_apart(tables):
    Dog("rex", breed="collie").save()
    Cat("tom").save()
    assert sorted(type(animal).__name__ for animal in Animal.scan()) == ["Cat", "Dog"]
    assert [dog.breed for dog in Dog.scan()] == ["collie"]
    assert isinstance(Animal.get("tom"), Cat)
