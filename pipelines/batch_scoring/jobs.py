"""Runs one file: load the model, score the rows, log the predictions when that is asked for."""

import hashlib
from functools import partial
from pathlib import Path
from uuid import UUID, uuid5

from pipelines.batch_scoring.file_scoring import Progress, score_rows
from pipelines.batch_scoring.files.formats import open_rows, scored_file
from pipelines.batch_scoring.result import LoggedJob, NoRowScored, ScoredFile
from pipelines.batch_scoring.serving_model import BatchModel
from pipelines.errors import EvidenceError, ParameterError, SixgateError
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.scoring_jobs import ScoringJobStore

JOBS = UUID("5d1f6f0e-3c1b-5a52-9d0b-6f1a3f0f6c4e")  # the namespace of jobs of the command line


def score_file(
    settings: Settings,
    connection: Connection,
    model: BatchModel,
    file: Path,
    *,
    csv: CsvFormat,
    out: Path | None = None,
    form: str | None = None,
    log: bool = False,
    progress: Progress = lambda _: None,
) -> ScoredFile:
    """Score a file with a loaded model; `connection` is autocommit.

    With `log`, the predictions are logged. The same file, scored again with the same version, is
    logged once: its predictions have the same ids. Raises as `score_rows` does, and ParameterError
    for an output that can't be meant.
    """
    target, form = scored_file(file, out=out, form=form)
    if target.resolve() == file.resolve():
        raise ParameterError(f"--out {target} is the file that is scored: name another one")
    rows = open_rows(file, model.contract, csv)
    artifacts = Artifacts.of(settings, model.contract.use_case)
    if not log:
        return score_rows(rows, model, artifacts, target, form, progress=progress)
    jobs = ScoringJobStore(connection)
    job = _opened(jobs, model, file, form)
    try:
        scored = score_rows(
            rows,
            model,
            artifacts,
            target,
            form,
            job=job,
            log=partial(jobs.log, job.id),
            progress=progress,
        )
    except NoRowScored as fault:
        quarantine = fault.scored.quarantine
        name = quarantine.name if quarantine else None
        jobs.fail(job.id, str(fault), refused=fault.scored.refused, quarantine=name)
        raise
    except SixgateError as fault:
        jobs.fail(job.id, str(fault))
        raise
    store_result(jobs, job.id, scored)
    return scored


def store_result(jobs: ScoringJobStore, job_id: UUID, scored: ScoredFile) -> None:
    """Store the counts of a scored file with its job."""
    jobs.finish(
        job_id,
        rows=scored.rows,
        flagged=scored.flagged,
        refused=scored.refused,
        quarantine=scored.quarantine.name if scored.quarantine else None,
    )


def job_id_of(file: Path, model: BatchModel) -> UUID:
    """Return the id of a file's job: that of its content, the version and the contract."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    contract = model.contract
    return uuid5(JOBS, f"{contract.use_case}/{model.version}/{contract.hash}/{digest}")


def _opened(jobs: ScoringJobStore, model: BatchModel, file: Path, form: str) -> LoggedJob:
    job_id = job_id_of(file, model)
    jobs.open(job_id, model.contract.use_case, file_name=file.name, form=form)
    started = jobs.start(job_id, model.version)
    if started is None:
        raise EvidenceError(f"the job {job_id} was ended by another process: score the file again")
    _, scored_at = started
    return LoggedJob(job_id, scored_at)
