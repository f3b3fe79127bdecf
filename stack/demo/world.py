"""What every simulated world has: its time, its kinds of drift, and the transactions in it.

Each day has its own random streams, keyed by the seed and the date. So runs of one seed agree where
they overlap, and a later run continues an earlier one. Drift only changes or adds transactions from
its first moment on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HOUR = 3_600_000_000  # times are microseconds since 1970, UTC
DAY = 24 * HOUR
# covariate: the features change. prior: there are more positives. concept: other rows are positive.
# attack: a new pattern of positives, which changes features and labels.
DRIFTS = frozenset({"covariate", "prior", "concept", "attack"})


@dataclass(frozen=True, kw_only=True)
class World:
    """What to simulate: `days` of transactions from `start`, an aware datetime.

    Without `drift_from`, the drift is everywhere. Raises DataError for a naive time, an unknown
    drift, or a number below its minimum.
    """

    MINIMUMS: ClassVar[dict[str, int]] = {"days": 1}

    seed: int = 0
    start: datetime
    days: int
    drift: frozenset[str] = frozenset()
    drift_from: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("start", "drift_from"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise DataError(
                    f"{name} is {moment.isoformat()} without a time zone; give an aware datetime"
                )
        if unknown := sorted(self.drift - DRIFTS):
            valid = ", ".join(sorted(DRIFTS))
            raise DataError(f"drift has {', '.join(unknown)}; valid are {valid}")
        for name, minimum in self.MINIMUMS.items():
            value = getattr(self, name)
            if value < minimum:
                raise DataError(f"{name} is {value}; give at least {minimum}")

    @property
    def since(self) -> int:
        """The first moment, in microseconds since 1970."""
        return microseconds(self.start)

    @property
    def until(self) -> int:
        """The first moment after the world's days."""
        return microseconds(self.start + timedelta(days=self.days))

    def contains(self, time: Ints) -> NDArray[np.bool_]:
        """Return a mask of the times within the world's days."""
        return (time >= self.since) & (time < self.until)

    def drifts(self, kind: str, time: Ints) -> NDArray[np.bool_]:
        """Return a mask of the times at which drift of this kind is active."""
        since = np.iinfo(np.int64).min
        if self.drift_from is not None:
            since = microseconds(self.drift_from)
        return (time >= since) & (kind in self.drift)

    def stream(self, kind: int, day: int = 0) -> np.random.Generator:
        """Return the random numbers of one kind on one day since 1970."""
        return np.random.default_rng([self.seed, kind, day])


@dataclass(frozen=True)
class Transactions:
    """Columns of n transactions, ordered by time.

    `scenario` is a profile's own kind of a transaction. `features` has the raw features in the
    order of the contract; a missing value is NaN.
    """

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
        features = {name: values[index] for name, values in self.features.items()}
        columns = {
            column.name: getattr(self, column.name)[index]
            for column in fields(self)
            if column.name != "features"
        }
        return type(self)(**columns, features=features)


class Profile(Protocol):
    """The simulated world of one use case; each module of `stack.demo.profiles` has one.

    `new_pattern` says in a few words what begins with an attack.
    """

    @property
    def new_pattern(self) -> str: ...

    def simulate(self, world: World) -> Transactions:
        """Return the transactions in [start, start + days), ordered by time."""
        ...


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
