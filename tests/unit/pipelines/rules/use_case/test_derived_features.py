"""Derived features are the same for one row as for many."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")


finite = st.floats(0, 1e6) | st.just(float("nan"))


@given(st.lists(st.lists(finite, min_size=15, max_size=15), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_one_row_derives_as_a_million_do(rows: list[list[float]]) -> None:
    derive = Deriver(CONTRACT)
    matrix = np.array(rows)
    together = derive(matrix)
    alone = np.vstack([derive(row.reshape(1, -1)) for row in matrix])
    assert together.shape == (len(rows), len(CONTRACT.columns))
    assert np.array_equal(together, alone, equal_nan=True)
    assert not np.isinf(together[:, 15:]).any()
