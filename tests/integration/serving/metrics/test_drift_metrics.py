"""The newest drift check and the open alerts, as Prometheus reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.records import Metric
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import connect
from pipelines.stores.metrics import MetricStore
from serving.metrics import drift_metrics
from serving.metrics.drift_metrics import DriftMetrics

NOW = datetime.now(UTC)


def metric(check, name, value, *, end=NOW, **changes):
    start = end - timedelta(days=1)
    return Metric(
        check_id=check,
        window_start=start,
        window_end=end,
        metric=name,
        value=value,
        n=500,
        **changes,
    )


def samples(drift):
    """Every sample by its family and the values of its labels."""
    return {
        (family.name, *sample.labels.values()): sample.value
        for family in drift.collect()
        for sample in family.samples
    }


@pytest.fixture
def connection(settings, database):
    database.execute("TRUNCATE monitoring_metrics, monitoring_alerts CASCADE")
    with connect(settings, autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(connection):
    return MetricStore(connection)


def test_before_the_first_refresh_and_without_a_check_there_is_nothing_to_show(connection):
    drift = DriftMetrics()
    assert samples(drift) == {}
    drift.refresh(connection, ["fraud"])
    assert samples(drift) == {}


def test_the_newest_check_is_shown_by_metric_feature_and_version(connection, store):
    old = [metric("old", "psi", 9.0, end=NOW - timedelta(hours=1), feature="amount")]
    new = [
        metric("new", "psi", 0.25, feature="amount", expected=0.03),
        metric("new", "drift_share", 0.1, model_version=3),
        metric("new", "step_share", 0.5),  # of one bucket, not of the window
        metric("new", "auc", None),  # not measured
    ]
    store.record("fraud", old, as_of=NOW - timedelta(hours=1))
    store.record("fraud", new, as_of=NOW)
    drift = DriftMetrics()
    drift.refresh(connection, ["fraud", "loans"])
    assert samples(drift) == {
        ("sixgate_drift", "fraud", "psi", "amount", "0"): 0.25,
        ("sixgate_drift", "fraud", "drift_share", "", "3"): 0.1,
        ("sixgate_drift_expected", "fraud", "psi", "amount", "0"): 0.03,
    }


def test_an_alert_is_shown_until_it_is_resolved(connection, monkeypatch):
    monkeypatch.setattr(drift_metrics, "EVERY", 0.0)
    alerts = AlertStore(connection)
    drift = DriftMetrics()
    alert = alerts.raise_("fraud", cause="feature_drift", severity="ALERT", message="x")
    drift.refresh(connection, ["fraud"])
    assert samples(drift) == {("sixgate_alert", "fraud", "feature_drift", "ALERT", "OPEN"): 1}
    alerts.acknowledge("fraud", alert.id, "ana", None)
    drift.refresh(connection, ["fraud"])
    acknowledged = ("sixgate_alert", "fraud", "feature_drift", "ALERT", "ACKNOWLEDGED")
    assert samples(drift) == {acknowledged: 1}
    alerts.resolve("fraud", "feature_drift", "it ended")
    drift.refresh(connection, ["fraud"])
    assert samples(drift) == {}


def test_the_rows_are_read_again_only_when_they_are_old_enough(connection, store):
    drift = DriftMetrics()
    drift.refresh(connection, ["fraud"])
    store.record("fraud", [metric("new", "drift_share", 0.1)], as_of=NOW)
    drift.refresh(connection, ["fraud"])
    assert samples(drift) == {}
    drift._due = 0.0  # 30 seconds later
    drift.refresh(connection, ["fraud"])
    assert len(samples(drift)) == 1


def test_a_refresh_that_fails_leaves_the_former_metrics_and_is_tried_again(connection, store):
    store.record("fraud", [metric("new", "drift_share", 0.1)], as_of=NOW)
    drift = DriftMetrics()
    drift.refresh(connection, ["fraud"])
    before = samples(drift)
    drift._due = 0.0
    connection.close()
    with pytest.raises(Exception, match="closed"):
        drift.refresh(connection, ["fraud"])
    assert samples(drift) == before
    assert drift._due == 0.0
