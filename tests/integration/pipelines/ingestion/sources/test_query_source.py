"""The rows of a query on a real PostgreSQL become a snapshot."""

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from pipelines.errors import DataError
from pipelines.ingestion import ingest_from
from pipelines.ingestion.sources.query_source import open_query
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_parser import parse_contract
from pipelines.stores.artifacts import Artifacts
from tests.unit.pipelines.rules.use_case.test_contract import GOOD

# numeric, timestamptz, boolean, varchar, uuid, date: what a warehouse has.
LOANS = """
SELECT CASE WHEN n % 2 = 0 THEN gen_random_uuid()::text ELSE 'loan-' || n END AS transaction_id,
       n AS customer_id,
       timestamptz '2026-01-01 00:00+02' + n * interval '1 second' AS event_time,
       n % 3 = 0 AS defaulted,
       (n + 0.25)::numeric(12, 2) AS "Salary",
       n % 2 = 0 AS employed,
       (CASE WHEN n % 5 = 0 THEN 'a' ELSE 'b' END)::varchar(1) AS grade,
       nullif(n % 4, 0)::smallint AS dependents,
       gen_random_uuid() AS unused
FROM generate_series(1, {rows}) AS n
"""


@pytest.fixture
def contract() -> Contract:
    return parse_contract(yaml.safe_load(GOOD), use_case="loan", file="loan/contract.yaml")


def test_postgresqls_types_are_read_exactly_and_in_batches(
    database_url: str, contract: Contract, artifacts: Artifacts
) -> None:
    batches: list[int] = []
    ingested = ingest_from(
        open_query(LOANS.format(rows=250_000) + ";", database_url, contract),
        contract,
        artifacts,
        progress=batches.append,
    )
    assert (ingested.rows, ingested.quarantined, ingested.unit) == (250_000, 0, "row")
    assert len(batches) > 2
    row = artifacts.load("snapshots", ingested.snapshot).slice(0, 1).to_pylist()[0]
    assert row["transaction_id"] == "loan-1"
    assert row["entity_key"] == "1"
    assert row["event_time"].isoformat() == "2025-12-31T22:00:01+00:00"
    assert (row["salary"], row["employed"], row["grade"], row["dependents"]) == (1.25, 0.0, 1.0, 1)


def test_a_row_that_breaks_the_contract_is_shown_by_its_number(
    database_url: str, contract: Contract, artifacts: Artifacts
) -> None:
    query = f"SELECT * FROM ({LOANS.format(rows=3)}) AS l ORDER BY customer_id"
    query = query.replace("(n + 0.25)", "CASE n WHEN 2 THEN -1 ELSE n + 0.25 END::numeric")
    ingested = ingest_from(open_query(query, database_url, contract), contract, artifacts)
    assert (ingested.rows, ingested.quarantined) == (2, 1)
    assert ingested.refusals[0].text == "salary: outside [0, 1e+06]"
    assert ingested.refusals[0].samples[0].number == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("SELECT * FROM no_such_table", "no_such_table", id="no such table"),
        pytest.param("SELEC 1", "syntax error", id="no SQL"),
        pytest.param("SELECT 1 AS n", "no column for", id="columns missing"),
    ],
)
def test_a_query_that_fails_says_why_without_the_password(
    query: str, words: str, database_url: str, contract: Contract, artifacts: Artifacts
) -> None:
    password = str(conninfo_to_dict(database_url)["password"])
    with pytest.raises(DataError, match=words) as raised:
        ingest_from(open_query(query, database_url, contract), contract, artifacts)
    assert password not in str(raised.value)
    assert raised.value.__cause__ is None or password not in str(raised.value.__cause__)


def test_a_wrong_password_is_not_shown(
    database_url: str, contract: Contract, artifacts: Artifacts
) -> None:
    parts = conninfo_to_dict(database_url)
    url = f"postgresql://{parts['user']}:hunter2@{parts['host']}:{parts['port']}/{parts['dbname']}"
    with pytest.raises(DataError, match=r"the query on postgresql://.*:\*\*\*@") as raised:
        ingest_from(open_query("SELECT 1", url, contract), contract, artifacts)
    assert "hunter2" not in str(raised.value)


def test_an_airflow_connection_is_a_database(
    database_url: str,
    contract: Contract,
    artifacts: Artifacts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", database_url.replace("postgresql", "postgres", 1))
    source = open_query(LOANS.format(rows=10), "warehouse", contract)
    assert ingest_from(source, contract, artifacts).rows == 10


@pytest.fixture
def artifacts(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Artifacts:
    with psycopg.connect(database_url):  # the database is up
        return Artifacts(tmp_path_factory.mktemp("artifacts"))
