"""The golden table through a running server and its database, and through a step of the DAG."""

import csv
import math
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
import yaml
from psycopg import sql

from benchmarks.fuzz.server import KEY, environment, publish, tracebacks, wait_until_ready
from pipelines.context import context
from pipelines.ingestion import ingest
from pipelines.settings import ROOT, Settings
from pipelines.steps import perform
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.baseline import write_baseline
from pipelines.use_case import read_contract
from stack.temporary_services import free_port
from tests.golden.cases import ALL_CASES
from tests.golden.doors import (
    CONTRACTS,
    difference,
    expected_of_request,
    failures_of_queries,
    request,
)
from tests.golden.table import FOLDER, GOOD_ROW, LABEL_COLUMNS, Case, Taken
from tests.integration.server import until

Database = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Settings:
    """Settings of a root with a use case for each label column of the table."""
    root = tmp_path_factory.mktemp("golden")
    (root / "sql").symlink_to(ROOT / "sql")
    document = yaml.safe_load((FOLDER / "contract.yaml").read_text())
    for name, label in LABEL_COLUMNS.items():
        folder = root / "reference" / f"golden_{name}"
        folder.mkdir(parents=True)
        full = document | {"label": msgspec.to_builtins(label)}
        (folder / "contract.yaml").write_bytes(msgspec.json.encode(full))
        (folder / "policy.yaml").write_text("{}")
    return Settings(
        root=root,
        home=root / "home",
        database_url=database_url,
        api_port=free_port(),
        model_folder=root / "models",
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a server process with a model for each use case."""
    for name in LABEL_COLUMNS:
        publish(settings, read_contract(settings.reference / f"golden_{name}"))
    log = settings.root / "server.log"
    command = [sys.executable, "-m", "serving"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment(settings), stdout=out, stderr=out
        )
    try:
        wait_until_ready(settings.api_port, len(LABEL_COLUMNS))
        base_url = f"http://127.0.0.1:{settings.api_port}"
        with httpx.Client(base_url=base_url, headers={"X-API-Key": KEY}, timeout=30) as client:
            yield client
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert tracebacks(log) == 0


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def refusal(response: httpx.Response) -> Any:
    """What a problem document names: field, rule, row and hint."""
    problem = response.json()
    row = str(problem.get("row"))
    return ("refused", problem["field"], problem["rule"], row, problem.get("hint", ""))


def test_a_server_logs_each_value_as_the_table_says_or_refuses_it(
    client: httpx.Client, database: Database
) -> None:
    failures: list[str] = []
    predicted: list[tuple[str, Case, str]] = []
    for case in ALL_CASES:
        for door in case.doors:
            body = request(case, door)
            if body is None or door.startswith("labels"):
                continue
            route = "predict/batch" if door == "batch" else "predict"
            response = client.post(f"/v1/golden_{case.contract}/{route}", content=body)
            if response.status_code == 200:
                answer = response.json()
                answer = answer["predictions"][1] if door == "batch" else answer
                predicted.append((door, case, answer["prediction_id"]))
            else:
                expected = expected_of_request(case, door)
                failures += difference(door, case, refusal(response), expected)
    assert len(predicted) > 300
    ids = [prediction_id for _, _, prediction_id in predicted]
    count = "SELECT count(*) FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[])"
    until(lambda: database.execute(count, [ids]).fetchone() == (len(ids),), "all are logged")
    rows = database.execute(
        "SELECT prediction_id::text, transaction_id, entity_key, event_time, features"
        " FROM prediction_logs WHERE prediction_id = ANY(%s::uuid[])",
        [ids],
    ).fetchall()
    by_id = {row[0]: row for row in rows}
    for door, case, prediction_id in predicted:
        failures += difference(door, case, logged(by_id[prediction_id], case), value_of(case))
    assert failures == []


def logged(row: tuple[Any, ...], case: Case) -> Any:
    """The logged value of a case's column; NaN for one that the request may leave out."""
    _, transaction_id, entity_key, event_time, features = row
    raw = CONTRACTS["default"].raw
    if case.column in raw:
        value = features[raw.index(case.column)]
    else:
        names = {"loan_id": transaction_id, "member_id": entity_key, "issued": event_time}
        left_out = case.value is None and case.column in ("loan_id", "issued")
        value = None if left_out else names[case.column]
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return math.nan if value is None else value


def value_of(case: Case) -> Any:
    """The value that a case is taken as."""
    assert isinstance(case.expected, Taken), case
    return math.nan if case.expected.value is None else case.expected.value


def test_a_server_stores_each_label_as_the_table_says_or_refuses_it(
    client: httpx.Client, database: Database
) -> None:
    failures: list[str] = []
    for number, case in enumerate(ALL_CASES):
        for door in case.doors:
            body = request(case, door)
            if body is None or not door.startswith("labels"):
                continue
            use_case = f"golden_{case.contract}"
            transaction_id = f"label-{number}-{door}"
            if case.column != "loan_id":
                body = body.replace(b'"t-1"', f'"{transaction_id}"'.encode())
            response = client.post(f"/v1/{use_case}/labels", content=body)
            outcome = refusal(response) if response.status_code != 200 else None
            if outcome is None:
                given = value_of(case) if case.column == "loan_id" else transaction_id
                stored = database.execute(
                    "SELECT transaction_id, label, labelled_at FROM label_store"
                    " WHERE use_case = %s AND transaction_id = %s",
                    [use_case, given],
                ).fetchone()
                columns = ("loan_id", "bad", "labelled_at")
                outcome = dict(zip(columns, stored or (None,) * 3, strict=True))[case.column]
            failures += difference(door, case, outcome, expected_of_request(case, door))
    assert failures == []


def test_a_query_on_postgresql_reads_each_value_as_the_table_says(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    columns = 0

    def select(row: dict[str, Any]) -> str | None:
        nonlocal columns
        if not all(can_store(value) for value in row.values()):
            return None
        columns += 1
        parts = [
            sql.SQL("CAST({} AS {}) AS {}").format(
                sql.Literal(value), sql.SQL(postgresql_type(value)), sql.Identifier(name)
            )
            for name, value in row.items()
        ]
        return sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts)).as_string(database)

    artifacts = Artifacts(tmp_path / "artifacts")
    assert failures_of_queries(ALL_CASES, artifacts, database_url, select) == []
    assert columns > 300


def can_store(value: Any) -> bool:
    """Whether PostgreSQL has a type for a value."""
    if isinstance(value, str):
        return "\0" not in value
    return value is None or isinstance(value, float | int | bytes | Decimal | date)


def postgresql_type(value: Any) -> str:
    """The type of a column that has a value."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "bigint" if abs(value) < 2**63 else "numeric"
    names = {bool: "boolean", float: "float8", Decimal: "numeric", bytes: "bytea", date: "date"}
    return "timestamptz" if isinstance(value, datetime) else names.get(type(value), "text")


def test_the_metric_counts_what_was_taken_as_another_value(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    counted = re.findall(
        r'sixgate_values_total{field="(\w+)",treatment="(\w+)",use_case="golden_default"}', text
    )
    expected = {("capped", "clipped"), ("open_ended", "accepted"), ("channel", "other")}
    assert expected | {("region", "missing"), ("amount", "refused")} <= set(counted)


def test_the_step_that_validates_data_accepts_every_row_that_was_imported(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "accepted.csv"
    number = write_accepted(file)
    settings = settings.model_copy(update={"home": tmp_path / "home"})
    contract = CONTRACTS["default"]
    contract = msgspec.structs.replace(contract, use_case="golden_default")
    artifacts = Artifacts(settings.artifact_root / "golden_default")
    ingested = ingest(file, contract, artifacts)
    assert (ingested.rows, ingested.quarantined) == (number, 0), ingested.reasons
    table = artifacts.load("snapshots", ingested.snapshot)
    write_baseline(settings.reference / "golden_default", contract, table, {})
    for step in ("check_conditions", "validate_data"):
        now = datetime.now(UTC)
        params = {"snapshot": ingested.snapshot}
        step_context = context(
            settings, "golden_default", "golden", now, trigger="manual", params=params
        )
        perform(step, step_context)
        step_context.close()
    report = next((artifacts.root / "reports").glob("validation-golden*.json"))
    checked = msgspec.json.decode(report.read_bytes())
    assert (checked["rows"], checked["bad_rows"], checked["failures"]) == (number, 0, [])


def write_accepted(file: Path) -> int:
    """Write a CSV file with a row for each value that is accepted; return how many."""
    rows = []
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for case in ALL_CASES:
        is_feature = case.column in CONTRACTS["default"].raw
        if is_feature and isinstance(case.expected, Taken) and isinstance(case.value, str):
            number = len(rows)
            row = GOOD_ROW | {"loan_id": f"t-{number}", "bad": str(number * 7 % 5 % 2)}
            row["issued"] = (start + timedelta(minutes=number)).isoformat()
            rows.append(row | {case.column: case.value})
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
