"""The context of a step: run, use case and parameters, and stores that open on first use."""

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
from pipelines.stores.ingest import IngestStore
from pipelines.stores.ledger import Ledger, ReplicaStore
from pipelines.stores.metrics import MetricStore
from pipelines.stores.models import ModelStore
from pipelines.stores.predictions import PredictionLog
from pipelines.stores.quality import QualityStore
from pipelines.stores.recorded import recorded_use_case
from pipelines.stores.rollups import RollupStore
from pipelines.use_case import UseCase, read_in_force

if TYPE_CHECKING:
    from pipelines.stores.artifacts import Artifacts
    from pipelines.stores.ingested_history import IngestedHistory
    from pipelines.stores.model_registry import ModelRegistry
    from pipelines.stores.row_conversion import RowConverter

log = logging.getLogger(__name__)


@dataclass
class Context:
    """What one step of a run works with; `as_of`, the run's time, is the only clock of rules."""

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
        """Return a required parameter as a whole number; raises SixgateError when it is not one."""
        try:
            return int(self.params[param])
        except (KeyError, TypeError, ValueError) as error:
            value = self.params.get(param)
            raise SixgateError(
                f"param {param!r} is {value!r}, not a number: pass --params '{{\"{param}\": 1}}'"
            ) from error

    def text(self, param: str) -> str:
        """Return a required parameter as text; raises SixgateError when it is empty or no text."""
        value = self.params.get(param)
        if not isinstance(value, str) or not value:
            raise SixgateError(
                f'param {param!r} is {value!r}, not a text: pass --params \'{{"{param}": "…"}}\''
            )
        return value

    @cached_property
    def connection(self) -> Connection:
        """An autocommit connection; code that must be atomic opens a transaction."""
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
    def converter(self) -> "RowConverter":
        """Converts logged rows of every recorded contract to the current one."""
        from pipelines.stores.row_conversion import RowConverter

        return RowConverter(self.use_case.contract, self.models.recorded_contract)

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
    def quality(self) -> QualityStore:
        return QualityStore(self.connection)

    @cached_property
    def explanations(self) -> ExplanationStore:
        return ExplanationStore(self.connection)

    @cached_property
    def imports(self) -> IngestStore:
        return IngestStore(self.connection)

    @cached_property
    def artifacts(self) -> "Artifacts":
        from pipelines.stores.artifacts import Artifacts

        return Artifacts.of(self.settings, self.name)

    @cached_property
    def ingested(self) -> "IngestedHistory":
        """The labelled history that the ingest DAG imported."""
        from pipelines.stores.ingested_history import IngestedHistory

        return IngestedHistory(
            self.settings,
            self.artifacts,
            self.use_case.contract,
            contract_of=self.models.recorded_contract,
        )

    @cached_property
    def registry(self) -> "ModelRegistry":
        from pipelines.stores.model_registry import ModelRegistry

        return ModelRegistry(self.settings)

    def close(self) -> None:
        """Close the connection if one was opened."""
        if "connection" in self.__dict__:
            self.connection.close()


def context(
    settings: Settings, use_case: str, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Make a step's context with the contract and policy in force.

    `rest` are the optional fields of Context. Raises UseCaseError when a file is invalid and has
    no valid copy.
    """
    in_force = read_in_force(
        settings.reference, use_case, settings.policy_overlay, settings.last_valid
    )
    return _context(settings, in_force, run_id, as_of, **rest)


def rollback_context(
    settings: Settings, use_case: str, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Make a rollback's context.

    When neither file nor copy can be read, it uses the contract and policy that the database
    recorded.
    """
    try:
        return context(settings, use_case, run_id, as_of, **rest)
    except UseCaseError as fault:
        version = rest.get("params", {}).get("version")
        with connect(settings) as connection:
            in_database = recorded_use_case(
                connection, settings.reference / use_case, version=version, fault=fault
            )
        return _context(settings, in_database, run_id, as_of, **rest)


def _context(
    settings: Settings, use_case: UseCase, run_id: str, as_of: datetime, **rest: Any
) -> Context:
    """Make a context; log what is in force instead of an invalid file."""
    if use_case.warning:
        log.warning("%s", use_case.warning)
    return Context(settings, use_case, run_id, as_of, **rest)


def git_sha(settings: Settings) -> str | None:
    """Return the commit of this code, from `SIXGATE_GIT_SHA` or else git; None when unknown."""
    if sha := os.environ.get("SIXGATE_GIT_SHA"):
        return sha
    try:
        completed = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=settings.root, capture_output=True, text=True
        )
    except OSError:  # git is not installed
        return None
    return completed.stdout.strip() if completed.returncode == 0 else None
