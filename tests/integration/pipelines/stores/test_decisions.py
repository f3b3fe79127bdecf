"""Decisions on a real database: opened once, decided once, answered once."""

from datetime import timedelta
from typing import Any

import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError
from pipelines.records import Decision
from tests.integration.logged import NOW, rewrite


@pytest.fixture(autouse=True)
def without_decisions(wired: Context) -> None:
    rewrite(wired.connection, "TRUNCATE decision_events, promotion_runs, promotions CASCADE")


def opened(wired: Context, run_id: str, **params: Any) -> Decision:
    return wired.decisions.open(
        "fraud",
        run_id,
        trigger="MANUAL",
        requested_by="ana",
        reason="a test",
        params=params,
        as_of=NOW,
        policy={"use_case": "fraud"},
        git_sha=None,
    )


def approved(wired: Context, run_id: str, version: int) -> Decision:
    opened(wired, run_id)
    wired.decisions.set_dataset(
        "fraud", run_id, dataset={}, evidence_source="REFERENCE", champion_version=None
    )
    wired.decisions.set_challenger("fraud", run_id, version)
    return wired.decisions.decide("fraud", run_id, verdict="APPROVED", reason="all passed")


def test_a_repeated_first_step_finds_the_decision_that_it_opened(wired: Context) -> None:
    first = opened(wired, "r", force=True)
    assert opened(wired, "r", force=False) == first
    assert (first.requested_by, first.params, first.verdict) == ("ana", {"force": True}, None)


def test_a_decision_is_decided_once_and_keeps_its_record(wired: Context) -> None:
    decision = approved(wired, "r", 3)
    again = wired.decisions.decide("fraud", "r", verdict="REJECTED", reason="too late")
    assert (again, again.verdict, again.reason) == (decision, "APPROVED", "all passed")
    wired.decisions.note_failure("fraud", "r", "too late as well")
    assert wired.decisions.get("fraud", decision.id) == decision
    stays = rf"decision {decision.id} is decided \(APPROVED\) and stays as it is"
    with pytest.raises(EvidenceError, match=stays):
        wired.decisions.set_challenger("fraud", "r", 4)
    with pytest.raises(EvidenceError, match=stays):
        wired.decisions.set_dataset(
            "fraud", "r", dataset={}, evidence_source="LOGGED", champion_version=1
        )


def test_a_failure_is_noted_and_leaves_the_run_open_for_a_retry(wired: Context) -> None:
    opened(wired, "r")
    wired.decisions.note_failure("fraud", "r", "train failed: no memory")
    failed = wired.decisions.of_run("fraud", "r")
    assert (failed.verdict, failed.reason) == (None, "train failed: no memory")
    assert wired.decisions.decide("fraud", "r", verdict="SKIPPED", reason="x").verdict == "SKIPPED"


def test_a_newer_approval_supersedes_the_one_that_waits(wired: Context) -> None:
    older = approved(wired, "older", 2)
    assert wired.decisions.waiting("fraud") == older.id
    newer = approved(wired, "newer", 3)
    assert wired.decisions.get("fraud", older.id).verdict == "SUPERSEDED"
    assert wired.decisions.waiting("fraud") == newer.id
    assert wired.decisions.newest_approved("fraud") == newer


def test_runs_that_trained_are_counted_without_the_one_that_asks(wired: Context) -> None:
    approved(wired, "older", 2)
    newer = approved(wired, "newer", 3)
    opened(wired, "untrained")
    since = newer.opened_at - timedelta(days=1)
    assert wired.decisions.trained_since("fraud", since, but_run_id="untrained") == 2
    assert wired.decisions.trained_since("fraud", since, but_run_id="newer") == 1
    assert wired.decisions.newest_trained("fraud", but_run_id="untrained") == newer
    later = newer.opened_at + timedelta(hours=1)
    assert wired.decisions.trained_since("fraud", later, but_run_id="untrained") == 0


def test_the_first_answer_to_a_review_stands(wired: Context) -> None:
    decision = approved(wired, "r", 2)
    assert wired.decisions.review_of(decision.id) is None
    first = wired.decisions.record_review(
        "fraud", decision.id, reviewer="ana", approved=False, comment=""
    )
    second = wired.decisions.record_review(
        "fraud", decision.id, reviewer="bea", approved=True, comment="fine"
    )
    assert (first.reviewer, first.approved, first.comment) == ("ana", False, None)
    assert second == first == wired.decisions.review_of(decision.id)
    with pytest.raises(EvidenceError, match="fraud has no decision 999"):
        wired.decisions.record_review("fraud", 999, reviewer="a", approved=True, comment="")


def test_a_promotion_run_is_about_one_decision(wired: Context) -> None:
    first, other = approved(wired, "one", 2), approved(wired, "other", 3)
    assert wired.decisions.bind("fraud", "promotion", first.id) == first.id
    assert wired.decisions.bind("fraud", "promotion", other.id) == first.id
    assert wired.decisions.of_promotion("fraud", "promotion", first.id).id == first.id
    message = f"this run is about decision {first.id}, not decision {other.id}"
    with pytest.raises(EvidenceError, match=message):
        wired.decisions.of_promotion("fraud", "promotion", other.id)
    assert wired.decisions.of_promotion("fraud", "unbound", other.id) == other


def test_a_run_of_another_use_case_is_another_run(wired: Context) -> None:
    decision = opened(wired, "r")
    with pytest.raises(EvidenceError, match="no run 'r' of loan is open"):
        wired.decisions.of_run("loan", "r")
    with pytest.raises(EvidenceError, match=f"loan has no decision {decision.id}"):
        wired.decisions.get("loan", decision.id)
    assert [one.id for one in wired.decisions.recent("fraud")] == [decision.id]
