"""Read a use case: the contract and policy of one model, from its folder.

Contract and policy are copied to SIXGATE_HOME whenever a step finds them valid. While a file is
invalid, its copy stays in force. Airflow imports this module when it parses DAGs, so it must import
quickly.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipelines.errors import UseCaseError
from pipelines.rules.gates.slices import conditions
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_changes import require_applicable
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.rules.use_case.every_fault import Examined, every_fault
from pipelines.rules.use_case.policy import Policy, overlay, parse_policy

T = TypeVar("T")
CONTRACT = "contract.yaml"
POLICY = "policy.yaml"
ALL = "all"
MAX_FILE_BYTES = 2**20
MAX_DEPTH = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UseCase:
    """One model's folder, with its contract and policy.

    `texts` holds the text of each file by its name; the policy's text has the overlay merged in.
    When a file of the folder is invalid, `fault` is its error and `substitute` names what is in
    force instead.
    """

    name: str
    folder: Path
    contract: Contract
    policy: Policy
    overlay: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    fault: UseCaseError | None = field(default=None, compare=False)
    substitute: str = ""

    @property
    def warning(self) -> UseCaseError | None:
        """The fault and what is in force instead; None while the folder's files are valid."""
        return UseCaseError(f"{self.fault}. {self.substitute}") if self.fault else None


def read_use_case(reference: Path, name: str, overlay_file: Path | None = None) -> UseCase:
    """Read and check one use case.

    Raises UseCaseError when a file is invalid; its message names file, key, value and remedy.
    """
    require_name(reference, name)
    folder = reference / name
    contract, contract_text = _read_contract(folder)
    policy, policy_text = _read_policy(folder, overlay_file)
    _require_match(policy, contract)
    return UseCase(
        name=name,
        folder=folder,
        contract=contract,
        policy=policy,
        overlay=overlay_file,
        texts={CONTRACT: contract_text, POLICY: policy_text},
    )


def read_applicable(reference: Path, name: str, overlay_file: Path | None, copies: Path) -> UseCase:
    """Read one use case; UseCaseError also when its contract has a change that is refused."""
    use_case = read_use_case(reference, name, overlay_file)
    _require_applicable(use_case.contract, copies)
    return use_case


def read_in_force(reference: Path, name: str, overlay_file: Path | None, copies: Path) -> UseCase:
    """Read one use case; while one of its files is invalid, read the file's copy in `copies`.

    A contract with a change that is refused counts as invalid. Raises UseCaseError when the copy is
    missing or invalid too.
    """
    try:
        return read_applicable(reference, name, overlay_file, copies)
    except UseCaseError as error:
        if Path(name).name != name:  # a path, such as ../fraud, must not lead out of `copies`
            raise
        folder = reference / name
        in_force = _read_with_copies(folder, copies / name, overlay_file, error)
        if in_force is None:
            raise
        return in_force


def _read_with_copies(
    folder: Path, copy: Path, overlay_file: Path | None, error: UseCaseError
) -> UseCase | None:
    """Read the folder's valid files, and the copies of the others; None when that is impossible.

    The overlay applies to the folder's policy only: a copy of the policy has it merged in.
    """
    for contract_folder, policy_folder in ((folder, copy), (copy, folder), (copy, copy)):
        with contextlib.suppress(UseCaseError):
            contract = read_contract(contract_folder)
            _require_applicable(contract, copy.parent)
            policy = read_policy(policy_folder, overlay_file if policy_folder == folder else None)
            _require_match(policy, contract)
            sources = (contract_folder / CONTRACT, policy_folder / POLICY)
            return UseCase(
                name=folder.name,
                folder=folder,
                contract=contract,
                policy=policy,
                overlay=overlay_file,
                fault=_every_fault(folder, overlay_file, error),
                substitute=_stays_in_force([file for file in sources if file.parent == copy]),
            )
    return None


def read_contract_in_force(folder: Path, copies: Path) -> Contract:
    """Read the contract alone and copy it to `copies`; while it is invalid, read its copy.

    Raises UseCaseError when the copy is missing or invalid too.
    """
    try:
        contract, text = _read_contract(folder)
        _require_applicable(contract, copies)
    except UseCaseError:
        with contextlib.suppress(UseCaseError):
            return read_contract(copies / folder.name)
        raise
    keep(copies, folder.name, {CONTRACT: text})
    return contract


def keep(copies: Path, name: str, texts: Mapping[str, str]) -> None:
    """Write valid files of a use case to `copies`, readable by the owner only.

    A file whose text is unchanged is not written. When `copies` is not writable, a warning is
    logged and nothing else changes.
    """
    try:
        for file, text in texts.items():
            _write_changed(copies / name / file, text)
    except OSError as error:
        log.warning(
            "no copy of the valid policy of %s can be kept in %s: %s", name, copies, error.strerror
        )


def keep_valid(reference: Path, overlay_file: Path | None, copies: Path, only: str = "") -> None:
    """Copy the files of every valid use case to `copies`."""

    def read(folder: Path) -> UseCase:
        return read_applicable(reference, folder.name, overlay_file, copies)

    valid, _ = read_each(reference, read, only)
    for use_case in valid:
        keep(copies, use_case.name, use_case.texts)


def read_new_contract(folder: Path, copies: Path) -> Contract:
    """Read `contract.yaml`; UseCaseError when it is invalid or has a change that is refused."""
    contract = read_contract(folder)
    _require_applicable(contract, copies)
    return contract


def read_contract(folder: Path) -> Contract:
    """Read `contract.yaml`."""
    contract, _ = _read_contract(folder)
    return contract


def read_contract_file(file: Path, use_case: str) -> Contract:
    """Read a contract of a use case from any file."""
    _, document = _yaml(file)
    return parse_contract(document, use_case=use_case, file=str(file))


def read_policy(folder: Path, overlay_file: Path | None = None) -> Policy:
    """Read `policy.yaml` and merge the overlay into it."""
    policy, _ = _read_policy(folder, overlay_file)
    return policy


def examine_contract(folder: Path) -> Examined[Contract]:
    """Return all faults of `contract.yaml`, and the contract without what is at fault."""
    file = f"{folder.name}/{CONTRACT}"
    try:
        _, document = _yaml(folder / CONTRACT)
    except UseCaseError as fault:
        return Examined([fault], None, frozenset())
    return every_fault(
        lambda content: parse_contract(content, use_case=folder.name, file=file), document
    )


def examine_policy(folder: Path, overlay_file: Path | None) -> Examined[Policy]:
    """Return all faults of `policy.yaml`, and the policy without what is at fault.

    The overlay is laid over a policy without faults; then its faults are returned.
    """
    file = f"{folder.name}/{POLICY}"
    try:
        _, document = _yaml(folder / POLICY)
        changes = None
        if overlay_file is not None:
            changes = _overlay_document(overlay_file)
            file_with_overlay = f"{file} under {overlay_file.name}"
    except UseCaseError as fault:
        return Examined([fault], None, frozenset())
    own = every_fault(
        lambda content: parse_policy(content, use_case=folder.name, file=file), document
    )
    if changes is None or own.faults:
        return own
    return every_fault(
        lambda content: parse_policy(content, use_case=folder.name, file=file_with_overlay),
        overlay(document, changes),
    )


def read_each(
    reference: Path, read: Callable[[Path], T], only: str = ""
) -> tuple[list[T], dict[str, UseCaseError]]:
    """Call `read` on the folder of each use case; return the results, and the faults by name."""
    results: list[T] = []
    faults: dict[str, UseCaseError] = {}
    for name in chosen(reference, only):
        try:
            results.append(read(reference / name))
        except UseCaseError as fault:
            faults[name] = fault
    return results, faults


def require_name(reference: Path, name: str) -> None:
    """Raise UseCaseError, with the valid names, unless `name` is a use case."""
    valid = names(reference)
    if name not in valid:
        raise UseCaseError(
            f"there is no use case {name!r}, a folder of {reference} with a contract.yaml: "
            f"known are {', '.join(valid) or 'none'}"
        )


def chosen(reference: Path, only: str = "") -> list[str]:
    """List the use cases that a deployment runs.

    `only` is SIXGATE_USE_CASES, comma-separated names in order; empty or "all" selects every one.
    """
    listed = dict.fromkeys(name.strip() for name in only.split(",") if name.strip())
    return names(reference) if not listed or ALL in listed else list(listed)


def names(reference: Path) -> list[str]:
    """List all use cases in order: folders with a contract or, if that was lost, a policy."""
    files = [path for file in (CONTRACT, POLICY) for path in reference.glob(f"*/{file}")]
    return sorted({file.parent.name for file in files})


def _read_contract(folder: Path) -> tuple[Contract, str]:
    text, document = _yaml(folder / CONTRACT)
    file = f"{folder.name}/{CONTRACT}"
    return parse_contract(document, use_case=folder.name, file=file), text


def _read_policy(folder: Path, overlay_file: Path | None) -> tuple[Policy, str]:
    text, document = _yaml(folder / POLICY)
    source = f"{folder.name}/{POLICY}"
    # An overlay must not hide what is wrong with the file, such as lost content.
    policy = parse_policy(document, use_case=folder.name, file=source)
    if overlay_file is None:
        return policy, text
    document = overlay(document, _overlay_document(overlay_file))
    source = f"{source} under {overlay_file.name}"
    merged = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    text = f"# {POLICY} with {overlay_file.name} laid over it\n{merged}"
    return parse_policy(document, use_case=folder.name, file=source), text


def _overlay_document(overlay_file: Path) -> Any:
    if not overlay_file.is_file():
        raise UseCaseError(
            f"SIXGATE_POLICY_OVERLAY: {overlay_file} is not a file: name one, or unset it"
        )
    _, changes = _yaml(overlay_file)
    return changes


def _require_applicable(contract: Contract, copies: Path) -> None:
    """Raise UseCaseError when the contract in force can't be replaced by this one."""
    try:
        in_force = read_contract(copies / contract.use_case)
    except UseCaseError:  # no contract was in force yet
        return
    require_applicable(in_force, contract, file=f"{contract.use_case}/{CONTRACT}")


def mismatches(policy: Policy, contract: Contract) -> Iterator[UseCaseError]:
    """Yield what the policy says of columns that the contract does not have."""
    for name, condition in policy.evaluation.slices.items():
        try:
            conditions({name: condition}, contract)
        except UseCaseError as fault:
            yield fault
    for feature in policy.drift.ignore:
        if feature not in contract.columns:
            yield UseCaseError(
                f"{contract.use_case}/{POLICY}: drift.ignore: {feature!r} is not a column of the "
                f"contract: known are {', '.join(contract.columns)}",
                key="drift.ignore",
            )
    if not contract.has_times and policy.evaluation.split == "time":
        yield UseCaseError(
            f"{contract.use_case}/{POLICY}: evaluation.split: 'time' needs event times, and the "
            "contract names no column of them: write `split: id` under `evaluation`, or add "
            "`event_time:` to the contract",
            key="evaluation.split",
        )


def _require_match(policy: Policy, contract: Contract) -> None:
    """Raise the first mismatch."""
    for fault in mismatches(policy, contract):
        raise fault


def _every_fault(folder: Path, overlay_file: Path | None, first: UseCaseError) -> UseCaseError:
    """Collect the faults of contract and policy; `first` when each is valid by itself."""
    faults = []
    for read in (lambda: _read_contract(folder), lambda: _read_policy(folder, overlay_file)):
        try:
            read()
        except UseCaseError as fault:
            faults.append(str(fault))
    return UseCaseError("; ".join(faults) or str(first))


def _stays_in_force(copies: Sequence[Path]) -> str:
    """Name the copies in use, and when each was last known to be valid."""
    named = []
    for copy in copies:
        written = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
        named.append(f"{copy.name} of {written:%Y-%m-%d %H:%M} UTC")
    verb = "stays" if len(named) == 1 else "stay"
    return f"The last valid {' and '.join(named)} {verb} in force"


def _write_changed(file: Path, text: str) -> None:
    """Replace a file atomically, unless it has this text already."""
    content = text.encode()
    with contextlib.suppress(FileNotFoundError):
        if file.read_bytes() == content:
            return
    for folder in (file.parent.parent, file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


class _Loader(yaml.CSafeLoader):
    """A YAML loader that rejects repeated keys; PyYAML keeps the last of them without an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                key_node, _ = node.value[index]
                raise yaml.MarkedYAMLError(
                    problem=f"{key!r} is given twice", problem_mark=key_node.start_mark
                )
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes shared values in full, because `_Loader` rejects aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _require_bounded(text: str) -> None:
    """Raise YAMLError for aliases and for deep nesting, before any value is built.

    A few lines of aliases can expand to millions of values. libyaml builds nested values by
    recursion in C, where a full stack ends the process.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases (*name) are not read here {event.start_mark}")
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels {event.start_mark}")


def _yaml(file: Path) -> tuple[str, Any]:
    """Read a YAML file; return its text and its document."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise UseCaseError(
                f"{file} is larger than {MAX_FILE_BYTES:,} bytes: "
                "a contract or a policy must be smaller"
            )
        text = file.read_text(encoding="utf-8")
        _require_bounded(text)
        return text, yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except FileNotFoundError as error:
        raise UseCaseError(f"{file} is missing: every use case needs one") from error
    except OSError as error:
        raise UseCaseError(
            f"{file} can't be read ({error.strerror}): make it a file that this user may read"
        ) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # ValueError: invalid UTF-8, or an invalid date such as 2026-13-45.
        # TypeError: a key that is not hashable, such as [a]: 1.
        detail = " ".join(str(error).split())
        raise UseCaseError(f"{file} is not YAML that Sixgate accepts: {detail}") from error
