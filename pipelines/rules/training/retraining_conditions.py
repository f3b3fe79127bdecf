"""Conditions under which a retraining may start."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.rules.use_case.policy import Policy

WEEK = timedelta(days=7)
MINUTE = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The state when a run starts.

    last_trained: when the last run that trained was opened · trained_this_week: number of runs that
    trained in the seven days before · waiting: the decision whose approved candidate is neither
    promoted nor refused · reference: a person asked for reference rows · champion_is_real: the
    champion was judged on real rows · has_history: the ingest DAG imported labelled history
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
    reference: bool = False
    champion_is_real: bool = False
    has_history: bool = False


def why_not(conditions: Conditions, policy: Policy) -> str | None:
    """The reason why a run may not start; None when it may.

    A first model, a named snapshot and reference rows need no logged labels, but a first model
    needs one of the latter two, or imported history. `force` skips the cooldown only, and needs a
    reason.
    """
    if conditions.forced and not conditions.reason:
        return "force: a run that skips the cooldown needs a reason: give it in the param `reason`"
    if reason := _reference(conditions):
        return reason
    if not conditions.has_champion:
        return None
    return why_blocked(conditions, policy) or _labels(conditions, policy)


def why_blocked(conditions: Conditions, policy: Policy) -> str | None:
    """The reason why earlier runs keep a run from starting; None when they do not."""
    if not conditions.has_champion:
        return None
    for rule in (_cooldown, _budget, _waiting_candidate):
        if reason := rule(conditions, policy):
            return reason
    return None


def cooldown_end(conditions: Conditions, policy: Policy) -> datetime | None:
    """The end of the cooldown; None when it does not hold."""
    last = conditions.last_trained
    if conditions.forced or not conditions.has_champion or last is None:
        return None
    end = last + policy.retraining.cooldown
    return end if conditions.as_of < end else None


def _reference(conditions: Conditions) -> str | None:
    """Why reference rows may not be used, or what a first model needs."""
    if conditions.reference and conditions.snapshot:
        return "reference: the run also names a snapshot: give one of the two params"
    if conditions.reference and conditions.champion_is_real:
        return (
            "reference: the model in Production was trained on real rows, and reference rows never "
            "replace it: leave out the param `reference`"
        )
    has_rows = conditions.snapshot or conditions.reference or conditions.has_history
    if conditions.has_champion or has_rows:
        return None
    return (
        "data: no model is in Production, so no prediction is logged to train on: ingest labelled "
        "rows and name them in the param `snapshot`, or set `reference` to train a first try on "
        "the baseline, which is no real traffic"
    )


def _cooldown(conditions: Conditions, policy: Policy) -> str | None:
    end = cooldown_end(conditions, policy)
    if end is None:
        return None
    return (
        f"cooldown: the last retraining was opened {conditions.last_trained:{MINUTE}}, "
        f"the next may start {end:{MINUTE}}"
    )


def _budget(conditions: Conditions, policy: Policy) -> str | None:
    trained = conditions.trained_this_week
    limit = policy.retraining.per_week
    if trained < limit:
        return None
    return f"budget: {trained} runs trained within the last 7 days, the limit is {limit}"


def _waiting_candidate(conditions: Conditions, policy: Policy) -> str | None:
    if conditions.waiting is None or policy.retraining.waiting == "supersede":
        return None
    return (
        f"waiting: the candidate of decision {conditions.waiting} is approved and waits for its "
        "review: answer it first"
    )


def _labels(conditions: Conditions, policy: Policy) -> str | None:
    labels = conditions.matured_labels
    needed = policy.retraining.labels
    if conditions.snapshot or conditions.reference or labels >= needed:
        return None
    return f"labels: {labels} matured labels in the window, {needed - labels} more are needed"
