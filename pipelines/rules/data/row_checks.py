"""Checks of single rows against the contract: raw columns in, numbers and reasons out."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

# Keys of a snapshot's metadata.
QUARANTINED = "sixgate.quarantined"  # how many rows of its file were refused
RAW = b"sixgate.raw_features"  # what its numbers mean

TIMESTAMP = pa.timestamp("us", tz="UTC")
TIME = (
    r"^(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<clock>\d{2}:\d{2})(?P<seconds>:\d{2})?(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Spellings, in lower case.
TRUE = pa.array(["1", "1.0", "true", "yes"])
FALSE = pa.array(["0", "0.0", "false", "no"])
BOOLEAN = pa.concat_arrays([TRUE, FALSE])
MISSING = pa.array(["", "na", "nan", "null", "none"])

Reasons = NDArray[np.object_]


@dataclass(frozen=True)
class CheckedRows:
    """The rows that keep the contract, as a snapshot holds them, and a reason for every input row.

    The reason of a row that keeps the contract is ''.
    """

    good: pa.Table
    reasons: NDArray[np.str_]


def snapshot_schema(contract: Contract) -> pa.Schema:
    """Return the columns of a snapshot or a baseline: features as numbers, missing as null."""
    columns = [
        ("transaction_id", pa.string()),
        ("entity_key", pa.string()),
        ("event_time", TIMESTAMP),
        ("label", pa.int8()),
    ]
    columns += [(name, pa.float64()) for name in contract.raw]
    return pa.schema(columns, metadata={RAW: _raw(contract)})


def outdated(schema: pa.Schema, contract: Contract) -> str | None:
    """Return why rows of an earlier contract can't be read under this one; None when they can."""
    missing = [name for name in contract.raw if name not in schema.names]
    if missing:
        return f"it has no {', '.join(missing)}"
    written = (schema.metadata or {}).get(RAW)
    if written not in (None, _raw(contract)):
        return "the types or categories of its features differ"
    return None


def _raw(contract: Contract) -> bytes:
    features = []
    for feature in contract.features:
        features.append([feature.name, feature.type, list(feature.values)])
    return json.dumps(features).encode()


def required(contract: Contract) -> list[str]:
    """Return the columns that a file must have to be ingested."""
    return [contract.event_time, contract.label.name, *contract.raw]


def check_rows(table: pa.Table, contract: Contract, *, first_row: int = 0) -> CheckedRows:
    """Check a table with the contract's column names; values may be strings, as in a CSV.

    A row without an id is named after its place in the file, so that the same file gives the same
    snapshot.
    """
    n = len(table)
    reasons = np.full(n, "", dtype=object)
    row_names = [f"row-{first_row + row}" for row in range(n)]
    columns = {
        "transaction_id": _text(table, contract.transaction_id, default=row_names),
        "entity_key": _text(table, contract.entity_key, default=None),
        "event_time": _times(table[contract.event_time], contract.event_time, reasons),
        "label": _label(table[contract.label.name], contract, reasons),
    }
    for feature in contract.features:
        column = table[feature.name]
        columns[feature.name] = _feature(column, feature, reasons)
    checked = pa.table(columns, schema=snapshot_schema(contract))
    good = checked.filter(pa.array(reasons == ""))
    return CheckedRows(good, reasons.astype(str))


def _feature(column: pa.ChunkedArray, feature: Feature, reasons: Reasons) -> NDArray[np.float64]:
    name = feature.name
    values = _numbers(column, feature, reasons)
    missing = np.isnan(values)
    if not feature.nullable:
        _mark(
            reasons,
            rows=missing,
            reason=f"{name}: missing, and the contract does not allow it",
        )
    _mark(
        reasons,
        rows=np.isinf(values),
        reason=f"{name}: infinite",
    )
    if feature.range:
        low, high = feature.range
        outside = (values < low) | (values > high)
        _mark(
            reasons,
            rows=outside,
            reason=f"{name}: outside [{low:g}, {high:g}]",
        )
    if feature.type == "int":
        fractional = ~missing & (values != np.round(values))
        _mark(
            reasons,
            rows=fractional,
            reason=f"{name}: not a whole number",
        )
    return values


def _numbers(column: pa.ChunkedArray, feature: Feature, reasons: Reasons) -> NDArray[np.float64]:
    if feature.type == "category":
        return _categories(column, feature, reasons)
    type_ = column.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _parsed(column, feature, reasons)
    values = _as_numpy(column)
    if feature.type == "bool":
        boolean = (values == 0) | (values == 1)
        other = ~np.isnan(values) & ~boolean
        _mark(
            reasons,
            rows=other,
            reason=f"{feature.name}: neither true nor false",
        )
    return values


def _categories(column: pa.ChunkedArray, feature: Feature, reasons: Reasons) -> NDArray[np.float64]:
    text = pc.cast(column, pa.string())
    categories = pa.array(feature.values, pa.string())
    index = pc.index_in(text, value_set=categories)
    unknown = pc.and_(pc.is_valid(text), pc.is_null(index))
    _mark(
        reasons,
        rows=_mask(unknown),
        reason=f"{feature.name}: not one of {', '.join(feature.values)}",
    )
    return _as_numpy(index)


def _parsed(column: pa.ChunkedArray, feature: Feature, reasons: Reasons) -> NDArray[np.float64]:
    text = _trimmed(column)
    missing = pc.is_in(pc.utf8_lower(text), MISSING)
    text = pc.if_else(missing, None, text)
    present = pc.is_valid(text)
    if feature.type == "bool":
        lower = pc.utf8_lower(text)
        true = pc.is_in(lower, TRUE)
        boolean = pc.is_in(lower, BOOLEAN)
        other = pc.and_(present, pc.invert(boolean))
        _mark(
            reasons,
            rows=_mask(other),
            reason=f"{feature.name}: neither true nor false",
        )
        values = _mask(true).astype(float)
        return np.where(_mask(present), values, np.nan)
    number = pc.match_substring_regex(text, NUMBER)
    other = pc.and_(present, pc.invert(number))
    _mark(
        reasons,
        rows=_mask(other),
        reason=f"{feature.name}: not a number",
    )
    digits = pc.if_else(number, text, None)
    return _as_numpy(pc.cast(digits, pa.float64()))


def _label(column: pa.ChunkedArray, contract: Contract, reasons: Reasons) -> pa.Array:
    """Return 1 for the positive class and 0 for every other value.

    Where the positive class is 0, 1, true or false, any value that does not spell one of these is
    a fault.
    """
    name = contract.label.name
    positive = contract.label.positive
    text = pc.utf8_lower(_trimmed(column))
    text = pc.if_else(pc.equal(text, ""), None, text)
    _mark(
        reasons,
        rows=~_mask(pc.is_valid(text)),
        reason=f"{name}: the label is missing",
    )
    spellings = pa.array([str(positive).lower()])
    if positive in (0, 1, True, False):
        spellings = TRUE if positive else FALSE
        binary = pc.is_in(text, BOOLEAN)
        _mark(
            reasons,
            rows=~_mask(binary),
            reason=f"{name}: neither positive nor negative",
        )
    matches = pc.is_in(text, spellings)
    return pa.array(_mask(matches).astype(np.int8))


def _times(column: pa.ChunkedArray, name: str, reasons: Reasons) -> pa.Array:
    """Convert to microseconds in UTC; times without a zone are UTC."""
    if not pa.types.is_timestamp(column.type):
        times = _parsed_times(pc.cast(column, pa.string()))
    elif column.type.tz:
        times = pc.cast(column, TIMESTAMP, safe=False)
    else:
        naive = pc.cast(column, pa.timestamp("us"), safe=False)
        times = pc.assume_timezone(naive, "UTC")
    _mark(
        reasons,
        rows=_mask(pc.is_null(times)),
        reason=f"{name}: not a date and time",
    )
    return times


def _parsed_times(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Parse ISO 8601 with a blank or a T between date and time.

    The seconds, their fraction, the time of day and the zone are optional.
    """
    parts = pc.extract_regex(pc.utf8_trim_whitespace(text), TIME)
    date = pc.struct_field(parts, ["date"])
    clock = _or_default(pc.struct_field(parts, ["clock"]), "00:00")
    seconds = _or_default(pc.struct_field(parts, ["seconds"]), ":00")
    minute = pc.binary_join_element_wise(date, clock, " ")
    whole = pc.strptime(
        pc.binary_join_element_wise(minute, seconds, ""),
        format="%Y-%m-%d %H:%M:%S",
        unit="us",
        error_is_null=True,
    )
    point_and_digits = pc.struct_field(parts, ["fraction"])
    digits = pc.utf8_slice_codeunits(point_and_digits, 1, 7)
    micros = pc.cast(pc.utf8_rpad(digits, 6, "0"), pa.int64())
    fraction = pc.cast(micros, pa.duration("us"))
    local = pc.add(whole, fraction)
    offsets = _offsets(pc.struct_field(parts, ["zone"]))
    return pc.assume_timezone(pc.subtract(local, offsets), "UTC")


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))


def _or_default(text: pa.ChunkedArray, default: str) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(text, ""), default, text)


def _offsets(zones: pa.ChunkedArray) -> pa.Array:
    """Return the offsets of zones from UTC; positive is east."""
    distinct = pc.unique(zones).to_pylist()
    minutes = {zone: _minutes_east(zone or "") for zone in distinct}
    offsets = [minutes[zone] for zone in zones.to_pylist()]
    in_minutes = np.array(offsets, dtype="timedelta64[m]")
    return pa.array(in_minutes.astype("timedelta64[us]"))


def _minutes_east(zone: str) -> int:
    digits = zone[1:].replace(":", "")
    if not digits:
        return 0
    hours = int(digits[:2])
    minutes = 60 * hours + int(digits[2:])
    return minutes if zone[0] == "+" else -minutes


def _text(table: pa.Table, name: str, *, default: list[str] | None) -> pa.ChunkedArray | pa.Array:
    if name in table.column_names:
        return pc.cast(table[name], pa.string())
    if default is None:
        return pa.nulls(len(table), pa.string())
    return pa.array(default)


def _as_numpy(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers = pc.cast(column, pa.float64())
    values = numbers.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def _mask(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    """Convert to a mask; null is false."""
    filled = pc.fill_null(column, False)
    mask = filled.to_numpy(zero_copy_only=False)
    return np.asarray(mask, dtype=bool)


def _mark(reasons: Reasons, *, rows: NDArray[np.bool_], reason: str) -> None:
    """Set the reason of rows that have none yet: a row reports its first fault."""
    reasons[rows & (reasons == "")] = reason
