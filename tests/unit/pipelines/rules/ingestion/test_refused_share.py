"""An increment is refused when its share of refused rows exceeds the limit beyond chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.ingestion.refused_share import are_too_many


@pytest.mark.parametrize(
    ("refused", "rows", "too_many"),
    [
        pytest.param(0, 10, False, id="none"),
        pytest.param(1, 20, False, id="one row of a small increment"),
        pytest.param(2, 20, True, id="two of them"),
        pytest.param(1, 1, True, id="the only row"),
        pytest.param(1_000, 100_000, False, id="as many as the limit allows"),
        pytest.param(1_300, 100_000, True, id="more than that of many rows"),
    ],
)
def test_how_many_rows_are_too_many_at_one_percent(refused: int, rows: int, too_many: bool) -> None:
    assert are_too_many(refused, rows, share=0.01) is too_many


@given(st.integers(1, 10**7), st.floats(0, 1), st.floats(0, 1))
def test_a_share_below_the_limit_is_never_too_many(rows: int, part: float, share: float) -> None:
    refused = round(rows * part)
    if refused / rows <= share:
        assert not are_too_many(refused, rows, share=share)
