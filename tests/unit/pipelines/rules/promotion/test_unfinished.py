"""An approved decision that no run carries out is told to a person, and a run is triggered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.records import Decision
from pipelines.rules.promotion.unfinished import GRACE, PromotionDag, unfinished
from tests.unit.pipelines.rules.promotion.test_review import decision

APPROVED = replace(decision({}), id=7, challenger_version=3, verdict="APPROVED")
OLDER = replace(APPROVED, id=5, challenger_version=2)
LATER = APPROVED.opened_at + timedelta(hours=1)


def dag(**state: object) -> PromotionDag:
    return PromotionDag(**{"name": "fraud_promotion", "paused": False, **state})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decisions", "state", "waiting", "triggered"),
    [
        pytest.param([APPROVED], dag(), [7], [7], id="no run is active"),
        pytest.param([APPROVED], dag(active=[7]), [], [], id="a run or its review is active"),
        pytest.param([APPROVED], dag(unbound=True), [], [], id="a run is about to begin"),
        pytest.param([APPROVED], dag(active=[6]), [7], [7], id="a run about another decision"),
        pytest.param([APPROVED], dag(paused=True), [7], [], id="the DAG is paused"),
        pytest.param([APPROVED], dag(paused=True, active=[7]), [7], [], id="paused in a run"),
        pytest.param([OLDER, APPROVED], dag(unbound=True), [5], [5], id="a run takes the newest"),
        pytest.param([], dag(paused=True), [], [], id="nothing is unfinished"),
    ],
)
def test_waiting_decisions(
    decisions: list[Decision], state: PromotionDag, waiting: list[int], triggered: list[int]
) -> None:
    outcome = list(unfinished(decisions, state, LATER))
    assert [each.decision_id for each in outcome] == waiting
    assert [each.decision_id for each in outcome if each.trigger] == triggered


def test_the_run_that_the_verdict_triggers_has_time_to_begin() -> None:
    assert not list(unfinished([APPROVED], dag(), APPROVED.opened_at + GRACE / 2))


def test_the_message_names_the_version_the_decision_and_the_remedy() -> None:
    (waiting,) = unfinished([APPROVED], dag(paused=True), LATER)
    assert waiting.message == (
        "version 3 of decision 7 is APPROVED since 2026-01-01 00:00 UTC and not promoted, because "
        "fraud_promotion is paused: unpause it"
    )
