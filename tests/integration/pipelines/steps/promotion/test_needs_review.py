"""Whether a person must answer before a promotion."""

import pytest

from pipelines.context import Context
from pipelines.errors import (
    EvidenceError,
    PromotionRefused,
    StepSkipped,
)
from tests.integration.lifecycle import Run


def test_the_promotion_of_a_decision_that_is_finished_asks_nobody_and_changes_nothing(
    trained: Context, first_id: int, run: Run
) -> None:
    second = trained.decisions.of_run("fraud", "second")
    entries = trained.ledger.recent("fraud", limit=100)
    with pytest.raises(
        StepSkipped,
        match=rf"decision {first_id} was promoted at .* another model replaced it since",
    ):
        run("too late", "needs_review", decision_id=first_id)
    for reviewer, approved in (("bea", False), (None, False), ("bea", True)):
        with pytest.raises(
            PromotionRefused, match=r"was approved by ana at .* the first answer stands"
        ):
            run(
                "another answer",
                "review",
                decision_id=second.id,
                approved=approved,
                reviewer=reviewer,
            )
    with pytest.raises(PromotionRefused, match=r"has been DONE since .* changes nothing"):
        run("too late", "review", decision_id=first_id, approved=False, reviewer="bea")
    with pytest.raises(
        EvidenceError,
        match=rf"is about decision {first_id}, not decision {second.id}",
    ):
        run("too late", "review", decision_id=second.id, approved=True, reviewer="bea")
    assert trained.decisions.of_run("fraud", "second") == second
    assert trained.ledger.recent("fraud", limit=100) == entries
    serving = run("repair", "needs_review", decision_id=second.id)
    assert serving["next"] == "final_validation", (
        "who serves is verified and pointed to again, without a second review"
    )
