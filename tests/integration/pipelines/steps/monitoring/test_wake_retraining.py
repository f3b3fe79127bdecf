"""Which alert starts a retraining, and how often."""

from datetime import timedelta

import msgspec
import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from tests.integration.drift_checks import CHECK, HOUR, WEEK, odd_traffic, run
from tests.integration.logged import NOW


def test_severe_drift_wakes_one_retraining_per_cooldown_and_may_try_again_while_none_came(
    wired: Context,
) -> None:
    odd_traffic(wired)
    assert run(wired, "first", *CHECK)["alerts"]["feature_drift"] == "SEVERE"
    woken = run(wired, "first", "wake_retraining")
    assert run(wired, "first", "wake_retraining") == woken, "the same task again"
    run(wired, "second", "measure", "alert")
    with pytest.raises(StepSkipped, match="feature_drift started a retraining less than 7 days"):
        run(wired, "second", "wake_retraining", as_of=NOW + timedelta(minutes=5))
    with pytest.raises(StepSkipped, match="raised no drift or performance alert"):
        run(wired, "first", "wake_retraining")  # the alert is the newer check's by now
    later = NOW + timedelta(hours=25)
    run(wired, "third", "measure", "alert")
    assert run(wired, "third", "wake_retraining", as_of=later), (
        "nothing was trained: it may be tried again after the window"
    )
    wired.decisions.open(
        "fraud", "trained", trigger="DRIFT", requested_by=None, reason=None, params={}, as_of=NOW,
        policy=msgspec.to_builtins(wired.use_case.policy), git_sha=None,
    )  # fmt: skip
    wired.connection.execute(
        "UPDATE decision_records SET challenger_version = 2, opened_at = %s WHERE run_id = 'trained'",
        (later + HOUR,),
    )
    run(wired, "fourth", "measure", "alert")
    with pytest.raises(StepSkipped, match="less than 7 days"):
        run(wired, "fourth", "wake_retraining", as_of=later + timedelta(days=6))
    wired.alerts.resolve("fraud", "feature_drift", "it ended")
    run(wired, "fifth", "measure", "alert")
    with pytest.raises(StepSkipped, match="less than 7 days"):
        run(
            wired, "fifth", "wake_retraining", as_of=later + timedelta(days=6)
        )  # another alert, the same cause
    assert run(wired, "fifth", "wake_retraining", as_of=later + WEEK + HOUR)
