"""A task that imports hands the URL of its connection to the step in an environment variable."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import Asset, AssetOrTimeSchedule
from airflow.sdk.exceptions import AirflowFailException
from sixgate_airflow.ingest import (
    VARIABLE,
    IngestOperator,
    ingest_schedule,
    ingest_tasks,
    url_of,
)

from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_sections.ingest import HistorySource, Ingest, LabelSource
from tests.unit.plugins.sixgate_airflow.steps import context

SECRET = "p@ss/w:rd"
SQL = "SELECT * FROM payments WHERE updated_at > :watermark"


def connection(monkeypatch: pytest.MonkeyPatch, name: str = "warehouse", **fields: Any) -> None:
    document = {
        "conn_type": "postgres",
        "login": "reader",
        "password": SECRET,
        "host": "db.example.com",
        "port": 5432,
        "schema": "payments",
        **fields,
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(document))


def test_a_postgresql_connection_is_a_url_with_the_settings_of_its_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection(monkeypatch, extra={"sslmode": "verify-full", "cursor": "dictcursor", "iam": False})
    assert url_of("warehouse") == (
        "postgresql://reader:p%40ss%2Fw%3Ard@db.example.com:5432/payments?sslmode=verify-full"
    )


def test_a_connection_that_does_not_exist_fails_without_a_retry() -> None:
    with pytest.raises(
        AirflowFailException, match="there is no Airflow connection 'ghost': create"
    ):
        url_of("ghost")


class Printing(IngestOperator):
    """A task whose step prints its command line and its environment."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="ingest_labels", step_name="ingest_labels", **kwargs)
        code = "import json, os, sys; print(json.dumps({'url': os.environ.get('SIXGATE_INGEST_CONNECTION')}))"
        self.real_command = self.process.command
        self.process.command = lambda _: [sys.executable, "-c", code]  # type: ignore[method-assign]


def test_the_url_reaches_the_step_in_its_environment_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection(monkeypatch)
    task = Printing(use_case="fraud", connection_id="warehouse")
    assert task.execute(context()) == {"url": url_of("warehouse")}
    assert SECRET not in " ".join(task.real_command(context()))
    rendered = {name: getattr(task, name) for name in task.template_fields}
    assert SECRET not in json.dumps(rendered)
    started = [
        record.getMessage() for record in caplog.records if "Running command" in record.message
    ]
    assert all("p%40ss" not in message and SECRET not in message for message in started)


def test_a_folder_needs_no_connection() -> None:
    task = Printing(use_case="fraud", connection_id="")
    assert VARIABLE not in task.process.variables(context(), {})
    assert task.execute(context()) == {"url": None}


def policy(**ingest: Any) -> Policy:
    history = HistorySource(connection="warehouse", sql=SQL, watermark="updated_at")
    return Policy(use_case="fraud", ingest=Ingest(**{"history": history, **ingest}))


def test_each_source_has_a_task_with_its_connection() -> None:
    labels = LabelSource(folder="/data/labels")
    both = ingest_tasks(policy(labels=labels))
    assert [(task.task_id, task.connection_id) for task in both] == [
        ("ingest_history", "warehouse"),
        ("ingest_labels", ""),
    ]
    assert [task.task_id for task in ingest_tasks(policy())] == ["ingest_history"]
    assert both[0].process.name == "ingest_history"
    assert policy().ingest.history.lag == timedelta(hours=1)


def test_a_schedule_an_asset_both_or_neither_start_a_run() -> None:
    assert ingest_schedule(policy()) is None
    assert ingest_schedule(policy(schedule="0 * * * *")) == "0 * * * *"
    assert ingest_schedule(policy(asset="chargebacks")) == [Asset.ref(name="chargebacks")]
    uri = "warehouse://chargebacks"
    assert ingest_schedule(policy(asset=uri)) == [Asset.ref(uri=Asset(uri).uri)]
    unusable = "postgres://a"  # Airflow requires a database, a schema and a table
    assert ingest_schedule(policy(asset=unusable)) == [Asset.ref(uri=unusable)]
    both = ingest_schedule(policy(asset=uri, schedule="0 * * * *"))
    assert isinstance(both, AssetOrTimeSchedule)
