"""What the values of a column are."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.proposal.column_profile import ColumnProfile, profile, word_profile

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def of(values: list[Any], type_: pa.DataType | None = None) -> ColumnProfile:
    return profile("x", pa.chunked_array([pa.array(values, type_)]), now=NOW)


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [
        (["1", "2", "3"], "int", 0),
        (["1.0", "2", "3"], "int", 0),
        (["1.5", "2", ""], "float", 1),
        (["0", "1", "1"], "bool", 0),
        (["yes", "No", "yes", "NA"], "bool", 1),
        (["a", "b", "a"], "category", 0),
        (["a", "1", "b", "c", "d", "e", "f"], "category", 0),
        (["7", "7"], "constant", 0),
        (["x", "x"], "constant", 0),
        (["", " ", ""], "empty", 3),
        (["NA", "nan"], "empty", 2),
        (["2024-01-31", "2024-02-01"], "time", 0),
        (["31/12/2024", "01/02/2024"], "time", 0),
        ([1, 2, None], "int", 1),
        ([1.5, None, float("nan")], "constant", 2),
        ([1.5, 2.5, float("nan")], "float", 1),
        ([True, False, None], "bool", 1),
        ([date(2024, 1, 1), date(2024, 1, 2)], "time", 0),
        ([None, None], "empty", 2),
        ([b"a", b"b"], "category", 0),
    ],
)
def test_the_kind_of_a_column(values: list[Any], kind: str, missing: int) -> None:
    found = of(values)
    assert (found.kind, found.missing, found.n) == (kind, missing, len(values))


def test_texts_among_numbers_are_codes() -> None:
    found = of([str(n) for n in range(50)] + ["?", "unknown", "NA", ""])
    assert (found.kind, found.codes, found.missing) == ("int", ("?", "unknown"), 4)
    assert found.numbers is not None and np.isnan(found.numbers).sum() == 4


def test_a_column_that_is_mostly_words_is_of_categories() -> None:
    assert of(["1", "2", "?", "?", "?", "?"]).kind == "category"


def test_dates_of_another_format_name_every_format_that_reads_them() -> None:
    assert of(["31/12/2024", "01/02/2024"]).date_formats == ("%d/%m/%Y",)
    assert of(["01/12/2024", "01/02/2024"]).date_formats == ("%d/%m/%Y", "%m/%d/%Y")
    assert of(["20240131", "20240201"]).kind == "int", "whole numbers stay numbers"


def test_times_before_1970_are_times_that_can_not_be_used() -> None:
    found = of(["1955-03-01", "1980-01-01"])
    assert found.kind in ("time", "category")
    assert found.kind == "category" or found.missing


def test_a_label_keeps_its_values_as_words() -> None:
    counts = word_profile("y", pa.chunked_array([pa.array([1.0, 0.0, 0.0, None])]))
    assert (counts.values, counts.missing) == ((("0", 2), ("1", 1)), 1)
    words = word_profile("y", pa.chunked_array([pa.array(["Bad ", "Good", "Good", ""])]))
    assert (words.values, words.missing) == ((("Good", 2), ("Bad", 1)), 1)
    assert word_profile("y", pa.chunked_array([pa.array([True, False])])).values == (
        ("false", 1),
        ("true", 1),
    )


@given(st.lists(st.one_of(st.none(), st.text(max_size=8), st.integers().map(str)), min_size=1))
def test_any_text_has_a_profile(values: list[str | None]) -> None:
    found = of(values, pa.string())
    assert 0 <= found.missing <= found.n == len(values)
    assert found.distinct <= found.n
