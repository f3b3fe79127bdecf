"""Promotion: reviewed where that is required, then verified and switched to."""

from __future__ import annotations

from typing import Any

from tests.dags.parsing import check_file


def test_the_file_is_light_and_documented(file: dict[str, Any]) -> None:
    check_file(file)
    assert list(file["dags"]) == ["fraud_promotion"]


def test_a_review_may_come_between_and_verification_always_does(dag: dict[str, Any]) -> None:
    assert dag["tasks"] == ["needs_review", "review", "final_validation", "promote"]
    after = {task: described["after"] for task, described in dag["described"].items()}
    assert after == {
        "needs_review": [],
        "review": ["needs_review"],
        "final_validation": ["needs_review", "review"],
        "promote": ["final_validation"],
    }


def test_verification_waits_for_the_review_that_the_branch_chose(dag: dict[str, Any]) -> None:
    rule = dag["described"]["final_validation"]["trigger_rule"]
    assert rule == "none_failed_min_one_success"
    assert dag["described"]["promote"]["trigger_rule"] == "all_success"


def test_every_later_task_is_about_the_decision_that_the_first_one_read(
    dag: dict[str, Any],
) -> None:
    for task in ("review", "final_validation", "promote"):
        take = dag["described"][task]["take"]
        assert take["decision_id"] == "{{ ti.xcom_pull(task_ids='needs_review')['decision_id'] }}"
    assert "evidence_hash" in dag["described"]["promote"]["take"]


def test_it_is_triggered_by_a_candidate_and_several_may_wait_for_their_review(
    dag: dict[str, Any],
) -> None:
    assert dag["assets"] == ["sixgate://fraud/candidate"]
    assert dag["max_active_runs"] > 1
