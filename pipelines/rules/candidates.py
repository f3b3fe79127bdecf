"""Candidates for a challenger: logistic regression and XGBoost, calibrated on the margin, chosen on later rows."""

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.rules.bundle import Calibration
from pipelines.rules.policy import Training

EARLY_STOPPING_ROUNDS = 25
Kind = Literal["xgboost", "logistic"]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: features (n, columns) float32 with NaN for missing, labels (n,) 0 or 1, in order of time."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, mask: NDArray[np.bool_]) -> "Rows":
        """The rows where the mask is true."""
        return Rows(self.features[mask], self.labels[mask])


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A fitted model with its calibration and operating threshold, and how it did on the tuning rows."""

    kind: Kind
    model: Any
    calibration: Calibration
    threshold: float
    params: dict[str, Any]
    metrics: dict[str, float]

    def margin(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Uncalibrated log-odds (n,) of features (n, columns)."""
        return margin(self.kind, self.model, features)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability (n,) of the positive class."""
        return sigmoid(self.calibration.a * self.margin(features) + self.calibration.b)


def choose(candidates: list[Candidate]) -> Candidate:
    """Return the candidate with the best average precision on the tuning rows; the first of equals."""
    return max(candidates, key=lambda candidate: candidate.metrics["average_precision"])


def fit_all(rows: Rows, tune: int, training: Training) -> list[Candidate]:
    """Fit every kind on all `rows`; calibrate, set the threshold and judge on those from `tune` on, the newest.

    These are scored by models that saw all older rows and the other half of the newest: when the world has just changed, the
    newest rows alone show it, and whoever is judged on some of them must have been able to learn from others.
    """
    return [_fit(kind, rows, tune, training) for kind in ("logistic", "xgboost")]


def sigmoid(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-margin)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * margin)), dtype=np.float64)


def margin(kind: str, model: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Uncalibrated log-odds (n,) from a fitted model or a loaded booster."""
    if kind == "logistic":
        return np.asarray(model.decision_function(features), dtype=np.float64)
    booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
    return np.asarray(booster.inplace_predict(features, predict_type="margin"), dtype=np.float64)


def _fit(kind: Kind, rows: Rows, tune: int, training: Training) -> Candidate:
    margins = np.empty(len(rows))
    rounds = []
    for half in (0, 1):
        seen, judged = _halves(len(rows), tune, half)
        model, best = _train(kind, rows.take(seen), training, watch=rows.take(judged))
        margins[judged] = margin(kind, model, rows.features[judged])
        rounds.append(best)
    trees = round(sum(rounds) / 2)
    final, _ = _train(kind, rows, training, trees=trees)
    params = {"C": 1.0} if kind == "logistic" else {**_xgboost_params(training), "n_estimators": trees}
    return _finish(kind, final, margins[tune:], rows.labels[tune:], params)


def _halves(n: int, tune: int, half: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks (n,): what one of the two cross-fitted models sees, and the newest rows it is judged on, every other one."""
    judged = (np.arange(n) >= tune) & (np.arange(n) % 2 == half)
    return ~judged, judged


def _train(
    kind: Kind, rows: Rows, training: Training, *, watch: Rows | None = None, trees: int | None = None
) -> tuple[Any, int]:
    """Fit one model; with rows to watch it stops where they stop gaining. Returns it with its number of trees."""
    if kind == "logistic":
        regression = LogisticRegression(max_iter=2000, random_state=training.seed)
        model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), regression)
        return model.fit(rows.features, rows.labels), 0
    params = _xgboost_params(training) | ({"n_estimators": trees} if trees else {})
    model = xgboost.XGBClassifier(**params, early_stopping_rounds=EARLY_STOPPING_ROUNDS if watch else None)
    model.fit(rows.features, rows.labels, eval_set=[(watch.features, watch.labels)] if watch else None, verbose=False)
    return model, int(model.best_iteration) + 1 if watch else model.n_estimators


def _xgboost_params(training: Training) -> dict[str, Any]:
    return {
        "n_estimators": training.trees,
        "max_depth": 6,
        "learning_rate": 0.1,
        "subsample": 0.9,
        "colsample_bytree": 0.9,
        "min_child_weight": 5,
        "tree_method": "hist",
        "eval_metric": "aucpr",
        "random_state": training.seed,
        "n_jobs": os.cpu_count() or 1,
    }


def _finish(
    kind: Kind, model: Any, margins: NDArray[np.float64], labels: NDArray[np.int8], params: dict[str, Any]
) -> Candidate:
    calibration = _calibrate(margins, labels)
    scores = sigmoid(calibration.a * margins + calibration.b)
    threshold, f1 = _best_f1(labels, scores)
    metrics = {
        "average_precision": float(average_precision_score(labels, scores)),
        "roc_auc": float(roc_auc_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "f1": f1,
    }
    return Candidate(kind=kind, model=model, calibration=calibration, threshold=threshold, params=params, metrics=metrics)


def _calibrate(margins: NDArray[np.float64], labels: NDArray[np.int8]) -> Calibration:
    """Fit Platt scaling on the margin; keep it only where it lowers the Brier score."""
    platt = LogisticRegression(C=1e6).fit(margins.reshape(-1, 1), labels)
    fitted = Calibration(a=float(platt.coef_[0, 0]), b=float(platt.intercept_[0]))
    before = brier_score_loss(labels, sigmoid(margins))
    after = brier_score_loss(labels, sigmoid(fitted.a * margins + fitted.b))
    return fitted if fitted.a > 0 and after < before else Calibration()


def _best_f1(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> tuple[float, float]:
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(np.argmax(f1[:-1]))
    return float(thresholds[best]), float(f1[best])
