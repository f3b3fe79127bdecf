"""The screen: 100 columns, no markup of what people wrote, and what is not known is said."""

import io
from typing import Any

import pytest
from rich.console import Console

from stack.status.screen import MOST_ALERTS, print_status

SERVING = {
    "version": 2, "since": "2026-06-01T12:00:00+00:00", "action": "PROMOTE", "decision": 4, "actor": "ann",
    "reason": "6 of 6 gates passed", "replicas": 3, "replicas_on_it": 2,
}  # fmt: skip
ALERT = {
    "id": 7, "severity": "SEVERE", "cause": "feature_drift", "state": "OPEN", "message": "m", "acknowledged_by": None,
    "comment": None, "since": "2026-06-01T12:05:00+00:00",
}  # fmt: skip
REVIEW = {
    "what": "review", "text": "review of version 3, decision 5", "who": ["admin", "reviewer"],
    "until": "2026-06-08T12:00:00+00:00", "decision": 5, "version": 3,
}  # fmt: skip
DAG = {
    "dag_id": "fraud_retraining", "paused": False, "schedule": "Asset or 0 3 * * 1", "next_run": "2026-06-08T03:00:00Z",
    "last_run": {"dag_run_id": "r", "state": "failed", "run_after": "2026-06-01T03:00:00Z"},
}  # fmt: skip


LABELS = {"labels": 40, "without_prediction": 0, "examples": []}


def document(**changes: Any) -> dict[str, Any]:
    """A stack without problems, but for `changes`."""
    use_case = {
        "use_case": "fraud",
        "serving": SERVING,
        "alerts": [ALERT],
        "waiting": [REVIEW],
        "labels": LABELS,
        "future_times": 0,
    }
    return {
        "ok": True,
        "problems": [],
        "health": {"airflow": True, "mlflow": False},
        "addresses": {"airflow": "http://127.0.0.1:8080/abc", "mlflow": "http://127.0.0.1:5000"},
        "paths": {"airflow_passwords": "/p/passwords.json", "client_environment": "/p/sixgate.env"},
        "policy_overlay": None,
        "use_cases": [use_case],
        "dags": [DAG],
        **changes,
    }


def screen(**changes: Any) -> list[str]:
    output = io.StringIO()
    print_status(document(**changes), Console(file=output, width=100, highlight=False))
    lines = output.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 100
    return [line.rstrip() for line in lines]


def use_case(**changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "use_case": "fraud",
            "serving": SERVING,
            "alerts": [],
            "waiting": [],
            "labels": LABELS,
            "future_times": 0,
            **changes,
        }
    ]


def test_labels_without_a_prediction_and_future_times_are_shown() -> None:
    labels = {
        "labels": 40,
        "without_prediction": 10,
        "examples": [
            {"transaction_id": "T-1", "similar_prediction": "t-1"},
            {"transaction_id": "zz", "similar_prediction": None},
        ],
    }
    text = " ".join(" ".join(screen(use_cases=use_case(labels=labels, future_times=3))).split())
    assert "10 of the newest 40 labels match no prediction after a day, such as 'T-1'" in text
    assert "a prediction has 't-1': they differ in case" in text
    assert "3 logged predictions have an event time in the future" in text


def test_it_says_what_serves_what_is_open_what_waits_and_what_runs_next() -> None:
    lines = screen()
    assert "airflow  http://127.0.0.1:8080/abc  healthy" in lines
    assert "mlflow   http://127.0.0.1:5000      not answering" in lines
    assert "fraud          version 2 since 2026-06-01 12:00 UTC by decision 4 (ann)" in lines
    assert "  replicas     2 of 3 serve it" in lines
    assert "  open alerts  7 SEVERE feature_drift since 2026-06-01 12:05 UTC" in lines
    review = "review of version 3, decision 5, for admin or reviewer until 2026-06-08 12:00 UTC"
    assert f"  waiting      {review}" in lines
    (dag,) = [line for line in lines if line.startswith("fraud_retraining")]
    assert dag.split("  ")[1:] == [
        "2026-06-01 03:00 failed",
        "2026-06-08 03:00 or when its asset is updated",
    ]
    assert lines[-1] == "no problems"


def test_a_rollback_is_shown_with_its_reason_as_plain_text() -> None:
    serving = {**SERVING, "action": "ROLLBACK", "reason": "[red]slow\x1b[2J[/]"}
    (line,) = [line for line in screen(use_cases=use_case(serving=serving)) if "version 2" in line]
    assert line.endswith("by a rollback of ann: [red]slow?[2J[/]")


def test_an_acknowledged_alert_names_the_person() -> None:
    alert = {**ALERT, "state": "ACKNOWLEDGED", "acknowledged_by": "bob"}
    lines = screen(use_cases=use_case(alerts=[alert]))
    assert any(line.endswith("12:05 UTC, acknowledged by bob") for line in lines)


def test_the_most_severe_alerts_are_shown_and_the_others_counted() -> None:
    alerts = [{**ALERT, "id": number, "severity": "WARNING"} for number in range(MOST_ALERTS + 1)]
    alerts.append({**ALERT, "id": 99})
    lines = screen(use_cases=use_case(alerts=alerts))
    shown = [line for line in lines if "feature_drift" in line]
    assert len(shown) == MOST_ALERTS
    assert shown[0].startswith("  open alerts  99 SEVERE")
    assert any(line.strip() == "and 2 more: see `sixgate alerts list`" for line in lines)


def test_a_use_case_without_a_model_says_none() -> None:
    lines = screen(use_cases=use_case(serving=None))
    assert "fraud          no version is in Production" in lines
    assert "  open alerts  none" in lines
    assert "  waiting      none" in lines


def test_what_a_part_that_is_down_would_say_is_not_known() -> None:
    lines = screen(use_cases=None, dags=None)
    assert "use cases: not known, because PostgreSQL does not answer" in lines
    assert "DAGs: not known, because Airflow does not answer" in lines


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        pytest.param({"paused": True}, ["2026-06-01 03:00 failed", "paused"], id="paused"),
        pytest.param({"last_run": None}, ["never"], id="it never ran"),
        pytest.param(
            {"schedule": "Asset", "next_run": None},
            ["2026-06-01 03:00 failed", "when its asset is updated"],
            id="triggered by an asset alone",
        ),
        pytest.param(
            {"schedule": None, "next_run": None},
            ["2026-06-01 03:00 failed", "when a person triggers it"],
            id="no schedule",
        ),
        pytest.param(
            {"schedule": "30 2 * * *"},
            ["2026-06-01 03:00 failed", "2026-06-08 03:00"],
            id="a schedule alone",
        ),
    ],
)
def test_the_runs_of_a_dag(changes: dict[str, Any], cells: list[str]) -> None:
    (line,) = [line for line in screen(dags=[{**DAG, **changes}]) if line.startswith("fraud_re")]
    shown = [cell.strip() for cell in line.split("  ")[1:] if cell.strip()]
    assert shown[: len(cells)] == cells


def test_each_problem_is_a_sentence_with_its_remedy() -> None:
    problem = {"which": "fraud", "what": "has no model in Production", "remedy": "trigger [it]"}
    lines = screen(ok=False, problems=[problem])
    assert lines[-2:] == ["problems:", "- fraud has no model in Production: trigger [it]"]
