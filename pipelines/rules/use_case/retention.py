"""When the rows of each use case are deleted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.rules.use_case.policy_sections.retention import Retention

SHORTEST = timedelta(days=1)


@dataclass(frozen=True)
class Expiry:
    """The first days that are kept.

    `predictions` also goes for their explanations, `metrics` for counts, and `history` for what the
    ingest DAG imported.
    """

    predictions: date
    metrics: date
    history: date


def expiries(
    use_cases: Collection[str],
    retentions: Mapping[str, Retention],
    *,
    default: Retention,
    today: date,
) -> dict[str, Expiry]:
    """Return what each use case keeps, by its own policy.

    `default` is for use cases without a readable policy, and for those whose folder was removed.
    Yesterday and today are always kept.
    """
    by_use_case = {}
    for name in use_cases:
        retention = retentions.get(name, default)
        by_use_case[name] = Expiry(
            predictions=today - max(retention.predictions, SHORTEST),
            metrics=today - max(retention.metrics, SHORTEST),
            history=today - max(retention.history, SHORTEST),
        )
    return by_use_case


def expired_for_all(expiries: Collection[Expiry]) -> date | None:
    """Return the day before which no use case keeps predictions; None without use cases."""
    return min((expiry.predictions for expiry in expiries), default=None)
