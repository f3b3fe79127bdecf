"""What the database knows about each use case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from pipelines.errors import UseCaseError
from pipelines.records import Alert, Decision, LedgerEntry, Replica
from pipelines.rules.monitoring.data_quality import UnmatchedLabels
from pipelines.rules.promotion.ledger import champion
from pipelines.rules.training.retraining_conditions import (
    WEEK,
    Conditions,
    cooldown_end,
    why_blocked,
)
from pipelines.rules.use_case.policy import Policy
from pipelines.settings import Settings
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection, connect
from pipelines.stores.decisions import DecisionStore
from pipelines.stores.ledger import Ledger, ReplicaStore
from pipelines.stores.quality import QualityStore
from pipelines.use_case import chosen, read_in_force

CONNECT_SECONDS = 2
STATEMENT_TIMEOUT = "5s"
NO_RUN = ""  # an id that no run has


@dataclass(frozen=True, kw_only=True)
class UseCaseState:
    """One use case; entries and alerts are newest first.

    `candidate` is approved, and neither promoted nor refused; `promotion_runs` are about it.
    `blocked` is why no retraining may start now; the number of labels, which takes seconds to count
    on a large log, is left out. `policy` is None when neither file nor copy can be read.
    `similar_ids` has, of the labels that match no prediction, the spelling that a prediction has.
    `future_times` counts logged predictions with an event time in the future.
    """

    name: str
    policy: Policy | None
    entries: list[LedgerEntry]
    replicas: list[Replica]
    alerts: list[Alert]
    candidate: Decision | None
    promotion_runs: list[str]
    blocked: str | None
    cooldown_until: datetime | None
    labels: UnmatchedLabels = field(default_factory=UnmatchedLabels)
    similar_ids: Mapping[str, str] = field(default_factory=dict)
    future_times: int = 0

    @property
    def in_use(self) -> bool:
        """Whether a model was ever to become Production."""
        return bool(self.entries)


def read_use_cases(settings: Settings) -> list[UseCaseState]:
    """Read every use case of this deployment; raises psycopg.Error when the database is down."""
    with connect(settings, seconds=CONNECT_SECONDS) as connection:
        connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
        names = chosen(settings.reference, settings.use_cases)
        return [_read(connection, settings, name) for name in names]


def one_line(error: psycopg.Error) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split())


def _read(connection: Connection, settings: Settings, name: str) -> UseCaseState:
    policy = _policy(settings, name)
    decisions = DecisionStore(connection)
    entries = Ledger(connection).recent(name)
    waiting = decisions.waiting(name)
    quality = QualityStore(connection)
    now = datetime.now(UTC)
    labels = quality.unmatched_labels(name, now)
    conditions = _conditions(decisions, name, entries, waiting)
    return UseCaseState(
        name=name,
        policy=policy,
        entries=entries,
        replicas=ReplicaStore(connection).live(name),
        alerts=AlertStore(connection).open(name),
        candidate=decisions.get(name, waiting) if waiting else None,
        promotion_runs=decisions.promotion_runs(name, waiting) if waiting else [],
        blocked=why_blocked(conditions, policy) if policy else None,
        cooldown_until=cooldown_end(conditions, policy) if policy else None,
        labels=labels,
        similar_ids=quality.similar_ids(name, labels.examples) if labels.examples else {},
        future_times=quality.future_times(name, now),
    )


def _policy(settings: Settings, name: str) -> Policy | None:
    try:
        use_case = read_in_force(
            settings.reference, name, settings.policy_overlay, settings.last_valid
        )
    except UseCaseError:
        return None
    return use_case.policy


def _conditions(
    decisions: DecisionStore, name: str, entries: list[LedgerEntry], waiting: int | None
) -> Conditions:
    """The conditions of a retraining that starts now; its labels are not counted."""
    now = datetime.now(UTC)
    last = decisions.newest_trained(name, but_run_id=NO_RUN)
    return Conditions(
        as_of=now,
        has_champion=champion(entries) is not None,
        last_trained=last.opened_at if last else None,
        trained_this_week=decisions.trained_since(name, now - WEEK, but_run_id=NO_RUN),
        waiting=waiting,
        matured_labels=0,
        forced=False,
        reason=None,
        snapshot=None,
    )
