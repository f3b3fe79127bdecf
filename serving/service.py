"""What every route is handed: use cases, keys, journal and figures. Opening it touches the disk, and nothing else."""

import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.types import Receive

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import Settings
from pipelines.use_case import chosen, keep, read_contract_in_force, read_in_force
from serving.journal.journal import Journal
from serving.metrics.access_log import AccessLog, Requests
from serving.metrics.drift_metrics import DriftFigures
from serving.metrics.metrics import Metrics
from serving.metrics.worker_metrics import Snapshots
from serving.model.explainer_client import ExplainerProcess
from serving.model.registry import RegistryReader
from serving.scoring import UseCaseScorer
from serving.wire.api_keys import Keys, KeyScope
from serving.wire.problems import Problem
from serving.wire.rate_limit import Rate

BODY_LIMIT = 2 * 2**20


class Service:
    """One replica of the scoring server."""

    def __init__(
        self, settings: Settings, registry: RegistryReader, *, shared: Path | None = None
    ) -> None:
        self.settings = settings
        self.explainer = ExplainerProcess(registry)
        self.replica = f"{socket.gethostname()}-{settings.api_port}-{os.getpid()}"
        self.metrics = Metrics()
        self.keys = Keys(settings.home / "api_keys.json", settings.api_key)
        self.rate = Rate(
            settings.rate_limit,
            workers=settings.api_workers,
            refused=lambda caller: self.metrics.limited.labels(caller).inc(),
        )
        self.journal = Journal(
            settings.home / "journal",
            self.replica,
            sync=settings.journal_sync,
            bound_bytes=settings.journal_bytes,
        )
        self.metrics.watch(self.journal)
        self.requests = Requests()
        self.access = AccessLog(self.requests)
        self.drift = DriftFigures()
        for collector in (self.requests, self.drift):
            self.metrics.add(collector)
        self.snapshots = Snapshots(shared, self.metrics) if shared else None
        self.use_cases = chosen(settings.reference, settings.use_cases)
        self.faults: dict[str, UseCaseError] = {}
        contracts = [contract for name in self.use_cases if (contract := self._contract(name))]
        self.scorers: Sequence[UseCaseScorer] = [
            UseCaseScorer(contract, self.journal, self.replica, self.metrics)
            for contract in contracts
        ]
        for name in self.use_cases:
            self.metrics.invalid.labels(name).set(name in self.faults)

    def _contract(self, name: str) -> Contract | None:
        """The contract to serve a use case by; what is wrong with its folder is noted in `faults`.

        Valid files are kept in this server's home, so that it starts again with a folder that was broken meanwhile.
        """
        settings = self.settings
        try:
            use_case = read_in_force(
                settings.reference, name, settings.policy_overlay, settings.last_valid
            )
        except UseCaseError as fault:  # a policy that nobody can read hinders no scoring
            self.faults[name] = fault
            with contextlib.suppress(UseCaseError):
                return read_contract_in_force(settings.reference / name, settings.last_valid)
            return None
        if use_case.warning:
            self.faults[name] = use_case.warning
        keep(settings.last_valid, name, use_case.texts)
        return use_case.contract

    def require(self, request: Request, scope: KeyScope) -> str:
        """Return the name of who asks; 401 or 403 when they may not."""
        caller = request.scope["caller"] = self.keys.require(request.scope["api_key"], scope)
        return caller


async def read_body(declared: bytes | None, receive: Receive) -> bytes:
    """Read a body of at most 2 MB, or raise a 413 Problem without reading on."""
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
