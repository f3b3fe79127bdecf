"""Performance from counts: equal to what libraries compute from rows, and estimated correctly."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from pipelines.rules.monitoring.performance import (
    ScoreCounts,
    estimated,
    floor_p_values,
    proxies,
    realised,
)

THRESHOLD = 0.3


def counted(scores: np.ndarray, labels: np.ndarray | None = None) -> ScoreCounts:
    return ScoreCounts.of(scores, scores >= THRESHOLD, labels)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated scores and the labels that they promise."""
    draw = np.random.default_rng(seed)
    scores = draw.beta(0.4, 4, n)
    return scores, (draw.random(n) < scores).astype(int)


def test_realised_figures_are_what_the_rows_show() -> None:
    scores, labels = drawn(20_000, 1)
    flags, found = scores >= THRESHOLD, realised(counted(scores, labels))
    assert found["realised_f1"].value == pytest.approx(f1_score(labels, flags))
    assert found["realised_precision"].value == pytest.approx(precision_score(labels, flags))
    assert found["realised_recall"].value == pytest.approx(recall_score(labels, flags))
    assert found["realised_brier"].value == pytest.approx(brier_score_loss(labels, scores))
    assert found["realised_roc_auc"].value == pytest.approx(roc_auc_score(labels, scores), abs=2e-3)
    for name in ("f1", "precision", "recall", "roc_auc"):
        metric = found[f"realised_{name}"]
        assert metric.low < metric.value < metric.high


def test_estimates_of_calibrated_scores_come_true_and_bounds_hold_about_as_often_as_they_say() -> (
    None
):
    inside: dict[str, list[bool]] = {}
    for seed in range(150):
        scores, labels = drawn(3000, seed)
        guess, truth = estimated(counted(scores)), realised(counted(scores, labels))
        for name in ("f1", "precision", "recall", "roc_auc"):
            metric = guess[f"estimated_{name}"]
            inside.setdefault(name, []).append(
                metric.low <= truth[f"realised_{name}"].value <= metric.high
            )
    for name, held in inside.items():
        assert np.mean(held) > 0.88, name


def test_proxies_are_those_of_the_rows() -> None:
    scores, _ = drawn(5000, 2)
    found = {name: metric.value for name, metric in proxies(counted(scores)).items()}
    entropy = -(scores * np.log2(scores) + (1 - scores) * np.log2(1 - scores)).mean()
    assert found["positive_rate"] == pytest.approx((scores >= THRESHOLD).mean())
    assert (found["score_mean"], found["score_sd"]) == pytest.approx(
        (scores.mean(), scores.std(ddof=1))
    )
    assert found["score_entropy"] == pytest.approx(entropy, abs=1e-3)


@pytest.mark.parametrize(
    ("scores", "labels", "unknown"),
    [
        pytest.param([], [], {"f1", "recall", "precision", "roc_auc", "brier"}, id="nothing"),
        pytest.param(
            [0.1],
            [0],
            {"f1", "recall", "precision", "roc_auc"},
            id="one negative that is not flagged",
        ),
        pytest.param([0.9], [1], {"roc_auc"}, id="one positive that is found"),
        pytest.param([0.9], [0], {"recall", "roc_auc"}, id="one false alarm"),
    ],
)
def test_what_cannot_be_told_is_left_out(
    scores: list[float], labels: list[int], unknown: set[str]
) -> None:
    found = realised(counted(np.array(scores), np.array(labels, dtype=int)))
    assert {f"realised_{name}" for name in ("f1", "recall", "precision", "roc_auc", "brier")} - set(
        found
    ) == {f"realised_{name}" for name in unknown}


def test_no_answers_have_no_figures() -> None:
    empty = ScoreCounts.empty()
    assert (
        proxies(empty)
        == estimated(empty)
        == realised(empty)
        == floor_p_values(empty, recall=0.5, roc_auc=0.7)
        == {}
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), max_size=60))
def test_every_figure_is_a_share(rows: list[tuple[float, int]]) -> None:
    counts = counted(
        np.array([score for score, _ in rows]), np.array([label for _, label in rows], dtype=int)
    )
    for name, metric in (estimated(counts) | realised(counts) | proxies(counts)).items():
        assert -1e-9 <= metric.value <= 1 + 1e-9, name
        assert math.isnan(metric.low) or metric.low <= metric.value + 1e-9, name


def test_a_model_at_its_floor_is_seldom_called_under_it_and_one_far_below_always() -> None:
    many = drawn(1_000_000, 0)[0]
    floor = many[many >= THRESHOLD].sum() / many.sum()
    accused = []
    for seed in range(400):
        counts = counted(*drawn(2000, seed))
        accused.append(floor_p_values(counts, recall=floor, roc_auc=0.5)["realised_recall"] < 0.01)
        assert floor_p_values(counts, recall=0.9, roc_auc=0.99)["realised_recall"] < 0.001
        assert floor_p_values(counts, recall=0.9, roc_auc=0.99)["realised_roc_auc"] < 0.001
        assert floor_p_values(counts, recall=0.1, roc_auc=0.5)["realised_roc_auc"] > 0.5
    assert np.mean(accused) < 0.025
