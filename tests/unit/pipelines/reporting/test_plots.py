"""Plots are PNGs by name, of at most as many points as can be seen."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pipelines.reporting import plots
from pipelines.reporting.plots import DEPENDENCE_PLOTS, explained, figures
from pipelines.rules.training.candidates import Judged

COLUMNS = tuple(f"feature_{number}" for number in range(6))
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(60, len(COLUMNS)))
CONTRIBUTIONS = FEATURES * [0.1, 3.0, 0.2, 2.0, 0.3, 1.0]


def judged(count: int = 400) -> Judged:
    labels = (np.arange(count) % 5 == 0).astype(np.int8)
    scores = np.clip(0.2 + 0.4 * labels + RANDOM.normal(scale=0.1, size=count), 0, 1)
    return Judged(labels, scores)


@pytest.fixture(scope="module")
def drawn():
    with warnings.catch_warnings(record=True):
        return figures(judged(), 0.4, CONTRIBUTIONS, FEATURES, COLUMNS)


def test_a_candidate_has_a_figure_of_each_kind(drawn) -> None:
    assert sorted(drawn) == [
        "calibration.png",
        "precision_recall.png",
        "roc.png",
        "scores.png",
        "shap_summary.png",
    ]
    for figure in drawn.values():
        assert figure.axes[0].get_title()


def test_no_figure_stays_open_in_the_process(drawn) -> None:
    assert plt.get_fignums() == []


def test_the_histogram_shows_every_row_and_the_threshold(drawn) -> None:
    (axes,) = drawn["scores.png"].axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["negative", "positive", "threshold 0.400"]
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0.4, 0.4]


def test_the_curves_of_a_model_that_ranks_well_are_near_their_corner(drawn) -> None:
    curve, _ = drawn["roc.png"].axes[0].lines
    false_positives, true_positives = curve.get_data()
    area = np.trapezoid(true_positives, false_positives)
    assert area > 0.9


@pytest.fixture(scope="module")
def pictures():
    with warnings.catch_warnings(record=True):
        return explained(FEATURES, CONTRIBUTIONS, COLUMNS)


def test_explanations_are_pngs_of_all_and_of_the_most_important_features(pictures) -> None:
    important = ["feature_1", "feature_3", "feature_5", "feature_4"]
    assert list(pictures) == ["beeswarm.png", *(f"dependence-{name}.png" for name in important)]
    assert len(important) == DEPENDENCE_PLOTS
    for content in pictures.values():
        assert content.startswith(b"\x89PNG")
        assert len(content) > 1000


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        pytest.param(10, 10, id="few rows are kept"),
        pytest.param(100, 100, id="as many as the limit are kept"),
        pytest.param(1_000, 100, id="more are thinned"),
    ],
)
def test_rows_are_thinned_evenly_from_the_first_to_the_last(monkeypatch, count, kept) -> None:
    monkeypatch.setattr(plots, "MAX_POINTS", 100)
    scores = np.arange(count, dtype=float)
    labels = (np.arange(count) % 2).astype(np.int8)
    thinned = plots._thinned(Judged(labels, scores))
    assert (len(thinned.scores), len(thinned.labels)) == (kept, kept)
    assert (thinned.scores[0], thinned.scores[-1]) == (0, count - 1)
    np.testing.assert_array_equal(thinned.labels, thinned.scores.astype(int) % 2)
    gaps = np.diff(thinned.scores)
    assert gaps.max() - gaps.min() <= 1


def test_a_feature_that_is_missing_in_every_row_is_left_out() -> None:
    features = FEATURES.copy()
    features[:, 1] = np.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("error", message="All-NaN")
        drawn = figures(judged(), 0.4, CONTRIBUTIONS, features, COLUMNS)
        pictures = explained(features, CONTRIBUTIONS, COLUMNS)
    names = [label.get_text() for label in drawn["shap_summary.png"].axes[0].get_yticklabels()]
    assert "feature_1" not in names
    assert len(pictures) == 1 + DEPENDENCE_PLOTS
    assert not any("feature_1" in name for name in pictures)
