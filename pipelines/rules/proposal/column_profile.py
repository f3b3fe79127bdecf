"""What the values of one column are, by the same rules as an import reads them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.ingestion.column_reading import (
    RowReasons,
    plain,
    read_feature,
    read_times,
)
from pipelines.rules.use_case.contract import Feature
from pipelines.rules.use_case.spellings import BLANK, FALSE, MISSING, TRUE, category_text

Kind = Literal["empty", "constant", "bool", "int", "float", "time", "category"]
MOST_CODES = 5  # texts of a column of numbers that are taken as missing
CODED_SHARE = 0.5  # of the values, that such texts may have
MOST_DISTINCT = 2000  # texts that are tried as times of a format
# How dates are written that are no ISO dates. The first that reads every value is proposed.
DATE_FORMATS = tuple(
    f"{date}{clock}"
    for date in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d-%b-%Y")
    for clock in ("", " %H:%M", " %H:%M:%S")
)


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """A column of a sample.

    `values` are its distinct values as text with their counts, the most frequent first. `codes` are
    texts among numbers. `numbers` (n,) holds NaN for a missing value, and for a time its
    microseconds. `date_formats` are those that read every value; empty for ISO times.
    """

    column: str
    kind: Kind
    n: int
    missing: int
    values: tuple[tuple[str, int], ...] = ()
    codes: tuple[str, ...] = ()
    numbers: NDArray[np.float64] | None = None
    date_formats: tuple[str, ...] = ()

    @property
    def present(self) -> int:
        """The number of values that are not missing."""
        return self.n - self.missing

    @property
    def distinct(self) -> int:
        """The number of distinct values."""
        if self.numbers is not None:
            return len(np.unique(self.numbers[~np.isnan(self.numbers)]))
        return len(self.values)

    @property
    def is_unique(self) -> bool:
        """Whether no two rows have the same value, and none is missing."""
        return not self.missing and self.distinct == self.n > 1


def profile(column: str, values: pa.ChunkedArray, *, now: datetime) -> ColumnProfile:
    """Find out the kind of a column (n,) of any Arrow type."""
    readable, _ = plain(values)
    type_ = readable.type
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return _of_times(column, readable, _iso_times(readable, now))
    if not pa.types.is_string(type_):
        return _of_numbers(column, readable, codes=())
    text = pc.utf8_trim(readable, BLANK)
    text = pc.if_else(pc.equal(text, ""), None, text)
    if text.null_count == len(text):
        return ColumnProfile(column=column, kind="empty", n=len(text), missing=len(text))
    counts = _counts(text)
    codes = _codes(text, counts)
    if codes is not None:
        return _of_numbers(column, text, codes=codes, counts=counts)
    if times := _times(column, text, counts, now):
        return times
    return _of_words(column, text, counts)


def word_profile(column: str, values: pa.ChunkedArray) -> ColumnProfile:
    """Return the profile of a label, whose values are words even where they are numbers."""
    readable, _ = plain(values)
    if pa.types.is_boolean(readable.type) or not pa.types.is_string(readable.type):
        spelled = [category_text(value) for value in readable.to_pylist()]
        readable = pa.chunked_array([pa.array(spelled, pa.string())])
    text = pc.utf8_trim(readable, BLANK)
    text = pc.if_else(pc.equal(text, ""), None, text)
    return _of_words(column, text, _counts(text))


def _counts(text: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    """Return the distinct values with their counts, the most frequent first."""
    counted = pc.value_counts(text.drop_null())
    pairs = [(str(each["values"]), int(each["counts"])) for each in counted.to_pylist()]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _codes(text: pa.ChunkedArray, counts: tuple[tuple[str, int], ...]) -> tuple[str, ...] | None:
    """Return the texts of a column of numbers that are no numbers; None if it is of words."""
    number = Feature(name="x", type="float", nullable=True)
    reasons = RowReasons(len(counts))
    values = read_feature(pa.chunked_array([[value for value, _ in counts]]), number, reasons)
    if np.isnan(values).all():
        return None
    codes = [counts[row] for row in np.flatnonzero(~reasons.good)]
    coded = sum(count for _, count in codes)
    if len(codes) > MOST_CODES or coded > CODED_SHARE * (len(text) - text.null_count):
        return None
    return tuple(value for value, _ in codes)


def _of_numbers(
    column: str,
    values: pa.ChunkedArray,
    *,
    codes: tuple[str, ...],
    counts: tuple[tuple[str, int], ...] = (),
) -> ColumnProfile:
    missing = (*codes, *_default_words(counts)) if codes else None
    if pa.types.is_boolean(values.type):
        numbers = np.asarray(pc.cast(values, pa.float64()).to_numpy(), np.float64)
    else:
        feature = Feature(name=column, type="float", nullable=True, missing=missing)
        numbers = read_feature(values, feature, RowReasons(len(values)))
    present = numbers[~np.isnan(numbers)]
    return ColumnProfile(
        column=column,
        kind=_number_kind(present),
        n=len(numbers),
        missing=len(numbers) - len(present),
        values=counts,
        codes=codes,
        numbers=numbers,
    )


def _default_words(counts: tuple[tuple[str, int], ...]) -> list[str]:
    """Return the words that mean missing without being listed; a list of codes replaces them."""
    return [value for value, _ in counts if value.lower() in MISSING]


def _number_kind(present: NDArray[np.float64]) -> Kind:
    distinct = np.unique(present)
    if not len(distinct):
        return "empty"
    if len(distinct) == 1:
        return "constant"
    if set(distinct.tolist()) == {0.0, 1.0}:
        return "bool"
    return "int" if (distinct == np.round(distinct)).all() else "float"


def _iso_times(values: pa.ChunkedArray, now: datetime) -> pa.Array | None:
    """Return times in UTC, null for a missing one; None when a value is no time."""
    reasons = RowReasons(len(values))
    times = read_times(values, "x", reasons, now=now)
    refused = pc.and_(pa.array(~reasons.good), pc.is_valid(values).combine_chunks())
    return None if pc.any(refused).as_py() else times


def _times(
    column: str, text: pa.ChunkedArray, counts: tuple[tuple[str, int], ...], now: datetime
) -> ColumnProfile | None:
    """Return the profile of a column of times; None if it is of words."""
    times = _iso_times(text, now)
    if times is not None:
        return _of_times(column, text, times)
    formats = [each for each in DATE_FORMATS if _reads(each, counts)]
    if not formats:
        return None
    parsed = pc.strptime(text, format=formats[0], unit="us", error_is_null=True)
    return _of_times(column, text, parsed, tuple(formats))


def _reads(date_format: str, counts: tuple[tuple[str, int], ...]) -> bool:
    if len(counts) > MOST_DISTINCT:
        counts = counts[:MOST_DISTINCT]
    for value, _ in counts:
        try:
            datetime.strptime(value, date_format)  # noqa: DTZ007  # only tried
        except ValueError:
            return False
    return True


def _of_times(
    column: str,
    values: pa.ChunkedArray,
    times: pa.Array | pa.ChunkedArray | None,
    date_formats: tuple[str, ...] = (),
) -> ColumnProfile:
    if times is None:  # times of any year: no event time, and no feature
        times = pa.nulls(len(values), pa.timestamp("us"))
    if isinstance(times, pa.ChunkedArray):
        times = times.combine_chunks()
    micros = pc.cast(pc.cast(times, pa.int64()), pa.float64())
    numbers = np.asarray(micros.to_numpy(zero_copy_only=False), np.float64)
    return ColumnProfile(
        column=column,
        kind="time",
        n=len(values),
        missing=int(np.isnan(numbers).sum()),
        numbers=numbers,
        date_formats=date_formats,
    )


def _of_words(
    column: str, text: pa.ChunkedArray, counts: tuple[tuple[str, int], ...]
) -> ColumnProfile:
    kind: Kind = "category"
    words = {value.lower() for value, _ in counts} - set(MISSING)
    if not words:
        kind = "empty"
    elif len(counts) == 1:
        kind = "constant"
    elif len(words) == 2 and len(words & set(TRUE)) == len(words & set(FALSE)) == 1:
        kind = "bool"
    missing = text.null_count
    if kind in ("bool", "empty"):
        missing += sum(count for value, count in counts if value.lower() in MISSING)
    return ColumnProfile(column=column, kind=kind, n=len(text), missing=missing, values=counts)
