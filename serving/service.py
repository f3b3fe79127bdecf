"""The objects that all routes share: use cases, API keys, journal and metrics.

Creating them reads and writes the local disk, and opens no connection.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.types import Receive

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from serving.journal.journal import Journal
from serving.metrics.access_log import AccessLog, RequestMetrics
from serving.metrics.drift_metrics import DriftMetrics
from serving.metrics.metrics import Metrics
from serving.metrics.worker_metrics import MetricSnapshots
from serving.model.explainer_client import ExplainerProcess
from serving.model.registry import RegistryReader
from serving.scoring import UseCaseScorer
from serving.use_cases import Scorers, UseCases
from serving.wire.api_keys import ApiKeys, KeyScope
from serving.wire.idempotency import FirstAnswers
from serving.wire.problems import Problem
from serving.wire.rate_limit import RateLimit

BODY_LIMIT = 2 * 2**20


class Service:
    """One replica of the scoring server."""

    def __init__(
        self, settings: Settings, registry: RegistryReader, *, shared: Path | None = None
    ) -> None:
        """`shared` is the folder in which several workers exchange their metrics."""
        self.settings = settings
        self.explainer = ExplainerProcess(registry)
        host = socket.gethostname()
        self.replica = f"{host}-{settings.api_port}-{os.getpid()}"
        self.metrics = Metrics()
        self.keys = ApiKeys(settings.home / "api_keys.json", settings.api_key)
        self.rate_limit = RateLimit(
            settings.rate_limit,
            workers=settings.api_workers,
            refused=lambda caller: self.metrics.limited.labels(caller).inc(),
        )
        self.first_answers = FirstAnswers()
        self.journal = Journal(
            settings.home / "journal",
            self.replica,
            sync=settings.journal_sync,
            bound_bytes=settings.journal_bytes,
        )
        self.metrics.watch(self.journal)
        self.requests = RequestMetrics()
        self.access = AccessLog(self.requests)
        self.drift = DriftMetrics()
        self.metrics.add(self.requests)
        self.metrics.add(self.drift)
        self.snapshots = MetricSnapshots(shared, self.metrics) if shared else None
        self.use_cases = UseCases(settings, self.metrics, self._make_scorer)
        self.use_cases.add(self.use_cases.started_with)

    @property
    def scorers(self) -> Scorers:
        """The scorers of the use cases that are served now; read it again each time."""
        return self.use_cases.scorers

    @property
    def faults(self) -> Mapping[str, UseCaseError]:
        """What is wrong with the folders of use cases."""
        return self.use_cases.faults

    def require(self, request: Request, scope: KeyScope) -> str:
        """Return the name of the caller's key, or raise a 401 or 403 Problem."""
        caller = self.keys.require(request.scope["api_key"], scope)
        request.scope["caller"] = caller
        return caller

    def _make_scorer(self, contract: Contract, earlier: Sequence[Contract]) -> UseCaseScorer:
        return UseCaseScorer(
            contract=contract,
            journal=self.journal,
            replica=self.replica,
            metrics=self.metrics,
            earlier=earlier,
        )


async def read_body(declared: bytes | None, receive: Receive) -> bytes:
    """Read a body of at most `BODY_LIMIT` bytes, or stop and raise a 413 Problem.

    `declared` is the value of Content-Length.
    """
    if declared is not None and int(declared) > BODY_LIMIT:
        raise _too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise _too_large()
    return body


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {BODY_LIMIT} bytes: send it in parts")
