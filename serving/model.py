"""A model that may serve: its graph, proven on its known answers before anyone sees it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.bundle import Bundle
from pipelines.rules.contract import Contract
from pipelines.rules.ledger import Served
from pipelines.rules.proof import prove
from pipelines.rules.scorer import Scorer


class Model:
    """One loaded version; scoring is a pure function of the features."""

    def __init__(self, served: Served, bundle: Bundle, scorer: Scorer) -> None:
        self.served, self.bundle = served, bundle
        self.loaded_at = datetime.now(UTC)
        self._scorer = scorer

    def score(self, features: NDArray[np.float64]) -> list[float]:
        """Score (n, columns) features, NaN where missing."""
        scores: list[float] = self._scorer(features).tolist()
        return scores


def load(files: Mapping[str, bytes], served: Served, contract: Contract) -> Model:
    """Prove the files to be what the ledger names and what was trained, or raise ModelRejected."""
    return Model(served, *prove(files, contract, version=served.version, named=served.digest))
