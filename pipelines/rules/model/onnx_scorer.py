"""Scores from an ONNX graph; serving and replays use the same code."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipelines.rules.model.model_input import narrow


class OnnxScorer:
    """One model's graph, loaded; calls are thread-safe.

    It uses one thread, so that sums are computed in a fixed order and a replay is exact.
    """

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated scores (n,) of features (n, columns), NaN for missing.

        Values beyond the range of float32 are clipped.
        """
        (scores,) = self._session.run(["score"], {"features": narrow(features)})
        return np.asarray(scores, dtype=np.float64)
