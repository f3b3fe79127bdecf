"""What Prometheus reads at /metrics."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.journal.journal import Journal

BINS = 20  # of the scores' histogram, from 0 to 1


class Answered:
    """Plain numbers of one use case: answers by label, and how their scores lie."""

    def __init__(self) -> None:
        self.labels = [0, 0]
        self.bins = [0] * (BINS + 1)  # the last one holds scores of 1 only
        self.sum = 0.0

    def note(self, scores: Sequence[float], flagged: int) -> None:
        """Count answers; `flagged` of them have the label 1."""
        self.labels[0] += len(scores) - flagged
        self.labels[1] += flagged
        self.sum += sum(scores)
        for score in scores:
            self.bins[int(score * BINS)] += 1


class Metrics(Collector):
    """One server's figures, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._answered: dict[str, Answered] = {}
        ProcessCollector(registry=registry)
        registry.register(self)
        self.shipped = Counter(
            "sixgate_shipped_rows", "Answers that reached prediction_logs", registry=registry
        )
        self.version = Gauge(
            "sixgate_model_version", "The version that serves", ["use_case"], registry=registry
        )
        self.reloads = Counter(
            "sixgate_reloads", "Models that were swapped in", ["use_case"], registry=registry
        )
        self.reload_failures = Counter(
            "sixgate_reload_failures",
            "Models that were refused or could not be fetched",
            ["use_case"],
            registry=registry,
        )
        self.limited = Counter(
            "sixgate_rate_limited", "Requests over their key's limit", ["caller"], registry=registry
        )
        self.invalid = Gauge(
            "sixgate_use_case_invalid",
            "1 when the folder of a use case was invalid at the start: it is served by its last valid contract, or not at all",
            ["use_case"],
            registry=registry,
        )
        self.listeners = Gauge(
            "sixgate_live_listeners", "Open connections to /live", ["use_case"], registry=registry
        )

    def answered(self, use_case: str) -> Answered:
        """Where a use case counts its answers."""
        return self._answered.setdefault(use_case, Answered())

    def watch(self, journal: Journal) -> None:
        """Show a journal's bytes and lag as they are when somebody asks."""
        for name, words, value in (
            ("bytes", "Answers that wait to be shipped", lambda: journal.size),
            ("bound_bytes", "What may wait at most", lambda: journal.bound),
            (
                "full",
                "1 while predictions are refused because the journal can't take them",
                lambda: journal.full,
            ),
            ("lag_seconds", "Age of the oldest answer that waits", journal.lag),
        ):
            Gauge(f"sixgate_journal_{name}", words, registry=self._registry).set_function(value)

    def add(self, collector: Collector) -> None:
        """Show what somebody else counts, too."""
        self._registry.register(collector)

    def families(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        return iter(self._registry.collect())

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Predictions by label, and a histogram of their scores."""
        labels = CounterMetricFamily(
            "sixgate_predictions", "Answered predictions", labels=["use_case", "predicted_label"]
        )
        scores = HistogramMetricFamily(
            "sixgate_score", "Scores that were answered", labels=["use_case"]
        )
        for use_case, answered in self._answered.items():
            for label, count in enumerate(answered.labels):
                labels.add_metric([use_case, str(label)], count)
            below = list(accumulate(answered.bins))
            bounds = [*(f"{(number + 1) / BINS:g}" for number in range(BINS)), "+Inf"]
            scores.add_metric(
                [use_case], list(zip(bounds, below, strict=True)), sum_value=answered.sum
            )
        yield labels
        yield scores
