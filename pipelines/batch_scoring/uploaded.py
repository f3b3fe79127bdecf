"""Scores files that were uploaded to the scoring server."""

import logging
from functools import partial
from uuid import UUID

from pipelines.batch_scoring.file_scoring import Progress, score_rows
from pipelines.batch_scoring.files.formats import open_rows
from pipelines.batch_scoring.jobs import store_result
from pipelines.batch_scoring.result import LoggedJob, NoRowScored, ScoredFile
from pipelines.batch_scoring.serving_model import BatchModel, load_model
from pipelines.errors import EvidenceError, SixgateError
from pipelines.records import ScoringJob
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.job_files import JobFiles
from pipelines.stores.scoring_jobs import ScoringJobStore
from pipelines.use_case import UseCase

MOST_ATTEMPTS = 3
GIVEN_UP = (
    f"the process that scored it ended {MOST_ATTEMPTS} times without a result: see the log of the "
    "task, and upload it in smaller files"
)

log = logging.getLogger(__name__)


class UploadedFiles:
    """The uploaded files of one use case; `connection` is autocommit."""

    def __init__(self, settings: Settings, connection: Connection, use_case: UseCase) -> None:
        self._settings = settings
        self._connection = connection
        self._use_case = use_case
        self._jobs = ScoringJobStore(connection)

    def waiting(self) -> list[UUID]:
        """List the files that have no result yet, the oldest first."""
        return self._jobs.unfinished(self._use_case.name)

    def score(self, job_id: UUID, *, progress: Progress) -> bool | None:
        """Score one file; return whether that was possible, None when another process does it.

        An error that a retry may resolve, such as a database that does not answer, is raised; the
        job is then RUNNING, and the next run continues with it.
        """
        with self._jobs.locked(job_id) as is_ours:
            if not is_ours:
                log.info("job %s is being scored by another process", job_id)
                return None
            job = self._jobs.get(self._use_case.name, job_id)
            if job is None:
                raise EvidenceError(f"{self._use_case.name} has no job {job_id}")
            if job.state in ("SUCCEEDED", "FAILED"):
                log.info("job %s is %s already", job_id, job.state)
                return job.state == "SUCCEEDED"
            return self._score(job, progress)

    def _score(self, job: ScoringJob, progress: Progress) -> bool:
        if job.attempts >= MOST_ATTEMPTS:
            self._fail(job, GIVEN_UP)
            return False
        try:
            scored = self._scored(job, progress)
        except NoRowScored as fault:
            self._fail(job, _of_upload(job, fault), fault.scored)
            return False
        except SixgateError as fault:
            self._fail(job, _of_upload(job, fault))
            return False
        share = self._use_case.policy.validation.quarantine_share
        if scored.share_refused > share:
            log.warning("job %s: %.1f%% refused", job.job_id, 100 * scored.share_refused)
        store_result(self._jobs, job.job_id, scored)
        self._files(job).remove_rows(job.format)
        log.info(
            "job %s: %s rows scored by version %s, %s refused",
            job.job_id,
            f"{scored.rows:,}",
            scored.model_version,
            f"{scored.refused:,}",
        )
        return True

    def _scored(self, job: ScoringJob, progress: Progress) -> ScoredFile:
        model = self._model(job.model_version)
        started = self._jobs.start(job.job_id, model.version)
        if started is None:
            raise EvidenceError(f"job {job.job_id} has a result already")
        version, scored_at = started
        if version != model.version:
            model = self._model(version)
        files = self._files(job)
        rows = open_rows(files.require_rows(job.format), model.contract, model.contract.csv)
        logged = LoggedJob(job.job_id, scored_at) if job.is_logged else None
        return score_rows(
            rows,
            model,
            Artifacts.of(self._settings, self._use_case.name),
            files.scored(job.format),
            job.format,
            job=logged,
            log=partial(self._jobs.log, job.job_id) if job.is_logged else None,
            mode=0o600,
            progress=progress,
        )

    def _model(self, version: int | None) -> BatchModel:
        return load_model(self._settings, self._connection, self._use_case.name, version)

    def _files(self, job: ScoringJob) -> JobFiles:
        return JobFiles.of(self._settings, self._use_case.name, job.job_id)

    def _fail(self, job: ScoringJob, error: str, scored: ScoredFile | None = None) -> None:
        log.warning("job %s failed: %s", job.job_id, error)
        quarantine = scored.quarantine.name if scored and scored.quarantine else None
        self._jobs.fail(
            job.job_id,
            error,
            refused=scored.refused if scored else None,
            quarantine=quarantine,
        )
        self._files(job).remove_rows(job.format)


def _of_upload(job: ScoringJob, fault: SixgateError) -> str:
    """Return a message with the name of the uploaded file, without folders of the server."""
    message = " ".join(str(fault).split())
    marker = f"/{job.job_id}/rows.{job.format}"
    return " ".join(
        word.replace(word.partition(marker)[0] + marker, job.file_name) if marker in word else word
        for word in message.split(" ")
    )
