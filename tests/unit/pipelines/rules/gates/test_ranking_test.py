"""Calibration, the order of rows and randomly broken ties are no gain in ranking."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.rules.gates.ranking_test import gain, log_likelihood

Scores = NDArray[np.float64]


def drawn(
    seed: int, *, n: int = 500, better: float = 0.0
) -> tuple[NDArray[np.int8], Scores, Scores]:
    """Labels, and the log-odds of two models of which the second separates by so much more."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.1).astype(np.int8)
    labels[:2] = 0, 1
    shared, own, other = random.normal(size=(3, n))
    return labels, shared + 0.5 * own + 1.8 * labels, shared + 0.5 * other + (1.8 + better) * labels


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda x: 3 * x - 1, id="an affine map"),
        pytest.param(np.cbrt, id="a cube root"),
        pytest.param(lambda x: 1 / (1 + np.exp(-x)), id="a probability instead of log-odds"),
    ],
)
def test_calibration_is_no_gain(bend: Callable[[Scores], Scores]) -> None:
    labels, champion, _ = drawn(1)
    ranking = gain(labels, champion, bend(champion))
    assert (ranking.nats, ranking.p) == (0.0, 1.0)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_is_irrelevant(seed: int) -> None:
    labels, champion, challenger = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    one = gain(labels, champion, challenger)
    other = gain(labels[order], champion[order], challenger[order])
    assert one.nats == pytest.approx(other.nats, abs=1e-9)
    assert one.p == pytest.approx(other.p, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_what_one_side_gains_the_other_loses(seed: int) -> None:
    labels, champion, challenger = drawn(seed)
    one = gain(labels, champion, challenger)
    other = gain(labels, challenger, champion)
    assert one.nats == pytest.approx(-other.nats)
    assert one.p + other.p == pytest.approx(1.0)


def test_a_better_ranking_is_found() -> None:
    labels, champion, challenger = drawn(3, n=5000, better=0.4)
    ranking = gain(labels, champion, challenger)
    assert ranking.nats > 0
    assert ranking.p < 1e-4


def test_ties_broken_at_random_are_no_gain() -> None:
    """A fit with steps would find one in nearly every case."""
    significant = 0
    for seed in range(100):
        labels, exact, _ = drawn(seed, n=1000)
        coarse = np.digitize(exact, np.quantile(exact, [0.5, 0.8, 0.9, 0.97])).astype(float)
        broken = coarse + 0.5 * np.random.default_rng(seed).random(len(exact))
        significant += gain(labels, coarse, broken).p < 0.03
    assert significant <= 9, "3 are expected, and more than 9 in one of a thousand tries"


def test_few_rows_that_are_perfectly_separated_stay_finite() -> None:
    labels = np.array([0] * 20 + [1] * 3, np.int8)
    assert np.isfinite(log_likelihood(labels, labels + 0.01 * np.arange(23))).all()


def test_one_score_for_all_rows_tells_nothing() -> None:
    labels, champion, _ = drawn(4)
    constant = np.zeros(len(labels))
    rate = labels.mean()
    assert log_likelihood(labels, constant).mean() == pytest.approx(
        rate * np.log(rate) + (1 - rate) * np.log(1 - rate), abs=1e-4
    )
    assert gain(labels, champion, constant).p > 0.99
