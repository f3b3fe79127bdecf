"""Writes a policy as YAML that can be read back, with the default of each key beside its value."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import yaml

from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_keys import keys_of

ONE_LINE = 2**20  # characters, so that PyYAML does not wrap a value


def policy_yaml(policy: Policy, *, only_changed: bool = False) -> str:
    """Return the policy as YAML; with `only_changed`, what a policy.yaml has to state."""
    return "\n".join(_lines(policy, only_changed)) or "{}"


def _lines(policy: Policy, only_changed: bool) -> Iterator[str]:
    printed: list[str] = []  # the sections of the line before
    for key, default in zip(keys_of(policy), keys_of(Policy()), strict=True):
        is_default = key.value == default.value
        if is_default and only_changed:
            continue
        *sections, name = key.name.split(".")
        for depth, section in enumerate(sections):
            if sections[: depth + 1] != printed[: depth + 1]:
                yield f"{'  ' * depth}{section}:"
        printed = sections
        comment = "default" if is_default else f"default: {value_text(default.value)}"
        yield f"{'  ' * len(sections)}{name}: {value_text(key.value)}  # {comment}"


def value_text(value: Any) -> str:
    """Write one value as YAML in one line: durations in ISO 8601, numbers without an exponent."""
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=ONE_LINE
    )
    return text.removesuffix("\n...\n").rstrip("\n")


def duration_text(duration: timedelta) -> str:
    """Write a duration that is not negative in ISO 8601, such as P7D, PT12H or PT0.01S."""
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{duration.microseconds:06d}".rstrip("0.")
    parts = {"H": hours or "", "M": minutes or "", "S": ""}
    if seconds or fraction:
        parts["S"] = f"{seconds}{fraction}"
    time = "".join(f"{value}{unit}" for unit, value in parts.items() if value)
    days = f"{duration.days}D" if duration.days else ""
    if not days and not time:
        return "PT0S"
    return f"P{days}T{time}" if time else f"P{days}"
