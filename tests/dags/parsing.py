"""What a fresh interpreter finds in a DAG file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipelines.settings import ROOT

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
imports = time.process_time() - started
before = set(sys.modules)


def described(task):
    settings = getattr(task, "partial_kwargs", {})
    return {
        "after": sorted(task.upstream_task_ids),
        "outlets": [outlet.uri for outlet in task.outlets or []],
        "retries": settings.get("retries", getattr(task, "retries", None)),
        "trigger_rule": getattr(task.trigger_rule, "value", task.trigger_rule),
        "teardown": bool(task.is_teardown),
        "links": [link.name for link in task.operator_extra_links or []],
        "take": getattr(task, "take", {}),
    }


def triggers(dag):
    timetable = dag.timetable
    condition = getattr(timetable, "asset_condition", None)
    objects = getattr(condition, "objects", [condition] if condition else [])
    return {
        "assets": sorted(asset.uri for asset in objects if isinstance(asset, Asset)),
        "references": [getattr(each, "uri", None) or each.name for each in objects if not isinstance(each, Asset)],
        "cron": str(getattr(getattr(timetable, "timetable", timetable), "expression", None)),
    }


for file in sys.argv[1:]:
    begun = time.process_time()
    spec = importlib.util.spec_from_file_location("dag_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    share = (time.process_time() - begun) / imports
    modules = sorted(set(sys.modules) - before)
    dags = {
        dag.dag_id: {
            "tasks": [task.task_id for task in dag.topological_sort()], "doc": dag.doc_md, "catchup": dag.catchup,
            "start_date": str(dag.start_date), "params": {name: param.schema for name, param in dag.params.items()},
            "described": {task.task_id: described(task) for task in dag.tasks},
            "max_active_runs": dag.max_active_runs, "tags": sorted(dag.tags), **triggers(dag),
        }
        for dag in vars(module).values() if isinstance(dag, DAG)
    }
    print(json.dumps({"share": share, "modules": modules, "dags": dags}, default=str))
"""
# Of the processor time that Airflow's own import takes just before.
LARGEST_SHARE = 0.1


def parse(*files: Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Parse files in one interpreter; it prints a line of JSON for each."""
    environment = {**os.environ, "AIRFLOW_HOME": str(cwd / "airflow"), **variables}
    command = [sys.executable, "-c", PARSE, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd)


def dag_ids(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return the DAGs of each file that was parsed."""
    assert done.returncode == 0, done.stderr
    return [list(json.loads(line)["dags"]) for line in done.stdout.splitlines() if line[:1] == "{"]


def parsed(name: str, cwd: Path) -> dict[str, Any]:
    """Parse a file of `dags/` and return what it holds."""
    done = parse(
        ROOT / f"dags/{name}.py",
        cwd=cwd,
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        PYTHONPATH=str(ROOT),
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def check_file(found: dict[str, Any]) -> None:
    """Assert that a file is light, fast and documented, and that unpausing its DAG runs nothing."""
    assert not HEAVY & {module.split(".")[0] for module in found["modules"]}
    assert found["share"] < LARGEST_SHARE
    for dag in found["dags"].values():
        assert "triggered" in dag["doc"].lower()
        assert "triggers" in dag["doc"].lower()
        assert dag["catchup"] is False
        # With a start date, unpausing would run the last interval at once.
        assert dag["start_date"] == "None"
