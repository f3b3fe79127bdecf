"""Who is notified of which alert, once."""

from dataclasses import replace

import msgspec
import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.monitoring.notifications import pending_notification
from tests.integration.drift_checks import OLD, run, whole_dag


def test_everyone_is_told_of_each_turn_once_and_who_could_not_be_reached_is_told_later(
    wired: Context,
) -> None:
    targets = ("log", "pager")
    shipped = wired.use_case.policy
    policy = msgspec.structs.replace(
        shipped, alerts=msgspec.structs.replace(shipped.alerts, notify=targets)
    )
    wired.use_case = replace(wired.use_case, policy=policy)
    with pytest.raises(StepSkipped, match="no notification is pending"):
        run(wired, "n", "notify")
    alert = wired.alerts.raise_("fraud", cause="guard", severity="WARNING", message="x")
    found = run(wired, "n", "notify")["notifications"]
    assert [(one["target"], one["subject"]) for one in found] == [
        (t, "[WARNING] fraud: guard opened") for t in targets
    ]
    run(wired, "n", "notify", notified=[one for one in found if one["target"] == "log"])
    assert [one["target"] for one in run(wired, "n", "notify")["notifications"]] == ["pager"]
    wired.alerts.raise_("fraud", cause="guard", severity="SEVERE", message="y")
    found = run(wired, "n", "notify")["notifications"]
    assert [one["subject"] for one in found] == [
        "[SEVERE] fraud: guard escalated from WARNING",
        "[SEVERE] fraud: guard opened",
    ]
    run(wired, "n", "notify", notified=found)
    wired.alerts.raise_("fraud", cause="guard", severity="ALERT", message="z")
    with pytest.raises(StepSkipped):
        run(wired, "n", "notify")
    wired.alerts.resolve("fraud", "guard", "it performs as expected")
    found = run(wired, "n", "notify")["notifications"]
    assert {one["subject"] for one in found} == {"[RESOLVED] fraud: guard is resolved"}
    run(wired, "n", "notify", notified=found)
    with pytest.raises(StepSkipped):
        run(wired, "n", "notify")
    assert pending_notification(wired.alerts.find(alert.id), "log") is None
    mild = replace(wired.alerts.find(alert.id), severity="WARNING")
    assert pending_notification(mild, "newcomer") is None, (
        "who knew nothing need not hear that it is over"
    )
    grave = pending_notification(replace(mild, severity="SEVERE"), "newcomer")
    assert (
        grave is not None and grave.subject == "[RESOLVED] fraud: guard was SEVERE and is resolved"
    )


def test_people_are_not_told_by_an_old_run_but_by_the_newest(current: Context) -> None:
    whole_dag(current, "backfill", OLD)
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run(current, "backfill", "notify", as_of=OLD)
    notifications = run(current, "current", "notify")["notifications"]
    assert {one["subject"] for one in notifications} >= {"[SEVERE] fraud: feature_drift opened"}
    run(current, "backfill", "notify", as_of=OLD, notified=notifications)
    with pytest.raises(StepSkipped, match="no notification is pending"):
        run(current, "current", "notify")
