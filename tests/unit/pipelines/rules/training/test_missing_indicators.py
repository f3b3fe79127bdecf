"""A column says where values were missing only when that tells something about the label."""

import numpy as np

from pipelines.rules.training.estimators.interface import Rows
from pipelines.rules.training.missing_indicators import informative_columns


def rows(n: int = 3_000) -> Rows:
    """Missing at random, never, always, by the label, and a category that lacks positives."""
    draw = np.random.default_rng(1)
    labels = (draw.random(n) < 0.1).astype(np.int8)
    features = draw.normal(size=(n, 5)).astype(np.float32)
    features[draw.random(n) < 0.2, 0] = np.nan
    features[:, 2] = np.nan
    features[draw.random(n) < np.where(labels, 0.4, 0.2), 3] = np.nan
    features[:, 4] = draw.integers(0, 3, n)
    features[labels == 1, 4] = np.nan
    return Rows(features, labels, (0, 0, 0, 0, 3))


def test_only_values_that_lack_by_the_label_tell_something() -> None:
    assert informative_columns(rows()) == (3,)


def test_rows_without_categories_are_all_numbers() -> None:
    some = rows()
    assert informative_columns(Rows(some.features, some.labels)) == (3, 4)


def test_one_class_alone_tells_nothing() -> None:
    some = rows()
    assert informative_columns(Rows(some.features, np.zeros(len(some), np.int8))) == ()
