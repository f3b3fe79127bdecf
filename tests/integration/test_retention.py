"""Housekeeping deletes the rows of each use case after its own retention, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.housekeeping import delete_expired
from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.settings import Settings
from pipelines.stores import retention
from pipelines.stores.database import Connection, connect
from pipelines.stores.retention import RetentionStore
from stack import temporary_services

TODAY = datetime.now(UTC).date()
AGES = (0, 1, 29, 31, 99, 101, 399, 401)  # days
POLICIES = {
    "fraud": Retention(predictions=timedelta(days=30), metrics=timedelta(days=100)),
    "loan_default": Retention(predictions=timedelta(days=100), metrics=timedelta(days=30)),
}
PREDICTION = """
INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, event_time,
    model_version, contract_hash, features, score, predicted_label, threshold, replica)
VALUES (%(time)s, gen_random_uuid(), %(use_case)s, 't', %(time)s, 1, 'c', '{1}', 0.5, 1, 0.5, 'r')
"""
OTHERS: tuple[LiteralString, ...] = (
    "INSERT INTO explanations (use_case, prediction_id, scored_at, model_version)"
    " VALUES (%(use_case)s, gen_random_uuid(), %(time)s, 1)",
    "INSERT INTO monitoring_metrics (check_id, use_case, window_start, window_end, metric, n, at)"
    " VALUES (%(time)s::text, %(use_case)s, %(time)s, %(time)s, 'psi', 1, %(time)s)",
    "INSERT INTO feature_rollups VALUES (%(use_case)s, 'b', 1, 'x', %(time)s, 1, 1)",
    "INSERT INTO score_rollups VALUES (%(use_case)s, %(time)s, 1, -1, 1, 1, 1, 1, 1)",
    "INSERT INTO quality_counts VALUES (%(use_case)s, %(time)s, 'amount', 'refused', 1)",
    "INSERT INTO attribution_rollups VALUES (%(use_case)s, %(time)s, 1, 'x', 1, 1, 1, 1, 1, 1)",
)
COLUMNS = {
    "prediction_logs": "scored_at",
    "explanations": "scored_at",
    "monitoring_metrics": "at",
    "feature_rollups": "bucket",
    "score_rollups": "bucket",
    "quality_counts": "hour",
    "attribution_rollups": "bucket",
}


@pytest.fixture
def database(new_database: Callable[[], str], tmp_path: Path) -> Iterator[Connection]:
    """A migrated database of the test's own."""
    url = new_database()
    temporary_services.migrate(url, tmp_path)
    with connect(Settings(home=tmp_path, database_url=url), autocommit=True) as connection:
        yield connection


def fill(database: Connection, *use_cases: str) -> None:
    """Store a row of each age in each table, half of the log's days with their own partition."""
    for age in AGES[::2]:
        database.execute("SELECT ensure_partitions(%s, 1)", [TODAY - timedelta(days=age)])
    for use_case in use_cases:
        for age in AGES:
            noon = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)
            values = {"use_case": use_case, "time": noon - timedelta(days=age)}
            for statement in (PREDICTION, *OTHERS):
                database.execute(statement, values)


def ages(database: Connection, table: str, use_case: str) -> list[int]:
    """Return the ages in days of one use case's rows, in order."""
    rows = database.execute(
        f"SELECT {COLUMNS[table]}::date AS day FROM {table} WHERE use_case = %s ORDER BY 1 DESC",  # type: ignore[arg-type]
        [use_case],
    ).fetchall()
    return [(TODAY - row["day"]).days for row in rows]


def younger(than: int) -> list[int]:
    return [age for age in AGES if age <= than]


def partitions(database: Connection) -> set[str]:
    rows = database.execute(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent = 'prediction_logs'::regclass"
    ).fetchall()
    return {row["name"] for row in rows}


def partition(age: int) -> str:
    return f"prediction_logs_{TODAY - timedelta(days=age):%Y%m%d}"


def test_rows_of_each_use_case_go_after_its_own_retention(database: Connection) -> None:
    fill(database, "fraud", "loan_default", "removed")
    deleted = delete_expired(RetentionStore(database), POLICIES, TODAY)
    kept = {"fraud": (30, 100), "loan_default": (100, 30), "removed": (400, 400)}
    for use_case, (predictions, metrics) in kept.items():
        assert ages(database, "prediction_logs", use_case) == younger(predictions)
        assert ages(database, "explanations", use_case) == younger(predictions)
        for table in ("monitoring_metrics", "feature_rollups", "score_rollups", "quality_counts"):
            assert ages(database, table, use_case) == younger(metrics), table
        assert ages(database, "attribution_rollups", use_case) == younger(metrics)
    assert deleted.rows["fraud"].explanations == 5
    assert deleted.rows["loan_default"].predictions == 2  # 401 days went with the whole day
    assert deleted.rows["removed"].explanations == 1


IMPORTED = (
    "INSERT INTO ingested_rows (use_case, transaction_id, event_time, label, contract_hash, features, imported_at)"
    " VALUES (%(use_case)s, %(id)s, '2020-01-01', 1, 'c', '{1}', %(time)s)",
    "INSERT INTO ingested_labels (use_case, transaction_id, labelled_at, label, imported_at)"
    " VALUES (%(use_case)s, %(id)s, '2020-01-01', 1, %(time)s)",
)


def test_imported_history_goes_by_the_time_of_its_import_and_labels_stay(
    database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setitem(COLUMNS, "ingested_rows", "imported_at")
    monkeypatch.setitem(COLUMNS, "ingested_labels", "imported_at")
    noon = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)
    for use_case in ("fraud", "removed"):
        database.execute(
            "INSERT INTO ingest_watermarks (use_case, source, watermark) VALUES (%s, 'labels', now())",
            [use_case],
        )
        for age in AGES:
            values = {"use_case": use_case, "id": f"t-{age}", "time": noon - timedelta(days=age)}
            for statement in IMPORTED:
                database.execute(statement, values)
    database.execute(
        "INSERT INTO label_store (use_case, transaction_id, label, labelled_at, received_at, source)"
        " VALUES ('fraud', 't', 1, '2020-01-01', '2020-01-01', 'ingest:warehouse')"
    )
    policies = {"fraud": Retention(history=timedelta(days=100))}
    deleted = delete_expired(RetentionStore(database), policies, TODAY)
    for table in ("ingested_rows", "ingested_labels"):
        assert ages(database, table, "fraud") == younger(100)
        assert ages(database, table, "removed") == younger(400)
    assert (deleted.rows["fraud"].history, deleted.rows["removed"].history) == (6, 2)
    assert database.execute("SELECT count(*) AS n FROM label_store").fetchone() == {"n": 1}
    assert delete_expired(RetentionStore(database), policies, TODAY).rows["fraud"].history == 0


def test_a_second_run_finds_nothing_to_delete(database: Connection) -> None:
    fill(database, "fraud", "loan_default")
    store = RetentionStore(database)
    delete_expired(store, POLICIES, TODAY)
    before = {table: ages(database, table, "fraud") for table in COLUMNS}
    again = delete_expired(store, POLICIES, TODAY)
    assert again.days == 0
    assert {(r.predictions, r.explanations, r.metrics) for r in again.rows.values()} == {(0, 0, 0)}
    assert {table: ages(database, table, "fraud") for table in COLUMNS} == before


def test_a_day_is_dropped_when_no_use_case_with_predictions_keeps_it(database: Connection) -> None:
    fill(database, "fraud")
    assert partition(99) in partitions(database)
    delete_expired(RetentionStore(database), POLICIES, TODAY)  # loan_default has no predictions
    assert partition(99) not in partitions(database)
    assert partition(29) in partitions(database)


def test_a_day_that_another_use_case_keeps_stays(database: Connection) -> None:
    fill(database, "fraud", "loan_default")
    delete_expired(RetentionStore(database), POLICIES, TODAY)
    assert partition(99) in partitions(database)
    assert partition(399) not in partitions(database)


def test_predictions_are_deleted_in_batches_across_days(
    database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    noon = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)
    for number in range(11):
        values = {"use_case": "fraud", "time": noon - timedelta(days=40 + number % 3)}
        database.execute(PREDICTION, values)
    one = database.execute(
        "SELECT delete_predictions('fraud', %s, 2) AS n", [TODAY - timedelta(days=30)]
    ).fetchone()
    assert one == {"n": 2}
    store = RetentionStore(database)
    assert store.delete_predictions("fraud", TODAY - timedelta(days=30)) == 9


@pytest.mark.parametrize("days", [0, -1])
def test_predictions_of_today_are_never_deleted(database: Connection, days: int) -> None:
    before: date = TODAY - timedelta(days=days)
    with pytest.raises(psycopg.errors.RaiseException, match="is not in the past"):
        database.execute("SELECT delete_predictions('fraud', %s, 1)", [before])


def test_the_command_deletes_by_the_policies_of_the_folders(
    database: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("evaluation: {window: P10D}\nretention: {predictions: P30D}\n")
    monkeypatch.setenv("SIXGATE_DATABASE_URL", dsn_with_password(database))
    monkeypatch.setenv("SIXGATE_POLICY_OVERLAY", str(overlay))
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))
    fill(database, "fraud", "removed")
    done = CliRunner().invoke(app.app, ["housekeeping", "retention"])
    assert done.exit_code == 0, done.output
    assert ages(database, "prediction_logs", "fraud") == younger(30)
    assert ages(database, "prediction_logs", "removed") == younger(400)
    assert "fraud: deleted 4 predictions of other days, 5 explanations" in done.output


def dsn_with_password(database: Connection) -> str:
    info = database.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
