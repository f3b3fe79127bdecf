"""The drift page shows every statistic that is installed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from drift_page.view import shade, view
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.records import Metric
from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic
from pipelines.settings import ROOT
from pipelines.stores.drift_statistics import installed_statistics
from tests.unit.pipelines.rules.monitoring.checks import KolmogorovSmirnov, small_check

INSTALLED = installed_statistics()
TIME = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY = [
    {"window_end": TIME + hour * timedelta(hours=1), "feature": "moved", "excess": 0.3 * hour}
    for hour in range(3)
]
DAYS = [{"day": date(2026, 1, day), "f1": 0.5, "estimated_f1": None} for day in (1, 2)]


def values(
    metrics: Sequence[Metric], statistics: Sequence[DriftStatistic], **champion: Any
) -> dict[str, Any]:
    return view(
        alerts=[],
        metrics=metrics,
        version=0,
        statistics=statistics,
        history=HISTORY,
        days=DAYS,
        **champion,
    )


def page(metrics: Sequence[Metric], statistics: Sequence[DriftStatistic], **champion: Any) -> str:
    """The page as the plugin renders it."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "plugins" / "drift_page"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html").render(
        use_case="fraud", use_cases=["fraud"], may=True, **values(metrics, statistics, **champion)
    )


def test_refused_and_treated_values_are_shown_by_field() -> None:
    (row,) = values(small_check(INSTALLED), INSTALLED)["quality"]
    assert (row.field, list(row.shares), row.n) == ("same", ["1.0%", "1.0%", "1.0%"], "1,010")
    assert "Data quality" in page(small_check(INSTALLED), INSTALLED)


def test_reference_rows_that_trained_the_champion_are_said() -> None:
    note = "9 of 9 training rows are reference rows"
    text = page(small_check(INSTALLED), INSTALLED, champion=4, reference_note=note)
    assert f"Version 4 is in Production: {note}." in text
    assert "reference rows" not in page(small_check(INSTALLED), INSTALLED, champion=4)


def test_features_come_by_drift_with_a_cell_for_each_statistic() -> None:
    shown = values(small_check(INSTALLED), INSTALLED)
    rows = shown["features"]
    assert [row["feature"] for row in rows] == ["moved", "same"], "ignored has no PSI"
    assert [row["drifted"] for row in rows] == [True, False]
    assert 100 < rows[0]["bar"] <= 120
    assert rows[0]["baseline"] == rows[0]["size"], "version 0 is the baseline"
    assert all(len(row["cells"]) == len(shown["titles"]) for row in rows)


def test_the_page_has_a_column_for_each_installed_statistic() -> None:
    statistics = [*INSTALLED, KolmogorovSmirnov()]
    text = page(small_check(statistics), statistics)
    for statistic in statistics:
        assert f'<th class="n">{statistic.title}' in text
    assert KolmogorovSmirnov.title not in page(small_check(statistics), INSTALLED)
    assert "score kolmogorov smirnov" in text


def test_the_page_of_an_older_check_has_no_value_of_a_new_statistic() -> None:
    (moved, _) = values(small_check(INSTALLED), [*INSTALLED, KolmogorovSmirnov()])["features"]
    assert moved["cells"][-1] == "-"


def test_the_title_of_a_statistic_is_no_markup() -> None:
    hostile = KolmogorovSmirnov()
    hostile.title = "<script>"
    assert "<script>" not in page(small_check(INSTALLED), [*INSTALLED, hostile])


def test_a_use_case_without_a_check_has_a_page() -> None:
    assert "No drift check has run yet" in page([], INSTALLED)


@pytest.mark.parametrize(
    ("excess", "colour"),
    [
        pytest.param(-0.1, "#eef3f8", id="below the expected value"),
        pytest.param(0.1, "#f5b27a", id="at a limit"),
        pytest.param(9.0, "#b3261e", id="above all limits"),
    ],
)
def test_a_shade(excess: float, colour: str) -> None:
    assert shade(excess) == colour
