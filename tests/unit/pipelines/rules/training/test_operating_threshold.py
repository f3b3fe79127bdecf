"""The operating threshold has the best F1, or the least cost of errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from pipelines.rules.training.operating_threshold import operating_threshold
from pipelines.rules.use_case.policy_sections.training import Threshold


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_no_threshold_has_a_better_f1(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(60) < 0.3).astype(np.int8)
    labels[:2] = 0, 1
    scores = np.round(0.5 * random.random(60) + 0.4 * labels * random.random(60), 2)
    chosen = operating_threshold(labels, scores, Threshold())
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
    assert operating_threshold(
        np.array([0, 1], np.int8), np.array([0.1, 0.9]), policy
    ) == pytest.approx(expected)
