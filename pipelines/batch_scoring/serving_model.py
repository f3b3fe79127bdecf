"""The model that scores a file: the one in Production, or a version that is named."""

from dataclasses import dataclass

import httpx

from pipelines.errors import EvidenceError, ModelRejected
from pipelines.rules.batch_scoring.scored_rows import RowScorer
from pipelines.rules.model.bundle import FILES
from pipelines.rules.model.verification import prove
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.stores.contracts import ContractStore
from pipelines.stores.database import Connection
from pipelines.stores.ledger import Ledger
from pipelines.stores.models import ModelStore
from pipelines.stores.registry_client import RegistryClient
from pipelines.use_case import read_in_force

PRODUCTION = "Production"


@dataclass(frozen=True)
class BatchModel:
    """A loaded version, and the contract by which rows are read."""

    version: int
    contract: Contract
    scorer: RowScorer

    @property
    def threshold(self) -> float:
        """The score from which a row is flagged."""
        return self.scorer.bundle.threshold

    @property
    def contract_hash(self) -> str:
        """The contract that the model was trained under."""
        return self.scorer.bundle.contract_hash


def load_model(
    settings: Settings, connection: Connection, use_case: str, version: int | None = None
) -> BatchModel:
    """Load a version, by default the one in Production; it is verified as a server verifies it.

    Raises EvidenceError when there is no such version, and ModelRejected when its files are missing
    or not those that were registered.
    """
    contract = contract_in_force(settings, connection, use_case)
    earlier = ContractStore(connection).accepted(use_case)
    served = _served(connection, use_case, version)
    files = _files(settings, use_case, served.version)
    bundle, scorer = prove(
        files, contract, version=served.version, named=served.digest, earlier=earlier
    )
    trained = bundle.trained_under(contract, *earlier)
    return BatchModel(served.version, contract, RowScorer(contract, bundle, scorer, trained))


def contract_in_force(settings: Settings, connection: Connection, use_case: str) -> Contract:
    """Return the contract by which the scoring server reads rows.

    That is the one that was applied last. The texts and the format of files, which change no row,
    are those of the folder.
    """
    in_folder = read_in_force(
        settings.reference, use_case, settings.policy_overlay, settings.last_valid
    ).contract
    applied = ContractStore(connection).current(use_case)
    return in_folder if applied is None or applied.hash == in_folder.hash else applied


def _served(connection: Connection, use_case: str, version: int | None) -> Served:
    ledger = Ledger(connection).recent(use_case)
    current = champion(ledger)
    if version is not None:
        promoted = [entry.to_digest for entry in ledger if entry.to_version == version]
        digest = promoted[0] if promoted else ModelStore(connection).get(use_case, version).digest
        return Served(version, digest)
    if current is None:
        raise EvidenceError(
            f"{use_case} has no model in Production: train and promote one, or name a version "
            "with --version"
        )
    return current


def _files(settings: Settings, use_case: str, version: int) -> dict[str, bytes]:
    """Read the files of a version from MLflow, or from the folder that replaces it in tests."""
    if settings.model_folder:
        folder = settings.model_folder / use_case / str(version)
        return {name: (folder / name).read_bytes() for name in FILES}
    with RegistryClient.of(settings) as registry:
        try:
            return registry.fetch(use_case, version)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.NOT_FOUND:
                raise
            raise ModelRejected(
                f"the files of {use_case} version {version} are not in MLflow's store: restore its "
                "artifacts from a backup, or score with another version"
            ) from error
