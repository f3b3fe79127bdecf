"""The policy of a use case: all thresholds and schedules, as data.

Each decision is stored with the policy under which it was made.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from croniter import croniter

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.schema_error import schema_fault

# Airflow's core.max_map_length is 1024, and each version has one chunk that is not full.
MOST_CHUNKS = 1000
ZERO = timedelta(0)
Inside = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the policy in which an unknown key is an error."""


class Gates(_Section, frozen=True):
    """Thresholds of the six gates.

    `level` is the nominal one-sided level of the ranking test.
    With `band_coverage`, that share of each band of scores must be labelled. With `slice_recall`,
    the model must find that share of the positives of each slice. 0 only reports the values.
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
    """Which rows are training data and which are held out, both by event time.

    `slices` are conditions on features.
    """

    window: timedelta
    holdout: Inside
    slices: dict[str, str] = {}


class Threshold(_Section, frozen=True):
    """How the score is chosen from which a row is flagged.

    It gives the best F1 on the newest training rows, or the least cost of errors.
    """

    metric: Literal["f1", "cost"] = "f1"
    false_alarm: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    miss: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Training(_Section, frozen=True):
    """The search for a candidate.

    A model has at most `trees` trees. A guided search tries `trials` sets of parameters, and none
    is started after `budget`. `estimators` are names of the entry-point group
    `sixgate.estimators`; the best candidate becomes the challenger.
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

    Shares are of rows. `quarantine_share`: rows that break the contract. `missing_share`: rows in
    which a feature is missing, above the share in the baseline. `skew_share`: rows whose logged and
    ingested values differ. `outside_share`: rows outside the range of the baseline; only a warning.
    `leak` is the ROC-AUC that a single feature may reach. Positives may be `label_factor` times as
    frequent as in the baseline, or as rare.
    """

    quarantine_share: Share
    missing_share: Share
    skew_share: Share
    outside_share: Share
    leak: Share
    label_factor: Annotated[float, msgspec.Meta(gt=1)]
    freshness: timedelta


class Retraining(_Section, frozen=True):
    """When retraining may start.

    `waiting` says what happens while an approved candidate waits for its review.
    """

    schedule: str
    cooldown: timedelta
    per_week: Positive
    labels: Count
    waiting: Literal["supersede", "wait"]


class Severe(_Section, frozen=True):
    """When drift is severe.

    There must be dataset drift in `k` of the last `n` disjoint buckets, the newest included.
    """

    k: Positive
    n: Positive


class Drift(_Section, frozen=True):
    """How a drift check measures drift, and when it raises an alert.

    Alerts compare with the champion's training data (`training`), because that is the drift which
    retraining can correct, or with the frozen baseline. Both comparisons are kept. Features to
    `ignore` change with the hour, the day or the season. `step` is the length of a bucket.
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
    """The floors of the champion's metrics on the matured predictions of a `window`.

    They are checked when at least `positives` labels are positive. A metric is below its floor when
    chance explains the distance with a probability below `level`.
    """

    window: timedelta
    positives: Positive
    level: Inside
    recall: Share
    roc_auc: Share


class Alerts(_Section, frozen=True):
    """Where notifications of alerts are sent.

    A target is `log`, or the id of an Airflow connection (SMTP, Slack webhook, HTTP).
    """

    notify: tuple[str, ...]


class Report(_Section, frozen=True):
    """Evidently's report on a sample of `rows` rows.

    It is written when an alert opens and once in `every`, and deleted after `keep`.
    """

    rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    every: timedelta
    keep: timedelta


class Review(_Section, frozen=True):
    """When a person must approve a candidate, and how long they have."""

    when: Literal["never", "always", "on_drift"]
    timeout: timedelta


class Guard(_Section, frozen=True):
    """How long a new champion is compared with its decision.

    It may flag at most `flagged` times the share that it flagged in the evidence. This needs no
    labels, and is checked from `predictions` predictions.
    """

    bake: timedelta
    predictions: Positive
    flagged: Annotated[float, msgspec.Meta(gt=1)]


class FinalValidation(_Section, frozen=True):
    """The limits of a candidate's trial in the scoring server, on the newest logged `requests`.

    See `pipelines.rules.promotion.serving_trial`.
    """

    requests: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    parity: Annotated[float, msgspec.Meta(gt=0)]
    p99: timedelta
    memory_mb: Positive


class Promotion(_Section, frozen=True):
    """How long replicas have to acknowledge a promotion."""

    acknowledge_within: timedelta


class ExplanationPolicy(_Section, frozen=True):
    """Which predictions are explained: all, the flagged ones with a `sample`, or requested ones.

    `sample` is a share of the predictions that are not flagged. `drift` is how far the features'
    shares of the total contribution may move from those of training, beyond what chance explains.
    """

    schedule: str
    select: Literal["all", "flagged", "requested"]
    sample: Share
    chunk: Positive
    limit: Positive
    # Fewer attempts would not separate a row that ends its process from the others.
    attempts: Annotated[int, msgspec.Meta(ge=3, le=10)]
    drift: Share


class Retention(_Section, frozen=True):
    """How long rows are kept."""

    predictions: timedelta
    metrics: timedelta


class Policy(_Section, frozen=True):
    """All settings of one use case."""

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
    """Check a policy's document and return the policy.

    A fault raises UseCaseError, which names file, key, value and rule.
    """
    try:
        policy = msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        fault = schema_fault(error)
        key = ".".join(map(str, fault.path)) or "the file"
        rules = {
            "missing": "is missing: every policy needs it",
            "unknown": "is not a setting: check its spelling",
            "rule": fault.rule,
        }
        value = fault.value(document)
        rule = rules[fault.fault]
        raise UseCaseError(f"{file}: {key}: {value!r} {rule}") from error
    for key, value, rule in _contradictions(policy):
        raise UseCaseError(f"{file}: {key}: {value} {rule}")
    return msgspec.structs.replace(policy, use_case=use_case)


Contradiction = tuple[str, Any, str]  # key, value and rule


def _contradictions(policy: Policy) -> Iterator[Contradiction]:
    """Yield values that fit their types and still can't work."""
    yield from _durations(policy)
    yield from _schedules(policy)
    yield from _drift(policy.drift)
    yield from _sizes(policy)


def _durations(policy: Policy) -> Iterator[Contradiction]:
    positive = {
        "evaluation.window": policy.evaluation.window,
        "validation.freshness": policy.validation.freshness,
        "drift.window": policy.drift.window,
        "drift.step": policy.drift.step,
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
    for key, duration in positive.items():
        if duration <= ZERO:
            yield key, duration, "must be longer than zero"
    not_negative = {
        "label_maturity": policy.label_maturity,
        "retraining.cooldown": policy.retraining.cooldown,
        "guard.bake": policy.guard.bake,
    }
    for key, duration in not_negative.items():
        if duration < ZERO:
            yield key, duration, "must not be negative"


def _schedules(policy: Policy) -> Iterator[Contradiction]:
    schedules = {
        "retraining.schedule": policy.retraining.schedule,
        "drift.schedule": policy.drift.schedule,
        "explanation.schedule": policy.explanation.schedule,
    }
    for key, schedule in schedules.items():
        if not croniter.is_valid(schedule):
            yield key, repr(schedule), "is not a cron expression: see crontab(5)"


def _drift(drift: Drift) -> Iterator[Contradiction]:
    if drift.step > drift.window:
        rule = f"must not be longer than the window, {drift.window}"
        yield "drift.step", drift.step, rule
    if drift.step > ZERO and drift.window % drift.step:
        rule = f"must be a multiple of drift.step, {drift.step}"
        yield "drift.window", drift.window, rule
    severe = drift.severe
    if severe.k > severe.n:
        rule = f"must not be more than n, {severe.n}: drift would never be severe"
        yield "drift.severe.k", severe.k, rule


def _sizes(policy: Policy) -> Iterator[Contradiction]:
    explanation = policy.explanation
    chunks = -(-explanation.limit // explanation.chunk)  # rounded up
    if chunks > MOST_CHUNKS:
        rule = f"splits a full run into {chunks} tasks: Airflow maps at most {MOST_CHUNKS}"
        yield "explanation.chunk", explanation.chunk, rule
    window = policy.evaluation.window
    kept = policy.retention.predictions
    if kept < window:
        rule = f"must not be shorter than evaluation.window, {window}: retraining reads these rows"
        yield "retention.predictions", kept, rule


def overlay(document: Any, over: Any) -> Any:
    """Lay one document over another: mappings merge key by key, any other value is replaced."""
    if not isinstance(document, Mapping) or not isinstance(over, Mapping):
        return over
    merged = dict(document)
    for key, value in over.items():
        merged[key] = overlay(document.get(key), value)
    return merged
