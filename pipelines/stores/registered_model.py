"""Score rows with a registered model version, as the server would."""

import numpy as np
from numpy.typing import NDArray

from pipelines.records import ModelRecord
from pipelines.rules.model.verification import prove
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.stores.registry_client import Production


class Replay:
    """A model version, fetched from the registry and proven."""

    def __init__(self, settings: Settings, model: ModelRecord, contract: Contract) -> None:
        with Production.of(settings) as production:
            files = production.fetch(model.use_case, model.version)
        self.bundle, self._scorer = prove(
            files, contract, version=model.version, named=model.digest
        )

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated scores (n,) of features (n, columns)."""
        return self._scorer(features) if len(features) else np.empty(0)
