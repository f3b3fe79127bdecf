"""Pictures of a candidate, for its MLflow run: how it separates, how far its scores can be trusted, and on what it relies."""

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

SIZE, WIDE, POINTS = (6.4, 4.8), (10.0, 6.0), 20_000
PLOTTED = 4  # features with a dependence plot


def figures(judged: Judged, threshold: float, contributions: NDArray[np.float64], features: NDArray[np.float64],
            columns: tuple[str, ...]) -> dict[str, Figure]:  # fmt: skip
    """By file name: of judged rows (m,) with an operating threshold, and of SHAP contributions (n, columns) of some rows."""
    shown = _thinned(judged)
    drawn: dict[str, Figure] = {}
    with _axes(drawn, "precision_recall.png", "Precision and recall") as axes:
        PrecisionRecallDisplay.from_predictions(
            shown.labels, shown.scores, ax=axes, plot_chance_level=True
        )
    with _axes(drawn, "roc.png", "ROC") as axes:
        RocCurveDisplay.from_predictions(
            shown.labels, shown.scores, ax=axes, plot_chance_level=True
        )
    with _axes(
        drawn, "calibration.png", "Calibration: of rows with such a score, how many are positive"
    ) as axes:
        CalibrationDisplay.from_predictions(
            shown.labels, shown.scores, n_bins=10, strategy="uniform", ax=axes
        )
    with _axes(drawn, "scores.png", "Scores by label, and the operating threshold") as axes:
        for label, name in ((0, "negative"), (1, "positive")):
            axes.hist(
                shown.scores[shown.labels == label],
                bins=np.linspace(0, 1, 51).tolist(),
                alpha=0.6,
                label=name,
                histtype="stepfilled",
            )
        axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
        axes.set(xlabel="score", ylabel="rows", yscale="log")
        axes.legend()
    values = shap.Explanation(contributions, data=features, feature_names=list(columns))
    with _axes(
        drawn, "shap_summary.png", "SHAP: what moves the score, in log-odds", size=WIDE
    ) as axes:
        shap.plots.beeswarm(values, ax=axes, plot_size=None, show=False)
    return drawn


def explained(
    features: NDArray[np.float64], contributions: NDArray[np.float64], columns: tuple[str, ...]
) -> dict[str, bytes]:  # fmt: skip
    """PNGs by file name, of explained predictions, both (n, columns): a beeswarm, and for the features that move scores most
    how their contribution depends on their value."""
    values = shap.Explanation(contributions, data=features, feature_names=list(columns))
    drawn: dict[str, Figure] = {}
    with _axes(
        drawn,
        "beeswarm.png",
        f"What moves the score, in log-odds: {len(features):,} predictions",
        size=WIDE,
    ) as axes:
        shap.plots.beeswarm(values, ax=axes, plot_size=None, show=False)
    for at in np.argsort(-np.abs(contributions).mean(axis=0), kind="stable")[:PLOTTED]:
        name = columns[at]
        with _axes(
            drawn, f"dependence-{name}.png", f"{name}: its value, and what it does to the score"
        ) as axes:
            axes.axhline(0, color="#8593a0", linewidth=0.8)
            axes.scatter(
                features[:, at], contributions[:, at], s=9, alpha=0.5, color="#1565c0", linewidths=0
            )
            axes.set_xlabel(name)
            axes.set_ylabel("contribution, log-odds")
    return {name: _png(figure) for name, figure in drawn.items()}


def _png(figure: Figure) -> bytes:
    with BytesIO() as file:
        figure.savefig(file, format="png", dpi=110)
        return file.getvalue()


@contextmanager
def _axes(
    drawn: dict[str, Figure], name: str, title: str, size: tuple[float, float] = SIZE
) -> Iterator[Axes]:
    figure, axes = plt.subplots(
        figsize=size, layout="constrained" if size is WIDE else None
    )  # long names need room
    yield axes
    axes.set_title(title)
    plt.close(figure)
    drawn[name] = figure


def _thinned(judged: Judged) -> Judged:
    """Enough points for the eye."""
    if len(judged.labels) <= POINTS:
        return judged
    kept = np.linspace(0, len(judged.labels) - 1, POINTS).astype(int)
    return Judged(judged.labels[kept], judged.scores[kept])
