"""One drift check, from counts to figures: the same code for live traffic, for a stream that is replayed, and for tests."""

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
from pipelines.rules.monitoring.feature_drift import (
    Counts,
    FeatureDrift,
    Statistic,
    WindowDrift,
    add,
    compare,
    measure,
    steps,
)
from pipelines.rules.monitoring.performance import Figure, ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference, score_profile
from pipelines.rules.use_case.policy import Policy

BASELINE = (
    0  # as a figure's model version: compared with the frozen baseline, or of all versions together
)
SHARE, STEP_SHARE, WEIGHTED = "drift_share", "step_drift_share", "importance_drift_share"
DISTANCES = ("psi", "jensen_shannon", "wasserstein", "chi_square")
SHARES = ("missing", "outside")


@dataclass(frozen=True)
class Span:
    """A window of whole buckets [start, end); the newest may still fill, those before `whole` are complete."""

    start: datetime
    whole: datetime
    end: datetime

    @classmethod
    def at(cls, as_of: datetime, window: timedelta, step: timedelta) -> "Span":
        """The window up to a moment. Buckets are counted from 1970 on."""
        begun = datetime.fromtimestamp(
            as_of.timestamp() // step.total_seconds() * step.total_seconds(), UTC
        )
        return cls(begun + step - window, begun, begun + step)


@dataclass(frozen=True, kw_only=True)
class TrafficCounts:
    """What a check looks at, as counts.

    `buckets` by their begin, from as far back as steps may reach; scores of the window, and of the window whose labels have
    matured, by model version; how many answers say that they come from the future; and by model version feature names with
    sums over explained predictions.
    """

    buckets: Mapping[datetime, Counts]
    scores: Mapping[int, ScoreCounts] = field(default_factory=dict)
    matured: Mapping[int, ScoreCounts] = field(default_factory=dict)
    ahead: int = 0
    attributions: Mapping[int, tuple[Sequence[str], Attribution]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class References:
    """What traffic is compared with: the frozen baseline, and what the champion was trained on, if that is known."""

    baseline: Mapping[str, Profile]
    champion: int | None = None
    training: Reference | None = None

    def driving(self, choice: str) -> tuple[int, Mapping[str, Profile]]:
        """The comparison that alerts follow, with the version that names it."""
        if choice == "training" and self.training and self.champion:
            return self.champion, self.training.features
        return BASELINE, self.baseline


def reach(policy: Policy) -> timedelta:
    """How far back steps may have to go for enough rows."""
    return policy.drift.window * policy.drift.severe.n


def check(
    check_id: str, span: Span, traffic: TrafficCounts, references: References, policy: Policy
) -> list[Metric]:
    """All figures of one check, in the order in which people read them."""
    window = add(
        [
            counts
            for begun, counts in sorted(traffic.buckets.items())
            if span.start <= begun < span.end
        ]
    )
    write = _Writer(check_id, span.start, span.end)
    return [
        *_drift(write, window, references, policy),
        *_steps(check_id, span, traffic.buckets, references, policy),
        *_scores(write, traffic.scores, references, policy),
        *_realised(check_id, span, traffic.matured, references, policy),
        *_attributions(write, traffic, references, policy),
        *([write("ahead", value=float(traffic.ahead), n=traffic.ahead)] if traffic.ahead else []),
    ]


@dataclass(frozen=True)
class _Writer:
    check_id: str
    start: datetime
    end: datetime

    def __call__(self, metric: str, *, value: float, n: int, **rest: Any) -> Metric:
        """A figure of this window; NaN is kept as NULL."""
        nothing = [
            name for name, each in rest.items() if isinstance(each, float) and math.isnan(each)
        ]
        kept: dict[str, Any] = rest | dict.fromkeys(nothing)
        return Metric(
            check_id=self.check_id, window_start=self.start, window_end=self.end, metric=metric, n=n,
            value=None if math.isnan(value) else value, **kept,
        )  # fmt: skip


def _drift(
    write: _Writer, counts: Counts, references: References, policy: Policy
) -> Iterator[Metric]:
    """Both comparisons of the window's features, the one with the baseline first."""
    sides = [(BASELINE, references.baseline)]
    if references.training and references.champion:
        sides.append((references.champion, references.training.features))
    for version, profiles in sides:
        found = measure(profiles, counts, policy.drift)
        for feature in found.features:
            of: dict[str, Any] = {"feature": feature.feature, "model_version": version}
            names = SHARES if math.isnan(feature.adjusted) else (*DISTANCES, *SHARES)
            yield from _statistics(write, feature, names, policy, **of)
        yield _share(write, SHARE, found, version, policy)
        if references.training:
            weighted = found.weighted(references.training.importance)
            yield write(WEIGHTED, value=weighted, n=found.n, model_version=version)


def _statistics(
    write: _Writer, found: FeatureDrift, names: tuple[str, ...], policy: Policy, prefix: str = "", **of: Any
) -> Iterator[Metric]:  # fmt: skip
    thresholds = {"psi": policy.drift.psi, "chi_square": policy.drift.level}
    p_values = {"psi": found.p_value, "chi_square": found.adjusted}
    for name in names:
        statistic: Statistic = getattr(found, name)
        yield write(
            prefix + name, value=statistic.value, expected=statistic.expected, n=found.n, threshold=thresholds.get(name),
            p_value=p_values.get(name), **of,
        )  # fmt: skip
    if names != SHARES:
        yield write(f"{prefix}drifted", value=float(found.drifted), n=found.n, **of)


def _share(write: _Writer, metric: str, found: WindowDrift, version: int, policy: Policy) -> Metric:
    return write(
        metric,
        value=found.share,
        n=found.n,
        threshold=policy.drift.dataset_share,
        model_version=version,
    )


def _steps(
    check_id: str,
    span: Span,
    buckets: Mapping[datetime, Counts],
    references: References,
    policy: Policy,
) -> Iterator[Metric]:
    """The share of drifted features in each of the last disjoint steps, oldest first."""
    version, profiles = references.driving(policy.drift.reference)
    begun = [at for at in sorted(buckets) if at < span.whole]
    for first, last in steps(
        [buckets[at] for at in begun], policy.drift.rows, policy.drift.severe.n
    ):
        found = measure(
            profiles, add([buckets[at] for at in begun[first : last + 1]]), policy.drift
        )
        write = _Writer(check_id, begun[first], begun[last] + policy.drift.step)
        yield _share(write, STEP_SHARE, found, version, policy)


def _scores(
    write: _Writer, scores: Mapping[int, ScoreCounts], references: References, policy: Policy
) -> Iterator[Metric]:
    """Proxies and estimates of each version, and how far the champion's scores have moved from those of its training."""
    for version, counts in sorted(scores.items()):
        for name, figure in (performance.proxies(counts) | performance.estimated(counts)).items():
            yield _figure(write, name, figure, counts.n, version)
    champion = scores.get(references.champion or BASELINE)
    if (
        champion
        and references.training
        and champion.n >= policy.drift.rows
        and sum(references.training.scores)
    ):
        profile, now = score_profile(np.asarray(references.training.scores), champion.bins)
        found = compare("", profile, now, policy.drift)
        yield from _statistics(
            write, found, DISTANCES, policy, prefix="score_", model_version=references.champion
        )


def _realised(
    check_id: str,
    span: Span,
    matured: Mapping[int, ScoreCounts],
    references: References,
    policy: Policy,
) -> Iterator[Metric]:
    """What became of the predictions whose labels had their time; of the champion beside its floors."""
    floors = {
        "realised_recall": policy.performance.recall,
        "realised_roc_auc": policy.performance.roc_auc,
    }
    until = span.whole - policy.label_maturity
    write = _Writer(check_id, until - policy.performance.window, until)
    for version, counts in sorted(matured.items()):
        coverage = counts.labelled / counts.n if counts.n else math.nan
        yield write("label_coverage", value=coverage, n=counts.n, model_version=version)
        likely: dict[str, float] = {}
        if version == references.champion and counts.positives >= policy.performance.positives:
            likely = performance.shortfall(
                counts, recall=policy.performance.recall, roc_auc=policy.performance.roc_auc
            )
        for name, figure in performance.realised(counts).items():
            rest = {"threshold": floors[name], "p_value": likely[name]} if name in likely else {}
            yield _figure(write, name, figure, counts.labelled, version, **rest)


def _attributions(
    write: _Writer, traffic: TrafficCounts, references: References, policy: Policy
) -> Iterator[Metric]:
    """Each feature's share of what moves the champion's scores, beside training's."""
    columns, found = traffic.attributions.get(references.champion or BASELINE, ((), None))
    all_kinds = policy.explanation.select != "flagged" or policy.explanation.sample > 0
    if (
        found is None
        or references.training is None
        or found.effective < policy.drift.rows
        or not all_kinds
    ):
        return  # flagged predictions alone say nothing of all
    moved = shift(
        found, references.training.importance, columns, trained=references.training.explained
    )
    if moved is None:
        return
    of: dict[str, Any] = {"n": found.n, "model_version": references.champion}
    for name, now, then, p_value in zip(
        columns, moved.shares, moved.former, moved.p_value, strict=True
    ):
        yield write(
            "attribution",
            value=float(now),
            expected=float(then),
            p_value=float(p_value),
            feature=name,
            **of,
        )
    threshold = policy.explanation.drift
    yield write(
        "attribution_distance",
        value=moved.distance,
        expected=moved.expected,
        threshold=threshold,
        **of,
    )
    yield write("attribution_ndcg", value=moved.ndcg, **of)


def _figure(
    write: _Writer, name: str, figure: Figure, n: int, version: int, **rest: float
) -> Metric:
    return write(
        name,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        n=n,
        model_version=version,
        **rest,
    )
