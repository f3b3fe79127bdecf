"""States of a use case and of Airflow, for the tests of what the status shows."""

from datetime import UTC, datetime
from typing import Any

from pipelines.records import Alert, Decision, Replica
from pipelines.settings import ROOT
from pipelines.use_case import read_policy
from stack.status.airflow import AirflowState
from stack.status.use_cases import UseCaseState

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICY = read_policy(ROOT / "reference" / "fraud")


def state(**changes: Any) -> UseCaseState:
    """A use case without a model, in which nothing waits, but for `changes`."""
    usual: dict[str, Any] = {
        "name": "fraud", "policy": POLICY, "entries": [], "replicas": [], "alerts": [], "candidate": None,
        "promotion_runs": [], "blocked": None, "cooldown_until": None,
    }  # fmt: skip
    return UseCaseState(**{**usual, **changes})


def airflow(**changes: Any) -> AirflowState:
    """An Airflow without DAGs, runs, requests and errors, but for `changes`."""
    usual: dict[str, Any] = {"dags": {}, "last_runs": {}, "unanswered": [], "import_errors": []}
    return AirflowState(**{**usual, **changes})


def dag(**changes: Any) -> dict[str, Any]:
    """What Airflow's REST API says about a DAG that runs every day, but for `changes`."""
    return {
        "is_paused": False,
        "is_stale": False,
        "timetable_summary": "30 2 * * *",
        "next_dagrun_run_after": "2026-06-02T02:30:00Z",
        **changes,
    }


def replica(digest: str | None = "d2", **changes: Any) -> Replica:
    """A replica that serves version 2 of the ledger's entries in these tests."""
    usual: dict[str, Any] = {
        "replica": "r", "use_case": "fraud", "version": 2, "digest": digest, "error": None, "loaded_at": NOW,
        "seen_at": NOW,
    }  # fmt: skip
    return Replica(**{**usual, **changes})


def alert(**changes: Any) -> Alert:
    """An open, severe alert of feature drift, but for `changes`."""
    usual: dict[str, Any] = {
        "id": 7, "use_case": "fraud", "cause": "feature_drift", "severity": "SEVERE", "state": "OPEN",
        "message": "13 features drifted", "check_id": "c", "opened_at": NOW, "updated_at": NOW, "resolved_at": None,
        "acknowledged_by": None, "acknowledged_at": None, "acknowledged_severity": None, "comment": None,
        "woke_at": None, "woke_run": None, "report": None, "notified": {}, "model_version": None, "resolution": None,
    }  # fmt: skip
    return Alert(**{**usual, **changes})


def decision(**changes: Any) -> Decision:
    """An approved decision about version 3, but for `changes`."""
    usual: dict[str, Any] = {
        "id": 5, "use_case": "fraud", "run_id": "r", "trigger": "MANUAL", "requested_by": "ann",
        "request_reason": None, "params": {}, "as_of": NOW, "champion_version": 2, "challenger_version": 3,
        "evidence_source": "logged", "dataset": None, "gates": [], "policy": {}, "verdict": "APPROVED",
        "reason": "6 of 6 gates passed", "reviewer": None, "review_comment": None, "evidence_hash": "h",
        "git_sha": None, "opened_at": NOW, "decided_at": NOW,
    }  # fmt: skip
    return Decision(**{**usual, **changes})
