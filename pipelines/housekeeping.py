"""Daily maintenance of the tables that all use cases share, and of their files."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.rules.promotion.ledger import champion
from pipelines.rules.use_case.file_retention import KINDS, expired_files
from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.rules.use_case.retention import SHORTEST, Expiry, expired_for_all, expiries
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import Connection
from pipelines.stores.files import FileUsers, TaskLogs
from pipelines.stores.job_files import JobFiles, job_folders
from pipelines.stores.ledger import Ledger
from pipelines.stores.retention import RetentionStore
from pipelines.stores.scoring_jobs import ScoringJobStore
from pipelines.use_case import ALL, UseCase, read_each, read_in_force

THIN_AFTER = timedelta(days=2)  # after this, only one drift check of each window is kept
DEFAULT = Retention()
SHARED = "all use cases"  # what belongs to none of them

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deleted:
    """How many of one use case's rows were deleted.

    `metrics` includes counts and sums, `history` notes of imported labels.
    """

    predictions: int
    explanations: int
    metrics: int
    history: int


@dataclass(frozen=True)
class Retained:
    """What one run deleted: days of the log, rows by use case, and metrics of repeated checks."""

    days: int
    rows: Mapping[str, Deleted]
    thinned: int


@dataclass(frozen=True)
class DeletedFiles:
    """What one run deleted of a use case: files by kind, their bytes, and runs with task logs.

    `jobs` counts the uploaded files that were scored, each with its result.
    """

    files: Mapping[str, int]
    bytes: int
    logs: int
    jobs: int = 0


def delete_expired_files(
    settings: Settings,
    connection: Connection,
    retentions: Mapping[str, Retention],
    now: datetime,
) -> dict[str, DeletedFiles]:
    """Delete each use case's files past the retention of its policy. Safe to repeat.

    What a registered model, an open decision, an approved candidate or the champion uses is kept.
    """
    logs = TaskLogs(settings.home / "airflow" / "logs")
    stored = [path.name for path in settings.artifact_root.glob("*") if path.is_dir()]
    names = sorted({*stored, *retentions})
    deleted = {}
    for name in names:
        retention = retentions.get(name, DEFAULT)
        by_kind, freed = _delete_files(settings, connection, name, retention, now=now)
        before = now - max(retention.logs, SHORTEST)
        runs = sum(logs.remove(dag, before) for dag in logs.dags() if _owner(dag, names) == name)
        jobs = _delete_jobs(settings, connection, name, retention, now=now)
        deleted[name] = DeletedFiles(files=by_kind, bytes=freed, logs=runs, jobs=jobs)
    shared = [dag for dag in logs.dags() if _owner(dag, names) is None]
    before = now - DEFAULT.logs
    runs = sum(logs.remove(dag, before) for dag in shared)
    deleted[SHARED] = DeletedFiles(files={}, bytes=0, logs=runs)
    return deleted


def _owner(dag_id: str, names: Sequence[str]) -> str | None:
    """Return the use case of a DAG: the one with the longest name that begins the DAG's id."""
    owners = [name for name in names if dag_id.startswith(f"{name}_")]
    return max(owners, key=len, default=None)


def _delete_files(
    settings: Settings, connection: Connection, name: str, retention: Retention, *, now: datetime
) -> tuple[dict[str, int], int]:
    """Delete one use case's files; return how many of each kind, and their bytes."""
    artifacts = Artifacts.of(settings, name)
    served = champion(Ledger(connection).recent(name))
    expired = expired_files(
        artifacts.files(),
        retention,
        users=FileUsers(connection).of(name),
        champion=served.version if served else None,
        now=now,
    )
    by_kind = dict.fromkeys(KINDS, 0)
    freed = 0
    for file in expired:
        size = artifacts.remove(file)
        freed += size
        by_kind[file.kind] += bool(size)
        log.info("deleted %s %s of %s", file.kind, file.name, name)
    return by_kind, freed


def _delete_jobs(
    settings: Settings, connection: Connection, name: str, retention: Retention, *, now: datetime
) -> int:
    """Delete jobs past their retention, and what an upload that broke off left; return how many.

    A job of a command is forgotten with its predictions: until then, it keeps them from being
    logged twice.
    """
    store = ScoringJobStore(connection)
    expired = store.expired(name, now - max(retention.jobs, SHORTEST))
    for job_id in expired:
        JobFiles.of(settings, name, job_id).remove()
        store.delete(job_id)
    store.delete_logged(name, (now - max(retention.predictions, SHORTEST)).date())
    listed = job_folders(settings, name)
    old = [job_id for job_id, written in listed if now - written > SHORTEST]
    strays = set(old) - store.known(old)
    for job_id in strays:
        JobFiles.of(settings, name, job_id).remove()
    return len(expired) + len(strays)


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
        history=store.delete_history(use_case, expiry.history),
    )
