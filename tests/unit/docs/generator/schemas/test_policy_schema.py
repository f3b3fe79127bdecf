"""The schema of a policy accepts what the parser accepts, and refuses each value that breaks a rule."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from docs.generator.schemas.policy_schema import policy_schema
from pipelines.errors import UseCaseError
from pipelines.reporting.policy_yaml import policy_yaml
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.rules.use_case.policy_keys import keys_of
from pipelines.settings import ROOT

SCHEMA = json.loads(policy_schema())
VALIDATOR = Draft202012Validator(SCHEMA)
SHIPPED = [*sorted((ROOT / "reference").glob("*/policy.yaml")), *sorted(ROOT.glob("stack/*.yaml"))]
KEYS = list(keys_of(Policy()))
TRIED = (-1, 0, 0.5, 1, 2, 2.5, 11, 100_001, "x", "", True, None, [], ["x"], [1], {}, {"a": "b"},
         "P7D", "PT1H30M", "PT0.5S", "P1DT2H", "+P1D", "p7d", "PT0S", "-P1D", "P1W", "P", "PT", "P1H",
         "P1D ", "7 days", "*/5 * * * *", "@hourly", "0 3 * *", "0 3 * * 1 0")  # fmt: skip
# Keys that another one limits too; a schema looks at one value at a time.
RELATED = {
    "drift.window",
    "drift.step",
    "drift.severe.k",
    "drift.severe.n",
    "explanation.chunk",
    "retention.predictions",
    "evaluation.window",
}


def parse_error(document: Any) -> str:
    try:
        parse_policy(document, use_case="fraud", file="policy.yaml")
    except UseCaseError as error:
        return str(error)
    return ""


def stating(name: str, value: Any) -> dict[str, Any]:
    """A document with one key."""
    document: Any = value
    for part in reversed(name.split(".")):
        document = {part: document}
    return dict(document)


def test_the_schema_is_one_of_the_draft_that_it_names() -> None:
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_shipped_policy_is_accepted(file: Any) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text()))


def test_the_policy_that_the_command_prints_is_accepted() -> None:
    VALIDATOR.validate(yaml.safe_load(policy_yaml(Policy())))


def test_an_empty_policy_is_a_mapping() -> None:
    assert VALIDATOR.is_valid({})
    assert not VALIDATOR.is_valid(None)


def leaves(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, setting in schema["properties"].items():
        if "$ref" in setting:
            inner = SCHEMA["$defs"][setting["$ref"].removeprefix("#/$defs/")]
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, setting


def test_every_key_has_its_meaning_and_its_default() -> None:
    described = dict(leaves(SCHEMA))
    assert list(described) == [key.name for key in KEYS]
    defaults = yaml.safe_load(policy_yaml(Policy()))
    for name, setting in described.items():
        assert setting["description"], name
        value = defaults
        for part in name.split("."):
            value = value[part]
        assert setting["default"] == value, name


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_value_is_refused_where_the_parser_refuses_it(key: Any) -> None:
    for value in TRIED:
        document = stating(key.name, value)
        fault = parse_error(document)
        if key.name in RELATED and fault and VALIDATOR.is_valid(document):
            assert isinstance(value, int | str)
            assert "must not be" in fault or "must be a multiple" in fault or "splits" in fault
        else:
            assert VALIDATOR.is_valid(document) == (not fault), (document, fault)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"gate": {}}, id="unknown section"),
        pytest.param({"gates": {"recal": 0.4}}, id="misspelt key"),
        pytest.param({"gates": [0.4]}, id="a list for a section"),
        pytest.param({"use_case": "fraud"}, id="the name of the folder"),
        pytest.param([], id="a list"),
    ],
)
def test_a_faulty_document_is_refused(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)


def test_durations_are_written_as_people_write_them() -> None:
    described = dict(leaves(SCHEMA))
    assert described["training.budget"]["default"] == "PT10M"
    for key in KEYS:
        if isinstance(key.value, timedelta):
            assert re.search(described[key.name]["pattern"], described[key.name]["default"])
