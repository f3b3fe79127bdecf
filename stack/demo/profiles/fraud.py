"""Simulate card payments in a town: its customers, terminals and fraudsters, and how they change.

Each episode of fraud has fixed dates, so that runs of one seed agree where they overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple

import numpy as np

from stack.demo.payment_features import (
    LABEL_DELAY_DAYS,
    NIGHT_HOURS,
    PAYMENT,
    WINDOW_DAYS,
    Rows,
    Scenario,
    describe,
)
from stack.demo.world import DAY, HOUR, Floats, Ints, Transactions, World

MOST_CENTS = 2_000_000
FAVOURITES = 6  # terminals per customer
BIG_PURCHASE = 0.003  # share of honest payments as large as a fraudster's
HIGH_AMOUNT = 0.008  # share of all payments
LOOKALIKE = 0.0015  # share of all payments
# Prior drift.
SURGE = 3  # factor on the fraud
# Covariate drift.
INFLATION = 1.6  # factor on the amount
EXTRA_SHOPPING = 0.4  # additional payments per payment
# Concept drift.
BUSY_RATE = 2.75  # payments per day of a busy customer
NIGHT_SHARE = 0.033  # frauds per payment
# Attack.
RING_SHARE = 0.28  # frauds per payment of the town
RING_PACE = 120  # frauds per card and day
RING_TERMINALS = 5  # terminals in use
RING_WEEKS = 8  # weeks until they are used again


class _Stream(IntEnum):
    TOWN, SHOPPING, EXTRA, NIGHT, RING = range(5)


class _Episodes(NamedTuple):
    """A `share` of the members is compromised at any time, each for `days`.

    `hit` is the share of their payments that are fraud.
    """

    share: float
    days: int
    hit: float


TERMINAL_EPISODES = _Episodes(share=0.02, days=28, hit=0.75)
CARD_EPISODES = _Episodes(share=0.022, days=14, hit=0.45)


@dataclass(frozen=True, kw_only=True)
class PaymentWorld(World):
    """A town of `customers` and `terminals`.

    A warm-up before `start` fills the windows of the features. Raises DataError for a town too
    small for its fraudsters.
    """

    MINIMUMS: ClassVar[dict[str, int]] = {
        "days": 1,
        "warm_up_days": 0,
        "customers": 10,
        "terminals": 10,
    }

    warm_up_days: int = max(WINDOW_DAYS) + LABEL_DELAY_DAYS
    customers: int = 2000
    terminals: int = 500

    @classmethod
    def of(cls, world: World) -> PaymentWorld:
        """Return a world as one of payments, with a town of the usual size."""
        if isinstance(world, cls):
            return world
        return cls(**vars(world))


@dataclass(frozen=True)
class _Town:
    """Arrays by customer, and the order in which fraudsters reach customers and terminals."""

    mean_amount: Floats
    rate: Floats
    favourites: Ints  # (customers, FAVOURITES)
    customer_order: Ints
    terminal_order: Ints

    @classmethod
    def of(cls, world: PaymentWorld) -> _Town:
        rng = world.stream(_Stream.TOWN)
        return cls(
            mean_amount=rng.lognormal(np.log(40), 0.5, world.customers),
            rate=rng.uniform(1, 3.5, world.customers),
            favourites=rng.integers(world.terminals, size=(world.customers, FAVOURITES)),
            customer_order=rng.permutation(world.customers),
            terminal_order=rng.permutation(world.terminals),
        )


class Payments:
    """The simulated card payments, with features as of each one's time."""

    new_pattern = "a new fraud pattern starts"

    def simulate(self, world: World) -> Transactions:
        """Return the payments in [start, start + days)."""
        payments = PaymentWorld.of(world)
        town = _Town.of(payments)
        first_day = payments.since // DAY - payments.warm_up_days
        days = range(first_day, -(-payments.until // DAY))
        rows = np.concatenate([part for day in days for part in _payments(payments, town, day)])
        rows = rows[np.argsort(rows["time"], kind="stable")]
        transactions = _transactions(payments, rows, describe(rows))
        return transactions.take(payments.contains(rows["time"]))


PROFILE = Payments()


def _payments(world: PaymentWorld, town: _Town, day: int) -> list[Rows]:
    """Return the payments of the `day`-th day since 1970: the usual ones, then those of a drift."""
    added = {
        "covariate": _shopping(
            world,
            town,
            day,
            stream=_Stream.EXTRA,
            pace=EXTRA_SHOPPING,
        ),
        "concept": _night_fraud(world, town, day),
        "attack": _ring_fraud(world, town, day),
    }
    payments = [_shopping(world, town, day, stream=_Stream.SHOPPING, pace=1.0)]
    for kind, rows in added.items():
        active = world.drifts(kind, rows["time"])
        payments.append(rows[active])
    return payments


def _shopping(world: PaymentWorld, town: _Town, day: int, *, stream: _Stream, pace: float) -> Rows:
    """Return the payments of customers at their favourite terminals; some of them are fraud."""
    rng = world.stream(stream, day)
    customer = np.repeat(np.arange(world.customers), rng.poisson(town.rate * pace))
    n = len(customer)
    terminal = town.favourites[customer, rng.integers(FAVOURITES, size=n)]
    time_of_day = (rng.normal(13, 4.75, n) % 24 * HOUR).astype(np.int64) % DAY
    time = day * DAY + time_of_day
    amount = town.mean_amount[customer] * rng.lognormal(0, 0.5, n)
    big = rng.random(n) < BIG_PURCHASE
    amount = np.where(big, 150 * rng.lognormal(0, 0.5, n), amount)
    amount = amount * np.where(world.drifts("covariate", time), INFLATION, 1.0)
    scenario = _fraud(
        world,
        town,
        day=day,
        customer=customer,
        terminal=terminal,
        time=time,
        rng=rng,
    )
    high = scenario == Scenario.HIGH_AMOUNT
    amount = np.where(high, 250 * rng.lognormal(0, 0.35, n), amount)
    stolen = scenario == Scenario.CARD
    amount = np.where(stolen, amount * rng.uniform(3, 7, n), amount)
    return _rows(
        stream,
        day,
        customer=customer,
        terminal=terminal,
        time=time,
        amount=amount,
        scenario=scenario,
    )


def _fraud(
    world: PaymentWorld,
    town: _Town,
    *,
    day: int,
    customer: Ints,
    terminal: Ints,
    time: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Return the scenario of each payment, given its customer, terminal and time."""
    surge = np.where(world.drifts("prior", time), SURGE, 1)
    chance = rng.random((4, len(time)))
    card_surge = _surge_needed(town.customer_order, day, CARD_EPISODES)
    terminal_surge = _surge_needed(town.terminal_order, day, TERMINAL_EPISODES)
    card_compromised = card_surge[customer] <= surge
    terminal_compromised = terminal_surge[terminal] <= surge
    scenario = np.select(
        [
            world.drifts("concept", time),
            card_compromised & (chance[0] < CARD_EPISODES.hit),
            terminal_compromised & (chance[1] < TERMINAL_EPISODES.hit),
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
    """Return, by member, the smallest surge at which it is compromised on this day.

    1 is compromised without a surge too, SURGE + 1 never. Each fraudster works through his own part
    of `order`, one member per episode, and their episodes change on evenly spaced days. So the
    number of compromised members never varies, and neither do the features.
    """
    steady = max(1, round(episodes.share * len(order)))
    fraudsters = np.arange(SURGE * steady)
    episode = (day * steady + fraudsters * episodes.days) // (episodes.days * steady)
    turns = len(order) // len(fraudsters)
    member = episode % turns * len(fraudsters) + fraudsters
    needed = np.full(len(order), SURGE + 1)
    needed[order[member]] = np.where(fraudsters < steady, 1, SURGE)
    return needed


def _night_fraud(world: PaymentWorld, town: _Town, day: int) -> Rows:
    """Return the concept drift's fraud: small amounts at night on the cards of busy customers."""
    rng = world.stream(_Stream.NIGHT, day)
    busy = town.rate >= min(BUSY_RATE, town.rate.max())
    weight = town.rate * busy
    n = rng.poisson(NIGHT_SHARE * town.rate.sum())
    customer = rng.choice(world.customers, size=n, p=weight / weight.sum())
    terminal = town.favourites[customer, rng.integers(FAVOURITES, size=n)]
    time = day * DAY + (rng.uniform(0, NIGHT_HOURS, n) * HOUR).astype(np.int64)
    amount = town.mean_amount[customer] * rng.uniform(0.1, 0.5, n)
    return _rows(
        _Stream.NIGHT,
        day,
        customer=customer,
        terminal=terminal,
        time=time,
        amount=amount,
        scenario=np.full(n, Scenario.NIGHT),
    )


def _ring_fraud(world: PaymentWorld, town: _Town, day: int) -> Rows:
    """Return the attack: new cards used many times a day at the ring's terminals, mostly at night.

    The terminals change every week, before labels can reveal them.
    """
    rng = world.stream(_Stream.RING, day)
    volume = RING_SHARE * town.rate.sum()
    n = rng.poisson(volume)
    cards = max(1, round(volume / RING_PACE))
    customer = world.customers + rng.integers(cards, size=n)
    first_terminal = world.terminals + day // 7 % RING_WEEKS * RING_TERMINALS
    terminal = first_terminal + rng.integers(RING_TERMINALS, size=n)
    hours = np.where(rng.random(n) < 0.97, NIGHT_HOURS, 24)
    time = day * DAY + (rng.uniform(0, hours) * HOUR).astype(np.int64)
    return _rows(
        _Stream.RING,
        day,
        customer=customer,
        terminal=terminal,
        time=time,
        amount=rng.uniform(1, 5, n),
        scenario=np.full(n, Scenario.RING),
    )


def _rows(
    stream: _Stream,
    day: int,
    *,
    customer: Ints,
    terminal: Ints,
    time: Ints,
    amount: Floats,
    scenario: Ints,
) -> Rows:
    """Return payments with permanent numbers and amounts rounded to cents within the limits."""
    rows = np.empty(len(time), PAYMENT)
    first_number = (day * len(_Stream) + stream) * 1_000_000
    rows["number"] = first_number + np.arange(len(time))
    rows["customer"] = customer
    rows["terminal"] = terminal
    rows["time"] = time
    rows["scenario"] = scenario
    rows["cents"] = np.clip(np.rint(amount * 100), 1, MOST_CENTS)
    return rows


def _transactions(world: PaymentWorld, rows: Rows, features: dict[str, Floats]) -> Transactions:
    """Return payments with their public names; a key is "r-…" for the ring's cards, else "c-…"."""
    ring_cards = max(0, rows["customer"].max() + 1 - world.customers)
    keys = [f"c-{i:05d}" for i in range(world.customers)]
    keys += [f"r-{i:05d}" for i in range(ring_cards)]
    return Transactions(
        transaction_id=np.char.mod(f"t-{world.seed}-%d", rows["number"]),
        entity_key=np.array(keys)[rows["customer"]],
        event_time=rows["time"].astype("datetime64[us]"),
        label=(rows["scenario"] != Scenario.GENUINE).astype(np.int8),
        scenario=rows["scenario"].astype(np.int8),
        features=features,
    )
