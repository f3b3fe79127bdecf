"""Share of rows without a value. Without drift it is the reference's share."""

from pipelines.rules.monitoring.drift_statistics.interface import ColumnCounts, StatisticValue


class MissingShare:
    """The share of the window's rows, and of the reference's."""

    name = "missing"
    title = "missing"
    order = 50
    format = ".1%"
    is_test = False
    takes_ignored = True
    takes_scores = False

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The share of missing values in the window, and in the reference."""
        return StatisticValue(
            value=float(column.window[0] / column.m),
            expected=float(column.reference[0] / column.n),
        )
