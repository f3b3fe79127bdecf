"""What is said of an uploaded file; runs are in tests/integration/test_scoring_jobs.py."""

from datetime import UTC, datetime
from uuid import UUID

from pipelines.batch_scoring.uploaded import _of_upload
from pipelines.errors import DataError
from pipelines.records import ScoringJob

JOB = ScoringJob(
    job_id=UUID(int=7),
    use_case="fraud",
    origin="API",
    file_name="rows.csv",
    format="csv",
    is_logged=False,
    state="RUNNING",
    requested_by="ann",
    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    model_version=None,
    scored_at=None,
    started_at=None,
    finished_at=None,
    attempts=1,
    rows=None,
    flagged=None,
    refused=None,
    quarantine=None,
    error=None,
)


def test_an_error_names_the_file_without_the_folders_of_the_server() -> None:
    path = f"/home/sixgate/jobs/fraud/{JOB.job_id}/rows.csv"
    assert _of_upload(JOB, DataError(f"{path}: it has no rows")) == "rows.csv: it has no rows"
    assert _of_upload(JOB, DataError(f"no {path}\n here")) == "no rows.csv here"
