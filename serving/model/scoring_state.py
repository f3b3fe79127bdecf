"""What rows are scored by: the contracts that are accepted, and the model in service."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.derived_features import Deriver
from serving.model.served_model import ServedModel
from serving.wire.contract_decoding import LabelDecoders, row_decoder
from serving.wire.request_decoding import Transaction

Counts = Counter[tuple[str, str]]


class AcceptedContracts:
    """The current contract, and the earlier ones whose rows are accepted, the newest first."""

    def __init__(
        self,
        contract: Contract,
        earlier: Sequence[Contract] = (),
        *,
        refused_rows: Counts,
        refused_labels: Counts,
        taken: Counter[str],
    ) -> None:
        """Refusals are counted, and in `taken` the rows of each earlier contract by its hash."""
        self.contract = contract
        self.hash = contract.hash
        self.earlier = tuple(earlier)
        self.decoder = row_decoder(contract, earlier, refused_rows, taken)
        self.labels = LabelDecoders(contract, earlier, refused_labels)
        self._derive = Deriver(contract)

    def features(self, transactions: Sequence[Transaction]) -> NDArray[np.float64]:
        """Return features (n, columns) of rows, raw then derived, NaN where missing."""
        raw = np.frombuffer(b"".join([transaction.raw for transaction in transactions]))
        return self._derive(raw.reshape(len(transactions), -1))


class ScoringState:
    """Contracts and model of one moment; a change replaces all of it with one assignment.

    `project` converts features of the current contract to those that the model was trained on; it
    is None when they are the same.
    """

    def __init__(self, contracts: AcceptedContracts, model: ServedModel | None) -> None:
        self.contracts = contracts
        self.model = model
        self.project: Projection | None = None
        if model is not None and model.contract.hash != contracts.hash:
            projection = Projection(contracts.contract, model.contract)
            self.project = None if projection.is_identity else projection

    def inputs(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert features (n, columns of the contract) to (n, columns of the model)."""
        return features if self.project is None else self.project(features)
