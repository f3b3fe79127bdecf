"""How many values of requests and labels were refused, or taken as another one, for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from pipelines.rules.use_case.spellings import ACCEPTED, CLIPPED, UNKNOWN

# The label `treatment`; another treatment is its own label.
WORDS = {
    CLIPPED: "clipped",
    ACCEPTED: "accepted",
    UNKNOWN["missing"]: "missing",
    UNKNOWN["other"]: "other",
}
Counts = Counter[tuple[str, str]]  # by field and treatment


class ValueMetrics(Collector):
    """The counters of the decoders of each use case; they are read when they are collected.

    Decoders count only fields of the contract, so the number of series is bounded.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[Counts]] = {}

    def watch(self, use_case: str, counts: Counts) -> None:
        """Add a counter of a use case; it must only grow."""
        self._counts.setdefault(use_case, []).append(counts)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the number of values by use case, field and treatment."""
        family = CounterMetricFamily(
            "sixgate_values",
            "Values of requests and labels that were refused, or taken as another one",
            labels=["use_case", "field", "treatment"],
        )
        for use_case, counters in list(self._counts.items()):  # use cases may be added meanwhile
            total: Counts = Counter()
            for counts in list(counters):
                total.update(dict(counts))  # a copy in one step, while the event loop counts on
            for (field, treatment), count in sorted(total.items()):
                family.add_metric([use_case, field, WORDS.get(treatment, treatment)], count)
        yield family
