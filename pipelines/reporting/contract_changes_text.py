"""Changes of a contract as text and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from pipelines.records import ContractVersion
from pipelines.reporting.tables import new_table
from pipelines.rules.use_case.contract_changes import Change

MEANINGS = (
    ("clients", "clients may send"),
    ("champion", "the champion sees"),
    ("challenger", "a challenger is judged"),
    ("drift", "drift and explanations show"),
    ("ends", "the former contract ends"),
)


def change_lines(changes: Sequence[Change]) -> Iterator[str]:
    """Yield what each change is and what it means."""
    for change in changes:
        yield str(change)
        yield f"  {change.kind.name}"
        if change.kind.refused:
            yield f"  REFUSED: {change.kind.refused}"
            continue
        for name, label in MEANINGS:
            yield f"  {label}: {getattr(change.kind, name)}"


def change_document(change: Change) -> dict[str, Any]:
    """Return a change with its meaning, for scripts."""
    kind = asdict(change.kind)
    name = kind.pop("name")
    values = {"key": change.key, "former": change.former, "new": change.new}
    return {**values, "kind": name, **kind}


def versions_table(versions: Sequence[ContractVersion]) -> Table:
    """Return the versions of a contract, the newest first."""
    table = new_table("contract", "state", "applied", "ended", "servers", "models")
    is_current = True
    for version in versions:
        state = "ended"
        if version.ended_at is None:
            state = "current" if is_current else "accepted"
            is_current = False
        table.add_row(
            version.contract_hash,
            state,
            f"{version.applied_at:%Y-%m-%d %H:%M:%S}",
            f"{version.ended_at:%Y-%m-%d %H:%M:%S}" if version.ended_at else "-",
            str(version.replicas),
            ", ".join(str(model) for model in version.models) or "-",
        )
    return table
