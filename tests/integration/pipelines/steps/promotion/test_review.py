"""Answers about a candidate."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipelines.context import Context
from pipelines.errors import PromotionRefused, StepSkipped
from pipelines.records import Decision
from tests.integration.lifecycle import Run, in_production

NOT_ON_A_FRIDAY = {"approved": False, "reviewer": "ana", "comment": "not on a Friday"}
Approve = Callable[..., Decision]


@pytest.fixture
def approve(trained: Context) -> Approve:
    """Approve version 1 once more, as the decision of another run."""

    def approve(run_id: str, *, requested_by: str | None = None, **params: Any) -> Decision:
        trained.decisions.open(
            "fraud",
            run_id,
            trigger="MANUAL",
            requested_by=requested_by,
            reason=None,
            params=params,
            as_of=datetime.now(UTC),
            policy=msgspec.to_builtins(trained.use_case.policy),
            git_sha=None,
        )
        trained.decisions.set_dataset(
            "fraud", run_id, dataset={}, evidence_source="REFERENCE", champion_version=2
        )
        trained.decisions.set_challenger("fraud", run_id, 1)
        return trained.decisions.decide(
            "fraud", run_id, verdict="APPROVED", reason="test", evidence_hash=run_id
        )

    return approve


def test_a_candidate_that_a_person_rejects_or_nobody_looks_at_is_never_promoted(
    trained: Context, run: Run, approve: Approve
) -> None:
    decision = approve("rejected", require_review=True)
    with pytest.raises(
        PromotionRefused, match=rf"decision {decision.id} needs a review: trigger fraud_promotion"
    ):
        run("in a shell", "promote", decision_id=decision.id)
    serving = in_production(trained)
    trained.decisions.record_review("fraud", decision.id, **NOT_ON_A_FRIDAY)
    # The step that rejects was killed before it wrote to the ledger.
    with pytest.raises(StepSkipped, match="was rejected by ana"):
        run("cut off", "needs_review", decision_id=decision.id)
    run("rejection", "review", decision_id=decision.id, **NOT_ON_A_FRIDAY)
    refused = trained.ledger.recent("fraud")[0]
    assert (refused.state, refused.actor) == ("REFUSED", "ana")
    assert refused.reason == "rejected by ana: not on a Friday"
    with pytest.raises(StepSkipped, match="is already REFUSED: rejected by ana"):
        run("again", "needs_review", decision_id=decision.id)
    with pytest.raises(PromotionRefused, match="REFUSED already"):
        run("again", "promote", decision_id=decision.id)
    first_answer = r"was rejected by ana at .* the first answer stands"
    with pytest.raises(PromotionRefused, match=first_answer):
        run("silence", "review", decision_id=decision.id, approved=False, reviewer=None)
    with pytest.raises(PromotionRefused, match=first_answer):
        run("a change of mind", "review", decision_id=decision.id, approved=True, reviewer="bea")
    run("rejection", "review", decision_id=decision.id, **NOT_ON_A_FRIDAY)
    kept = trained.decisions.get("fraud", decision.id)
    assert (kept.reviewer, kept.review_comment) == ("ana", "rejected: not on a Friday")
    assert in_production(trained) == serving


def test_who_forced_a_run_may_not_approve_what_came_of_it(
    trained: Context, run: Run, approve: Approve
) -> None:
    decision = approve("forced", requested_by="ana", force=True)
    with pytest.raises(PromotionRefused, match=r"ana forced the run .* let another person answer"):
        run("own", "review", decision_id=decision.id, approved=True, reviewer="ana")
    assert trained.decisions.get("fraud", decision.id).reviewer is None
    run("other", "review", decision_id=decision.id, approved=True, reviewer="bea")
    assert trained.decisions.get("fraud", decision.id).reviewer == "bea"
