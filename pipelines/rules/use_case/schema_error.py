"""Reads which value breaks a schema, and how, from the message of a msgspec error."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

_PLACE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`\Z")
_FIELD = re.compile(
    r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "empty",
    "object": "a mapping",
    "str": "text",
}
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d{1,9})\]")


@dataclass(frozen=True)
class SchemaFault:
    """A fault in a document.

    `path` leads to a missing field, to an unknown field, or to a field whose value breaks `rule`.
    """

    fault: Literal["missing", "unknown", "rule"]
    path: tuple[str | int, ...]
    rule: str

    def value(self, document: Any) -> Any:
        """Return the value at `path`; None where there is none."""
        try:
            for part in self.path:
                document = document[part]
        except (LookupError, TypeError):
            return None
        return document


def schema_fault(error: msgspec.ValidationError) -> SchemaFault:
    """Parse the message of a validation error.

    The name of an unknown field is any text, which may look like the place at the end of a message.
    """
    message = str(error)
    place = _PLACE.search(message)
    description = message
    path = ""
    if place:
        description = message[: place.start()]
        path = place["path"]
    if not _FIELD.fullmatch(description) and _FIELD.fullmatch(message):
        description = message
        path = ""
    parts: list[str | int] = []
    for name, index in _PART.findall(path):
        parts.append(int(index) if index else name)
    field = _FIELD.fullmatch(description)
    if field:
        return SchemaFault(
            fault="missing" if "missing" in field["fault"] else "unknown",
            path=(*parts, field["name"]),
            rule="",
        )
    return SchemaFault(
        fault="rule",
        path=tuple(parts),
        rule=_rule(description),
    )


def _rule(description: str) -> str:
    """Convert "Expected `int | null`, got `str`" to "must be a whole number or empty, and is text".

    The names of types are those of JSON Schema and msgspec.
    """
    text = re.sub(r"`([^`]*)`", lambda named: _in_words(named[1]), description)
    text = re.sub(r"^Expected ", "must be ", text)
    return text.replace(", got ", ", and is ")


def _in_words(types: str) -> str:
    """Name types such as "array | null" in words; any other text stays as it is."""
    return " or ".join(WORDS.get(name, name) for name in types.split(" | "))
