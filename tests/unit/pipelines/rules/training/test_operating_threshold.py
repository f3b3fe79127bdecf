"""The operating threshold has the best F1, or the least cost of errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipelines.rules.training.operating_threshold import (
    is_coarse,
    levels,
    operating_threshold,
    why_inconsistent,
)
from pipelines.rules.use_case.policy_sections.training import Threshold


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_no_threshold_has_a_better_f1(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(60) < 0.3).astype(np.int8)
    labels[:2] = 0, 1
    scores = np.round(0.5 * random.random(60) + 0.4 * labels * random.random(60), 2)
    chosen = operating_threshold(labels, scores, scores, Threshold())
    others = [f1_score(labels, scores >= threshold) for threshold in np.unique(scores)]
    assert f1_score(labels, scores >= chosen) == pytest.approx(max(others))


@pytest.mark.parametrize(
    ("false_alarm", "miss", "expected"),
    [
        pytest.param(1, 1, 0.5, id="errors that cost the same"),
        pytest.param(1, 49, 0.02, id="a miss costs 49 false alarms"),
    ],
)
def test_the_threshold_of_least_cost(false_alarm: float, miss: float, expected: float) -> None:
    policy = Threshold(metric="cost", false_alarm=false_alarm, miss=miss)
    scores = np.array([0.1, 0.9])
    assert operating_threshold(np.array([0, 1], np.int8), scores, scores, policy) == pytest.approx(
        expected
    )


HALVES = np.array([0.0501, 0.0499, 0.901, 0.903] * 50)  # two models, one boolean feature
FINAL = np.array([0.05, 0.05, 0.9, 0.9] * 50)  # a hair below both
LABELS = np.array([0, 0, 1, 1] * 50, np.int8)


@pytest.mark.parametrize("miss", [None, 1 / 9.2, 9.0, 1000.0])
def test_a_level_of_the_final_model_is_flagged_as_those_of_the_halves(miss: float | None) -> None:
    of_halves = HALVES
    final = FINAL
    policy = Threshold()
    if miss is not None:
        policy = Threshold(metric="cost", miss=miss)
    chosen = operating_threshold(LABELS, of_halves, final, policy)
    assert ((of_halves >= chosen) == (final >= chosen)).all()
    assert why_inconsistent(LABELS, of_halves, final, chosen) is None


def test_a_threshold_at_a_level_is_found_inconsistent() -> None:
    reason = why_inconsistent(LABELS, HALVES, FINAL, 0.901)
    assert reason is not None
    assert "at its threshold 0.901 it flags 0 of 100 positives" in reason
    assert "flag 100" in reason


def test_more_flagged_negatives_than_on_unseen_rows_are_found() -> None:
    reason = why_inconsistent(LABELS, HALVES - 0.01, HALVES + 0.01, 0.05)
    assert reason is not None
    assert "it flags 100 of 100 negatives" in reason


@st.composite
def coarse_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores of two halves and of the final model; the same order of some levels."""
    gaps = draw(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8))
    level = np.cumsum(gaps) / (sum(gaps) + 1)
    smallest = min(np.diff(np.concatenate([[0.0], level, [1.0]])))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cell = random.integers(0, len(level), 200)
    labels = (random.random(200) < level[cell]).astype(np.int8)
    labels[:2] = 0, 1
    moved = random.uniform(-0.49, 0.49, (2, len(level))) * smallest / 2
    scores = level[cell] + moved[np.arange(200) % 2, cell]
    return labels, scores, level[cell]


@given(coarse_scores(), st.one_of(st.none(), st.floats(0.01, 100)))
@settings(deadline=None)
def test_levels_are_flagged_alike_whatever_they_are(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray], miss: float | None
) -> None:
    labels, scores, final = drawn
    policy = Threshold() if miss is None else Threshold(metric="cost", miss=miss)
    chosen = operating_threshold(labels, scores, final, policy)
    assert ((scores >= chosen) == (final >= chosen)).all()
    if miss is not None:
        assert ((final >= chosen) == (final >= 1 / (1 + miss))).all()


def test_rounding_makes_no_level() -> None:
    scores = np.array([0.3, 0.1 + 0.2, 0.7])
    assert len(levels(scores)) == 2
    assert not is_coarse(np.linspace(0.1, 0.2, 100))
    assert is_coarse(np.full(10, 0.5))
