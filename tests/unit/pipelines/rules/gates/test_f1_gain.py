"""The relative gain in F1, and bounds that hold it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.gates.f1_gain import F1_FLOOR, bootstrap_f1_gain, f1_gain


def counts(
    *, both: int, champion: int, challenger: int, neither: int, negatives: int
) -> np.ndarray:
    """Positives by who flagged them, and negatives that neither flagged."""
    cells = np.zeros((2, 2, 2), np.int64)
    cells[1, 1, 1] = both
    cells[1, 1, 0] = champion
    cells[1, 0, 1] = challenger
    cells[1, 0, 0] = neither
    cells[0, 0, 0] = negatives
    return cells


def test_the_gain_is_relative_to_the_champion() -> None:
    cells = counts(both=50, champion=0, challenger=30, neither=20, negatives=900)
    before = 2 * 50 / (100 + 50)
    after = 2 * 80 / (100 + 80)
    assert f1_gain(cells) == pytest.approx((after - before) / before)


def test_a_champion_that_finds_nothing_counts_as_the_floor() -> None:
    cells = counts(both=0, champion=0, challenger=100, neither=0, negatives=0)
    assert f1_gain(cells) == pytest.approx(1 / F1_FLOOR)


def test_equal_models_gain_nothing_and_are_bounded_by_nothing() -> None:
    cells = counts(both=70, champion=0, challenger=0, neither=30, negatives=900)
    assert bootstrap_f1_gain(cells, level=0.05, resamples=200) == (0.0, 0.0)


@given(st.lists(st.integers(0, 40), min_size=8, max_size=8).filter(lambda cells: sum(cells) > 0))
def test_bounds_are_ordered_and_the_same_for_the_same_counts(cells: list[int]) -> None:
    paired = np.array(cells, np.int64).reshape(2, 2, 2)
    low, high = bootstrap_f1_gain(paired, level=0.05, resamples=100)
    assert low <= high
    assert bootstrap_f1_gain(paired, level=0.05, resamples=100) == (low, high)


def test_a_stricter_level_gives_wider_bounds_and_more_rows_narrower_ones() -> None:
    cells = counts(both=50, champion=5, challenger=20, neither=25, negatives=900)

    def width(paired: np.ndarray, level: float) -> float:
        low, high = bootstrap_f1_gain(paired, level=level, resamples=1000)
        assert low < float(f1_gain(paired)) < high
        return high - low

    assert width(cells, 0.01) > width(cells, 0.1)
    assert width(100 * cells, 0.05) < width(cells, 0.05) / 5
