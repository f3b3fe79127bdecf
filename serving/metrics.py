"""What Prometheus reads at /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """One server's figures, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.predictions = Counter(
            "sixgate_predictions", "Answered predictions", ["use_case", "predicted_label"], registry=registry
        )
        self.latency = Histogram(
            "sixgate_request_seconds", "From request to answer", ["route"], buckets=BUCKETS, registry=registry
        )
        self.responses = Counter("sixgate_responses", "Answers by status", ["status"], registry=registry)
        self.journal = Gauge("sixgate_journal_bytes", "Answers that wait to be shipped", registry=registry)
        self.shipped = Counter("sixgate_shipped_rows", "Answers that reached prediction_logs", registry=registry)
        self.version = Gauge("sixgate_model_version", "The version that serves", ["use_case"], registry=registry)
        self.reload_failures = Counter(
            "sixgate_reload_failures",
            "Models that were refused or could not be fetched",
            ["use_case"],
            registry=registry,
        )

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
