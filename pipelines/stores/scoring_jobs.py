"""Jobs that score files, in `scoring_jobs`."""

from datetime import datetime
from uuid import UUID

from pipelines.stores.database import Connection, queries


class ScoringJobStore:
    """Files that were scored and logged from the command line, or are scored by request."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(
        self,
        job_id: UUID,
        use_case: str,
        *,
        file_name: str,
        form: str,
        model_version: int,
        requested_by: str | None = None,
    ) -> datetime:
        """Start a job whose predictions are logged; return its time, which a repeated job keeps."""
        row = queries("scoring_jobs").open_job(
            self._connection,
            job_id=job_id,
            use_case=use_case,
            file_name=file_name,
            format=form,
            model_version=model_version,
            requested_by=requested_by,
        )
        scored_at: datetime = row["scored_at"]
        return scored_at

    def finish(
        self, job_id: UUID, *, rows: int, flagged: int, refused: int, quarantine: str | None
    ) -> None:
        """Store the counts of a job that was done."""
        queries("scoring_jobs").finish_job(
            self._connection,
            job_id=job_id,
            rows=rows,
            flagged=flagged,
            refused=refused,
            quarantine=quarantine,
        )

    def fail(
        self,
        job_id: UUID,
        error: str,
        *,
        refused: int | None = None,
        quarantine: str | None = None,
    ) -> None:
        """Store why a job can't be done."""
        queries("scoring_jobs").fail_job(
            self._connection,
            job_id=job_id,
            error=error,
            rows=None if refused is None else 0,
            flagged=None if refused is None else 0,
            refused=refused,
            quarantine=quarantine,
        )
