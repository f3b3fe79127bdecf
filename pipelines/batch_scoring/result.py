"""The result of scoring a file."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pipelines.errors import DataError
from pipelines.rules.ingestion.refusals import Refusal


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """The result of scoring a file.

    `out` is None when no row was scored. `logged` counts the predictions that are new in the log.
    `unit` says what the numbers of samples count: lines or rows.
    """

    out: Path | None
    rows: int
    flagged: int
    refused: int
    model_version: int
    threshold: float
    quarantine: Path | None = None
    treated: dict[str, int] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    unit: str = "row"
    job: UUID | None = None
    logged: int | None = None

    @property
    def share_refused(self) -> float:
        """The share of the rows that were refused."""
        return self.refused / max(self.rows + self.refused, 1)


@dataclass(frozen=True)
class LoggedJob:
    """A job whose predictions are logged: by its id and its time, its rows have the same ids."""

    id: UUID
    scored_at: datetime

    @property
    def replica(self) -> str:
        """What the log has in the place of the server that scored a row."""
        return f"job-{self.id}"


class NoRowScored(DataError):
    """Every row was refused; no scored file was written."""

    def __init__(self, message: str, scored: ScoredFile) -> None:
        super().__init__(message)
        self.scored = scored
