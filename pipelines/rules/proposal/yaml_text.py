"""YAML that a person can read and edit: a line for each setting, and comments."""

from collections.abc import Mapping
from typing import Any

import yaml


def key_lines(document: Mapping[str, Any], comments: Mapping[str, str], parent: str = "") -> str:
    """Return a document of two levels; a comment belongs to the dotted path of its key."""
    lines = []
    for key, value in document.items():
        path = f"{parent}{key}"
        indent = "  " if parent else ""
        if isinstance(value, Mapping) and not parent:
            lines.append(f"{plain(key)}:")
            lines.append(key_lines(value, comments, f"{key}.").rstrip("\n"))
            continue
        line = f"{indent}{plain(key)}: {flow(value)}"
        comment = comments.get(path)
        lines.append(f"{line}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """Return a value on one line."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        width=10**9,
        allow_unicode=True,
    )
    return text.removesuffix("\n").removesuffix("\n...")


def plain(key: str) -> str:
    """Return a key as YAML writes it."""
    return flow(key)


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes a line break in text as an escape, and shared values in full."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
