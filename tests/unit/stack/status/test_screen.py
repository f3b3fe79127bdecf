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
        "in_use": True,
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
            "in_use": True,
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


def named(name: str, **changes: Any) -> list[dict[str, Any]]:
    return use_case(use_case=name, **changes)


def of(use_case: str, *kinds: str, **changes: Any) -> list[dict[str, Any]]:
    """DAGs of a use case that never ran, but for `changes`."""
    return [
        {**DAG, "dag_id": f"{use_case}_{kind}", "last_run": None, "next_run": None, **changes}
        for kind in kinds
    ]


def test_a_use_case_that_is_not_used_is_one_line_and_so_are_its_dags() -> None:
    unused = named("loan_default", in_use=False, serving=None)
    run = {"dag_run_id": "r", "state": "success", "run_after": "2026-06-01T04:10:00Z"}
    dags = [
        DAG,
        *of("loan_default", "promotion", "rollback"),
        *of("loan_default", "retraining", next_run="2026-07-01T04:00:00Z"),
        *of(
            "loan_default",
            "drift_detection",
            last_run=run,
            next_run="2026-06-01T05:10:00+00:00",
            schedule="10 * * * *",
        ),
    ]
    lines = screen(use_cases=[*use_case(), *unused], dags=dags)
    assert "loan_default  not in use: loan_default_retraining trains a first model" in lines
    (line,) = [line for line in lines if "DAGs of" in line]
    assert line.split("  ")[:3] == [
        "4 DAGs of loan_default",
        "2026-06-01 04:10 success",
        "2026-06-01 05:10",
    ]
    assert not any(line.startswith("loan_default_") for line in lines)


def test_of_a_use_case_that_is_not_used_a_dag_that_failed_or_is_paused_is_shown() -> None:
    unused = named("loans", in_use=False, serving=None)
    failed = {"dag_run_id": "r", "state": "failed", "run_after": "2026-06-01T04:10:00Z"}
    dags = [
        *of("loans", "promotion"),
        *of("loans", "rollback", paused=True),
        *of("loans", "retraining", last_run=failed),
    ]
    lines = screen(use_cases=unused, dags=dags)
    shown = [line.split("  ")[0] for line in lines if "loans" in line]
    assert shown[1:] == ["loans_rollback", "loans_retraining", "1 DAG of loans"]


def test_what_waits_in_a_use_case_that_is_not_used_is_shown() -> None:
    lines = screen(use_cases=named("loans", in_use=False, serving=None, waiting=[REVIEW]))
    assert "loans          no version is in Production" in lines
    assert any(line.startswith("  waiting      review of version 3") for line in lines)


def test_a_dag_belongs_to_the_use_case_with_the_longest_name() -> None:
    use_cases = [*named("fraud"), *named("fraud_eu", in_use=False, serving=None)]
    dags = [*of("fraud", "promotion"), *of("fraud_eu", "promotion", "rollback")]
    lines = screen(use_cases=use_cases, dags=dags)
    assert any(line.startswith("fraud_promotion") for line in lines)
    assert any(line.startswith("2 DAGs of fraud_eu") for line in lines)


def test_three_use_cases_that_are_used_fit_a_screen() -> None:
    names = ("credit_risk", "fraud", "loan_default")
    kinds = ("batch_explanation", "drift_detection", "promotion", "retraining", "rollback")
    dags = [dag for name in names for dag in of(name, *kinds)]
    use_cases = [each for name in names for each in named(name)]
    assert len(screen(use_cases=use_cases, dags=dags)) <= 40


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
