"""Why a score is what it is: SHAP contributions in log-odds of the calibrated score."""

from typing import Any

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray

from pipelines.rules.bundle import Calibration
from pipelines.rules.candidates import Candidate, sigmoid
from pipelines.rules.narrow import narrow

ADDITIVITY = 1e-5
FILES = {"xgboost": "explain.ubj", "logistic": "explain.json"}


class Linear(msgspec.Struct, frozen=True):
    """A logistic regression on raw columns: slopes, intercept, medians for what is missing, and the training means."""

    slopes: list[float]
    intercept: float
    medians: list[float]
    means: list[float]


def explainer_file(candidate: Candidate) -> tuple[str, bytes]:
    """What explaining a candidate later needs: a name and its content, data and never code."""
    if candidate.kind == "xgboost":
        return FILES["xgboost"], bytes(candidate.model.get_booster().save_raw("ubj"))
    imputer, scaler, regression = (step for _, step in candidate.model.steps)
    slopes = regression.coef_[0] / scaler.scale_
    linear = Linear(
        slopes=slopes.tolist(),
        intercept=float(regression.intercept_[0] - (slopes * scaler.mean_).sum()),
        medians=imputer.statistics_.tolist(),
        means=scaler.mean_.tolist(),
    )
    return FILES["logistic"], msgspec.json.encode(linear)


def contributions(
    kind: str, content: bytes, calibration: Calibration, features: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """SHAP values (n, columns) and base value in log-odds of the calibrated score.

    Platt scaling is affine in the margin, so its slope scales every contribution and its offset moves the base alone.
    """
    values, base = (_trees if kind == "xgboost" else _linear)(content, features)
    return calibration.a * values, calibration.a * base + calibration.b


def library_scores(kind: str, content: bytes, calibration: Calibration, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Calibrated scores (n,) of features (n, columns) by what trained the model, not by the graph that serves."""
    if kind == "xgboost":
        trees = xgboost.Booster(model_file=bytearray(content))
        margin = trees.predict(xgboost.DMatrix(narrow(features)), output_margin=True)
    else:
        model = msgspec.json.decode(content, type=Linear)
        taken = narrow(features).astype(np.float64)
        margin = model.intercept + np.where(np.isnan(taken), model.medians, taken) @ np.asarray(model.slopes)
    return sigmoid(calibration.a * np.asarray(margin, dtype=np.float64) + calibration.b)


def add_up(values: NDArray[np.float64], base: float, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether sigmoid(base + Σ contributions) is the score, to 1e-5, for each row (n,)."""
    return np.asarray(np.abs(sigmoid(base + values.sum(axis=1)) - scores) <= ADDITIVITY)


def _trees(content: bytes, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    import shap  # slow to import, and whoever only packs the file needs none of it

    explainer: Any = shap.TreeExplainer(xgboost.Booster(model_file=bytearray(content)))
    values = explainer.shap_values(narrow(features))
    return np.asarray(values, dtype=np.float64), float(np.ravel(explainer.expected_value)[-1])


def _linear(content: bytes, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    model = msgspec.json.decode(content, type=Linear)
    slopes, means = np.asarray(model.slopes), np.asarray(model.means)
    filled = np.where(np.isnan(features), np.asarray(model.medians), features)
    import shap

    explainer: Any = shap.LinearExplainer((slopes, model.intercept), means.reshape(1, -1))
    return np.asarray(explainer.shap_values(filled), dtype=np.float64), float(np.ravel(explainer.expected_value)[-1])
