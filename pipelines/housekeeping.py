"""Daily maintenance of the tables that all use cases share."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.rules.use_case.retention import Expiry, expired_for_all, expiries
from pipelines.settings import Settings
from pipelines.stores.retention import RetentionStore
from pipelines.use_case import ALL, UseCase, read_each, read_in_force

THIN_AFTER = timedelta(days=2)  # after this, only one drift check of each window is kept
DEFAULT = Retention()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deleted:
    """How many of one use case's rows were deleted; `metrics` includes counts and sums."""

    predictions: int
    explanations: int
    metrics: int


@dataclass(frozen=True)
class Retained:
    """What one run deleted: days of the log, rows by use case, and metrics of repeated checks."""

    days: int
    rows: Mapping[str, Deleted]
    thinned: int


def delete_expired(
    store: RetentionStore, retentions: Mapping[str, Retention], today: date
) -> Retained:
    """Delete what each use case's policy no longer keeps. Safe to repeat.

    A day of the log is dropped when no use case keeps it. Until then, its rows are deleted by use
    case.
    """
    logged = store.logged()
    names = sorted({*logged, *store.stored(), *retentions})
    by_use_case = expiries(names, retentions, default=DEFAULT, today=today)
    dropped = 0
    first_kept = expired_for_all([by_use_case[name] for name in logged])
    if first_kept:
        dropped = store.drop_partitions(first_kept)
    rows = {name: _delete_rows(store, name, expiry) for name, expiry in by_use_case.items()}
    thinned = store.thin_metrics(today - THIN_AFTER)
    return Retained(days=dropped, rows=rows, thinned=thinned)


def read_retentions(settings: Settings) -> dict[str, Retention]:
    """Return the retention of every use case with a policy in force, also of those not run here."""

    def read(folder: Path) -> UseCase:
        return read_in_force(
            settings.reference, folder.name, settings.policy_overlay, settings.last_valid
        )

    in_force, faults = read_each(settings.reference, read, ALL)
    for fault in faults.values():
        log.warning("%s; its rows are kept for the default time", fault)
    return {use_case.name: use_case.policy.retention for use_case in in_force}


def _delete_rows(store: RetentionStore, use_case: str, expiry: Expiry) -> Deleted:
    """Delete one use case's rows; explanations go before the predictions that they explain."""
    return Deleted(
        explanations=store.delete_explanations(use_case, expiry.predictions),
        predictions=store.delete_predictions(use_case, expiry.predictions),
        metrics=store.delete_metrics(use_case, expiry.metrics),
    )
