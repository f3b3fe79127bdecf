"""Batch explanation: chunks are mapped tasks, and the summary comes even if some fail."""

from __future__ import annotations

from typing import Any

from pipelines.settings import ROOT
from pipelines.use_case import read_policy
from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_batch_explanation"]


def test_chunks_are_explained_between_the_plan_and_the_summary(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["plan", "explain", "summarise"]
    assert dag["described"]["explain"]["after"] == ["plan"]
    assert "explain" in dag["described"]["summarise"]["after"]


def test_the_summary_also_runs_when_chunks_failed(dag: dict[str, Any]) -> None:
    assert dag["described"]["summarise"]["teardown"] is True
    assert dag["described"]["explain"]["teardown"] is False


def test_a_chunk_is_retried_as_often_as_the_policy_says(dag: dict[str, Any]) -> None:
    attempts = read_policy(ROOT / "reference" / "fraud").explanation.attempts
    assert dag["described"]["explain"]["retries"] == attempts - 1


def test_it_is_triggered_by_the_schedule_of_the_policy(dag: dict[str, Any]) -> None:
    assert dag["cron"] == read_policy(ROOT / "reference" / "fraud").explanation.schedule
    assert dag["assets"] == []
