"""Each DAG runs from end to end with `dag.test()`: real steps as processes, a real database and a real registry."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import ROOT

Test = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def run_dag(
    database_url: str, new_database: Callable[[], str], mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Test:
    """Run a DAG in an interpreter of its own; returns task → state."""
    home = tmp_path_factory.mktemp("airflow")
    airflow_database = new_database().replace("postgresql:", "postgresql+psycopg2:")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database,
        "AIRFLOW_CONN_SIXGATE": database_url,
        "SIXGATE_AIRFLOW_DATABASE_URL": airflow_database,
        "SIXGATE_HOME": str(home / "sixgate"),
        "SIXGATE_DATABASE_URL": database_url,
        "SIXGATE_POLICY_OVERLAY": str(ROOT / "stack" / "policy.demo.yaml"),
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command in (["airflow", "db", "migrate"], ["airflow", "dags", "reserialize"]):
        subprocess.run(command, env=environment, check=True, capture_output=True, cwd=home)

    def run_dag(file: str, dag_id: str, conf: dict[str, Any] | None = None) -> dict[str, str]:
        command = [
            sys.executable,
            str(ROOT / "tests/dags/run_dag.py"),
            str(ROOT / f"dags/{file}.py"),
            dag_id,
            json.dumps(conf or {}),
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home, timeout=240)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["state"] == "success", done.stdout[-5000:]
        return dict(result["tasks"])

    return run_dag


def test_a_model_is_trained_and_promoted_by_the_two_dags(run_dag: Test) -> None:
    tasks = run_dag("retraining", "fraud_retraining", {"reason": "a test"})
    assert set(tasks.values()) == {"success"}
    tasks = run_dag("promotion", "fraud_promotion")
    assert tasks == {"needs_review": "success", "review": "skipped", "final_validation": "success", "promote": "success"}
    again = run_dag("retraining", "fraud_retraining", {"reason": "no labels yet"})
    assert set(again.values()) == {"skipped"}


def test_a_quiet_check_wakes_nobody(run_dag: Test) -> None:
    tasks = run_dag("drift_detection", "fraud_drift_detection")
    assert tasks == {
        "roll_up": "success",
        "measure": "success",
        "alert": "success",
        "notify": "skipped",
        "report": "skipped",
        "wake_retraining": "skipped",
        "guard": "skipped",
    }


def test_with_nothing_to_explain_the_run_is_skipped(run_dag: Test) -> None:
    assert set(run_dag("batch_explanation", "fraud_batch_explanation").values()) == {"skipped"}


def test_housekeeping_keeps_house(run_dag: Test) -> None:
    assert set(run_dag("housekeeping", "housekeeping").values()) == {"success"}
