"""The schema of a contract accepts what the parser accepts, and refuses what it can of the rest."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from docs.generator.schemas.contract_schema import contract_schema
from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract_parser import KEYS, parse_contract
from pipelines.settings import ROOT

SCHEMA = json.loads(contract_schema())
VALIDATOR = Draft202012Validator(SCHEMA)
SHIPPED = sorted((ROOT / "reference").glob("*/contract.yaml"))
GOOD: dict[str, Any] = {
    "title": "Loans",
    "entity_key": "customer",
    "event_time": "event_time",
    "transaction_id": "loan",
    "label": {"name": "bad"},
    "features": {"amount": {"type": "float"}},
}


def parses(document: Any) -> bool:
    try:
        parse_contract(copy.deepcopy(document), use_case="loans", file="loans/contract.yaml")
    except UseCaseError:
        return False
    return True


def test_the_schema_is_one_of_the_draft_that_it_names() -> None:
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_a_shipped_contract_is_accepted(file: Any) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text()))


def test_every_key_has_a_description() -> None:
    assert set(SCHEMA["properties"]) == KEYS
    for schema in (SCHEMA, *SCHEMA["$defs"].values()):
        for name, setting in schema["properties"].items():
            assert setting.get("description"), name


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"titel": "Loans"}, id="unknown key"),
        pytest.param({"title": ""}, id="no title"),
        pytest.param({"label": {"positive": 1}}, id="label without name"),
        pytest.param({"label": {"name": "bad", "positive": "yes"}}, id="no negative class"),
        pytest.param({"label": {"name": "bad", "positive": [0, 2]}}, id="no negative numbers"),
        pytest.param({"label": {"name": "bad", "positive": []}}, id="no positive class"),
        pytest.param(
            {"label": {"name": "bad", "positive": [], "negative": [0]}}, id="only negatives"
        ),
        pytest.param({"label": {"name": "bad", "colour": 1}}, id="unknown setting of the label"),
        pytest.param({"features": {}}, id="no features"),
        pytest.param({"features": []}, id="features as a list"),
        pytest.param({"features": {"a b": {"type": "int"}}}, id="not a name"),
        pytest.param({"features": {"class": {"type": "int"}}}, id="a word of Python"),
        pytest.param({"features": {"x": {}}}, id="no type"),
        pytest.param({"features": {"x": {"type": "text"}}}, id="unknown type"),
        pytest.param({"features": {"x": {"type": "int", "nulable": True}}}, id="misspelt"),
        pytest.param({"features": {"x": {"type": "int", "range": [0]}}}, id="half a range"),
        pytest.param({"features": {"x": {"type": "int", "range": ["a", "b"]}}}, id="text range"),
        pytest.param({"features": {"x": {"type": "int", "monotone": "up"}}}, id="direction"),
        pytest.param({"derived": {"x": {}}}, id="no expression"),
        pytest.param({"derived": {"x": {"expression": 1}}}, id="a number as expression"),
        pytest.param({"derived": {"x": {"expression": "a", "range": [0, 1]}}}, id="derived range"),
        pytest.param({"sources": ["amount"]}, id="sources as a list"),
        pytest.param({"csv": {"decimal": ";"}}, id="decimal mark"),
        pytest.param({"csv": {"thousands": "x"}}, id="thousands separator"),
        pytest.param({"csv": {"header": ["a", "a"]}}, id="a column twice"),
    ],
)
def test_a_faulty_contract_is_refused(changes: dict[str, Any]) -> None:
    document = GOOD | changes
    assert not parses(document), "the fault is one"
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_required_key_is_required_by_both(key: str) -> None:
    document = {name: value for name, value in GOOD.items() if name != key}
    assert VALIDATOR.is_valid(document) == parses(document)


numbers = st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -7.5])
settings_of_features = st.fixed_dictionaries(
    {"type": st.sampled_from(["float", "int", "bool", "category"])},
    optional={
        "range": st.sampled_from([None, [0, 1], [-1.5, 2]]),
        "values": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "nullable": st.booleans(),
        "missing": st.none() | st.lists(numbers | st.sampled_from(["?", "none"]), max_size=2),
        "unknown": st.sampled_from(["refuse", "missing", "other"]),
        "beyond": st.sampled_from(["refuse", "clip", "accept"]),
        "monotone": st.sampled_from(["none", "increasing", "decreasing"]),
    },
)


@settings(max_examples=1000, deadline=None)
@given(settings_of_features)
def test_settings_of_a_feature_are_refused_where_the_parser_refuses_them(
    feature: dict[str, Any],
) -> None:
    document = GOOD | {"features": {"x": feature}}
    assert VALIDATOR.is_valid(document) == parses(document)


label_values = st.sampled_from([0, 1, 2, True, False, "1", "0.0", "yes", ""])


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {"name": st.just("bad")},
        optional={
            "positive": label_values | st.lists(label_values, max_size=2),
            "negative": label_values | st.lists(label_values, max_size=2),
            "unlabelled": st.lists(label_values, max_size=2),
        },
    )
)
def test_a_label_that_the_parser_takes_is_accepted(label: dict[str, Any]) -> None:
    document = GOOD | {"label": label}
    assert VALIDATOR.is_valid(document) or not parses(document)
