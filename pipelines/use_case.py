"""A use case is a folder; this reads it. Light: it is imported where Airflow parses DAGs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.contract import Contract, parse_contract
from pipelines.rules.policy import Policy, overlay, parse_policy
from pipelines.rules.slices import conditions

T = TypeVar("T")


@dataclass(frozen=True)
class UseCase:
    """One model's folder: contract, policy and frozen baseline."""

    name: str
    folder: Path
    contract: Contract
    policy: Policy
    overlay: Path | None = None


def read_use_case(reference: Path, name: str, over: Path | None = None) -> UseCase:
    """Read and check one use case; a fault raises UseCaseError naming file, key, value and remedy."""
    require_name(reference, name)
    folder = reference / name
    contract, policy = read_contract(folder), read_policy(folder, over)
    conditions(policy.evaluation.slices, contract)
    if unknown := [feature for feature in policy.drift.ignore if feature not in contract.columns]:
        known = ", ".join(contract.columns)
        raise UseCaseError(f"{name}/policy.yaml: drift.ignore: {unknown[0]!r} is no column of the contract: known are {known}")
    return UseCase(name, folder, contract, policy, over)


def read_contract(folder: Path) -> Contract:
    """Read `contract.yaml`."""
    file = folder / "contract.yaml"
    return parse_contract(_yaml(file), use_case=folder.name, file=f"{folder.name}/{file.name}")


def read_policy(folder: Path, over: Path | None = None) -> Policy:
    """Read `policy.yaml` with the overlay laid over it."""
    file = folder / "policy.yaml"
    document, source = _yaml(file), f"{folder.name}/{file.name}"
    if over and not over.is_file():
        raise UseCaseError(f"SIXGATE_POLICY_OVERLAY: {over} is no file: name one, or unset it")
    if over:
        document, source = overlay(document, _yaml(over)), f"{source} under {over.name}"
    return parse_policy(document, use_case=folder.name, file=source)


def read_each(reference: Path, read: Callable[[Path], T]) -> tuple[list[T], dict[str, UseCaseError]]:
    """Read every use case's folder by itself: what could be read, and the fault of each that could not, by its name."""
    good: list[T] = []
    faults: dict[str, UseCaseError] = {}
    for name in names(reference):
        try:
            good.append(read(reference / name))
        except UseCaseError as fault:
            faults[name] = fault
    return good, faults


def require_name(reference: Path, name: str) -> None:
    """Raise UseCaseError, with the names there are, unless `name` is a use case."""
    if name not in names(reference):
        known = ", ".join(names(reference)) or "none"
        raise UseCaseError(f"there is no use case {name!r}, a folder of {reference} with a contract.yaml: known are {known}")


def names(reference: Path) -> list[str]:
    """The use cases there are, in order."""
    return sorted(folder.parent.name for folder in reference.glob("*/contract.yaml"))


class _OnceLoader(yaml.SafeLoader):
    """A key given twice is an error: YAML would keep the last one, and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                raise yaml.MarkedYAMLError(problem=f"{key!r} is given twice", problem_mark=node.value[at][0].start_mark)
        return super().construct_mapping(node, deep)


def _yaml(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(), Loader=_OnceLoader)  # noqa: S506  # a SafeLoader
    except FileNotFoundError as error:
        raise UseCaseError(f"{file} is missing: every use case needs one") from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:  # TypeError: a key that can't be one, as [a]: 1
        raise UseCaseError(f"{file} is not YAML as it is read here: {' '.join(str(error).split())}") from error
