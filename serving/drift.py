"""The newest drift check's figures, for Prometheus: read now and then by the heartbeat, shown to whoever asks."""

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipelines.records import Metric
from pipelines.stores.database import Connection
from pipelines.stores.monitoring import MetricStore

EVERY = 30.0  # seconds


class DriftFigures(Collector):
    """What `monitoring_metrics` said last, per use case."""

    def __init__(self) -> None:
        self._found: dict[str, list[Metric]] = {}
        self._due = 0.0

    def refresh(self, connection: Connection, use_cases: Sequence[str]) -> None:
        """Read the figures again when they are old."""
        if time.monotonic() < self._due:
            return
        self._found = {name: MetricStore(connection).latest(name) for name in use_cases}
        self._due = time.monotonic() + EVERY

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge for all: `metric` is psi, drift_share or a proxy, `feature` is empty for figures of the whole window."""
        value = GaugeMetricFamily(
            "sixgate_drift", "The newest drift check", labels=["use_case", "metric", "feature", "model_version"]
        )
        expected = GaugeMetricFamily(
            "sixgate_drift_expected",
            "What no drift would show for these sample sizes",
            labels=["use_case", "metric", "feature"],
        )
        for use_case, metrics in self._found.items():
            newest = max((metric.window_end for metric in metrics), default=None)
            for metric in metrics:
                if metric.window_end != newest or metric.value is None or metric.metric.startswith("step_"):
                    continue
                value.add_metric([use_case, metric.metric, metric.feature, str(metric.model_version)], metric.value)
                if metric.expected is not None:
                    expected.add_metric([use_case, metric.metric, metric.feature], metric.expected)
        yield value
        yield expected
