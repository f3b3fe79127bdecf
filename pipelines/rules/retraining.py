"""May a retraining start? The reason why not, or None."""

from dataclasses import dataclass
from datetime import datetime

from pipelines.rules.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What is known when a run asks to start; `last_trained` is when the last run that trained was opened."""

    as_of: datetime
    has_champion: bool
    last_trained: datetime | None
    matured_labels: int
    forced: bool
    snapshot: str | None


def why_not(conditions: Conditions, policy: Policy) -> str | None:
    """Say why a run may not start.

    A first model and a named snapshot need no labels; a person's `force` skips the cooldown only.
    """
    last, cooldown = conditions.last_trained, policy.retraining.cooldown
    if conditions.has_champion and last and not conditions.forced and conditions.as_of < last + cooldown:
        return f"cooldown: the last retraining was opened {last:%Y-%m-%d %H:%M} UTC, the next may start {last + cooldown:%Y-%m-%d %H:%M} UTC"
    wanted = policy.retraining.labels
    if conditions.has_champion and not conditions.snapshot and conditions.matured_labels < wanted:
        return f"labels: {conditions.matured_labels} matured labels in the window, {wanted - conditions.matured_labels} more are needed"
    return None
