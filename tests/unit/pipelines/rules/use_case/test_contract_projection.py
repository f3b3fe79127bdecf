"""Rows of one contract have the same meaning under another."""

import math
from typing import Any

import numpy as np
import yaml

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.contract_projection import Projection
from tests.unit.pipelines.rules.use_case.test_contract import FILE, GOOD


def contract(**features: Any) -> Contract:
    """The example contract with other features; None removes one."""
    document = yaml.safe_load(GOOD)
    merged = {**document["features"], **features}
    document["features"] = {name: value for name, value in merged.items() if value}
    if "salary" not in document["features"]:
        document["derived"] = {}
        document["sources"] = {}
    return parse_contract(document, use_case="loan", file=FILE)


ROWS = np.array([[1000.0, 1.0, 0.0, 2.0], [50.0, 0.0, 1.0, math.nan]])
# salary, employed, grade a or b, dependents


def test_the_same_contract_adds_the_derived_features_only() -> None:
    projection = Projection(contract(), contract())
    assert projection.is_identity
    np.testing.assert_array_equal(
        projection(ROWS), [[1000, 1, 0, 2, 500], [50, 0, 1, math.nan, 50]]
    )


def test_a_feature_that_is_new_is_missing_and_one_that_is_gone_is_left_out() -> None:
    new = contract(age={"type": "int", "nullable": True}, employed=None)
    projection = Projection(contract(), new)
    assert new.columns == ("salary", "grade", "dependents", "age", "per_head")
    assert not projection.is_identity
    np.testing.assert_array_equal(
        projection(ROWS), [[1000, 0, 2, math.nan, 500], [50, 1, math.nan, math.nan, 50]]
    )


def test_categories_are_matched_by_their_text() -> None:
    other_order = contract(grade={"type": "category", "values": ["c", "b", "a"]})
    grades = Projection(contract(), other_order)(ROWS)[:, 2]
    assert grades.tolist() == [2, 1]
    back = Projection(other_order, contract())(Projection(contract(), other_order)(ROWS))
    np.testing.assert_array_equal(back[:, :4], ROWS)


def test_a_category_that_is_not_listed_is_missing_or_other() -> None:
    fewer = contract(grade={"type": "category", "values": ["b"], "nullable": True})
    np.testing.assert_array_equal(Projection(contract(), fewer)(ROWS)[:, 2], [math.nan, 0])
    other = contract(grade={"type": "category", "values": ["b"], "unknown": "other"})
    np.testing.assert_array_equal(Projection(contract(), other)(ROWS)[:, 2], [1, 0])


def test_a_feature_of_another_type_is_missing_but_a_whole_number_is_a_number() -> None:
    text = contract(dependents={"type": "category", "values": ["0", "1", "2"]}, salary=None)
    assert np.isnan(Projection(contract(), text)(ROWS)[:, 2]).all()
    number = contract(dependents={"type": "float", "nullable": True})
    np.testing.assert_array_equal(Projection(contract(), number)(ROWS)[:, 3], [2, math.nan])


def test_what_the_source_cannot_fill_is_named() -> None:
    new = contract(age={"type": "int", "nullable": True})
    assert Projection(contract(), new).absent == ("age",)
    assert Projection(contract(salary=None), contract()).absent == ("salary", "per_head")


def test_derived_features_of_the_same_shape_stay_as_they_were() -> None:
    columns = np.array([[1000.0, 1.0, 0.0, 2.0, 77.0]])
    assert Projection(contract(), contract()).complete(columns) is columns
    new = contract(age={"type": "int", "nullable": True})
    assert Projection(new, contract()).complete(np.append(columns, [[3.0]], axis=1))[0, -1] != 77
