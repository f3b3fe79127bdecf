"""A model that may serve: its graph, proven on its known answers before anyone sees it."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.bundle import WARM_UP, Bundle, KnownAnswers
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.model.verification import prove
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract
from serving.wire.request_decoding import MAX_ROWS

ALONE = 200  # rows of a warm-up that are scored one by one

log = logging.getLogger(__name__)


class ServedModel:
    """One loaded version; scoring is a pure function of the features."""

    def __init__(self, served: Served, bundle: Bundle, scorer: OnnxScorer) -> None:
        self.served, self.bundle = served, bundle
        self.loaded_at = datetime.now(UTC)
        self._scorer = scorer

    def score(self, features: NDArray[np.float64]) -> list[float]:
        """Score (n, columns) features, NaN where missing."""
        scores: list[float] = self._scorer(features).tolist()
        return scores

    def warm_up(self, content: bytes) -> None:
        """Score requests as they came, one by one and together, so that no caller waits for what a first call sets up."""
        try:
            rows = msgspec.json.decode(content, type=KnownAnswers).matrix()
            for row in rows[:ALONE]:
                self.score(row.reshape(1, -1))
            self.score(rows[:MAX_ROWS])
        except Exception as error:  # whatever is wrong with it, the model itself is proven
            log.warning("version %d starts cold: %s", self.served.version, error)


def load(files: Mapping[str, bytes], served: Served, contract: Contract) -> ServedModel:
    """Prove the files to be what the ledger names and what was trained, or raise ModelRejected; warm it up."""
    model = ServedModel(
        served, *prove(files, contract, version=served.version, named=served.digest)
    )
    if WARM_UP in files:
        model.warm_up(files[WARM_UP])
    return model
