"""Metrics and messages about refused, treated and repeated values, and labels without predictions."""

from datetime import UTC, datetime

import msgspec
import pytest

from pipelines.records import Metric
from pipelines.rules.monitoring.data_quality import (
    COMPARED,
    IDS,
    REFUSED,
    REPEATED,
    QualityCounts,
    UnmatchedLabels,
    describe_examples,
    input_problems,
    page_share,
    quality_metrics,
    unmatched_message,
)
from pipelines.rules.use_case.policy_sections.training import Validation
from pipelines.rules.use_case.spellings import ACCEPTED, CLIPPED, UNKNOWN

START = datetime(2026, 1, 1, tzinfo=UTC)


def write(metric, *, value, n, feature=""):
    return Metric(
        check_id="check",
        window_start=START,
        window_end=START,
        metric=metric,
        value=value,
        n=n,
        feature=feature,
    )


def measured(predictions=0, **quality):
    metrics = quality_metrics(write, QualityCounts(**quality), predictions)
    return {(metric.metric, metric.feature): metric for metric in metrics}


def test_nothing_counted_is_no_metric():
    assert measured(predictions=1000) == {}


def test_refused_values_are_a_share_of_all_values_that_were_sent():
    metrics = measured(predictions=900, treated={("amount", REFUSED): 100})
    share = metrics["refused_share", "amount"]
    assert (share.value, share.n) == (0.1, 1000)


def test_treatments_are_summed_by_what_was_wrong():
    treated = {
        ("kind", UNKNOWN["missing"]): 10,
        ("kind", UNKNOWN["other"]): 20,
        ("amount", CLIPPED): 30,
        ("amount", ACCEPTED): 40,
    }
    metrics = measured(predictions=100, treated=treated)
    assert metrics["unknown_share", "kind"].value == 0.3
    assert metrics["beyond_share", "amount"].value == 0.7


def test_a_share_is_never_above_one_while_predictions_are_not_counted_yet():
    metrics = measured(predictions=0, treated={("kind", UNKNOWN["other"]): 20})
    assert (metrics["unknown_share", "kind"].value, metrics["unknown_share", "kind"].n) == (1, 20)


def test_ids_labels_and_times_have_metrics_of_the_whole_window():
    metrics = measured(
        treated={(IDS, COMPARED): 200, (IDS, REPEATED): 50, ("labels.label", REFUSED): 3},
        labels=UnmatchedLabels(labels=40, unmatched=10),
        future_times=7,
    )
    values = {name: metric.value for (name, _), metric in metrics.items()}
    assert values == {
        "repeated_share": 0.25,
        "unmatched_share": 0.25,
        "refused_labels": 3.0,
        "future_times": 7.0,
    }


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        pytest.param(
            write("refused_share", value=0.2, n=1000, feature="amount"),
            "refused values: amount 20.0%",
            id="refused",
        ),
        pytest.param(
            write("unknown_share", value=0.2, n=1000, feature="kind"),
            "unknown values: kind 20.0%",
            id="unknown",
        ),
        pytest.param(
            write("repeated_share", value=0.2, n=1000),
            "20.0% of 1,000 predictions repeat a transaction id: "
            "only the first of a transaction is evidence",
            id="repeated ids",
        ),
        pytest.param(
            write("future_times", value=3.0, n=3),
            "3 predictions have an event time in the future: their labels do not mature",
            id="future event times",
        ),
    ],
)
def test_what_is_too_frequent_is_a_problem(metric, problem):
    assert input_problems([metric], Validation()) == [problem]


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(write("refused_share", value=0.05, n=10_000, feature="x"), id="at the limit"),
        pytest.param(write("refused_share", value=0.5, n=2, feature="x"), id="too few values"),
        pytest.param(write("beyond_share", value=1.0, n=1000, feature="x"), id="beyond the range"),
        pytest.param(write("repeated_share", value=0.01, n=10_000), id="few repeated ids"),
    ],
)
def test_a_share_that_is_not_above_its_limit_is_no_problem(metric):
    assert input_problems([metric], Validation()) == []


def test_the_policy_has_the_limits():
    metric = write("refused_share", value=0.2, n=1000, feature="amount")
    tolerant = msgspec.structs.replace(Validation(), refused_share=0.5)
    assert input_problems([metric], tolerant) == []


def test_examples_say_how_a_prediction_spells_the_id():
    text = describe_examples(["T-1", "zz"], {"T-1": "t-1"})
    assert text == "'T-1' (a prediction has 't-1': they differ in case), 'zz'"
    share = write("unmatched_share", value=0.25, n=40)
    message = "10 of the newest 40 labels match no prediction after a day"
    assert unmatched_message(share) == message
    assert unmatched_message(share, text) == f"{message}, such as {text}"


@pytest.mark.parametrize(
    ("new", "logged", "share"),
    [
        pytest.param(0, 0, 1, id="nothing"),
        pytest.param(35_000, 10_000_000, 1, id="five minutes"),
        pytest.param(199_999, 199_999, 1, id="few"),
        pytest.param(1_000_000, 1_000_000, 0.02, id="all"),
        pytest.param(9_000_000, 10_000_000, 20_000 / 9_000_000, id="most"),
        pytest.param(1_000_000, 3_000_000, 1, id="a third"),
    ],
)
def test_a_sample_is_drawn_from_few_pages_when_most_predictions_are_new(
    new: int, logged: int, share: float
) -> None:
    assert page_share(new, logged) == share
