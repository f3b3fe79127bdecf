"""What every drift statistic promises: a value for any counts, and what is expected without drift.

A new statistic is tested here as soon as it is installed.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.monitoring.drift_statistics.interface import DriftStatistic
from pipelines.stores.drift_statistics import installed_statistics
from tests.unit.pipelines.rules.monitoring.drift_statistics.counts import column

every_statistic = pytest.mark.parametrize(
    "statistic", installed_statistics(), ids=lambda statistic: statistic.name
)
every_test = pytest.mark.parametrize(
    "statistic",
    [statistic for statistic in installed_statistics() if statistic.is_test],
    ids=lambda statistic: statistic.name,
)
COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 500))
COLUMNS = st.lists(COUNTS, min_size=2, max_size=15).filter(
    lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs)
)
OUTSIDE = (0, 11)
SHARES = np.array([0.02, 0.001, *[0.1] * 9, 0.0786, 0.0004])  # missing first


@every_statistic
@given(pairs=COLUMNS)
def test_any_counts_have_a_value_or_none_and_the_same_one_again(
    statistic: DriftStatistic, pairs: list[tuple[int, int]]
) -> None:
    reference, window = zip(*pairs, strict=True)
    counts = column(reference, window, outside=[0])
    first = statistic.measure(counts)
    again = statistic.measure(counts)
    assert first == again or math.isnan(first.value)
    assert not math.isinf(first.value)
    assert math.isnan(first.value) == math.isnan(first.expected)
    assert (first.p_value is not None) is statistic.is_test
    if first.p_value is not None:
        assert 0 <= first.p_value <= 1


@every_statistic
@pytest.mark.parametrize(("n", "m"), [(30_000, 200), (30_000, 10_000), (1000, 1000)])
def test_without_drift_the_mean_is_the_expected_value(
    statistic: DriftStatistic, n: int, m: int
) -> None:
    draw = np.random.default_rng(n + m)
    values = []
    for _ in range(1000):
        reference = draw.multinomial(n, SHARES).tolist()
        window = draw.multinomial(m, SHARES).tolist()
        values.append(statistic.measure(column(reference, window, outside=OUTSIDE)))
    mean = np.mean([value.value for value in values])
    expected = np.mean([value.expected for value in values])
    assert mean == pytest.approx(expected, rel=0.12)


@every_test
@pytest.mark.parametrize(("n", "m"), [(30_000, 200), (30_000, 10_000), (1000, 1000)])
def test_without_drift_p_values_are_no_smaller_than_chance(
    statistic: DriftStatistic, n: int, m: int
) -> None:
    draw = np.random.default_rng(n + m)
    p_values = []
    for _ in range(1500):
        reference = draw.multinomial(n, SHARES).tolist()
        window = draw.multinomial(m, SHARES).tolist()
        p_values.append(statistic.measure(column(reference, window)).p_value or 0.0)
    for level in (0.05, 0.01):
        assert np.mean([p_value < level for p_value in p_values]) < 1.4 * level


@every_statistic
def test_its_format_and_its_title_can_be_shown(statistic: DriftStatistic) -> None:
    assert format(0.25, statistic.format)
    assert statistic.title.strip()
