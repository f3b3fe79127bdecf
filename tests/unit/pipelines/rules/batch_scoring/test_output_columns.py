"""Names of the columns that scoring adds."""

import pytest

from pipelines.errors import DataError
from pipelines.rules.batch_scoring.output_columns import added_columns


def test_the_added_columns_have_their_usual_names() -> None:
    assert added_columns(["a"], logged=False).names == ["score", "flagged", "model_version"]
    assert added_columns(["a"], logged=True).names[-1] == "prediction_id"


def test_when_one_name_is_taken_all_of_them_get_a_prefix() -> None:
    assert added_columns(["a", "score"], logged=False).names == [
        "sixgate_score",
        "sixgate_flagged",
        "sixgate_model_version",
    ]


def test_a_file_that_was_scored_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"has the columns sixgate_score already"):
        added_columns(["score", "sixgate_score"], logged=False)
