"""The manifest of a day of the audit trail: what each of its files holds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

FORMAT = 1
LATE_DAYS = 7  # days that are looked at again for rows that came late


class AuditFile(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file.

    `schema` has the type of each column. `contracts` are the hashes that its predictions name.
    `logged_until` is the transaction id below which the rows of its table and day are exported;
    `ids` are the rows of a table without such ids.
    """

    file: str
    table: str
    rows: int
    bytes: int
    sha256: str
    schema: dict[str, str]
    contracts: list[str] = []
    logged_until: str | None = None
    ids: list[int] = []


class AuditContract(msgspec.Struct, frozen=True, kw_only=True):
    """The use case of a contract, and the names of the values in `features`, in their order."""

    use_case: str
    columns: list[str]


class AuditManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one day in UTC, and the contracts that its predictions name."""

    day: date
    files: list[AuditFile] = []
    contracts: dict[str, AuditContract] = {}
    format: int = FORMAT

    def of_table(self, table: str) -> list[AuditFile]:
        """Return the files of a table, oldest first."""
        return [file for file in self.files if file.table == table]

    def logged_until(self, table: str) -> str:
        """Return the transaction id below which a table's rows are exported; "0" at first."""
        return max(
            (file.logged_until or "0" for file in self.of_table(table)), key=int, default="0"
        )

    def exported(self, table: str) -> list[int]:
        """Return the ids of the rows of a table that are exported."""
        return [id_ for file in self.of_table(table) for id_ in file.ids]

    def next_file(self, table: str) -> str:
        """Return the name of the next file of a table."""
        return f"{table}-{len(self.of_table(table)) + 1:04d}.parquet"

    def with_file(
        self, file: AuditFile, contracts: Mapping[str, AuditContract] | None = None
    ) -> "AuditManifest":
        """Return the manifest with one more file, and its contracts."""
        return msgspec.structs.replace(
            self, files=[*self.files, file], contracts={**self.contracts, **(contracts or {})}
        )


def days_to_export(first: date | None, written: Iterable[date], today: date) -> list[date]:
    """Return the days to look at, oldest first: those without a manifest, and the newest ones.

    Today is left out, because it is not complete.
    """
    if first is None:
        return []
    known = set(written)
    recent = today - timedelta(days=LATE_DAYS)
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    return [day for day in days if day not in known or day >= recent]


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the start of a day in UTC, and that of the next day."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def faults(manifest: AuditManifest, digests: Mapping[str, str]) -> list[str]:
    """Return what differs from the manifest; `digests` has the SHA-256 of each file that exists."""
    problems = []
    for file in manifest.files:
        if file.file not in digests:
            problems.append(f"{manifest.day}/{file.file} is missing")
        elif digests[file.file] != file.sha256:
            problems.append(f"{manifest.day}/{file.file} has changed since it was written")
    return problems


def encode(manifest: AuditManifest) -> bytes:
    """Return a manifest as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode(content: bytes) -> AuditManifest:
    """Read a manifest; raises msgspec.ValidationError or msgspec.DecodeError for anything else."""
    return msgspec.json.decode(content, type=AuditManifest)


def schema_of(names: Iterable[str], types: Iterable[Any]) -> dict[str, str]:
    """Return the type of each column as text."""
    return {name: str(kind) for name, kind in zip(names, types, strict=True)}
