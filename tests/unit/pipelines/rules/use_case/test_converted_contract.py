"""Rows of an earlier contract keep the rules that they were accepted by."""

from typing import Any

import pytest

from pipelines.rules.use_case.converted_contract import accepting
from tests.unit.pipelines.rules.use_case.test_contract_projection import contract

NUMBER = {"type": "float", "range": [0, 10]}


@pytest.mark.parametrize(
    ("now", "former", "nullable", "range_"),
    [
        pytest.param(NUMBER, NUMBER, False, (0, 10), id="no change"),
        pytest.param(NUMBER, None, True, (0, 10), id="a required feature that is new"),
        pytest.param(
            NUMBER, {**NUMBER, "nullable": True}, True, (0, 10), id="one that could be missing"
        ),
        pytest.param(
            NUMBER, {"type": "float", "range": [-5, 7]}, False, (-5, 10), id="another range"
        ),
        pytest.param(NUMBER, {"type": "float"}, False, None, id="a range that is new"),
        pytest.param(
            NUMBER, {**NUMBER, "beyond": "accept"}, False, None, id="a range that was no limit"
        ),
        pytest.param(
            {"type": "int", "range": [0, 10]}, NUMBER, False, (0, 10), id="whole numbers now"
        ),
        pytest.param(NUMBER, {"type": "bool"}, True, None, id="another type"),
    ],
)
def test_what_was_accepted_still_is(
    now: dict[str, Any],
    former: dict[str, Any] | None,
    nullable: bool,
    range_: tuple[float, float] | None,
) -> None:
    relaxed = accepting(contract(age=now), [contract(age=former)])
    feature = next(each for each in relaxed.features if each.name == "age")
    assert (feature.nullable, feature.range) == (nullable, range_)
    assert feature.type == "float"


def test_a_category_that_was_removed_may_be_missing() -> None:
    three = {"type": "category", "values": ["a", "b", "c"]}
    two = {"type": "category", "values": ["a", "b"]}
    fewer = accepting(contract(region=two), [contract(region=three)])
    more = accepting(contract(region=three), [contract(region=two)])
    assert fewer.features[fewer.raw.index("region")].nullable
    assert not more.features[more.raw.index("region")].nullable


def test_without_earlier_contracts_nothing_changes() -> None:
    assert accepting(contract(), []) == contract()
