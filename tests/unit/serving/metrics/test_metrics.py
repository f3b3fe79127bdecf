"""The metrics of one server process."""

from __future__ import annotations

import sys
import threading
from collections import Counter

import pytest

from serving.journal.journal import Journal
from serving.metrics.metrics import Metrics
from tests.unit.serving import made
from tests.unit.serving.journal.lines import line
from tests.unit.serving.made import PREDICT


def test_metrics_count_predictions_by_label_and_requests_by_route(client):
    client.predict(made.row(amount=100))
    client.predict({})
    text = client.get("/metrics", key=None).text
    assert 'sixgate_predictions_total{predicted_label="1",use_case="fraud"} 1.0' in text
    assert f'sixgate_request_seconds_count{{route="{PREDICT}"}} 2.0' in text
    assert f'sixgate_requests_total{{route="{PREDICT}",status="422"}} 1.0' in text
    assert "sixgate_journal_bytes" in text


def samples(metrics: Metrics) -> dict[str, float]:
    """The value of each series, by its name and labels as Prometheus writes them."""
    lines = metrics.text().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {series: float(value) for series, value in pairs}


@pytest.mark.parametrize(
    ("score", "first"),
    [
        pytest.param(0.0, "0.05", id="0 is in the first bin"),
        pytest.param(0.049, "0.05", id="just under a bound is below it"),
        pytest.param(0.05, "0.1", id="a bound belongs to the bin above"),
        pytest.param(1.0, "+Inf", id="1 is above every bound"),
    ],
)
def test_a_score_is_counted_in_its_bin_and_in_all_above(score, first):
    metrics = Metrics()
    metrics.prediction_counts("fraud").count([score], 0)
    values = samples(metrics)
    bounds = [f"{number / 20:g}" for number in range(1, 20)] + ["1", "+Inf"]
    counts = [values[f'sixgate_score_bucket{{le="{le}",use_case="fraud"}}'] for le in bounds]
    position = bounds.index(first)
    assert counts == [0.0] * position + [1.0] * (len(bounds) - position)
    assert values['sixgate_score_sum{use_case="fraud"}'] == score


def test_predictions_are_counted_by_use_case_and_label():
    metrics = Metrics()
    metrics.prediction_counts("fraud").count([0.1, 0.9, 0.95], 2)
    metrics.prediction_counts("fraud").count([0.2], 0)
    metrics.prediction_counts("loans").count([0.3], 1)
    values = samples(metrics)
    counted = {
        series: value for series, value in values.items() if "sixgate_predictions_total" in series
    }
    assert counted == {
        'sixgate_predictions_total{predicted_label="0",use_case="fraud"}': 2.0,
        'sixgate_predictions_total{predicted_label="1",use_case="fraud"}': 2.0,
        'sixgate_predictions_total{predicted_label="0",use_case="loans"}': 0.0,
        'sixgate_predictions_total{predicted_label="1",use_case="loans"}': 1.0,
    }


def test_the_journals_metrics_are_those_of_the_moment_of_the_request(tmp_path):
    journal = Journal(tmp_path, "one", bound_bytes=2**20)
    metrics = Metrics()
    metrics.watch(journal)
    before = samples(metrics)
    assert before["sixgate_journal_bytes"] == 0
    assert before["sixgate_journal_bound_bytes"] == 2**20
    assert before["sixgate_journal_lag_seconds"] == 0
    journal.append(line(1, 2))
    after = samples(metrics)
    assert after["sixgate_journal_bytes"] == journal.size > 0
    assert after["sixgate_journal_lag_seconds"] > 0
    assert after["sixgate_journal_full"] == 0
    journal.close()


def test_two_servers_in_one_process_count_apart():
    one = Metrics()
    two = Metrics()
    one.reloads.labels("fraud").inc()
    assert 'sixgate_reloads_total{use_case="fraud"} 1.0' in one.text().decode()
    assert "sixgate_reloads_total{" not in two.text().decode()


def test_metrics_are_collected_while_use_cases_are_added():
    metrics = Metrics()
    ended = threading.Event()
    switches = sys.getswitchinterval()

    def add() -> None:
        number = 0
        while not ended.is_set() and number < 2_000:
            name = f"use_case_{number}"
            metrics.prediction_counts(name)
            metrics.earlier_rows(name)["hash"] = 1
            metrics.values.watch(name, Counter({("amount", "refused"): 1}))
            number += 1

    adding = threading.Thread(target=add)
    sys.setswitchinterval(1e-6)
    try:
        adding.start()
        for _ in range(20):
            assert list(metrics.collect())
            assert list(metrics.values.collect())
    finally:
        ended.set()
        adding.join()
        sys.setswitchinterval(switches)
