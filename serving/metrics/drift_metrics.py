"""The metrics of the newest drift check and the open alerts, for Prometheus; read every 30 s."""

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines.records import Alert, Metric
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection
from pipelines.stores.metrics import MetricStore

EVERY = 30.0  # seconds


class DriftMetrics(Collector):
    """The newest rows of `monitoring_metrics` and `monitoring_alerts` per use case."""

    def __init__(self) -> None:
        self._metrics: dict[str, list[Metric]] = {}
        self._alerts: dict[str, list[Alert]] = {}
        self._due = 0.0

    def refresh(self, connection: Connection, use_cases: Sequence[str]) -> None:
        """Read the rows again when they are older than `EVERY`."""
        if time.monotonic() < self._due:
            return
        metrics = MetricStore(connection)
        alerts = AlertStore(connection)
        self._metrics = {name: metrics.latest(name) for name in use_cases}
        self._alerts = {name: alerts.open(name) for name in use_cases}
        self._due = time.monotonic() + EVERY

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the drift metrics, their expected values, and the open alerts.

        The label `metric` is a column of docs/reference/drift.md. The label `feature` is empty for
        metrics of the whole window.
        """
        yield from self._drift()
        yield self._open_alerts()

    def _drift(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["use_case", "metric", "feature", "model_version"]
        value = GaugeMetricFamily(
            "sixgate_drift", "Metrics of the newest drift check", labels=labels
        )
        expected = GaugeMetricFamily(
            "sixgate_drift_expected",
            "Value to expect without drift, for these sample sizes",
            labels=labels,
        )
        for use_case, metrics in self._metrics.items():
            for metric in metrics:
                if metric.value is None or metric.metric.startswith("step_"):
                    continue
                key = [
                    use_case,
                    metric.metric,
                    metric.feature,
                    str(metric.model_version),
                ]
                value.add_metric(key, metric.value)
                if metric.expected is not None:
                    expected.add_metric(key, metric.expected)
        return value, expected

    def _open_alerts(self) -> GaugeMetricFamily:
        labels = ["use_case", "cause", "severity", "state"]
        family = GaugeMetricFamily("sixgate_alert", "1 while an alert is open", labels=labels)
        for use_case, alerts in self._alerts.items():
            for alert in alerts:
                key = [
                    use_case,
                    alert.cause,
                    alert.severity,
                    alert.state,
                ]
                family.add_metric(key, 1)
        return family
