"""Which files of a use case are deleted, and which decisions still need a file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.rules.use_case.retention import SHORTEST

KINDS = ("snapshots", "datasets", "quarantine", "reports")


@dataclass(frozen=True)
class StoredFile:
    """A file of the artifact store: its kind, its name without a suffix, and when it was written.

    The name of a snapshot or a dataset is its id.
    """

    kind: str
    name: str
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class FileUser:
    """A decision that needs its files: of a registered model, open, or approved.

    `snapshot` is the one that its run named, `history` the one that also trained its model.
    """

    id: int
    run_id: str
    verdict: str | None
    challenger_version: int | None
    snapshot: str | None
    history: str | None
    train: str | None
    holdout: str | None

    def uses(self) -> dict[str, str]:
        """Return the id of each table that the decision needs, by the purpose of the table."""
        purposes = {
            "snapshot of the run": self.snapshot,
            "history": self.history,
            "training data": self.train,
            "held-out data": self.holdout,
        }
        return {purpose: id_ for purpose, id_ in purposes.items() if id_}

    @property
    def title(self) -> str:
        """The decision, with the version that it is about."""
        if self.challenger_version is None:
            return f"decision {self.id}"
        return f"decision {self.id} (version {self.challenger_version})"


def used_ids(users: Iterable[FileUser]) -> set[str]:
    """Return the ids of the snapshots and datasets that decisions need."""
    return {id_ for user in users for id_ in user.uses().values()}


def uses_of(id_: str, users: Iterable[FileUser], champion: int | None) -> list[str]:
    """Say which decisions need a snapshot or a dataset, and for what."""
    lines = []
    for user in users:
        for purpose, used in user.uses().items():
            if used == id_:
                production = champion is not None and user.challenger_version == champion
                suffix = ", in Production" if production else ""
                lines.append(f"{user.title}: {purpose}{suffix}")
    return lines


def expired_files(
    files: Iterable[StoredFile],
    retention: Retention,
    *,
    users: Sequence[FileUser],
    champion: int | None,
    now: datetime,
) -> list[StoredFile]:
    """Return the files to delete: past the retention of their kind, and needed by no decision.

    Drift reports have a retention of their own (`report.keep`). Files of today and yesterday are
    always kept.
    """
    keep: Mapping[str, timedelta] = {kind: getattr(retention, kind) for kind in KINDS}
    used = used_ids(users)
    expired = []
    for file in files:
        if file.kind not in keep or now - file.modified < max(keep[file.kind], SHORTEST):
            continue
        if file.kind in ("snapshots", "datasets") and file.name in used:
            continue
        if file.kind == "reports" and _is_needed_report(file.name, users, champion):
            continue
        expired.append(file)
    return expired


def report_name(run_id: str) -> str:
    """Return a run id as it is part of a report's name."""
    return "".join(
        character if character.isalnum() or character in "-_." else "_" for character in run_id
    )


def _is_needed_report(name: str, users: Collection[FileUser], champion: int | None) -> bool:
    """Whether a report is about a decision that needs its files, about the champion, or drift."""
    if name.startswith("drift-"):
        return True
    if champion is not None and name.startswith(f"explanations-v{champion}-"):
        return True
    return any(name.startswith(f"validation-{report_name(user.run_id)}") for user in users)
