"""A drift check for people: the features by drift, each statistic that is installed, and scores."""

from pipelines.reporting.drift_tables import drift_text
from pipelines.stores.drift_statistics import installed_statistics
from tests.unit.pipelines.rules.monitoring.checks import CHAMPION, KolmogorovSmirnov, small_check

INSTALLED = installed_statistics()
METRICS = small_check([*INSTALLED, KolmogorovSmirnov()])


def test_a_check_shows_its_features_by_drift_and_its_scores() -> None:
    lines = drift_text(METRICS, CHAMPION, INSTALLED).splitlines()
    assert lines[0].endswith("UTC: 1,000 predictions")
    head = lines[1]
    assert head.startswith("feature")
    assert "baseline: PSI" in head
    assert f"version {CHAMPION}: PSI" in head
    assert [line.split()[0] for line in lines[2:4]] == ["moved", "same"], "ignored has no PSI"
    assert lines[2].endswith("drifted")
    assert "50% of the features (50% of the importance) drifted against the baseline" in lines
    assert any(line.startswith("score_psi") for line in lines)


def test_each_installed_statistic_has_a_column() -> None:
    without = drift_text(METRICS, 0, INSTALLED)
    with_another = drift_text(METRICS, 0, [*INSTALLED, KolmogorovSmirnov()])
    for statistic in INSTALLED:
        assert statistic.title in without
    assert KolmogorovSmirnov.title not in without
    assert KolmogorovSmirnov.title in with_another


def test_a_statistic_that_was_installed_after_the_check_has_no_values_yet() -> None:
    text = drift_text(small_check(INSTALLED), 0, [*INSTALLED, KolmogorovSmirnov()])
    (line,) = [line for line in text.splitlines() if line.startswith("moved")]
    assert line.split()[-2:] == ["-", "drifted"]


def test_refused_and_treated_values_are_shown_by_field() -> None:
    lines = drift_text(METRICS, CHAMPION, INSTALLED).splitlines()
    (head,) = [line for line in lines if line.startswith("data quality")]
    assert head.split("  ")[0] == "data quality"
    (row,) = lines[lines.index(head) + 1 :]
    assert row.split() == ["same", "1.0%", "1.0%", "1.0%", "1,010"]


def test_a_check_without_metrics_says_so() -> None:
    assert drift_text([], 0, INSTALLED) == "the drift check has no metrics"
