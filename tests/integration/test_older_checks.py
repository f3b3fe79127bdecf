"""A drift check that is backfilled or run again keeps its own figures, and changes nothing of now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.records import Metric
from pipelines.rules.promotion.ledger import Served
from pipelines.steps.monitoring.measure import references
from pipelines.stores.baseline import read_manifest
from serving.metrics.drift_metrics import DriftMetrics
from tests.integration.logged import NOW, Log
from tests.integration.server import Database, enter
from tests.integration.test_monitoring import CHECK, HOUR, THIS_HOUR, drawn, odd_traffic, run

AFTER_ALERT = ("notify", "report", "wake_retraining", "guard")
DAY = timedelta(hours=24)
OLD = NOW - 10 * HOUR
FIVE_MINUTES = timedelta(minutes=5)


def whole_dag(wired: Context, run_id: str, as_of: datetime) -> dict[str, Any]:
    """Every step of the DAG, whatever was skipped before it: each may be cleared by itself."""
    results = {}
    for step in (*CHECK, *AFTER_ALERT):
        try:
            results[step] = run(wired, run_id, step, as_of=as_of)
        except StepSkipped as reason:
            results[step] = f"skipped: {reason}"
    return results


def prometheus(wired: Context) -> dict[tuple[str, ...], float]:
    """What the scoring server shows of drift and alerts."""
    figures = DriftMetrics()
    figures.refresh(wired.connection, ["fraud"])
    return {
        (family.name, *sample.labels.values()): sample.value
        for family in figures.collect()
        for sample in family.samples
    }


def state(wired: Context) -> dict[str, Any]:
    """All that people and programs see of now."""
    return {
        "prometheus": prometheus(wired),
        "latest": sorted(wired.metrics.latest("fraud"), key=repr),
        "alerts": wired.alerts.recent("fraud"),
        "history": wired.metrics.history("fraud", training=True),
        "days": [rounded(day) for day in wired.metrics.days("fraud")],
        "pages": wired.artifacts.reports("drift-*"),
    }


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose floats leave out what the order of a sum changes; PostgreSQL promises none."""
    return {
        name: round(value, 12) if isinstance(value, float) else value for name, value in row.items()
    }


@pytest.fixture
def current(wired: Context) -> Context:
    """Odd traffic of six hours and a check of now, which opened a severe alert."""
    odd_traffic(wired)
    assert run(wired, "current", *CHECK)["alerts"]["feature_drift"] == "SEVERE"
    return wired


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


def test_an_old_page_that_an_alert_links_is_not_overwritten(wired: Context) -> None:
    odd_traffic(wired, until=THIS_HOUR - 5 * HOUR)
    raised = NOW - 5 * HOUR
    run(wired, "old", *CHECK, as_of=raised)
    page = drawn(wired, "old", raised)["report"]
    content = wired.artifacts.read_report(page)
    assert {alert.report for alert in wired.alerts.open("fraud")} == {page}
    Log(wired).ship(400, THIS_HOUR)
    run(wired, "newer", *CHECK)
    run(wired, "backfill", "roll_up", "measure", as_of=raised)
    assert "a newer drift check exists" in drawn(wired, "backfill", raised)["skipped"]
    assert wired.artifacts.read_report(page) == content


def test_people_are_not_told_by_an_old_run_but_by_the_newest(current: Context) -> None:
    whole_dag(current, "backfill", OLD)
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run(current, "backfill", "notify", as_of=OLD)
    news = run(current, "current", "notify")["news"]
    assert {one["subject"] for one in news} >= {"[SEVERE] fraud: feature_drift opened"}
    run(current, "backfill", "notify", as_of=OLD, told=news)
    with pytest.raises(StepSkipped, match="no notification is pending"):
        run(current, "current", "notify")


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


def newest(wired: Context) -> str:
    return next(iter(wired.metrics.latest("fraud"))).check_id


def test_two_checks_of_the_same_moment_say_the_same(current: Context) -> None:
    run(current, "twin", *CHECK)
    (one, other) = (figures_of(current, check) for check in ("current", "twin"))
    assert one == other
    assert newest(current) == "twin", "the greater id, so that it stays the same one"


def figures_of(wired: Context, check_id: str) -> list[Metric]:
    return [replace(figure, check_id="") for figure in wired.metrics.of_check("fraud", check_id)]


def test_a_backfill_after_thinning_adds_figures_and_history_stays(wired: Context) -> None:
    odd_traffic(wired, hours=8, until=THIS_HOUR - 3 * DAY)
    old = [THIS_HOUR - 3 * DAY + minutes * FIVE_MINUTES for minutes in range(3)]
    for number, as_of in enumerate(old):
        run(wired, f"scheduled {number}", *CHECK, as_of=as_of)
    Log(wired).ship(300, THIS_HOUR)
    run(wired, "now", *CHECK)
    wired.connection.execute("SELECT thin_metrics(CURRENT_DATE)")
    assert not wired.metrics.of_check("fraud", "scheduled 1"), "one check of each window is left"
    before = state(wired)
    for number, as_of in enumerate(old):
        whole_dag(wired, f"backfill {number}", as_of)
    assert state(wired) == before
    wired.connection.execute("SELECT thin_metrics(CURRENT_DATE)")
    assert state(wired) == before


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


def test_an_old_window_is_compared_with_the_champion_of_its_time(
    wired: Context, database: Database
) -> None:
    manifest = read_manifest(wired.use_case.folder, wired.use_case.contract)
    promoted = datetime.now(UTC)
    enter(database, uuid4(), "DONE", Served(7, "d" * 64))
    wired.as_of = promoted - FIVE_MINUTES
    assert references(wired, manifest).champion is None
    wired.as_of = promoted + FIVE_MINUTES
    assert references(wired, manifest).champion == 7
