"""The metrics that Prometheus reads at /metrics."""

import collections
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.journal.journal import Journal
from serving.metrics.value_metrics import ValueMetrics

RowCounts = collections.Counter[str]
BINS = 20  # of the histogram of scores, from 0 to 1


class PredictionCounts:
    """Plain numbers of one use case: predictions by label, and a histogram of their scores."""

    def __init__(self) -> None:
        self.labels = [0, 0]
        self.bins = [0] * (BINS + 1)  # the last one holds scores of exactly 1
        self.sum = 0.0

    def count(self, scores: Sequence[float], flagged: int) -> None:
        """Count predictions; `flagged` of them have the label 1."""
        self.labels[0] += len(scores) - flagged
        self.labels[1] += flagged
        self.sum += sum(scores)
        for score in scores:
            self.bins[int(score * BINS)] += 1


class Metrics(Collector):
    """The metrics of one server process, in a registry that no other process shares."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._predictions: dict[str, PredictionCounts] = {}
        self._earlier_rows: dict[str, RowCounts] = {}
        ProcessCollector(registry=self._registry)
        self._registry.register(self)
        self.values = ValueMetrics()
        self._registry.register(self.values)
        self.shipped = Counter(
            "sixgate_shipped_rows",
            "Predictions inserted into prediction_logs",
            registry=self._registry,
        )
        self.version = self._gauge("sixgate_model_version", "Model version in service", "use_case")
        self.reloads = self._counter("sixgate_reloads", "Models put into service", "use_case")
        self.reload_failures = self._counter(
            "sixgate_reload_failures",
            "Models that were rejected or could not be fetched",
            "use_case",
        )
        self.limited = self._counter(
            "sixgate_rate_limited", "Requests that exceeded the limit of their key", "caller"
        )
        self.replayed = self._counter(
            "sixgate_replayed_answers",
            "Requests whose Idempotency-Key was used before, with the first answer sent again",
            "caller",
        )
        self.invalid = self._gauge(
            "sixgate_use_case_invalid",
            "1 while the folder of a use case is invalid: "
            "the use case is served by its last valid contract, or not at all",
            "use_case",
        )
        self.contract_changes = self._counter(
            "sixgate_contract_changes", "Contracts that were put into force", "use_case"
        )
        self.contracts = self._gauge(
            "sixgate_contracts_accepted", "Contracts whose rows are accepted", "use_case"
        )
        self.listeners = self._gauge(
            "sixgate_live_listeners", "Open connections to /live", "use_case"
        )

    def prediction_counts(self, use_case: str) -> PredictionCounts:
        """Return the counts of a use case."""
        return self._predictions.setdefault(use_case, PredictionCounts())

    def earlier_rows(self, use_case: str) -> RowCounts:
        """Return the counts of rows that came under an earlier contract, by its hash."""
        return self._earlier_rows.setdefault(use_case, RowCounts())

    def watch(self, journal: Journal) -> None:
        """Add metrics of a journal; they are computed when they are collected."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "sixgate_journal_bytes": (
                "Bytes of predictions that are not shipped yet",
                lambda: journal.size,
            ),
            "sixgate_journal_bound_bytes": (
                "Limit of sixgate_journal_bytes",
                lambda: journal.bound,
            ),
            "sixgate_journal_full": (
                "1 while the journal refuses predictions",
                lambda: journal.full,
            ),
            "sixgate_journal_lag_seconds": (
                "Age of the oldest prediction that is not shipped yet",
                journal.lag,
            ),
        }
        for name, (description, value) in gauges.items():
            gauge = Gauge(name, description, registry=self._registry)
            gauge.set_function(value)

    def add(self, collector: Collector) -> None:
        """Add the metrics of another collector."""
        self._registry.register(collector)

    def families(self) -> Iterator[Metric]:
        """Return all metrics with their current values."""
        return iter(self._registry.collect())

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the predictions by label, their scores, and rows of earlier contracts."""
        labels = CounterMetricFamily(
            "sixgate_predictions", "Predictions by label", labels=["use_case", "predicted_label"]
        )
        scores = HistogramMetricFamily(
            "sixgate_score", "Scores of predictions", labels=["use_case"]
        )
        bounds = [f"{(number + 1) / BINS:g}" for number in range(BINS)]
        bounds.append("+Inf")
        # Copies, because use cases are added while this runs.
        for use_case, counts in list(self._predictions.items()):
            for label, count in enumerate(counts.labels):
                labels.add_metric([use_case, str(label)], count)
            buckets = list(zip(bounds, accumulate(counts.bins), strict=True))
            scores.add_metric([use_case], buckets, sum_value=counts.sum)
        yield labels
        yield scores
        yield self._earlier()

    def _earlier(self) -> CounterMetricFamily:
        """Return the rows that came under an earlier contract."""
        family = CounterMetricFamily(
            "sixgate_earlier_contract_rows",
            "Rows that came under an earlier contract",
            labels=["use_case", "contract_hash"],
        )
        for use_case, counts in list(self._earlier_rows.items()):
            for contract_hash, count in dict(counts).items():
                family.add_metric([use_case, contract_hash], count)
        return family

    def _counter(self, name: str, description: str, label: str) -> Counter:
        return Counter(
            name,
            description,
            labelnames=[label],
            registry=self._registry,
        )

    def _gauge(self, name: str, description: str, label: str) -> Gauge:
        return Gauge(
            name,
            description,
            labelnames=[label],
            registry=self._registry,
        )
