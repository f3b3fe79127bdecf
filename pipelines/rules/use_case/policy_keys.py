"""The keys of a policy by their dotted names, with the values that each may have."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from pipelines.rules.use_case.policy_sections.values import PolicySection
from pipelines.rules.use_case.schema_error import SchemaFault, schema_fault

NOT_A_KEY = "use_case"  # the folder's name, which no document states
KINDS = {int: "a whole number", float: "a number"}


@dataclass(frozen=True, kw_only=True)
class PolicyKey:
    """One key: `section` holds it under the last part of its dotted `name`."""

    name: str
    section: type[PolicySection]
    annotation: Any
    value: Any


def keys_of(section: PolicySection, prefix: str = "") -> Iterator[PolicyKey]:
    """Yield the keys of a section and of the sections in it, in the order of their definition."""
    kind = type(section)
    for name, annotation in kind.__annotations__.items():
        value = getattr(section, name)
        if isinstance(value, PolicySection):
            yield from keys_of(value, f"{prefix}{name}.")
        elif name != NOT_A_KEY:
            yield PolicyKey(
                name=prefix + name,
                section=kind,
                annotation=annotation,
                value=value,
            )


def default_keys(policy: PolicySection) -> list[str]:
    """List the keys of a policy whose value is the default."""
    pairs = zip(keys_of(policy), keys_of(type(policy)()), strict=True)
    return [key.name for key, default in pairs if key.value == default.value]


def valid_values(annotation: Any) -> str:
    """Describe the values that a key may have, such as "a number, from 0 to 1"."""
    if value := _unless_null(annotation):
        return f"{valid_values(value)}, or null"
    base, *metadata = (annotation,)
    if get_origin(annotation) is Annotated:
        base, *metadata = get_args(annotation)
    if get_origin(base) is Literal:
        return f"one of {', '.join(get_args(base))}"
    if get_origin(base) is tuple:
        return "a list of at least one name" if metadata else "a list of names"
    if get_origin(base) is dict:
        return "a mapping of names to conditions"
    (meta,) = metadata
    return meta.description or f"{KINDS[base]}, {_bounds(meta)}"


def _unless_null(annotation: Any) -> Any:
    """Return the annotation of a value that may also be null; None when it must not be."""
    parts = get_args(annotation)
    if get_origin(annotation) is not Union or NoneType not in parts:
        return None
    (value,) = (part for part in parts if part is not NoneType)
    return value


def _bounds(meta: msgspec.Meta) -> str:
    """Describe the bounds of a number."""
    if meta.ge is not None and meta.le is not None:
        return f"from {meta.ge:,} to {meta.le:,}"
    if meta.gt is not None and meta.lt is not None:
        return f"above {meta.gt:,} and below {meta.lt:,}"
    return f"above {meta.gt:,}" if meta.gt is not None else f"at least {meta.ge:,}"


def fault_of(document: Any, error: msgspec.ValidationError, defaults: PolicySection) -> str:
    """Describe the fault that msgspec found in a document: key, value and what is valid."""
    fault = schema_fault(error)
    value = fault.value(document)
    name = ".".join(map(str, fault.path)) or "the file"
    section = _section(defaults, fault.path[:-1])
    if fault.fault == "unknown":
        return f"{name}: {value!r} is not a setting: {_nearest(fault, section, defaults)}"
    return f"{name}: {value!r} {_rule(fault, value, defaults)}"


def _rule(fault: SchemaFault, value: Any, defaults: PolicySection) -> str:
    """Say what is valid at the place of a fault."""
    if _section(defaults, fault.path) and not isinstance(value, dict):
        return "must be a mapping of keys to values"
    name = ".".join(map(str, fault.path))
    for key in keys_of(defaults):
        if key.name == name:
            return f"must be {valid_values(key.annotation)}"
    return fault.rule  # of one element of a list or a mapping


def _section(defaults: PolicySection, path: Iterable[str | int]) -> PolicySection | None:
    """Return the section at `path`, or None."""
    section: Any = defaults
    for part in path:
        section = getattr(section, str(part), None)
    return section if isinstance(section, PolicySection) else None


def _nearest(fault: SchemaFault, section: PolicySection | None, defaults: PolicySection) -> str:
    """Name the keys that an unknown key may stand for: the nearest, or those of other sections."""
    from difflib import get_close_matches  # no valid policy needs it

    *parents, misspelt = map(str, fault.path)
    fields = (section or defaults).__struct_fields__
    siblings = {name: ".".join([*parents, name]) for name in fields if name != NOT_A_KEY}
    near = [siblings[name] for name in get_close_matches(misspelt, siblings, n=1)]
    names = [key.name for key in keys_of(defaults)]
    elsewhere = [name for name in names if name.endswith(f".{misspelt}")]
    if near or elsewhere:
        return f"did you mean {' or '.join(near or elsewhere)}?"
    return f"known are {', '.join(siblings.values())}"
