"""Plots of a candidate for its MLflow run, and of explained predictions."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from pipelines.rules.training.candidates import Judged

mpl.use("agg")
import matplotlib.pyplot as plt
import shap
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIZE = (6.4, 4.8)
WIDE = (10.0, 6.0)
MAX_POINTS = 20_000
DEPENDENCE_PLOTS = 4  # features with a dependence plot

Matrix = NDArray[np.float64]


def figures(
    judged: Judged,
    threshold: float,
    contributions: Matrix,
    features: Matrix,
    columns: tuple[str, ...],
) -> dict[str, Figure]:
    """Figures by file name, of one candidate.

    `judged` holds rows (m,) with scores and labels, `threshold` is the operating threshold.
    `contributions` and `features` (n, columns) are SHAP contributions of some rows.
    """
    sample = _thinned(judged)
    drawn: dict[str, Figure] = {}
    _curves(drawn, sample)
    _histogram(drawn, sample, threshold)
    title = "SHAP: contributions to the score, in log-odds"
    with _axes(drawn, "shap_summary.png", title, size=WIDE) as axes:
        _beeswarm(axes, contributions, features, columns)
    return drawn


def explained(
    features: Matrix, contributions: Matrix, columns: tuple[str, ...]
) -> dict[str, bytes]:
    """PNGs by file name, of explained predictions; both matrices are (n, columns).

    One is a beeswarm; the others show for the most important features how the contribution depends
    on the value. Features that are missing in every row are left out.
    """
    present = _present(features)
    features = features[:, present]
    contributions = contributions[:, present]
    columns = tuple(columns[position] for position in present)
    drawn: dict[str, Figure] = {}
    title = f"Contributions to the score, in log-odds: {len(features):,} predictions"
    with _axes(drawn, "beeswarm.png", title, size=WIDE) as axes:
        _beeswarm(axes, contributions, features, columns)
    importance = np.abs(contributions).mean(axis=0)
    most_important = np.argsort(-importance, kind="stable")
    for index in most_important[:DEPENDENCE_PLOTS]:
        name = columns[index]
        title = f"{name}: contribution to the score by value"
        with _axes(drawn, f"dependence-{name}.png", title) as axes:
            axes.axhline(0, color="#8593a0", linewidth=0.8)
            axes.scatter(
                features[:, index],
                contributions[:, index],
                s=9,
                alpha=0.5,
                color="#1565c0",
                linewidths=0,
            )
            axes.set_xlabel(name)
            axes.set_ylabel("contribution, log-odds")
    return {name: _png(figure) for name, figure in drawn.items()}


def _curves(drawn: dict[str, Figure], sample: Judged) -> None:
    labels = sample.labels
    scores = sample.scores
    with _axes(drawn, "precision_recall.png", "Precision and recall") as axes:
        PrecisionRecallDisplay.from_predictions(labels, scores, ax=axes, plot_chance_level=True)
    with _axes(drawn, "roc.png", "ROC") as axes:
        RocCurveDisplay.from_predictions(labels, scores, ax=axes, plot_chance_level=True)
    with _axes(drawn, "calibration.png", "Calibration: share of positives by score") as axes:
        CalibrationDisplay.from_predictions(
            labels,
            scores,
            n_bins=10,
            strategy="uniform",
            ax=axes,
        )


def _histogram(drawn: dict[str, Figure], sample: Judged, threshold: float) -> None:
    with _axes(drawn, "scores.png", "Scores by label, and the operating threshold") as axes:
        for label, name in ((0, "negative"), (1, "positive")):
            axes.hist(
                sample.scores[sample.labels == label],
                bins=np.linspace(0, 1, 51).tolist(),
                alpha=0.6,
                label=name,
                histtype="stepfilled",
            )
        axes.axvline(
            threshold,
            color="black",
            linestyle="--",
            label=f"threshold {threshold:.3f}",
        )
        axes.set(xlabel="score", ylabel="rows", yscale="log")
        axes.legend()


def _beeswarm(
    axes: Axes, contributions: Matrix, features: Matrix, columns: tuple[str, ...]
) -> None:
    """Draw contributions by value; features that are missing in every row are left out."""
    present = _present(features)
    explanation = shap.Explanation(
        contributions[:, present],
        data=features[:, present],
        feature_names=[columns[position] for position in present],
    )
    shap.plots.beeswarm(
        explanation,
        ax=axes,
        plot_size=None,
        show=False,
    )


def _present(features: Matrix) -> NDArray[np.int64]:
    """Positions of the features (n, columns) that some row has."""
    return np.flatnonzero(~np.isnan(features).all(axis=0))


def _png(figure: Figure) -> bytes:
    with BytesIO() as file:
        figure.savefig(file, format="png", dpi=110)
        return file.getvalue()


@contextmanager
def _axes(
    drawn: dict[str, Figure], name: str, title: str, size: tuple[float, float] = SIZE
) -> Iterator[Axes]:
    """Axes of a new figure, which is added to `drawn` under its file name."""
    layout = "constrained" if size is WIDE else None  # long feature names need room
    figure, axes = plt.subplots(figsize=size, layout=layout)
    yield axes
    axes.set_title(title)
    plt.close(figure)
    drawn[name] = figure


def _thinned(judged: Judged) -> Judged:
    """At most MAX_POINTS rows, spread evenly: more points cannot be seen."""
    if len(judged.labels) <= MAX_POINTS:
        return judged
    last = len(judged.labels) - 1
    positions = np.linspace(0, last, MAX_POINTS).astype(int)
    labels = judged.labels[positions]
    scores = judged.scores[positions]
    return Judged(labels, scores)
