"""Decide from the metrics of a drift check which causes raise an alert.

There is a rule for each cause. A rule without enough evidence gives no status, so that an open
alert of its cause is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.records import Metric
from pipelines.rules.monitoring.data_quality import (
    UNMATCHED_SHARE,
    exceeds,
    input_problems,
    listed,
    unmatched_message,
)
from pipelines.rules.monitoring.drift_check import (
    BASELINE,
    CHAMPION_SHARE,
    DRIFTED,
    SCORE,
    SHARE,
    STEP_SHARE,
    WEIGHTED,
)
from pipelines.rules.monitoring.drift_rule import SIZE
from pipelines.rules.monitoring.drift_statistics.missing import MissingShare
from pipelines.rules.monitoring.drift_statistics.outside import OutsideShare
from pipelines.rules.monitoring.notifications import SEVERITIES
from pipelines.rules.use_case.policy import Policy

FEATURES = "feature_drift"
SCORES = "prediction_drift"
QUALITY = "data_quality"
LABELS = "label_quality"
PERFORMANCE = "performance"
ATTRIBUTION = "attribution_drift"
# The shares that data quality is judged by, as messages name them.
QUALITY_NAMES = {
    MissingShare.name: "missing values",
    OutsideShare.name: "values outside the baseline range",
}
PERFORMANCE_NAMES = {"realised_recall": "recall", "realised_roc_auc": "ROC-AUC"}


@dataclass(frozen=True)
class AlertStatus:
    """The status of one cause: the severity, None when there is nothing to alert, and why.

    `model_version` is the model that the status is about: the alert ends when another replaces it.
    None means that it is about the traffic, whatever model serves.
    """

    cause: str
    severity: str | None
    message: str
    model_version: int | None = None


def evaluate_alerts(
    metrics: Sequence[Metric], policy: Policy, *, unmatched: str = ""
) -> list[AlertStatus]:
    """The status of each cause for which one check's metrics give enough evidence.

    `unmatched` describes examples of labels that match no prediction.
    """
    statuses = (
        _features(metrics, policy),
        _scores(metrics),
        _quality(metrics, policy),
        _labels(metrics, policy, unmatched),
        _performance(metrics, policy),
        _attribution(metrics),
    )
    return [status for status in statuses if status]


def severity(
    share: float | None, drifted: int, bucket_shares: Sequence[float | None], policy: Policy
) -> str | None:
    """The severity of feature drift; None when there is nothing to alert.

    `share` and `drifted` count the features that drifted in the window; `bucket_shares` holds that
    share for disjoint merged buckets, the newest last. None, for too few rows, never exceeds a
    threshold. SEVERE requires dataset drift in k of the last n buckets, the newest among them, so a
    spike that has passed is not severe.
    """
    drift = policy.drift
    recent = bucket_shares[-drift.severe.n :]
    drifted_buckets = [
        bucket_share is not None and bucket_share >= drift.dataset_share for bucket_share in recent
    ]
    newest_drifted = bool(drifted_buckets) and drifted_buckets[-1]
    if newest_drifted and sum(drifted_buckets) >= drift.severe.k:
        return "SEVERE"
    if share is None:
        return None
    if share >= drift.dataset_share:
        return "ALERT"
    if drifted > drift.warning_features:
        return "WARNING"
    return "INSPECT" if share > drift.inspect_share else None


def reference_version(metrics: Sequence[Metric], policy: Policy) -> int:
    """The model version whose training data alerts compare with; 0 when it is the baseline.

    It is the baseline when the policy says so, and when no training data were compared.
    """
    if policy.drift.reference != "training":
        return BASELINE
    versions = [metric.model_version for metric in metrics if metric.metric == SHARE]
    return max(versions, default=BASELINE)


def _features(metrics: Sequence[Metric], policy: Policy) -> AlertStatus | None:
    """Whether the features drifted from the reference.

    While the window also holds predictions of former models, the traffic since the promotion must
    show the drift too: older traffic says nothing about the new champion.
    """
    version = reference_version(metrics, policy)
    window = _first(metrics, SHARE, version)
    if window is None:
        return None
    sizes = _by_feature(metrics, SIZE.name, version)
    flags = _by_feature(metrics, DRIFTED, version)
    drifted = [name for name, flag in flags.items() if flag]
    bucket_shares = _bucket_shares(metrics, window)
    level = severity(
        share=window.value,
        drifted=len(drifted),
        bucket_shares=bucket_shares,
        policy=policy,
    )
    own = _first(metrics, CHAMPION_SHARE, version)
    if own is not None and own.value is None:
        return None
    if own is not None and own.value is not None:
        own_level = severity(
            share=own.value,
            drifted=round(own.value * len(flags)),
            bucket_shares=bucket_shares,
            policy=policy,
        )
        level = _lower(level, own_level)
    about = version or None
    counts = f"{len(drifted)} of {len(sizes)} features"
    predictions = f"{window.n:,} predictions"
    if level is None and window.value is None:
        return None
    if level is None:
        return AlertStatus(FEATURES, None, f"{counts} drifted in {predictions}", about)
    importance = _importance(metrics, version) if drifted else ""
    message = f"{counts}{importance} drifted in {predictions} {_against(version)}"
    if drifted:
        message += f": {_largest(drifted, sizes)}"
    if level == "SEVERE":
        shares = [f"{share or 0:.0%}" for share in bucket_shares]
        message += f"; share of drifted features by bucket: {', '.join(shares)}"
    return AlertStatus(FEATURES, level, message, about)


def _lower(first: str | None, second: str | None) -> str | None:
    """The lower of two severities; None is the lowest."""
    if first is None or second is None:
        return None
    return min(first, second, key=SEVERITIES.index)


def _by_feature(metrics: Sequence[Metric], name: str, version: int) -> dict[str, float]:
    return {
        metric.feature: metric.value or 0.0
        for metric in metrics
        if metric.metric == name and metric.model_version == version
    }


def _bucket_shares(metrics: Sequence[Metric], window: Metric) -> list[float | None]:
    """The shares of merged buckets, oldest first; none when all of them end before the window."""
    buckets = [metric for metric in metrics if metric.metric == STEP_SHARE]
    buckets.sort(key=lambda metric: metric.window_end)
    if not buckets or buckets[-1].window_end <= window.window_start:
        return []
    return [metric.value for metric in buckets]


def _against(version: int) -> str:
    if version == BASELINE:
        return "against the baseline"
    return f"against the evaluation data of version {version}"


def _importance(metrics: Sequence[Metric], version: int) -> str:
    """The share of importance that the drifted features have, if it is known."""
    weighted = _first(metrics, WEIGHTED, version)
    if weighted is None or weighted.value is None:
        return ""
    return f" ({weighted.value:.0%} of the importance)"


def _largest(drifted: Sequence[str], sizes: dict[str, float]) -> str:
    """The drifted features with the sizes of their drift, the largest first."""
    largest = sorted(drifted, key=lambda name: sizes[name], reverse=True)
    return listed(f"{name} ({SIZE.title} {sizes[name]:.2f})" for name in largest)


def _scores(metrics: Sequence[Metric]) -> AlertStatus | None:
    """Whether the champion's scores drifted from those of its evaluation data."""
    drifted = _first(metrics, SCORE + DRIFTED)
    size = _first(metrics, SCORE + SIZE.name)
    if drifted is None or size is None or size.value is None:
        return None
    return AlertStatus(
        cause=SCORES,
        severity="WARNING" if drifted.value else None,
        message=(
            f"the scores of version {size.model_version} "
            f"have a {SIZE.title} of {size.value:.2f} "
            "against those of its evaluation data"
        ),
        model_version=size.model_version,
    )


def _quality(metrics: Sequence[Metric], policy: Policy) -> AlertStatus | None:
    """Shares above the expected ones by more than the policy allows; times in the future.

    Refused, unknown and repeated values are no evidence that an alert has ended: without them, the
    shares of missing values decide.

    Expected are the shares of the baseline. A model that was judged on values outside the
    baseline's range knows them, so its evaluation data also say how many of those are expected.
    """
    version = reference_version(metrics, policy)
    limits = {
        MissingShare.name: policy.validation.missing_share,
        OutsideShare.name: policy.validation.outside_share,
    }
    shares = {name: _baseline_shares(metrics, name) for name in limits}
    ahead = _first(metrics, "ahead")
    problems = input_problems(metrics, policy.validation)
    if not any(shares.values()) and ahead is None and not problems:
        return None
    for name, limit in limits.items():
        expected = _expected_shares(metrics, name, version)
        excessive = [
            share for share in shares[name] if exceeds(share, expected[share.feature] + limit)
        ]
        if excessive:
            problems.append(f"{QUALITY_NAMES[name]}: {_worst_shares(excessive)}")
    if ahead:
        problems.append(f"{ahead.n:,} predictions have a time in the future: check the clocks")
    return AlertStatus(
        cause=QUALITY,
        severity="WARNING" if problems else None,
        message="; ".join(problems) or "missing values, ranges and times are as expected",
    )


def _labels(metrics: Sequence[Metric], policy: Policy, examples: str) -> AlertStatus | None:
    """Whether too many labels match no prediction."""
    share = _first(metrics, UNMATCHED_SHARE)
    if share is None:
        return None
    is_excessive = exceeds(share, policy.validation.unmatched_share)
    return AlertStatus(
        cause=LABELS,
        severity="WARNING" if is_excessive else None,
        message=unmatched_message(share, examples if share.value else ""),
    )


def _baseline_shares(metrics: Sequence[Metric], name: str) -> list[Metric]:
    """A share of each feature, compared with the baseline."""
    return [
        metric
        for metric in metrics
        if metric.metric == name
        and metric.model_version == BASELINE
        and metric.feature
        and metric.value is not None
    ]


def _expected_shares(metrics: Sequence[Metric], name: str, version: int) -> dict[str, float]:
    """The expected share of each feature; missing values are expected as in the baseline only."""
    versions = (BASELINE, version) if name == OutsideShare.name else (BASELINE,)
    expected: dict[str, float] = {}
    for metric in metrics:
        if metric.metric == name and metric.model_version in versions:
            former = expected.get(metric.feature, 0.0)
            expected[metric.feature] = max(former, metric.expected or 0.0)
    return expected


def _worst_shares(shares: Sequence[Metric]) -> str:
    worst = sorted(
        shares,
        key=lambda share: share.value or 0.0,
        reverse=True,
    )
    names = listed(f"{share.feature} {share.value:.1%}" for share in worst)
    predictions = shares[0].n
    return f"{names} of {predictions:,} predictions"


def _performance(metrics: Sequence[Metric], policy: Policy) -> AlertStatus | None:
    """Whether the champion's realised performance is below its floors."""
    tested = [metric for metric in metrics if _has_floor(metric)]
    if not tested:
        return None
    version = tested[0].model_version
    below = [metric for metric in tested if _is_below_floor(metric, policy)]
    if not below:
        return AlertStatus(
            cause=PERFORMANCE,
            severity=None,
            message=f"version {version} is not below its floors",
            model_version=version,
        )
    reasons = "; ".join(_below_floor(metric) for metric in below)
    return AlertStatus(
        cause=PERFORMANCE,
        severity="SEVERE",
        message=f"version {version} is below its floors: {reasons}",
        model_version=version,
    )


def _has_floor(metric: Metric) -> bool:
    realised = metric.metric.startswith("realised_")
    return realised and metric.p_value is not None and metric.value is not None


def _is_below_floor(metric: Metric, policy: Policy) -> bool:
    """Whether a metric is below its floor, and chance does not explain it."""
    if metric.threshold is None or (metric.value or 0.0) >= metric.threshold:
        return False
    return (metric.p_value or 0.0) < policy.performance.level


def _below_floor(metric: Metric) -> str:
    name = PERFORMANCE_NAMES[metric.metric]
    return (
        f"{name} {metric.value:.3f}, floor {metric.threshold:g} ({metric.n:,} labelled predictions)"
    )


def _attribution(metrics: Sequence[Metric]) -> AlertStatus | None:
    """Whether the attribution of the champion's scores differs from training beyond chance."""
    distance = _first(metrics, "attribution_distance")
    if distance is None or distance.value is None or distance.threshold is None:
        return None
    expected = distance.expected or 0.0
    excess = distance.value - expected
    shares = [metric for metric in metrics if metric.metric == "attribution"]
    shares.sort(key=_attribution_change, reverse=True)
    changes = listed(
        f"{share.feature} {share.value or 0:.0%} ({share.expected or 0:.0%} in training)"
        for share in shares
    )
    return AlertStatus(
        cause=ATTRIBUTION,
        severity="WARNING" if excess > distance.threshold else None,
        message=(
            f"{distance.value:.0%} of the attribution of version {distance.model_version}'s scores "
            f"moved to other features since training, in {distance.n:,} explained predictions: "
            f"{changes}"
        ),
        model_version=distance.model_version,
    )


def _attribution_change(share: Metric) -> float:
    now = share.value or 0.0
    in_training = share.expected or 0.0
    return abs(now - in_training)


def _first(metrics: Sequence[Metric], name: str, version: int | None = None) -> Metric | None:
    """The first metric of a name; of one model version when given."""
    for metric in metrics:
        if metric.metric == name and version in (None, metric.model_version):
            return metric
    return None
