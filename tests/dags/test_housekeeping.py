"""Housekeeping: one DAG for all use cases, once a day."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["housekeeping"]


def test_the_database_is_maintained_before_airflows_own(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["partitions", "audit", "retention", "files", "clean_airflow"]
    assert dag["described"]["audit"]["after"] == ["partitions"]
    assert dag["described"]["retention"]["after"] == ["audit"]
    assert dag["described"]["files"]["after"] == ["retention"]
    assert dag["described"]["clean_airflow"]["after"] == ["files"]


def test_it_is_triggered_once_a_day_and_by_no_asset(dag: dict[str, Any]) -> None:
    assert dag["cron"] == "30 2 * * *"
    assert dag["assets"] == []
    assert dag["params"] == {}
