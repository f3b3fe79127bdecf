"""Errors of a file name the file."""

import pyarrow as pa
import pytest

from pipelines.batch_scoring.files.readable import readable
from pipelines.errors import DataError


@pytest.mark.parametrize("error", [pa.ArrowInvalid("truncated"), EOFError("truncated")])
def test_a_damaged_file_is_named_with_what_to_do(error: Exception) -> None:
    message = r"a\.csv is not a valid CSV file: truncated; no scored file was written: export it"
    with pytest.raises(DataError, match=message), readable("a.csv", "CSV file"):
        raise error


def test_a_message_without_the_name_gets_it_once() -> None:
    with pytest.raises(DataError, match=r"^a\.csv: no rows$"), readable("a.csv", "CSV file"):
        raise DataError("no rows")
    with pytest.raises(DataError, match=r"^a\.csv: no rows$"), readable("a.csv", "CSV file"):
        raise DataError("a.csv: no rows")
