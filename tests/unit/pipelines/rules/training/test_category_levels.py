"""A category with many levels becomes the log-odds of its rows, shrunk and cross-fitted."""

import numpy as np
import pytest

from pipelines.rules.training.category_levels import SMOOTHING, category_levels
from pipelines.rules.training.estimators.interface import Rows

LEVELS = 40
NAN = float("nan")


def rows(seed: int, n: int = 4_000, *, informative: bool = True) -> Rows:
    """Rows with one category; its rates rise with its index when it is informative."""
    draw = np.random.default_rng(seed)
    levels = draw.integers(0, LEVELS - 1, n)  # the last one has no row
    rate = levels / LEVELS if informative else 0.2
    features = np.column_stack([levels, draw.normal(size=n)]).astype(np.float32)
    labels = (draw.random(n) < rate).astype(np.int8)
    return Rows(features, labels, (LEVELS, 0))


def test_the_numbers_rise_with_the_rate() -> None:
    levels, cross_fitted = category_levels(rows(1), [0], seed=1)
    numbers = np.array(levels[0][: LEVELS - 1])
    assert np.corrcoef(numbers, np.arange(LEVELS - 1))[0, 1] > 0.9
    assert cross_fitted.shape == (4_000, 1)


def test_a_number_is_the_shrunk_rate_in_log_odds() -> None:
    some = rows(2)
    levels, _ = category_levels(some, [0], seed=1)
    chosen = some.labels[some.features[:, 0] == 7]
    average = some.labels.mean()
    rate = (chosen.sum() + SMOOTHING * average) / (len(chosen) + SMOOTHING)
    assert levels[0][7] == pytest.approx(np.log(rate / (1 - rate)))


def test_a_category_without_rows_and_a_missing_one_have_the_average() -> None:
    some = rows(3)
    levels, _ = category_levels(some, [0], seed=1)
    average = some.labels.mean()
    expected = pytest.approx(np.log(average / (1 - average)))
    assert levels[0][LEVELS - 1] == expected
    assert levels[0][LEVELS] == expected, "no row lacked it"


def test_a_missing_category_is_a_level_of_its_own() -> None:
    some = rows(4)
    features = some.features.copy()
    features[some.labels == 1, 0] = NAN
    levels, _ = category_levels(Rows(features, some.labels, some.categories), [0], seed=1)
    assert levels[0][LEVELS] > 2 > max(levels[0][:LEVELS])


def test_numbers_of_the_rows_themselves_do_not_know_their_labels() -> None:
    in_sample, cross_fitted = [], []
    for seed in range(20):
        noise = rows(seed, n=200, informative=False)
        levels, numbers = category_levels(noise, [0], seed=1)
        own = np.array(levels[0])[noise.features[:, 0].astype(int)]
        in_sample.append(np.corrcoef(own, noise.labels)[0, 1])
        cross_fitted.append(np.corrcoef(numbers[:, 0], noise.labels)[0, 1])
    assert np.mean(in_sample) > 0.3, "its own rows made each rate"
    assert abs(np.mean(cross_fitted)) < 0.1


def test_the_same_rows_and_seed_give_the_same_numbers() -> None:
    first, first_rows = category_levels(rows(6), [0], seed=1)
    second, second_rows = category_levels(rows(6), [0], seed=1)
    assert first == second
    np.testing.assert_array_equal(first_rows, second_rows)


@pytest.mark.parametrize("positives", [2, 3])
def test_few_positives_are_enough(positives: int) -> None:
    some = rows(7, n=500)
    labels = np.zeros(500, np.int8)
    labels[:positives] = 1
    levels, cross_fitted = category_levels(
        Rows(some.features, labels, some.categories), [0], seed=1
    )
    assert np.isfinite(levels[0]).all()
    assert np.isfinite(cross_fitted).all()
