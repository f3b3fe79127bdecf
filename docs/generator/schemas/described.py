"""JSON Schema of the structs of the code, with the texts and defaults of the reference pages."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from docs.generator.attribute_docs import attribute_docs
from pipelines.reporting.policy_yaml import duration_text
from pipelines.rules.use_case.policy_sections.values import Duration, PositiveDuration, Schedule

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/$defs/{name}"
DURATION = (
    r"^\+?[Pp](?=.)([0-9]+(\.[0-9]+)?[Dd])?"
    r"([Tt](?=.)([0-9]+(\.[0-9]+)?[Hh])?([0-9]+(\.[0-9]+)?[Mm])?([0-9]+(\.[0-9]+)?[Ss])?)?$"
)
PATTERNS: tuple[tuple[Any, str], ...] = (
    (Duration, DURATION),
    (PositiveDuration, DURATION.replace("^", "^(?=.*[1-9])", 1)),
    (Schedule, r"^\s*(@[a-z]+|\S+(\s+\S+){4,6})\s*$"),
)
Schema = dict[str, Any]
Kind = type[msgspec.Struct]


def schemas_of(kinds: Iterable[Kind]) -> dict[str, Schema]:
    """Return the schema of each struct, and of each struct in it, by the name of its class."""
    roots = list(kinds)
    _, schemas = msgspec.json.schema_components(roots, ref_template=REFERENCE)
    structs = {kind.__name__: kind for root in roots for kind in _nested(root)}
    return {name: _described(kind, schemas[name]) for name, kind in structs.items()}


def document(title: str, description: str, root: Schema, definitions: dict[str, Schema]) -> str:
    """Write a schema file."""
    schema = {
        "$schema": DIALECT,
        "$comment": "Written by `make docs` from the code. Do not edit it here.",
        "title": title,
        "description": description,
        **{key: value for key, value in root.items() if key != "description"},
        "$defs": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def first_paragraph(kind: type) -> str:
    """Return the first paragraph of a docstring, in one line."""
    paragraph, _, _ = (kind.__doc__ or "").partition("\n\n")
    return " ".join(paragraph.split())


def without(schema: Schema, *names: str) -> Schema:
    """Return the schema of an object without some of its properties."""
    properties = {name: each for name, each in schema["properties"].items() if name not in names}
    return schema | {"properties": properties}


def _nested(kind: Kind) -> list[Kind]:
    """Return a struct and the structs that are values of its fields."""
    inner = [
        nested
        for field in msgspec.structs.fields(kind)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        for nested in _nested(field.type)
    ]
    return [kind, *inner]


def _described(kind: Kind, schema: Schema) -> Schema:
    texts = attribute_docs(kind)
    properties = {}
    for field in msgspec.structs.fields(kind):
        described = _field(field, schema["properties"][field.encode_name])
        if text := texts.get(field.name):
            described["description"] = f"{text} {described.pop('description', '')}".strip()
        properties[field.encode_name] = described
    shown = {
        "description": first_paragraph(kind),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return shown | ({"required": schema["required"]} if schema["required"] else {})


def _field(field: msgspec.structs.FieldInfo, schema: Schema) -> Schema:
    """Return the schema of a field: choices in the order of the code, and a default for a person.

    The default of a section is that of its keys.
    """
    schema = {key: value for key, value in _simple(schema).items() if key != "format"}
    for kind, pattern in PATTERNS:
        if field.type == kind:
            schema["pattern"] = pattern
    if get_origin(field.type) is Annotated and "description" in schema:
        text = schema["description"]
        schema["description"] = f"{text[0].upper()}{text[1:]}."
    if get_origin(field.type) is Literal:
        schema["enum"] = list(get_args(field.type))
    if isinstance(field.default, timedelta):
        schema["default"] = duration_text(field.default)
    if "$ref" in schema or schema.get("default", "") is None:
        schema.pop("default", None)
    return schema


def _simple(schema: Any) -> Any:
    """Join the types of a choice; a number may also be a whole number."""
    if isinstance(schema, list):
        return [_simple(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    simple = {key: _simple(value) for key, value in schema.items()}
    choices = simple.pop("anyOf", None)
    if choices is None:
        return simple
    types = [choice["type"] for choice in choices if set(choice) == {"type"}]
    if "number" in types:
        types = [each for each in types if each != "integer"]
    joined = {"type": types[0] if len(types) == 1 else types}
    others = [choice for choice in choices if set(choice) != {"type"}]
    return {**simple, **({"anyOf": [joined, *others]} if others else joined)}
