"""Corrected p-values are SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pipelines.rules.statistics.multiple_testing import benjamini_hochberg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_scipys(p_values: list[float]) -> None:
    adjusted = benjamini_hochberg(np.array(p_values))
    assert adjusted == pytest.approx(false_discovery_control(p_values))


def test_no_p_value_has_no_adjusted_one() -> None:
    assert len(benjamini_hochberg(np.array([]))) == 0
