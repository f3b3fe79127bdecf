"""A spike at a round negative number warns; ordinary data do not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.rules.data.missing_codes import missing_codes

N = 5000
RANDOM = np.random.default_rng(3)
Values = NDArray[np.float64]


def with_codes(values: Values, **shares: float) -> Values:
    """The values with some replaced by codes; `_9=0.1` makes a tenth of them -9."""
    changed = values.astype(np.float64)
    draw = RANDOM.random(len(values))
    start = 0.0
    for name, share in shares.items():
        changed[(draw >= start) & (draw < start + share)] = -float(name.removeprefix("_"))
        start += share
    return changed


AMOUNTS = RANDOM.lognormal(3, 1, N)
COUNTS = RANDOM.poisson(4, N).astype(np.float64)
DAYS = RANDOM.integers(0, 400, N).astype(np.float64)
BALANCES = RANDOM.normal(100, 60, N)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        pytest.param(with_codes(AMOUNTS, _1=0.1), "-1", id="-1 in amounts"),
        pytest.param(with_codes(DAYS, _1=0.05), "-1", id="-1 for never"),
        pytest.param(
            with_codes(COUNTS, _7=0.02, _8=0.05, _9=0.06), "-9, -8, -7", id="the codes of a bureau"
        ),
        pytest.param(with_codes(COUNTS, _99=0.02), "-99", id="-99"),
        pytest.param(with_codes(BALANCES, _9999=0.02), "-9999", id="below negative balances"),
        pytest.param(with_codes(BALANCES, _9998=0.02, _9999=0.02), "-9999, -9998", id="-9998"),
    ],
)
def test_codes_of_missing_values_are_named_with_their_setting(values: Values, codes: str) -> None:
    values[:3] = np.nan
    (finding,) = missing_codes(values.reshape(-1, 1), ("x",))
    assert f"`missing: [{codes}]`" in finding.reason
    assert (finding.check, finding.columns, finding.verdict) == ("missing_codes", ("x",), "")
    assert all(values[row] < 0 for row in finding.rows)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(AMOUNTS, id="amounts"),
        pytest.param(COUNTS, id="counts"),
        pytest.param(COUNTS - 1, id="counts less one"),
        pytest.param(BALANCES, id="balances"),
        pytest.param(np.round(RANDOM.normal(5, 5, N)), id="whole temperatures"),
        pytest.param(RANDOM.choice([-1.0, 0.0, 1.0], N), id="signs"),
        pytest.param(np.clip(RANDOM.normal(0, 1, N), -1, 1), id="clipped at -1"),
        pytest.param(np.round(RANDOM.uniform(-9, 9, N), 1), id="from -9 to 9"),
        pytest.param(RANDOM.integers(-9, 0, N).astype(float), id="all negative"),
        pytest.param(with_codes(AMOUNTS, _9=0.001), id="a few rows"),
        pytest.param(with_codes(AMOUNTS, _9=1.0), id="one value"),
        pytest.param(with_codes(AMOUNTS, _12=0.2), id="a number that is no code"),
        pytest.param(np.full(N, np.nan), id="missing"),
        pytest.param(np.empty(0), id="no rows"),
    ],
)
def test_ordinary_data_have_no_warning(values: Values) -> None:
    assert list(missing_codes(values.reshape(-1, 1), ("x",))) == []


def test_a_large_data_set_is_sampled() -> None:
    values = np.tile(with_codes(AMOUNTS, _9=0.1), 60)
    (finding,) = missing_codes(values.reshape(-1, 1), ("x",))
    assert finding.observed == pytest.approx(0.1, abs=0.02)
