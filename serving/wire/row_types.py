"""The types of request bodies, generated from the contract, and what a field accepts in words."""

import math
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.rules.use_case.spellings import EXACT, LARGEST, LONGEST_ID, YEARS

MAX_ROWS = 1000
# PostgreSQL's type text can't hold NUL. An id is not blank.
ID_PATTERN = r"^(?![ \t\n\v\f\r]*$)[^\x00]+$"
TextId = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID, pattern=ID_PATTERN)]
Timestamp = Annotated[datetime, Meta(tz=True)]
KEY_RULE = (
    f"must be text of 1 to {LONGEST_ID} characters without NUL that is not blank, or a whole number"
)
TIMESTAMP_RULE = (
    f"must be an RFC 3339 time from {YEARS.start} to {YEARS.stop - 1} that is not in the future"
)


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
            "when the event happened, in UTC if it has no time zone; the time of the request when "
            "omitted",
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
        if feature.range and feature.beyond == "refuse":
            low, high = feature.range
            text += f" from {low:.15g} to {high:.15g}"
    return f"{text}, or null" if feature.nullable else text


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
        return Literal[feature.values] if feature.unknown == "refuse" else str
    if feature.type == "bool":
        return bool
    low, high = _limits(feature)
    if feature.type == "int":
        smallest = max(math.ceil(low), -EXACT)
        largest = min(math.floor(high), EXACT)
        return Annotated[int, Meta(ge=smallest, le=largest)]
    return Annotated[float, Meta(ge=float(low), le=float(high))]


def _limits(feature: Feature) -> tuple[float, float]:
    """Return the numbers that the type of a field accepts.

    Numbers that mean missing and those beyond the range are read after decoding.
    """
    if feature.range is None or feature.missing_numbers or feature.beyond != "refuse":
        return -LARGEST, LARGEST
    return feature.range
