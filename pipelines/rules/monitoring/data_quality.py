"""Refused, treated and repeated values, and labels without a prediction, as metrics and alerts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.records import Metric
from pipelines.rules.monitoring.id_variants import difference
from pipelines.rules.statistics.confidence_intervals import Z999, wilson
from pipelines.rules.use_case.policy_sections.training import Validation
from pipelines.rules.use_case.spellings import ACCEPTED, CLIPPED, UNKNOWN

# Treatments that are no words of `spellings`.
REFUSED = "refused"
COMPARED = "compared"
REPEATED = "repeated"
IDS = "transaction_id"  # the field of COMPARED and REPEATED
OF_LABELS = "labels."  # precedes the name of a field of posted labels

# Metrics.
REFUSED_SHARE = "refused_share"
UNKNOWN_SHARE = "unknown_share"
BEYOND_SHARE = "beyond_share"
REPEATED_SHARE = "repeated_share"
UNMATCHED_SHARE = "unmatched_share"
FUTURE_TIMES = "future_times"
REFUSED_LABELS = "refused_labels"
FIELD_SHARES = (REFUSED_SHARE, UNKNOWN_SHARE, BEYOND_SHARE)
NAMES = frozenset({*FIELD_SHARES, REFUSED_LABELS})  # metrics of a field, beside drift statistics
_SHARE_OF = {
    REFUSED: REFUSED_SHARE,
    UNKNOWN["missing"]: UNKNOWN_SHARE,
    UNKNOWN["other"]: UNKNOWN_SHARE,
    CLIPPED: BEYOND_SHARE,
    ACCEPTED: BEYOND_SHARE,
}
MAX_NAMES = 5  # that a message lists
MANY = 200_000  # new predictions; fewer are found by an index
DRAWN = 20_000  # predictions on the pages that are read of many; few of those picked share a page


@dataclass(frozen=True, kw_only=True)
class UnmatchedLabels:
    """How many of the newest labels match no prediction, with some of their transaction ids."""

    labels: int = 0
    unmatched: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QualityCounts:
    """What was counted in a window.

    `treated` counts values by field and treatment. `future_times` is the number of predictions
    whose event time is in the future.
    """

    treated: Mapping[tuple[str, str], int] = field(default_factory=dict)
    future_times: int = 0
    labels: UnmatchedLabels = field(default_factory=UnmatchedLabels)


def page_share(new: int, logged: int) -> float:
    """Return the share of a log's pages that holds enough of `new` predictions for a sample.

    It is 1, unless the new predictions are many, and most of the `logged` ones of the window.
    """
    return DRAWN / new if new >= MANY and 2 * new >= logged else 1.0


def quality_metrics(
    write: Callable[..., Metric], quality: QualityCounts, predictions: int
) -> Iterator[Metric]:
    """Yield the shares of each field, then those of ids and labels; none without a count.

    The values of a field are those of the window's predictions and those that were refused.
    """
    yield from _of_fields(write, quality.treated, predictions)
    compared = quality.treated.get((IDS, COMPARED), 0)
    if compared:
        repeated = quality.treated.get((IDS, REPEATED), 0)
        yield write(REPEATED_SHARE, value=repeated / compared, n=compared)
    labels = quality.labels
    if labels.labels:
        share = labels.unmatched / labels.labels
        yield write(UNMATCHED_SHARE, value=share, n=labels.labels)
    if future := quality.future_times:
        yield write(FUTURE_TIMES, value=float(future), n=future)


def _of_fields(
    write: Callable[..., Metric], treated: Mapping[tuple[str, str], int], predictions: int
) -> Iterator[Metric]:
    sums: dict[tuple[str, str], int] = {}
    for (name, treatment), n in sorted(treated.items()):
        if name.startswith(OF_LABELS):
            yield write(REFUSED_LABELS, value=float(n), n=n, feature=name)
        elif metric := _SHARE_OF.get(treatment):
            sums[name, metric] = sums.get((name, metric), 0) + n
    for (name, metric), n in sums.items():
        # The predictions of treated values may not be counted yet.
        values = max(predictions + sums.get((name, REFUSED_SHARE), 0), n)
        yield write(metric, value=n / values, n=values, feature=name)


def input_problems(metrics: Sequence[Metric], limits: Validation) -> list[str]:
    """Return a sentence for each kind of refused, unknown or repeated value above its limit."""
    problems = []
    for name, words in ((REFUSED_SHARE, "refused values"), (UNKNOWN_SHARE, "unknown values")):
        shares = [metric for metric in metrics if metric.metric == name]
        excessive = [share for share in shares if exceeds(share, limits.refused_share)]
        if excessive:
            excessive.sort(key=lambda share: share.value or 0.0, reverse=True)
            names = listed(f"{share.feature} {share.value:.1%}" for share in excessive)
            problems.append(f"{words}: {names}")
    for metric in metrics:
        if metric.metric == REPEATED_SHARE and exceeds(metric, limits.repeated_share):
            problems.append(
                f"{metric.value:.1%} of {metric.n:,} predictions repeat a transaction id: "
                "only the first of a transaction is evidence"
            )
        if metric.metric == FUTURE_TIMES:
            problems.append(
                f"{metric.n:,} predictions have an event time in the future: "
                "their labels do not mature"
            )
    return problems


def unmatched_message(share: Metric, examples: str = "") -> str:
    """Say how many labels match no prediction; `examples` comes from `describe_examples`."""
    count = round((share.value or 0.0) * share.n)
    message = f"{count:,} of the newest {share.n:,} labels match no prediction after a day"
    return f"{message}, such as {examples}" if examples else message


def describe_examples(examples: Sequence[str], similar: Mapping[str, str]) -> str:
    """List transaction ids, and the spelling that a prediction has instead."""
    return listed(_example(id_, similar.get(id_)) for id_ in examples)


def _example(id_: str, other: str | None) -> str:
    if other is None:
        return repr(id_)
    return f"{id_!r} (a prediction has {other!r}: they differ in {difference(id_, other)})"


def exceeds(share: Metric, limit: float) -> bool:
    """Whether the lower 99.9 % bound of a share exceeds a limit."""
    successes = (share.value or 0.0) * share.n
    lower, _ = wilson(successes, share.n, Z999)
    return lower > limit


def listed(names: Iterable[str]) -> str:
    """Return the first names, and an ellipsis when there are more."""
    items = list(names)
    first = ", ".join(items[:MAX_NAMES])
    return first if len(items) <= MAX_NAMES else f"{first} …"
