"""What the figures of a check mean: for each cause an alarm, or that it is quiet; a cause of which nothing is known is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.records import Metric
from pipelines.rules.monitoring.drift_check import BASELINE, SHARE, STEP_SHARE, WEIGHTED
from pipelines.rules.statistics.confidence_intervals import Z999, wilson
from pipelines.rules.use_case.policy import Policy

FEATURES, SCORES, QUALITY, PERFORMANCE = (
    "feature_drift",
    "prediction_drift",
    "data_quality",
    "performance",
)
ATTRIBUTION = "attribution_drift"
NAMED = 5  # features in a message


@dataclass(frozen=True)
class Alarm:
    """A cause with its severity, None when it is quiet, and why."""

    cause: str
    severity: str | None
    message: str


def alarms(figures: Sequence[Metric], policy: Policy) -> list[Alarm]:
    """Judge one check's figures by the policy."""
    found = (
        _features(figures, policy), _scores(figures), _quality(figures, policy), _performance(figures, policy),
        _attribution(figures),
    )  # fmt: skip
    return [alarm for alarm in found if alarm]


def severity(
    share: float | None, drifted: int, steps: Sequence[float | None], policy: Policy
) -> str | None:
    """The severity of what was measured, None when it is quiet.

    `share` and `drifted` count the window's features that drifted, `steps` holds that share for disjoint steps, the newest
    last; None, for too few rows, is never above a threshold. SEVERE needs dataset drift in k of the last n steps, the newest
    among them: a spike that has passed is not severe.
    """
    drift = policy.drift
    over = [step is not None and step >= drift.dataset_share for step in steps[-drift.severe.n :]]
    if over and over[-1] and sum(over) >= drift.severe.k:
        return "SEVERE"
    if share is None:
        return None
    if share >= drift.dataset_share:
        return "ALERT"
    if drifted > drift.warning_features:
        return "WARNING"
    return "INSPECT" if share > drift.inspect_share else None


def _features(figures: Sequence[Metric], policy: Policy) -> Alarm | None:
    version = driving(figures, policy)
    window = _one(figures, SHARE, version)
    steps = sorted((m for m in figures if m.metric == STEP_SHARE), key=lambda m: m.window_end)
    if window is None:
        return None
    names = {
        m.feature
        for m in figures
        if m.metric == "drifted" and m.model_version == version and m.value
    }
    psi = {
        m.feature: m.value or 0.0
        for m in figures
        if m.metric == "psi" and m.model_version == version
    }
    worst = sorted(names, key=lambda name: psi[name], reverse=True)
    shares = (
        [m.value for m in steps] if steps and steps[-1].window_end > window.window_start else []
    )  # else long ago
    found = severity(window.value, len(names), shares, policy)
    if found is None and window.value is None:
        return None
    if found is None:
        return Alarm(
            FEATURES,
            None,
            f"{len(names)} of {len(psi)} features drifted in {window.n:,} predictions",
        )
    against = (
        f"against what version {version} was trained on" if version else "against the baseline"
    )
    shown = _list(f"{name} (PSI {psi[name]:.2f})" for name in worst)
    weighted = _one(figures, WEIGHTED, version)
    held = (
        f", which hold {weighted.value:.0%} of the importance"
        if weighted and weighted.value is not None
        else ""
    )
    message = f"{len(names)} of {len(psi)} features drifted in {window.n:,} predictions {against}"
    message += f"{held}: {shown}" if shown else ""
    if found == "SEVERE":
        message += (
            f"; of all features, step by step: {', '.join(f'{share or 0:.0%}' for share in shares)}"
        )
    return Alarm(FEATURES, found, message)


def driving(figures: Sequence[Metric], policy: Policy) -> int:
    """The version whose training data alerts compare with; 0, the baseline, when there is none or the policy says so."""
    known = [m.model_version for m in figures if m.metric == SHARE]
    return max(known, default=BASELINE) if policy.drift.reference == "training" else BASELINE


def _scores(figures: Sequence[Metric]) -> Alarm | None:
    drifted, psi = _one(figures, "score_drifted"), _one(figures, "score_psi")
    if drifted is None or psi is None or psi.value is None:
        return None
    message = f"version {psi.model_version}'s scores moved away from those of its training, PSI {psi.value:.2f}"
    return Alarm(SCORES, "WARNING" if drifted.value else None, message)


def _quality(figures: Sequence[Metric], policy: Policy) -> Alarm | None:
    """Shares that are surely above what the baseline has and the policy allows, and answers from the future."""
    limits = {
        "missing": policy.validation.missing_share,
        "outside": policy.validation.outside_share,
    }
    words = {"missing": "missing", "outside": "outside all that the baseline holds"}
    seen = [
        m
        for m in figures
        if m.metric in limits and m.model_version == BASELINE and m.feature and m.value is not None
    ]
    ahead = _one(figures, "ahead")
    if not seen and ahead is None:
        return None
    said = []
    for metric, limit in limits.items():
        bad = [m for m in seen if m.metric == metric and _surely(m) > (m.expected or 0.0) + limit]
        if bad:
            worst = sorted(bad, key=lambda m: m.value or 0.0, reverse=True)
            said.append(
                f"{words[metric]}: {_list(f'{m.feature} {m.value:.1%}' for m in worst)} of {bad[0].n:,} predictions"
            )
    if ahead:
        said.append(
            f"{ahead.n:,} predictions say that they were made later than now: a clock is wrong"
        )
    return Alarm(QUALITY, "WARNING" if said else None, "; ".join(said))


def _surely(share: Metric) -> float:
    """The lower 99.9 % bound of a share of rows."""
    return wilson((share.value or 0.0) * share.n, share.n, Z999)[0]


def _list(names: Iterable[str]) -> str:
    """The first few of some names."""
    shown = list(names)
    return ", ".join(shown[:NAMED]) + (" …" if len(shown) > NAMED else "")


def _performance(figures: Sequence[Metric], policy: Policy) -> Alarm | None:
    """The champion's realised performance beside its floors."""
    judged = [
        m
        for m in figures
        if m.metric.startswith("realised_") and m.p_value is not None and m.value is not None
    ]
    if not judged:
        return None
    names = {"realised_recall": "recall", "realised_roc_auc": "ROC-AUC"}
    under = [
        f"{names[m.metric]} {m.value:.3f} on {m.n:,} labelled predictions, the floor is {m.threshold:g}"
        for m in judged
        if (m.p_value or 0.0) < policy.performance.level
        and m.threshold is not None
        and (m.value or 0.0) < m.threshold
    ]
    message = f"version {judged[0].model_version} is under its floor: {'; '.join(under)}"
    return Alarm(PERFORMANCE, "SEVERE" if under else None, message)


def _attribution(figures: Sequence[Metric]) -> Alarm | None:
    """Whether other features move the champion's scores than did in training, by more than chance explains."""
    distance = _one(figures, "attribution_distance")
    if distance is None or distance.value is None or distance.threshold is None:
        return None
    moved = distance.value - (distance.expected or 0.0)
    shares = [m for m in figures if m.metric == "attribution"]
    worst = sorted(shares, key=lambda m: abs((m.value or 0.0) - (m.expected or 0.0)), reverse=True)
    message = (
        f"{distance.value:.0%} of what moves version {distance.model_version}'s scores has moved to other features than in "
        f"training, in {distance.n:,} explained predictions: "
        + _list(f"{m.feature} {m.value or 0:.0%} (was {m.expected or 0:.0%})" for m in worst)
    )
    return Alarm(ATTRIBUTION, "WARNING" if moved > distance.threshold else None, message)


def _one(figures: Sequence[Metric], metric: str, version: int | None = None) -> Metric | None:
    return next(
        (m for m in figures if m.metric == metric and version in (None, m.model_version)), None
    )
