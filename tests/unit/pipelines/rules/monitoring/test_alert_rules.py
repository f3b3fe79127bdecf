"""Which alerts a drift check raises; without evidence it neither raises nor resolves one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from pipelines.records import Metric
from pipelines.rules.monitoring.alert_rules import (
    FEATURES,
    PERFORMANCE,
    QUALITY,
    SCORES,
    AlertStatus,
    evaluate_alerts,
    severity,
)
from pipelines.rules.monitoring.binning import SCORE_BINS, count, profile
from pipelines.rules.monitoring.drift_check import (
    CHAMPION_SHARE,
    SHARE,
    STEP_SHARE,
    References,
    Span,
    TrafficCounts,
    check_drift,
)
from pipelines.rules.monitoring.performance import ScoreCounts
from pipelines.rules.monitoring.training_profile import Reference
from pipelines.rules.use_case.policy import Policy
from pipelines.settings import ROOT
from pipelines.stores.drift_statistics import installed_statistics
from pipelines.use_case import read_policy

NAMES = tuple(f"f{number}" for number in range(8))
SAMPLE = np.random.default_rng(0).normal(size=(20_000, len(NAMES)))
BASELINE = {name: profile(SAMPLE[:, at]) for at, name in enumerate(NAMES)}
STATISTICS = installed_statistics()
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def policy() -> Policy:
    found = read_policy(ROOT / "reference" / "fraud")
    return msgspec.structs.replace(found, drift=msgspec.structs.replace(found.drift, ignore=()))


def hour(n: int, seed: int, *, moved: int = 0, by: float = 2.0) -> dict[str, Any]:
    """An hour of n rows, `moved` features of which lie elsewhere."""
    rows = np.random.default_rng(seed).normal(size=(n, len(NAMES)))
    rows[:, :moved] += by
    return {
        name: np.array(count(rows[:, at], BASELINE[name].edges)) for at, name in enumerate(NAMES)
    }


def day(
    policy: Policy, moved: dict[int, int], *, n: int = 300, references: References | None = None
) -> list[Metric]:
    """The metrics of a drift check at NOW, with n rows in each of 48 hours.

    `moved` gives by hours ago how many features lie elsewhere.
    """
    span = Span.at(NOW, policy.drift.window, HOUR)
    hours = {span.whole - ago * HOUR: hour(n, ago, moved=moved.get(ago, 0)) for ago in range(48)}
    return check_drift(
        "check",
        span,
        TrafficCounts(buckets=hours),
        references or References(baseline=BASELINE),
        policy,
        STATISTICS,
    )


def of(found: list[AlertStatus], cause: str) -> AlertStatus | None:
    return next((status for status in found if status.cause == cause), None)


@pytest.mark.parametrize(
    ("moved", "n", "expected"),
    [
        pytest.param({}, 300, None, id="nothing happened"),
        pytest.param(dict.fromkeys(range(48), 1), 300, None, id="one of eight for days is quiet"),
        pytest.param(
            dict.fromkeys(range(48), 2), 300, "INSPECT", id="a quarter is to be inspected"
        ),
        pytest.param(
            dict.fromkeys(range(48), 4), 300, "SEVERE", id="half, hour after hour, is severe"
        ),
        pytest.param(
            {0: 8, 1: 8, 2: 8}, 300, None, id="two whole hours are not three, and drown in the day"
        ),
        pytest.param(
            {0: 8, 1: 8, 2: 8, 3: 8}, 300, "SEVERE", id="three whole hours and the one that fills"
        ),
        pytest.param({5: 8}, 300, None, id="a spike hours ago"),
        pytest.param({1: 8}, 300, None, id="a spike in the newest whole hour"),
        pytest.param(
            {1: 8, 2: 8, 3: 8},
            15,
            "INSPECT",
            id="few rows an hour: three hours are no step of their own",
        ),
        pytest.param(
            dict.fromkeys(range(48), 8), 15, "SEVERE", id="few rows an hour, but for days"
        ),
    ],
)
def test_what_becomes_of_moved_features(
    policy: Policy, moved: dict[int, int], n: int, expected: str | None
) -> None:
    status = of(evaluate_alerts(day(policy, moved, n=n), policy), FEATURES)
    assert status is not None
    assert status.severity == expected, status.message


def test_few_rows_or_none_say_nothing(policy: Policy) -> None:
    for n in (0, 1):
        metrics = day(policy, dict.fromkeys(range(48), 8), n=n)
        assert [m.value for m in metrics if m.metric in (SHARE, STEP_SHARE)] == [None], (
            "the window has no share, and there is no merged bucket"
        )
        assert evaluate_alerts(metrics, policy) == []
    assert (
        evaluate_alerts(
            check_drift(
                "x",
                Span.at(NOW, HOUR, HOUR),
                TrafficCounts(buckets={}),
                References(baseline=BASELINE),
                policy,
                STATISTICS,
            ),
            policy,
        )
        == []
    )


def test_severe_drift_that_is_young_says_how_it_shows_and_one_that_is_long_ago_is_not_known_to_last(
    policy: Policy,
) -> None:
    young = of(evaluate_alerts(day(policy, {0: 8, 1: 8, 2: 8, 3: 8}, n=3000), policy), FEATURES)
    assert young is not None and young.severity == "SEVERE"
    assert young.message.endswith("; share of drifted features by bucket: 0%, 100%, 100%, 100%")
    span = Span.at(NOW, policy.drift.window, HOUR)
    gone = {span.start - ago * HOUR: hour(300, ago, moved=8) for ago in range(1, 9)}
    metrics = check_drift(
        "x", span, TrafficCounts(buckets=gone), References(baseline=BASELINE), policy, STATISTICS
    )
    assert of(evaluate_alerts(metrics, policy), FEATURES) is None, "no traffic since"


def test_an_ignored_feature_is_still_asked_for_its_values(policy: Policy) -> None:
    ignoring = msgspec.structs.replace(
        policy, drift=msgspec.structs.replace(policy.drift, ignore=("f0",))
    )
    span = Span.at(NOW, policy.drift.window, HOUR)
    rows = SAMPLE[:1000].copy()
    rows[:, 0] = np.nan
    counts = {
        name: np.array(count(rows[:, at], BASELINE[name].edges)) for at, name in enumerate(NAMES)
    }
    metrics = check_drift(
        "x",
        span,
        TrafficCounts(buckets={span.start: counts}),
        References(baseline=BASELINE),
        ignoring,
        STATISTICS,
    )
    found = evaluate_alerts(metrics, ignoring)
    assert [status.cause for status in found if status.severity] == [QUALITY]
    assert not [m for m in metrics if m.feature == "f0" and m.metric == "psi"]


def test_alerts_follow_what_the_champion_was_trained_on_unless_the_policy_says_otherwise(
    policy: Policy,
) -> None:
    learnt = SAMPLE.copy()
    learnt[:, :8] += 2.0
    training = Reference.of(
        "b", BASELINE, learnt, contributions=np.ones((1, 8)), scores=np.array([])
    )
    references = References(baseline=BASELINE, champion=3, training=training)
    metrics = day(policy, dict.fromkeys(range(48), 8), references=references)
    shares = {m.model_version: m.value for m in metrics if m.metric == SHARE}
    assert shares == {0: 1.0, 3: 0.0}, "both comparisons are kept"
    status = of(evaluate_alerts(metrics, policy), FEATURES)
    assert status is not None and status.severity is None
    baseline = msgspec.structs.replace(
        policy, drift=msgspec.structs.replace(policy.drift, reference="baseline")
    )
    metrics = day(baseline, dict.fromkeys(range(48), 8), references=references)
    status = of(evaluate_alerts(metrics, baseline), FEATURES)
    assert status is not None and status.severity == "SEVERE"
    assert "against the baseline" in status.message


def learnt(moved: float) -> References:
    """Version 3, trained on rows all of whose features lie elsewhere."""
    training = Reference.of(
        bins="b",
        profiles=BASELINE,
        features=SAMPLE + moved,
        contributions=np.ones((1, 8)),
        scores=np.array([]),
    )
    return References(baseline=BASELINE, champion=3, training=training)


def promoted(policy: Policy, ago: int, *, before: float, since: float) -> list[Metric]:
    """The metrics of a day in which version 3 replaced another `ago` hours ago.

    `before` and `since` say by how much all features lie elsewhere, before and since the promotion.
    """
    span = Span.at(NOW, policy.drift.window, HOUR)
    hours = {
        span.whole - number * HOUR: hour(
            300, number, moved=8, by=since if number <= ago else before
        )
        for number in range(48)
    }
    former = {start: counts for start, counts in hours.items() if start < span.whole - ago * HOUR}
    traffic = TrafficCounts(buckets=hours, others=former)
    return check_drift("check", span, traffic, learnt(2.0), policy, STATISTICS)


@pytest.mark.parametrize(
    ("ago", "before", "since", "expected"),
    [
        pytest.param(5, 0.0, 2.0, None, id="only the former model's traffic differs"),
        pytest.param(0, 0.0, 2.0, None, id="the same within the first hour"),
        pytest.param(1, 0.0, 0.0, "ALERT", id="both differ, for less than three hours"),
        pytest.param(5, 0.0, 0.0, "SEVERE", id="the champion's traffic differs for hours"),
        pytest.param(5, 2.0, 2.0, None, id="nothing differs"),
    ],
)
def test_traffic_of_the_former_model_alone_is_no_drift_of_the_new_champion(
    policy: Policy, ago: int, before: float, since: float, expected: str | None
) -> None:
    metrics = promoted(policy, ago, before=before, since=since)
    status = of(evaluate_alerts(metrics, policy), FEATURES)
    assert status is not None
    assert status.severity == expected, status.message
    assert status.model_version == 3


def test_a_champion_with_few_predictions_yet_has_no_status(policy: Policy) -> None:
    span = Span.at(NOW, policy.drift.window, HOUR)
    hours = {span.whole - number * HOUR: hour(300, number, moved=8) for number in range(24)}
    traffic = TrafficCounts(buckets=hours, others=hours)
    metrics = check_drift("check", span, traffic, learnt(0.0), policy, STATISTICS)
    own = [metric for metric in metrics if metric.metric == CHAMPION_SHARE]
    assert [(metric.value, metric.n) for metric in own] == [(None, 0)]
    assert of(evaluate_alerts(metrics, policy), FEATURES) is None


def test_a_policy_that_compares_with_the_baseline_looks_at_all_traffic(policy: Policy) -> None:
    baseline = msgspec.structs.replace(
        policy, drift=msgspec.structs.replace(policy.drift, reference="baseline")
    )
    metrics = promoted(baseline, 0, before=2.0, since=2.0)
    status = of(evaluate_alerts(metrics, baseline), FEATURES)
    assert status is not None
    assert (status.severity, status.model_version) == ("SEVERE", None)


def test_missing_values_and_values_never_seen_are_a_warning_that_names_them(policy: Policy) -> None:
    span = Span.at(NOW, policy.drift.window, HOUR)
    rows = SAMPLE[:1000].copy()
    rows[:200, 2], rows[:300, 5] = np.nan, 99.0
    counts = {
        name: np.array(count(rows[:, at], BASELINE[name].edges)) for at, name in enumerate(NAMES)
    }
    metrics = check_drift(
        "x",
        span,
        TrafficCounts(buckets={span.start: counts}),
        References(baseline=BASELINE),
        policy,
        STATISTICS,
    )
    status = of(evaluate_alerts(metrics, policy), QUALITY)
    assert status is not None and status.severity == "WARNING"
    assert status.message == (
        "missing values: f2 20.0% of 1,000 predictions; "
        "values outside the baseline range: f5 30.0% of 1,000 predictions"
    )


def with_values_outside(share: float, n: int) -> Any:
    """Rows of which a share has a value of f5 above the baseline's maximum."""
    rows = SAMPLE[:n].copy()
    rows[: round(share * n), 5] = 99.0
    return rows


@pytest.mark.parametrize(
    ("trained", "reference", "expected"),
    [
        pytest.param(0.30, "training", None, id="the champion was trained on as many"),
        pytest.param(0.28, "training", None, id="nearly as many"),
        pytest.param(0.10, "training", "WARNING", id="far fewer"),
        pytest.param(0.30, "baseline", "WARNING", id="the policy compares with the baseline"),
    ],
)
def test_values_outside_the_baseline_that_the_champion_was_trained_on_are_expected(
    policy: Policy, trained: float, reference: str, expected: str | None
) -> None:
    chosen = msgspec.structs.replace(
        policy, drift=msgspec.structs.replace(policy.drift, reference=reference)
    )
    training = Reference.of(
        bins="b",
        profiles=BASELINE,
        features=with_values_outside(trained, 4000),
        contributions=np.ones((1, 8)),
        scores=np.array([]),
    )
    window = with_values_outside(0.30, 1000)
    counts = {
        name: np.array(count(window[:, place], BASELINE[name].edges))
        for place, name in enumerate(NAMES)
    }
    span = Span.at(NOW, policy.drift.window, HOUR)
    metrics = check_drift(
        "check",
        span,
        TrafficCounts(buckets={span.start: counts}),
        References(baseline=BASELINE, champion=3, training=training),
        chosen,
        STATISTICS,
    )
    status = of(evaluate_alerts(metrics, chosen), QUALITY)
    assert status is not None
    assert status.severity == expected, status.message
    assert status.model_version is None


def test_missing_values_are_compared_with_the_baseline_also_if_the_champion_was_trained_on_them(
    policy: Policy,
) -> None:
    rows = SAMPLE[:4000].copy()
    rows[:1200, 2] = np.nan
    training = Reference.of(
        bins="b",
        profiles=BASELINE,
        features=rows,
        contributions=np.ones((1, 8)),
        scores=np.array([]),
    )
    counts = {
        name: np.array(count(rows[:, place], BASELINE[name].edges))
        for place, name in enumerate(NAMES)
    }
    span = Span.at(NOW, policy.drift.window, HOUR)
    metrics = check_drift(
        "check",
        span,
        TrafficCounts(buckets={span.start: counts}),
        References(baseline=BASELINE, champion=3, training=training),
        policy,
        STATISTICS,
    )
    status = of(evaluate_alerts(metrics, policy), QUALITY)
    assert status is not None and status.severity == "WARNING"


def test_answers_from_the_future_are_a_warning(policy: Policy) -> None:
    span = Span.at(NOW, policy.drift.window, HOUR)
    metrics = check_drift(
        "x",
        span,
        TrafficCounts(buckets={}, ahead=7),
        References(baseline=BASELINE),
        policy,
        STATISTICS,
    )
    status = of(evaluate_alerts(metrics, policy), QUALITY)
    assert status is not None and (status.severity, status.message[:39]) == (
        "WARNING",
        "7 predictions have a time in the future",
    )


def scored(bins: dict[int, int], labels: dict[tuple[int, int], int] | None = None) -> ScoreCounts:
    """Answers by score bin; and labelled ones by (label, flag)."""
    counts = ScoreCounts.empty()
    for at, n in bins.items():
        counts.sums[0, 0, at] = n, 0.1 * n, 0.01 * n
    for (label, flag), n in (labels or {}).items():
        counts.sums[label + 1, flag, 200 if flag else 100] = n, 0.5 * n, 0.25 * n
    return counts


def test_scores_that_moved_are_a_warning(policy: Policy) -> None:
    span = Span.at(NOW, policy.drift.window, HOUR)
    known = np.zeros(SCORE_BINS, int)
    known[80:120] = 100
    training = Reference(bins="b", features=BASELINE, importance={}, scores=known.tolist())
    references = References(baseline=BASELINE, champion=2, training=training)
    for bins, expected in (
        (dict.fromkeys(range(80, 120), 25), None),
        (dict.fromkeys(range(100, 140), 25), "WARNING"),
    ):
        metrics = check_drift(
            "x",
            span,
            TrafficCounts(buckets={}, scores={2: scored(bins), 1: scored({5: 999})}),
            references,
            policy,
            STATISTICS,
        )
        status = of(evaluate_alerts(metrics, policy), SCORES)
        assert status is not None and status.severity == expected, "of the champion's scores alone"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(
            {(1, 1): 60, (1, 0): 40, (0, 0): 1900}, None, id="sixty of a hundred are found"
        ),
        pytest.param(
            {(1, 1): 38, (1, 0): 62, (0, 0): 1900},
            None,
            id="a little under the floor may be chance",
        ),
        pytest.param(
            {(1, 1): 10, (1, 0): 90, (0, 0): 1900},
            "SEVERE",
            id="ten of a hundred is under the floor",
        ),
        pytest.param({(1, 0): 19, (0, 0): 1900}, "unknown", id="too few positives say nothing"),
        pytest.param({}, "unknown", id="no labels say nothing"),
    ],
)
def test_realised_performance_under_its_floor_is_severe(
    policy: Policy, labels: Any, expected: str | None
) -> None:
    references = References(baseline=BASELINE, champion=2)
    matured = {2: scored({100: 3000}, labels), 1: scored({100: 3000}, {(1, 0): 500, (0, 0): 500})}
    metrics = check_drift(
        "x",
        Span.at(NOW, policy.drift.window, HOUR),
        TrafficCounts(buckets={}, matured=matured),
        references,
        policy,
        STATISTICS,
    )
    status = of(evaluate_alerts(metrics, policy), PERFORMANCE)
    assert (status.severity if status else "unknown") == expected
    until = Span.at(NOW, policy.drift.window, HOUR).whole - policy.label_maturity
    assert {m.window_end for m in metrics if m.metric == "label_coverage"} == {until}, (
        "labels had their time"
    )


@pytest.mark.parametrize(
    ("share", "drifted", "steps", "expected"),
    [
        pytest.param(0.1, 2, [0, 0, 0, 0], None, id="two of twenty is quiet"),
        pytest.param(0.2, 4, [0, 0, 0, 0], None, id="exactly a fifth is quiet"),
        pytest.param(0.21, 4, [0, 0, 0, 0], "INSPECT", id="over a fifth is to be inspected"),
        pytest.param(0.3, 6, [0, 0, 0, 0], "WARNING", id="more than five is a warning"),
        pytest.param(0.5, 10, [0, 0, 0, 0.6], "ALERT", id="half is dataset drift"),
        pytest.param(
            0.5, 10, [0, 0.6, 0.6, 0.6], "SEVERE", id="three of four steps and the newest is severe"
        ),
        pytest.param(
            0.5, 10, [0.6, 0.6, 0.6, 0], "ALERT", id="a spike that has passed is not severe"
        ),
        pytest.param(
            0.5, 10, [0.6, 0.6, 0.6, None], "ALERT", id="a step without rows is not drift"
        ),
        pytest.param(0.5, 10, [], "ALERT", id="no steps are not severe"),
        pytest.param(None, 0, [0.6, 0.6, 0.6], "SEVERE", id="steps are enough"),
    ],
)
def test_severity(
    policy: Policy,
    share: float | None,
    drifted: int,
    steps: list[float | None],
    expected: str | None,
) -> None:
    assert severity(share, drifted, steps, policy) == expected
