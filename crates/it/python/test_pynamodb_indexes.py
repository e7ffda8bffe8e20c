"""PynamoDB: global and local indexes, as its documentation shows them."""

import os

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model
from test_pynamodb import Local


class ByView(LocalSecondaryIndex):
    class Meta:
        projection = AllProjection()

    forum = UnicodeAttribute(hash_key=True)
    views = NumberAttribute(range_key=True)


class ByAuthor(GlobalSecondaryIndex):
    class Meta:
        projection = IncludeProjection(["views"])

    author = UnicodeAttribute(hash_key=True)


class ByState(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-state"
        projection = KeysOnlyProjection()

    state = UnicodeAttribute(hash_key=True)
    views = NumberAttribute(range_key=True)


class Post(Model):
    class Meta(Local):
        table_name = f"post-{os.getpid()}"

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    views = NumberAttribute(default=0)
    author = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    text = UnicodeAttribute(null=True)
    by_view = ByView()
    by_author = ByAuthor()
    by_state = ByState()


@pytest.fixture
def posts():
    Post.create_table(wait=True)
    with Post.batch_write() as batch:
        for n in range(30):
            author = {"author": "ann"} if n % 3 == 0 else {}
            batch.save(Post("forum", f"{n:02}", views=100 - n, state="even" if n % 2 == 0 else "odd", text="x", **author))
        batch.save(Post("other", "00", views=1, author="ann"))
    yield
    Post.delete_table()


def test_models_with_indexes_are_described(posts):
    described = Post.describe_table()
    names = lambda kind: sorted(index["IndexName"] for index in described[kind])
    assert names("GlobalSecondaryIndexes") == ["by-state", "by_author"]
    assert names("LocalSecondaryIndexes") == ["by_view"]
    assert {index["IndexStatus"] for index in described["GlobalSecondaryIndexes"]} == {"ACTIVE"}


def test_an_index_is_queried_scanned_and_counted(posts):
    assert [int(post.views) for post in Post.by_view.query("forum", Post.views < 74)] == [71, 72, 73]
    found = list(Post.by_view.query("forum", scan_index_forward=False, limit=2, consistent_read=True))
    assert [(post.subject, post.text) for post in found] == [("00", "x"), ("01", "x")]
    by_ann = list(Post.by_author.query("ann"))
    assert len(by_ann) == 11
    assert {post.text for post in by_ann} == {None} and {post.forum for post in by_ann} == {"forum", "other"}
    assert Post.by_author.count("ann", filter_condition=Post.views > 90) == 4
    between = list(Post.by_state.query("odd", Post.views.between(95, 99)))
    assert [int(post.views) for post in between] == [95, 97, 99]
    assert len(list(Post.by_author.scan())) == 11
    pages = Post.by_state.query("even", page_size=4)
    assert len(list(pages)) == 15
    first = Post.by_state.query("even", limit=4)
    assert len(list(first)) == 4
    rest = Post.by_state.query("even", last_evaluated_key=first.last_evaluated_key)
    assert len(list(rest)) == 11


def test_an_index_follows_its_table(posts):
    post = Post.get("forum", "03")
    post.update(actions=[Post.author.set("bob"), Post.state.remove()])
    assert [post.subject for post in Post.by_author.query("bob")] == ["03"]
    assert Post.by_author.count("ann") == 10
    assert Post.by_state.count("odd") == 14
    post.delete()
    assert Post.by_author.count("bob") == 0
