"""The routes for files to be scored, which a DAG scores."""

import os
from typing import Literal, cast
from uuid import UUID, uuid4

import msgspec
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pipelines.records import ScoringJob
from pipelines.stores.database import connect
from pipelines.stores.job_files import JobFiles
from pipelines.stores.scoring_jobs import ScoringJobStore
from serving.openapi import documented
from serving.scoring import UseCaseScorer
from serving.service import Service
from serving.wire.problems import Problem
from serving.wire.schemas import JobLinks, ScoringJobOut

MEDIA_TYPES: dict[str, Literal["csv", "parquet"]] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
ASK_AGAIN = 60  # seconds until a client should look again; the DAG runs every five minutes
MOST_WAITING = 20  # uploaded files of a use case; each may be as large as the limit
PIECE_BYTES = 2**20
FILE = {"schema": {"type": "string", "format": "binary"}}
UPLOAD = {"requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, FILE)}}


def routes(service: Service, scorer: UseCaseScorer) -> APIRouter:
    """Create `/jobs`, `/jobs/{job_id}` and `/jobs/{job_id}/result`."""
    router = APIRouter()
    use_case = scorer.use_case
    jobs = ScoringJobs(service, scorer)
    upload = documented(
        {202: ("queued; Retry-After gives the seconds to wait", ScoringJobOut)},
        problems=(413, 415, 422, 429, 503),
    )
    upload["openapi_extra"] |= UPLOAD

    @router.post("/jobs", operation_id=f"{use_case}_job", summary="Score a file", **upload)
    async def submit(request: Request, log: bool = False) -> Response:
        """Take a CSV or Parquet file; the next run of the DAG scores it.

        With `log=true`, its predictions are logged like those of `/predict`.
        """
        caller = service.require(request, "predict")
        service.rate_limit.take(caller)
        return await jobs.submit(request, caller, is_logged=log)

    @router.get(
        "/jobs/{job_id}",
        operation_id=f"{use_case}_job_state",
        summary="Look at a job",
        **documented({200: ("the job", ScoringJobOut)}, problems=(404, 422, 503)),
    )
    def state(job_id: UUID, request: Request) -> Response:
        """Return the state of a job that the same API key requested."""
        caller = service.require(request, "predict")
        return _answer(jobs.get(job_id, caller))

    @router.get(
        "/jobs/{job_id}/result",
        operation_id=f"{use_case}_job_result",
        summary="Download a scored file",
        **documented({}, problems=(404, 409, 422, 503)),
    )
    def result(job_id: UUID, request: Request) -> Response:
        """Return the scored file: all columns of the rows, then the scores."""
        caller = service.require(request, "predict")
        return jobs.result(job_id, caller)

    return router


class ScoringJobs:
    """Takes the files of one use case, and returns their results."""

    def __init__(self, service: Service, scorer: UseCaseScorer) -> None:
        self._settings = service.settings
        self._scorer = scorer
        self._use_case = scorer.use_case

    async def submit(self, request: Request, caller: str, *, is_logged: bool) -> Response:
        """Write the body to disk and queue it; nothing stays when one of them fails."""
        form = _form(request)
        declared = request.scope["length"]
        if declared is not None and int(declared) > self._settings.upload_bytes:
            raise self._too_large()
        self._scorer.serving()  # without a model the file could not be scored
        await run_sync(self._require_room)
        job_id = uuid4()
        files = JobFiles.of(self._settings, self._use_case, job_id)
        try:
            await self._receive(request, files, form)
            job = await run_sync(self._queue, job_id, form, is_logged, caller)
        except BaseException:
            await run_sync(files.remove)
            raise
        return _answer(job, status=202)

    def get(self, job_id: UUID, caller: str) -> ScoringJob:
        """Return a job that this caller requested, or raise a 404 Problem."""
        with connect(self._settings) as connection:
            job = ScoringJobStore(connection).get(self._use_case, job_id)
        if job is None or job.origin != "API" or job.requested_by != caller:
            raise Problem(404, f"this API key requested no job {job_id} of {self._use_case}")
        return job

    def result(self, job_id: UUID, caller: str) -> Response:
        """Stream the scored file, or raise a 409 Problem while there is none."""
        job = self.get(job_id, caller)
        if job.state != "SUCCEEDED":
            reason = f": {job.error}" if job.error else ""
            raise Problem(409, f"the job {job_id} is {job.state} and has no result{reason}")
        path = JobFiles.of(self._settings, self._use_case, job_id).scored(job.format)
        if not path.is_file():
            raise Problem(404, f"the result of {job_id} is past its retention: upload it again")
        return FileResponse(path, media_type=_media_type(job.format), filename=path.name)

    def _require_room(self) -> None:
        with connect(self._settings) as connection:
            waiting = len(ScoringJobStore(connection).unfinished(self._use_case))
        if waiting >= MOST_WAITING:
            raise Problem(
                503,
                f"{waiting} files of {self._use_case} wait to be scored: send this one later",
                retry_after=ASK_AGAIN,
            )

    async def _receive(self, request: Request, files: JobFiles, form: str) -> None:
        """Write the body to disk in pieces, synced at the end."""
        descriptor = await run_sync(files.create, form)
        size = 0
        pending: list[bytes] = []
        held = 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > self._settings.upload_bytes:
                    raise self._too_large()
                pending.append(chunk)
                held += len(chunk)
                if held >= PIECE_BYTES:
                    await run_sync(_write, descriptor, b"".join(pending))
                    pending = []
                    held = 0
            await run_sync(_write, descriptor, b"".join(pending))
            await run_sync(os.fsync, descriptor)
        except OSError as error:
            raise Problem(503, f"the file can't be stored ({error.strerror})") from error
        finally:
            os.close(descriptor)
        if not size:
            raise Problem(422, "the body is empty: send the file as the body of the request")

    def _queue(self, job_id: UUID, form: str, is_logged: bool, caller: str) -> ScoringJob:
        with connect(self._settings) as connection:
            store = ScoringJobStore(connection)
            store.queue(
                job_id,
                self._use_case,
                file_name=f"rows.{form}",
                form=form,
                is_logged=is_logged,
                requested_by=caller,
            )
        return self.get(job_id, caller)

    def _too_large(self) -> Problem:
        limit = self._settings.upload_bytes
        return Problem(413, f"the file is larger than {limit} bytes: send it in parts")


def _form(request: Request) -> str:
    """Return the format of the body, or raise a 415 Problem."""
    content_type = request.headers.get("content-type", "")
    name = content_type.partition(";")[0].strip().lower()
    if name not in MEDIA_TYPES:
        known = " or ".join(MEDIA_TYPES)
        raise Problem(415, f"the content type is {content_type!r}: send {known}")
    return MEDIA_TYPES[name]


def _media_type(form: str) -> str:
    return next(name for name, known in MEDIA_TYPES.items() if known == form)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _answer(job: ScoringJob, *, status: int = 200) -> Response:
    address = f"/v1/{job.use_case}/jobs/{job.job_id}"
    is_waiting = job.state in ("QUEUED", "RUNNING")
    body = ScoringJobOut(
        job_id=job.job_id,
        state=cast("Literal['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED']", job.state),
        file_name=job.file_name,
        format=cast("Literal['csv', 'parquet']", job.format),
        is_logged=job.is_logged,
        requested_at=job.requested_at,
        finished_at=job.finished_at,
        model_version=job.model_version,
        rows=job.rows,
        flagged=job.flagged,
        refused=job.refused,
        error=job.error,
        links=JobLinks(address, f"{address}/result" if job.state == "SUCCEEDED" else None),
    )
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers={"Retry-After": str(ASK_AGAIN)} if is_waiting else None,
        media_type="application/json",
    )
