"""From request bodies to numbers: types generated from the contract, and refusals that name field, value and rule."""

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
CONTAINERS = ("rows", "labels")  # the only member of bodies that hold many
EXACT = 2**53  # beyond it whole numbers lose digits as floats
FLOAT32 = 3.4e38
LONGEST = 200  # characters of a field or value that a refusal repeats
SMALL = 2**16  # bytes
UNREAD = object()  # in place of a document
NOT_SHOWN = "(too deeply nested or too large to be shown)"
YEARS = range(1970, 2262)  # what nanosecond timestamps of the data tools can hold
# PostgreSQL's text can't hold NUL.
Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]
Moment = Annotated[datetime, Meta(tz=True)]
KEY_RULE = "must be text of 1 to 128 characters without NUL"
MOMENT_RULE = f"must be an RFC 3339 time with its zone, from {YEARS.start} to {YEARS.stop - 1}"


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One accepted row: raw features as float64 side by side, in the contract's order, NaN where missing."""

    raw: bytes
    transaction_id: str | None
    entity_key: str | None
    event_time: datetime | None


class Intake:
    """Decoders of one use case's requests."""

    def __init__(self, contract: Contract) -> None:
        self.row_type = row_type(contract)
        self.batch_type = batch_type(contract, self.row_type)
        self._row = msgspec.json.Decoder(self.row_type)
        self._batch = msgspec.json.Decoder(self.batch_type)
        self._pack = struct.Struct(f"{len(contract.features)}d").pack
        self._categories = [
            (at, f.values.index) for at, f in enumerate(contract.features) if f.type == "category"
        ]
        self._rules = {feature.name: rule(feature) for feature in contract.features}
        self._rules |= {
            "transaction_id": KEY_RULE,
            contract.entity_key: KEY_RULE,
            "event_time": MOMENT_RULE,
        }
        self._batch_rules = {**self._rules, "rows": f"must be a list of 1 to {MAX_ROWS} rows"}

    def one(self, body: bytes) -> Transaction:
        """Accept one row, or raise a 422 Problem."""
        return self._accept(decode(self._row, body, self._rules), None)

    def many(self, body: bytes) -> list[Transaction]:
        """Accept a batch, or raise a 422 Problem that says which row is at fault."""
        batch = decode(self._batch, body, self._batch_rules)
        return [self._accept(row, index) for index, row in enumerate(batch.rows)]

    def _accept(self, row: msgspec.Struct, index: int | None) -> Transaction:
        values = msgspec.structs.astuple(row)
        transaction_id, entity_key, event_time = values[-3:]
        if event_time is not None:
            event_time = moment("event_time", event_time, index)
        raw: Sequence[Any] = values[:-3]
        if self._categories:
            raw = self._with_indexes(list(raw))
        if None in raw:
            raw = [math.nan if value is None else value for value in raw]
        return Transaction(self._pack(*raw), transaction_id, entity_key, event_time)

    def _with_indexes(self, values: list[Any]) -> list[Any]:
        for at, index in self._categories:
            if values[at] is not None:
                values[at] = index(values[at])
        return values


def row_type(contract: Contract) -> type[msgspec.Struct]:
    """Make the type of one row: the features first, so that a row's tuple starts with them."""
    own = {"transaction_id", contract.entity_key, "event_time"}
    if taken := own & set(contract.raw):
        raise UseCaseError(
            f"{contract.use_case}: feature {taken.pop()!r} has a name that requests use: rename it"
        )
    fields: list[Any] = [_field(feature) for feature in contract.features]
    fields += [
        _optional("transaction_id", Key, "the id that its label will name; made when left out"),
        _optional(
            contract.entity_key,
            Key,
            f"which {contract.entity_key.removesuffix('_id')} it belongs to",
        ),
        _optional("event_time", Moment, "when it happened; now when left out"),
    ]
    return msgspec.defstruct(
        f"{class_name(contract.use_case)}Transaction",
        fields,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def batch_type(contract: Contract, row: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Make the type of a batch of rows."""
    rows = Annotated[list[row], Meta(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]
    return msgspec.defstruct(
        f"{class_name(contract.use_case)}Batch", [("rows", rows)], forbid_unknown_fields=True
    )


def class_name(use_case: str) -> str:
    """`credit_risk` → `CreditRisk`."""
    return "".join(part.title() for part in use_case.split("_"))


def example(contract: Contract) -> dict[str, Any]:
    """A row that is accepted, for the API's page."""
    row: dict[str, Any] = {}
    for feature in contract.features:
        low, high = feature.range or (0, 1)
        inside = min(max(1.0, low), high)
        row[feature.name] = {
            "category": next(iter(feature.values), ""),
            "bool": False,
            "float": inside,
        }.get(feature.type, math.floor(inside))
    return {"transaction_id": "t-1", contract.entity_key: "c-1", **row}


def rule(feature: Feature) -> str:
    """Say in words what a feature's value must be."""
    if feature.type == "category":
        words = f"must be one of {', '.join(feature.values)}"
    elif feature.type == "bool":
        words = "must be true or false"
    else:
        words = "must be a whole number" if feature.type == "int" else "must be a number"
        words += (
            f" from {feature.range[0]:.15g} to {feature.range[1]:.15g}" if feature.range else ""
        )
    return f"{words}, or null" if feature.nullable else words


def refusal(field: str, value: Any, words: str, row: int | None = None) -> Problem:
    """Make the 422 that names field, value and rule, and the row (counted from 0) of a batch; long ones are cut."""
    field = _cut(field)
    try:
        shown = msgspec.json.encode(value)
    except RecursionError:
        value, shown = NOT_SHOWN, msgspec.json.encode(NOT_SHOWN)
    if len(shown) > LONGEST:
        value = _cut(shown.decode())
        shown = value.encode()
    place = field if row is None else f"row {row}: {field}"
    members = {"field": field, "value": value, "rule": words}
    return Problem(
        422,
        f"{place}: {shown.decode()}: {words}",
        **members,
        **({} if row is None else {"row": row}),
    )


def decode(decoder: Any, body: bytes, rules: dict[str, str]) -> Any:
    """Decode a body, or raise the 422 Problem that says what is wrong with it."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _fault(error, body, rules) from error


def moment(field: str, given: datetime, row: int | None) -> datetime:
    """A time in UTC, or a 422 Problem: RFC 3339 has zones up to 24 hours away, PostgreSQL takes up to 16."""
    if given.year not in YEARS:
        raise refusal(field, given, MOMENT_RULE, row)
    return given.astimezone(UTC)


def _field(feature: Feature) -> tuple[Any, ...]:
    if feature.nullable:
        return _optional(feature.name, _kind(feature), feature.description)
    return feature.name, Annotated[_kind(feature), Meta(description=feature.description)]


def _optional(name: str, kind: Any, words: str) -> tuple[Any, ...]:
    return name, Annotated[kind | None, Meta(description=words)], None


def _kind(feature: Feature) -> Any:
    if feature.type == "category":
        return Literal[feature.values]
    if feature.type == "bool":
        return bool
    if feature.type == "int":
        low, high = feature.range or (-EXACT, EXACT)
        return Annotated[int, Meta(ge=max(math.ceil(low), -EXACT), le=min(math.floor(high), EXACT))]
    low, high = feature.range or (-FLOAT32, FLOAT32)
    return Annotated[float, Meta(ge=float(low), le=float(high))]


def _fault(error: Exception, body: bytes, rules: dict[str, str]) -> Problem:
    if isinstance(error, msgspec.ValidationError):
        try:
            return _explained(error, _document(body), rules)
        except (
            msgspec.DecodeError,
            ValueError,
        ) as worse:  # a wrong value stands before what is no JSON at all
            error = worse
    return refusal("body", None, f"must be JSON, which knows neither NaN nor Infinity: {error}")


def _document(body: bytes) -> Any:
    """The body of a refused request, to show what is wrong in it; numbers beyond every type are shown as their text.

    UNREAD where it is nested too deeply, or so large that reading it by the standard library would keep others waiting.
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
    """A number, or its text where no number is that large."""
    try:
        number = msgspec.json.decode(text)
    except msgspec.ValidationError:
        return text
    assert isinstance(number, int | float)
    return number


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _explained(error: msgspec.ValidationError, document: Any, rules: dict[str, str]) -> Problem:
    """Name the field, the value and the row; only refused requests pay for this."""
    wrong = schema_fault(error)
    row = next((part for part in wrong.path if isinstance(part, int)), None)
    field = next((part for part in reversed(wrong.path) if isinstance(part, str)), "body")
    value = NOT_SHOWN if document is UNREAD else wrong.value(document)
    if wrong.fault == "missing":
        return refusal(field, None, f"is missing; {rules.get(field, 'it is required')}", row)
    container = next((name for name in CONTAINERS if name in rules), None)
    if wrong.fault == "unknown":
        known = [
            name for name in rules if (name == container) == (container is not None and row is None)
        ]
        return refusal(field, value, f"is not known; known are {', '.join(known)}", row)
    if field == container and row is not None:
        return refusal(field, value, "must hold objects only", row)
    if field == container and isinstance(value, list):
        return refusal(field, f"{len(value):,} {field}", rules[field])
    return refusal(field, value, rules.get(field, wrong.rule), row)
