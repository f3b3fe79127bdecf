"""Each use case with a simulator is found by the name of its module."""

from datetime import UTC, datetime

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.settings import ROOT
from pipelines.use_case import names, read_contract
from stack.demo.simulator import World, profile_of, simulate, simulated

WORLD = World(seed=1, start=datetime(2026, 1, 5, tzinfo=UTC), days=1)


def test_every_shipped_use_case_has_a_simulator() -> None:
    assert simulated() == names(ROOT / "reference")


@pytest.mark.parametrize("use_case", simulated())
def test_a_simulator_has_the_raw_features_of_the_contract_within_their_ranges(
    use_case: str,
) -> None:
    contract = read_contract(ROOT / "reference" / use_case)
    transactions = simulate(WORLD, use_case)
    assert tuple(transactions.features) == contract.raw
    for feature in contract.features:
        values = transactions.features[feature.name]
        known = values[~np.isnan(values)]
        assert feature.nullable or len(known) == len(values)
        if feature.range is not None:
            assert feature.range[0] <= known.min() <= known.max() <= feature.range[1]
        if feature.type in ("int", "bool"):
            np.testing.assert_array_equal(known, np.round(known))


@pytest.mark.parametrize("use_case", simulated())
def test_a_profile_says_what_begins_with_an_attack(use_case: str) -> None:
    assert profile_of(use_case).new_pattern.endswith(" starts")


def test_without_a_name_payments_are_simulated() -> None:
    np.testing.assert_array_equal(
        simulate(WORLD).transaction_id, simulate(WORLD, "fraud").transaction_id
    )


def test_a_use_case_without_a_simulator_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(DataError, match=r"no simulator of loans: .* of .*fraud"):
        profile_of("loans")
