"""History and labels of a team's database, imported by the stack's Airflow on a schedule.

Runs before the story, on a stack without models, and leaves nothing that was imported.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql

from pipelines.settings import Settings
from pipelines.use_case import read_contract
from stack.airflow_client import Airflow
from stack.home import home_of
from stack.processes.postgres import Postgres
from tests.e2e import web

pytestmark = pytest.mark.timeout(600)
PASSWORD = "wareh0use s3cret/%"
SPELLINGS = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), quote(PASSWORD, safe=" +"))
DAG = "fraud_ingest"
POLICY = """
ingest:
  schedule: "* * * * *"
  history:
    connection: warehouse
    watermark: updated_at
    sql: SELECT * FROM payments WHERE updated_at > :watermark
  labels:
    connection: warehouse
    watermark: reported_at
    sql: |
      SELECT transaction_id, is_fraud, reported_at
      FROM chargebacks
      WHERE reported_at > :watermark
"""


@pytest.fixture(scope="module")
def postgres(stack: Settings) -> tuple[Postgres, str]:
    """The stack's PostgreSQL and the password of its owner."""
    drawn = home_of(stack).secrets()
    server = Postgres.embedded(home_of(stack).path, instance=drawn.instance, port=stack.pg_port)
    return server, drawn.postgres


@pytest.fixture(scope="module")
def warehouse(
    stack: Settings, postgres: tuple[Postgres, str]
) -> Iterator[psycopg.Connection[tuple[int, ...]]]:
    """The team's database, with a user who may read it."""
    server, password = postgres
    raw = read_contract(stack.reference / "fraud").raw
    features = sql.SQL(", ").join(sql.SQL("0 AS {}").format(sql.Identifier(name)) for name in raw)
    with psycopg.connect(server.url(password, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE warehouse")
        connection.execute(
            sql.SQL("CREATE ROLE warehouse_reader LOGIN PASSWORD {}").format(sql.Literal(PASSWORD))
        )
    with psycopg.connect(server.url(password, "warehouse"), autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE TABLE payments AS SELECT 'p-' || n AS transaction_id, now() - n * interval '1 hour' AS event_time,"
                " n % 2 AS is_fraud, now() AS updated_at, {} FROM generate_series(1, 40) AS n"
            ).format(features)
        )
        connection.execute(
            "CREATE TABLE chargebacks AS SELECT 'p-' || n AS transaction_id, 1 AS is_fraud, now() AS reported_at"
            " FROM generate_series(1, 30) AS n"
        )
        connection.execute("GRANT SELECT ON payments, chargebacks TO warehouse_reader")
        yield connection
    with psycopg.connect(server.url(password, "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE warehouse WITH (FORCE)")
        connection.execute("DROP ROLE warehouse_reader")


@pytest.fixture(scope="module")
def airflow(
    stack: Settings,
    postgres: tuple[Postgres, str],
    warehouse: psycopg.Connection[tuple[int, ...]],
) -> Iterator[Airflow]:
    """Airflow with the connection, and a policy that imports; both are gone afterwards."""
    file = stack.reference / "fraud" / "policy.yaml"
    text = file.read_text()
    server, password = postgres
    with contextlib.closing(Airflow(stack)) as client:
        client.wait_for_dag("fraud_retraining")
        connection = {
            "connection_id": "warehouse",
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": stack.pg_port,
            "schema": "warehouse",
            "login": "warehouse_reader",
            "password": PASSWORD,
            "extra": json.dumps({"sslmode": "prefer"}),
        }
        connections = f"{stack.airflow_url}/api/v2/connections"
        web.post(connections, json=connection, headers=client.headers).raise_for_status()
        file.write_text(text + POLICY)
        client.wait_for_dag(DAG)
        yield client
        file.write_text(text)
        dag = f"{stack.airflow_url}/api/v2/dags/{DAG}"
        web.patch(dag, json={"is_paused": True}, headers=client.headers).raise_for_status()
        while any(run["state"] in ("queued", "running") for run in client.runs(DAG)):
            time.sleep(0.5)
        httpx.delete(dag, headers=client.headers, timeout=60).raise_for_status()
        web.delete(f"{connections}/warehouse", headers=client.headers).raise_for_status()
    with psycopg.connect(server.url(password, "sixgate"), autocommit=True) as owner:
        owner.execute("TRUNCATE ingested_rows, ingested_labels, ingested_files, ingest_watermarks")
        owner.execute("DELETE FROM label_store WHERE source = 'ingest:warehouse'")


def results(stack: Settings, airflow: Airflow, run: str) -> dict[str, dict[str, object]]:
    """What each task returned."""
    found = {}
    for task in ("ingest_history", "ingest_labels"):
        path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        response = httpx.get(stack.airflow_url + path, headers=airflow.headers, timeout=20)
        response.raise_for_status()
        value = response.json()["value"]
        found[task] = json.loads(value) if isinstance(value, str) else value
    return found


def test_a_scheduled_run_imports_and_a_person_sees_the_counts(
    stack: Settings, airflow: Airflow, warehouse: psycopg.Connection[tuple[int, ...]]
) -> None:
    run = airflow.next_run(DAG, run_type="scheduled", earlier=set(), seconds=180)
    assert set(airflow.finish(DAG, run).values()) == {"success"}
    first = results(stack, airflow, run)
    assert (first["ingest_history"]["new"], first["ingest_labels"]["accepted"]) == (40, 30)
    warehouse.execute(
        "UPDATE chargebacks SET is_fraud = 0, reported_at = now() WHERE transaction_id = 'p-7'"
    )
    again = airflow.trigger(DAG)
    airflow.finish(DAG, again)
    second = results(stack, airflow, again)
    assert (second["ingest_history"]["new"], second["ingest_history"]["repeated"]) == (0, 40)
    # A scheduled run may have read the correction before this one.
    labels = second["ingest_labels"]
    assert (labels["accepted"], labels["read"]) == (0, 30)
    assert f"{labels['repeated']:,} repeated" in airflow.log(DAG, again, "ingest_labels")


def test_the_password_is_nowhere_but_in_airflows_encrypted_connection(
    stack: Settings, airflow: Airflow, postgres: tuple[Postgres, str]
) -> None:
    home = home_of(stack)
    runs = list((home.airflow / "logs" / f"dag_id={DAG}").rglob("*.log"))
    assert len(runs) >= 2
    for path in [*home.logs.rglob("*"), *(home.airflow / "logs").rglob("*")]:
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not [spelling for spelling in SPELLINGS if spelling in text], path
    server, password = postgres
    for database in ("airflow", "sixgate"):
        with psycopg.connect(server.url(password, database), autocommit=True) as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (name,) in names:
                query = sql.SQL("SELECT count(*) FROM {} AS r WHERE strpos(r::text, %s) > 0")
                for spelling in SPELLINGS:
                    found = connection.execute(query.format(sql.Identifier(name)), [spelling])
                    assert found.fetchone() == (0,), name
