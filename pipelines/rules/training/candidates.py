"""Candidates for a challenger: one for each estimator, calibrated and judged on newer rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

from pipelines.errors import DataError, ModelRejected
from pipelines.rules.model.bundle import Calibration
from pipelines.rules.training.daily_capacity import Capacity
from pipelines.rules.training.estimators.interface import Estimator, Params, Rows
from pipelines.rules.training.fitting import FittedModel, Trainer
from pipelines.rules.training.hyperparameter_search import SearchTrial, best, search
from pipelines.rules.training.operating_threshold import (
    ABOVE_ALL,
    operating_threshold,
    why_inconsistent,
)


@dataclass(frozen=True)
class Judged:
    """The newest training rows (m,), scored by models that did not see them."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A fitted model with its calibration, operating threshold, parameters, metrics and trials.

    `over_capacity` says why no threshold keeps the capacity; the model then flags no row.
    """

    fitted: FittedModel
    calibration: Calibration
    threshold: float
    params: Params
    metrics: dict[str, float]
    trials: tuple[SearchTrial, ...] = ()
    judged: Judged | None = None
    over_capacity: str | None = None

    @property
    def kind(self) -> str:
        """Name of the estimator."""
        return self.fitted.estimator.name

    def margin(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Uncalibrated log-odds (n,) of features (n, columns)."""
        return self.fitted.margin(features)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability (n,) of the positive class."""
        return self.calibration.score(self.margin(features))


def choose(candidates: list[Candidate]) -> Candidate:
    """Return the candidate with the best average precision; the first of equals.

    One without a threshold that keeps the capacity can't be chosen. Raises ModelRejected, with each
    reason, when all are such candidates.
    """
    usable = [candidate for candidate in candidates if candidate.over_capacity is None]
    if not usable:
        reasons = [f"estimator {each.kind!r}: {each.over_capacity}" for each in candidates]
        raise ModelRejected(f"{'; '.join(reasons)}: permit more flagged rows")
    return max(usable, key=lambda candidate: candidate.metrics["average_precision"])


def fit_all(
    rows: Rows,
    tune: int,
    estimators: Sequence[Estimator],
    trainer: Trainer,
    over: Callable[[], bool] = lambda: False,
    *,
    capacity: Capacity | None = None,
) -> list[Candidate]:
    """Search and fit each estimator on all `rows`; calibrate and judge on those from `tune` on.

    These newest rows are scored by models that saw all older rows and the other half of the newest.
    When the world has just changed, only the newest rows show it, and a model that is judged on
    some of them must have been able to learn from the others. `over` says that the time for the
    search has passed, and `capacity` is what the threshold metric `alerts` needs. Raises DataError
    where one of the classes is missing, and ModelRejected where a model does not flag as its
    metrics say.
    """
    _require_both_classes(rows, tune)
    return [
        _candidate(
            estimator,
            rows,
            tune,
            trainer,
            search(estimator, rows, trainer, over),
            capacity=capacity,
        )
        for estimator in estimators
    ]


def _candidate(
    estimator: Estimator,
    rows: Rows,
    tune: int,
    trainer: Trainer,
    trials: list[SearchTrial],
    *,
    capacity: Capacity | None,
) -> Candidate:
    params = best(trials).params
    margins = _cross_fitted(estimator, rows, tune, trainer, params)
    labels = rows.labels[tune:]
    calibration = calibrate(margins, labels)
    scores = calibration.score(margins)
    fitted = trainer.fit(estimator, rows, params)
    final = calibration.score(fitted.margin(rows.features[tune:]))
    policy = trainer.training.threshold
    over_capacity = None
    try:
        threshold = operating_threshold(labels, scores, final, policy, capacity)
    except ModelRejected as reason:
        threshold = ABOVE_ALL
        over_capacity = str(reason)
    metrics = _metrics(labels, scores, threshold)
    if capacity is not None:
        metrics |= capacity.metrics(labels, scores, threshold)
    if fault := why_inconsistent(labels, scores, final, threshold):
        raise ModelRejected(
            f"estimator {estimator.name!r}: {fault}: train on more labelled rows, or remove it "
            "from `training.estimators`"
        )
    return Candidate(
        fitted=fitted,
        calibration=calibration,
        threshold=threshold,
        params=params,
        metrics=metrics,
        trials=tuple(trials),
        judged=Judged(labels, scores),
        over_capacity=over_capacity,
    )


def _cross_fitted(
    estimator: Estimator, rows: Rows, tune: int, trainer: Trainer, params: Params
) -> NDArray[np.float64]:
    """Margins (m,) of the rows from `tune` on, each by a model that did not see the row."""
    margins = np.empty(len(rows))
    for half in (0, 1):
        seen, judged = _halves(len(rows), tune, half)
        fitted = trainer.fit(estimator, rows.take(seen), params)
        margins[judged] = fitted.margin(rows.features[judged])
    return margins[tune:]


def _require_both_classes(rows: Rows, tune: int) -> None:
    """Raise DataError unless the newest rows, and what each half's model sees, have 2 classes."""
    newest = rows.labels[tune:]
    seen = [rows.labels[_halves(len(rows), tune, half)[0]] for half in (0, 1)]
    for labels in (newest, *seen):
        positives = int(labels.sum())
        if 0 < positives < len(labels):
            continue
        raise DataError(
            f"{int(newest.sum()):,} of the newest {len(newest):,} training rows are positive, and "
            f"{int(rows.labels.sum()):,} of all {len(rows):,}: the newest ones calibrate the model "
            "and set its threshold, so both classes must occur in them: wait for more labels"
        )


def _halves(n: int, tune: int, half: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (n,) for cross-fitting: rows to learn from, and every other one of the newest."""
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
