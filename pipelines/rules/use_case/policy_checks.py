"""Finds values of a policy that fit their types and still can't work."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from croniter import croniter

from pipelines.rules.use_case.ingest_checks import ingest_contradictions
from pipelines.rules.use_case.policy_keys import PolicyKey, keys_of
from pipelines.rules.use_case.policy_sections.monitoring import Drift
from pipelines.rules.use_case.policy_sections.values import (
    Duration,
    OptionalSchedule,
    PositiveDuration,
    Schedule,
)

if TYPE_CHECKING:
    from pipelines.rules.use_case.policy import Policy

# Airflow's core.max_map_length is 1024, and each version has one chunk that is not full.
MOST_CHUNKS = 1000
ZERO = timedelta(0)
Contradiction = tuple[str, Any, str]  # key, value and rule


def contradictions(policy: "Policy") -> Iterator[Contradiction]:
    """Yield each value that can't work."""
    for key in keys_of(policy):
        yield from _single(key)
    yield from _drift(policy.drift)
    yield from _sizes(policy)
    yield from _threshold(policy)
    yield from ingest_contradictions(policy.ingest)


def _single(key: PolicyKey) -> Iterator[Contradiction]:
    """Check what msgspec can't: lengths of durations, and cron expressions."""
    value = key.value
    if key.annotation is PositiveDuration and value <= ZERO:
        yield key.name, value, "must be longer than zero"
    if key.annotation is Duration and value < ZERO:
        yield key.name, value, "must not be negative"
    is_schedule = key.annotation is Schedule or (key.annotation is OptionalSchedule and value)
    if is_schedule and not croniter.is_valid(value):
        yield key.name, repr(value), "is not a cron expression: see crontab(5)"


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


def _sizes(policy: "Policy") -> Iterator[Contradiction]:
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


def _threshold(policy: "Policy") -> Iterator[Contradiction]:
    threshold = policy.training.threshold
    per_day = threshold.per_day
    per_share = threshold.per_share
    if threshold.metric != "alerts":
        rule = f"has no effect with metric {threshold.metric}: set metric to alerts, or remove it"
        if per_day is not None:
            yield "training.threshold.per_day", per_day, rule
        if per_share is not None:
            yield "training.threshold.per_share", per_share, rule
    elif per_day is None and per_share is None:
        rule = "needs per_day or per_share: how many rows may be flagged"
        yield "training.threshold.metric", "alerts", rule
    elif per_day is not None and per_share is not None:
        rule = "must not be set beside per_day: remove one of them"
        yield "training.threshold.per_share", per_share, rule
    elif per_day is not None and policy.evaluation.split == "id":
        rule = (
            "needs whole days of rows, which `evaluation.split: id` spreads over training and "
            "held-out rows: set training.threshold.per_share in its place"
        )
        yield "training.threshold.per_day", per_day, rule
