"""JSON text, written by hand.

No JSON library writes a field twice, 1e999, or bytes that are not UTF-8.
"""

import json
from collections.abc import Sequence
from functools import cache
from random import Random

Field = tuple[bytes, bytes]  # key and value as JSON text


def text(value: object) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()


def written(fields: Sequence[Field]) -> bytes:
    """Return an object of fields that are JSON already."""
    return b"{" + b",".join(key + b":" + value for key, value in fields) + b"}"


def listed(key: bytes, items: Sequence[bytes]) -> bytes:
    """Return an object with one list; the items are JSON text."""
    return b'{"' + key + b'":[' + b",".join(items) + b"]}"


@cache
def nested(depth: int, kind: str) -> bytes:
    """Return nested arrays or objects."""
    opening, middle, closing = {
        "list": (b"[", b"", b"]"),
        "object": (b'{"a":', b"1", b"}"),
        "both": (b'[{"a":', b"1", b"}]"),
    }[kind]
    return opening * depth + middle + closing * depth


def deep(depth: int, random: Random) -> bytes:
    """Return nested arrays, objects or both."""
    return nested(depth, random.choice(("list", "object", "both")))


@cache
def wide(members: int) -> bytes:
    """Return an object of many members."""
    return written([(b'"k%d"' % index, b"%d" % index) for index in range(members)])


def without(row: list[Field], name: bytes) -> list[Field]:
    """Return the row without a field; `name` is JSON text."""
    return [pair for pair in row if pair[0] != name]


def inserted(random: Random, fields: list[Field], new: Field) -> list[Field]:
    """Return the fields with one more, at a random position."""
    position = random.randint(0, len(fields))
    return [*fields[:position], new, *fields[position:]]
