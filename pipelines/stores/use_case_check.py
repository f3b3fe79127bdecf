"""Everything that is wrong with the files of a use case, without writing anything."""

from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import UseCaseError
from pipelines.rules.training.directions import keeping
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy import Policy
from pipelines.stores.baseline import read_manifest
from pipelines.stores.estimators import find_estimator
from pipelines.use_case import examine_contract, examine_policy, mismatches, require_name


def faults_of(reference: Path, name: str, overlay_file: Path | None) -> list[UseCaseError]:
    """Return all faults of contract, policy, what they say of each other, and baseline."""
    require_name(reference, name)
    folder = reference / name
    contract = examine_contract(folder)
    policy = examine_policy(folder, overlay_file)
    faults = [*contract.faults, *policy.faults]
    if contract.value and policy.value:
        different = mismatches(policy.value, contract.value)
        faults += [fault for fault in different if not contract.is_consequence(fault)]
    if policy.value:
        faults += _estimators(policy.value, contract.value)
    if contract.value and not contract.faults:
        faults += _baseline(folder, contract.value)
    return faults


def _estimators(policy: Policy, contract: Contract | None) -> Iterator[UseCaseError]:
    """Yield the estimators that can't be used; also when none keeps the contract's directions."""
    estimators = []
    for name in policy.training.estimators:
        try:
            estimators.append(find_estimator(name))
        except UseCaseError as fault:
            yield fault
    if contract is None or not estimators:
        return
    try:
        keeping(estimators, contract)
    except UseCaseError as fault:
        yield fault


def _baseline(folder: Path, contract: Contract) -> Iterator[UseCaseError]:
    try:
        read_manifest(folder, contract)
    except UseCaseError as fault:
        yield fault
