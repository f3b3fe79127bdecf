"""A registered model version that scores rows as the scoring server does."""

import httpx
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.records import ModelRecord
from pipelines.rules.model.verification import prove
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.stores.registry_client import RegistryClient


class RegisteredModel:
    """A model version, downloaded from the registry and verified.

    Raises ModelRejected when its files are missing or not those that were registered.
    """

    def __init__(self, settings: Settings, model: ModelRecord, contract: Contract) -> None:
        with RegistryClient.of(settings) as registry:
            try:
                files = registry.fetch(model.use_case, model.version)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.NOT_FOUND:
                    raise
                raise ModelRejected(
                    f"the files of {model.use_case} version {model.version} are not in MLflow's "
                    "store: restore its artifacts from a backup, or train again"
                ) from error
        self.bundle, self._scorer = prove(
            files, contract, version=model.version, named=model.digest
        )

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated scores (n,) of features (n, columns)."""
        if not len(features):
            return np.empty(0)
        return self._scorer(features)
