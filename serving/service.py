"""The objects that all routes share: use cases, API keys, journal and metrics.

Creating them reads and writes the local disk, and opens no connection.
"""

import contextlib
import os
import socket
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.types import Receive

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.policy_sections.contract import ContractPolicy
from pipelines.settings import Settings
from pipelines.use_case import chosen, keep, read_contract, read_contract_in_force, read_in_force
from serving.journal.journal import Journal
from serving.metrics.access_log import AccessLog, RequestMetrics
from serving.metrics.drift_metrics import DriftMetrics
from serving.metrics.metrics import Metrics
from serving.metrics.worker_metrics import MetricSnapshots
from serving.model.contract_cache import ContractCache
from serving.model.explainer_client import ExplainerProcess
from serving.model.registry import RegistryReader
from serving.scoring import UseCaseScorer
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
        self.use_cases = chosen(settings.reference, settings.use_cases)
        self.faults: dict[str, UseCaseError] = {}
        self.contracts = ContractCache(settings.home / "contracts")
        self._graces: dict[str, timedelta] = {}
        self.scorers = self._scorers()

    def require(self, request: Request, scope: KeyScope) -> str:
        """Return the name of the caller's key, or raise a 401 or 403 Problem."""
        caller = self.keys.require(request.scope["api_key"], scope)
        request.scope["caller"] = caller
        return caller

    def _scorers(self) -> list[UseCaseScorer]:
        return [scorer for name in self.use_cases if (scorer := self._scorer(name))]

    def _scorer(self, name: str) -> UseCaseScorer | None:
        """Return the scorer of a use case, None without a valid contract.

        It accepts rows of the contracts that were accepted before this start.
        """
        accepted = self.contracts.get(name) or self._copied(name)
        contract = self.reread(name)
        if contract is None:
            return None
        earlier = [former for former in accepted if former.hash != contract.hash]
        self.contracts.put([contract, *earlier])
        return UseCaseScorer(
            contract=contract,
            journal=self.journal,
            replica=self.replica,
            metrics=self.metrics,
            earlier=earlier,
        )

    def _copied(self, name: str) -> list[Contract]:
        """Return the contract that was in force at the last start of an older release."""
        with contextlib.suppress(UseCaseError):
            return [read_contract(self.settings.last_valid / name)]
        return []

    def grace(self, use_case: str) -> timedelta:
        """Return how long rows of an earlier contract are accepted, as the policy says."""
        return self._graces.get(use_case, ContractPolicy().grace)

    def reread(self, name: str) -> Contract | None:
        """Read the contract of a use case; a fault in its folder is stored in `faults`.

        None when there is no valid one. Valid files are copied to this server's home, so that a
        later start works even if the folder has become invalid.
        """
        contract = self._read(name)
        self.metrics.invalid.labels(name).set(name in self.faults)
        return contract

    def _read(self, name: str) -> Contract | None:
        settings = self.settings
        self.faults.pop(name, None)
        try:
            use_case = read_in_force(
                settings.reference, name, settings.policy_overlay, settings.last_valid
            )
        except UseCaseError as fault:
            self.faults[name] = fault
            # Scoring needs no policy, so a valid contract alone is enough.
            with contextlib.suppress(UseCaseError):
                return read_contract_in_force(settings.reference / name, settings.last_valid)
            return None
        if use_case.warning:
            self.faults[name] = use_case.warning
        keep(settings.last_valid, name, use_case.texts)
        self._graces[name] = use_case.policy.contract.grace
        return use_case.contract


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
