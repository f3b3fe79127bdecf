"""Rows of the baseline train only until there are enough real ones, and that is said."""

from typing import Any

import numpy as np
import pytest

from pipelines.rules.training.reference_rows import real_rows_suffice, reference_note
from pipelines.rules.use_case.policy_sections.training import Training

POLICY = Training(real_rows=100, real_positives=10)


@pytest.mark.parametrize(
    ("positives", "negatives", "unknown", "enough"),
    [
        pytest.param(10, 90, 0, True, id="exactly enough"),
        pytest.param(9, 200, 0, False, id="a positive too few"),
        pytest.param(200, 9, 0, False, id="a negative too few"),
        pytest.param(10, 89, 500, False, id="rows without a label do not count"),
        pytest.param(0, 0, 0, False, id="no row"),
    ],
)
def test_enough_real_rows(positives: int, negatives: int, unknown: int, enough: bool) -> None:
    labels = np.repeat([1, 0, -1], [positives, negatives, unknown]).astype(np.int8)
    assert real_rows_suffice(labels, POLICY) is enough


@pytest.mark.parametrize(
    ("dataset", "note"),
    [
        pytest.param(None, None, id="no dataset"),
        pytest.param({"train_rows": 9}, None, id="of an earlier release"),
        pytest.param({"train_rows": 9, "reference_rows": 0}, None, id="real rows only"),
        pytest.param(
            {"train_rows": 9000, "reference_rows": 1000},
            "1,000 of 9,000 training rows are reference rows (the baseline of the use case), not "
            "real traffic",
            id="some reference rows",
        ),
    ],
)
def test_the_note_about_a_model(dataset: dict[str, Any] | None, note: str | None) -> None:
    assert reference_note(dataset) == note
