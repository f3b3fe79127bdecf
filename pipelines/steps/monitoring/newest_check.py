"""Only the newest drift check changes alerts, sends notifications and starts other DAGs.

A check is older when another one has a window that ends later, or was made for a later moment of
the same window. Backfills and cleared runs are such checks. Their metrics are kept as history.
"""

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.monitoring.drift_check import Span


def why_older(context: Context) -> str | None:
    """Why this run's check is not the newest; None when it is."""
    newest = context.metrics.newest(context.name)
    if newest is None or newest.check_id == context.run_id:
        return None
    drift = context.use_case.policy.drift
    span = Span.at(context.as_of, drift.window, drift.step)
    if (newest.window_end, newest.at) <= (span.end, context.as_of):
        return None
    end = f"{span.end:%Y-%m-%d %H:%M} UTC"
    return f"a newer drift check exists; the window of this one ended at {end}"


def require_newest(context: Context) -> None:
    """Raise StepSkipped unless this run's check is the newest."""
    if reason := why_older(context):
        raise StepSkipped(reason)


def require_current(context: Context) -> None:
    """Raise StepSkipped unless this run's check is the newest and its time has come.

    Its time may be at most one bucket ahead of the database's clock.
    """
    require_newest(context)
    step = context.use_case.policy.drift.step
    if context.metrics.is_ahead(context.as_of, step):
        time = f"{context.as_of:%Y-%m-%d %H:%M} UTC"
        raise StepSkipped(
            f"the time of the drift check, {time}, is more than {step} ahead of the database's "
            "clock: the check changes no alert"
        )
