"""Drift detection: three steps measure, four act on what they found, and one resumes promotions."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_drift_detection"]


CHECK = ["roll_up", "measure", "alert"]
ACTIONS = ["notify", "report", "wake_retraining", "guard"]


def test_every_action_follows_the_alert_and_none_another_action(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["resume_promotion", *CHECK, *ACTIONS]
    assert dag["described"]["resume_promotion"]["after"] == []
    assert dag["described"]["measure"]["after"] == ["roll_up"]
    assert dag["described"]["alert"]["after"] == ["measure"]
    for action in ACTIONS:
        assert dag["described"][action]["after"] == ["alert"]


def test_severe_drift_and_a_champion_that_is_worse_have_an_asset_of_their_own(
    dag: dict[str, Any],
) -> None:
    outlets = {task: each["outlets"] for task, each in dag["described"].items() if each["outlets"]}
    assert outlets == {
        "resume_promotion": ["sixgate://fraud/candidate"],
        "wake_retraining": ["sixgate://fraud/drift"],
        "guard": ["sixgate://fraud/rollback"],
    }


def test_it_is_triggered_by_its_schedule_and_never_overlaps(dag: dict[str, Any]) -> None:
    assert dag["assets"] == []
    assert dag["cron"] == "*/5 * * * *"
    assert dag["max_active_runs"] == 1


def test_the_report_has_a_button(dag: dict[str, Any]) -> None:
    assert dag["described"]["report"]["links"] == ["Drift page"]
