"""May a retraining start? The reason why not, or None."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.rules.use_case.policy import Policy

WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is known when a run asks to start.

    last_trained: when the last run that trained was opened · trained_this_week: how many were, in the seven days before ·
    waiting: the decision whose candidate is approved and neither promoted nor refused
    """

    as_of: datetime
    has_champion: bool
    last_trained: datetime | None
    trained_this_week: int
    waiting: int | None
    matured_labels: int
    forced: bool
    reason: str | None
    snapshot: str | None


def why_not(conditions: Conditions, policy: Policy) -> str | None:
    """Say why a run may not start.

    A first model and a named snapshot need no labels; a person's `force` skips the cooldown only, and has to be explained.
    """
    if conditions.forced and not conditions.reason:
        return "force: a run that skips the cooldown needs a reason: give it in the param `reason`"
    if not conditions.has_champion:
        return None
    rules = (_too_soon, _too_many, _waits, _unlabelled)
    return next(filter(None, (rule(conditions, policy) for rule in rules)), None)


def _too_soon(conditions: Conditions, policy: Policy) -> str | None:
    last, cooldown = conditions.last_trained, policy.retraining.cooldown
    if conditions.forced or last is None or conditions.as_of >= last + cooldown:
        return None
    opened, again = f"{last:%Y-%m-%d %H:%M} UTC", f"{last + cooldown:%Y-%m-%d %H:%M} UTC"
    return f"cooldown: the last retraining was opened {opened}, the next may start {again}"


def _too_many(conditions: Conditions, policy: Policy) -> str | None:
    trained, most = conditions.trained_this_week, policy.retraining.per_week
    return (
        f"budget: {trained} runs trained within the last 7 days, {most} may"
        if trained >= most
        else None
    )


def _waits(conditions: Conditions, policy: Policy) -> str | None:
    if conditions.waiting is None or policy.retraining.waiting == "supersede":
        return None
    return f"waiting: the candidate of decision {conditions.waiting} is approved and waits for its review: answer it first"


def _unlabelled(conditions: Conditions, policy: Policy) -> str | None:
    there, wanted = conditions.matured_labels, policy.retraining.labels
    if conditions.snapshot or there >= wanted:
        return None
    return f"labels: {there} matured labels in the window, {wanted - there} more are needed"
