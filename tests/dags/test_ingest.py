"""Ingestion: a task for each source of the policy, and no DAG for a use case without one."""

from __future__ import annotations

import json
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
    assert reference in trigger


def test_a_use_case_without_a_source_has_no_such_dag(tmp_path: Path) -> None:
    assert dag_ids(parse(ROOT / "dags/ingest.py", cwd=tmp_path, PYTHONPATH=str(ROOT))) == [[]]
