"""All faults of a document, by a parser that stops at the first one."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipelines.errors import UseCaseError

T = TypeVar("T")
MOST = 100
FEATURES = ("features", "derived")
# What takes the place of a value that is missing or at fault and can't be left out, by the last
# part of its key. The texts are no valid names, so that no other name is the same.
STAND_INS: dict[str, Any] = {
    "title": "no title",
    "entity_key": "no key",
    "event_time": "no time",
    "transaction_id": "no id",
    "label": {"name": "no label"},
    "name": "no name",
    "type": "float",
    "values": ["a", "b"],
}


@dataclass(frozen=True)
class Examined(Generic[T]):
    """The faults of a document in the order in which the parser found them.

    `value` is what the parser made of the rest; None when it could not go on. `removed` names the
    features that are not in it.
    """

    faults: list[UseCaseError]
    value: T | None
    removed: frozenset[str]

    def is_consequence(self, fault: UseCaseError) -> bool:
        """Whether a fault may only be there because a feature was taken out."""
        return _names_any(fault, self.removed)


def every_fault(parse: Callable[[Any], T], document: Any) -> Examined[T]:
    """Parse a document; after each fault, take out what is at fault, and parse again.

    What is still at fault after that is not listed again: the mapping that holds it is taken out.
    """
    document = copy.deepcopy(document)
    faults: list[UseCaseError] = []
    keys: set[str] = set()
    removed: set[str] = set()
    for _ in range(MOST):
        try:
            return Examined(faults, parse(document), frozenset(removed))
        except UseCaseError as fault:
            key = fault.key
            path = _path(document, key)
            if key in keys:
                path = path[:-1]
            elif not _names_any(fault, removed):
                faults.append(fault)
            keys.add(key)
            if not path or not _take_out(document, path):
                break
            if len(path) == 2 and path[0] in FEATURES:
                removed.add(str(path[1]))
    return Examined(faults, None, frozenset(removed))


def _names_any(fault: UseCaseError, names: Iterable[str]) -> bool:
    return any(repr(name) in str(fault) for name in names)


def _path(document: Any, key: str) -> list[str]:
    """Split a dotted key by the names in a document, which may hold dots themselves."""
    if not key:
        return []
    if isinstance(document, dict):
        for name, value in document.items():
            if key == name:
                return [name]
            if key.startswith(f"{name}."):
                return [name, *_path(value, key.removeprefix(f"{name}."))]
    return [key]


def _take_out(document: Any, path: list[str]) -> bool:
    """Delete the value at a path, or put a stand-in there; False when there is no such place."""
    *parents, last = path
    for name in parents:
        if not isinstance(document, dict) or name not in document:
            return False
        if not isinstance(document[name], dict):  # a list: without one element it may be wrong too
            del document[name]
            return True
        document = document[name]
    if not isinstance(document, dict):
        return False
    if last == "type":
        document.clear()  # other settings may not fit the stand-in
    elif last not in document and last not in STAND_INS:
        return False
    document.pop(last, None)
    if last in STAND_INS and (last != "values" or document.get("type") == "category"):
        document[last] = copy.deepcopy(STAND_INS[last])
    return True
