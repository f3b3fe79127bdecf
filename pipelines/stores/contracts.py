"""The contracts that rows are accepted under, in `contract_versions`; bodies are in `contracts`."""

from datetime import datetime

import msgspec

from pipelines.errors import UseCaseError
from pipelines.records import ContractVersion
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_changes import require_applicable
from pipelines.stores.database import Connection, queries
from pipelines.stores.models import ModelStore


class ContractStore:
    """Contracts as they were applied: by a server, by `sixgate contract apply`, by a migration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, use_case: str) -> Contract | None:
        """Return the contract that was applied last; None before the first one."""
        body = queries("contracts").current_contract(self._connection, use_case=use_case)
        return msgspec.convert(body, Contract) if body else None

    def accepted(self, use_case: str) -> list[Contract]:
        """Return the contracts that have not ended: the current one, then earlier ones."""
        rows = queries("contracts").accepted_contracts(self._connection, use_case=use_case)
        return [msgspec.convert(row["body"], Contract) for row in rows]

    def body(self, contract_hash: str) -> Contract | None:
        """Return a contract by its hash; None when it was neither applied nor trained on."""
        return ModelStore(self._connection).recorded_contract(contract_hash)

    def versions(self, use_case: str) -> list[ContractVersion]:
        """List each contract with its newest application, the newest first."""
        rows = queries("contracts").contract_versions(self._connection, use_case=use_case)
        return [ContractVersion(**row) for row in rows]

    def apply(self, contract: Contract) -> bool:
        """Make a contract the current one, in one transaction; False when it is that already.

        The view of the predictions gets its columns. Raises UseCaseError when it has a change of
        the current one that is refused.
        """
        use_case = contract.use_case
        with self._connection.transaction():
            queries("contracts").lock_contracts(self._connection, use_case=use_case)
            current = self.current(use_case)
            if current is not None and current.hash == contract.hash:
                return False
            if current is not None:
                require_applicable(current, contract, file=f"{use_case}/contract.yaml")
            ModelStore(self._connection).record_contract(contract)
            queries("contracts").add_contract_version(
                self._connection, use_case=use_case, contract_hash=contract.hash
            )
            queries("contracts").show_predictions(self._connection, use_case=use_case)
        return True

    def replace(self, contract: Contract) -> bool:
        """Make a contract the only one, whatever changed; False when it is the current one already.

        Raises UseCaseError when a model was trained or a row was scored under an earlier one.
        """
        use_case = contract.use_case
        with self._connection.transaction():
            queries("contracts").lock_contracts(self._connection, use_case=use_case)
            if queries("contracts").is_used(self._connection, use_case=use_case):
                raise UseCaseError(
                    f"{use_case} has models or scored rows, which a changed meaning would spoil: "
                    "give the feature another name, and apply the contract without --replace"
                )
            current = self.current(use_case)
            if current is not None and current.hash == contract.hash:
                return False
            for earlier in self.accepted(use_case):
                self.end(use_case, earlier.hash)
            return self.apply(contract)

    def replicas_behind(self, use_case: str, contract_hash: str) -> list[str]:
        """Return the names of the live replicas that have another contract."""
        rows = queries("contracts").replicas_behind(
            self._connection, use_case=use_case, contract_hash=contract_hash
        )
        return [row["replica"] for row in rows]

    def announce(self, use_case: str) -> None:
        """Tell every replica to read the file of the contract now."""
        queries("contracts").announce_contract(self._connection, use_case=use_case)

    def end(self, use_case: str, contract_hash: str) -> None:
        """Stop accepting rows of a contract."""
        queries("contracts").end_contract(
            self._connection, use_case=use_case, contract_hash=contract_hash
        )

    def end_outlived(self, use_case: str, *, replaced_before: datetime) -> list[str]:
        """End the contracts that were replaced before a time; return their hashes.

        One under which a serving model was trained does not end.
        """
        rows = queries("contracts").outlived_contracts(
            self._connection, use_case=use_case, replaced_before=replaced_before
        )
        hashes = [row["contract_hash"] for row in rows]
        for contract_hash in hashes:
            self.end(use_case, contract_hash)
        return hashes
