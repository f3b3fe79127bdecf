"""A simulated world: its days, its drift, and the transactions in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.errors import DataError
from stack.demo.world import DAY, Transactions, World, microseconds

START = datetime(2026, 1, 5, tzinfo=UTC)
WORLD = World(seed=1, start=START, days=2)


def test_a_world_contains_its_days_from_the_first_moment_to_the_last() -> None:
    first = microseconds(START)
    times = np.array([first - 1, first, first + 2 * DAY - 1, first + 2 * DAY])
    assert WORLD.contains(times).tolist() == [False, True, True, False]


def test_drift_is_active_from_its_first_moment_on() -> None:
    since = START + timedelta(hours=5)
    world = World(start=START, days=1, drift=frozenset({"prior"}), drift_from=since)
    times = np.array([microseconds(since) - 1, microseconds(since)])
    assert world.drifts("prior", times).tolist() == [False, True]
    assert not world.drifts("attack", times).any()


def test_drift_without_a_beginning_is_everywhere() -> None:
    world = World(start=START, days=1, drift=frozenset({"prior"}))
    assert world.drifts("prior", np.array([-1, 0])).all()


def test_a_stream_depends_on_the_seed_the_kind_and_the_day() -> None:
    streams = [
        WORLD.stream(0, 5),
        WORLD.stream(1, 5),
        WORLD.stream(0, 6),
        World(seed=2, start=START, days=2).stream(0, 5),
    ]
    values = [stream.random() for stream in streams]
    assert len(set(values)) == len(values)
    assert WORLD.stream(0, 5).random() == values[0]


def test_transactions_are_taken_by_position_or_mask() -> None:
    transactions = Transactions(
        transaction_id=np.array(["a", "b", "c"]),
        entity_key=np.array(["x", "y", "x"]),
        event_time=np.arange(3).astype("datetime64[us]"),
        label=np.array([0, 1, 0], np.int8),
        scenario=np.array([0, 2, 0], np.int8),
        features={"amount": np.array([1.0, np.nan, 3.0])},
    )
    assert len(transactions) == 3
    for index in (np.array([0, 2]), np.array([True, False, True])):
        taken = transactions.take(index)
        assert taken.transaction_id.tolist() == ["a", "c"]
        assert taken.features["amount"].tolist() == [1.0, 3.0]
        assert len(taken) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"start": datetime(2026, 1, 5)},  # noqa: DTZ001
            "start is 2026-01-05",
            id="a naive start",
        ),
        pytest.param(
            {"drift_from": datetime(2026, 1, 5)},  # noqa: DTZ001
            "drift_from is",
            id="a naive start of drift",
        ),
        pytest.param(
            {"drift": frozenset({"tide"})},
            "drift has tide; valid are attack, concept, covariate, prior",
            id="an unknown drift",
        ),
        pytest.param({"days": 0}, "days is 0; give at least 1", id="no days"),
    ],
)
def test_an_impossible_world_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        World(**({"start": START, "days": 1} | change))
