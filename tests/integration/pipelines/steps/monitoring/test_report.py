"""When a drift report is written, and which one an alert links."""

import gzip
from datetime import timedelta

import pytest

from pipelines.context import Context
from pipelines.errors import EvidenceError
from tests.integration.drift_checks import CHECK, HOUR, THIS_HOUR, drawn, odd_traffic, run
from tests.integration.logged import NOW, Log


def test_a_page_is_drawn_when_an_alert_opens_and_once_a_day_and_old_ones_go(wired: Context) -> None:
    begun = NOW - timedelta(days=4)
    odd_traffic(wired, until=THIS_HOUR - timedelta(days=4))
    wired.connection.execute("UPDATE prediction_logs SET features[1] = NULL, features[4] = 2")
    run(wired, "first", *CHECK, as_of=begun)
    made = drawn(wired, "first", begun)
    content = wired.artifacts.read_report(made["report"])
    assert len(content) < 3_000_000
    assert "Data Drift Summary" in gzip.decompress(content).decode()
    assert {alert.report for alert in wired.alerts.open("fraud")} == {made["report"]}
    soon = begun + timedelta(minutes=5)
    run(wired, "second", "measure", "alert", as_of=soon)
    assert "no alert opened" in drawn(wired, "second", soon)["skipped"]
    empty = begun + timedelta(days=3)
    run(wired, "empty", "measure", "alert", as_of=empty)
    causes = {alert.cause for alert in wired.alerts.open("fraud")}
    assert causes == {"feature_drift", "data_quality"}, "no traffic is no proof that they ended"
    assert "too few for a report" in drawn(wired, "empty", empty)["skipped"]
    old = wired.artifacts.root / "reports" / "drift-20200101T000000Z.html.gz"
    old.write_bytes(b"")
    tomorrow = begun + timedelta(hours=24)
    Log(wired).ship(300, tomorrow - HOUR)
    wired.connection.execute("DELETE FROM monitoring_metrics WHERE check_id = 'empty'")
    run(wired, "tomorrow", *CHECK, as_of=tomorrow)
    again = drawn(wired, "tomorrow", tomorrow)
    assert wired.artifacts.reports("drift-*") == [made["report"], again["report"]], (
        "the old one went"
    )
    with pytest.raises(EvidenceError, match="no report"):
        wired.artifacts.read_report("../fraud/nothing")


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
