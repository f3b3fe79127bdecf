"""Weighted sums of contributions stand for all predictions, and a shift is more than chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.explanation.attribution import Attribution, ndcg, shift, thinned


def drawn(
    random: np.random.Generator, n: int = 4000, scales: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Contributions of predictions, flagged where they are large; picked as the policy does, with their chances."""
    contributions = random.normal(size=(n, 5)) * (
        np.array([2.0, 1.0, 0.5, 0.2, 0.0]) if scales is None else scales
    )
    shares = np.where(contributions.sum(axis=1) > 2.5, 1.0, 0.1)
    picked = random.random(n) < shares
    return contributions[picked], shares[picked]


COLUMNS = ("a", "b", "c", "d", "e")
TRUTH = dict(zip(COLUMNS, np.sqrt(2 / np.pi) * np.array([2.0, 1.0, 0.5, 0.2, 0.0]), strict=True))


def test_weighted_sums_stand_for_all_and_chance_alone_is_no_shift() -> None:
    random = np.random.default_rng(6)
    moved = [
        shift(Attribution.of(*drawn(random)), TRUTH, COLUMNS, trained=100_000) for _ in range(300)
    ]
    p_values = np.array([one.p_value[:4] for one in moved if one])
    assert 0.02 < (p_values < 0.05).mean() < 0.09
    assert max(one.distance - one.expected for one in moved if one) < 0.05
    assert np.mean([one.distance / one.expected for one in moved if one]) == pytest.approx(
        1, abs=0.25
    )
    assert all(one and one.p_value[4] == 1 for one in moved), (
        "what never moves a score has not changed"
    )


def test_other_features_that_move_scores_are_seen() -> None:
    found = Attribution.of(
        *drawn(np.random.default_rng(7), scales=np.array([0.5, 1.0, 2.0, 0.2, 0.0]))
    )
    moved = shift(found, TRUTH, COLUMNS, trained=1000)
    assert moved
    assert moved.distance - moved.expected > 0.3
    assert moved.p_value[0] < 1e-6 < moved.p_value[1]
    assert moved.ndcg < 0.95
    assert shift(found, dict.fromkeys(COLUMNS, 0.0), COLUMNS, trained=1000) is None


def test_ndcg_is_one_for_the_same_order_and_less_for_any_other() -> None:
    then = np.array([3.0, 2.0, 1.0])
    assert ndcg(then, then * 7) == 1
    gain = 1 + 2 / np.log2(3) + 3 / np.log2(4)
    assert ndcg(then, then[::-1]) == pytest.approx(gain / (3 + 2 / np.log2(3) + 1 / np.log2(4)))


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_a_thinned_sample_looks_like_all_predictions(flagged: int, sampled: int) -> None:
    weights = np.array([1.0] * flagged + [20.0] * sampled)
    kept = thinned(weights)
    assert len(kept) <= 2300
    if flagged > 1000 and sampled > 1000:
        assert (weights[kept] == 1).mean() == pytest.approx(flagged / weights.sum(), abs=0.05)
    if not sampled and flagged < 2000:
        assert len(kept) == flagged
