"""Compute the metrics of one drift check from counts.

The same code serves live traffic, replayed streams and tests.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from pipelines.records import Metric
from pipelines.rules.explanation.attribution import Attribution, shift
from pipelines.rules.monitoring import performance
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.monitoring.data_quality import NAMES, QualityCounts, quality_metrics
from pipelines.rules.monitoring.drift_rule import DECIDING, thresholds
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic
from pipelines.rules.monitoring.feature_drift import (
    Counts,
    FeatureDrift,
    WindowDrift,
    add,
    compare,
    measure,
    merged_buckets,
    rows,
    subtract,
)
from pipelines.rules.monitoring.performance import MetricValue, ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference, score_profile
from pipelines.rules.use_case.policy import Policy

# The model version of a metric that compares with the baseline, or that covers all versions.
BASELINE = 0
SHARE = "drift_share"
CHAMPION_SHARE = "champion_drift_share"
STEP_SHARE = "step_drift_share"
WEIGHTED = "importance_drift_share"
DRIFTED = "drifted"
NO_REFERENCE = "no_reference"  # of a feature that neither reference has
SCORE = "score_"  # precedes the name of a statistic of the champion's scores
# No statistic may have these names: other metrics of features and, after SCORE, of scores do.
RESERVED_NAMES = frozenset({DRIFTED, NO_REFERENCE, "attribution", "mean", "sd", "entropy"}) | NAMES
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A window of whole buckets [start, end).

    Buckets before `whole` are complete; the newest one may still receive predictions.
    """

    start: datetime
    whole: datetime
    end: datetime

    @classmethod
    def at(cls, as_of: datetime, window: timedelta, bucket: timedelta) -> "Span":
        """The window that ends with the bucket of `as_of`. Buckets are counted from 1970 on."""
        whole = EPOCH + (as_of - EPOCH) // bucket * bucket
        end = whole + bucket
        return cls(end - window, whole, end)


@dataclass(frozen=True, kw_only=True)
class TrafficCounts:
    """The counts that a drift check evaluates.

    `buckets`, by their start, reach as far back as `reach` tells. `others` is the part of them that
    other versions than the champion predicted. `scores` are those of the window,
    `matured` those of the window whose labels have matured, both by model version. `ahead` is the
    number of predictions with a time in the future. `attributions` holds feature names and sums
    over explained predictions, by model version. `quality` counts values, ids and labels that are
    not as they should be.
    """

    buckets: Mapping[datetime, Counts]
    others: Mapping[datetime, Counts] = field(default_factory=dict)
    scores: Mapping[int, ScoreCounts] = field(default_factory=dict)
    matured: Mapping[int, ScoreCounts] = field(default_factory=dict)
    ahead: int = 0
    attributions: Mapping[int, tuple[Sequence[str], Attribution]] = field(default_factory=dict)
    quality: QualityCounts = field(default_factory=QualityCounts)

    def of_champion(self) -> dict[datetime, Counts]:
        """The buckets of the champion's predictions, without the empty ones."""
        own = {
            start: subtract(counts, self.others[start]) if start in self.others else counts
            for start, counts in self.buckets.items()
        }
        return {start: counts for start, counts in own.items() if rows(counts)}


@dataclass(frozen=True, kw_only=True)
class References:
    """What traffic is compared with: the frozen baseline, and the champion's evaluation data.

    `columns` are those of the contract, by default those of the baseline.
    """

    baseline: Mapping[str, Profile]
    champion: int | None = None
    training: Reference | None = None
    columns: Sequence[str] = ()

    @property
    def unmatched(self) -> list[str]:
        """The columns that neither reference has, because they are newer."""
        trained = self.training.features if self.training else {}
        return [name for name in self.columns if name not in self.baseline and name not in trained]

    def for_alerts(self, choice: str) -> tuple[int, Mapping[str, Profile]]:
        """The reference that alerts use by the policy's `choice`, preceded by its model version."""
        if choice == "training" and self.training and self.champion:
            return self.champion, self.training.features
        return BASELINE, self.baseline


def reach(policy: Policy) -> timedelta:
    """How far back merged buckets may go to have enough rows."""
    return policy.drift.window * policy.drift.severe.n


def check_drift(
    check_id: str,
    span: Span,
    traffic: TrafficCounts,
    references: References,
    policy: Policy,
    statistics: Sequence[DriftStatistic],
) -> list[Metric]:
    """All metrics of one drift check, in the order in which people read them."""
    window = _window(span, traffic.buckets)
    write = _Writer(check_id, span.start, span.end)
    metrics = [
        *_drift(write, window, references, policy, statistics=statistics),
        *_champion_drift(write, span, traffic, references, policy=policy),
        *_bucket_shares(check_id, span, traffic, references, policy=policy),
        *_scores(write, traffic.scores, references, policy, statistics=statistics),
        *_realised(check_id, span, traffic, references, policy=policy),
        *_attributions(write, traffic, references, policy),
        *quality_metrics(write, traffic.quality, _predictions(traffic)),
    ]
    predictions = rows(window)
    for name in references.unmatched:
        metrics.append(write(NO_REFERENCE, value=math.nan, n=predictions, feature=name))
    if traffic.ahead:
        metrics.append(write("ahead", value=float(traffic.ahead), n=traffic.ahead))
    return metrics


def _predictions(traffic: TrafficCounts) -> int:
    """The number of predictions in the window, of all versions."""
    return sum(counts.n for counts in traffic.scores.values())


def _window(span: Span, buckets: Mapping[datetime, Counts]) -> Counts:
    """The sum of the buckets in the window."""
    starts = [start for start in sorted(buckets) if span.start <= start < span.end]
    return add([buckets[start] for start in starts])


@dataclass(frozen=True)
class _Writer:
    """Makes the metrics of one window."""

    check_id: str
    start: datetime
    end: datetime

    def __call__(self, metric: str, *, value: float, n: int, **rest: Any) -> Metric:
        """A metric of the window; NaN becomes None."""
        return Metric(
            check_id=self.check_id,
            window_start=self.start,
            window_end=self.end,
            metric=metric,
            n=n,
            value=_none_if_nan(value),
            **{name: _none_if_nan(field_value) for name, field_value in rest.items()},
        )

    def share(self, metric: str, drift: WindowDrift, version: int, policy: Policy) -> Metric:
        """The share of drifted features."""
        return self(
            metric,
            value=drift.share,
            n=drift.n,
            threshold=policy.drift.dataset_share,
            model_version=version,
        )

    def bounded(
        self, name: str, metric: MetricValue, n: int, version: int, **rest: float
    ) -> Metric:
        """A metric with its bounds."""
        return self(
            name,
            value=metric.value,
            low=metric.low,
            high=metric.high,
            n=n,
            model_version=version,
            **rest,
        )


def _none_if_nan(value: Any) -> Any:
    is_nan = isinstance(value, float) and math.isnan(value)
    return None if is_nan else value


def _drift(
    write: _Writer,
    counts: Counts,
    references: References,
    policy: Policy,
    *,
    statistics: Sequence[DriftStatistic],
) -> Iterator[Metric]:
    """Compare the window's features with the baseline, then with the champion's evaluation data."""
    training = references.training
    profiles_by_version = {BASELINE: references.baseline}
    if training and references.champion:
        profiles_by_version[references.champion] = training.features
    for version, profiles in profiles_by_version.items():
        drift = measure(profiles, counts, policy.drift, statistics)
        for feature in drift.features:
            yield from _statistics(
                write,
                feature,
                policy,
                feature=feature.feature,
                model_version=version,
            )
        yield write.share(SHARE, drift, version, policy)
        if training:
            yield write(
                WEIGHTED,
                value=drift.weighted(training.importance),
                n=drift.n,
                model_version=version,
            )


def _champion_drift(
    write: _Writer, span: Span, traffic: TrafficCounts, references: References, *, policy: Policy
) -> Iterator[Metric]:
    """Compare the champion's own predictions while the window also holds those of others."""
    training = references.training
    if training is None or references.champion is None:
        return
    if not rows(_window(span, traffic.others)):
        return
    own = _window(span, traffic.of_champion())
    drift = measure(training.features, own, policy.drift, DECIDING)
    yield write.share(CHAMPION_SHARE, drift, references.champion, policy)


def _statistics(
    write: _Writer, drift: FeatureDrift, policy: Policy, *, prefix: str = "", **rest: Any
) -> Iterator[Metric]:
    """The statistics of one column and, unless the policy ignores it, whether it drifted."""
    limits = thresholds(policy.drift)
    for name, statistic in drift.values.items():
        yield write(
            prefix + name,
            value=statistic.value,
            expected=statistic.expected,
            n=drift.n,
            threshold=limits.get(name),
            p_value=statistic.p_value,
            **rest,
        )
    if not drift.ignored:
        yield write(
            prefix + DRIFTED,
            value=float(drift.drifted),
            n=drift.n,
            **rest,
        )


def _bucket_shares(
    check_id: str, span: Span, traffic: TrafficCounts, references: References, *, policy: Policy
) -> Iterator[Metric]:
    """The share of drifted features in each of the last complete merged buckets, oldest first.

    Of the champion's predictions only, when they are compared with its evaluation data.
    """
    version, profiles = references.for_alerts(policy.drift.reference)
    buckets = traffic.buckets if version == BASELINE else traffic.of_champion()
    starts = [start for start in sorted(buckets) if start < span.whole]
    complete = [buckets[start] for start in starts]
    for first, last in merged_buckets(complete, policy.drift.rows, policy.drift.severe.n):
        merged = add(complete[first : last + 1])
        drift = measure(profiles, merged, policy.drift, DECIDING)
        write = _Writer(
            check_id,
            start=starts[first],
            end=starts[last] + policy.drift.step,
        )
        yield write.share(STEP_SHARE, drift, version, policy)


def _scores(
    write: _Writer,
    scores: Mapping[int, ScoreCounts],
    references: References,
    policy: Policy,
    *,
    statistics: Sequence[DriftStatistic],
) -> Iterator[Metric]:
    """Proxies and estimates of each version, and drift of the champion's scores from training."""
    for version, counts in sorted(scores.items()):
        metrics = performance.proxies(counts) | performance.estimated(counts)
        for name, metric in metrics.items():
            yield write.bounded(name, metric, counts.n, version)
    champion = scores.get(references.champion or BASELINE)
    training = references.training
    if champion is None or training is None:
        return
    if champion.n < policy.drift.rows or not sum(training.scores):
        return
    profile, now = score_profile(np.asarray(training.scores), champion.bins)
    of_scores = [statistic for statistic in statistics if statistic.takes_scores]
    yield from _statistics(
        write,
        compare("", profile, now, policy.drift, of_scores),
        policy,
        prefix=SCORE,
        model_version=references.champion,
    )


def _realised(
    check_id: str, span: Span, traffic: TrafficCounts, references: References, *, policy: Policy
) -> Iterator[Metric]:
    """Performance on predictions whose labels have matured; the champion's with its floors."""
    until = span.whole - policy.label_maturity
    write = _Writer(check_id, until - policy.performance.window, until)
    for version, counts in sorted(traffic.matured.items()):
        coverage = counts.labelled / counts.n if counts.n else math.nan
        yield write(
            "label_coverage",
            value=coverage,
            n=counts.n,
            model_version=version,
        )
        is_champion = version == references.champion
        floors = _floors(counts, policy) if is_champion else {}
        for name, metric in performance.realised(counts).items():
            floor = floors.get(name, {})
            yield write.bounded(name, metric, counts.labelled, version, **floor)


def _floors(counts: ScoreCounts, policy: Policy) -> dict[str, dict[str, float]]:
    """Threshold and p-value by metric; empty with fewer positives than the policy requires."""
    if counts.positives < policy.performance.positives:
        return {}
    thresholds = {
        "realised_recall": policy.performance.recall,
        "realised_roc_auc": policy.performance.roc_auc,
    }
    p_values = performance.floor_p_values(
        counts, recall=policy.performance.recall, roc_auc=policy.performance.roc_auc
    )
    return {
        name: {"threshold": thresholds[name], "p_value": p_value}
        for name, p_value in p_values.items()
    }


def _attributions(
    write: _Writer, traffic: TrafficCounts, references: References, policy: Policy
) -> Iterator[Metric]:
    """Each feature's share of the champion's |contributions|, compared with training."""
    champion = references.champion
    training = references.training
    columns, attribution = traffic.attributions.get(champion or BASELINE, ((), None))
    if attribution is None or training is None:
        return
    if attribution.effective < policy.drift.rows or _explains_flagged_only(policy):
        return
    change = shift(attribution, training.importance, columns, trained=training.explained)
    if change is None:
        return
    window: dict[str, Any] = {"n": attribution.n, "model_version": champion}
    features = zip(columns, change.shares, change.former, change.p_value, strict=True)
    for name, share, former, p_value in features:
        yield write(
            "attribution",
            value=float(share),
            expected=float(former),
            p_value=float(p_value),
            feature=name,
            **window,
        )
    yield write(
        "attribution_distance",
        value=change.distance,
        expected=change.expected,
        threshold=policy.explanation.drift,
        **window,
    )
    yield write("attribution_ndcg", value=change.ndcg, **window)


def _explains_flagged_only(policy: Policy) -> bool:
    """Whether only flagged predictions are explained; they do not represent all predictions."""
    return policy.explanation.select == "flagged" and policy.explanation.sample <= 0
