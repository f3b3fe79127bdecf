"""The page of the commands, from the structure of the command line: no width, no colours."""

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from inspect import cleandoc
from typing import Any

import typer

from docs.generator.markdown import code, page, table
from pipelines.cli.app import app
from pipelines.cli.shared.groups import PANELS

INTRODUCTION = """\
`sixgate COMMAND --help` shows the same in the terminal. Commands read the addresses of the stack
from the environment, then from `sixgate.env` in SIXGATE_HOME: see [Settings](settings.md).
[Exit codes](exit-codes.md) has the codes that scripts can rely on."""
EXAMPLE = re.compile(r"\n(Examples?:)\n((?:  .*(?:\n|\Z))+)")


def cli_page() -> str:
    """Write every command that the help shows, by panel: usage, help, arguments and options."""
    parts: list[str] = []
    for panel in PANELS:
        parts.append(f"## {panel}")
        for name, command in commands().items():
            if command.rich_help_panel == panel:
                parts += _command(name, command)
    return page("Commands", INTRODUCTION, *parts)


def commands() -> dict[str, Any]:
    """Return the commands of this project by name; none that another package adds."""
    added = typer.Typer()
    for entry in entry_points(group="sixgate.commands"):
        if entry.dist and entry.dist.name == "sixgate":
            entry.load()(added)
    groups = [typer.main.get_command(app), typer.main.get_command(added)]
    return {name: command for group in groups for name, command in _visible(group).items()}


def _visible(group: Any) -> dict[str, Any]:
    """Return the commands of a group that are not hidden."""
    return {name: command for name, command in group.commands.items() if not command.hidden}


def _command(name: str, command: Any) -> Iterator[str]:
    """Write one command and, below it, the commands that it groups."""
    parameters = [parameter for parameter in command.params if not parameter.hidden]
    arguments = [_argument(each) for each in parameters if each.param_type_name == "argument"]
    verbs = _visible(command) if hasattr(command, "commands") else {}
    last = f"{'|'.join(verbs)}" if verbs else "[OPTIONS]"
    yield f"### `sixgate {name}`"
    yield f"```\n{' '.join(['sixgate', name, *arguments, last])}\n```"
    yield _help(command.help)
    if parameters and not verbs:
        yield table(("parameter", "default", "meaning"), map(_row, parameters))
    for verb, child in verbs.items():
        yield from _command(f"{name} {verb}", child)


def _help(text: str) -> str:
    """Return the help with its examples as blocks of code."""
    return EXAMPLE.sub(_example, cleandoc(text) + "\n").strip()


def _example(match: re.Match[str]) -> str:
    lines = cleandoc(match[2])
    return f"\n{match[1]}\n\n```\n{lines}\n```\n"


def _argument(parameter: Any) -> str:
    """Write an argument as it stands in the usage."""
    text = parameter.metavar or parameter.name.upper()
    return text if parameter.required or text.startswith("[") else f"[{text}]"


def _row(parameter: Any) -> tuple[str, str, str]:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [_argument(parameter)]
    is_set = parameter.default not in (None, "") and parameter.default is not False
    default = code(str(parameter.default)) if is_set else ""
    meaning = [parameter.help or "", _range(parameter), _environment(parameter)]
    return (
        ", ".join(code(name) for name in names),
        "required" if parameter.required else default,
        " ".join(text for text in meaning if text),
    )


def _range(parameter: Any) -> str:
    """Describe the bounds of a number."""
    least = parameter.min
    most = parameter.max
    if least is not None and most is not None:
        return f"From {least:,} to {most:,}."
    return f"At least {least:,}." if least is not None else ""


def _environment(parameter: Any) -> str:
    return f"Also read from {code(parameter.envvar)}." if parameter.envvar else ""
