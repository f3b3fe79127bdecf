"""What waits in a use case, for whom and until when."""

from datetime import timedelta
from typing import Any

import pytest

from stack.status.waiting import Waiting, waiting
from tests.unit.pipelines.rules.promotion.ledger_entries import FIRST, SECOND, entry
from tests.unit.stack.status.states import NOW, POLICY, airflow, alert, decision, state

CANDIDATE = {"candidate": decision(), "promotion_runs": ["run"]}
REQUEST = {"created_at": NOW.isoformat(), "task_instance": {"dag_run_id": "run"}}


def only(listed: list[Waiting]) -> Waiting:
    assert len(listed) == 1, listed
    return listed[0]


def test_nothing_waits() -> None:
    assert waiting(state(entries=[SECOND, FIRST]), airflow()) == []
    assert waiting(state(), None) == []


def test_a_review_waits_for_the_reviewers_until_the_policys_time_out() -> None:
    review = only(waiting(state(**CANDIDATE), airflow(unanswered=[REQUEST])))
    assert (review.what, review.decision, review.version) == ("review", 5, 3)
    assert review.who == ("admin", "reviewer")
    assert review.until == NOW + POLICY.review.timeout


def test_who_forced_the_run_may_not_answer() -> None:
    forced = decision(requested_by="admin", params={"force": True})
    use_case = state(candidate=forced, promotion_runs=["run"])
    assert only(waiting(use_case, airflow(unanswered=[REQUEST]))).who == ("reviewer",)


def test_the_deadline_is_not_known_without_a_policy() -> None:
    use_case = state(**CANDIDATE, policy=None)
    assert only(waiting(use_case, airflow(unanswered=[REQUEST]))).until is None


@pytest.mark.parametrize(
    ("known", "text", "who"),
    [
        pytest.param(
            airflow(),
            "version 3 of decision 5 is approved and not promoted: trigger fraud_promotion",
            ("admin", "reviewer"),
            id="no promotion runs",
        ),
        pytest.param(
            airflow(last_runs={"fraud_promotion": {"state": "running"}}),
            "version 3 of decision 5: fraud_promotion is running",
            (),
            id="the promotion runs",
        ),
        pytest.param(
            airflow(last_runs={"fraud_promotion": {"state": "failed"}}),
            "version 3 of decision 5 is approved and not promoted: trigger fraud_promotion",
            ("admin", "reviewer"),
            id="the promotion failed",
        ),
        pytest.param(
            airflow(unanswered=[{**REQUEST, "task_instance": {"dag_run_id": "an older run"}}]),
            "version 3 of decision 5 is approved and not promoted: trigger fraud_promotion",
            ("admin", "reviewer"),
            id="the open review is about a superseded decision",
        ),
        pytest.param(
            None,
            "version 3 of decision 5 is approved; whether a review is open is not known",
            (),
            id="Airflow does not answer",
        ),
    ],
)
def test_a_candidate_without_a_review(known: Any, text: str, who: tuple[str, ...]) -> None:
    candidate = only(waiting(state(**CANDIDATE), known))
    assert (candidate.what, candidate.text, candidate.who) == ("candidate", text, who)


def test_a_promotion_waits_for_the_replicas() -> None:
    use_case = state(entries=[entry("INTENDED", before=2, after=3), SECOND, FIRST])
    promotion = only(waiting(use_case, airflow()))
    assert (promotion.what, promotion.version) == ("promotion", 3)
    assert promotion.text == "version 3 waits until every replica serves it"


def test_a_cooldown_blocks_retrainings_and_the_severe_alerts_that_started_none() -> None:
    end = NOW + timedelta(days=1)
    alerts = [
        alert(id=9, woke_at=NOW),
        alert(id=8),
        alert(id=7, severity="WARNING"),
        alert(id=6, cause="guard"),
    ]
    use_case = state(blocked="cooldown: until tomorrow", cooldown_until=end, alerts=alerts)
    retraining = only(waiting(use_case, airflow()))
    assert (retraining.what, retraining.until) == ("retraining", end)
    assert retraining.text == (
        "no retraining may start: cooldown: until tomorrow; alert 8 waits for it"
    )


def test_severe_alerts_wait_for_nothing_when_a_retraining_may_start() -> None:
    assert waiting(state(alerts=[alert()]), airflow()) == []
