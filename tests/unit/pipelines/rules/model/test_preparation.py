"""Features are filled and encoded the same for one row as for many, and contributions go back to their columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.rules.model.preparation import Preparation, prepare

numbers = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
category = st.integers(0, 2).map(float) | st.just(float("nan"))
rows = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        arrays(np.float32, (n, 2), elements=numbers), arrays(np.float32, (n, 1), elements=category)
    )
)
CATEGORIES = (0, 0, 3)


@given(rows, st.booleans(), st.booleans())
def test_one_row_is_prepared_as_many_are(
    drawn: tuple[np.ndarray, np.ndarray], fill: bool, encode: bool
) -> None:
    features = np.hstack(drawn)
    preparation = Preparation.of(features, CATEGORIES, fill=fill, encode=encode)
    together = prepare(preparation, features)
    alone = np.vstack([prepare(preparation, row.reshape(1, -1)) for row in features])
    assert np.array_equal(together, alone, equal_nan=True)
    assert preparation is None or together.shape[1] == preparation.width
    assert together.dtype == np.float32
    if fill:
        assert not np.isnan(together).any()


@given(st.integers(0, 2**32 - 1))
def test_contributions_add_up_to_the_same_sum(seed: int) -> None:
    preparation = Preparation(fill=None, categories=(0, 3, 0, 2))
    contributions = np.random.default_rng(seed).normal(size=(4, preparation.width))
    folded = preparation.fold(contributions)
    assert folded.shape == (4, 4)
    assert np.allclose(folded.sum(axis=1), contributions.sum(axis=1))
    assert np.allclose(folded[:, 1], contributions[:, 1:4].sum(axis=1))


def test_what_is_filled_in() -> None:
    nan = float("nan")
    features = np.array([[1, nan, 2], [3, nan, 2], [nan, nan, 0]], np.float32)
    preparation = Preparation.of(features, (0, 0, 3), fill=True, encode=False)
    assert preparation is not None
    assert preparation.fill == (2.0, 0.0, 2.0), (
        "the median, 0 for a blank column, the most frequent category"
    )


@pytest.mark.parametrize("categories", [(), (0, 0, 3)])
def test_an_estimator_that_takes_everything_needs_no_preparation(
    categories: tuple[int, ...],
) -> None:
    assert (
        Preparation.of(np.zeros((2, 3), np.float32), categories, fill=False, encode=False) is None
    )


def test_a_filled_number_says_where_it_was_missing() -> None:
    nan = float("nan")
    features = np.array([[1, nan, 0, 5], [3, nan, nan, 6], [nan, nan, 2, 7]], np.float32)
    preparation = Preparation.of(features, (0, 0, 3, 0), fill=True, encode=True, indicators=(0,))
    assert preparation is not None
    prepared = preparation(np.array([[nan, nan, 1, nan], [4, nan, nan, 8]], np.float32))
    assert prepared.tolist() == [[2, 0, 0, 1, 0, 6, 1], [4, 0, 0, 0, 0, 8, 0]]
    folded = preparation.fold(np.array([[1.0, 2, 4, 8, 16, 32, 64]]))
    assert folded.tolist() == [[1 + 64, 2, 4 + 8 + 16, 32]]


def test_a_category_with_many_levels_becomes_one_number() -> None:
    nan = float("nan")
    features = np.array([[1, 0], [nan, 1], [0, nan]], np.float32)
    preparation = Preparation.of(
        features, (2, 2), fill=False, encode=True, levels={0: (-1.0, 1.0, 0.5)}
    )
    assert preparation is not None
    assert preparation.categories == (0, 2)
    assert preparation(features).tolist() == [[1, 1, 0], [0.5, 0, 1], [-1, 0, 0]]


def test_a_missing_category_is_no_category() -> None:
    preparation = Preparation(fill=None, categories=(3,))
    assert preparation(np.array([[float("nan")], [1]], np.float32)).tolist() == [
        [0, 0, 0],
        [0, 1, 0],
    ]
