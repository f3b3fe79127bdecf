"""Simulate a town that pays by card: its customers, terminals and fraudsters, and the ways they change.

Each day has random streams of its own, keyed by the seed and the date, and each episode of fraud has its place in the
calendar. So runs of one seed agree wherever they overlap, and a later run continues an earlier one. Drift only changes
or adds payments from its first moment on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from stack.demo.payment_features import (
    DAY,
    HOUR,
    LABEL_DELAY_DAYS,
    NIGHT_HOURS,
    PAYMENT,
    WINDOW_DAYS,
    Floats,
    Ints,
    Rows,
    Scenario,
    describe,
)

DRIFTS = frozenset({"covariate", "prior", "concept", "attack"})
MOST_CENTS = 2_000_000
FAVOURITES = 6  # terminals per customer
BIG_PURCHASE = 0.003  # share of honest payments as large as a fraudster's
HIGH_AMOUNT, LOOKALIKE = 0.008, 0.0015  # shares of all payments
SURGE = 3  # prior drift: times the fraud
INFLATION, EXTRA_SHOPPING = (
    1.6,
    0.4,
)  # covariate drift: times the amount, further payments per payment
BUSY_RATE, NIGHT_SHARE = (
    2.75,
    0.033,
)  # concept drift: payments per day of a busy customer, frauds per payment
RING_SHARE, RING_PACE = 0.28, 120  # attack: frauds per payment of the town, frauds per card and day
RING_TERMINALS, RING_WEEKS = 5, 8  # attack: terminals in use, weeks until they are used again


class _Stream(IntEnum):
    TOWN, SHOPPING, EXTRA, NIGHT, RING = range(5)


class _Episodes(NamedTuple):
    """At any time a `share` of the members is compromised, each for `days`; `hit` of their payments are fraud."""

    share: float
    days: int
    hit: float


TERMINAL_EPISODES = _Episodes(share=0.02, days=28, hit=0.75)
CARD_EPISODES = _Episodes(share=0.022, days=14, hit=0.45)


@dataclass(frozen=True, kw_only=True)
class World:
    """What to simulate: `days` of transactions from `start` (aware), after a warm-up that fills the windows.

    Raises ValueError for a naive time, an unknown drift, or a town too small for its fraudsters.
    """

    seed: int = 0
    start: datetime
    days: int
    warm_up_days: int = max(WINDOW_DAYS) + LABEL_DELAY_DAYS
    customers: int = 2000
    terminals: int = 500
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
            raise DataError(
                f"drift has {', '.join(unknown)}; valid are {', '.join(sorted(DRIFTS))}"
            )
        for name, least in (("days", 1), ("warm_up_days", 0), ("customers", 10), ("terminals", 10)):
            if getattr(self, name) < least:
                raise DataError(f"{name} is {getattr(self, name)}; give at least {least}")

    def drifts(self, kind: str, at: Ints) -> NDArray[np.bool_]:
        """Say which of the times `at` lie under drift of this kind."""
        since = (
            np.iinfo(np.int64).min if self.drift_from is None else _microseconds(self.drift_from)
        )
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
        columns = {
            f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "features"
        }
        return type(self)(
            **columns, features={name: values[index] for name, values in self.features.items()}
        )


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


def simulate(world: World) -> Transactions:
    """Return the world's transactions in [start, start + days), each with features known at its own time."""
    town = _Town.of(world)
    since, until = (_microseconds(world.start + timedelta(days=days)) for days in (0, world.days))
    dates = range(since // DAY - world.warm_up_days, -(-until // DAY))
    rows = np.concatenate([part for day in dates for part in _payments(world, town, day)])
    rows = rows[np.argsort(rows["at"], kind="stable")]
    returned = (rows["at"] >= since) & (rows["at"] < until)
    return _present(world, rows, describe(rows)).take(returned)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _payments(world: World, town: _Town, day: int) -> list[Rows]:
    """Return the payments of the `day`-th day since 1970: the everyday ones, then those that drift adds."""
    added = {
        "covariate": _shopping(world, town, day, _Stream.EXTRA, EXTRA_SHOPPING),
        "concept": _night_fraud(world, town, day),
        "attack": _ring_fraud(world, town, day),
    }
    everyday = _shopping(world, town, day, _Stream.SHOPPING, 1.0)
    return [everyday, *(rows[world.drifts(kind, rows["at"])] for kind, rows in added.items())]


def _shopping(world: World, town: _Town, day: int, stream: _Stream, pace: float) -> Rows:
    """Return what the customers pay at their favourite terminals, some of it by fraud."""
    rng = world.stream(stream, day)
    customer = np.repeat(np.arange(world.customers), rng.poisson(town.rate * pace))
    n = len(customer)
    terminal = town.favourites[customer, rng.integers(FAVOURITES, size=n)]
    at = day * DAY + (rng.normal(13, 4.75, n) % 24 * HOUR).astype(np.int64) % DAY
    amount = town.mean_amount[customer] * rng.lognormal(0, 0.5, n)
    amount = np.where(rng.random(n) < BIG_PURCHASE, 150 * rng.lognormal(0, 0.5, n), amount)
    amount = amount * np.where(world.drifts("covariate", at), INFLATION, 1.0)
    scenario = _fraud(world, town, day, (customer, terminal, at), rng)
    amount = np.where(scenario == Scenario.HIGH_AMOUNT, 250 * rng.lognormal(0, 0.35, n), amount)
    amount = np.where(scenario == Scenario.CARD, amount * rng.uniform(3, 7, n), amount)
    return _rows(stream, day, customer, terminal, at, amount, scenario)


def _fraud(
    world: World, town: _Town, day: int, who: tuple[Ints, Ints, Ints], rng: np.random.Generator
) -> Ints:
    """Return the scenario of each payment, given its customer, terminal and time."""
    customer, terminal, at = who
    surge = np.where(world.drifts("prior", at), SURGE, 1)
    chance = rng.random((4, len(at)))
    card = _surge_needed(town.customer_order, day, CARD_EPISODES)[customer] <= surge
    reader = _surge_needed(town.terminal_order, day, TERMINAL_EPISODES)[terminal] <= surge
    scenario = np.select(
        [
            world.drifts("concept", at),
            card & (chance[0] < CARD_EPISODES.hit),
            reader & (chance[1] < TERMINAL_EPISODES.hit),
            chance[2] < HIGH_AMOUNT * surge,
            chance[3] < LOOKALIKE * surge,
        ],
        [
            Scenario.GENUINE,
            Scenario.CARD,
            Scenario.TERMINAL,
            Scenario.HIGH_AMOUNT,
            Scenario.LOOKALIKE,
        ],
        default=Scenario.GENUINE,
    )
    return scenario.astype(np.int64)


def _surge_needed(order: Ints, day: int, episodes: _Episodes) -> Ints:
    """Return, by member, the surge of fraud that compromises it on this day: 1 is always there, over SURGE never.

    Each fraudster works through his own part of `order`, a member per episode, and they change over on evenly spaced
    days: the number of members compromised never varies, so neither do the features.
    """
    steady = max(1, round(episodes.share * len(order)))
    fraudsters = np.arange(SURGE * steady)
    episode = (day * steady + fraudsters * episodes.days) // (episodes.days * steady)
    member = episode % (len(order) // len(fraudsters)) * len(fraudsters) + fraudsters
    needed = np.full(len(order), SURGE + 1)
    needed[order[member]] = np.where(fraudsters < steady, 1, SURGE)
    return needed


def _night_fraud(world: World, town: _Town, day: int) -> Rows:
    """Return the concept drift's fraud: small amounts at night on the cards of busy customers."""
    rng = world.stream(_Stream.NIGHT, day)
    weight = town.rate * (town.rate >= min(BUSY_RATE, town.rate.max()))
    n = rng.poisson(NIGHT_SHARE * town.rate.sum())
    customer = rng.choice(world.customers, size=n, p=weight / weight.sum())
    terminal = town.favourites[customer, rng.integers(FAVOURITES, size=n)]
    at = day * DAY + (rng.uniform(0, NIGHT_HOURS, n) * HOUR).astype(np.int64)
    amount = town.mean_amount[customer] * rng.uniform(0.1, 0.5, n)
    return _rows(_Stream.NIGHT, day, customer, terminal, at, amount, np.full(n, Scenario.NIGHT))


def _ring_fraud(world: World, town: _Town, day: int) -> Rows:
    """Return the attack: new cards tried out many times a day, mostly at night, at terminals of the ring's own.

    The terminals change every week, before labels can give them away.
    """
    rng = world.stream(_Stream.RING, day)
    volume = RING_SHARE * town.rate.sum()
    n = rng.poisson(volume)
    customer = world.customers + rng.integers(max(1, round(volume / RING_PACE)), size=n)
    terminal = (
        world.terminals
        + day // 7 % RING_WEEKS * RING_TERMINALS
        + rng.integers(RING_TERMINALS, size=n)
    )
    hours = np.where(rng.random(n) < 0.97, NIGHT_HOURS, 24)
    at = day * DAY + (rng.uniform(0, hours) * HOUR).astype(np.int64)
    return _rows(
        _Stream.RING, day, customer, terminal, at, rng.uniform(1, 5, n), np.full(n, Scenario.RING)
    )


def _rows(
    stream: _Stream,
    day: int,
    customer: Ints,
    terminal: Ints,
    at: Ints,
    amount: Floats,
    scenario: Ints,
) -> Rows:
    """Settle payments: number them for good, and round their amounts to cents within the limits."""
    rows = np.empty(len(at), PAYMENT)
    rows["number"] = (day * len(_Stream) + stream) * 1_000_000 + np.arange(len(at))
    rows["customer"], rows["terminal"], rows["at"], rows["scenario"] = (
        customer,
        terminal,
        at,
        scenario,
    )
    rows["cents"] = np.clip(np.rint(amount * 100), 1, MOST_CENTS)
    return rows


def _present(world: World, rows: Rows, features: dict[str, Floats]) -> Transactions:
    """Give payments their public names; a key starts with "r-" for the ring's cards and "c-" for customers'."""
    keys = [f"c-{i:05d}" for i in range(world.customers)]
    keys += [f"r-{i:05d}" for i in range(max(0, rows["customer"].max() + 1 - world.customers))]
    return Transactions(
        transaction_id=np.char.mod(f"t-{world.seed}-%d", rows["number"]),
        entity_key=np.array(keys)[rows["customer"]],
        event_time=rows["at"].astype("datetime64[us]"),
        label=(rows["scenario"] != Scenario.GENUINE).astype(np.int8),
        scenario=rows["scenario"].astype(np.int8),
        features=features,
    )
