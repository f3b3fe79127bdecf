"""Reads columns of a file as `pipelines.rules.use_case.spellings` reads single values.

Every function takes a column (n,) of any Arrow type, returns what was read, and marks the rows of
values that are refused.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.ingestion.plain_times import parse_plain_times
from pipelines.rules.use_case import spellings
from pipelines.rules.use_case.contract import OTHER, Feature
from pipelines.rules.use_case.label_values import NEITHER, UNLABELLED, LabelValues
from pipelines.rules.use_case.spellings import Misread

TIMESTAMP = pa.timestamp("us", tz="UTC")
NUMBER = f"^{spellings.NUMBER}$"
TIME = f"^{spellings.TIME}$"
WHOLE = r"^([+-]?[0-9]+)\.0+$"
TRUE = pa.array(spellings.TRUE)
FALSE = pa.array(spellings.FALSE)
MISSING = pa.array(spellings.MISSING)

MANY_ROWS = 1000  # from here on, distinct values are read instead of all

Mask = NDArray[np.bool_]


class RowReasons:
    """Why each row (n,) is refused; a row keeps its first reason.

    `codes` is 0 for a row that is not refused, else one more than the place of its reason in
    `pairs`, which hold the column and the reason. `treated` counts the values that were taken as
    another one, by column and treatment.
    """

    def __init__(self, n: int) -> None:
        self.codes = np.zeros(n, np.int32)
        self.pairs: list[tuple[str, str]] = []
        self.treated: Counter[str] = Counter()

    def mark(self, name: str, rows: Mask, reason: str) -> None:
        """Set the reason of rows that have none yet."""
        if rows.any():
            self.pairs.append((name, reason))
            self.codes[rows & self.good] = len(self.pairs)

    def treat(self, name: str, rows: Mask, treatment: str) -> None:
        """Count values that are taken as another one, in rows that are not refused so far."""
        if rows.any() and (count := int((rows & self.good).sum())):
            self.treated[f"{name}: {treatment}"] += count

    @property
    def good(self) -> Mask:
        """Which rows are not refused."""
        return np.asarray(self.codes == 0)

    @property
    def texts(self) -> NDArray[np.object_]:
        """The reason of each row (n,) as text, '' for a row that is not refused."""
        texts = ["", *(f"{name}: {reason}" for name, reason in self.pairs)]
        return np.array(texts, object)[self.codes]


Read = Callable[[pa.ChunkedArray, Feature, RowReasons], tuple[NDArray[np.float64], Mask]]


def read_feature(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons
) -> NDArray[np.float64]:
    """Return the logged numbers (n,) of a raw feature: missing is NaN, a category its index."""
    column, unreadable = plain(column)
    reasons.mark(feature.name, unreadable, _type_reason(feature))
    if feature.type in ("category", "bool"):
        read = _categories if feature.type == "category" else _booleans
        values, missing = _by_distinct(column, feature, reasons, read)
    else:
        values, missing = _numbers(column, feature, reasons)
    if not feature.nullable:
        reasons.mark(feature.name, missing & ~unreadable, spellings.ABSENT)
    return values


def read_ids(
    column: pa.ChunkedArray, name: str, reasons: RowReasons, *, required: bool
) -> pa.StringArray:
    """Return ids exactly as they are; whole numbers are their digits."""
    column, unreadable = plain(column)
    type_ = column.type
    if pa.types.is_decimal(type_) and type_.scale <= 0:
        text = pc.cast(column, pa.string())
    elif pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        numbers = _as_numpy(column)
        whole = (numbers == np.round(numbers)) & (np.abs(numbers) <= spellings.EXACT)
        digits = pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)
        text = pc.cast(digits, pa.string())
    elif pa.types.is_integer(type_) or pa.types.is_string(type_):
        text = pc.cast(column, pa.string())
    else:
        text = pa.nulls(len(column), pa.string())
    blank = pc.equal(pc.utf8_trim(text, spellings.BLANK), "")
    valid = pc.less_equal(pc.utf8_length(text), spellings.LONGEST_ID)
    valid = pc.and_(valid, pc.invert(pc.or_(blank, pc.match_substring(text, "\0"))))
    refused = ~_mask(valid) & (_mask(pc.is_valid(column)) | unreadable)
    if not required:
        refused &= ~_mask(blank)
    reasons.mark(name, refused, spellings.NOT_AN_ID)
    if required:
        reasons.mark(name, _mask(pc.is_null(text)) & ~unreadable, spellings.NOT_AN_ID)
    return pc.if_else(valid, text, None)


def read_labels(
    column: pa.ChunkedArray, name: str, label: LabelValues, reasons: RowReasons
) -> NDArray[np.int8]:
    """Return labels (n,): 1, 0, or −1 for a value of rows that are not labelled yet."""
    column, unreadable = plain(column)
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    classes = []
    faults: dict[int, str] = {}
    for index, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            classes.append(label(value))
        except Misread as fault:
            classes.append(UNLABELLED)
            faults[index] = str(fault)
    reasons.mark(name, unreadable, NEITHER)
    indexes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    for index, reason in faults.items():
        reasons.mark(name, indexes == index, reason)
    by_index = np.array(classes or [UNLABELLED], np.int8)
    return np.asarray(by_index[indexes])


def read_times(
    column: pa.ChunkedArray, name: str, reasons: RowReasons, *, now: datetime
) -> pa.Array:
    """Return microseconds in UTC; times without a zone are UTC, and null where refused."""
    column, unreadable = plain(column)
    type_ = column.type
    times = pa.nulls(len(column), TIMESTAMP)
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        times = _timestamps(column)
    elif pa.types.is_string(type_):
        text = _one_array(column)
        plain_times = parse_plain_times(text) if isinstance(text, pa.StringArray) else None
        times = _parsed_times(column) if plain_times is None else plain_times
    times = _one_array(times)
    reasons.mark(name, _mask(pc.is_null(times)) | unreadable, spellings.NOT_A_TIME)
    micros = pc.fill_null(pc.cast(times, pa.int64()), 0).to_numpy(zero_copy_only=False)
    first, last = (
        np.datetime64(f"{year}-01-01", "us").astype(np.int64)
        for year in (spellings.YEARS.start, spellings.YEARS.stop)
    )
    far = (micros < first) | (micros >= last)
    reasons.mark(name, far, spellings.FAR_YEAR)
    times = pc.if_else(pa.array(far), None, times)
    latest = int((now + spellings.AHEAD).timestamp() * 1_000_000)
    reasons.mark(name, micros > latest, spellings.IN_FUTURE)
    return times


def plain(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Mask]:
    """Return a column as string, number, bool, date or timestamp, and which rows can't be.

    Dictionaries are decoded, and binary values are UTF-8 text. A value of any other type is null.
    """
    none = np.zeros(len(column), bool)
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = pc.cast(column, type_.value_type)
        type_ = column.type
    if _is_binary(type_):
        return _decoded(column)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pc.cast(column, pa.string()), none
    if pa.types.is_null(type_):
        return pc.cast(column, pa.string()), none
    if _is_plain(type_):
        return column, none
    unreadable = _mask(pc.is_valid(column))
    return pa.chunked_array([pa.nulls(len(column), pa.string())]), unreadable


def _is_binary(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(type_)
        or types.is_large_binary(type_)
        or types.is_fixed_size_binary(type_)
        or types.is_binary_view(type_)
    )


def _is_plain(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(type_)
        or types.is_boolean(type_)
        or types.is_integer(type_)
        or types.is_floating(type_)
        or types.is_decimal(type_)
        or types.is_timestamp(type_)
        or types.is_date(type_)
    )


def _decoded(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Mask]:
    """Decode binary values as UTF-8; values that are not UTF-8 are null."""
    with contextlib.suppress(pa.ArrowInvalid):
        return pc.cast(column, pa.string()), np.zeros(len(column), bool)
    texts: list[str | None] = []
    for value in column.to_pylist():
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
    decoded = pa.chunked_array([pa.array(texts, pa.string())])
    return decoded, _mask(pc.is_valid(column)) & _mask(pc.is_null(decoded))


def _type_reason(feature: Feature) -> str:
    reasons = {"bool": spellings.NOT_BOOLEAN, "category": spellings.not_one_of(feature)}
    return reasons.get(feature.type, spellings.NOT_A_NUMBER)


def _numbers(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons
) -> tuple[NDArray[np.float64], Mask]:
    type_ = column.type
    if pa.types.is_string(type_):
        values, missing = _parsed_numbers(column, feature, reasons)
    elif pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        values = _as_numpy(column)
        missing = np.isnan(values)
    else:
        return _unreadable(column, feature, reasons, spellings.NOT_A_NUMBER)
    if codes := feature.missing_numbers:
        coded = np.isin(values, list(codes))
        values = np.where(coded, np.nan, values)
        missing = missing | coded
    _check_numbers(values, feature, reasons)
    return _ranged(values, feature, reasons), missing


def _unreadable(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons, reason: str
) -> tuple[NDArray[np.float64], Mask]:
    """Refuse every value of a column whose type the feature can't have."""
    reasons.mark(feature.name, _mask(pc.is_valid(column)), reason)
    return np.full(len(column), np.nan), _mask(pc.is_null(column))


def _check_numbers(values: NDArray[np.float64], feature: Feature, reasons: RowReasons) -> None:
    name = feature.name
    if feature.type == "int":
        present = ~np.isnan(values)
        reasons.mark(name, present & (values != np.round(values)), spellings.NOT_WHOLE)
        reasons.mark(name, np.abs(values) > spellings.EXACT, spellings.NOT_EXACT)
    reasons.mark(name, np.abs(values) > spellings.LARGEST, spellings.TOO_LARGE)


def _ranged(
    values: NDArray[np.float64], feature: Feature, reasons: RowReasons
) -> NDArray[np.float64]:
    if feature.range is None:
        return values
    low, high = feature.range
    beyond = (values < low) | (values > high)
    if not beyond.any():
        return values
    if feature.beyond == "refuse":
        reasons.mark(feature.name, beyond, spellings.outside(feature))
        return values
    if feature.beyond == "accept":
        reasons.treat(feature.name, beyond, spellings.ACCEPTED)
        return values
    reasons.treat(feature.name, beyond, spellings.CLIPPED)
    return np.clip(values, low, high)


def _parsed_numbers(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons
) -> tuple[NDArray[np.float64], Mask]:
    """Parse text; a column of plain numbers is parsed at once."""
    with contextlib.suppress(pa.ArrowInvalid):
        values = _as_numpy(column)
        missing = _mask(pc.is_null(column))
        if np.isfinite(values[~missing]).all():
            return values, missing
    text = pc.utf8_trim(column, spellings.BLANK)
    missing = _missing_text(text, feature)
    number = pc.match_substring_regex(text, NUMBER)
    refused = ~_mask(number) & ~missing
    reasons.mark(feature.name, refused, spellings.NOT_A_NUMBER)
    digits = pc.if_else(number, pc.utf8_ltrim(text, "+"), None)
    return _as_numpy(digits), missing


def _missing_text(text: pa.ChunkedArray, feature: Feature) -> Mask:
    """Which trimmed texts mean missing."""
    if feature.missing is None:
        words = pc.is_in(pc.utf8_lower(text), value_set=MISSING)
    else:
        codes = [code for code in feature.missing if isinstance(code, str)]
        words = pc.is_in(text, value_set=pa.array(codes, pa.string()))
    blank = pc.equal(text, "")
    return np.asarray(_mask(words) | _mask(blank) | _mask(pc.is_null(text)))


def _by_distinct(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons, read: Read
) -> tuple[NDArray[np.float64], Mask]:
    """Read each distinct text once, unless one of them is refused or taken as another value."""
    if not pa.types.is_string(column.type) or len(column) < MANY_ROWS:
        return read(column, feature, reasons)
    encoded = _one_array(pc.dictionary_encode(column, null_encoding="encode"))
    distinct = pa.chunked_array([encoded.dictionary])
    of_distinct = RowReasons(len(distinct))
    values, missing = read(distinct, feature, of_distinct)
    if of_distinct.pairs or of_distinct.treated:
        return read(column, feature, reasons)
    index = encoded.indices.to_numpy()
    return values[index], missing[index]


def _booleans(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons
) -> tuple[NDArray[np.float64], Mask]:
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return _unreadable(column, feature, reasons, spellings.NOT_BOOLEAN)
    if not pa.types.is_string(column.type):
        values = _as_numpy(column)
        missing = np.isnan(values) | np.isin(values, list(feature.missing_numbers))
        other = ~missing & (values != 0) & (values != 1)
        reasons.mark(feature.name, other, spellings.NOT_BOOLEAN)
        return np.where(missing, np.nan, values), missing
    text = pc.utf8_trim(column, spellings.BLANK)
    missing = _missing_text(text, feature) | _coded_text(text, feature)
    lower = pc.utf8_lower(text)
    true = _mask(pc.is_in(lower, value_set=TRUE)) & ~missing
    false = _mask(pc.is_in(lower, value_set=FALSE)) & ~missing
    reasons.mark(feature.name, ~(true | false | missing), spellings.NOT_BOOLEAN)
    return np.where(true, 1.0, np.where(false, 0.0, np.nan)), missing


def _coded_text(text: pa.ChunkedArray, feature: Feature) -> Mask:
    """Which texts spell one of the feature's missing numbers."""
    codes = list(feature.missing_numbers)
    if not codes:
        return np.zeros(len(text), bool)
    number = pc.match_substring_regex(text, NUMBER)
    digits = pc.if_else(number, pc.utf8_ltrim(text, "+"), None)
    return np.isin(_as_numpy(digits), codes)


def _categories(
    column: pa.ChunkedArray, feature: Feature, reasons: RowReasons
) -> tuple[NDArray[np.float64], Mask]:
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return _unreadable(column, feature, reasons, spellings.not_one_of(feature))
    text = _category_text(column)
    categories = pa.array(feature.values, pa.string())
    index = pc.index_in(text, value_set=categories)
    missing = _mask(pc.is_null(text))
    unknown = ~missing & _mask(pc.is_null(index))
    values = _as_numpy(index)
    if not unknown.any():
        return values, missing
    trimmed = pc.utf8_trim(text, spellings.BLANK)
    coded = _missing_category(trimmed, feature) & unknown
    missing |= coded
    digits = pc.replace_substring_regex(text, WHOLE, r"\1")
    whole = _as_numpy(pc.index_in(digits, value_set=categories))
    values = np.where(unknown & ~coded, whole, values)
    unknown &= ~coded & np.isnan(values)
    if feature.unknown == "refuse":
        reasons.mark(feature.name, unknown, spellings.not_one_of(feature))
    else:
        reasons.treat(feature.name, unknown, spellings.UNKNOWN[feature.unknown])
    if feature.unknown == "other":
        values = np.where(unknown, float(feature.values.index(OTHER)), values)
    return values, missing


def _category_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text: true is `true`, 3.0 is `3`."""
    type_ = column.type
    if not (pa.types.is_floating(type_) or pa.types.is_decimal(type_)):
        return pc.cast(column, pa.string())
    numbers = _as_numpy(column)
    texts = [spellings.category_text(float(number)) for number in numbers]
    return pa.chunked_array([pa.array(texts, pa.string(), mask=np.isnan(numbers))])


def _missing_category(text: pa.ChunkedArray, feature: Feature) -> Mask:
    codes = [code for code in feature.missing or () if isinstance(code, str)]
    words = _mask(pc.is_in(text, value_set=pa.array(codes, pa.string())))
    return np.asarray(words | _mask(pc.equal(text, "")))


def _timestamps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert dates and timestamps; a value out of range of microseconds is null."""
    if pa.types.is_date(column.type):
        column = pc.cast(column, pa.timestamp("s"))
    zone = column.type.tz
    if column.type.unit == "ns":
        column = pc.cast(_to_micros(pc.cast(column, pa.int64())), pa.timestamp("us", zone))
    naive = pa.timestamp("us")
    micros = pc.cast(column, pa.timestamp("us", zone) if zone else naive, safe=False)
    return pc.cast(micros, TIMESTAMP) if zone else pc.assume_timezone(micros, "UTC")


def _to_micros(nanos: pa.ChunkedArray) -> pa.ChunkedArray:
    """Round whole nanoseconds to the nearest microsecond."""
    return pc.divide(pc.add(nanos, 500), 1000)


def _parsed_times(text: pa.ChunkedArray) -> pa.ChunkedArray:
    parts = pc.extract_regex(pc.utf8_trim(text, spellings.BLANK), TIME)
    date = pc.struct_field(parts, ["date"])
    clock = _or_default(pc.struct_field(parts, ["clock"]), "00:00")
    seconds = _or_default(pc.struct_field(parts, ["seconds"]), ":00")
    minute = pc.binary_join_element_wise(date, clock, " ")
    written = pc.binary_join_element_wise(minute, seconds, "")
    whole = pc.strptime(written, format="%Y-%m-%d %H:%M:%S", unit="us", error_is_null=True)
    whole = pc.if_else(_exists(whole, written), whole, None)
    point_and_digits = pc.struct_field(parts, ["fraction"])
    digits = pc.utf8_slice_codeunits(point_and_digits, 1)
    nanos = pc.cast(pc.utf8_rpad(digits, 9, "0"), pa.int64())
    fraction = pc.cast(_to_micros(nanos), pa.duration("us"))
    local = pc.add(whole, fraction)
    offsets = _offsets(pc.struct_field(parts, ["zone"]))
    return pc.assume_timezone(pc.subtract(local, offsets), "UTC")


def _exists(time: pa.ChunkedArray, written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a parsed time has the day, hour and second that were written.

    strptime takes 30 February as 2 March.
    """
    same = pc.equal(pc.day(time), pc.cast(pc.utf8_slice_codeunits(written, 8, 10), pa.int64()))
    hour = pc.cast(pc.utf8_slice_codeunits(written, 11, 13), pa.int64())
    second = pc.cast(pc.utf8_slice_codeunits(written, 17, 19), pa.int64())
    same = pc.and_(same, pc.equal(pc.hour(time), hour))
    return pc.and_(same, pc.equal(pc.second(time), second))


def _offsets(zones: pa.ChunkedArray) -> pa.Array:
    """Return the offsets of zones from UTC; positive is east, null is no valid offset."""
    encoded = _one_array(pc.dictionary_encode(zones))
    micros: list[int | None] = []
    for text in encoded.dictionary.to_pylist():
        try:
            east = spellings.zone(text or "Z").utcoffset(None)
            micros.append(int(east.total_seconds() * 1_000_000))
        except ValueError:
            micros.append(None)
    offsets = pa.array(micros, pa.duration("us"))
    return offsets.take(encoded.indices)


def _or_default(text: pa.ChunkedArray, default: str) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(text, ""), default, text)


def _one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _as_numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[np.float64]:
    """Convert to float64, null to NaN; a column of text raises ArrowInvalid for other text."""
    safe = not pa.types.is_integer(column.type)
    numbers = pc.cast(column, pa.float64(), safe=safe)
    values = numbers.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def _mask(column: pa.ChunkedArray | pa.Array) -> Mask:
    """Convert to a mask; null is false."""
    filled = pc.fill_null(column, False)
    mask = filled.to_numpy(zero_copy_only=False)
    return np.asarray(mask, dtype=bool)
