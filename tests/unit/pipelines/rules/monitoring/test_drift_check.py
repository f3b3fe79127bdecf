"""The metrics of a drift check are those of the statistics that it is given."""

import numpy as np
import pytest

from pipelines.records import Metric
from pipelines.rules.monitoring.drift_check import NO_REFERENCE, RESERVED_NAMES, SCORE
from pipelines.rules.statistics.multiple_testing import benjamini_hochberg
from pipelines.stores.drift_statistics import installed_statistics
from tests.unit.pipelines.rules.monitoring.checks import CHAMPION, KolmogorovSmirnov, small_check

INSTALLED = installed_statistics()


@pytest.fixture(scope="module")
def metrics() -> list[Metric]:
    return small_check([*INSTALLED, KolmogorovSmirnov()])


def of(metrics: list[Metric], name: str) -> dict[tuple[str, int], Metric]:
    return {(m.feature, m.model_version): m for m in metrics if m.metric == name}


def test_a_statistic_is_measured_for_each_feature_and_reference_and_for_scores(
    metrics: list[Metric],
) -> None:
    measured = of(metrics, "kolmogorov_smirnov")
    features = {("moved", 0), ("same", 0), ("moved", CHAMPION), ("same", CHAMPION)}
    assert set(measured) == features, "it does not take ignored features"
    assert set(of(metrics, "score_kolmogorov_smirnov")) == {("", CHAMPION)}
    moved = measured["moved", 0]
    assert moved.value == pytest.approx(0.38, abs=0.05)
    assert moved.expected is not None and moved.expected < 0.04
    assert moved.threshold is None


def test_the_p_values_of_a_test_are_corrected_for_the_number_of_features(
    metrics: list[Metric],
) -> None:
    corrected = [m.p_value for (_, version), m in of(metrics, "chi_square").items() if not version]
    uncorrected = [m.p_value for (_, version), m in of(metrics, "psi").items() if not version]
    adjusted = benjamini_hochberg(np.array(uncorrected, dtype=float))
    assert corrected == adjusted.tolist()
    assert corrected != uncorrected


def test_one_more_statistic_changes_no_other_metric(metrics: list[Metric]) -> None:
    others = [m for m in metrics if not m.metric.endswith("kolmogorov_smirnov")]
    assert others == small_check(INSTALLED)


def test_an_ignored_feature_has_the_statistics_that_take_it_and_never_drifts(
    metrics: list[Metric],
) -> None:
    names = {m.metric for m in metrics if m.feature == "ignored"}
    expected = {statistic.name for statistic in INSTALLED if statistic.takes_ignored}
    assert names == {*expected, "attribution"}


def test_names_of_other_metrics_are_reserved(metrics: list[Metric]) -> None:
    statistics = {*(each.name for each in INSTALLED), KolmogorovSmirnov.name}
    of_features = {m.metric for m in metrics if m.feature}
    of_scores = {m.metric.removeprefix(SCORE) for m in metrics if m.metric.startswith(SCORE)}
    assert (of_features | of_scores) - statistics == RESERVED_NAMES - {NO_REFERENCE}
