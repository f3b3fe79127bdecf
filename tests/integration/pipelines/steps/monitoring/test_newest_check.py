"""A drift check that is backfilled or run again keeps its own metrics, and changes nothing of now."""

from datetime import datetime, timedelta

import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from tests.integration.drift_checks import (
    AFTER_ALERT,
    CHECK,
    DAY,
    FIVE_MINUTES,
    HOUR,
    THIS_HOUR,
    figures_of,
    newest,
    odd_traffic,
    run,
    state,
    whole_dag,
)
from tests.integration.logged import NOW, Log


@pytest.mark.parametrize(
    "as_of",
    [
        pytest.param(NOW - 4 * HOUR, id="a window with some of the rows"),
        pytest.param(NOW - 10 * HOUR, id="a window without rows"),
        pytest.param(NOW - 60 * DAY, id="a window of long ago"),
        pytest.param(NOW - timedelta(microseconds=1), id="an earlier moment of the same window"),
    ],
)
def test_a_backfill_changes_nothing_of_now(current: Context, as_of: datetime) -> None:
    before = state(current)
    assert before["prometheus"]["sixgate_drift", "fraud", "drift_share", "", "0"] > 0.9
    results = whole_dag(current, "backfill", as_of)
    after = state(current)
    assert before.pop("history") == [
        row for row in after.pop("history") if row["window_end"] == THIS_HOUR + HOUR
    ]
    assert after == before
    for step in ("alert", *AFTER_ALERT):
        assert "skipped" in results[step], step
    assert current.metrics.of_check("fraud", "backfill"), "its figures are kept for history"


def test_a_backfill_resolves_and_escalates_no_alert(wired: Context) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR)
    odd_traffic(wired, hours=4, until=THIS_HOUR - 12 * HOUR)
    wired.alerts.raise_("fraud", cause="guard", severity="WARNING", message="now")
    run(wired, "current", *CHECK)
    severe = wired.alerts.open("fraud")[0]
    wired.alerts.acknowledge("fraud", severe.id, "ana", "known")
    before = wired.alerts.recent("fraud")
    whole_dag(wired, "backfill", NOW - 12 * HOUR)
    whole_dag(wired, "empty", NOW - 60 * DAY)
    assert wired.alerts.recent("fraud") == before


def test_a_cleared_run_rewrites_the_same_figures_and_wakes_nobody(wired: Context) -> None:
    begun = NOW - 30 * HOUR
    odd_traffic(wired, until=THIS_HOUR - 30 * HOUR)
    run(wired, "old", *CHECK, as_of=begun)
    run(wired, "newer", *CHECK, as_of=NOW - HOUR)  # no rows in its window, so the alert stays
    (alert,) = [a for a in wired.alerts.open("fraud") if a.cause == "feature_drift"]
    assert (alert.check_id, alert.severity) == ("old", "SEVERE")
    figures = wired.metrics.of_check("fraud", "old")
    before = state(wired)
    results = whole_dag(wired, "old", begun)
    for step in ("alert", *AFTER_ALERT):
        assert results[step].startswith("skipped: a newer drift check exists"), step
    assert wired.metrics.of_check("fraud", "old") == figures
    assert state(wired) == before


def test_of_one_window_the_check_of_the_later_moment_is_the_newest(wired: Context) -> None:
    early = THIS_HOUR - HOUR + FIVE_MINUTES
    late = early + FIVE_MINUTES
    odd_traffic(wired, until=THIS_HOUR - HOUR)
    run(wired, "late", *CHECK, as_of=late)
    run(wired, "early", "roll_up", "measure", as_of=early)
    assert newest(wired) == "late"
    run(wired, "late", "measure", as_of=late)
    run(wired, "early", "measure", as_of=early)
    assert newest(wired) == "late", "whichever was repeated last"
    run(wired, "later", *CHECK, as_of=late + FIVE_MINUTES)
    assert newest(wired) == "later"
    run(wired, "manual", "measure", as_of=late)
    assert newest(wired) == "later"
    run(wired, "manual", *CHECK, as_of=THIS_HOUR)
    assert newest(wired) == "manual", "an id that is used again is the check of its last moment"


def test_two_checks_of_the_same_moment_say_the_same(current: Context) -> None:
    run(current, "twin", *CHECK)
    (one, other) = (figures_of(current, check) for check in ("current", "twin"))
    assert one == other
    assert newest(current) == "twin", "the greater id, so that it stays the same one"


def test_a_check_from_the_future_blocks_no_later_one(current: Context) -> None:
    before = state(current)
    for hours in (3, 24, 24 * 365 * 5):
        ahead = NOW + timedelta(hours=hours)
        run(current, f"ahead {hours}", "measure", as_of=ahead)
        for step in ("alert", "guard", "report"):
            with pytest.raises(StepSkipped, match="ahead of the database's clock"):
                run(current, f"ahead {hours}", step, as_of=ahead)
    assert state(current) == before
    soon = NOW + timedelta(minutes=1)
    assert run(current, "next", *CHECK, as_of=soon)["alerts"]["feature_drift"] == "SEVERE"
    assert newest(current) == "next"


def test_a_check_whose_clock_is_a_little_ahead_counts_until_the_clock_has_come_there(
    current: Context,
) -> None:
    run(current, "ahead", *CHECK, as_of=NOW + HOUR)
    assert newest(current) == "ahead"
    shift = "UPDATE monitoring_metrics SET window_start = window_start - %s, window_end = window_end - %s, at = at - %s"
    current.connection.execute(shift, (HOUR, HOUR, HOUR))  # an hour later
    run(current, "next", *CHECK, as_of=NOW + timedelta(minutes=1))
    assert newest(current) == "next"
