"""Parameters over the API of SSM."""

import itertools
import os

import pytest
from conftest import client, refusal

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def ssm():
    return client("ssm")


@pytest.fixture
def root(ssm):
    """A path of its own for each test; what is below it goes with it."""
    path = f"/test-{os.getpid()}-{next(NUMBERS)}"
    yield path
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    names = [parameter["Name"] for page in pages for parameter in page["Parameters"]]
    for start in range(0, len(names), 10):
        ssm.delete_parameters(Names=names[start : start + 10])


def test_a_parameter_is_put_read_overwritten_and_deleted(ssm, root):
    name = f"{root}/limit"
    put = {"Name": name, "Value": "40", "Type": "String"}
    assert ssm.put_parameter(**put)["Version"] == 1
    read = ssm.get_parameter(Name=name)["Parameter"]
    assert (read["Value"], read["Type"], read["Version"]) == ("40", "String", 1)
    assert read["ARN"].endswith(f":parameter{name}")
    assert refusal(ssm.put_parameter, **put) == (
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
    assert ssm.put_parameter(Name=name, Value="41", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=read["ARN"])["Parameter"]["Value"] == "41"
    ssm.delete_parameter(Name=name)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=name)
    assert refusal(ssm.delete_parameter, Name=name) == ("ParameterNotFound", "")


def test_parameters_are_found_by_names_path_and_filters(ssm, root):
    for name in ["a", "b/c", "b/d", "e"]:
        ssm.put_parameter(Name=f"{root}/{name}", Value=name, Type="String", Tags=[{"Key": "of", "Value": root}])
    several = ssm.get_parameters(Names=[f"{root}/a", f"{root}/none"])
    assert [parameter["Value"] for parameter in several["Parameters"]] == ["a"]
    assert several["InvalidParameters"] == [f"{root}/none"]

    def below(**more):
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=root, **more)
        return [parameter["Value"] for page in pages for parameter in page["Parameters"]]

    assert below() == ["a", "e"]
    assert below(Recursive=True, PaginationConfig={"PageSize": 3}) == ["a", "b/c", "b/d", "e"]
    tagged = [{"Key": "tag:of", "Values": [root]}, {"Key": "Name", "Option": "BeginsWith", "Values": [f"{root}/b"]}]
    found = ssm.describe_parameters(ParameterFilters=tagged)["Parameters"]
    assert [parameter["Name"] for parameter in found] == [f"{root}/b/c", f"{root}/b/d"]


def test_a_secret_is_shown_decrypted_only(ssm, root):
    name = f"{root}/secret"
    ssm.put_parameter(Name=name, Value="word", Type="SecureString")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] != "word"
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "word"


def test_a_parameter_has_tags(ssm, root):
    name = f"{root}/tagged"
    ssm.put_parameter(Name=name, Value="1", Type="String")
    resource = {"ResourceType": "Parameter", "ResourceId": name}
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**resource, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**resource)["TagList"] == [{"Key": "b", "Value": "2"}]
    unknown = {**resource, "ResourceId": f"{root}/none"}
    assert refusal(ssm.list_tags_for_resource, **unknown)[0] == "InvalidResourceId"
