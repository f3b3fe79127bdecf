"""Model versions and their contracts, in `model_metadata` and `contracts`; needs no MLflow."""

from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from pipelines.errors import EvidenceError
from pipelines.records import ModelRecord
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.contract import Contract
from pipelines.stores.database import Connection, queries


class ModelStore:
    """Registered model versions and the contracts they were trained on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record_contract(self, contract: Contract) -> None:
        """Store a contract under its hash, unless it is stored already."""
        body = Jsonb(msgspec.to_builtins(contract))
        queries("models").record_contract(
            self._connection, contract_hash=contract.hash, use_case=contract.use_case, body=body
        )

    def contract(self, contract_hash: str, current: Contract) -> Contract:
        """Return the contract with a hash: `current`, or one that a model was trained on.

        Returns `current`, whose hash differs, when no model was trained on that contract.
        """
        if contract_hash == current.hash:
            return current
        return self.recorded_contract(contract_hash) or current

    def of_version(self, use_case: str, version: int, current: Contract) -> Contract:
        """Return the contract that a version was trained under; it names its contributions.

        Returns `current` for a version that is not recorded.
        """
        row = queries("models").get_model(self._connection, use_case=use_case, version=version)
        return self.contract(row["contract_hash"], current) if row else current

    def recorded_contract(self, contract_hash: str) -> Contract | None:
        """Return a contract that a model was trained on; None when there is none."""
        body = queries("models").get_contract(self._connection, contract_hash=contract_hash)
        return msgspec.convert(body, Contract) if body else None

    def record(
        self, *, metrics: dict[str, float], profile: Reference | None = None, **model: Any
    ) -> None:
        """Store a model version with the profile of its data, unless its run has stored one."""
        profile_json = Jsonb(msgspec.to_builtins(profile)) if profile else None
        queries("models").record_model(
            self._connection, metrics=Jsonb(metrics), profile=profile_json, **model
        )

    def get(self, use_case: str, version: int) -> ModelRecord:
        """Return a model version; raises EvidenceError when there is none."""
        row = queries("models").get_model(self._connection, use_case=use_case, version=version)
        if row is None:
            raise EvidenceError(
                f"{use_case} has no model version {version}: "
                f"see `sixgate ledger --use-case {use_case}`"
            )
        return ModelRecord(**row)

    def of_run(self, use_case: str, run_id: str) -> ModelRecord | None:
        """Return the model version that a run trained; None when it trained none."""
        row = queries("models").get_model_of_run(self._connection, use_case=use_case, run_id=run_id)
        return ModelRecord(**row) if row else None

    def profile(self, use_case: str, version: int) -> Reference | None:
        """Return the training profile of a version; None for a version without one.

        Versions that an earlier release of Sixgate trained have none.
        """
        profile = queries("models").get_profile(
            self._connection, use_case=use_case, version=version
        )
        return msgspec.convert(profile, Reference) if profile else None
