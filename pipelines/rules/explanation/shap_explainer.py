"""SHAP contributions in log-odds of the calibrated score."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.bundle import Calibration, sigmoid
from pipelines.rules.model.model_input import narrow
from pipelines.rules.model.preparation import Preparation, prepare

ADDITIVITY = 1e-5
Values = NDArray[np.float64]


class MarginExplainer(Protocol):
    """A model that explains its own margin; features (n, columns) are prepared."""

    def margin(self, features: NDArray[np.float32]) -> Values:
        """Log-odds (n,), before calibration."""
        ...

    def contributions(self, features: NDArray[np.float32]) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value, which add up to the margin of each row."""
        ...


class Explainer:
    """Explains one model version; a call is a pure function of the features.

    Every column is a feature of the contract, raw or derived. Contributions of the columns that a
    category was encoded into are added up.
    """

    def __init__(
        self, model: MarginExplainer, calibration: Calibration, preparation: Preparation | None
    ) -> None:
        self._model = model
        self._calibration = calibration
        self._preparation = preparation

    def __call__(self, features: Values) -> tuple[Values, float]:
        """SHAP values (n, columns) and base value in log-odds of the calibrated score.

        Platt scaling is affine in the margin: its slope scales every contribution, its offset moves
        the base value.
        """
        values, base = self._model.contributions(self._prepared(features))
        if self._preparation is not None:
            values = self._preparation.fold(values)
        calibration = self._calibration
        return calibration.a * values, calibration.a * base + calibration.b

    def scores(self, features: Values) -> Values:
        """Calibrated scores (n,) by the library that trained the model, not by its ONNX graph."""
        return self._calibration.score(self._model.margin(self._prepared(features)))

    def _prepared(self, features: Values) -> NDArray[np.float32]:
        return prepare(self._preparation, narrow(features))


def add_up(values: Values, base: float, scores: Values) -> NDArray[np.bool_]:
    """Whether sigmoid(base + Σ contributions) is the score, to 1e-5, for each row (n,)."""
    totals = sigmoid(base + values.sum(axis=1))
    return np.asarray(np.abs(totals - scores) <= ADDITIVITY)
