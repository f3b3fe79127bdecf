"""Derived features are the same for one row as for many."""

import numexpr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rules.use_case.derived_features import BLOCK, Deriver
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


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_rows_of_several_blocks_derive_as_each_block_does(n: int) -> None:
    derive = Deriver(CONTRACT)
    rows = np.random.default_rng(1).uniform(0, 100, (n, len(CONTRACT.raw)))
    blocks = [derive(rows[start : start + 7]) for start in range(0, n, 7)]
    assert np.array_equal(derive(rows), np.vstack(blocks), equal_nan=True)


def test_a_block_is_too_small_for_the_thread_pool() -> None:
    # numexpr computes less than two of its own blocks in the thread that calls it.
    assert 2 * numexpr.interpreter.__BLOCK_SIZE1__ > BLOCK
