"""Drift of a window: none without a change, detected after one, and defined for any values."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.monitoring.binning import MISSING, Profile, bins, count, profile, profile_like
from pipelines.rules.monitoring.feature_drift import (
    WindowDrift,
    add,
    measure,
    merged_buckets,
    rows,
    subtract,
)
from pipelines.rules.use_case.contract import Feature
from pipelines.rules.use_case.policy_sections.monitoring import Drift, Severe
from pipelines.stores.drift_statistics import installed_statistics

DRIFT = Drift(
    schedule="*/5 * * * *",
    window=timedelta(hours=24),
    step=timedelta(hours=1),
    reference="training",
    ignore=("noise",),
    rows=200,
    psi=0.1,
    level=0.001,
    inspect_share=0.2,
    warning_features=5,
    dataset_share=0.5,
    severe=Severe(k=3, n=4),
)
STATISTICS = installed_statistics()
SAMPLE = np.random.default_rng(0).normal(size=20_000)
INFINITE = st.one_of(st.floats(-1e100, 1e100), st.sampled_from([math.nan, math.inf, -math.inf]))


def drifted_of(found: WindowDrift) -> set[str]:
    return {feature.feature for feature in found.features if feature.drifted}


def counts(column: np.ndarray, laid: Profile) -> np.ndarray:
    return np.array(count(column, laid.edges))


@given(st.lists(INFINITE, min_size=1, max_size=50))
def test_every_value_falls_into_one_bin(values: list[float]) -> None:
    column = np.array(values)
    found = profile(SAMPLE)
    assert sum(count(column, found.edges)) == len(column)
    assert ((bins(column, found.edges) == MISSING) == np.isnan(column)).all()


@given(st.lists(INFINITE, min_size=1, max_size=50))
def test_a_profile_of_anything_counts_all_of_it_and_nothing_of_it_lies_outside(
    values: list[float],
) -> None:
    found = profile(np.array(values))
    assert found.total == len(values)
    assert all(np.isfinite(found.means))
    assert found.means == pytest.approx(sorted(found.means)), "in order, but for the last digit"
    finite = [value for value in values if math.isfinite(value)]
    inside = profile_like(np.array(finite), found)
    assert sum(inside.counts[at + 1] for at in found.outside) == 0
    assert found.edges == sorted(set(found.edges))


@pytest.mark.parametrize(
    ("feature", "column", "edges", "outside"),
    [
        pytest.param(
            Feature(type="bool"), [0.0, 1.0, 1.0], [0.5], [], id="a truth value has two bins"
        ),
        pytest.param(
            Feature(type="category", values=("a", "b", "c")),
            [0.0, 2.0],
            [0.5, 1.5, 2.5],
            [3],
            id="a category has one each",
        ),
        pytest.param(
            None,
            [1.0] * 9,
            [1.0, np.nextafter(1, 2)],
            [0, 2],
            id="a constant lies between two edges",
        ),
        pytest.param(None, [math.nan], [], [], id="all missing has none"),
    ],
)
def test_edges(
    feature: Feature | None, column: list[float], edges: list[float], outside: list[int]
) -> None:
    found = profile(np.array(column), feature)
    assert (found.edges, found.outside) == (edges, outside)


def test_a_common_value_has_a_bin_of_its_own() -> None:
    column = np.concatenate([np.zeros(900), np.linspace(0.1, 1, 100)])
    found = profile(column)
    assert counts(column, found)[2] == 900
    assert counts(np.full(10, 0.06), found)[2] == 0, "a little more than 0 is something else"


@pytest.mark.parametrize(
    ("shift", "drifted"),
    [
        pytest.param(0.0, [], id="no shift is quiet"),
        pytest.param(0.5, ["x"], id="half a standard deviation is found"),
    ],
)
def test_a_window_of_a_thousand_rows(shift: float, drifted: list[str]) -> None:
    reference = {"x": profile(SAMPLE), "y": profile(SAMPLE)}
    draw = np.random.default_rng(2)
    window = {
        "x": counts(draw.normal(size=1000) + shift, reference["x"]),
        "y": counts(draw.normal(size=1000), reference["y"]),
    }
    found = measure(reference, window, DRIFT, STATISTICS)
    assert drifted_of(found) == set(drifted)
    assert found.weighted({"x": 3.0, "y": 1.0}) == (0.75 if drifted else 0.0)
    (x,) = [f for f in found.features if f.feature == "x"]
    assert x.values["wasserstein"].value == pytest.approx(shift, abs=0.1)


@pytest.mark.parametrize("n", [0, 1, 199])
def test_too_few_rows_give_no_figure(n: int) -> None:
    reference = {"x": profile(SAMPLE)}
    window = measure(reference, {"x": counts(np.full(n, 9.0), reference["x"])}, DRIFT, STATISTICS)
    assert window.n == n
    assert math.isnan(window.share)
    assert math.isnan(window.weighted({"x": 1.0}))


def test_a_feature_gone_constant_or_missing_or_out_of_range_has_drifted() -> None:
    names = ("constant", "missing", "beyond", "same", "noise")
    reference = dict.fromkeys(names, profile(SAMPLE))
    columns = (
        np.full(500, 1.0),
        np.full(500, np.nan),
        np.full(500, 99.0),
        SAMPLE[:500],
        np.full(500, 99.0),
    )
    found = measure(
        reference,
        {n: counts(c, reference[n]) for n, c in zip(names, columns, strict=True)},
        DRIFT,
        STATISTICS,
    )
    assert drifted_of(found) == {"constant", "missing", "beyond"}
    assert found.share == 3 / 4
    features = {f.feature: f for f in found.features}
    assert features["noise"].values["outside"].value == 1, (
        "the policy ignores that it moved, and not that it is nonsense"
    )
    assert set(features["noise"].values) == {"missing", "outside"}
    missing = features["missing"].values
    assert (missing["missing"].value, missing["outside"].value) == (1.0, 0.0)
    beyond = features["beyond"].values["outside"]
    assert (beyond.value, beyond.expected) == (1.0, 0.0)
    assert math.isnan(missing["wasserstein"].value), "missing values lie nowhere"


def test_a_reference_that_was_all_missing_is_compared_by_that() -> None:
    reference = {"x": profile(np.full(1000, np.nan))}
    assert (
        drifted_of(
            measure(
                reference, {"x": counts(np.full(300, np.nan), reference["x"])}, DRIFT, STATISTICS
            )
        )
        == set()
    )
    assert drifted_of(
        measure(reference, {"x": counts(np.full(300, 1.0), reference["x"])}, DRIFT, STATISTICS)
    ) == {"x"}


PARTS = st.lists(st.integers(0, 300), max_size=60)


@given(PARTS, st.integers(1, 400), st.integers(1, 6))
def test_steps_are_disjoint_hold_enough_and_reach_the_newest(
    sizes: list[int], least: int, n: int
) -> None:
    parts = [{"x": np.array([size])} for size in sizes]
    found = merged_buckets(parts, least, n)
    assert len(found) <= n
    assert not found or found[-1][1] == len(parts) - 1
    for (first, last), following in zip(found, [*found, (len(parts), 0)][1:], strict=True):
        assert last == following[0] - 1
        assert rows(add(parts[first : last + 1])) >= least
        assert rows(add(parts[first + 1 : last + 1])) < least, "no longer than it takes"


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=9))
def test_what_is_subtracted_and_what_is_left_add_up(bins: list[tuple[int, int]]) -> None:
    part, rest = np.array(bins).T
    counts = {"x": part + rest}
    left = subtract(counts, {"x": part})
    assert left["x"].tolist() == rest.tolist()


def test_busy_hours_are_a_step_each() -> None:
    assert merged_buckets([{"x": np.array([500])}] * 9, 200, 4) == [(5, 5), (6, 6), (7, 7), (8, 8)]
