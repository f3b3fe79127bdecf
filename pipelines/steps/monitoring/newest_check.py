"""Only the newest drift check says something of now: an older one changes no alert and wakes nobody.

A check is older when another one has a window that ends later, or was made for a later moment of
the same window. Backfills and cleared runs are such checks. Their figures are kept for history.
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
    end = Span.at(context.as_of, drift.window, drift.step).end
    if (newest.window_end, newest.at) <= (end, context.as_of):
        return None
    return f"a newer check was made: what ended at {end:%Y-%m-%d %H:%M} UTC says nothing of now"


def require_newest(context: Context) -> None:
    """Raise StepSkipped unless this run's check is the newest."""
    if older := why_older(context):
        raise StepSkipped(older)


def require_current(context: Context) -> None:
    """The same, and the check's time may lie one step ahead of the database's clock at most."""
    require_newest(context)
    step = context.use_case.policy.drift.step
    if context.metrics.is_ahead(context.as_of, step):
        raise StepSkipped(
            f"the check's time, {context.as_of:%Y-%m-%d %H:%M} UTC, lies more than {step} ahead of the "
            "database's clock: its window says nothing of now"
        )
