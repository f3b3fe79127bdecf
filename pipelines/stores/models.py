"""`model_metadata` and `contracts`: what is known of each model version without asking MLflow."""

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
        """Keep a contract's body under its hash."""
        body = Jsonb(msgspec.to_builtins(contract))
        queries("models").record_contract(
            self._connection, contract_hash=contract.hash, use_case=contract.use_case, body=body
        )

    def contract(self, contract_hash: str, current: Contract) -> Contract:
        """The contract under which something was logged: the current one, or a former one, of which models are kept.

        One that no model was trained on is unknown; then it is the current one, whose hash differs.
        """
        if contract_hash == current.hash:
            return current
        return self.recorded_contract(contract_hash) or current

    def recorded_contract(self, contract_hash: str) -> Contract | None:
        """A contract that models were trained on; None for any other."""
        found = queries("models").get_contract(self._connection, contract_hash=contract_hash)
        return msgspec.convert(found, Contract) if found else None

    def record(
        self, *, metrics: dict[str, float], profile: Reference | None = None, **model: Any
    ) -> None:
        """Keep a model version with what it was trained on; one per run."""
        described = Jsonb(msgspec.to_builtins(profile)) if profile else None
        queries("models").record_model(
            self._connection, metrics=Jsonb(metrics), profile=described, **model
        )

    def get(self, use_case: str, version: int) -> ModelRecord:
        """Return a version, or raise EvidenceError."""
        row = queries("models").get_model(self._connection, use_case=use_case, version=version)
        if row is None:
            raise EvidenceError(
                f"{use_case} has no model version {version}: see `sixgate ledger --use-case {use_case}`"
            )
        return ModelRecord(**row)

    def of_run(self, use_case: str, run_id: str) -> ModelRecord | None:
        """Return what a run trained, if it did."""
        row = queries("models").get_model_of_run(self._connection, use_case=use_case, run_id=run_id)
        return ModelRecord(**row) if row else None

    def profile(self, use_case: str, version: int) -> Reference | None:
        """Return what a version was trained on; None for one of before that was kept."""
        found = queries("models").get_profile(self._connection, use_case=use_case, version=version)
        return msgspec.convert(found, Reference) if found else None
