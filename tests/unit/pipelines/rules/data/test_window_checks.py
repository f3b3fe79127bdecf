"""Columns that say nothing in one of the windows are named."""

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.rules.data.window_checks import window_warnings
from pipelines.rules.use_case.contract import Contract, Derived, Feature, LabelColumn

CONTRACT = Contract(
    use_case="test",
    title="Test",
    entity_key="entity",
    event_time="event_time",
    transaction_id="transaction_id",
    label=LabelColumn(name="label"),
    features=(
        Feature(name="amount", type="float", nullable=True),
        Feature(name="kind", type="category", values=("a", "b", "c"), nullable=True),
    ),
    derived=(Derived(name="ratio", expression="amount / 2"),),
    sources={},
)
ROWS = 100
TUNE = 75
Windows = Callable[[np.ndarray, np.ndarray], None]


def usual(train: np.ndarray, holdout: np.ndarray) -> None:
    pass


def blank_everywhere(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 2] = holdout[:, 2] = np.nan


def constant_everywhere(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 2] = holdout[:, 2] = 4


def raw_blank_everywhere(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 0] = holdout[:, 0] = np.nan


def blank_in_training(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 0] = np.nan


def blank_when_tuning(train: np.ndarray, holdout: np.ndarray) -> None:
    train[TUNE:, 0] = np.nan


def blank_held_out(train: np.ndarray, holdout: np.ndarray) -> None:
    holdout[:, 0] = np.nan


def constant_in_training(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 0] = 7


def new_category(train: np.ndarray, holdout: np.ndarray) -> None:
    train[:, 1] = np.arange(ROWS) % 2


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (usual, []),
        (blank_everywhere, ["ratio: it is missing in every row"]),
        (constant_everywhere, ["ratio: it has the same value in every row"]),
        (raw_blank_everywhere, []),  # dataset_checks.copies names it
        (blank_in_training, ["amount: it is missing in every training row"]),
        (blank_when_tuning, ["amount: it is missing in every tuning row"]),
        (blank_held_out, ["amount: it is missing in every held-out row"]),
        (constant_in_training, ["amount: every training row has the same value"]),
        (new_category, ["kind: no training row has c, which held-out rows have"]),
    ],
)
def test_the_column_and_the_window_are_named(case: Windows, expected: list[str]) -> None:
    random = np.random.default_rng(0)
    train, holdout = random.normal(size=(2, ROWS, 3))
    train[:, 1] = holdout[:, 1] = np.arange(ROWS) % 3
    case(train, holdout)
    warnings = list(window_warnings(train, TUNE, holdout, CONTRACT))
    assert len(warnings) == len(expected)
    for warning, start in zip(warnings, expected, strict=True):
        assert warning.startswith(start)
