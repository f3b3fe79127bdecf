"""DAG files are wiring: they parse without error, light and fast, and say what they are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import ROOT

CHECK = ("roll_up", "measure", "alert")
HEAVY = {
    "pandas",
    "numpy",
    "sklearn",
    "xgboost",
    "mlflow",
    "shap",
    "evidently",
    "pandera",
    "psycopg",
    "pydantic_settings",
    "pyarrow",
}
PARSE = """
import importlib.util, json, sys, time
started = time.process_time()
import airflow.providers.common.sql.operators.sql, airflow.providers.standard.hooks.subprocess
import airflow.providers.standard.operators.bash, airflow.providers.standard.operators.hitl
from airflow.sdk import (DAG, Asset, AssetOrTimeSchedule, BaseOperator, BranchMixIn, Context, CronTriggerTimetable, Param,
                         TriggerRule)
before = set(sys.modules)
begun = time.process_time()
imports = begun - started
spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
share = (time.process_time() - begun) / imports
dags = {
    dag.dag_id: {
        "tasks": [task.task_id for task in dag.topological_sort()], "doc": dag.doc_md, "catchup": dag.catchup,
        "start_date": str(dag.start_date), "params": {name: param.schema for name, param in dag.params.items()},
    }
    for dag in vars(module).values() if isinstance(dag, DAG)
}
print(json.dumps({"share": share, "modules": sorted(set(sys.modules) - before), "dags": dags}, default=str))
"""
FILES = sorted((ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh interpreter finds in each file."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    }

    def parse(file: Path) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", PARSE, str(file)],
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return {file.stem: parse(file) for file in FILES}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_a_file_is_light_and_documented(name: str, parsed: dict[str, Any]) -> None:
    found = parsed[name]
    assert bool(found["dags"]) == (name != "use_cases")  # that one shows faults, and there are none
    assert not HEAVY & {module.split(".")[0] for module in found["modules"]}
    assert found["share"] < 0.1  # of the processor time that airflow's own import took just before
    for dag in found["dags"].values():
        assert "triggered" in dag["doc"].lower()
        assert "triggers" in dag["doc"].lower()
        assert dag["catchup"] is False
        assert (
            dag["start_date"] == "None"
        )  # with one, unpausing would fire the last interval at once


@pytest.mark.parametrize(
    ("name", "dag_id", "tasks"),
    [
        (
            "retraining",
            "fraud_retraining",
            ["check_conditions", "validate_data", "train", "shadow_evaluate", "approve"],
        ),
        ("promotion", "fraud_promotion", ["needs_review", "review", "final_validation", "promote"]),
        (
            "rollback",
            "fraud_rollback",
            ["select_rollback", "final_validation", "promote"],
        ),
        (
            "drift_detection",
            "fraud_drift_detection",
            [*CHECK, "notify", "report", "wake_retraining", "guard"],
        ),
        ("batch_explanation", "fraud_batch_explanation", ["plan", "explain", "summarise"]),
        ("housekeeping", "housekeeping", ["partitions", "retention", "clean_airflow"]),
    ],
)
def test_a_dag_has_the_designs_tasks_in_their_order(
    name: str, dag_id: str, tasks: list[str], parsed: dict[str, Any]
) -> None:
    assert parsed[name]["dags"][dag_id]["tasks"] == tasks


def test_a_broken_use_case_shows_its_fault_and_leaves_the_others_their_dags(tmp_path: Path) -> None:
    for folder in ("dags", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/fraud")
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference/loans")
    policy = tmp_path / "reference/loans/policy.yaml"
    policy.write_text(policy.read_text() + 'explanation: {schedule: "75 * * * *"}\n')
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTHONPATH": f"{tmp_path / 'plugins'}:{ROOT}",
    }

    def parse(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PARSE, str(tmp_path / f"dags/{name}.py")]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path
        )

    assert list(json.loads(parse("retraining").stdout.splitlines()[-1])["dags"]) == [
        "fraud_retraining"
    ]
    said = parse("use_cases").stderr.splitlines()[-1]
    assert "loans/policy.yaml: explanation.schedule: '75 * * * *' is not a cron expression" in said


def test_the_last_valid_policy_keeps_its_dags_and_a_use_case_without_one_keeps_its_rollback(
    tmp_path: Path,
) -> None:
    for name in ("fraud", "loans"):
        shutil.copytree(ROOT / "reference/fraud", tmp_path / "reference" / name)
    shutil.copytree(ROOT / "reference/fraud", tmp_path / "home/policies/fraud")
    for name in ("fraud", "loans"):
        (tmp_path / "reference" / name / "policy.yaml").write_text("gates: {recal: 1}\n")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "SIXGATE_ROOT": str(tmp_path),
        "SIXGATE_HOME": str(tmp_path / "home"),
    }

    def parse(name: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PARSE, str(ROOT / f"dags/{name}.py")]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment | more, cwd=tmp_path
        )

    def dags(name: str, **more: str) -> list[str]:
        return list(json.loads(parse(name, **more).stdout.splitlines()[-1])["dags"])

    for kind in ("retraining", "promotion", "drift_detection", "batch_explanation"):
        assert dags(kind) == [f"fraud_{kind}"]
    assert dags("rollback") == ["fraud_rollback", "loans_rollback"]
    assert dags("rollback", SIXGATE_USE_CASES="loans") == ["loans_rollback"]
    assert dags("housekeeping") == ["housekeeping"]
    said = parse("use_cases").stderr.splitlines()[-1]
    assert said.count("is not a setting: did you mean gates.recall?") == 2
    assert "The last valid policy.yaml of 20" in said


def test_retraining_takes_typed_params(parsed: dict[str, Any]) -> None:
    params = parsed["retraining"]["dags"]["fraud_retraining"]["params"]
    assert {name: schema["type"] for name, schema in params.items()} == {
        "reason": ["null", "string"], "force": "boolean", "require_review": "boolean", "snapshot": ["null", "string"],
    }  # fmt: skip


def test_no_dag_file_has_the_name_of_a_package() -> None:
    for file in FILES:
        code = (
            "import importlib.util, sys; sys.path = [p for p in sys.path if p]; "
            f"print(importlib.util.find_spec('{file.stem}'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
        )
        assert done.stdout.strip() == "None"
