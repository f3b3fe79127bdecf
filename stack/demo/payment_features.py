"""Point-in-time features of payments.

No window contains a later payment or a label that has not arrived yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from stack.demo.world import DAY, HOUR, Floats, Ints

Rows = NDArray[np.void]  # payments without features, of dtype PAYMENT

PAYMENT = np.dtype(
    [(name, np.int64) for name in ("number", "customer", "terminal", "time", "cents", "scenario")]
)
WINDOW_DAYS = (1, 7, 30)
LABEL_DELAY_DAYS = 7
FEATURES: tuple[str, ...] = (
    "amount",
    "during_weekend",
    "during_night",
    *(f"customer_{value}_{days}d" for days in WINDOW_DAYS for value in ("count", "mean_amount")),
    *(f"terminal_{value}_{days}d" for days in WINDOW_DAYS for value in ("count", "risk")),
)

NIGHT_HOURS = 7  # 00:00 up to 07:00


class Scenario(IntEnum):
    """The kind of a transaction; every kind except GENUINE is fraud."""

    GENUINE = 0
    HIGH_AMOUNT = 1
    TERMINAL = 2
    CARD = 3
    LOOKALIKE = 4
    NIGHT = 5  # concept drift only
    RING = 6  # attack only


def describe(rows: Rows) -> dict[str, Floats]:
    """Compute FEATURES of payments (n,) that are ordered by time.

    A customer's windows are (t - days, t]; a terminal's windows end LABEL_DELAY_DAYS earlier. So no
    feature uses a later payment or a label that has not arrived yet.
    """
    time = rows["time"]
    day = time // DAY
    weekday = (day + 3) % 7  # 1970 began on a Thursday
    hour = time % DAY // HOUR
    fraud = rows["scenario"] != Scenario.GENUINE
    features = {
        "amount": rows["cents"] / 100,
        "during_weekend": weekday >= 5,
        "during_night": hour < NIGHT_HOURS,
    }
    customers = _History.of(rows["customer"], time, rows["cents"])
    terminals = _History.of(rows["terminal"], time, fraud.astype(np.int64))
    for days in WINDOW_DAYS:
        count, cents = customers.window(days)
        features[f"customer_count_{days}d"] = count
        features[f"customer_mean_amount_{days}d"] = cents / 100 / count
        count, frauds = terminals.window(days, lag=LABEL_DELAY_DAYS)
        features[f"terminal_count_{days}d"] = count
        features[f"terminal_risk_{days}d"] = frauds / np.maximum(count, 1)
    return {name: features[name].astype(np.float64) for name in FEATURES}


@dataclass(frozen=True)
class _History:
    """Payments sorted by group and time, with running sums of a value, for sums over windows."""

    order: Ints
    keys: Ints
    sums: Ints

    @classmethod
    def of(cls, group: Ints, time: Ints, value: Ints) -> _History:
        # The margin keeps every window of a group clear of the payments of the group before.
        margin = (max(WINDOW_DAYS) + LABEL_DELAY_DAYS + 1) * DAY
        span = np.ptp(time) + margin
        keys = group * span + (time - time.min())
        order = np.argsort(keys, kind="stable")
        running = np.cumsum(value[order])
        return cls(
            order=order,
            keys=keys[order],
            sums=np.concatenate([[0], running]),
        )

    def window(self, days: int, lag: int = 0) -> tuple[Ints, Ints]:
        """Return, for each payment at time t, the count and the sum over its group's window.

        The window is (t - lag - days, t - lag].
        """
        end = self.keys - lag * DAY
        start = end - days * DAY
        first = np.searchsorted(self.keys, start, side="right")
        last = np.searchsorted(self.keys, end, side="right")
        counts = last - first
        sums = self.sums[last] - self.sums[first]
        return self._unsorted(counts), self._unsorted(sums)

    def _unsorted(self, values: Ints) -> Ints:
        """Return values of sorted payments in the original order of the payments."""
        result = np.empty_like(self.keys)
        result[self.order] = values
        return result
