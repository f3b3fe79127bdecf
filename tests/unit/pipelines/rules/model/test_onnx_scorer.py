"""The ONNX graph scores one row as it scores many, and values beyond float32 are clipped."""

import numpy as np
import pytest

from pipelines.rules.model.onnx_scorer import OnnxScorer
from tests.unit.serving import made


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer(made.graph(made.weights_of(made.FRAUD), 0.0))


def test_one_row_is_scored_as_many_are(scorer: OnnxScorer) -> None:
    rows = np.random.default_rng(1).gamma(2, 500, (50, len(made.FRAUD.columns)))
    together = scorer(rows)
    assert together.dtype == np.float64
    assert together.tolist() == [float(scorer(row.reshape(1, -1))[0]) for row in rows]


def test_a_value_beyond_float32_is_clipped(scorer: OnnxScorer) -> None:
    rows = np.zeros((2, len(made.FRAUD.columns)))
    rows[:, 0] = (1e300, -1e300)
    assert scorer(rows) == pytest.approx([1, 0], abs=1e-6)


def test_no_rows_give_no_scores(scorer: OnnxScorer) -> None:
    assert scorer(np.empty((0, len(made.FRAUD.columns)))).shape == (0,)
