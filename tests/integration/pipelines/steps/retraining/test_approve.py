"""Which candidate is passed on to promotion."""

import pytest

from pipelines.context import Context
from pipelines.errors import (
    PromotionRefused,
    StepSkipped,
)
from pipelines.records import Prediction
from tests.integration.lifecycle import RETRAIN, Run, in_production


def test_an_equal_challenger_is_kept_out_and_an_old_decision_is_not_carried_out(
    trained: Context, first_id: int, run: Run, traffic: list[Prediction]
) -> None:
    with pytest.raises(StepSkipped, match="REJECTED: f1_improvement"):
        run("third", *RETRAIN)
    with pytest.raises(StepSkipped):
        run("third", "approve")
    rejected = trained.decisions.of_run("fraud", "third")
    with pytest.raises(PromotionRefused, match=r"superseded|not APPROVED"):
        run("third-promotion", "promote", decision_id=rejected.id)
    assert trained.ledger.recent("fraud")[0].state == "REFUSED"
    again = run("first-promotion", "promote", decision_id=first_id)
    assert again["note"] == "another model was promoted since"
    assert (newest := trained.ledger.newest("fraud")) is not None
    assert in_production(trained) == newest.to_version
    assert newest.state == "DONE"
