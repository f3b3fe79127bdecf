"""Retraining: five steps in a row, and the verdict alone decides whether a promotion follows."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_retraining"]


TASKS = ["check_conditions", "validate_data", "train", "shadow_evaluate", "approve"]


def test_the_steps_run_one_after_the_other(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == TASKS
    for before, task in zip([None, *TASKS], TASKS, strict=False):
        assert dag["described"][task]["after"] == ([before] if before else [])


def test_it_is_triggered_by_drift_and_by_its_schedule(dag: dict[str, Any]) -> None:
    assert dag["assets"] == ["sixgate://fraud/drift"]
    assert dag["cron"].count(" ") == 4
    assert dag["max_active_runs"] == 1


def test_the_last_step_alone_emits_the_candidate(dag: dict[str, Any]) -> None:
    outlets = {task: dag["described"][task]["outlets"] for task in TASKS}
    assert outlets.pop("approve") == ["sixgate://fraud/candidate"]
    assert not any(outlets.values())


def test_the_trained_model_has_a_button(dag: dict[str, Any]) -> None:
    assert dag["described"]["train"]["links"] == ["Model in MLflow"]


def test_it_takes_typed_params(dag: dict[str, Any]) -> None:
    types = {name: schema["type"] for name, schema in dag["params"].items()}
    assert types == {
        "reason": ["null", "string"],
        "force": "boolean",
        "reference": "boolean",
        "require_review": "boolean",
        "snapshot": ["null", "string"],
    }
