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
        opened, again = f"{last:%Y-%m-%d %H:%M} UTC", f"{last + cooldown:%Y-%m-%d %H:%M} UTC"
        return f"cooldown: the last retraining was opened {opened}, the next may start {again}"
    there, wanted = conditions.matured_labels, policy.retraining.labels
    if conditions.has_champion and not conditions.snapshot and there < wanted:
        return f"labels: {there} matured labels in the window, {wanted - there} more are needed"
    return None
