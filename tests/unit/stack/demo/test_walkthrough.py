"""The demo's traffic, and how it reports its steps; the demo itself runs in the tests of the stack."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from rich.console import Console

from pipelines.errors import StackError
from stack.demo.payment_features import Scenario
from stack.demo.simulator import simulated
from stack.demo.traffic import Sent
from stack.demo.walkthrough import (
    CALM_ROWS,
    QUIET_ROWS,
    SPIKE_ROWS,
    StepLog,
    require,
    require_no_failures,
    sleep_until_next,
    two_weeks,
)
from stack.demo.world import Transactions

NOW = datetime(2026, 1, 20, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module", params=simulated())
def weeks(request: pytest.FixtureRequest) -> tuple[Transactions, Transactions]:
    """Both weeks of each use case that has a simulator."""
    return two_weeks(NOW, request.param)


@pytest.fixture(scope="module")
def payments() -> tuple[Transactions, Transactions]:
    return two_weeks(NOW)


def days(transactions: Transactions) -> tuple[datetime, datetime]:
    """The first and the last day of transactions."""
    dates = transactions.event_time.astype("datetime64[D]")
    return dates.min().tolist(), dates.max().tolist()


def test_the_attack_fills_the_week_before_today_and_the_quiet_week_is_before_it(weeks) -> None:
    before, attack = weeks
    today = NOW.date()
    assert days(before) == (today - timedelta(days=14), today - timedelta(days=8))
    assert days(attack) == (today - timedelta(days=7), today - timedelta(days=1))
    assert attack.label.mean() > 2 * before.label.mean()


def test_only_the_second_week_has_payments_of_the_ring(payments) -> None:
    before, attack = payments
    assert not np.any(before.scenario == Scenario.RING)
    assert np.any(attack.scenario == Scenario.RING)


def test_there_are_enough_transactions_for_every_step_of_the_demo(weeks) -> None:
    before, attack = weeks
    assert len(before) >= QUIET_ROWS + CALM_ROWS
    assert len(attack) >= SPIKE_ROWS


def test_a_few_seconds_of_traffic_have_every_weekday_and_hour(payments) -> None:
    before, _ = payments
    times = before.take(np.arange(1000)).event_time
    assert len(np.unique(times.astype("datetime64[D]"))) == 7
    assert len(np.unique(times.astype("datetime64[h]").astype(int) % 24)) == 24


def test_the_same_day_has_the_same_traffic_in_the_same_order(payments) -> None:
    again, _ = two_weeks(NOW.replace(hour=1))
    np.testing.assert_array_equal(again.transaction_id, payments[0].transaction_id)


def test_a_step_is_printed_with_its_result_and_kept_for_the_table() -> None:
    text = io.StringIO()
    steps = StepLog(Console(file=text, width=200), time.monotonic())
    with steps.step("a model is trained") as result:
        result("version 1")
    assert "a model is trained: version 1" in text.getvalue()
    (step,) = steps.steps
    assert (step.title, step.result) == ("a model is trained", "version 1")
    assert steps.table().row_count == 1


def test_a_step_that_fails_is_not_reported_as_finished() -> None:
    text = io.StringIO()
    steps = StepLog(Console(file=text), time.monotonic())
    with pytest.raises(StackError, match="demo: no alert"), steps.step("an alert opens"):
        require(False, "no alert")
    assert steps.steps == []
    assert "✓" not in text.getvalue()


def test_the_first_request_that_failed_is_named() -> None:
    require_no_failures(Sent())
    with pytest.raises(StackError, match=r"2 requests failed, first .*503 no model"):
        require_no_failures(Sent(failures=["503 no model", "other"]))


def test_sleeping_ends_at_a_multiple_of_the_seconds() -> None:
    sleep_until_next(0.05)
    assert time.time() % 0.05 < 0.04
