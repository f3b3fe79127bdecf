"""A use case as the database recorded it: what a rollback goes by when neither its files nor their copies can be read."""

import contextlib
from pathlib import Path
from typing import Any

from pipelines.errors import UseCaseError
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.default_policy import DEFAULT_POLICY
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.stores.database import Connection
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.ledger import Ledger
from pipelines.stores.models import ModelStore
from pipelines.use_case import UseCase, read_contract


def recorded(connection: Connection, folder: Path, *, version: Any, fault: UseCaseError) -> UseCase:
    """The contract of the model to go back to and the policy of the newest decision; `fault` when nothing was promoted.

    The policy that comes with Sixgate is the last resort.
    """
    name = folder.name
    now = champion(Ledger(connection).recent(name, limit=1000))
    if now is None:
        raise fault
    contract = _contract(connection, folder, int(version or now.version), fault)
    policy, source = _policy(connection, name)
    return UseCase(
        name, folder, contract, policy, fault=fault, instead=f"The rollback uses {source}"
    )


def _contract(connection: Connection, folder: Path, version: int, fault: UseCaseError) -> Contract:
    """The folder's contract, or the one that a model version was trained on."""
    with contextlib.suppress(UseCaseError):
        return read_contract(folder)
    models = ModelStore(connection)
    contract = models.recorded_contract(models.get(folder.name, version).contract_hash)
    if contract is None:
        raise fault
    return contract


def _policy(connection: Connection, name: str) -> tuple[Policy, str]:
    """The newest decision's policy that can still be read, or the built-in one; and how to name it."""
    for decision in DecisionStore(connection).recent(name):
        source = f"the policy of decision {decision.id}"
        with contextlib.suppress(UseCaseError):
            return parse_policy(decision.policy, use_case=name, file=source), source
    return parse_policy(
        DEFAULT_POLICY, use_case=name, file="the built-in policy"
    ), "the built-in policy"
