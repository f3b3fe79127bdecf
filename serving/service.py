"""What every route is handed: use cases, keys, journal and figures. Opening it touches the disk, and nothing else."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request

from pipelines.errors import UseCaseError
from pipelines.settings import Settings
from pipelines.use_case import read_contract, read_each
from serving.journal import Journal
from serving.keys import HEADER, Keys, Scope
from serving.metrics import Metrics
from serving.problems import Problem
from serving.scoring import Scorer

BODY_LIMIT = 2 * 2**20


class Service:
    """One replica of the scoring server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.replica = f"{socket.gethostname()}-{settings.api_port}-{os.getpid()}"
        self.metrics = Metrics()
        self.keys = Keys(settings.home / "api_keys.json", settings.api_key)
        self.journal = Journal(settings.home / "journal", self.replica)
        self.metrics.journal.set_function(lambda: self.journal.size)
        self.scorers: Sequence[Scorer]
        self.faults: dict[str, UseCaseError]
        self.scorers, self.faults = read_each(settings.reference, self._scorer)

    def _scorer(self, folder: Path) -> Scorer:
        return Scorer(read_contract(folder), self.journal, self.replica, self.metrics)

    def require(self, request: Request, scope: Scope) -> str:
        """Return the name of who asks; 401 or 403 when they may not."""
        return self.keys.require(request.headers.get(HEADER), scope)


async def read_body(request: Request) -> bytes:
    """Read a body of at most 2 MB, or raise a 413 Problem without reading on."""
    declared = request.headers.get("content-length")
    if declared is not None:
        if int(declared) > BODY_LIMIT:
            raise _too_large()
        return await request.body()
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_LIMIT:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {BODY_LIMIT} bytes: send it in parts")
