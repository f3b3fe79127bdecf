"""Ingestion: a task for each source of the policy, and no DAG for a use case without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import ROOT
from tests.dags.parsing import check_file, dag_ids, parse

QUERY = "{connection: warehouse, sql: 'SELECT 1 WHERE now() > :watermark', watermark: at}"
BOTH = f"history: {QUERY}, labels: {QUERY}"


def ingest_dags(tmp_path: Path, ingest: str) -> dict[str, Any]:
    """What is in the file under a policy."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"ingest: {{{ingest}}}\n")
    done = parse(
        ROOT / "dags/ingest.py",
        cwd=tmp_path,
        PYTHONPATH=str(ROOT),
        SIXGATE_POLICY_OVERLAY=str(overlay),
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The file under a policy that reads both sources every half hour."""
    folder = tmp_path_factory.mktemp("airflow")
    return ingest_dags(folder, f"schedule: '*/30 * * * *', {BOTH}")


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_ingest"]


def test_history_and_labels_are_imported_independently_and_retried(dag: dict[str, Any]) -> None:
    assert sorted(dag["tasks"]) == ["ingest_history", "ingest_labels"]
    for task in dag["described"].values():
        assert task["after"] == []
        assert task["outlets"] == []
        assert task["retries"] == 4
        assert task["take"] == {}


def test_it_is_triggered_by_its_schedule_and_never_overlaps(dag: dict[str, Any]) -> None:
    assert (dag["cron"], dag["assets"], dag["max_active_runs"]) == ("*/30 * * * *", [], 1)
    assert dag["params"]["full"]["type"] == "boolean"


def test_a_source_alone_has_one_task_and_without_a_schedule_a_person_starts_it(
    tmp_path: Path,
) -> None:
    (dag,) = ingest_dags(tmp_path, "labels: {folder: /data/labels}")["dags"].values()
    assert dag["tasks"] == ["ingest_labels"]
    assert (dag["cron"], dag["assets"]) == ("None", [])


@pytest.mark.parametrize(
    ("trigger", "cron"),
    [
        pytest.param("asset: 'warehouse://chargebacks'", "None", id="a URI"),
        pytest.param("asset: chargebacks", "None", id="a name"),
        pytest.param("asset: chargebacks, schedule: '0 * * * *'", "0 * * * *", id="and a schedule"),
    ],
)
def test_an_asset_of_the_team_triggers_it(trigger: str, cron: str, tmp_path: Path) -> None:
    (dag,) = ingest_dags(tmp_path, f"{trigger}, {BOTH}")["dags"].values()
    assert dag["cron"] == cron
    (reference,) = dag["references"]
    assert reference.rstrip("/") in trigger


def test_a_use_case_without_a_source_has_no_such_dag(tmp_path: Path) -> None:
    assert dag_ids(parse(ROOT / "dags/ingest.py", cwd=tmp_path, PYTHONPATH=str(ROOT))) == [[]]


SCRIPT = """
import json, os, subprocess, sys
from pathlib import Path
from airflow.assets.manager import asset_manager
from airflow.models.asset import AssetDagRunQueue, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

with create_session() as session:
    asset = session.scalar(select(AssetModel).where(AssetModel.name == "chargebacks"))
    asset_manager.register_asset_change(asset=asset, session=session)
    session.commit()
    queued = sorted(session.scalars(select(AssetDagRunQueue.target_dag_id)))
print(json.dumps({"asset": asset.name, "queued": queued}))
"""
LOADING = """
from airflow.sdk import DAG, Asset
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("load_chargebacks", schedule=None):
    EmptyOperator(task_id="load", outlets=[Asset(name="chargebacks", uri="warehouse://chargebacks")])
"""


@pytest.mark.parametrize("asset", ["warehouse://chargebacks", "chargebacks"])
def test_an_update_of_an_asset_that_another_dag_defines_starts_a_run(
    asset: str, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    """The team's DAG names its asset as it likes; the ingest DAG refers to it by name or URI."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "load_chargebacks.py").write_text(LOADING)
    (dags / "ingest.py").symlink_to(ROOT / "dags/ingest.py")
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"ingest: {{asset: '{asset}', {BOTH}}}\n")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": new_database().replace(
            "postgresql:", "postgresql+psycopg2:"
        ),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "SIXGATE_POLICY_OVERLAY": str(overlay),
        "SIXGATE_ROOT": str(ROOT),
        "SIXGATE_HOME": str(tmp_path / "sixgate"),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=600
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    airflow = str(Path(sys.executable).parent / "airflow")
    run(airflow, "db", "migrate")
    run(airflow, "dags", "reserialize")
    found = json.loads(run(sys.executable, "-c", SCRIPT).splitlines()[-1])
    assert found == {"asset": "chargebacks", "queued": ["fraud_ingest"]}
