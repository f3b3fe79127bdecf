"""The simulated town: the meaning of its features, and what each kind of drift changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from pipelines.errors import DataError
from stack.demo.payment_features import FEATURES, Scenario
from stack.demo.profiles.fraud import SURGE, PaymentWorld
from stack.demo.simulator import simulate
from stack.demo.world import DRIFTS, Transactions, World

START = datetime(2026, 1, 5, tzinfo=UTC)
DRIFT_WEEK = 4
TOWN = PaymentWorld(start=START, days=42)
VILLAGE = PaymentWorld(seed=3, start=START, days=10, customers=30, terminals=12)
HALF_DAY = 43_200_000_000  # microseconds


@cache
def town(*drift: str) -> Transactions:
    return simulate(
        replace(TOWN, drift=frozenset(drift), drift_from=START + timedelta(weeks=DRIFT_WEEK))
    )


@cache
def village() -> Transactions:
    return simulate(VILLAGE)


def moment(time: datetime) -> np.datetime64:
    return np.datetime64(time.replace(tzinfo=None), "us")


def between(transactions: Transactions, since: datetime, until: datetime) -> Transactions:
    time = transactions.event_time
    return transactions.take((time >= moment(since)) & (time < moment(until)))


def week(transactions: Transactions, number: int) -> Transactions:
    since = START + timedelta(weeks=number)
    return between(transactions, since, since + timedelta(weeks=1))


def psi(usual: Transactions, now: Transactions, feature: str, *, n: int = 5_000) -> float:
    """Compare n rows of each over the deciles of the usual ones."""
    rng = np.random.default_rng(0)
    old, new = (t.features[feature][rng.choice(len(t), n, replace=False)] for t in (usual, now))
    edges = np.unique(np.quantile(old, np.linspace(0.1, 0.9, 9)))
    p, q = (
        np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) / n + 1e-6
        for v in (old, new)
    )
    return float(((q - p) * np.log(q / p)).sum())


def drifted(usual: Transactions, now: Transactions) -> set[str]:
    return {feature for feature in FEATURES if psi(usual, now, feature) > 0.2}


def assert_equal(one: Transactions, other: Transactions) -> None:
    for column in ("transaction_id", "entity_key", "event_time", "label", "scenario"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    assert tuple(one.features) == tuple(other.features) == FEATURES
    for feature in FEATURES:
        np.testing.assert_array_equal(
            one.features[feature], other.features[feature], err_msg=feature
        )


def test_the_same_world_is_identical_every_time() -> None:
    assert_equal(simulate(VILLAGE), village())


def test_another_seed_is_another_town() -> None:
    assert not set(simulate(replace(VILLAGE, seed=4)).transaction_id) & set(
        village().transaction_id
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(VILLAGE, days=14), id="a longer run continues a shorter one"),
        pytest.param(
            replace(VILLAGE, start=START - timedelta(days=3), days=13),
            id="an earlier start changes nothing",
        ),
        pytest.param(
            replace(VILLAGE, start=START + timedelta(hours=5), days=9),
            id="a run may start within a day",
        ),
        pytest.param(replace(VILLAGE, warm_up_days=60), id="37 days of warm-up are enough"),
    ],
)
def test_runs_of_a_seed_agree_where_they_overlap(other: World) -> None:
    since = max(START, other.start)
    until = START + timedelta(days=9)
    assert_equal(between(simulate(other), since, until), between(village(), since, until))


def test_transactions_are_ordered_unique_and_within_the_days_asked_for() -> None:
    t = village()
    assert np.all(np.diff(t.event_time) >= np.timedelta64(0))
    assert t.event_time[0] >= moment(START)
    assert t.event_time[-1] < moment(START + timedelta(days=VILLAGE.days))
    assert len(np.unique(t.transaction_id)) == len(t)
    assert np.array_equal(t.label, t.scenario != Scenario.GENUINE)
    assert {values.dtype for values in t.features.values()} == {np.dtype(np.float64)}


def test_amounts_are_cents_within_the_limits() -> None:
    amount = town("attack").features["amount"]
    np.testing.assert_array_equal(amount, np.round(amount, 2))
    assert amount.min() >= 0.01
    assert amount.max() <= 20_000


def test_take_accepts_positions_and_masks() -> None:
    t = village()
    assert_equal(t.take(np.arange(5)), t.take(np.arange(len(t)) < 5))
    assert len(t.take(np.arange(5))) == 5


def test_the_simulated_features_are_those_of_the_simulated_payments() -> None:
    t = simulate(replace(VILLAGE, start=START - timedelta(days=30), days=40))
    for i in np.flatnonzero(t.event_time >= moment(START))[::7]:
        age = t.event_time[i] - t.event_time
        in_window = (age >= np.timedelta64(0)) & (age < np.timedelta64(30, "D"))
        window = (t.entity_key == t.entity_key[i]) & in_window
        mean_amount = t.features["amount"][window].mean()
        assert t.features["customer_count_30d"][i] == window.sum()
        assert t.features["customer_mean_amount_30d"][i] == pytest.approx(mean_amount)


def test_nights_end_at_seven_and_weekends_are_saturday_and_sunday() -> None:
    t = village()
    times = t.event_time.tolist()
    night = [time.hour <= 6 for time in times]
    weekend = [time.weekday() >= 5 for time in times]
    np.testing.assert_array_equal(t.features["during_night"], night)
    np.testing.assert_array_equal(t.features["during_weekend"], weekend)


def test_fraud_is_rare_and_of_at_least_three_kinds() -> None:
    shares = np.bincount(town().scenario, minlength=len(Scenario)) / len(town())
    assert 0.025 < town().label.mean() < 0.04
    assert min(shares[[Scenario.HIGH_AMOUNT, Scenario.TERMINAL, Scenario.CARD]]) > 0.005
    assert shares[Scenario.NIGHT] == shares[Scenario.RING] == 0


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 3), (2, 4), (0, 5)])
def test_without_drift_any_two_weeks_look_alike(one: int, other: int) -> None:
    moved = {feature: psi(week(town(), one), week(town(), other), feature) for feature in FEATURES}
    assert max(moved.values()) < 0.05, moved


@pytest.mark.parametrize("kind", sorted(DRIFTS))
def test_drift_leaves_the_time_before_it_alone(kind: str) -> None:
    since = START + timedelta(days=5, hours=9)
    world = replace(VILLAGE, drift=frozenset({kind}), drift_from=since)
    assert_equal(between(simulate(world), START, since), between(village(), START, since))


@pytest.mark.parametrize("kind", sorted(DRIFTS))
def test_drift_without_a_beginning_is_everywhere(kind: str) -> None:
    everywhere = simulate(replace(VILLAGE, drift=frozenset({kind})))
    long_ago = simulate(
        replace(VILLAGE, drift=frozenset({kind}), drift_from=START - timedelta(days=90))
    )
    assert_equal(everywhere, long_ago)


def test_covariate_drift_moves_amounts_and_habits_but_not_the_share_of_fraud() -> None:
    usual = week(town(), DRIFT_WEEK)
    now = week(town("covariate"), DRIFT_WEEK)
    honest = [np.median(t.features["amount"][t.label == 0]) for t in (usual, now)]
    assert honest[1] / honest[0] == pytest.approx(1.6, abs=0.05)
    assert len(now) / len(usual) == pytest.approx(1.4, abs=0.05)
    assert now.label.mean() == pytest.approx(usual.label.mean(), abs=0.005)
    assert drifted(usual, now) >= {"amount", "customer_mean_amount_1d", "customer_count_7d"}


def test_prior_drift_triples_each_kind_of_fraud_and_nothing_else() -> None:
    usual = week(town(), DRIFT_WEEK)
    now = week(town("prior"), DRIFT_WEEK)
    before, after = (np.bincount(t.scenario, minlength=len(Scenario)) for t in (usual, now))
    assert len(now) == len(usual)
    assert now.label.mean() / usual.label.mean() == pytest.approx(SURGE, abs=0.3)
    frauds = before.nonzero()[0][1:]
    np.testing.assert_allclose(after[frauds] / before[frauds], SURGE, rtol=0.25)
    assert not drifted(usual, now)


def test_concept_drift_gives_fraud_a_new_look_and_leaves_honest_customers_alone() -> None:
    usual = week(town(), DRIFT_WEEK)
    now = week(town("concept"), DRIFT_WEEK)
    fraud = now.take(now.label == 1)
    assert set(fraud.scenario) == {Scenario.NIGHT}
    assert fraud.features["during_night"].all()
    assert np.median(fraud.features["amount"]) < np.median(usual.features["amount"]) / 2
    assert np.median(fraud.features["customer_count_30d"]) > np.median(
        usual.features["customer_count_30d"]
    )
    assert now.label.mean() == pytest.approx(usual.label.mean(), abs=0.006)
    assert not drifted(usual.take(usual.label == 0), now.take(now.label == 0))


def test_an_attack_is_a_ring_of_new_customers_testing_cards_at_night() -> None:
    now = week(town("attack"), DRIFT_WEEK)
    ring = now.take(now.scenario == Scenario.RING)
    assert all(key.startswith("r-") for key in np.unique(ring.entity_key))
    assert len(ring) / len(now) == pytest.approx(0.22, abs=0.02)
    assert 1 <= ring.features["amount"].min() < ring.features["amount"].max() <= 5
    assert ring.features["during_night"].mean() > 0.9
    assert np.median(ring.features["customer_count_1d"]) > 50
    assert not ring.features["terminal_risk_30d"].any()


@pytest.mark.parametrize("number", [DRIFT_WEEK, DRIFT_WEEK + 1])
def test_an_attack_drifts_at_least_ten_features(number: int) -> None:
    assert len(drifted(week(town(), DRIFT_WEEK - 1), week(town("attack"), number))) >= 10


def test_drifts_combine() -> None:
    t = simulate(replace(VILLAGE, drift=DRIFTS))
    assert set(t.scenario) == {Scenario.GENUINE, Scenario.NIGHT, Scenario.RING}


def test_a_world_without_a_size_is_a_town() -> None:
    assert PaymentWorld.of(World(seed=2, start=START, days=3)) == PaymentWorld(
        seed=2, start=START, days=3
    )
    assert PaymentWorld.of(VILLAGE) is VILLAGE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"days": 0}, "days is 0; give at least 1", id="no days"),
        pytest.param({"customers": 2}, "customers is 2; give at least 10", id="nobody in town"),
        pytest.param({"warm_up_days": -1}, "warm_up_days is -1; give at least 0", id="a warm-up"),
    ],
)
def test_an_impossible_town_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(VILLAGE, **change)
