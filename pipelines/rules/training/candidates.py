"""Candidates for a challenger: each kind with the best parameters found, calibrated on the margin, judged on later rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.estimators import KINDS, Kind, Params, Rows, fit, margin
from pipelines.rules.training.hyperparameter_search import SearchTrial, best, search
from pipelines.rules.training.operating_threshold import operating_threshold
from pipelines.rules.use_case.policy import Training


@dataclass(frozen=True)
class Judged:
    """The newest training rows (m,), scored by models that did not see them."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A fitted model with its calibration and operating threshold, how it was found and how it did."""

    kind: Kind
    model: Any
    calibration: Calibration
    threshold: float
    params: Params
    metrics: dict[str, float]
    trials: tuple[SearchTrial, ...] = ()
    judged: Judged | None = None

    def margin(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Uncalibrated log-odds (n,) of features (n, columns)."""
        return margin(self.kind, self.model, features)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability (n,) of the positive class."""
        return self.calibration.score(self.margin(features))


def choose(candidates: list[Candidate]) -> Candidate:
    """Return the candidate with the best average precision on the newest training rows; the first of equals."""
    return max(candidates, key=lambda candidate: candidate.metrics["average_precision"])


def fit_all(
    rows: Rows, tune: int, training: Training, over: Callable[[], bool] = lambda: False
) -> list[Candidate]:
    """Search and fit every kind on all `rows`; calibrate, set the threshold and judge on those from `tune` on, the newest.

    These are scored by models that saw all older rows and the other half of the newest: when the world has just changed, the
    newest rows alone show it, and whoever is judged on some of them must have been able to learn from others. `over` says
    that the time for the search is over.
    """
    return [
        _candidate(kind, rows, tune, training, search(kind, rows, training, over)) for kind in KINDS
    ]


def _candidate(
    kind: Kind, rows: Rows, tune: int, training: Training, trials: list[SearchTrial]
) -> Candidate:
    params = best(trials).params
    margins = np.empty(len(rows))
    for half in (0, 1):
        seen, judged = _halves(len(rows), tune, half)
        margins[judged] = margin(
            kind, fit(kind, rows.take(seen), params, training), rows.features[judged]
        )
    labels = rows.labels[tune:]
    calibration = calibrate(margins[tune:], labels)
    scores = calibration.score(margins[tune:])
    threshold = operating_threshold(labels, scores, training.threshold)
    return Candidate(
        kind=kind, model=fit(kind, rows, params, training), calibration=calibration, threshold=threshold, params=params,
        metrics=_metrics(labels, scores, threshold), trials=tuple(trials), judged=Judged(labels, scores),
    )  # fmt: skip


def _halves(n: int, tune: int, half: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (n,): what one of the two cross-fitted models sees, and the newest rows it is judged on, every other one."""
    judged = (np.arange(n) >= tune) & (np.arange(n) % 2 == half)
    return ~judged, judged


def _metrics(
    labels: NDArray[np.int8], scores: NDArray[np.float64], threshold: float
) -> dict[str, float]:
    flags = scores >= threshold
    return {
        "average_precision": float(average_precision_score(labels, scores)),
        "roc_auc": float(roc_auc_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "log_loss": float(log_loss(labels, scores, labels=[0, 1])),
        "f1": float(f1_score(labels, flags, zero_division=0)),
        "recall": float(recall_score(labels, flags, zero_division=0)),
    }


def calibrate(margins: NDArray[np.float64], labels: NDArray[np.int8]) -> Calibration:
    """Fit Platt scaling on the margin; keep it only where it lowers the Brier score."""
    platt = LogisticRegression(C=1e6).fit(margins.reshape(-1, 1), labels)
    fitted = Calibration(a=float(platt.coef_[0, 0]), b=float(platt.intercept_[0]))
    before = brier_score_loss(labels, Calibration().score(margins))
    after = brier_score_loss(labels, fitted.score(margins))
    return fitted if fitted.a > 0 and after < before else Calibration()
