"""A policy that becomes invalid while everything runs, on a real Airflow: DAGs stay, a review is recorded, status says so.

Runs before the story, on a stack without models, and leaves it without a model.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from pipelines.settings import Settings
from stack.airflow_client import Airflow
from stack.status.report import status
from tests.e2e import web
from tests.e2e.test_story import sixgate, until, wait_for_two_heartbeats

pytestmark = pytest.mark.timeout(600)
KINDS = (
    "retraining",
    "promotion",
    "rollback",
    "drift_detection",
    "batch_explanation",
    "batch_scoring",
)


@pytest.fixture(scope="module")
def airflow(stack: Settings) -> Iterator[Airflow]:
    with contextlib.closing(Airflow(stack)) as client:
        for kind in KINDS:
            client.wait_for_dag(f"fraud_{kind}")
        client.wait_for_dag("housekeeping")
        yield client


NO_MODEL = "fraud has no model in Production: trigger fraud_retraining"


def problems() -> tuple[int, list[str]]:
    """The exit code of `sixgate status`, and each problem as a sentence."""
    done = sixgate("status", "--json")
    listed = json.loads(done.stdout)["problems"]
    return done.returncode, [f"{each['which']} {each['what']}: {each['remedy']}" for each in listed]


def test_a_stack_without_a_model_is_not_green_and_status_says_what_to_do(
    stack: Settings, airflow: Airflow
) -> None:
    until(
        lambda: problems() == (1, [NO_MODEL]), seconds=60
    )  # Airflow's first answers after its start are slow
    assert status(stack)["up"] is True
    shown = sixgate("status").stdout
    assert NO_MODEL in shown
    assert max(len(line) for line in shown[shown.index("problems") :].splitlines()) <= 100
    assert web.get(f"{stack.api_url}/readyz").status_code == 503
    assert web.get(f"{stack.api_url}/healthz").status_code == 200


def test_a_paused_dag_is_a_problem(stack: Settings, airflow: Airflow) -> None:
    def pause(paused: bool) -> None:
        path = f"{stack.airflow_url}/api/v2/dags/fraud_promotion"
        web.patch(path, json={"is_paused": paused}, headers=airflow.headers).raise_for_status()

    pause(True)
    try:
        code, listed = problems()
        assert code == 1 and any(each.startswith("fraud_promotion is paused") for each in listed)
    finally:
        pause(False)
    assert problems() == (1, [NO_MODEL])


def test_a_review_answered_while_the_policy_is_invalid_is_recorded_and_takes_effect(
    stack: Settings, airflow: Airflow
) -> None:
    policy = stack.reference / "fraud" / "policy.yaml"
    valid = policy.read_text()
    airflow.finish(
        "fraud_retraining",
        airflow.trigger("fraud_retraining", {"require_review": True, "reference": True}),
    )
    run = airflow.next_run("fraud_promotion", run_type="asset_triggered", earlier=set())
    until(lambda: airflow.tasks("fraud_promotion", run)["review"] == "awaiting_input")
    policy.write_text(valid.replace("gates:", "gates:\n  brier_degradatoin: 0.01"))
    try:
        until(
            airflow.import_errors, seconds=120
        )  # by now the DAG processor has read the invalid file
        (error,) = airflow.import_errors()
        assert "gates.brier_degradatoin" in error["stack_trace"]
        assert "The last valid policy.yaml of 20" in error["stack_trace"]
        states = dags(airflow)
        assert {f"fraud_{kind}" for kind in KINDS} <= {
            dag_id for dag_id, stale in states.items() if not stale
        }
        code, listed = problems()
        assert (
            code == 1
            and len(listed) == 2
            and "gates.brier_degradatoin" in listed[0]
            and listed[1] == NO_MODEL
        )
        wait_for_two_heartbeats(
            stack
        )  # an answer within the scheduler loop that asked would be asked for again by Airflow
        with contextlib.closing(Airflow(stack, "reviewer")) as reviewer:
            reviewer.answer("fraud_promotion", run, "review", "Reject", "not on a Friday")
            tasks = reviewer.finish("fraud_promotion", run)
        assert tasks == {
            "needs_review": "success",
            "review": "success",
            "final_validation": "skipped",
            "promote": "skipped",
        }
        decision = json.loads(sixgate("decisions", "list", "--json").stdout)[0]
        assert (decision["reviewer"], decision["review_comment"]) == (
            "reviewer",
            "rejected: not on a Friday",
        )
        entry = json.loads(sixgate("ledger", "--json").stdout)[0]
        assert (entry["state"], entry["actor"]) == ("REFUSED", "reviewer")
        drift = airflow.trigger("fraud_drift_detection")
        assert airflow.finish("fraud_drift_detection", drift)["alert"] == "success"
        (alert,) = [
            each
            for each in json.loads(sixgate("alerts", "list", "--json").stdout)
            if each["cause"] == "policy_invalid"
        ]
        assert (alert["severity"], alert["state"]) == ("ALERT", "OPEN")
    finally:
        policy.write_text(valid)
    until(lambda: not airflow.import_errors(), seconds=120)
    airflow.finish("fraud_drift_detection", airflow.trigger("fraud_drift_detection"))
    (alert,) = [
        each
        for each in json.loads(sixgate("alerts", "list", "--json").stdout)
        if each["cause"] == "policy_invalid"
    ]
    assert alert["state"] == "RESOLVED"
    assert problems() == (1, [NO_MODEL])


def dags(airflow: Airflow) -> dict[str, bool]:
    """Whether each DAG is stale."""
    return {str(dag["dag_id"]): bool(dag["is_stale"]) for dag in airflow.dags()}
