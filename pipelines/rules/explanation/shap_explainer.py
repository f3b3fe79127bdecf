"""Why a score is what it is: SHAP contributions in log-odds of the calibrated score."""

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray

from pipelines.rules.explanation.tree_shap import Values, tree_shap
from pipelines.rules.model.bundle import Calibration, sigmoid
from pipelines.rules.model.model_input import narrow

ADDITIVITY = 1e-5


class Linear(msgspec.Struct, frozen=True):
    """A logistic regression on raw columns: slopes, intercept, medians for what is missing, and the training means."""

    slopes: list[float]
    intercept: float
    medians: list[float]
    means: list[float]

    def margin(self, features: NDArray[np.float32]) -> Values:
        """Uncalibrated log-odds (n,) of features (n, columns), NaN for missing."""
        return np.asarray(self._filled(features) @ np.asarray(self.slopes) + self.intercept)

    def shap(self, features: NDArray[np.float32]) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value: slope · (x − mean), as `shap.LinearExplainer` has them.

        Features count as independent (Štrumbelj and Kononenko, 2014).
        """
        slopes, means = np.asarray(self.slopes), np.asarray(self.means)
        return (self._filled(features) - means) * slopes, float(self.intercept + means @ slopes)

    def _filled(self, features: NDArray[np.float32]) -> Values:
        return np.where(np.isnan(features), np.asarray(self.medians), features.astype(np.float64))


class Explainer:
    """What explains one model version, made of its file's content; a call is a pure function of the features.

    Every column of a model is a feature of the contract, raw or derived: nothing is encoded into more columns, so there is
    nothing to fold back.
    """

    def __init__(self, kind: str, content: bytes, calibration: Calibration) -> None:
        self._calibration = calibration
        self._model: xgboost.Booster | Linear
        if kind == "xgboost":
            self._model = xgboost.Booster(model_file=bytearray(content))
        else:
            self._model = msgspec.json.decode(content, type=Linear)

    def __call__(self, features: Values) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value in log-odds of the calibrated score.

        Platt scaling is affine in the margin, so its slope scales every contribution and its offset moves the base alone.
        """
        taken = narrow(features)
        values, base = (
            self._model.shap(taken)
            if isinstance(self._model, Linear)
            else tree_shap(self._model, taken)
        )
        return self._calibration.a * values, self._calibration.a * base + self._calibration.b

    def scores(self, features: Values) -> Values:
        """Calibrated scores (n,) by what trained the model, not by the graph that serves."""
        taken = narrow(features)
        if isinstance(self._model, Linear):
            return self._calibration.score(self._model.margin(taken))
        return self._calibration.score(
            self._model.predict(xgboost.DMatrix(taken), output_margin=True)
        )


def add_up(values: Values, base: float, scores: Values) -> NDArray[np.bool_]:
    """Whether sigmoid(base + Σ contributions) is the score, to 1e-5, for each row (n,)."""
    return np.asarray(np.abs(sigmoid(base + values.sum(axis=1)) - scores) <= ADDITIVITY)
