"""Each DAG runs from end to end with `dag.test()`: real steps as processes, a real database and a real registry."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pipelines.settings import ROOT
from pipelines.use_case import read_contract
from stack.temporary_services import free_port
from tests.dags.listeners import hook, mailbox
from tests.thoroughness import THOROUGH

Test = Callable[..., dict[str, str]]


@dataclass(frozen=True)
class Told:
    """Who listens where, and what they heard."""

    hook: tuple[int, list[dict[str, Any]]]
    mailbox: tuple[int, list[str]]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with hook() as web, mailbox() as mail:
        yield Told(web, mail)


PASSWORD = "wareh0use s3cret/%"
INGEST = """
ingest:
  labels:
    connection: warehouse
    watermark: reported_at
    sql: SELECT transaction_id, outcome AS is_fraud, reported_at FROM chargebacks WHERE reported_at > :watermark
  history:
    connection: warehouse
    watermark: updated_at
    sql: SELECT * FROM payments WHERE updated_at > :watermark
"""


@pytest.fixture(scope="module")
def warehouse(new_database: Callable[[], str]) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A team's database of payments and chargebacks, and the URL of a user who may read it."""
    url = new_database()
    reader = f"reader_{os.getpid()}"
    features = ", ".join(f"0 AS {name}" for name in read_contract(ROOT / "reference" / "fraud").raw)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE payments AS SELECT n AS transaction_id, n AS customer_id, now() - n * interval '1 hour' AS event_time,"
            f" n % 2 AS is_fraud, now() - interval '1 day' AS updated_at, {features} FROM generate_series(1, 50) AS n"
        )
        connection.execute(
            "CREATE TABLE chargebacks AS SELECT n AS transaction_id, 1 AS outcome, now() - interval '1 day' AS reported_at"
            " FROM generate_series(1, 20) AS n"
        )
        connection.execute(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
        parts = conninfo_to_dict(url)
        address = f"{parts['host']}:{parts['port']}/{parts['dbname']}?sslmode=prefer"
        yield connection, f"postgres://{reader}:{quote(PASSWORD, safe='')}@{address}"


@pytest.fixture(scope="module")
def run_dag(
    database_url: str,
    warehouse: tuple[psycopg.Connection[Any], str],
    new_database: Callable[[], str],
    mlflow_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    told: Told,
) -> Test:
    """Run a DAG in an interpreter of its own; returns task → state."""
    home = tmp_path_factory.mktemp("airflow")
    overlay = home / "policy.yaml"
    targets = "alerts: {notify: [log, hook, mail, away]}\n"
    overlay.write_text((ROOT / "stack" / "policy.demo.yaml").read_text() + targets + INGEST)
    airflow_database = new_database().replace("postgresql:", "postgresql+psycopg2:")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database,
        "SIXGATE_AIRFLOW_DATABASE_URL": airflow_database,
        "SIXGATE_HOME": str(home / "sixgate"),
        "SIXGATE_DATABASE_URL": database_url,
        "AIRFLOW_CONN_SIXGATE": database_url,
        "SIXGATE_POLICY_OVERLAY": str(overlay),
        "AIRFLOW_CONN_WAREHOUSE": warehouse[1],
        "AIRFLOW_CONN_HOOK": json.dumps(
            {
                "conn_type": "http",
                "schema": "http",
                "host": "127.0.0.1",
                "port": told.hook[0],
                "password": "s3cret",
                "extra": {"path": "/drift"},
            }
        ),
        "AIRFLOW_CONN_MAIL": json.dumps(
            {
                "conn_type": "smtp",
                "host": "127.0.0.1",
                "port": told.mailbox[0],
                "extra": {
                    "to": "ops@example.com",
                    "from_email": "sixgate@example.com",
                    "disable_ssl": True,
                    "disable_tls": True,
                },
            }
        ),
        "AIRFLOW_CONN_AWAY": json.dumps(
            {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": free_port()}
        ),
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command in (["airflow", "db", "migrate"], ["airflow", "dags", "reserialize"]):
        subprocess.run(command, env=environment, check=True, capture_output=True, cwd=home)

    def run_dag(
        file: str, dag_id: str, conf: dict[str, Any] | None = None, state: str = "success"
    ) -> dict[str, str]:
        command = [
            sys.executable,
            str(ROOT / "tests/dags/run_dag.py"),
            str(ROOT / f"dags/{file}.py"),
            dag_id,
            json.dumps(conf or {}),
        ]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=home, timeout=240
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        for spelling in (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD, safe=" +")):
            assert spelling not in said
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["state"] == state, done.stdout[-5000:]
        return dict(result["tasks"])

    return run_dag


def test_a_model_is_trained_and_promoted_by_the_two_dags(run_dag: Test) -> None:
    tasks = run_dag("retraining", "fraud_retraining", {"reason": "a test", "reference": True})
    assert set(tasks.values()) == {"success"}
    tasks = run_dag("promotion", "fraud_promotion")
    assert tasks == {
        "needs_review": "success",
        "review": "skipped",
        "final_validation": "success",
        "promote": "success",
    }
    again = run_dag("retraining", "fraud_retraining", {"reason": "no labels yet"})
    assert set(again.values()) == {"skipped"}


def test_a_quiet_check_wakes_nobody(run_dag: Test) -> None:
    tasks = run_dag("drift_detection", "fraud_drift_detection")
    assert tasks == {
        "resume_promotion": "skipped",
        "roll_up": "success",
        "measure": "success",
        "alert": "success",
        "notify": "skipped",
        "report": "skipped",
        "wake_retraining": "skipped",
        "guard": "skipped",
    }


def test_an_approved_decision_waits_while_its_dag_is_paused_and_a_person_is_told(
    run_dag: Test, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "INSERT INTO decision_records (use_case, run_id, trigger, as_of, policy, verdict, reason,"
            " challenger_version, opened_at, decided_at) VALUES ('fraud', 'forgotten', 'MANUAL', now(),"
            " '{}', 'APPROVED', 'test', 1, now() - interval '1 day', now() - interval '1 day')"
            " RETURNING id"
        ).fetchone()
        assert row is not None
        tasks = run_dag("drift_detection", "fraud_drift_detection", state="failed")
        alert = connection.execute(
            "SELECT message FROM monitoring_alerts"
            " WHERE cause = 'promotion_waiting' AND told ? 'log'"
        ).fetchone()
        connection.execute(
            "INSERT INTO promotions (promotion_id, use_case, to_version, to_digest, action, state,"
            " actor, reason, decision_id) VALUES (gen_random_uuid(), 'fraud', 1, 'x', 'PROMOTE',"
            " 'REFUSED', 'test', 'test', %s)",
            row,
        )
        connection.execute("UPDATE monitoring_alerts SET state = 'RESOLVED', resolved_at = now()")
    assert tasks["resume_promotion"] == "skipped"
    assert tasks["notify"] == "failed"  # one of its targets is away
    assert alert is not None
    assert f"version 1 of decision {row[0]} is APPROVED" in alert[0]
    assert "fraud_promotion is paused: unpause it" in alert[0]


def test_news_of_an_alert_reaches_everybody_but_who_is_away_and_the_task_says_so(
    run_dag: Test, told: Told, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO monitoring_alerts (use_case, cause, severity, message)"
            " VALUES ('fraud', 'model_refused', 'ALERT', 'a <b>bold</b> claim')"
        )
        tasks = run_dag("drift_detection", "fraud_drift_detection", state="failed")
        assert tasks["notify"] == "failed"
        found = connection.execute(
            "SELECT state, told FROM monitoring_alerts WHERE cause = 'model_refused'"
        ).fetchone()
    everybody = dict.fromkeys(("log", "hook", "mail"), "ALERT")
    assert found == ("OPEN", everybody)
    # Once, though the task was tried twice; earlier tests may have left other alerts.
    (heard,) = [message for message in told.hook[1] if "model_refused" in message["subject"]]
    assert (heard["path"], heard["authorization"]) == ("/drift", "Bearer s3cret")
    assert (heard["subject"], heard["text"].splitlines()[0]) == (
        "[ALERT] fraud: model_refused opened",
        "a <b>bold</b> claim",
    )
    (mail,) = [message for message in told.mailbox[1] if "model_refused" in message]
    assert "To: ops@example.com" in mail
    assert "a &lt;b&gt;bold&lt;/b&gt; claim" in mail or "base64" in mail


FIRST_TASKS = [
    ("retraining", "fraud_retraining", {"check_conditions"}),
    ("housekeeping", "housekeeping", {"partitions"}),
    ("promotion", "fraud_promotion", {"needs_review"}),
    ("drift_detection", "fraud_drift_detection", {"roll_up", "resume_promotion"}),
    ("batch_explanation", "fraud_batch_explanation", {"plan"}),
    ("batch_scoring", "fraud_batch_scoring", {"score_file"}),
    ("rollback", "fraud_rollback", {"select_rollback"}),
    ("ingest", "fraud_ingest", {"ingest_history", "ingest_labels"}),
]


@pytest.mark.parametrize(
    ("file", "dag_id", "first"),
    FIRST_TASKS if THOROUGH else FIRST_TASKS[:2],
)
def test_a_run_with_an_unknown_parameter_fails_in_its_first_tasks(
    file: str, dag_id: str, first: set[str], run_dag: Test
) -> None:
    """As `airflow dags trigger` starts it, which asks no REST API.

    CI tries every DAG. Otherwise one DAG of a use case stands for the others, whose first tasks
    are steps too.
    """
    tasks = run_dag(file, dag_id, {"requre_review": True}, state="failed")
    assert {task for task, state in tasks.items() if state == "failed"} == first
    assert set(tasks.values()) <= {"failed", "upstream_failed", "None"}


def test_history_and_labels_are_imported_from_the_database_of_a_connection(
    run_dag: Test, warehouse: tuple[psycopg.Connection[Any], str], database_url: str
) -> None:
    tasks = run_dag("ingest", "fraud_ingest")
    assert tasks == {"ingest_history": "success", "ingest_labels": "success"}
    source, _ = warehouse
    source.execute("INSERT INTO chargebacks VALUES (21, 0, now())")
    source.execute("UPDATE payments SET updated_at = now(), is_fraud = 1 WHERE transaction_id = 2")
    assert set(run_dag("ingest", "fraud_ingest").values()) == {"success"}
    with psycopg.connect(database_url) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM label_store WHERE source = 'ingest:warehouse'), count(*), sum(label)"
            " FROM ingested_rows"
        ).fetchone()
    assert counts == (21, 50, 26)
    source.execute("ALTER TABLE chargebacks RENAME outcome TO verdict")
    tasks = run_dag("ingest", "fraud_ingest", {"full": True}, state="failed")
    assert tasks == {"ingest_history": "success", "ingest_labels": "failed"}
    source.execute("ALTER TABLE chargebacks RENAME verdict TO outcome")


def test_with_nothing_to_explain_the_run_is_skipped(run_dag: Test) -> None:
    assert set(run_dag("batch_explanation", "fraud_batch_explanation").values()) == {"skipped"}


def test_with_no_uploaded_file_the_run_is_skipped(run_dag: Test) -> None:
    assert set(run_dag("batch_scoring", "fraud_batch_scoring").values()) == {"skipped"}


def test_housekeeping_keeps_house(run_dag: Test, database_url: str) -> None:
    newest = f"prediction_logs_{datetime.now(UTC) + timedelta(days=9):%Y%m%d}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {newest}")
        for days in (1, 500):
            connection.execute(
                "INSERT INTO explanations (use_case, prediction_id, scored_at, model_version)"
                " VALUES ('fraud', gen_random_uuid(), now() - %s * interval '1 day', 1)", [days],
            )  # fmt: skip
            connection.execute(
                "INSERT INTO attribution_rollups VALUES ('fraud', now() - %s * interval '1 day', 1, 'x', 1, 1, 1, 1, 1, 1)",
                [days],
            )
        assert set(run_dag("housekeeping", "housekeeping").values()) == {"success"}
        assert connection.execute("SELECT to_regclass(%s)", [newest]).fetchone() != (None,)
        for table, column in (("explanations", "scored_at"), ("attribution_rollups", "bucket")):
            (left,) = connection.execute(
                f"SELECT array_agg(now() - {column} < interval '2 days') FROM {table}"
            ).fetchone()
            assert left == [True]
