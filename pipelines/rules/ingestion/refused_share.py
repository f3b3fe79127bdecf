"""When an import on a schedule refuses so many rows that it stores none."""

from pipelines.rules.statistics.confidence_intervals import Z999, wilson


def are_too_many(refused: int, rows: int, *, share: float) -> bool:
    """Whether more than a share of rows is refused, and chance does not explain it.

    An increment may have a handful of rows, of which one is many. So the lower 99.9 % bound of the
    share must exceed the limit.
    """
    if not refused:
        return False
    lower, _ = wilson(refused, rows, Z999)
    return lower > share
