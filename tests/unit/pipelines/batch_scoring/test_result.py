"""The result of scoring a file."""

from datetime import UTC, datetime
from uuid import UUID

from pipelines.batch_scoring.result import LoggedJob, ScoredFile


def result(rows: int, refused: int) -> ScoredFile:
    return ScoredFile(
        out=None, rows=rows, flagged=0, refused=refused, model_version=1, threshold=0.5
    )


def test_the_share_of_refused_rows_is_of_all_rows() -> None:
    assert result(3, 1).share_refused == 0.25
    assert result(0, 0).share_refused == 0


def test_the_log_names_the_job_in_the_place_of_a_server() -> None:
    job = LoggedJob(UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC))
    assert job.replica == "job-00000000-0000-0000-0000-000000000001"
