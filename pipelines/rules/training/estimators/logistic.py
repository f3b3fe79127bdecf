"""Logistic regression on scaled columns."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.training.estimators.interface import (
    FEATURES,
    MARGIN,
    OnnxPart,
    ParameterGrid,
    Params,
    Rows,
)
from pipelines.rules.use_case.policy_sections.training import Training

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of the penalty, inverse
ITERATIONS = 2000

Values = NDArray[np.float64]


class LinearExplainer(msgspec.Struct, frozen=True):
    """A linear margin: slopes, intercept and training means of the columns.

    `medians` fill in missing values in models that were trained before Sixgate did so for every
    estimator.
    """

    slopes: list[float]
    intercept: float
    means: list[float]
    medians: list[float] | None = None

    def margin(self, features: NDArray[np.float32]) -> Values:
        """Log-odds (n,) of features (n, columns)."""
        return np.asarray(self._filled(features) @ np.asarray(self.slopes) + self.intercept)

    def contributions(self, features: NDArray[np.float32]) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value: slope · (x − mean).

        The same as of `shap.LinearExplainer`. Features count as independent (Štrumbelj and
        Kononenko, 2014).
        """
        slopes = np.asarray(self.slopes)
        means = np.asarray(self.means)
        return (self._filled(features) - means) * slopes, float(self.intercept + means @ slopes)

    def _filled(self, features: NDArray[np.float32]) -> Values:
        values = features.astype(np.float64)
        return values if self.medians is None else np.where(np.isnan(values), self.medians, values)


class LogisticEstimator:
    """scikit-learn's LogisticRegression behind a StandardScaler."""

    name = "logistic"
    takes_missing = False
    takes_categories = False
    takes_directions = False

    def search_space(self, training: Training) -> ParameterGrid:
        """Every strength of the penalty; also with class weights where the policy permits them."""
        weights = (None, "balanced") if training.imbalance == "weights" else (None,)
        return ParameterGrid(
            tuple(
                {"C": strength, "class_weight": weight}
                for strength, weight in product(STRENGTHS, weights)
            )
        )

    def fit(
        self,
        rows: Rows,
        params: Params,
        *,
        seed: int,
        threads: int,
        watch: Rows | None = None,
    ) -> Any:
        """Fit a pipeline of scaler and regression; `threads` and `watch` are not used."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(**params, max_iter=ITERATIONS, random_state=seed)
        return make_pipeline(StandardScaler(), regression).fit(rows.features, rows.labels)

    def settle(self, params: Params, models: Sequence[Any]) -> Params:
        """The parameters as they are."""
        return params

    def margin(self, model: Any, features: NDArray[np.float32]) -> Values:
        """The decision function (n,), computed as float64.

        With float32, how a sum of equal rows is rounded depends on the place of the row, and the
        operating threshold could lie between them.
        """
        return np.asarray(model.decision_function(features.astype(np.float64)))

    def to_onnx(self, model: Any, columns: int) -> OnnxPart:
        """Scaler and coefficients as one affine map."""
        from onnx import helper, numpy_helper

        linear = _linear(model)
        slopes = np.asarray(linear.slopes, np.float32).reshape(columns, 1)
        intercept = np.array([linear.intercept], np.float32)
        return OnnxPart(
            nodes=[helper.make_node("Gemm", [FEATURES, "slopes", "intercept"], [MARGIN])],
            constants=[
                numpy_helper.from_array(slopes, "slopes"),
                numpy_helper.from_array(intercept, "intercept"),
            ],
        )

    def save(self, model: Any) -> bytes:
        """The linear margin as JSON."""
        return msgspec.json.encode(_linear(model))

    def load(self, content: bytes) -> LinearExplainer:
        """Read the linear margin."""
        return msgspec.json.decode(content, type=LinearExplainer)


def _linear(model: Any) -> LinearExplainer:
    """The margin of a fitted pipeline on unscaled columns."""
    scaler, regression = (step for _, step in model.steps)
    slopes = regression.coef_[0] / scaler.scale_
    return LinearExplainer(
        slopes=slopes.tolist(),
        intercept=float(regression.intercept_[0] - (slopes * scaler.mean_).sum()),
        means=scaler.mean_.tolist(),
    )
