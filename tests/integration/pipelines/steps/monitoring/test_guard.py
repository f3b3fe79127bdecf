"""When a new champion performs worse than its decision promised."""

import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from tests.integration.drift_checks import OLD, run


def test_the_guard_of_an_old_run_leaves_the_alert_of_the_newest(wired: Context) -> None:
    run(wired, "current", "roll_up", "measure")
    wired.alerts.raise_(
        "fraud", cause="guard", severity="SEVERE", message="now", check_id="current"
    )
    before = wired.alerts.recent("fraud")
    run(wired, "backfill", "roll_up", "measure", as_of=OLD)
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run(wired, "backfill", "guard", as_of=OLD)
    assert wired.alerts.recent("fraud") == before
