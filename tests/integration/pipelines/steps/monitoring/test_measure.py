"""What a drift check measures of a window."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from pipelines.context import Context
from pipelines.errors import (
    StepSkipped,
)
from pipelines.records import Prediction
from pipelines.rules.monitoring.binning import count
from pipelines.rules.monitoring.drift_statistics.psi import psi
from pipelines.rules.promotion.ledger import Served
from pipelines.steps.monitoring.measure import references
from pipelines.stores.baseline import read_manifest
from tests.integration.drift_checks import (
    CHECK,
    FIVE_MINUTES,
    HOUR,
    THIS_HOUR,
    figures,
    odd_traffic,
    run,
)
from tests.integration.lifecycle import Run, Stage
from tests.integration.logged import Log
from tests.integration.server import Database, enter


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


def test_an_old_window_is_compared_with_the_champion_of_its_time(
    wired: Context, database: Database
) -> None:
    manifest = read_manifest(wired.use_case.folder, wired.use_case.contract)
    promoted = datetime.now(UTC)
    enter(database, uuid4(), "DONE", Served(7, "d" * 64))
    wired.as_of = promoted - FIVE_MINUTES
    assert references(wired, manifest, manifest).champion is None
    wired.as_of = promoted + FIVE_MINUTES
    assert references(wired, manifest, manifest).champion == 7


@pytest.fixture(scope="module")
def stage(first: Stage) -> Stage:
    """The first champion serves."""
    return first


def test_drift_is_counted_once_and_the_attack_is_severe_while_the_week_before_is_quiet(
    trained: Context, run: Run, traffic: list[Prediction]
) -> None:
    assert run("check", "roll_up")["rows"] == len(traffic)
    assert run("check", "roll_up")["rows"] == 0
    quiet = max(p.scored_at for p in traffic[:2500]) + timedelta(seconds=6)
    assert run("quiet", "measure", "alert", as_of=quiet)["alerts"] == {}
    with pytest.raises(StepSkipped):
        run("quiet", "wake_retraining", as_of=quiet)
    attacked = max(p.scored_at for p in traffic) + timedelta(seconds=5)
    found = run("attacked", "measure", "alert", as_of=attacked)
    assert (
        found["alerts"]["feature_drift"] == "ALERT"
    )  # all of it falls into one step, and severe needs two
    assert (
        found["alerts"]["performance"] == "SEVERE"
    )  # by the labels that came: the attack is not found
    figures = {(m.feature, m.metric): m for m in trained.metrics.of_check("fraud", "attacked")}
    assert figures["amount", "psi"].value > figures["amount", "psi"].expected
    assert 0 < figures["", "positive_rate"].value < figures["", "score_entropy"].value < 1
    assert figures["", "score_mean"].n == len(traffic[2500:])
    assert figures["", "score_drifted"].model_version == 1
    with pytest.raises(StepSkipped, match="a newer drift check exists"):
        run("an old one again", "measure", "alert", as_of=quiet)
    with pytest.raises(StepSkipped, match="ahead of the database's clock"):
        run("tomorrow", "measure", "alert", as_of=attacked + timedelta(days=1))
    opened = {alert.cause: alert.state for alert in trained.alerts.open("fraud")}
    assert opened["feature_drift"] == "OPEN"
    trained.connection.execute("DELETE FROM monitoring_metrics")
    assert run("quiet again", "measure", "alert", as_of=quiet)["alerts"] == {}
    assert "feature_drift" not in {alert.cause for alert in trained.alerts.open("fraud")}
