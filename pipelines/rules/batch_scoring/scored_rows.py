"""Scores of checked rows, computed as the scoring server computes them."""

import threading

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.rules.model.bundle import Bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.derived_features import Deriver

CHUNK = 4096  # rows of one call of the model, few enough for the processor's cache
NO_SCORE = "the model has no score for these features"


class RowScorer:
    """Scores rows that keep `contract` with a model that was trained under `trained`.

    Calls are thread-safe.
    """

    def __init__(
        self, contract: Contract, bundle: Bundle, scorer: OnnxScorer, trained: Contract
    ) -> None:
        self.bundle = bundle
        self._raw = contract.raw
        self._width = len(contract.columns)
        self._scorer = scorer
        self._derive = Deriver(contract)
        self._deriving = threading.Lock()  # a compiled expression has one working memory
        self._project: Projection | None = None
        if trained.hash != contract.hash:
            projection = Projection(contract, trained)
            self._project = None if projection.is_identity else projection

    def features(self, good: pa.Table) -> NDArray[np.float64]:
        """Return features (n, columns of the contract), raw then derived, NaN where missing."""
        features = np.empty((len(good), self._width))
        for index, name in enumerate(self._raw):
            features[:, index] = good[name].to_numpy(zero_copy_only=False)
        with self._deriving:
            return self._derive.fill(features)

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scores (n,) of features (n, columns of the contract)."""
        scores = np.empty(len(features))
        for start in range(0, len(features), CHUNK):
            rows = slice(start, start + CHUNK)
            scores[rows] = self._scorer(self._inputs(features[rows]))
        return scores

    def flagged(self, scores: NDArray[np.float64]) -> NDArray[np.int8]:
        """Return the predicted labels (n,) of scores (n,)."""
        return (scores >= self.bundle.threshold).astype(np.int8)

    def _inputs(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._project is None:
            return features
        with self._deriving:
            return self._project(features)
