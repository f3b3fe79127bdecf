"""Simulate a town that pays by card: customers, terminals, fraudsters and the ways they change.

Each day has its own random streams, keyed by the seed and the calendar date, and each episode of fraud has its place in
the calendar. So two runs of one seed agree wherever they overlap, a longer run continues a shorter one, and drift, which
only adds rows or changes them from its first moment on, leaves the past as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRIFTS = frozenset({"covariate", "prior", "concept", "attack"})
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
MOST_CENTS = 2_000_000
FAVOURITES = 6  # terminals per customer
BIG_PURCHASE = 0.005  # share of genuine payments as large as a fraudster's
HIGH_AMOUNT = 0.009  # shares of all payments
LOOKALIKE = 0.0015
SURGE = 3  # prior drift: times more fraud
INFLATION, EXTRA_SHOPPING = 1.6, 0.4  # covariate drift
BUSY_RATE, NIGHT_SHARE = 2.75, 0.033  # concept drift: payments per day of a busy customer; fraud per genuine payment
RING_RATIO, RING_PACE, RING_TERMINALS, RING_WEEKS = 0.25, 60, 5, 8  # attack: payments per genuine one; per card and day


class Scenario(IntEnum):
    """What a transaction is; everything but GENUINE is fraud."""

    GENUINE = 0
    HIGH_AMOUNT = 1
    TERMINAL = 2
    CARD = 3
    LOOKALIKE = 4
    NIGHT = 5  # concept drift only
    RING = 6  # attack only


class _Stream(IntEnum):
    TOWN, SHOPPING, EXTRA, NIGHT, RING = range(5)


class _Episodes(NamedTuple):
    """A steady `share` of the members is compromised at any time, each for `days`; then `hit` of their payments is fraud."""

    share: float
    days: int
    hit: float


TERMINAL_EPISODES = _Episodes(share=0.024, days=28, hit=0.6)
CARD_EPISODES = _Episodes(share=0.026, days=14, hit=0.4)


@dataclass(frozen=True, kw_only=True)
class World:
    """What to simulate: `days` of transactions from `start` (aware), after a warm-up that fills the windows.

    Raises ValueError for a naive time, an unknown drift, or a town too small for its fraudsters.
    """

    seed: int = 0
    start: datetime
    days: int
    warm_up_days: int = max(WINDOW_DAYS) + LABEL_DELAY_DAYS
    customers: int = 1000
    terminals: int = 500
    drift: frozenset[str] = frozenset()
    drift_from: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("start", "drift_from"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} is {moment.isoformat()} without a time zone; give an aware datetime")
        if unknown := sorted(self.drift - DRIFTS):
            raise ValueError(f"drift has {', '.join(unknown)}; valid are {', '.join(sorted(DRIFTS))}")
        for name, least in (("days", 1), ("warm_up_days", 0), ("customers", SURGE), ("terminals", SURGE)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least {least}")

    def drifts(self, kind: str, at: Ints) -> Mask:
        """Say which of the times `at` lie under drift of this kind."""
        since = np.iinfo(np.int64).min if self.drift_from is None else _microseconds(self.drift_from)
        return (at >= since) & (kind in self.drift)

    def stream(self, kind: _Stream, day: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, kind, day])


@dataclass(frozen=True)
class Transactions:
    """Columns of n transactions, ordered by time; `features` has the keys of FEATURES in their order."""

    transaction_id: NDArray[np.str_]
    entity_key: NDArray[np.str_]
    event_time: NDArray[np.datetime64]
    label: NDArray[np.int8]
    scenario: NDArray[np.int8]
    features: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.event_time)

    def take(self, index: NDArray[Any]) -> Self:
        """Return the transactions at `index`: positions, or a mask of length n."""
        columns = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "features"}
        return type(self)(**columns, features={name: values[index] for name, values in self.features.items()})


@dataclass(frozen=True)
class _Town:
    """Who lives here: arrays by customer, and the order in which fraudsters reach customers and terminals."""

    mean_amount: Floats
    rate: Floats
    favourites: Ints  # (customers, FAVOURITES)
    customer_order: Ints
    terminal_order: Ints

    @classmethod
    def of(cls, world: World) -> _Town:
        rng = world.stream(_Stream.TOWN)
        return cls(
            mean_amount=rng.lognormal(np.log(40), 0.5, world.customers),
            rate=rng.uniform(1, 3.5, world.customers),
            favourites=rng.integers(world.terminals, size=(world.customers, FAVOURITES)),
            customer_order=rng.permutation(world.customers),
            terminal_order=rng.permutation(world.terminals),
        )


@dataclass(frozen=True)
class _Rows:
    """Payments before features; `number` is theirs for good, `amount` is in cents once they are settled."""

    number: Ints
    customer: Ints
    terminal: Ints
    at: Ints
    amount: Floats
    scenario: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __getitem__(self, index: NDArray[Any]) -> _Rows:
        return _Rows(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @staticmethod
    def join(parts: list[_Rows]) -> _Rows:
        return _Rows(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(_Rows)})
