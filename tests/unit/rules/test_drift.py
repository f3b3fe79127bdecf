"""Drift: quiet when nothing happened, found when something did, and severe only when it stays."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.binning import MISSING, bins, count, profile
from pipelines.rules.contract import Feature
from pipelines.rules.drift import measure, psi, psi_without_drift, severity
from pipelines.rules.policy import Drift, Severe

DRIFT = Drift(
    schedule="*/5 * * * *", window=timedelta(hours=24), step=timedelta(hours=1), rows=200, psi=0.1, level=0.001,
    inspect_share=0.2, warning_features=5, dataset_share=0.5, severe=Severe(k=3, n=4),
)  # fmt: skip
SAMPLE = np.random.default_rng(0).normal(size=20_000)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=50))
def test_every_value_falls_into_one_bin(values: list[float]) -> None:
    column = np.array(values)
    found = profile(SAMPLE)
    assert sum(count(column, found.edges)) == len(column)
    assert ((bins(column, found.edges) == MISSING) == np.isnan(column)).all()


@pytest.mark.parametrize(
    ("feature", "column", "edges"),
    [
        pytest.param(Feature(type="bool"), [0.0, 1.0, 1.0], [0.5], id="a truth value has two bins"),
        pytest.param(Feature(type="category", values=("a", "b", "c")), [0.0, 2.0], [0.5, 1.5], id="a category has one each"),
        pytest.param(None, [1.0] * 9, [1.0], id="a constant has one edge"),
        pytest.param(None, [math.nan], [], id="all missing has none"),
    ],
)
def test_edges(feature: Feature | None, column: list[float], edges: list[float]) -> None:
    assert profile(np.array(column), feature).edges == edges


def test_psi_of_equal_samples_is_what_is_expected_of_no_drift() -> None:
    draw, edges = np.random.default_rng(1), profile(SAMPLE).edges
    n, m = 1000, 2000
    found = [
        psi(np.array(count(draw.normal(size=n), edges)[1:]), np.array(count(draw.normal(size=m), edges)[1:]))
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(psi_without_drift(10, n, m), rel=0.1)


@pytest.mark.parametrize(
    ("shift", "drifted"),
    [pytest.param(0.0, [], id="no shift is quiet"), pytest.param(0.5, ["x"], id="half a standard deviation is found")],
)
def test_a_window_of_a_thousand_rows(shift: float, drifted: list[str]) -> None:
    baseline = {"x": profile(SAMPLE), "y": profile(SAMPLE)}
    draw = np.random.default_rng(2)
    counts = {
        "x": np.array(count(draw.normal(size=1000) + shift, baseline["x"].edges)),
        "y": np.array(count(draw.normal(size=1000), baseline["y"].edges)),
    }
    assert measure(baseline, counts, DRIFT).drifted == drifted


@pytest.mark.parametrize("n", [0, 1, 199])
def test_too_few_rows_give_no_figure_and_no_alert(n: int) -> None:
    baseline = {"x": profile(SAMPLE)}
    window = measure(baseline, {"x": np.array(count(np.full(n, 9.0), baseline["x"].edges))}, DRIFT)
    assert math.isnan(window.share)
    assert severity(window.share, 0, [window.share] * 4, DRIFT) is None


def test_a_feature_gone_constant_or_missing_has_drifted() -> None:
    baseline = {"x": profile(SAMPLE), "y": profile(SAMPLE)}
    counts = {
        "x": np.array(count(np.full(500, 1.0), baseline["x"].edges)),
        "y": np.array(count(np.full(500, np.nan), baseline["y"].edges)),
    }
    assert set(measure(baseline, counts, DRIFT).drifted) == {"x", "y"}


@pytest.mark.parametrize(
    ("share", "drifted", "steps", "expected"),
    [
        pytest.param(0.1, 2, [0, 0, 0, 0], None, id="two of twenty is quiet"),
        pytest.param(0.21, 4, [0, 0, 0, 0], "INSPECT", id="over a fifth is to be inspected"),
        pytest.param(0.3, 6, [0, 0, 0, 0], "WARNING", id="more than five is a warning"),
        pytest.param(0.5, 10, [0, 0, 0, 0.6], "ALERT", id="half is dataset drift"),
        pytest.param(0.5, 10, [0, 0.6, 0.6, 0.6], "SEVERE", id="three of four steps and the newest is severe"),
        pytest.param(0.5, 10, [0.6, 0.6, 0.6, 0], "ALERT", id="a spike that has passed is not severe"),
        pytest.param(0.5, 10, [0.6, 0.6, 0.6, math.nan], "ALERT", id="a step without rows is not drift"),
        pytest.param(0.5, 10, [], "ALERT", id="no steps are not severe"),
    ],
)
def test_severity(share: float, drifted: int, steps: list[float], expected: str | None) -> None:
    assert severity(share, drifted, steps, DRIFT) == expected
