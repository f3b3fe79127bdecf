"""Which retraining may start."""

from datetime import timedelta

import pytest

from pipelines.context import Context
from pipelines.errors import (
    EvidenceError,
    ParameterError,
    StepSkipped,
)
from tests.integration.lifecycle import TODAY, Run


def test_a_forced_run_without_a_reason_is_skipped_and_says_why(trained: Context, run: Run) -> None:
    with pytest.raises(StepSkipped, match="needs a reason"):
        run("hasty", "check_conditions", force=True)
    decision = trained.decisions.of_run("fraud", "hasty")
    assert (decision.verdict, str(decision.reason)[:6]) == ("SKIPPED", "force:")
    assert (
        trained.decisions.trained_since("fraud", TODAY - timedelta(days=1), but_run_id="hasty") == 2
    )


def test_an_unknown_snapshot_is_named_and_leaves_the_run_undecided(
    trained: Context, run: Run
) -> None:
    with pytest.raises(EvidenceError, match="no snapshot 'gone'"):
        run("gone", "check_conditions", snapshot="gone")
    undecided = trained.decisions.of_run("fraud", "gone")
    assert undecided.verdict is None
    assert str(undecided.reason).startswith("check_conditions failed: no snapshot")


def test_a_misspelt_parameter_opens_no_decision(trained: Context, run: Run) -> None:
    with pytest.raises(ParameterError, match="did you mean 'require_review'"):
        run("misspelt", "check_conditions", requre_review=True)
    with pytest.raises(EvidenceError, match="no run 'misspelt' of fraud is open"):
        trained.decisions.of_run("fraud", "misspelt")
