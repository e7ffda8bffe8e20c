"""The page of what works, held to botocore's list of operations and parameters."""

import pathlib
import re

import boto3
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "compatibility.md"

# What stands before an operation's name on the page.
SERVICES = {"dynamodb": "", "dynamodbstreams": "", "lambda": "lambda:", "ssm": "ssm:", "kinesis": "kinesis:"}


def operations():
    """All operations by their name on the page; of SSM those on parameters, most of the others are of no use here."""
    tags = ["AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource"]
    for service, prefix in SERVICES.items():
        model = boto3.client(service, region_name="us-east-1").meta.service_model
        for name in model.operation_names:
            if service != "ssm" or "Parameter" in name or name in tags:
                yield prefix + name, model.operation_model(name)


OPERATIONS = dict(operations())


def described():
    """Parameters by operation; `None` for an operation that is refused."""
    page = PAGE.read_text()
    found = {}
    for section in page.split("\n### ")[1:]:
        name = re.match(r"`([\w:]+)`", section).group(1)
        first_cells = re.findall(r"^\| (.*?) \|", section.split("\n## ")[0], re.MULTILINE)
        found[name] = sorted(word for cell in first_cells for word in re.findall(r"`(\w+)`", cell))
    found.update({name: None for name in re.findall(r"^\| `([\w:]+)` \| refused \|", page, re.MULTILINE)})
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_and_parameter_has_a_row(name):
    page, shape = described(), OPERATIONS[name].input_shape
    assert name in page
    if page[name] is not None:
        assert page[name] == sorted(shape.members if shape else [])


def test_the_page_knows_no_other_operation():
    assert set(described()) == set(OPERATIONS)
