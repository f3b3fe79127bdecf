"""Batch scoring: one step, retried, on a short schedule."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_batch_scoring"]


def test_files_are_scored_by_one_step_that_is_retried(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["score_file"]
    assert dag["described"]["score_file"]["retries"] == 2


def test_it_is_triggered_every_five_minutes(dag: dict[str, Any]) -> None:
    assert dag["cron"] == "*/5 * * * *"
    assert dag["assets"] == []
