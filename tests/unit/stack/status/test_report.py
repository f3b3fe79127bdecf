"""The document of `sixgate status --json`: what the parts answered, and what is not known."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from pipelines.settings import ROOT, Settings
from stack.home import Home
from stack.processes.supervisor import Supervisor
from stack.status import report
from stack.status.problems import dag_ids
from tests.unit.pipelines.rules.promotion.ledger_entries import BACK, FIRST, SECOND, THIRD
from tests.unit.stack.status.states import NOW, airflow, alert, dag, replica, state

RUN = {"dag_run_id": "r", "state": "success", "run_after": "2026-06-01T03:00:00Z", "conf": {}}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """A home whose supervisor runs; Airflow and the database answer, and all is well."""
    settings = Settings(root=ROOT, home=tmp_path, use_cases="fraud")
    Home(tmp_path).prepare()
    Home(tmp_path).secrets()
    program = {"statename": "RUNNING", "pid": 7}
    monkeypatch.setattr(Supervisor, "states", lambda self: {"server": program})
    answers: dict[str, Callable[[], bool]] = {
        name: lambda: True for name in ("airflow", "mlflow", "server")
    }
    monkeypatch.setattr(report, "health_checks", lambda settings: answers)
    listed = {name: dag() for name in dag_ids(settings)}
    known = airflow(dags=listed, last_runs=dict.fromkeys(listed, RUN))
    monkeypatch.setattr(report, "read_airflow", lambda settings, ids: known)
    well = state(entries=[SECOND, FIRST], replicas=[replica()], alerts=[alert()])
    monkeypatch.setattr(report, "read_use_cases", lambda settings: [well])
    return settings


def fail(error: Exception) -> Callable[..., Any]:
    def raises(*_: Any) -> Any:
        raise error

    return raises


def test_all_is_well(settings: Settings) -> None:
    document = report.status(settings)
    assert (document["ok"], document["up"], document["problems"]) == (True, True, [])
    assert document["processes"] == {"server": {"state": "RUNNING", "pid": 7}}
    assert document["alerts"] == [
        {"use_case": "fraud", "cause": "feature_drift", "severity": "SEVERE", "state": "OPEN"}
    ]
    assert json.loads(json.dumps(document)) == document


def test_what_serves_has_its_origin_and_its_replicas(settings: Settings) -> None:
    (use_case,) = report.status(settings)["use_cases"]
    assert use_case["serving"] == {
        "version": 2,
        "since": NOW.replace(hour=0).isoformat(),
        "action": "PROMOTE",
        "decision": 7,
        "actor": "a",
        "reason": "r",
        "replicas": 1,
        "replicas_on_it": 1,
    }
    (open_alert,) = use_case["alerts"]
    assert (open_alert["id"], open_alert["since"]) == (7, NOW.isoformat())


def test_after_a_rollback_the_rollback_is_the_origin(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [BACK, THIRD, SECOND, FIRST]
    replicas = [replica(), replica("d3", version=3)]
    rolled_back = state(entries=entries, replicas=replicas)
    monkeypatch.setattr(report, "read_use_cases", lambda settings: [rolled_back])
    document = report.status(settings)
    serving = document["use_cases"][0]["serving"]
    assert (serving["version"], serving["action"]) == (2, "ROLLBACK")
    assert (serving["replicas"], serving["replicas_on_it"]) == (2, 1)
    assert [problem["which"] for problem in document["problems"]] == ["fraud on r"]


def test_what_waits_has_a_time_that_json_can_hold(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = NOW + timedelta(days=1)
    blocked = state(entries=[SECOND, FIRST], replicas=[replica()], blocked="cooldown: …")
    blocked = state(**{**vars(blocked), "cooldown_until": end})
    monkeypatch.setattr(report, "read_use_cases", lambda settings: [blocked])
    (waits,) = report.status(settings)["use_cases"][0]["waiting"]
    assert (waits["what"], waits["until"]) == ("retraining", end.isoformat())


def test_each_dag_has_its_last_and_its_next_run(settings: Settings) -> None:
    dags = report.status(settings)["dags"]
    assert [each["dag_id"] for each in dags] == dag_ids(settings)
    assert dags[0]["next_run"] == "2026-06-02T02:30:00Z"
    assert dags[0]["last_run"] == {
        "dag_run_id": "r",
        "state": "success",
        "run_after": "2026-06-01T03:00:00Z",
    }


def test_a_database_that_is_down_is_a_problem_and_leaves_the_rest_known(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = psycopg.OperationalError("connection refused")
    monkeypatch.setattr(report, "read_use_cases", fail(down))
    document = report.status(settings)
    assert [each["which"] for each in document["problems"]] == ["PostgreSQL"]
    assert (document["use_cases"], document["alerts"]) == (None, [])
    assert document["dags"]


def test_an_airflow_that_is_down_is_one_problem_and_leaves_the_rest_known(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "health_checks", lambda settings: {"airflow": lambda: False})
    monkeypatch.setattr(report, "read_airflow", fail(httpx.ConnectError("refused")))
    document = report.status(settings)
    assert [each["which"] for each in document["problems"]] == ["airflow"]
    assert document["dags"] is None
    assert document["use_cases"][0]["serving"]["version"] == 2


def test_a_healthy_airflow_that_does_not_list_its_dags_is_a_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "read_airflow", fail(httpx.ReadTimeout("timed out")))
    (problem,) = report.status(settings)["problems"]
    assert (problem["which"], problem["what"]) == ("Airflow", "did not list its DAGs")
