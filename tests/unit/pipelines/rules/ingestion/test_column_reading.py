"""A column of a file is read as single values are: the same value, or the same reason."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.ingestion.column_reading import (
    RowReasons,
    read_feature,
    read_ids,
    read_labels,
    read_times,
)
from pipelines.rules.use_case import spellings
from pipelines.rules.use_case.contract import Feature, LabelColumn
from pipelines.rules.use_case.label_values import LabelValues
from pipelines.rules.use_case.spellings import Misread

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FEATURES = [
    Feature(name="x", type="float"),
    Feature(name="x", type="float", range=(-5, 1000), nullable=True, missing=("?", -7)),
    Feature(name="x", type="float", range=(0, 10), beyond="clip"),
    Feature(name="x", type="int", range=(0, 100), beyond="accept", nullable=True),
    Feature(name="x", type="int", nullable=True, missing=(-1, -9999)),
    Feature(name="x", type="bool", nullable=True),
    Feature(name="x", type="bool", nullable=True, missing=("?", 9)),
    Feature(name="x", type="category", values=("a", "1", "NA", "other"), unknown="other"),
    Feature(name="x", type="category", values=("a", "-7"), nullable=True, missing=("NA", "?")),
    Feature(name="x", type="category", values=("a", "true"), nullable=True, unknown="missing"),
    Feature(name="x", type="category", values=("a", ""), nullable=True),
]
SPELLINGS = st.sampled_from(
    """0 1 -1 1.0 0.0 01 +1 -0 1. .5 . 1e3 1e400 -1E-3 9007199254740991 9007199254740993 3.4e38 1e39
    true True T f NO yes y n on NA na N/A nan NaN null None ? -7 -7.0 -9999 9 a A b inf -inf 1,5
    1_000 0x1 ١ other -7.000 10.5 1000.0001 infinity 1.5e""".split()  # noqa: SIM905
)
TEXTS = SPELLINGS | st.builds("{}{}{}".format, st.sampled_from(["", " ", "\t"]), SPELLINGS,
                              st.sampled_from(["", " ", "\n"])) | st.text(max_size=5)  # fmt: skip
NUMBERS = st.floats(width=64) | st.sampled_from([0.0, 1.0, -7.0, -9999.0, 9.0, 0.5, math.inf])
Outcome = float | str | datetime | int | None


def one_by_one(values: list[Any], read: Callable[[Any], Outcome]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for value in values:
        try:
            outcomes.append(read(value))
        except Misread as reason:
            outcomes.append(f"x: {reason}")
    return outcomes


def column_outcomes(values: Any, reasons: RowReasons) -> list[Outcome]:
    return [reason or value for value, reason in zip(values, reasons.texts.tolist(), strict=True)]


def assert_same_feature(column: pa.Array, feature: Feature) -> None:
    reasons = RowReasons(len(column))
    read = read_feature(pa.chunked_array([column]), feature, reasons)
    treated: list[str] = []
    expected = one_by_one(
        column.to_pylist(),
        lambda value: spellings.read_feature(value, feature, treated=treated.append),
    )
    assert list(map(str, column_outcomes(read.tolist(), reasons))) == list(map(str, expected))
    assert reasons.treated.total() == len(treated)


@given(st.sampled_from(FEATURES), st.lists(st.none() | TEXTS, max_size=6))
def test_text_is_read_as_single_values_are(feature: Feature, values: list[str | None]) -> None:
    for kind in (pa.string(), pa.large_string()):
        assert_same_feature(pa.array(values, kind), feature)
    assert_same_feature(pa.array(values, pa.string()).dictionary_encode(), feature)


@given(st.sampled_from(FEATURES), st.lists(st.none() | NUMBERS, max_size=6))
def test_numbers_are_read_as_single_values_are(
    feature: Feature, values: list[float | None]
) -> None:
    assert_same_feature(pa.array(values, pa.float64()), feature)


@given(
    st.sampled_from(FEATURES),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), max_size=6),
)
def test_whole_numbers_are_read_as_single_values_are(
    feature: Feature, values: list[int | None]
) -> None:
    assert_same_feature(pa.array(values, pa.int64()), feature)


@given(st.sampled_from(FEATURES), st.lists(st.none() | st.booleans(), max_size=4))
def test_booleans_are_read_as_single_values_are(
    feature: Feature, values: list[bool | None]
) -> None:
    assert_same_feature(pa.array(values, pa.bool_()), feature)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([[1]]), id="a list"),
        pytest.param(pa.array([{"a": 1}]), id="a struct"),
        pytest.param(pa.array([NOW]), id="a time"),
        pytest.param(pa.array([NOW.date()]), id="a date"),
        pytest.param(pa.array([timedelta(1)]), id="a duration"),
        pytest.param(pa.array([b"\xff"]), id="bytes that are not UTF-8"),
    ],
)
def test_a_value_of_another_kind_is_refused(feature: Feature, column: pa.Array) -> None:
    reasons = RowReasons(1)
    read_feature(pa.chunked_array([column]), feature, reasons)
    assert reasons.texts[0].startswith("x: ")


TIMES = [
    "2026-01-31", "2026-02-30", "2026-04-31T10:00:00Z", "2026-01-01 10:00:00+00", "2026-01-01 10:00",
    "2026-01-01T10:00:00.123456789Z", "2026-01-01T24:00:00", "2026-01-01T23:59:60Z", "2024-02-29",
    "2023-02-29", "2026-01-01 10:00:00 UTC", "2026-01-01T10:00:00-0530", "2026-01-01T10:00:00+24:00",
    "2099-01-01", "9999-12-31", "1969-12-31T23:59:59Z", "1970-01-01", "1970-01-01T00:00:00+14:00",
    "0001-01-01", "2026-06-02T11:59:59Z", "2026-06-02T12:00:01Z", "1767225600", "31/01/2026", "",
    "2026-01-01T10:00:00 +02:00", "2026-1-1", "2026-13-01", "2026-01-01T10", "20260101", "nan",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01T10:00:00z", " 2026-01-01 ",
]  # fmt: skip


def micros(value: Outcome) -> Outcome:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_read_as_a_single_value_is(text: str) -> None:
    reasons = RowReasons(1)
    times = read_times(pa.chunked_array([[text]]), "x", reasons, now=NOW)
    (expected,) = one_by_one([text], lambda value: spellings.read_time(value, now=NOW))
    (outcome,) = column_outcomes(times.to_pylist(), reasons)
    assert micros(outcome) == micros(expected)


IDS = ["t-1", " t-1 ", "007", "7", "", None, "x" * 128, "x" * 129, "a\0b", "ä", "NA", "nan", "null"]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array(IDS), id="text"),
        pytest.param(pa.array([1.0, 1.5, 2.0**53, math.nan, math.inf, -3.0, None]), id="floats"),
        pytest.param(pa.array([1, 2**62, -5, None]), id="integers"),
        pytest.param(pa.array([2**64 - 1], pa.uint64()), id="large integers"),
        pytest.param(pa.array([Decimal("123456789012345678901")]), id="decimals"),
        pytest.param(pa.array([b"t-1", b"\xff", None]), id="bytes"),
        pytest.param(pa.array([True, False]), id="booleans"),
        pytest.param(pa.array([NOW]), id="times"),
    ],
)
def test_ids_are_read_as_single_values_are(column: pa.Array) -> None:
    values = [_text(value) for value in column.to_pylist()]
    reasons = RowReasons(len(column))
    ids = read_ids(pa.chunked_array([column]), "x", reasons, required=True)
    expected = one_by_one(values, spellings.read_id)
    assert column_outcomes(ids.to_pylist(), reasons) == expected


def _text(value: Any) -> Any:
    """The value as a request would have it."""
    if isinstance(value, bytes):
        return None if value == b"\xff" else value.decode()
    return int(value) if isinstance(value, Decimal) else value


LABELS = [
    LabelColumn(name="y"),
    LabelColumn(name="y", positive=0),
    LabelColumn(name="y", positive=True),
    LabelColumn(name="y", positive=1, negative=-1),
    LabelColumn(name="y", positive=("Charged Off", "Default"), negative=("Fully Paid",),
                unlabelled=("Current", "?")),
    LabelColumn(name="y", positive="2", negative=("1", 3)),
]  # fmt: skip
LABEL_TEXTS = TEXTS | st.sampled_from(
    ["Charged Off", "charged off ", "Fully Paid", "Current", "Late", "2", "2.0", "3", "-1"]
)


@given(
    st.sampled_from(LABELS),
    st.lists(st.none() | LABEL_TEXTS, max_size=6)
    | st.lists(st.none() | NUMBERS, max_size=6)
    | st.lists(st.booleans() | st.none(), max_size=6),
)
def test_labels_are_read_as_single_values_are(label: LabelColumn, values: list[Any]) -> None:
    read = LabelValues(label)
    column = pa.array(values)
    reasons = RowReasons(len(column))
    labels = read_labels(pa.chunked_array([column]), "x", read, reasons)
    expected = one_by_one(column.to_pylist(), read)
    assert column_outcomes(labels.tolist(), reasons) == expected


def test_a_row_keeps_its_first_reason_and_treated_values_are_counted() -> None:
    reasons = RowReasons(3)
    rows = np.array([True, False, True])
    reasons.mark("a", rows, "first")
    reasons.mark("b", ~rows, "second")
    reasons.mark("b", rows, "third")
    assert reasons.texts.tolist() == ["a: first", "b: second", "a: first"]


def test_values_that_are_taken_as_another_one_are_counted_unless_the_row_is_refused() -> None:
    reasons = RowReasons(3)
    reasons.mark("a", np.array([True, False, False]), "refused")
    reasons.treat("b", np.array([True, True, True]), "clipped")
    assert reasons.treated == {"b: clipped": 2}
