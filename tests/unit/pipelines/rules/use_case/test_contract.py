"""A contract is accepted whole, or refused with file, key, value and remedy."""

from typing import Any

import pytest
import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.settings import ROOT

FILE = "loan/contract.yaml"
GOOD = """
title: Loan default
entity_key: customer_id
event_time: event_time
transaction_id: transaction_id
label: {name: defaulted, positive: 1}
features:
  salary: {type: float, range: [0, 1000000]}
  employed: {type: bool}
  grade: {type: category, values: [a, b]}
  dependents: {type: int, range: [0, 20], nullable: true}
derived:
  per_head: {expression: "where(dependents > 0, salary / dependents, salary)"}
sources: {Salary: salary}
"""


def parse(**changes: Any) -> Contract:
    document = yaml.safe_load(GOOD)
    for key, value in changes.items():
        document[key] = (
            {**(document[key] if key != "label" else {}), **value}
            if isinstance(value, dict)
            else value
        )
    return parse_contract(document, use_case="loan", file=FILE)


def test_columns_are_raw_features_then_derived_ones_in_order() -> None:
    assert parse().columns == ("salary", "employed", "grade", "dependents", "per_head")


@pytest.mark.parametrize(
    ("changes", "key", "value", "remedy"),
    [
        pytest.param(
            {"features": {"x": {"type": "decimal"}}},
            "features.x.type",
            "'decimal'",
            "use one of",
            id="unknown type",
        ),
        pytest.param(
            {"features": {"defaulted": {"type": "bool"}}},
            "features.defaulted",
            "'defaulted'",
            "is the label",
            id="label as feature",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "salary / age"}}},
            "derived.x.expression",
            "'age'",
            "known are",
            id="unknown column",
        ),
        pytest.param(
            {"features": {"x": {"type": "float", "range": [9, 1]}}},
            "features.x.range",
            "[9.0, 1.0]",
            "reversed",
            id="range",
        ),
        pytest.param(
            {"features": {"x": {"type": "category"}}},
            "features.x.values",
            "[]",
            "add `values",
            id="no categories",
        ),
        pytest.param(
            {"features": {"x": {"type": "float", "values": ["a"]}}},
            "features.x.values",
            "['a']",
            "only for",
            id="values",
        ),
        pytest.param(
            {"features": {"x": {"type": "bool", "range": [0, 1]}}},
            "features.x.range",
            "[0.0, 1.0]",
            "remove",
            id="bool",
        ),
        pytest.param(
            {"features": {"x": {"type": "category", "values": ["a"], "monotone": "increasing"}}},
            "features.x.monotone",
            "'increasing'",
            "has no order",
            id="a category with a direction",
        ),
        pytest.param(
            {"features": {"x": {"type": "int", "monotone": "rising"}}},
            "features.x.monotone",
            "'rising'",
            "Invalid",
            id="unknown direction",
        ),
        pytest.param(
            {"features": {"x": {"type": "int", "colour": 1}}},
            "features.x.colour",
            "1",
            "not a setting",
            id="unknown setting",
        ),
        pytest.param(
            {"features": {"customer_id": {"type": "int"}}},
            "features.customer_id",
            "'customer_id'",
            "rename",
            id="key",
        ),
        pytest.param(
            {"features": {"a b": {"type": "int"}}},
            "features.a b",
            "'a b'",
            "valid name",
            id="not a name",
        ),
        pytest.param({"features": []}, "features", "[]", "mapping", id="features as a list"),
        pytest.param(
            {"derived": {"salary": {"expression": "1"}}},
            "derived.salary",
            "'salary'",
            "another name",
            id="name twice",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "salary +"}}},
            "derived.x.expression",
            "'salary +'",
            "formula",
            id="broken",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "open(salary)"}}},
            "derived.x.expression",
            "'open'",
            "known are",
            id="call",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "salary.real"}}},
            "derived.x.expression",
            "salary.real",
            "only",
            id="attribute",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "'a'"}}},
            "derived.x.expression",
            "'a'",
            "only finite numbers",
            id="text",
        ),
        pytest.param(
            {"derived": {"x": {"expression": "grade + 1"}}},
            "derived.x.expression",
            "'grade'",
            "numeric",
            id="category",
        ),
        pytest.param(
            {"sources": {"defaulted": "salary"}},
            "sources.defaulted",
            "'salary'",
            "a model must not see it",
            id="the label's column as a feature",
        ),
        pytest.param(
            {"sources": {"Wage": "wage"}},
            "sources.Wage",
            "'wage'",
            "known are",
            id="source of nothing",
        ),
        pytest.param(
            {"features": {"class": {"type": "int"}}},
            "features.class",
            "'class'",
            "valid name",
            id="word of Python",
        ),
        pytest.param(
            {"features": {1: {"type": "int"}}},
            "features",
            "1",
            "is not a name",
            id="a number as name",
        ),
        pytest.param(
            {"features": {"x": {"type": "float", "range": [0, float("nan")]}}},
            "features.x.range",
            "nan",
            "finite",
            id="NaN",
        ),
        pytest.param(
            {"label": {"positive": 2}}, "label.name", "None", "is missing", id="label without name"
        ),
        pytest.param({"title": ""}, "title", "''", "every contract needs it", id="no title"),
        pytest.param({"colour": "red"}, "colour", "'red'", "known are", id="unknown key"),
    ],
)
def test_a_bad_contract_is_refused_with_file_key_value_and_remedy(
    changes: dict[str, Any], key: str, value: str, remedy: str
) -> None:
    with pytest.raises(UseCaseError) as refused:
        parse(**changes)
    message = str(refused.value)
    assert message.startswith(f"{FILE}: {key}: ")
    assert value in message
    assert remedy in message


def test_the_hash_leaves_words_and_renames_out_and_nothing_that_models_depend_on() -> None:
    same = parse(title="Another title", sources={"Wage": "salary"}, description="words")
    other = parse(features={"salary": {"type": "float", "range": [0, 2]}})
    assert same.hash == parse().hash
    assert other.hash != parse().hash


def test_a_direction_belongs_to_the_hash_once_it_is_set() -> None:
    salary = {"type": "float", "range": [0, 1]}
    free = parse(features={"salary": {**salary, "monotone": "none"}})
    rising = parse(features={"salary": {**salary, "monotone": "increasing"}})
    falling = parse(features={"salary": {**salary, "monotone": "decreasing"}})
    assert free.hash == parse(features={"salary": salary}).hash
    assert len({free.hash, rising.hash, falling.hash}) == 3


def test_directions_are_those_of_all_columns_in_order() -> None:
    contract = parse(
        features={
            "salary": {"type": "float", "monotone": "increasing"},
            "employed": {"type": "bool", "monotone": "decreasing"},
        },
        derived={"double": {"expression": "salary * 2", "monotone": "increasing"}},
    )
    assert contract.columns == ("salary", "employed", "grade", "dependents", "per_head", "double")
    assert contract.directions == (1, -1, 0, 0, 0, 1)


def test_the_fraud_contract_maps_the_handbooks_columns_onto_its_features() -> None:
    contract = parse_contract(
        yaml.safe_load((ROOT / "reference/fraud/contract.yaml").read_text()),
        use_case="fraud",
        file="f",
    )
    assert len(contract.raw) == 15
    assert len(contract.derived) >= 3
    assert set(contract.raw) <= set(contract.sources.values())


def test_rows_may_have_no_time_of_their_own() -> None:
    document = yaml.safe_load(GOOD)
    assert parse().has_times
    del document["event_time"]
    timeless = parse_contract(document, use_case="loan", file=FILE)
    assert not timeless.has_times
    assert timeless.hash == parse().hash, "a model does not depend on it"
    document["sources"] = {"Day": "event_time"}
    with pytest.raises(UseCaseError, match=r"sources\.Day: 'event_time' is not a column"):
        parse_contract(document, use_case="loan", file=FILE)
