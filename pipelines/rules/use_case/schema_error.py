"""What is wrong with a document, read from the one line in which msgspec says it."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

_PLACE = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`\Z")
_FIELD = re.compile(
    r"Object (?P<fault>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d{1,9})\]")


@dataclass(frozen=True)
class Misfit:
    """Where a document breaks its type: the path to a missing field, an unknown one, or one whose value breaks `rule`."""

    fault: Literal["missing", "unknown", "rule"]
    path: tuple[str | int, ...]
    rule: str

    def value(self, document: Any) -> Any:
        """The value at fault, None where there is none."""
        try:
            for part in self.path:
                document = document[part]
        except (LookupError, TypeError):
            return None
        return document


def misfit(error: msgspec.ValidationError) -> Misfit:
    """Take msgspec's message apart; the names of unknown fields are anything, also what looks like a place."""
    message = str(error)
    place = _PLACE.search(message)
    what, path = (message[: place.start()], place["path"]) if place else (message, "")
    if not _FIELD.fullmatch(what) and _FIELD.fullmatch(message):
        what, path = message, ""
    parts = tuple(int(index) if index else name for name, index in _PART.findall(path))
    if field := _FIELD.fullmatch(what):
        return Misfit(
            "missing" if "missing" in field["fault"] else "unknown", (*parts, field["name"]), ""
        )
    rule = re.sub(r"^Expected ", "must be ", what.replace("`", "")).replace(", got ", ", and is ")
    return Misfit("rule", parts, rule)
