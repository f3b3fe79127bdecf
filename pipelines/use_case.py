"""A use case is a folder; this reads it. Light: it is imported where Airflow parses DAGs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.contract import Contract, parse_contract
from pipelines.rules.policy import Policy, overlay, parse_policy


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
    folder = reference / name
    if not folder.is_dir():
        known = ", ".join(names(reference)) or "none"
        raise UseCaseError(f"use case {name!r} has no folder {folder}: known are {known}")
    return UseCase(name, folder, read_contract(folder), read_policy(folder, over), over)


def read_contract(folder: Path) -> Contract:
    """Read `contract.yaml`."""
    file = folder / "contract.yaml"
    return parse_contract(_yaml(file), use_case=folder.name, file=f"{folder.name}/{file.name}")


def read_policy(folder: Path, over: Path | None = None) -> Policy:
    """Read `policy.yaml` with the overlay laid over it."""
    file = folder / "policy.yaml"
    document, source = _yaml(file), f"{folder.name}/{file.name}"
    if over:
        document, source = overlay(document, _yaml(over)), f"{source} under {over.name}"
    return parse_policy(document, use_case=folder.name, file=source)


def read_policies(reference: Path, over: Path | None = None) -> Iterator[Policy]:
    """Every use case's policy, for DAG files."""
    for name in names(reference):
        yield read_policy(reference / name, over)


def names(reference: Path) -> list[str]:
    """The use cases there are, in order."""
    return sorted(folder.parent.name for folder in reference.glob("*/contract.yaml"))


def _yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except FileNotFoundError as error:
        raise UseCaseError(f"{file} is missing: every use case needs one") from error
    except yaml.YAMLError as error:
        raise UseCaseError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
