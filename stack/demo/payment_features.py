"""Features of payments, point in time: no window sees a later payment or a label that is not due yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[np.void]  # payments without features, of type PAYMENT

PAYMENT = np.dtype(
    [(name, np.int64) for name in ("number", "customer", "terminal", "at", "cents", "scenario")]
)
WINDOW_DAYS = (1, 7, 30)
LABEL_DELAY_DAYS = 7
FEATURES: tuple[str, ...] = (
    "amount", "during_weekend", "during_night",
    *(f"customer_{value}_{days}d" for days in WINDOW_DAYS for value in ("count", "mean_amount")),
    *(f"terminal_{value}_{days}d" for days in WINDOW_DAYS for value in ("count", "risk")),
)  # fmt: skip

HOUR = 3_600_000_000  # times are microseconds since 1970, UTC
DAY = 24 * HOUR
NIGHT_HOURS = 7  # 00:00 up to 07:00


class Scenario(IntEnum):
    """What a transaction is; everything but GENUINE is fraud."""

    GENUINE = 0
    HIGH_AMOUNT = 1
    TERMINAL = 2
    CARD = 3
    LOOKALIKE = 4
    NIGHT = 5  # concept drift only
    RING = 6  # attack only


def describe(rows: Rows) -> dict[str, Floats]:
    """Compute FEATURES of payments (n,), ordered by time, none of which sees a later payment or a label not yet due.

    A customer's windows are (t - days, t]; a terminal's end LABEL_DELAY_DAYS earlier.
    """
    weekday, hour = (
        (rows["at"] // DAY + 3) % 7,
        rows["at"] % DAY // HOUR,
    )  # 1970 began on a Thursday
    found = {
        "amount": rows["cents"] / 100,
        "during_weekend": weekday >= 5,
        "during_night": hour < NIGHT_HOURS,
    }
    customers = _History.of(rows["customer"], rows["at"], rows["cents"])
    terminals = _History.of(
        rows["terminal"], rows["at"], (rows["scenario"] != Scenario.GENUINE).astype(np.int64)
    )
    for days in WINDOW_DAYS:
        count, cents = customers.window(days)
        found |= {
            f"customer_count_{days}d": count,
            f"customer_mean_amount_{days}d": cents / 100 / count,
        }
        count, frauds = terminals.window(days, lag=LABEL_DELAY_DAYS)
        found |= {
            f"terminal_count_{days}d": count,
            f"terminal_risk_{days}d": frauds / np.maximum(count, 1),
        }
    return {name: found[name].astype(np.float64) for name in FEATURES}


@dataclass(frozen=True)
class _History:
    """Payments sorted by group and time, with running sums of a value, to answer what a group did in a window."""

    order: Ints
    keys: Ints
    sums: Ints

    @classmethod
    def of(cls, group: Ints, at: Ints, value: Ints) -> _History:
        margin = (
            max(WINDOW_DAYS) + LABEL_DELAY_DAYS + 1
        ) * DAY  # no window reaches back into the group before
        keys = group * (np.ptp(at) + margin) + (at - at.min())
        order = np.argsort(keys, kind="stable")
        return cls(order, keys[order], np.concatenate([[0], np.cumsum(value[order])]))

    def window(self, days: int, lag: int = 0) -> tuple[Ints, Ints]:
        """Return, for each payment at t, the count and the sum over its group in (t - lag - days, t - lag]."""
        first = np.searchsorted(self.keys, self.keys - (lag + days) * DAY, side="right")
        last = np.searchsorted(self.keys, self.keys - lag * DAY, side="right")
        count, total = np.empty_like(self.keys), np.empty_like(self.keys)
        count[self.order], total[self.order] = last - first, self.sums[last] - self.sums[first]
        return count, total
