"""Checks, alerts and reports on a real database: what opens, who is told, what is woken, what ends, and odd traffic."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from pipelines.context import Context, context
from pipelines.errors import EvidenceError, StepSkipped
from pipelines.rules.monitoring.binning import count
from pipelines.rules.monitoring.notifications import pending_notification
from pipelines.rules.statistics.divergence import psi
from pipelines.settings import ROOT
from pipelines.steps import perform
from pipelines.stores.baseline import read_manifest
from tests.integration.logged import NOW, Log

HOUR = timedelta(hours=1)
THIS_HOUR = NOW.replace(minute=0, second=0, microsecond=0)
WEEK = timedelta(days=7)


def run(wired: Context, run_id: str, *steps: str, as_of: datetime = NOW, **params: Any) -> Any:
    """Steps of one check, each with a context of its own as a process has."""
    result = None
    for step in steps:
        fresh = context(wired.settings, "fraud", run_id, as_of, params=params)
        fresh.use_case = wired.use_case
        result = perform(step, fresh)
    return result


CHECK = ("roll_up", "measure", "alert")


def odd_traffic(wired: Context, hours: int = 6, until: datetime = THIS_HOUR) -> Log:
    """Hours of rows that look like nothing in the baseline."""
    log = Log(wired)
    for ago in range(hours):
        log.ship(250, until - ago * HOUR)
    return log


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
    wired.alerts.resolve("fraud", "feature_drift")
    run(wired, "fifth", "measure", "alert")
    with pytest.raises(StepSkipped, match="less than 7 days"):
        run(
            wired, "fifth", "wake_retraining", as_of=later + timedelta(days=6)
        )  # another alert, the same cause
    assert run(wired, "fifth", "wake_retraining", as_of=later + WEEK + HOUR)


def test_an_alert_opens_once_is_acknowledged_opens_again_when_worse_and_ends(
    wired: Context,
) -> None:
    def raise_(severity: str) -> Any:
        return wired.alerts.raise_(
            "fraud", cause="feature_drift", severity=severity, message=f"{severity} now"
        )

    first = raise_("INSPECT")
    assert raise_("INSPECT").id == first.id
    known = wired.alerts.acknowledge("fraud", first.id, "ana", "a campaign")
    assert (known.state, known.acknowledged_by, known.comment) == (
        "ACKNOWLEDGED",
        "ana",
        "a campaign",
    )
    assert raise_("INSPECT").state == "ACKNOWLEDGED", "no worse than she knows"
    assert raise_("ALERT").state == "OPEN"
    assert raise_("WARNING").state == "OPEN"
    wired.alerts.raise_("fraud", cause="feature_drift", severity="ALERT", message="x")
    wired.alerts.acknowledge("fraud", first.id, "ana", None)
    assert [raise_(severity).state for severity in ("INSPECT", "ALERT", "SEVERE")] == [
        "ACKNOWLEDGED",
        "ACKNOWLEDGED",
        "OPEN",
    ]
    wired.alerts.resolve("fraud", "feature_drift")
    assert wired.alerts.open("fraud") == []
    with pytest.raises(EvidenceError, match=f"no open alert {first.id}: open are none"):
        wired.alerts.acknowledge("fraud", first.id, "ana", None)
    assert raise_("INSPECT").id != first.id


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
    found = run(wired, "n", "notify")["news"]
    assert [(one["target"], one["subject"]) for one in found] == [
        (t, "[WARNING] fraud: guard opened") for t in targets
    ]
    run(wired, "n", "notify", told=[one for one in found if one["target"] == "log"])
    assert [one["target"] for one in run(wired, "n", "notify")["news"]] == ["pager"]
    wired.alerts.raise_("fraud", cause="guard", severity="SEVERE", message="y")
    found = run(wired, "n", "notify")["news"]
    assert [one["subject"] for one in found] == [
        "[SEVERE] fraud: guard escalated from WARNING",
        "[SEVERE] fraud: guard opened",
    ]
    run(wired, "n", "notify", told=found)
    wired.alerts.raise_("fraud", cause="guard", severity="ALERT", message="z")
    with pytest.raises(StepSkipped):
        run(wired, "n", "notify")
    wired.alerts.resolve("fraud", "guard")
    found = run(wired, "n", "notify")["news"]
    assert {one["subject"] for one in found} == {"[RESOLVED] fraud: guard is resolved"}
    run(wired, "n", "notify", told=found)
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


def drawn(wired: Context, run_id: str, as_of: datetime = NOW) -> dict[str, Any]:
    """The report step as a process, as Airflow runs it: Evidently changes numpy for whoever imports it."""
    environment = {
        **os.environ, "SIXGATE_DATABASE_URL": wired.settings.database_url, "SIXGATE_HOME": str(wired.settings.home),
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "step",
        "report",
        "--run-id",
        run_id,
        "--as-of",
        as_of.isoformat(),
    ]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 99), done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_page_is_drawn_when_an_alert_opens_and_once_a_day_and_old_ones_go(wired: Context) -> None:
    begun = NOW - timedelta(days=4)
    odd_traffic(wired, until=THIS_HOUR - timedelta(days=4))
    wired.connection.execute("UPDATE prediction_logs SET features[1] = NULL, features[4] = 2")
    run(wired, "first", *CHECK, as_of=begun)
    made = drawn(wired, "first", begun)
    assert made["page"] == f"/sixgate/drift/fraud/reports/{made['report']}"
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


def figures(wired: Context, run_id: str) -> dict[tuple[str, str, int], Any]:
    return {
        (m.metric, m.feature, m.model_version): m for m in wired.metrics.of_check("fraud", run_id)
    }


@pytest.mark.parametrize("n", [0, 1])
def test_an_empty_window_and_one_row_say_nothing_and_fail_nothing(wired: Context, n: int) -> None:
    if n:
        Log(wired).ship(n, NOW)
    assert run(wired, "check", *CHECK) == {"alerts": {}}
    assert figures(wired, "check")["drift_share", "", 0].n == n
    assert figures(wired, "check")["drift_share", "", 0].value is None


def test_a_version_that_began_to_serve_within_the_window_has_figures_of_its_own(
    wired: Context,
) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR - 2 * HOUR, version=1)
    log.ship(200, THIS_HOUR, version=2)
    run(wired, "check", *CHECK)
    found = figures(wired, "check")
    assert (found["positive_rate", "", 1].n, found["positive_rate", "", 2].n) == (300, 200)
    assert found["drift_share", "", 0].n == 500, "features are compared whoever answered"
    assert {version for metric, _, version in found if metric == "estimated_f1"} == {1, 2}


def test_answers_from_the_future_are_told_and_left_for_their_time(wired: Context) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR)
    log.ship(250, NOW + 30 * HOUR)
    found = run(wired, "check", *CHECK)
    assert found["alerts"]["data_quality"] == "WARNING"
    assert figures(wired, "check")["drift_share", "", 0].n == 300
    (alert,) = [alert for alert in wired.alerts.open("fraud") if alert.cause == "data_quality"]
    assert "250 predictions have a time in the future" in alert.message


def test_features_that_are_all_missing_or_constant_drift_with_their_reason(wired: Context) -> None:
    log = Log(wired)
    log.ship(300, THIS_HOUR)
    wired.connection.execute("UPDATE prediction_logs SET features[1] = NULL, features[4] = 2")
    run(wired, "check", *CHECK)
    found = figures(wired, "check")
    assert found["missing", "amount", 0].value == 1.0
    assert found["wasserstein", "amount", 0].value is None
    assert found["drifted", "customer_count_1d", 0].value == 1.0
    (alert,) = [alert for alert in wired.alerts.open("fraud") if alert.cause == "data_quality"]
    assert "missing values: amount 100.0% of 300 predictions" in alert.message


def test_a_repeated_check_writes_the_same_and_old_checks_are_thinned(wired: Context) -> None:
    Log(wired).ship(300, THIS_HOUR)
    run(wired, "one", *CHECK)
    before = wired.metrics.of_check("fraud", "one")
    run(wired, "one", "measure")
    assert wired.metrics.of_check("fraud", "one") == before
    run(wired, "two", "measure")
    wired.connection.execute(
        "UPDATE monitoring_metrics SET at = at - interval '9 days' - (check_id = 'one')::int * interval '1s'"
    )
    wired.connection.execute("UPDATE monitoring_alerts SET check_id = 'two'")
    thinned = wired.connection.execute("SELECT thin_metrics(CURRENT_DATE) AS n").fetchone()
    assert thinned == {"n": len(before)}
    assert not wired.metrics.of_check("fraud", "one")
    assert len(wired.metrics.of_check("fraud", "two")) == len(before)


def test_no_figures_are_no_alert_but_an_error(wired: Context) -> None:
    for step in ("alert", "report"):
        with pytest.raises(EvidenceError, match="run its measure step first"):
            run(wired, "nobody", step)


def test_psi_is_that_of_all_rows_counted_directly(wired: Context) -> None:
    profiles = read_manifest(wired.use_case.folder, wired.use_case.contract).profiles
    log = odd_traffic(wired, hours=3)
    run(wired, "check", *CHECK)
    for at, (name, laid) in enumerate(profiles.items()):
        if name in wired.use_case.policy.drift.ignore:
            continue
        before, now = (
            np.array(laid.counts),
            np.array(count(np.array(log.features)[:, at], laid.edges)),
        )
        used = before + now > 0
        assert figures(wired, "check")["psi", name, 0].value == pytest.approx(
            psi(before[used], now[used]), abs=1e-6
        )
