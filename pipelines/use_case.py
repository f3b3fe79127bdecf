"""A use case is a folder; this reads it. Light: it is imported where Airflow parses DAGs.

Contract and policy are kept in SIXGATE_HOME whenever a step finds them valid. While a file is invalid, the copy stays in force.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.gates.slices import conditions
from pipelines.rules.use_case.contract import Contract, parse_contract
from pipelines.rules.use_case.policy import Policy, overlay, parse_policy

T = TypeVar("T")
CONTRACT, POLICY = "contract.yaml", "policy.yaml"
ALL = "all"
LARGEST = 2**20  # bytes of a file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UseCase:
    """One model's folder: contract, policy and frozen baseline.

    `texts` holds the files as they were read, by name; the policy's with the overlay laid over it. `fault` says why other
    sources than the folder's files are in force, and `instead` which.
    """

    name: str
    folder: Path
    contract: Contract
    policy: Policy
    overlay: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    fault: UseCaseError | None = field(default=None, compare=False)
    instead: str = ""

    @property
    def warning(self) -> UseCaseError | None:
        """The fault, and what is in force instead; None while the folder's files are valid."""
        return UseCaseError(f"{self.fault}. {self.instead}") if self.fault else None


def read_use_case(reference: Path, name: str, over: Path | None = None) -> UseCase:
    """Read and check one use case; a fault raises UseCaseError naming file, key, value and remedy."""
    require_name(reference, name)
    folder = reference / name
    contract, contract_text = _read_contract(folder)
    policy, policy_text = _read_policy(folder, over)
    _require_columns(policy, contract)
    return UseCase(
        name, folder, contract, policy, over, {CONTRACT: contract_text, POLICY: policy_text}
    )


def read_in_force(reference: Path, name: str, over: Path | None, copies: Path) -> UseCase:
    """Read one use case; while a file is invalid, its copy in `copies` stays in force. Without one, UseCaseError."""
    folder, copy = reference / name, copies / name
    try:
        return read_use_case(reference, name, over)
    except UseCaseError as error:
        if Path(name).name != name:  # not a name but a path: no copy of ours lies there
            raise
        for contract_folder, policy_folder in ((folder, copy), (copy, folder), (copy, copy)):
            with contextlib.suppress(UseCaseError):
                contract = read_contract(contract_folder)
                policy = read_policy(policy_folder, over if policy_folder == folder else None)
                _require_columns(policy, contract)
                used = [
                    source / file
                    for source, file in ((contract_folder, CONTRACT), (policy_folder, POLICY))
                    if source == copy
                ]
                fault = _every_fault(folder, over, error)
                return UseCase(
                    name, folder, contract, policy, over, fault=fault, instead=_stays_in_force(used)
                )
        raise


def read_contract_in_force(folder: Path, copies: Path) -> Contract:
    """Read the contract alone and keep it in `copies`; while it is invalid, its copy. Without one, UseCaseError."""
    try:
        contract, text = _read_contract(folder)
    except UseCaseError:
        with contextlib.suppress(UseCaseError):
            return read_contract(copies / folder.name)
        raise
    keep(copies, folder.name, {CONTRACT: text})
    return contract


def keep(copies: Path, name: str, texts: Mapping[str, str]) -> None:
    """Keep valid files as the copy of a use case, for the owner alone. What is equal is not written.

    A home that can't be written costs the copy and nothing else.
    """
    try:
        for file, text in texts.items():
            _write_changed(copies / name / file, text)
    except OSError as error:
        log.warning(
            "no copy of the valid policy of %s can be kept in %s: %s", name, copies, error.strerror
        )


def keep_valid(reference: Path, over: Path | None, copies: Path, only: str = "") -> None:
    """Keep the files of every use case that is valid now."""
    valid, _ = read_each(
        reference, lambda folder: read_use_case(reference, folder.name, over), only
    )
    for use_case in valid:
        keep(copies, use_case.name, use_case.texts)


def read_contract(folder: Path) -> Contract:
    """Read `contract.yaml`."""
    return _read_contract(folder)[0]


def read_policy(folder: Path, over: Path | None = None) -> Policy:
    """Read `policy.yaml` with the overlay laid over it."""
    return _read_policy(folder, over)[0]


def read_each(
    reference: Path, read: Callable[[Path], T], only: str = ""
) -> tuple[list[T], dict[str, UseCaseError]]:
    """Read every use case's folder by itself: what could be read, and the fault of each that could not, by its name."""
    good: list[T] = []
    faults: dict[str, UseCaseError] = {}
    for name in chosen(reference, only):
        try:
            good.append(read(reference / name))
        except UseCaseError as fault:
            faults[name] = fault
    return good, faults


def require_name(reference: Path, name: str) -> None:
    """Raise UseCaseError, with the names there are, unless `name` is a use case."""
    if name not in names(reference):
        known = ", ".join(names(reference)) or "none"
        raise UseCaseError(
            f"there is no use case {name!r}, a folder of {reference} with a contract.yaml: known are {known}"
        )


def chosen(reference: Path, only: str = "") -> list[str]:
    """The use cases that a deployment runs: those that SIXGATE_USE_CASES lists, or all there are, in order."""
    listed = dict.fromkeys(name.strip() for name in only.split(",") if name.strip())
    return names(reference) if not listed or ALL in listed else list(listed)


def names(reference: Path) -> list[str]:
    """The use cases there are, in order: folders with a contract or, where that was lost, a policy."""
    return sorted(
        {path.parent.name for file in (CONTRACT, POLICY) for path in reference.glob(f"*/{file}")}
    )


def _read_contract(folder: Path) -> tuple[Contract, str]:
    text, document = _yaml(folder / CONTRACT)
    return parse_contract(document, use_case=folder.name, file=f"{folder.name}/{CONTRACT}"), text


def _read_policy(folder: Path, over: Path | None) -> tuple[Policy, str]:
    text, document = _yaml(folder / POLICY)
    source = f"{folder.name}/{POLICY}"
    if over and not over.is_file():
        raise UseCaseError(f"SIXGATE_POLICY_OVERLAY: {over} is no file: name one, or unset it")
    if over:
        document, source = overlay(document, _yaml(over)[1]), f"{source} under {over.name}"
        whole = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        text = f"# {POLICY} with {over.name} laid over it\n{whole}"
    return parse_policy(document, use_case=folder.name, file=source), text


def _require_columns(policy: Policy, contract: Contract) -> None:
    """Raise UseCaseError unless the policy's slices and ignored features are columns of the contract."""
    conditions(policy.evaluation.slices, contract)
    if unknown := [feature for feature in policy.drift.ignore if feature not in contract.columns]:
        known = ", ".join(contract.columns)
        key = f"{contract.use_case}/{POLICY}: drift.ignore"
        raise UseCaseError(f"{key}: {unknown[0]!r} is no column of the contract: known are {known}")


def _every_fault(folder: Path, over: Path | None, first: UseCaseError) -> UseCaseError:
    """What is wrong with contract and policy; `first` when each is valid by itself."""
    faults = []
    for read in (lambda: _read_contract(folder), lambda: _read_policy(folder, over)):
        try:
            read()
        except UseCaseError as fault:
            faults.append(str(fault))
    return UseCaseError("; ".join(faults) or str(first))


def _stays_in_force(copies: Sequence[Path]) -> str:
    """Name the copies in use, and since when each has been valid."""
    kept = [
        f"{copy.name} of {datetime.fromtimestamp(copy.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
        for copy in copies
    ]
    return f"The last valid {' and '.join(kept)} stay{'s' * (len(kept) == 1)} in force"


def _write_changed(file: Path, text: str) -> None:
    """Write a file whole or not at all, unless it has this text already."""
    content = text.encode()
    with contextlib.suppress(FileNotFoundError):
        if file.read_bytes() == content:
            return
    for folder in (file.parent.parent, file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        Path(new).replace(file)
    finally:
        Path(new).unlink(missing_ok=True)


class _Loader(yaml.SafeLoader):
    """A key given twice is an error: YAML would keep the last one, and say nothing. So is an alias, by which a few lines
    can stand for millions.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not read here", problem_mark=self.get_mark()
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} is given twice", problem_mark=node.value[at][0].start_mark
                )
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes what is shared twice, as aliases are not read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(file: Path) -> tuple[str, Any]:
    """A file's text, and the document it holds."""
    try:
        if file.stat().st_size > LARGEST:
            raise UseCaseError(
                f"{file} is larger than {LARGEST:,} bytes: it is no contract and no policy"
            )
        text = file.read_text(encoding="utf-8")
        return text, yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except FileNotFoundError as error:
        raise UseCaseError(f"{file} is missing: every use case needs one") from error
    except OSError as error:
        raise UseCaseError(
            f"{file} can't be read ({error.strerror}): make it a file that this user may read"
        ) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # ValueError: bytes that are no UTF-8, or a date such as 2026-13-45. TypeError: a key that can't be one, as [a]: 1.
        raise UseCaseError(
            f"{file} is not YAML as it is read here: {' '.join(str(error).split())}"
        ) from error
