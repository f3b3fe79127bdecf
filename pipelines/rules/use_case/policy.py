"""The policy of a use case: every threshold and schedule, as data that is stored with each decision made by it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from croniter import croniter

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.schema_error import misfit

MAPPED = (
    1000  # Airflow's core.max_map_length is 1024, and each version has a chunk that is not full
)
Inside = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the policy in which an unknown key is an error."""


class Gates(_Section, frozen=True):
    """Thresholds of the six gates; `level` is the nominal one-sided level of the evidence for a better ranking.

    With `band_coverage` each band of scores needs that share of labels, with `slice_recall` each slice that share of its
    positives found; 0 shows the worst one only.
    """

    f1_improvement: Share
    level: Inside
    resamples: Positive
    brier_degradation: Share
    samples: Positive
    positives: Positive
    label_coverage: Share
    recall: Share
    roc_auc: Share
    band_coverage: Share = 0.0
    slice_recall: Share = 0.0


class Evaluation(_Section, frozen=True):
    """Which rows are training data and which are held out, both by event time; `slices` are conditions on features."""

    window: timedelta
    holdout: Inside
    slices: dict[str, str] = {}


class Threshold(_Section, frozen=True):
    """From which score on a row is flagged: the best F1 on the newest training rows, or the least cost of errors."""

    metric: Literal["f1", "cost"] = "f1"
    false_alarm: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    miss: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Training(_Section, frozen=True):
    """The search for a candidate: at most `trees` trees and `trials` guided trials, none of them begun after `budget`.

    `estimators` are names of the entry-point group `sixgate.estimators`; the best candidate becomes the challenger.
    """

    seed: Count
    trees: Positive
    trials: Positive
    folds: Positive
    rows: Positive
    budget: timedelta
    imbalance: Literal["weights", "smote", "none"]
    threshold: Threshold
    estimators: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("logistic", "xgboost")


class Validation(_Section, frozen=True):
    """How bad data may be before a run fails.

    Shares are of rows: those that break the contract, those in which a feature is missing beyond the baseline's share, those
    logged otherwise than ingested; `outside_share`, beyond the baseline's least and greatest value, warns only. `leak` is the
    ROC-AUC that a feature may reach alone; positives may be `label_factor` times as frequent as in the baseline, or as rare.
    """

    quarantine_share: Share
    missing_share: Share
    skew_share: Share
    outside_share: Share
    leak: Share
    label_factor: Annotated[float, msgspec.Meta(gt=1)]
    freshness: timedelta


class Retraining(_Section, frozen=True):
    """When retraining may start; `waiting` says what happens while an approved candidate waits for its review."""

    schedule: str
    cooldown: timedelta
    per_week: Positive
    labels: Count
    waiting: Literal["supersede", "wait"]


class Severe(_Section, frozen=True):
    """Severe means: dataset drift in `k` of the last `n` disjoint steps, the newest included."""

    k: Positive
    n: Positive


class Drift(_Section, frozen=True):
    """How a drift check looks and when it cries.

    Alerts compare with what the champion was trained on (`training`), which is what another training can mend, or with the
    frozen baseline; both comparisons are kept. Features to `ignore` change with the hour, the day or the season.
    """

    schedule: str
    window: timedelta
    step: timedelta
    reference: Literal["training", "baseline"]
    ignore: tuple[str, ...]
    rows: Positive
    psi: Annotated[float, msgspec.Meta(ge=0)]
    level: Inside
    inspect_share: Share
    warning_features: Count
    dataset_share: Share
    severe: Severe


class Performance(_Section, frozen=True):
    """What the champion has to keep on matured predictions of a `window`, judged from so many labelled `positives` on.

    Under a floor is under it when chance explains that with a probability below `level`.
    """

    window: timedelta
    positives: Positive
    level: Inside
    recall: Share
    roc_auc: Share


class Alerts(_Section, frozen=True):
    """Where news of alerts goes: `log`, or the ids of Airflow connections (SMTP, Slack webhook, HTTP)."""

    notify: tuple[str, ...]


class Report(_Section, frozen=True):
    """Evidently's page on a sample of so many `rows`, made when an alert opens and once in `every`; kept for so long."""

    rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    every: timedelta
    keep: timedelta


class Review(_Section, frozen=True):
    """Whether a person has to approve, and how long they have."""

    when: Literal["never", "always", "on_drift"]
    timeout: timedelta


class Guard(_Section, frozen=True):
    """How long a new champion has to keep its promise; `flagged` times the share it flagged when judged is too much.

    That is known before any label, from so many `predictions` on.
    """

    bake: timedelta
    predictions: Positive
    flagged: Annotated[float, msgspec.Meta(gt=1)]


class FinalValidation(_Section, frozen=True):
    """What the server's own code has to keep on the newest logged `requests`: see `pipelines.rules.promotion.serving_trial`."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    parity: Annotated[float, msgspec.Meta(gt=0)]
    p99: timedelta
    memory_mb: Positive


class Promotion(_Section, frozen=True):
    """How long replicas have to acknowledge."""

    acknowledge_within: timedelta


class ExplanationPolicy(_Section, frozen=True):
    """Which predictions are explained: all, the flagged ones and a share of the rest, or only those asked for.

    `drift` is how far the features' shares of all contribution may move from those of training, beyond what chance explains.
    """

    schedule: str
    select: Literal["all", "flagged", "requested"]
    sample: Share
    chunk: Positive
    limit: Positive
    attempts: Annotated[
        int, msgspec.Meta(ge=3, le=10)
    ]  # fewer would not part a row that ends its process from others
    drift: Share


class Retention(_Section, frozen=True):
    """How long rows are kept."""

    predictions: timedelta
    metrics: timedelta


class Policy(_Section, frozen=True):
    """All that people decided about one use case."""

    label_maturity: timedelta
    gates: Gates
    evaluation: Evaluation
    training: Training
    validation: Validation
    retraining: Retraining
    drift: Drift
    performance: Performance
    alerts: Alerts
    report: Report
    review: Review
    final_validation: FinalValidation
    promotion: Promotion
    guard: Guard
    explanation: ExplanationPolicy
    retention: Retention
    use_case: str = ""


def parse_policy(document: Any, *, use_case: str, file: str) -> Policy:
    """Check a policy's document and return it; a fault raises UseCaseError naming file, key, value and rule."""
    try:
        policy = msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        wrong = misfit(error)
        remedy = {
            "missing": "is missing: every policy needs it",
            "unknown": "is no setting: check its spelling",
        }
        key = ".".join(map(str, wrong.path)) or "the file"
        raise UseCaseError(
            f"{file}: {key}: {wrong.value(document)!r} {remedy.get(wrong.fault, wrong.rule)}"
        ) from error
    for key, value, rule in _contradictions(policy):
        raise UseCaseError(f"{file}: {key}: {value} {rule}")
    return msgspec.structs.replace(policy, use_case=use_case)


def _contradictions(policy: Policy) -> Iterator[tuple[str, Any, str]]:
    """What fits its type and still can't work: key, value and rule."""
    drift, nothing = policy.drift, timedelta(0)
    longer_than_nothing = {
        "evaluation.window": policy.evaluation.window,
        "validation.freshness": policy.validation.freshness,
        "drift.window": drift.window,
        "drift.step": drift.step,
        "performance.window": policy.performance.window,
        "report.every": policy.report.every,
        "report.keep": policy.report.keep,
        "training.budget": policy.training.budget,
        "review.timeout": policy.review.timeout,
        "final_validation.p99": policy.final_validation.p99,
        "promotion.acknowledge_within": policy.promotion.acknowledge_within,
        "retention.predictions": policy.retention.predictions,
        "retention.metrics": policy.retention.metrics,
    }
    for key, duration in longer_than_nothing.items():
        if duration <= nothing:
            yield key, duration, "must be longer than nothing"
    for key, duration in {
        "label_maturity": policy.label_maturity,
        "retraining.cooldown": policy.retraining.cooldown,
        "guard.bake": policy.guard.bake,
    }.items():
        if duration < nothing:
            yield key, duration, "must not be negative"
    for key, schedule in {
        "retraining.schedule": policy.retraining.schedule,
        "drift.schedule": drift.schedule,
        "explanation.schedule": policy.explanation.schedule,
    }.items():
        if not croniter.is_valid(schedule):
            yield key, repr(schedule), "is no cron expression: see crontab(5)"
    if drift.step > drift.window:
        yield "drift.step", drift.step, f"must not be longer than the window, {drift.window}"
    if drift.step > nothing and drift.window % drift.step:
        yield "drift.window", drift.window, f"must be a whole number of steps, {drift.step}"
    if drift.severe.k > drift.severe.n:
        yield (
            "drift.severe.k",
            drift.severe.k,
            f"must not be more than n, {drift.severe.n}: it would never be severe",
        )
    chunks = -(-policy.explanation.limit // policy.explanation.chunk)
    if chunks > MAPPED:
        yield (
            "explanation.chunk",
            policy.explanation.chunk,
            f"makes {chunks} tasks of a full run, and Airflow maps {MAPPED}",
        )
    if policy.retention.predictions < policy.evaluation.window:
        yield (
            "retention.predictions",
            policy.retention.predictions,
            (
                f"must not be shorter than evaluation.window, {policy.evaluation.window}: retraining reads that far back"
            ),
        )


def overlay(document: Any, over: Any) -> Any:
    """Lay one document over another: mappings merge key by key, anything else replaces."""
    if isinstance(document, Mapping) and isinstance(over, Mapping):
        keys = [*document, *(key for key in over if key not in document)]
        return {
            key: overlay(document.get(key), over[key]) if key in over else document[key]
            for key in keys
        }
    return over
