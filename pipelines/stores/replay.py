"""Score rows with a registered model version, as the server would."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.records import ModelRecord
from pipelines.rules.bundle import Bundle, KnownAnswers, check_answers, digest, read_bundle
from pipelines.rules.scorer import Scorer
from pipelines.settings import Settings
from pipelines.stores.production import Production


class Replay:
    """A model version, fetched and proven: digest, contract and known answers hold."""

    def __init__(self, settings: Settings, model: ModelRecord) -> None:

        production = Production(settings.mlflow_tracking_uri, timeout=60)
        files = production.fetch(model.use_case, model.version)
        production.close()
        found = digest(files)
        if found != model.digest:
            raise ModelRejected(
                f"{model.use_case} version {model.version} has digest {found[:12]}… and {model.digest[:12]}… was registered: "
                "its artefact changed, train again"
            )
        self.bundle: Bundle = read_bundle(files, use_case=model.use_case, contract_hash=model.contract_hash)
        self._scorer = Scorer(files["model.onnx"])
        known = msgspec.json.decode(files["known_answers.json"], type=KnownAnswers)
        check_answers(known, self._scorer(known.matrix()))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated scores (n,) of features (n, columns)."""
        return self._scorer(features) if len(features) else np.empty(0)
