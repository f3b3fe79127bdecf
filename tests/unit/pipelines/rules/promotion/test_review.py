"""A person reviews a candidate when the run or the policy requires it, and in case of doubt."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.records import Decision
from pipelines.rules.promotion.eligibility import needs_review
from pipelines.rules.use_case.policy_sections.promotion import Review

DAY = timedelta(days=1)


def decision(parameters: dict[str, Any], trigger: str = "MANUAL") -> Decision:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    unset = dict.fromkeys(
        (
            "requested_by",
            "request_reason",
            "champion_version",
            "challenger_version",
            "evidence_source",
            "dataset",
            "gates",
            "verdict",
            "reason",
            "reviewer",
            "review_comment",
            "evidence_hash",
            "git_sha",
            "decided_at",
        )
    )
    return Decision(
        id=1,
        use_case="fraud",
        run_id="r",
        trigger=trigger,
        params=parameters,
        as_of=now,
        policy={},
        opened_at=now,
        **unset,
    )


@pytest.mark.parametrize(
    ("parameters", "review"),
    [
        pytest.param({}, False, id="nothing was asked for"),
        pytest.param({"require_review": False, "reason": None}, False, id="the form's defaults"),
        pytest.param({"require_review": True}, True, id="a review was asked for"),
        pytest.param({"require_review": "false"}, True, id="a text, as older decisions may hold"),
        pytest.param({"requre_review": True}, True, id="misspelt, as older decisions may hold"),
    ],
)
def test_a_run(parameters: dict[str, Any], review: bool) -> None:
    policy = Review(when="never", timeout=DAY)
    assert needs_review(decision(parameters), policy) is review


@pytest.mark.parametrize(
    ("when", "trigger", "review"),
    [
        ("always", "SCHEDULE", True),
        ("on_drift", "DRIFT", True),
        ("on_drift", "SCHEDULE", False),
        ("never", "DRIFT", False),
    ],
)
def test_a_policy(when: Any, trigger: str, review: bool) -> None:
    assert needs_review(decision({}, trigger), Review(when=when, timeout=DAY)) is review
