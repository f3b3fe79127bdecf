"""Score a file: one that the run names, a job, or every uploaded file that waits."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from pipelines.batch_scoring.jobs import score_file
from pipelines.batch_scoring.result import ScoredFile
from pipelines.batch_scoring.serving_model import BatchModel, load_model
from pipelines.batch_scoring.uploaded import UploadedFiles
from pipelines.context import Context
from pipelines.errors import ParameterError, StepSkipped

LOG_EVERY = 10.0  # seconds between lines about the progress

log = logging.getLogger(__name__)


def run(context: Context) -> dict[str, Any]:
    """Score what the run names, else the uploaded files in the order of their requests.

    A file that can't be scored is an error of the run that names it. An uploaded file that can't be
    scored is FAILED with the reason, and the next one follows. A repeated step scores a file again
    and logs nothing twice.
    """
    if context.params.get("file"):
        return _named(context)
    jobs = _jobs(context)
    if not jobs:
        raise StepSkipped("no uploaded file waits to be scored")
    uploaded = UploadedFiles(context.settings, context.connection, context.use_case)
    states = [uploaded.score(job, progress=progress()) for job in jobs]
    return {"jobs": len(jobs), "scored": states.count(True), "failed": states.count(False)}


def _jobs(context: Context) -> list[UUID]:
    """Return the job that the run names, or all that wait."""
    text = context.params.get("job")
    if not text:
        return UploadedFiles(context.settings, context.connection, context.use_case).waiting()
    try:
        return [UUID(text)]
    except ValueError:
        raise ParameterError(
            f"parameter 'job' is {text!r}: give the id that POST /jobs returned"
        ) from None


def _named(context: Context) -> dict[str, Any]:
    file = _path(context, "file")
    out = _path(context, "out") if context.params.get("out") else None
    version = context.params.get("version")
    model: BatchModel = load_model(context.settings, context.connection, context.name, version)
    scored = score_file(
        context.settings,
        context.connection,
        model,
        file,
        csv=model.contract.csv,
        out=out,
        log=bool(context.params.get("log")),
        progress=progress(),
    )
    _report(scored)
    return {
        "file": str(file),
        "out": str(scored.out),
        "rows": scored.rows,
        "refused": scored.refused,
        "flagged": scored.flagged,
        "model_version": scored.model_version,
        "quarantine": scored.quarantine.name if scored.quarantine else None,
    }


def _path(context: Context, param: str) -> Path:
    """Return the path of a parameter, which must be below the folder of files."""
    root = context.settings.files_root.resolve()
    path = (root / context.text(param)).resolve()
    if not path.is_relative_to(root):
        raise ParameterError(
            f"parameter {param!r} is {context.params[param]!r}, which is not below {root}: move "
            "the file there, or set SIXGATE_FILES"
        )
    return path


def _report(scored: ScoredFile) -> None:
    log.info(
        "%s: %s rows scored by version %s, %s flagged",
        scored.out,
        f"{scored.rows:,}",
        scored.model_version,
        f"{scored.flagged:,}",
    )
    for refusal in scored.refusals:
        log.warning("%s", refusal.message)


def progress() -> Callable[[int], None]:
    """Return what writes the number of rows to the log of the task, every few seconds."""
    last = time.monotonic()

    def note(rows: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            log.info("%s rows so far", f"{rows:,}")

    return note
