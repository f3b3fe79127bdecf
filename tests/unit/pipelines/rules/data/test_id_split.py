"""The side of a transaction depends on its id only."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.data.id_split import is_held_out, order, positions_of


def test_a_transaction_is_always_on_the_same_side() -> None:
    positions = positions_of(pa.array(["t-1", "t-2", "7"]))
    assert positions.round(6).tolist() == [0.323458, 0.108053, 0.223691]


@given(st.lists(st.text(max_size=20), max_size=50))
def test_other_rows_change_nothing(ids: list[str]) -> None:
    alone = [is_held_out(pa.array([name]), 0.3)[0] for name in ids]
    assert is_held_out(pa.array(ids, pa.string()), 0.3).tolist() == alone


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_about_the_share_is_held_out(share: float) -> None:
    ids = pa.array([str(number) for number in range(20_000)])
    assert is_held_out(ids, share).mean() == pytest.approx(share, abs=0.01)


def test_the_order_has_nothing_to_do_with_that_of_the_rows() -> None:
    ids = pa.array([str(number) for number in range(20_000)])
    ordered = order(ids)
    assert sorted(ordered) == list(range(20_000))
    assert abs(np.corrcoef(ordered, np.arange(20_000))[0, 1]) < 0.03
