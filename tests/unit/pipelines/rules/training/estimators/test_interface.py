"""What every estimator is given: rows, and a search of a known length."""

import msgspec
import numpy as np
import pytest

from pipelines.rules.training.estimators.interface import GuidedSearch, ParameterGrid, Rows
from pipelines.settings import ROOT
from pipelines.use_case import read_policy

TRAINING = read_policy(ROOT / "reference" / "fraud").training
ROWS = Rows(
    features=np.arange(8, dtype=np.float32).reshape(4, 2),
    labels=np.array([0, 1, 0, 1], np.int8),
    categories=(0, 3),
    directions=(-1, 0),
)


@pytest.mark.parametrize(
    ("selection", "labels"),
    [
        pytest.param(slice(2, None), [0, 1], id="a slice"),
        pytest.param(np.array([3, 0]), [1, 0], id="positions, in their order"),
        pytest.param(np.array([False, True, False, True]), [1, 1], id="a mask"),
        pytest.param(slice(0, 0), [], id="no rows"),
    ],
)
def test_selected_rows_keep_everything_about_their_columns(
    selection: np.ndarray | slice, labels: list[int]
) -> None:
    taken = ROWS.take(selection)
    assert len(taken) == len(labels)
    assert taken.labels.tolist() == labels
    assert taken.features.tolist() == ROWS.features[selection].tolist()
    assert taken.categories == (0, 3)
    assert taken.directions == (-1, 0)


def test_a_grid_takes_as_many_trials_as_it_has_sets_and_a_search_as_many_as_the_policy() -> None:
    training = msgspec.structs.replace(TRAINING, trials=7)
    grid = ParameterGrid(({"C": 0.1}, {"C": 1.0}))
    guided = GuidedSearch(propose=lambda suggest, rows: {}, first={})
    assert (grid.trials(training), guided.trials(training)) == (2, 7)
