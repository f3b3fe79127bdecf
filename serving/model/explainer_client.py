"""Explanations of single rows, by a helper process that imports the training libraries."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import Process

import msgspec
from anyio.to_thread import run_sync

from pipelines.explainer import protocol
from pipelines.rules.model.bundle import explainer_file, explainer_of
from pipelines.settings import ROOT
from serving.model.registry import RegistryReader
from serving.model.served_model import ServedModel
from serving.wire.problems import Problem

MODULE = "pipelines.explainer"  # not imported: it imports training libraries
START, ANSWER = 30.0, 5.0  # seconds to start and take a model, and to explain a row
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)  # no secret
WAITING = 16  # requests; who comes then is told to come back

log = logging.getLogger(__name__)


class ExplainerProcess:
    """One helper process that explains one row after the other.

    It starts on first use and ends with the server. One that dies or hangs is replaced at the next
    request.
    """

    def __init__(self, registry: RegistryReader) -> None:
        self._registry = registry
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._holds: list[str] = []  # the digests of the models it was handed, the oldest first
        self._waiting = 0

    async def explain(
        self, use_case: str, model: ServedModel, features: list[float]
    ) -> protocol.RowExplained:
        """Contributions (columns,) and base value of one row.

        Raise Problem 503 when that is not possible now, and 501 when the estimator of the model, or
        a library that it needs, is not installed.
        """
        if self._waiting >= WAITING:
            raise Problem(
                503,
                f"{WAITING} rows are waiting to be explained: retry, or request it for the batch",
                retry_after=1,
            )
        self._waiting += 1
        try:
            async with self._lock:
                return await self._explain(use_case, model, features)
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """End the process, if there is one."""
        if self._process:
            process = self._process
            self._process = None
            self._holds = []
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _explain(
        self, use_case: str, model: ServedModel, features: list[float]
    ) -> protocol.RowExplained:
        try:
            async with asyncio.timeout(START):
                await self._ready(use_case, model)
            async with asyncio.timeout(ANSWER):
                answer = await self._ask(protocol.ExplainRow(model.served.digest, features))
        except Problem:
            raise
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            await self.stop()
            log.error("the explainer process ended or hung: %r", error)
            why = "the explainer process did not reply and is started again: retry this request"
            raise Problem(503, why) from error
        except BaseException:  # the request was cancelled: the next one must not get its reply
            await self.stop()
            raise
        if isinstance(answer, protocol.RowExplained):
            return answer
        why = "the explainer process sent another kind of reply"
        if isinstance(answer, protocol.RequestFailed):
            why = answer.error
        raise Problem(503, f"version {model.served.version} can't explain this row: {why}")

    async def _ready(self, use_case: str, model: ServedModel) -> None:
        """Have a process that holds the model."""
        if self._process is None or self._process.returncode is not None:
            self._holds = []
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULE,
                cwd=ROOT,
                env=_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            log.info("explainer process %d has started", self._process.pid)
        if model.served.digest in self._holds:
            return
        name = explainer_file(model.bundle.kind)
        try:
            files = await run_sync(self._registry.fetch, use_case, model.served.version, (name,))
        except Exception as error:  # the registry is away, or has no such file
            why = f"{name} of version {model.served.version} can't be fetched: {error}"
            raise Problem(503, why) from error
        content = explainer_of(model.bundle, files)
        answer = await self._ask(
            protocol.LoadModel(
                name=model.served.digest,
                kind=model.bundle.kind,
                content=content,
                calibration=model.bundle.calibration,
                preparation=model.bundle.preparation,
            )
        )
        if isinstance(answer, protocol.EstimatorMissing):
            raise Problem(501, f"this server can't explain single rows: {answer.error}")
        if isinstance(answer, protocol.RequestFailed):
            raise Problem(503, f"version {model.served.version} can't explain: {answer.error}")
        self._holds = [*self._holds, model.served.digest][-protocol.HELD :]

    async def _ask(self, message: msgspec.Struct) -> protocol.Reply:
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(protocol.packed(message))
        await self._process.stdin.drain()
        head = await self._process.stdout.readexactly(protocol.LENGTH.size)
        body = await self._process.stdout.readexactly(*protocol.LENGTH.unpack(head))
        return protocol.read(body)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
        "OMP_NUM_THREADS": "1"
    }
