"""What Prometheus reads at /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from serving.journal import Journal


class Metrics:
    """One server's figures, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.predictions = Counter(
            "sixgate_predictions", "Answered predictions", ["use_case", "predicted_label"], registry=registry
        )
        self.journal = Gauge("sixgate_journal_bytes", "Answers that wait to be shipped", registry=registry)
        self.lag = Gauge("sixgate_journal_lag_seconds", "Age of the oldest answer that waits", registry=registry)
        self.shipped = Counter("sixgate_shipped_rows", "Answers that reached prediction_logs", registry=registry)
        self.version = Gauge("sixgate_model_version", "The version that serves", ["use_case"], registry=registry)
        self.reload_failures = Counter(
            "sixgate_reload_failures",
            "Models that were refused or could not be fetched",
            ["use_case"],
            registry=registry,
        )

    def watch(self, journal: Journal) -> None:
        """Show a journal's bytes and lag as they are when somebody asks."""
        self.journal.set_function(lambda: journal.size)
        self.lag.set_function(journal.lag)

    def add(self, collector: Collector) -> None:
        """Show what somebody else counts, too."""
        self._registry.register(collector)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
