"""The risk band follows the threshold of the model that scored."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.model.risk_band import RiskBand, risk_band

share = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "band"),
    [
        pytest.param(0.0, "low", id="zero is low"),
        pytest.param(math.nextafter(0.2, 0), "low", id="just under half of the threshold is low"),
        pytest.param(0.2, "medium", id="half of the threshold is medium"),
        pytest.param(math.nextafter(0.4, 0), "medium", id="just under the threshold is medium"),
        pytest.param(0.4, "high", id="the threshold is high"),
        pytest.param(1.0, "high", id="one is high"),
    ],
)
def test_a_band_begins_at_its_limit(score: float, band: RiskBand) -> None:
    assert risk_band(score, 0.4) == band


@given(score=share, threshold=share)
def test_a_score_is_high_exactly_when_the_row_is_flagged(score: float, threshold: float) -> None:
    is_flagged = score >= threshold
    assert (risk_band(score, threshold) == "high") == is_flagged
