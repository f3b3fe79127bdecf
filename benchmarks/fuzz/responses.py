"""Whether a response is right."""

import msgspec

from benchmarks.fuzz.requests.wire import Sent


class Refused(msgspec.Struct):
    """The required fields of a problem document."""

    type: str
    title: str
    status: int
    detail: str


class RefusedValue(Refused):
    """The required fields of a problem document for a value that violates its rule."""

    field: str
    value: object
    rule: str
    row: int | None = None


def fault(sent: Sent, status: int, head: bytes, body: bytes) -> str | None:
    """Return why a response is wrong, or None if it is right."""
    if status >= 500 or b"Traceback" in body:
        return f"{status}: {body[:300]!r}"
    if sent.statuses and status not in sent.statuses:
        expected = " or ".join(map(str, sent.statuses))
        return f"{status} instead of {expected}: {body[:300]!r}"
    if b"application/problem+json" not in head or not sent.has_body:
        return None
    try:
        if status != 422:
            msgspec.json.decode(body, type=Refused)
            return None
        refused = msgspec.json.decode(body, type=RefusedValue)
    except msgspec.DecodeError as error:
        return f"not a complete problem document ({error}): {body[:300]!r}"
    if sent.fault is not None and not sent.fault.startswith(refused.field.removesuffix("…")):
        return f"names the field {refused.field[:100]!r} instead of {sent.fault[:100]!r}"
    if sent.row is not None and refused.row != sent.row:
        return f"names row {refused.row} instead of {sent.row}"
    return None
