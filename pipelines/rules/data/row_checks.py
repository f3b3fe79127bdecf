"""Which rows keep the contract: raw columns in, numbers and reasons out."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract, Feature

QUARANTINED = (
    "sixgate.quarantined"  # in a snapshot's metadata: how many rows of its file were refused
)
RAW = b"sixgate.raw_features"  # in a snapshot's metadata: what its numbers mean
TIMESTAMP = pa.timestamp("us", tz="UTC")
TIME = (
    r"^(?P<date>\d{4}-\d{2}-\d{2})(?:[T ](?P<clock>\d{2}:\d{2})(?P<seconds>:\d{2})?(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)
TRUE, FALSE = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


@dataclass(frozen=True)
class Checked:
    """Rows of a snapshot that keep the contract, and for every row given the reason why not ('' when it does)."""

    good: pa.Table
    reasons: NDArray[np.str_]


def snapshot_schema(contract: Contract) -> pa.Schema:
    """Columns of a snapshot and of a baseline: features as numbers, missing as null."""
    return pa.schema(
        [
            ("transaction_id", pa.string()),
            ("entity_key", pa.string()),
            ("event_time", TIMESTAMP),
            ("label", pa.int8()),
            *((name, pa.float64()) for name in contract.raw),
        ],
        metadata={RAW: _raw(contract)},
    )


def outdated(schema: pa.Schema, contract: Contract) -> str | None:
    """Why rows ingested under a former contract can't be read under this one; None when they can."""
    missing = [name for name in contract.raw if name not in schema.names]
    if missing:
        return f"it has no {', '.join(missing)}"
    known = (schema.metadata or {}).get(RAW)
    return (
        "features had other types or categories then"
        if known not in (None, _raw(contract))
        else None
    )


def _raw(contract: Contract) -> bytes:
    return json.dumps(
        [[feature.name, feature.type, list(feature.values)] for feature in contract.features]
    ).encode()


def required(contract: Contract) -> list[str]:
    """The columns without which a file can't be ingested."""
    return [contract.event_time, contract.label.name, *contract.raw]


def check_rows(table: pa.Table, contract: Contract, *, first_row: int = 0) -> Checked:
    """Check a table that has the contract's column names; types may be strings, as a CSV's are.

    A row without an id is named after its place in the file, so that the same file gives the same snapshot.
    """
    reasons = np.full(len(table), "", dtype=object)
    columns = {
        "transaction_id": _text(
            table, contract.transaction_id, [f"row-{first_row + i}" for i in range(len(table))]
        ),
        "entity_key": _text(table, contract.entity_key, None),
        "event_time": _times(table[contract.event_time], contract.event_time, reasons),
        "label": _label(table[contract.label.name], contract, reasons),
    }
    for feature in contract.features:
        columns[feature.name] = _feature(table[feature.name], feature, reasons)
    good = pa.table(columns, schema=snapshot_schema(contract)).filter(pa.array(reasons == ""))
    return Checked(good, reasons.astype(str))


def _feature(
    column: pa.ChunkedArray, feature: Feature, reasons: NDArray[np.object_]
) -> NDArray[np.float64]:
    values = _numbers(column, feature, reasons)
    missing = np.isnan(values)
    if not feature.nullable:
        _blame(reasons, missing, f"{feature.name}: missing, and the contract does not allow it")
    _blame(reasons, np.isinf(values), f"{feature.name}: infinite")
    if feature.range:
        low, high = feature.range
        _blame(
            reasons,
            (values < low) | (values > high),
            f"{feature.name}: outside [{low:g}, {high:g}]",
        )
    if feature.type == "int":
        _blame(
            reasons, ~missing & (values != np.round(values)), f"{feature.name}: not a whole number"
        )
    return values


def _numbers(
    column: pa.ChunkedArray, feature: Feature, reasons: NDArray[np.object_]
) -> NDArray[np.float64]:
    if feature.type == "category":
        text = pc.cast(column, pa.string())
        index = pc.index_in(text, value_set=pa.array(feature.values, pa.string()))
        unknown = pc.and_(pc.is_valid(text), pc.is_null(index))
        _blame(reasons, _mask(unknown), f"{feature.name}: not one of {', '.join(feature.values)}")
        return _as_numpy(index)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _parsed(column, feature, reasons)
    values = _as_numpy(column)
    if feature.type == "bool":
        _blame(
            reasons,
            ~np.isnan(values) & (values != 0) & (values != 1),
            f"{feature.name}: neither true nor false",
        )
    return values


def _parsed(
    column: pa.ChunkedArray, feature: Feature, reasons: NDArray[np.object_]
) -> NDArray[np.float64]:
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    text = pc.if_else(
        pc.is_in(pc.utf8_lower(text), pa.array(["", "na", "nan", "null", "none"])), None, text
    )
    if feature.type == "bool":
        lower = pc.utf8_lower(text)
        true, false = pc.is_in(lower, pa.array(TRUE)), pc.is_in(lower, pa.array(FALSE))
        bad = pc.and_(pc.is_valid(text), pc.invert(pc.or_(true, false)))
        _blame(reasons, _mask(bad), f"{feature.name}: neither true nor false")
        return np.where(_mask(pc.is_valid(text)), _mask(true).astype(float), np.nan)
    number = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    _blame(
        reasons,
        _mask(pc.and_(pc.is_valid(text), pc.invert(number))),
        f"{feature.name}: not a number",
    )
    return _as_numpy(pc.cast(pc.if_else(number, text, None), pa.float64()))


def _label(column: pa.ChunkedArray, contract: Contract, reasons: NDArray[np.object_]) -> pa.Array:
    """1 for the positive class; where that is 1 or true, whatever is neither 1, 0 nor their other spellings is a fault."""
    name, text = (
        contract.label.name,
        pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(column, pa.string()))),
    )
    text = pc.if_else(pc.equal(text, ""), None, text)
    binary = contract.label.positive in (0, 1, True, False)
    wanted = (
        (TRUE if contract.label.positive else FALSE)
        if binary
        else (str(contract.label.positive).lower(),)
    )
    positive = _mask(pc.is_in(text, pa.array(wanted, pa.string())))
    _blame(reasons, ~_mask(pc.is_valid(text)), f"{name}: the label is missing")
    if binary:
        known = _mask(pc.is_in(text, pa.array((*TRUE, *FALSE), pa.string())))
        _blame(reasons, ~known, f"{name}: neither positive nor negative")
    return pa.array(positive.astype(np.int8))


def _times(column: pa.ChunkedArray, name: str, reasons: NDArray[np.object_]) -> pa.Array:
    """Times without a zone are UTC."""
    if pa.types.is_timestamp(column.type):
        moments = (
            pc.cast(column, TIMESTAMP, safe=False)  # beyond microseconds nothing is kept
            if column.type.tz
            else pc.assume_timezone(pc.cast(column, pa.timestamp("us"), safe=False), "UTC")
        )
    else:
        moments = _parsed_times(pc.cast(column, pa.string()))
    _blame(reasons, _mask(pc.is_null(moments)), f"{name}: not a date and time")
    return moments


def _parsed_times(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 with a blank or a T; seconds, their fraction, the time of day and the zone may be left out."""
    parts = pc.extract_regex(pc.utf8_trim_whitespace(text), TIME)
    names = ("date", "clock", "seconds", "fraction", "zone")
    date, clock, seconds, fraction, zone = (pc.struct_field(parts, [name]) for name in names)
    clock = pc.if_else(pc.equal(clock, ""), "00:00", clock)
    seconds = pc.if_else(pc.equal(seconds, ""), ":00", seconds)
    moments = pc.strptime(
        pc.binary_join_element_wise(pc.binary_join_element_wise(date, clock, " "), seconds, ""),
        format="%Y-%m-%d %H:%M:%S", unit="us", error_is_null=True,
    )  # fmt: skip
    micros = pc.utf8_rpad(pc.utf8_slice_codeunits(fraction, 1, 7), 6, "0")
    moments = pc.add(moments, pc.cast(pc.cast(micros, pa.int64()), pa.duration("us")))
    east = {name: _minutes_east(name or "") for name in pc.unique(zone).to_pylist()}
    minutes = np.array([east[name] for name in zone.to_pylist()], dtype="timedelta64[m]")
    return pc.assume_timezone(
        pc.subtract(moments, pa.array(minutes.astype("timedelta64[us]"))), "UTC"
    )


def _minutes_east(zone: str) -> int:
    digits = zone[1:].replace(":", "")
    return (1 if zone[0] == "+" else -1) * (60 * int(digits[:2]) + int(digits[2:])) if digits else 0


def _text(table: pa.Table, name: str, otherwise: list[str] | None) -> pa.ChunkedArray | pa.Array:
    if name in table.column_names:
        return pc.cast(table[name], pa.string())
    return pa.nulls(len(table), pa.string()) if otherwise is None else pa.array(otherwise)


def _as_numpy(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(
        pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64
    )


def _mask(column: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=bool)


def _blame(reasons: NDArray[np.object_], rows: NDArray[np.bool_], why: str) -> None:
    """Say why of the rows that nothing was said of yet: the first fault of a row is reported."""
    reasons[rows & (reasons == "")] = why
