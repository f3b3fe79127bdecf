"""What a step is handed: its names and times, and the stores, opened when first used."""

import logging
import os
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines.errors import SixgateError, UseCaseError
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection, connect
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.explanations import ExplanationStore
from pipelines.stores.ledger import Ledger, ReplicaStore
from pipelines.stores.metrics import MetricStore
from pipelines.stores.models import ModelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.stores.recorded import recorded
from pipelines.stores.rollups import RollupStore
from pipelines.use_case import UseCase, read_in_force

if TYPE_CHECKING:
    from pipelines.stores.artifacts import Artifacts
    from pipelines.stores.model_registry import ModelRegistry

log = logging.getLogger(__name__)


@dataclass
class Context:
    """One step of one run of one use case; `as_of` is the run's time, the only clock that rules see."""

    settings: Settings
    use_case: UseCase
    run_id: str
    as_of: datetime
    trigger: str = "manual"
    requested_by: str | None = None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The use case's name."""
        return self.use_case.name

    def number(self, param: str) -> int:
        """A param that the step can't do without, as a whole number."""
        try:
            return int(self.params[param])
        except (KeyError, TypeError, ValueError) as error:
            given = self.params.get(param)
            raise SixgateError(
                f"param {param!r} is {given!r}, not a number: pass --params '{{\"{param}\": 1}}'"
            ) from error

    def text(self, param: str) -> str:
        """A param that the step can't do without, as text."""
        given = self.params.get(param)
        if not isinstance(given, str) or not given:
            raise SixgateError(
                f'param {param!r} is {given!r}, not a text: pass --params \'{{"{param}": "…"}}\''
            )
        return given

    @cached_property
    def connection(self) -> Connection:
        """An autocommit connection: what must be atomic says so with a transaction."""
        return connect(self.settings, autocommit=True)

    @cached_property
    def decisions(self) -> DecisionStore:
        return DecisionStore(self.connection)

    @cached_property
    def models(self) -> ModelStore:
        return ModelStore(self.connection)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.connection)

    @cached_property
    def replicas(self) -> ReplicaStore:
        return ReplicaStore(self.connection)

    @cached_property
    def predictions(self) -> PredictionLog:
        return PredictionLog(self.connection)

    @cached_property
    def rollups(self) -> RollupStore:
        return RollupStore(self.connection)

    @cached_property
    def metrics(self) -> MetricStore:
        return MetricStore(self.connection)

    @cached_property
    def alerts(self) -> AlertStore:
        return AlertStore(self.connection)

    @cached_property
    def explanations(self) -> ExplanationStore:
        return ExplanationStore(self.connection)

    @cached_property
    def artifacts(self) -> "Artifacts":
        from pipelines.stores.artifacts import Artifacts

        return Artifacts.of(self.settings, self.name)

    @cached_property
    def registry(self) -> "ModelRegistry":
        from pipelines.stores.model_registry import ModelRegistry

        return ModelRegistry(self.settings)

    def close(self) -> None:
        """Let go of the connection if one was opened."""
        if "connection" in self.__dict__:
            self.connection.close()


def context(
    settings: Settings, use_case: str, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Wire a step's context for a use case, with the settings' policy overlay; an invalid file leaves its copy in force."""
    in_force = read_in_force(
        settings.reference, use_case, settings.policy_overlay, settings.last_valid
    )
    return _context(settings, in_force, run_id, as_of, **rest)


def rollback_context(
    settings: Settings, use_case: str, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Wire a rollback's context: where neither file nor copy can be read, by what the database recorded."""
    try:
        return context(settings, use_case, run_id, as_of, **rest)
    except UseCaseError as fault:
        version = rest.get("params", {}).get("version")
        with connect(settings) as connection:
            known = recorded(
                connection, settings.reference / use_case, version=version, fault=fault
            )
        return _context(settings, known, run_id, as_of, **rest)


def _context(
    settings: Settings, use_case: UseCase, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Say, once in a process, what is in force instead of an invalid file."""
    if use_case.warning:
        log.warning("%s", use_case.warning)
    return Context(settings, use_case, run_id, as_of, **rest)


def git_sha(settings: Settings) -> str | None:
    """The commit that runs, from `SIXGATE_GIT_SHA` or from git; None when neither knows."""
    if sha := os.environ.get("SIXGATE_GIT_SHA"):
        return sha
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=settings.root, capture_output=True, text=True
        )
    except OSError:  # no git here
        return None
    return done.stdout.strip() if done.returncode == 0 else None
