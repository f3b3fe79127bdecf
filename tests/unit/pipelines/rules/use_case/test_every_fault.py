"""All faults of a document are listed, each once, and none that another one causes."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.every_fault import Examined, every_fault
from pipelines.rules.use_case.policy import Policy, parse_policy
from tests.unit.pipelines.rules.use_case.test_contract import GOOD


def contract(document: Any) -> Contract:
    return parse_contract(document, use_case="loan", file="f")


def policy(document: Any) -> Policy:
    return parse_policy(document, use_case="loan", file="f")


def keys(examined: Examined[Any]) -> list[str]:
    return [fault.key for fault in examined.faults]


def document(**changes: Any) -> Any:
    return yaml.safe_load(GOOD) | changes


def test_a_valid_document_has_no_faults() -> None:
    examined = every_fault(contract, document())
    assert (examined.faults, examined.value) == ([], contract(document()))


def test_every_fault_of_a_policy_is_listed() -> None:
    examined = every_fault(
        policy,
        {
            "label_maturity": "7 days",
            "gates": {"recal": 0.4, "roc_auc": 7},
            "training": {"folds": "many", "trees": 10},
            "retraining": {"schedule": "every day"},
            "drift": {"ignore": [1, 2]},
        },
    )
    assert sorted(keys(examined)) == [
        "drift.ignore.0",
        "gates.recal",
        "gates.roc_auc",
        "label_maturity",
        "retraining.schedule",
        "training.folds",
    ]
    assert examined.value is not None
    assert examined.value.training.trees == 10, "what is valid stays"


def test_every_fault_of_a_contract_is_listed() -> None:
    faulty = document(
        tittle="x",
        features={
            "a": {"type": "float", "range": [9, 1], "nullable": "maybe"},
            "b": {"type": "text"},
            "c.d": {"type": "float"},
            "e": {"type": "category", "colour": "red"},
            "good": {"type": "float"},
        },
        derived={"f": {"expression": "good +"}, "g": {"expression": "1 / unheard_of"}},
        sources={},
    )
    del faulty["title"], faulty["transaction_id"]
    assert sorted(keys(every_fault(contract, faulty))) == [
        "derived.f.expression",
        "derived.g.expression",
        "features.a.nullable",
        "features.a.range",
        "features.b.type",
        "features.c.d",
        "features.e.colour",
        "features.e.values",
        "title",
        "tittle",
        "transaction_id",
    ]


def test_what_names_a_removed_feature_is_no_fault_of_its_own() -> None:
    faulty = document(
        features={"a b": {"type": "float"}, "c": {"type": "float"}},
        derived={},
        sources={"A": "a b"},
    )
    examined = every_fault(contract, faulty)
    assert keys(examined) == ["features.a b"]
    assert examined.is_consequence(UseCaseError("slices: 'a b' is not a column"))
    assert not examined.is_consequence(UseCaseError("slices: 'd' is not a column"))


@pytest.mark.parametrize("nothing", [None, [], "text", 7])
def test_a_document_that_is_no_mapping_has_one_fault(nothing: Any) -> None:
    for parse in (contract, policy):
        examined = every_fault(parse, nothing)
        assert (len(examined.faults), examined.value) == (1, None)


def test_the_document_stays_as_it_is() -> None:
    faulty = document(features={})
    before = copy.deepcopy(faulty)
    every_fault(contract, faulty)
    assert faulty == before


def places(content: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(content, dict):
        return []
    return [
        place
        for name, value in content.items()
        for place in [(*path, name), *places(value, (*path, name))]
    ]


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})


@given(st.lists(st.tuples(st.sampled_from(places(yaml.safe_load(GOOD))), VALUES), max_size=6))
@settings(max_examples=300, deadline=None)
def test_the_first_fault_is_that_of_the_parser_and_the_search_ends(
    changes: list[tuple[tuple[str, ...], Any]],
) -> None:
    faulty = document()
    for path, value in changes:
        inner: Any = faulty
        for name in path[:-1]:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = value
    examined = every_fault(contract, faulty)
    assert [str(fault) for fault in examined.faults][:1] == first_fault(faulty)
    assert len(set(keys(examined))) == len(examined.faults)


def first_fault(faulty: Any) -> list[str]:
    try:
        contract(faulty)
    except UseCaseError as fault:
        return [str(fault)]
    return []
