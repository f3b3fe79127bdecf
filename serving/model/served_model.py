"""A loaded model that was verified on its known answers."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.model.bundle import WARM_UP, Bundle, KnownAnswers
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.model.verification import prove
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract
from serving.wire.row_types import MAX_ROWS

ALONE = 200  # rows of a warm-up that are scored one by one

log = logging.getLogger(__name__)


class ServedModel:
    """One loaded version; scoring is a pure function of the features."""

    def __init__(
        self, served: Served, bundle: Bundle, scorer: OnnxScorer, contract: Contract
    ) -> None:
        """`contract` is the one that the model was trained under."""
        self.served = served
        self.bundle = bundle
        self.contract = contract
        self.loaded_at = datetime.now(UTC)
        self._scorer = scorer

    def score(self, features: NDArray[np.float64]) -> list[float]:
        """Score features (n, columns of its contract), NaN where missing."""
        scores: list[float] = self._scorer(features).tolist()
        return scores

    def warm_up(self, content: bytes) -> None:
        """Score recorded requests, one by one and in a batch.

        The first calls allocate and load what later calls reuse; no caller should wait for that.
        """
        try:
            rows = msgspec.json.decode(content, type=KnownAnswers).matrix()
            for row in rows[:ALONE]:
                self.score(row.reshape(1, -1))
            self.score(rows[:MAX_ROWS])
        except Exception as error:  # the model is verified, so a bad warm-up file must not stop it
            log.warning("version %d starts without a warm-up: %s", self.served.version, error)


def load(
    files: Mapping[str, bytes],
    served: Served,
    contract: Contract,
    earlier: Sequence[Contract] = (),
) -> ServedModel:
    """Verify the files, load the model and warm it up.

    A version that does not hold its contract was trained under `contract` or an `earlier` one.
    Raises ModelRejected unless the files are those that the ledger names and the model gives its
    known answers.
    """
    bundle, scorer = prove(
        files,
        contract,
        version=served.version,
        named=served.digest,
        earlier=earlier,
    )
    own = bundle.trained_under(contract, *earlier)
    model = ServedModel(served, bundle, scorer, own)
    if WARM_UP in files:
        model.warm_up(files[WARM_UP])
    return model
