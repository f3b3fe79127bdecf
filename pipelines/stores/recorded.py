"""A use case as the database recorded it, for a rollback when no file and no copy can be read."""

import contextlib
from pathlib import Path
from typing import Any

from pipelines.errors import UseCaseError
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy import Policy, parse_policy
from pipelines.stores.database import Connection
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.ledger import Ledger
from pipelines.stores.models import ModelStore
from pipelines.use_case import UseCase, read_contract

BUILT_IN_POLICY = "the built-in policy"  # the default of every key


def recorded_use_case(
    connection: Connection, folder: Path, *, version: Any, fault: UseCaseError
) -> UseCase:
    """Return the contract of the model to roll back to, with the policy of the newest decision.

    `version` is that model's version, None for the current one. The built-in policy is used when no
    decision has a valid one. Raises `fault` when nothing was promoted.
    """
    name = folder.name
    current = champion(Ledger(connection).recent(name, limit=1000))
    if current is None:
        raise fault
    contract = _contract(connection, folder, int(version or current.version), fault)
    policy, source = _policy(connection, name)
    return UseCase(
        name=name,
        folder=folder,
        contract=contract,
        policy=policy,
        fault=fault,
        substitute=f"The rollback uses {source}",
    )


def _contract(connection: Connection, folder: Path, version: int, fault: UseCaseError) -> Contract:
    """Return the folder's contract or, when it is invalid, the one a version was trained on."""
    with contextlib.suppress(UseCaseError):
        return read_contract(folder)
    models = ModelStore(connection)
    model = models.get(folder.name, version)
    contract = models.recorded_contract(model.contract_hash)
    if contract is None:
        raise fault
    return contract


def _policy(connection: Connection, name: str) -> tuple[Policy, str]:
    """Return the newest valid policy of a decision, else the built-in one, and its description."""
    for decision in DecisionStore(connection).recent(name):
        if not decision.policy:
            continue
        source = f"the policy of decision {decision.id}"
        with contextlib.suppress(UseCaseError):
            return parse_policy(decision.policy, use_case=name, file=source), source
    return Policy(use_case=name), BUILT_IN_POLICY
