"""Refusals of request bodies: 422 problems that name the field, the value and the rule."""

import json
from typing import Any

import msgspec
import numpy as np

from pipelines.rules.use_case.schema_error import schema_fault
from serving.wire.problems import Problem

CONTAINERS = ("rows", "labels")  # the only field of a body that holds several rows or labels
LONGEST = 200  # characters of a field or value that a refusal repeats
SMALL = 2**16  # bytes
LARGE = 2**12  # bytes from which on numpy counts names faster
QUOTE, COLON = b'":'
UNREAD = object()  # stands for a document that is not decoded
NOT_SHOWN = "(too deeply nested, too large or no text, so not shown)"
FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # of a decoder


class NumberText(str):
    """A number that no type can hold, as its text."""


def refusal(
    field: str, value: Any, rule: str, row: int | None = None, *, hint: str = ""
) -> Problem:
    """Create the 422 Problem for a value that breaks a rule.

    It names the field, the value, the rule and, for a batch, the row, counted from 0. `hint` is the
    likely cause. A long field or value is cut.
    """
    field = _cut(field.encode("utf-8", "replace").decode())
    try:
        value = msgspec.to_builtins(value, enc_hook=str)
        encoded = msgspec.json.encode(value)
    except (RecursionError, UnicodeEncodeError):  # half of a surrogate pair is no text
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
    if hint:
        members["hint"] = hint
        rule = f"{rule} ({hint})"
    return Problem(422, f"{place}: {encoded.decode()}: {rule}", **members)


def refuse_repeated(body: bytes, fields: int) -> None:
    """Raise the 422 Problem of a name that an object has twice.

    `fields` is the number of values that were decoded, without nulls. The body is only read again
    when it has more names than that. The refusal of a large body does not say which name it is.
    """
    names = _names(body)
    if names <= fields:
        return
    if len(body) <= SMALL:
        if names > fields + body.count(b":null") + body.count(b": null"):
            _document(body)
    elif names - body.count(b'\\":') > fields + body.count(b"null"):
        raise refusal("body", None, "has a name twice in one object; send it once")


def _names(body: bytes) -> int:
    """Count the names in a body; `":` in a text counts too. numpy reads a large one faster."""
    if len(body) < LARGE:
        return body.count(b'":')
    octets = np.frombuffer(body, np.uint8)
    return int(np.count_nonzero((octets[:-1] == QUOTE) & (octets[1:] == COLON)))


def document_of(body: bytes, error: Exception) -> Any:
    """Decode a body that a type refused with `error`, without a type.

    Returns UNREAD for a body that is nested too deeply, or too large to be read in this way.
    Raises the 422 Problem of a body that is not JSON.
    """
    try:
        if isinstance(error, msgspec.ValidationError | RecursionError):
            return _document(body)
    except (msgspec.DecodeError, ValueError) as syntax_error:
        # The decoder met the wrong value before the place where the body stops being JSON.
        error = syntax_error
    raise refusal("body", None, f"must be valid JSON, without NaN and Infinity: {error}")


def explained(error: Exception, document: Any, rules: dict[str, str]) -> Problem:
    """Name the field, the value and the row of a refused request."""
    if not isinstance(error, msgspec.ValidationError):
        return refusal("body", NOT_SHOWN, "must not be nested that deeply")
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


def _document(body: bytes) -> Any:
    """Decode the body of a refused request, to find the value at fault.

    Numbers beyond every type are returned as text. A body that is nested too deeply is UNREAD, and
    so is a large one that msgspec can't decode: the standard library would delay other requests.
    """
    try:
        if len(body) > SMALL:
            return msgspec.json.decode(body)
        document = json.loads(
            body,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_not_json,
            object_pairs_hook=_unique,
        )
        if b"\\u" in body:
            msgspec.json.encode(document, enc_hook=str)  # half of a surrogate pair is no text
    except (RecursionError, msgspec.ValidationError):
        return UNREAD
    return document


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raises the 422 Problem of a name that is given twice."""
    unique: dict[str, Any] = {}
    for name, value in members:
        if name in unique:
            raise refusal(name, value, "is given twice; send it once")
        unique[name] = value
    return unique


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _number(text: str) -> int | float | NumberText:
    """Decode a number; one that no type can hold is returned as text."""
    try:
        number = msgspec.json.decode(text)
    except msgspec.ValidationError:
        return NumberText(text)
    assert isinstance(number, int | float)
    return number


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
