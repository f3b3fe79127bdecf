"""No day has more flagged rows than investigators can work off, and no lower threshold does so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ModelRejected
from pipelines.rules.training.daily_capacity import Capacity
from pipelines.rules.training.operating_threshold import operating_threshold
from pipelines.rules.use_case.policy_sections.training import Threshold

Scores = np.ndarray
SCORES = {
    "coarse": st.sampled_from([0.05, 0.2, 0.2 + 1e-16, 0.5, 0.9, 1.0]),
    "fine": st.floats(1e-12, 1.0),  # there is a number between any two of other levels
}


@st.composite
def tuning_rows(draw: st.DrawFn) -> tuple[Scores, Scores, np.ndarray]:
    """Scores, a day and a weight for each of some rows, many of them with equal scores."""
    n = draw(st.integers(1, 60))
    scores = draw(st.lists(SCORES[draw(st.sampled_from(list(SCORES)))], min_size=n, max_size=n))
    days = draw(st.lists(st.integers(19_000, 19_004), min_size=n, max_size=n))
    weights = draw(st.lists(st.sampled_from([1.0, 1.5, 3.25]), min_size=n, max_size=n))
    return np.array(scores), np.array(days, np.int64), np.array(weights)


def capacity(policy: Threshold, days: np.ndarray, weights: np.ndarray | None = None) -> Capacity:
    weights = np.ones(len(days)) if weights is None else weights
    made = Capacity.of(policy, days=days, weights=weights, entities=None)
    assert made is not None
    return made


def chosen(policy: Threshold, scores: Scores, final: Scores, of: Capacity) -> float | None:
    """The threshold; None when none keeps the capacity."""
    labels = np.zeros(len(scores), np.int8)
    try:
        return operating_threshold(labels, scores, final, policy, of)
    except ModelRejected:
        return None


@given(tuning_rows(), st.integers(1, 20))
@settings(deadline=None)
def test_no_day_has_more_flagged_rows_and_a_lower_threshold_would_have(
    drawn: tuple[Scores, np.ndarray, np.ndarray], per_day: int
) -> None:
    scores, days, weights = drawn
    policy = Threshold(metric="alerts", per_day=per_day)
    of = capacity(policy, days, weights)
    threshold = chosen(policy, scores, scores, of)
    if threshold is None:
        at_the_top = np.isclose(scores, scores.max(), rtol=1e-9, atol=0)
        assert busiest(at_the_top, days, weights) > per_day
        return
    assert busiest(scores >= threshold, days, weights) <= per_day * (1 + 1e-9)
    below = scores[scores < threshold]
    if len(below):
        one_level_more = scores >= below.max() * (1 - 1e-8)
        assert busiest(one_level_more, days, weights) > per_day * (1 - 1e-9)


def busiest(flags: np.ndarray, days: np.ndarray, weights: np.ndarray) -> float:
    """The weight of the flagged rows of the day with most of them, counted day by day."""
    return max(float(weights[flags & (days == day)].sum()) for day in days)


@given(tuning_rows(), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_no_larger_share_is_flagged_whatever_the_days(
    drawn: tuple[Scores, np.ndarray, np.ndarray], share: float
) -> None:
    scores, days, weights = drawn
    policy = Threshold(metric="alerts", per_share=share)
    threshold = chosen(policy, scores, scores, capacity(policy, days, weights))
    if threshold is not None:
        flagged = weights[scores >= threshold].sum() / weights.sum()
        assert flagged <= share * (1 + 1e-6)


@given(tuning_rows(), st.integers(1, 20))
@settings(deadline=None)
def test_the_order_of_rows_changes_nothing(
    drawn: tuple[Scores, np.ndarray, np.ndarray], per_day: int
) -> None:
    scores, days, weights = drawn
    policy = Threshold(metric="alerts", per_day=per_day)
    order = np.random.default_rng(len(scores)).permutation(len(scores))
    before = chosen(policy, scores, scores, capacity(policy, days, weights))
    shuffled = scores[order]
    after = chosen(policy, shuffled, shuffled, capacity(policy, days[order], weights[order]))
    assert before == after


def test_the_busiest_day_decides() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    days = np.array([0, 0, 0, 1, 1])
    policy = Threshold(metric="alerts", per_day=2)
    threshold = chosen(policy, scores, scores, capacity(policy, days))
    assert threshold == pytest.approx(0.75), "the third row of the first day stays below it"


def test_a_capacity_that_no_day_reaches_flags_every_row() -> None:
    scores = np.array([0.9, 0.8, 0.1])
    policy = Threshold(metric="alerts", per_day=3)
    of = capacity(policy, np.zeros(3, np.int64))
    threshold = chosen(policy, scores, scores, of)
    assert threshold == pytest.approx(0.05)
    metrics = of.metrics(np.array([1, 1, 0], np.int8), scores, threshold)
    assert metrics["flagged_share"] == 1


def test_a_level_of_the_model_that_will_serve_is_flagged_whole_or_not() -> None:
    """Models of halves give the highest level two scores; a threshold between would flag half."""
    scores = np.array([0.2, 0.2, 0.79, 0.81] * 5)
    final = np.array([0.2, 0.2, 0.8, 0.8] * 5)
    labels = np.zeros(20, np.int8)
    days = np.zeros(20, np.int64)
    ten = Threshold(metric="alerts", per_day=10)
    assert operating_threshold(labels, scores, final, ten, capacity(ten, days)) == 0.5
    nine = Threshold(metric="alerts", per_day=9)
    with pytest.raises(
        ModelRejected,
        match=r"flag 10 predictions of one day or none, and `training\.threshold\.per_day` permits 9",
    ):
        operating_threshold(labels, scores, final, nine, capacity(nine, days))


def test_a_threshold_that_no_unseen_row_reaches_is_refused() -> None:
    """The model that will serve saw these rows, and gives the first ones a score of their own."""
    scores = np.array([0.7, 0.7, 0.7, 0.1] * 5)
    final = np.array([0.9, 0.7, 0.7, 0.1] * 5)
    policy = Threshold(metric="alerts", per_day=10)
    of = capacity(policy, np.zeros(20, np.int64))
    with pytest.raises(ModelRejected, match="flag 15 predictions of one day or none"):
        operating_threshold(np.zeros(20, np.int8), scores, final, policy, of)


def test_a_share_that_the_highest_score_exceeds_is_refused() -> None:
    policy = Threshold(metric="alerts", per_share=0.1)
    scores = np.repeat([0.2, 0.8], 5)
    with pytest.raises(ModelRejected, match=r"flag 50\.00% of the tuning rows or none, .* 10\.00%"):
        operating_threshold(
            np.zeros(10, np.int8), scores, scores, policy, capacity(policy, np.arange(10))
        )


def test_what_a_threshold_means_is_measured() -> None:
    policy = Threshold(metric="alerts", per_day=2)
    of = capacity(policy, np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 1.0, 1.0]))
    assert of.metrics(np.array([1, 0, 0, 1], np.int8), np.array([0.9, 0.1, 0.8, 0.7]), 0.5) == {
        "flagged_share": 0.6,
        "flagged_per_day": 1.5,
        "most_flagged_per_day": 2.0,
        "precision_at_2": 0.5,
    }
    shared = Threshold(metric="alerts", per_share=0.5)
    metrics = capacity(shared, np.arange(2)).metrics(
        np.array([0, 1], np.int8), np.array([0.1, 0.9]), 0.5
    )
    assert metrics == {"flagged_share": 0.5}


def test_other_metrics_have_no_capacity_and_alerts_need_one() -> None:
    one = np.ones(1)
    days = np.zeros(1, np.int64)
    assert Capacity.of(Threshold(), days=days, weights=one, entities=None) is None
    with pytest.raises(ValueError, match="needs the capacity"):
        operating_threshold(np.ones(1, np.int8), one, one, Threshold(metric="alerts", per_day=1))


@given(tuning_rows(), st.floats(0.001, 1.0))
def test_the_share_of_all_rows_is_exactly_one(
    drawn: tuple[Scores, np.ndarray, np.ndarray], part: float
) -> None:
    scores, days, weights = drawn
    of = capacity(Threshold(metric="alerts", per_day=1), days, weights * part)
    assert of.metrics(np.zeros(len(scores), np.int8), scores, 0.0)["flagged_share"] == 1
