"""Profiles of an earlier contract are those of the current one as far as columns mean the same."""

from typing import Any

import msgspec
import numpy as np
import pytest

from pipelines.rules.monitoring.binning import profiles
from pipelines.rules.monitoring.converted_profiles import (
    comparable,
    newer_profiles,
    profiles_of,
    profiles_of_new,
)
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.derived_features import Deriver
from tests.unit.pipelines.rules.use_case.test_contract_projection import contract

RANDOM = np.random.default_rng(1)
RAW = np.column_stack(
    [
        RANDOM.gamma(2, 1000, 500),
        RANDOM.integers(0, 2, 500),
        RANDOM.integers(0, 2, 500),
        RANDOM.integers(0, 5, 500),
    ]
).astype(float)
AGE = {"type": "int", "nullable": True}
GRADES = {"type": "category", "values": ["0", "a", "b"]}


def frozen() -> dict[str, Any]:
    return profiles(Deriver(contract())(RAW), contract())


def per_head(expression: str) -> Contract:
    derived = msgspec.structs.replace(contract().derived[0], expression=expression)
    return msgspec.structs.replace(contract(), derived=(derived,))


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        pytest.param(
            contract(), ["salary", "employed", "grade", "dependents", "per_head"], id="no change"
        ),
        pytest.param(
            contract(age=AGE),
            ["salary", "employed", "grade", "dependents", "per_head"],
            id="a new feature",
        ),
        pytest.param(
            contract(salary=None), ["employed", "grade", "dependents"], id="a feature is gone"
        ),
        pytest.param(
            contract(grade=GRADES),
            ["salary", "employed", "dependents", "per_head"],
            id="another category",
        ),
        pytest.param(
            per_head("salary * dependents"),
            ["salary", "employed", "grade", "dependents"],
            id="another expression",
        ),
    ],
)
def test_columns_with_the_same_meaning_keep_their_frozen_profile(
    target: Contract, kept: list[str]
) -> None:
    before = frozen()
    after = profiles_of(RAW, before, contract(), target)
    assert [name for name in after if after[name] is before.get(name)] == kept
    assert "age" not in after


def test_a_category_is_counted_under_its_new_index() -> None:
    before = frozen()
    after = profiles_of(RAW, before, contract(), contract(grade=GRADES))["grade"]
    assert after.counts == [0, 0, *before["grade"].counts[1:]]


def test_a_training_profile_is_compared_by_meaning() -> None:
    before = frozen()
    target = contract(grade=GRADES, salary={"type": "bool"})
    target = msgspec.structs.replace(target, derived=())
    bins = profiles_of(RAW, before, contract(), target)
    compared = comparable(before, bins, contract(), target)
    assert list(compared) == ["employed", "grade", "dependents"]
    assert compared["grade"].counts == bins["grade"].counts


def test_other_edges_are_not_compared() -> None:
    other = profiles(Deriver(contract())(RAW[:100]), contract())
    compared = comparable(other, frozen(), contract(), contract())
    assert list(compared) == ["employed", "grade", "dependents"]


def test_a_new_feature_is_profiled_from_its_first_value_on() -> None:
    target = contract(age=AGE)
    columns = np.column_stack([RAW, np.full(500, 30.0), RAW[:, 0]])
    columns[:300, 4] = np.nan
    known = frozen()
    newer = newer_profiles(columns, known, target, min_rows=200)
    assert list(newer) == ["age"]
    assert newer["age"].total == 200
    assert newer["age"].counts[0] == 0
    assert newer_profiles(columns, known, target, min_rows=201) == {}
    assert profiles_of_new(newer, known, target, target) == newer
    assert profiles_of_new(newer, known, target, contract()) == {}
