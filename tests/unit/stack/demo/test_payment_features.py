"""Point-in-time features: no window holds a later payment, or a label that has not arrived."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from stack.demo.payment_features import (
    DAY,
    FEATURES,
    HOUR,
    LABEL_DELAY_DAYS,
    PAYMENT,
    WINDOW_DAYS,
    Rows,
    Scenario,
    describe,
)

HALF_DAY = DAY // 2


@cache
def payments() -> tuple[Rows, dict[str, NDArray[np.float64]]]:
    """Return 3,000 payments over 60 days, and their features.

    Times are multiples of half a day, so that many payments are on the edge of a window.
    """
    rng = np.random.default_rng(0)
    rows = np.zeros(3_000, PAYMENT)
    for name, most in (
        ("customer", 12),
        ("terminal", 5),
        ("time", 120),
        ("cents", 9_999),
        ("scenario", 2),
    ):
        rows[name] = rng.integers(most, size=len(rows))
    rows["time"] = np.sort(rows["time"]) * HALF_DAY
    return rows, describe(rows)


@pytest.mark.parametrize("days", WINDOW_DAYS)
def test_a_customers_window_ends_with_the_payment_itself(days: int) -> None:
    rows, features = payments()
    for i in range(0, len(rows), 23):
        age = rows["time"][i] - rows["time"]
        in_window = (age >= 0) & (age < days * 2 * HALF_DAY)
        window = rows[(rows["customer"] == rows["customer"][i]) & in_window]
        mean_amount = window["cents"].mean() / 100
        assert features[f"customer_count_{days}d"][i] == len(window)
        assert features[f"customer_mean_amount_{days}d"][i] == pytest.approx(mean_amount)


@pytest.mark.parametrize("days", WINDOW_DAYS)
def test_a_terminals_window_ends_a_week_before_the_payment(days: int) -> None:
    rows, features = payments()
    for i in range(0, len(rows), 23):
        age = rows["time"][i] - rows["time"] - 14 * HALF_DAY
        in_window = (age >= 0) & (age < days * 2 * HALF_DAY)
        window = rows[(rows["terminal"] == rows["terminal"][i]) & in_window]
        risk = window["scenario"].mean() if len(window) else 0
        assert features[f"terminal_count_{days}d"][i] == len(window)
        assert features[f"terminal_risk_{days}d"][i] == pytest.approx(risk)


def described(**columns: object) -> dict[str, NDArray[np.float64]]:
    """The features of payments with some columns; the others are 0."""
    size = max(np.size(values) for values in columns.values())
    rows = np.zeros(size, PAYMENT)
    for name, values in columns.items():
        rows[name] = values
    return describe(rows)


def microseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("time", "night", "weekend"),
    [
        pytest.param(datetime(2026, 1, 5, tzinfo=UTC), 1, 0, id="midnight is night"),
        pytest.param(datetime(2026, 1, 5, 6, 59, 59, tzinfo=UTC), 1, 0, id="before 7 is night"),
        pytest.param(datetime(2026, 1, 5, 7, tzinfo=UTC), 0, 0, id="7:00 is day"),
        pytest.param(datetime(2026, 1, 9, 23, 59, tzinfo=UTC), 0, 0, id="Friday is no weekend"),
        pytest.param(datetime(2026, 1, 10, 12, tzinfo=UTC), 0, 1, id="Saturday is weekend"),
        pytest.param(datetime(2026, 1, 11, 12, tzinfo=UTC), 0, 1, id="Sunday is weekend"),
        pytest.param(datetime(2026, 1, 12, tzinfo=UTC), 1, 0, id="Monday is no weekend"),
    ],
)
def test_night_and_weekend(time: datetime, night: int, weekend: int) -> None:
    features = described(time=microseconds(time))
    assert features["during_night"] == [night]
    assert features["during_weekend"] == [weekend]


def test_every_feature_is_a_float_of_each_payment_in_the_order_of_the_contract() -> None:
    _, features = payments()
    assert tuple(features) == FEATURES
    assert {(values.dtype, values.shape) for values in features.values()} == {
        (np.dtype(np.float64), (3_000,))
    }


def test_a_fraud_raises_the_risk_of_its_terminal_once_its_label_has_arrived() -> None:
    start = microseconds(datetime(2026, 1, 5, tzinfo=UTC))
    times = start + np.array([0, LABEL_DELAY_DAYS * DAY - HOUR, LABEL_DELAY_DAYS * DAY])
    scenarios = [Scenario.TERMINAL, Scenario.GENUINE, Scenario.GENUINE]
    features = described(time=times, scenario=scenarios)
    assert features["terminal_risk_1d"].tolist() == [0, 0, 1]
    assert features["terminal_count_1d"].tolist() == [0, 0, 1]


def test_payments_of_other_customers_and_terminals_are_in_no_window() -> None:
    start = microseconds(datetime(2026, 1, 5, tzinfo=UTC))
    features = described(
        time=start + np.arange(4) * HOUR,
        customer=[1, 2, 1, 2],
        terminal=[1, 2, 3, 4],
        cents=[100, 5_000, 300, 7_000],
    )
    assert features["customer_count_30d"].tolist() == [1, 1, 2, 2]
    assert features["customer_mean_amount_30d"].tolist() == [1, 50, 2, 60]
