"""Decodes request bodies with types generated from the contract.

A refusal names the field, the value and the rule.
"""

import json
import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.schema_error import schema_fault
from serving.wire.problems import Problem

MAX_ROWS = 1000
CONTAINERS = ("rows", "labels")  # the only field of a body that holds several rows or labels
EXACT = 2**53  # larger whole numbers lose digits as floats
FLOAT32 = 3.4e38
LONGEST = 200  # characters of a field or value that a refusal repeats
SMALL = 2**16  # bytes
UNREAD = object()  # stands for a document that is not decoded
NOT_SHOWN = "(too deeply nested or too large to be shown)"
YEARS = range(1970, 2262)  # the years that nanosecond timestamps of the data tools can hold
# PostgreSQL's type text can't hold NUL.
TextId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]
Timestamp = Annotated[datetime, Meta(tz=True)]
KEY_RULE = "must be text of 1 to 128 characters without NUL"
TIMESTAMP_RULE = (
    f"must be an RFC 3339 time with a time zone, from {YEARS.start} to {YEARS.stop - 1}"
)


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One accepted row; `raw` holds its raw features.

    They are packed as float64 in the contract's order, NaN where missing.
    """

    raw: bytes
    transaction_id: str | None
    entity_key: str | None
    event_time: datetime | None


class RequestDecoder:
    """Decodes the rows and batches of one use case."""

    def __init__(self, contract: Contract) -> None:
        self.row_type = row_type(contract)
        self.batch_type = batch_type(contract, self.row_type)
        self._row = msgspec.json.Decoder(self.row_type)
        self._batch = msgspec.json.Decoder(self.batch_type)
        self._pack = struct.Struct(f"{len(contract.features)}d").pack
        self._categories = [
            (position, feature.values.index)
            for position, feature in enumerate(contract.features)
            if feature.type == "category"
        ]
        self._rules = {
            **{feature.name: rule(feature) for feature in contract.features},
            "transaction_id": KEY_RULE,
            contract.entity_key: KEY_RULE,
            "event_time": TIMESTAMP_RULE,
        }
        self._batch_rules = {**self._rules, "rows": f"must be a list of 1 to {MAX_ROWS} rows"}

    def decode_row(self, body: bytes) -> Transaction:
        """Decode one row, or raise a 422 Problem."""
        return self._accept(decode(self._row, body, self._rules), None)

    def decode_batch(self, body: bytes) -> list[Transaction]:
        """Decode a batch, or raise a 422 Problem that names the row at fault."""
        batch = decode(self._batch, body, self._batch_rules)
        return [self._accept(row, index) for index, row in enumerate(batch.rows)]

    def _accept(self, row: msgspec.Struct, index: int | None) -> Transaction:
        values = msgspec.structs.astuple(row)
        transaction_id, entity_key, event_time = values[-3:]
        if event_time is not None:
            event_time = in_utc("event_time", event_time, index)
        raw: Sequence[Any] = values[:-3]
        if self._categories:
            raw = self._with_indexes(list(raw))
        if None in raw:
            raw = [math.nan if value is None else value for value in raw]
        return Transaction(self._pack(*raw), transaction_id, entity_key, event_time)

    def _with_indexes(self, values: list[Any]) -> list[Any]:
        """Replace each category by its index in the contract."""
        for position, index_of in self._categories:
            if values[position] is not None:
                values[position] = index_of(values[position])
        return values


def row_type(contract: Contract) -> type[msgspec.Struct]:
    """Create the type of one row; the features come first, so a row's tuple starts with them."""
    reserved = {"transaction_id", contract.entity_key, "event_time"}
    if clash := reserved & set(contract.raw):
        raise UseCaseError(
            f"{contract.use_case}: the feature name {clash.pop()!r} is reserved for requests: "
            "rename the feature"
        )
    entity = contract.entity_key.removesuffix("_id")
    fields: list[Any] = [_field(feature) for feature in contract.features]
    fields += [
        _optional(
            "transaction_id",
            TextId,
            "the id by which a label refers to this row; generated when omitted",
        ),
        _optional(contract.entity_key, TextId, f"the {entity} that the row belongs to"),
        _optional(
            "event_time",
            Timestamp,
            "when the event happened; the time of the request when omitted",
        ),
    ]
    return msgspec.defstruct(
        f"{class_name(contract.use_case)}Transaction",
        fields,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def batch_type(contract: Contract, row: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Create the type of a batch of rows."""
    rows = Annotated[list[row], Meta(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]
    return msgspec.defstruct(
        f"{class_name(contract.use_case)}Batch",
        [("rows", rows)],
        forbid_unknown_fields=True,
    )


def class_name(use_case: str) -> str:
    """Convert a use case's name to a class name: `credit_risk` → `CreditRisk`."""
    return "".join(part.title() for part in use_case.split("_"))


def example(contract: Contract) -> dict[str, Any]:
    """Return a valid row, for the OpenAPI page."""
    row: dict[str, Any] = {"transaction_id": "t-1", contract.entity_key: "c-1"}
    for feature in contract.features:
        row[feature.name] = _example_value(feature)
    return row


def rule(feature: Feature) -> str:
    """Describe the values that a feature accepts."""
    if feature.type == "category":
        text = f"must be one of {', '.join(feature.values)}"
    elif feature.type == "bool":
        text = "must be true or false"
    else:
        text = "must be a whole number" if feature.type == "int" else "must be a number"
        if feature.range:
            low, high = feature.range
            text += f" from {low:.15g} to {high:.15g}"
    return f"{text}, or null" if feature.nullable else text


def refusal(field: str, value: Any, rule: str, row: int | None = None) -> Problem:
    """Create the 422 Problem for a value that breaks a rule.

    It names the field, the value, the rule and, for a batch, the row, counted from 0. A long field
    or value is cut.
    """
    field = _cut(field)
    try:
        encoded = msgspec.json.encode(value)
    except RecursionError:
        value = NOT_SHOWN
        encoded = msgspec.json.encode(value)
    if len(encoded) > LONGEST:
        value = _cut(encoded.decode())
        encoded = value.encode()
    members = {"field": field, "value": value, "rule": rule}
    place = field
    if row is not None:
        members["row"] = row
        place = f"row {row}: {field}"
    return Problem(422, f"{place}: {encoded.decode()}: {rule}", **members)


def decode(decoder: Any, body: bytes, rules: dict[str, str]) -> Any:
    """Decode a body, or raise the 422 Problem that names its fault."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _fault(error, body, rules) from error


def in_utc(field: str, time: datetime, row: int | None) -> datetime:
    """Convert a time to UTC, or raise a 422 Problem when its year is out of range.

    RFC 3339 allows offsets of up to 24 hours, PostgreSQL of up to 16.
    """
    if time.year not in YEARS:
        raise refusal(field, time, TIMESTAMP_RULE, row)
    return time.astimezone(UTC)


def _example_value(feature: Feature) -> Any:
    if feature.type == "category":
        return next(iter(feature.values), "")
    if feature.type == "bool":
        return False
    low, high = feature.range or (0, 1)
    inside = min(max(1.0, low), high)
    return inside if feature.type == "float" else math.floor(inside)


def _field(feature: Feature) -> tuple[Any, ...]:
    kind = _kind(feature)
    if feature.nullable:
        return _optional(feature.name, kind, feature.description)
    return feature.name, Annotated[kind, Meta(description=feature.description)]


def _optional(name: str, kind: Any, description: str) -> tuple[Any, ...]:
    return name, Annotated[kind | None, Meta(description=description)], None


def _kind(feature: Feature) -> Any:
    if feature.type == "category":
        return Literal[feature.values]
    if feature.type == "bool":
        return bool
    if feature.type == "int":
        low, high = feature.range or (-EXACT, EXACT)
        smallest = max(math.ceil(low), -EXACT)
        largest = min(math.floor(high), EXACT)
        return Annotated[int, Meta(ge=smallest, le=largest)]
    low, high = feature.range or (-FLOAT32, FLOAT32)
    return Annotated[float, Meta(ge=float(low), le=float(high))]


def _fault(error: Exception, body: bytes, rules: dict[str, str]) -> Problem:
    if isinstance(error, msgspec.ValidationError):
        try:
            return _explained(error, _document(body), rules)
        except (msgspec.DecodeError, ValueError) as syntax_error:
            # The decoder met the wrong value before the place where the body stops being JSON.
            error = syntax_error
    return refusal("body", None, f"must be valid JSON, without NaN and Infinity: {error}")


def _document(body: bytes) -> Any:
    """Decode the body of a refused request, to find the value at fault.

    Numbers beyond every type are returned as text. A body that is nested too deeply is UNREAD, and
    so is a large one: decoding it with the standard library would delay other requests.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        return UNREAD
    except msgspec.ValidationError:
        if len(body) > SMALL:
            return UNREAD
    try:
        return json.loads(body, parse_int=_number, parse_float=_number)
    except RecursionError:
        return UNREAD


def _number(text: str) -> int | float | str:
    """Decode a number; one that no type can hold is returned as text."""
    try:
        number = msgspec.json.decode(text)
    except msgspec.ValidationError:
        return text
    assert isinstance(number, int | float)
    return number


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _explained(error: msgspec.ValidationError, document: Any, rules: dict[str, str]) -> Problem:
    """Name the field, the value and the row of a refused request."""
    wrong = schema_fault(error)
    indexes = [part for part in wrong.path if isinstance(part, int)]
    names = [part for part in wrong.path if isinstance(part, str)]
    row = indexes[0] if indexes else None
    field = names[-1] if names else "body"
    value = NOT_SHOWN if document is UNREAD else wrong.value(document)
    if wrong.fault == "missing":
        required = rules.get(field, "it is required")
        return refusal(field, None, f"is missing; {required}", row)
    container = next((name for name in CONTAINERS if name in rules), None)
    if wrong.fault == "unknown":
        at_top_level = container is not None and row is None
        fields = [name for name in rules if (name == container) == at_top_level]
        allowed = ", ".join(fields)
        return refusal(field, value, f"is not a known field; known are {allowed}", row)
    if field == container and row is not None:
        return refusal(field, value, "must contain only objects", row)
    if field == container and isinstance(value, list):
        size = f"{len(value):,} {field}"
        return refusal(field, size, rules[field])
    return refusal(field, value, rules.get(field, wrong.rule), row)
