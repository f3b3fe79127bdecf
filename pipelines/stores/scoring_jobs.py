"""Jobs that score files, in `scoring_jobs`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from uuid import UUID

from pipelines.records import ScoringJob
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
        requested_by: str | None = None,
    ) -> None:
        """Store a job of a command whose predictions are logged; it may be there already."""
        queries("scoring_jobs").open_job(
            self._connection,
            job_id=job_id,
            use_case=use_case,
            file_name=file_name,
            format=form,
            requested_by=requested_by,
        )

    def log(self, job_id: UUID, lines: Iterable[bytes]) -> int:
        """Log lines of a job's predictions in one transaction; return how many are new.

        A line is a JSON document like one of the journal: the values that its predictions share,
        and in `rows` the others. The use case, the version, the time and the name of the job come
        from the job itself.
        """
        logged = 0
        with self._connection.transaction():
            for line in lines:
                text = line.decode()
                logged += queries("scoring_jobs").log_rows(
                    self._connection, job_id=job_id, line=text
                )
        return logged

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

    def queue(
        self,
        job_id: UUID,
        use_case: str,
        *,
        file_name: str,
        form: str,
        is_logged: bool,
        requested_by: str,
    ) -> None:
        """Store a job for an uploaded file."""
        queries("scoring_jobs").queue_job(
            self._connection,
            job_id=job_id,
            use_case=use_case,
            file_name=file_name,
            format=form,
            is_logged=is_logged,
            requested_by=requested_by,
        )

    def get(self, use_case: str, job_id: UUID) -> ScoringJob | None:
        """Return a job; None when the use case has none of that id."""
        row = queries("scoring_jobs").get_job(self._connection, use_case=use_case, job_id=job_id)
        return ScoringJob(**row) if row else None

    def unfinished(self, use_case: str) -> list[UUID]:
        """List the uploaded files that have no result yet, the oldest first."""
        rows = queries("scoring_jobs").open_jobs(self._connection, use_case=use_case)
        return [row["job_id"] for row in rows]

    @contextmanager
    def locked(self, job_id: UUID) -> Iterator[bool]:
        """Yield whether this session is the only one that scores the job, until the block ends."""
        jobs = queries("scoring_jobs")
        if not jobs.lock_job(self._connection, job_id=job_id):
            yield False
            return
        try:
            yield True
        finally:
            jobs.unlock_job(self._connection, job_id=job_id)

    def start(self, job_id: UUID, model_version: int) -> tuple[int, datetime] | None:
        """Count an attempt; return the version and the time of the first one.

        Returns None when the job is finished.
        """
        row = queries("scoring_jobs").start_job(
            self._connection, job_id=job_id, model_version=model_version
        )
        return (row["model_version"], row["scored_at"]) if row else None

    def expired(self, use_case: str, before: datetime) -> list[UUID]:
        """List the finished jobs of uploaded files that were requested before a time."""
        rows = queries("scoring_jobs").expired_jobs(
            self._connection, use_case=use_case, before=before
        )
        return [row["job_id"] for row in rows]

    def known(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these jobs exist."""
        rows = queries("scoring_jobs").known_jobs(self._connection, job_ids=list(job_ids))
        return {row["job_id"] for row in rows}

    def delete(self, job_id: UUID) -> None:
        """Forget a job whose files were deleted."""
        queries("scoring_jobs").delete_job(self._connection, job_id=job_id)

    def delete_logged(self, use_case: str, before: date) -> int:
        """Forget jobs of commands whose predictions were deleted; return how many."""
        return int(
            queries("scoring_jobs").delete_logged_jobs(
                self._connection, use_case=use_case, before=before
            )
        )
