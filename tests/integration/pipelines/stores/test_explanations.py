"""Explanations as they are stored."""

import numpy as np
import pytest

from pipelines.context import Context
from pipelines.errors import (
    StepSkipped,
)
from pipelines.records import Prediction
from tests.integration.lifecycle import Run


def test_flagged_predictions_are_explained_by_the_version_that_scored_them_and_a_poisoned_row_fails_alone(
    trained: Context, run: Run, traffic: list[Prediction]
) -> None:
    poisoned = next(p for p in traffic if p.predicted_label)
    trained.connection.execute(
        "UPDATE prediction_logs SET score = 0.123 WHERE prediction_id = %s AND scored_at = %s",
        (poisoned.prediction_id, poisoned.scored_at),
    )
    for attempt in range(3):
        chunks = run(f"explain-{attempt}", "plan")
        results = [run(f"explain-{attempt}", "explain", **chunk) for chunk in chunks]
        assert sum(result["failed"] for result in results) == 1
    with pytest.raises(StepSkipped, match="is explained"):
        run("explain-9", "plan")
    failed = trained.explanations.get("fraud", poisoned.prediction_id)
    assert failed is not None
    assert (failed.status, failed.attempts) == ("FAILED", 3)
    assert "the logged score is 0.123000: version 1 did not score these features" in str(
        failed.error
    )
    flagged = [
        p for p in traffic if p.predicted_label and p.prediction_id != poisoned.prediction_id
    ]
    found = trained.explanations.get("fraud", flagged[0].prediction_id)
    assert found is not None
    assert found.contributions is not None
    assert found.base_value is not None
    margin = found.base_value + sum(found.contributions)
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(flagged[0].score, abs=1e-5)
    assert run("explain-0", "summarise")["counts"]["COMPLETED"] >= len(flagged)
    again = trained.explanations.request(poisoned, select="flagged", sample=0.05)
    assert (again.status, again.attempts) == ("PENDING", 0)
