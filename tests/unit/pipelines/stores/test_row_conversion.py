"""Logged rows of several contracts become rows of one."""

import math

import numpy as np
import pyarrow as pa
import pytest

from pipelines.stores.row_conversion import RowConverter
from tests.unit.pipelines.rules.use_case.test_contract_projection import contract

CURRENT = contract()
FORMER = contract(salary=None, grade={"type": "category", "values": ["b", "a"]})
NOW = [1000.0, 1.0, 0.0, 2.0, 500.0]
THEN = [0.0, 0.0, 1.0]  # employed, grade b, dependents


@pytest.fixture
def converter() -> RowConverter:
    return RowConverter(CURRENT, {FORMER.hash: FORMER}.get)


def test_rows_keep_their_order_and_unreadable_ones_are_left_out(converter: RowConverter) -> None:
    hashes = pa.array([CURRENT.hash, "unknown", FORMER.hash, CURRENT.hash])
    features = pa.array([NOW, [1.0], THEN, NOW], pa.list_(pa.float64()))
    readable, converted = converter.arrow(hashes, features)
    assert readable.tolist() == [True, False, True, True]
    missing = math.nan
    np.testing.assert_array_equal(converted, [NOW, [missing, 0, 1, 1, missing], NOW])
    assert converter.unreadable == {"unknown": 1}
    assert converter.earlier == [FORMER]
    assert converter.absent == {"salary", "per_head"}
    assert converter.accepting.features[0].nullable


def test_rows_of_the_current_contract_stay_as_they_were_logged(converter: RowConverter) -> None:
    logged = [*NOW[:-1], 77.0]
    assert converter.row(CURRENT.hash, logged) == logged
    assert converter.earlier == []
    assert converter.accepting is CURRENT


@pytest.mark.parametrize("hashes", [[None, None], [None, CURRENT.hash], [FORMER.hash, None]])
def test_no_hash_stands_for_the_current_contract(
    converter: RowConverter, hashes: list[str | None]
) -> None:
    rows = [THEN if name == FORMER.hash else NOW for name in hashes]
    named = [name or CURRENT.hash for name in hashes]
    readable, converted = converter.arrow(
        pa.array(hashes, pa.string()), pa.array(rows, pa.list_(pa.float64()))
    )
    assert readable.all()
    expected = converter.rows(list(zip(named, rows, strict=True)))
    np.testing.assert_array_equal(converted, expected)


@pytest.mark.parametrize(
    ("contract_hash", "features"),
    [
        pytest.param("unknown", NOW, id="a contract that is not recorded"),
        pytest.param(FORMER.hash, NOW, id="another number of features"),
    ],
)
def test_a_row_that_cannot_be_read_is_missing(
    converter: RowConverter, contract_hash: str, features: list[float]
) -> None:
    assert np.isnan(converter.row(contract_hash, features)).all()


def test_no_row_gives_no_row(converter: RowConverter) -> None:
    assert converter.rows([]).shape == (0, len(CURRENT.columns))
