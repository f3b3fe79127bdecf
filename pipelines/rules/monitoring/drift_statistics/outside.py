"""Share of rows with a value that no row of the baseline can have.

Such values are below the baseline's minimum, above its maximum, or categories that the contract
does not know. Without drift the share is the reference's.
"""

from pipelines.rules.monitoring.drift_statistics.interface import ColumnCounts, StatisticValue


class OutsideShare:
    """The share of the window's rows, and of the reference's."""

    name = "outside"
    title = "outside"
    order = 60
    format = ".1%"
    is_test = False
    takes_ignored = True
    takes_scores = False

    def measure(self, column: ColumnCounts) -> StatisticValue:
        """The share of values outside in the window, and in the reference."""
        indices = [index + 1 for index in column.profile.outside]
        in_window = column.window[indices].sum()
        in_reference = column.reference[indices].sum()
        return StatisticValue(
            value=float(in_window / column.m),
            expected=float(in_reference / column.n),
        )
