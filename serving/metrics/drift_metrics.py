"""The newest drift check's figures and open alerts, for Prometheus: read now and then, shown to whoever asks."""

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines.records import Alert, Metric
from pipelines.stores.alerts import AlertStore
from pipelines.stores.database import Connection
from pipelines.stores.metrics import MetricStore

EVERY = 30.0  # seconds


class DriftFigures(Collector):
    """What `monitoring_metrics` and `monitoring_alerts` said last, per use case."""

    def __init__(self) -> None:
        self._figures: dict[str, list[Metric]] = {}
        self._alerts: dict[str, list[Alert]] = {}
        self._due = 0.0

    def refresh(self, connection: Connection, use_cases: Sequence[str]) -> None:
        """Read them again when they are old."""
        if time.monotonic() < self._due:
            return
        self._figures = {name: MetricStore(connection).latest(name) for name in use_cases}
        self._alerts = {name: AlertStore(connection).open(name) for name in use_cases}
        self._due = time.monotonic() + EVERY

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """`metric` is a column of docs/reference/drift.md; `feature` is empty for figures of the whole window."""
        labels = ["use_case", "metric", "feature", "model_version"]
        value = GaugeMetricFamily("sixgate_drift", "The newest drift check", labels=labels)
        expected = GaugeMetricFamily(
            "sixgate_drift_expected",
            "What no drift would show for these sample sizes",
            labels=labels,
        )
        for use_case, figures in self._figures.items():
            for figure in figures:
                if figure.value is None or figure.metric.startswith("step_"):
                    continue
                of = [use_case, figure.metric, figure.feature, str(figure.model_version)]
                value.add_metric(of, figure.value)
                if figure.expected is not None:
                    expected.add_metric(of, figure.expected)
        of = ["use_case", "cause", "severity", "state"]
        alerts = GaugeMetricFamily("sixgate_alert", "1 while an alert is open", labels=of)
        for use_case, open_ in self._alerts.items():
            for alert in open_:
                alerts.add_metric([use_case, alert.cause, alert.severity, alert.state], 1)
        yield from (value, expected, alerts)
