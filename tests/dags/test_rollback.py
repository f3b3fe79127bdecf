"""Rollback: select, verify, switch; it never waits for a review."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_rollback"]


def test_the_version_that_was_selected_is_verified_and_promoted(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["select_rollback", "final_validation", "promote"]
    pulled = "{{ ti.xcom_pull(task_ids='select_rollback')['%s'] }}"
    take = {task: each["take"] for task, each in dag["described"].items()}
    assert take == {
        "select_rollback": {},
        "final_validation": {"version": pulled % "version"},
        "promote": {name: pulled % name for name in ("version", "from_version", "reason")},
    }


def test_it_is_triggered_by_the_guard_of_a_new_champion(dag: dict[str, Any]) -> None:
    assert dag["assets"] == ["sixgate://fraud/rollback"]
    assert dag["max_active_runs"] == 1
