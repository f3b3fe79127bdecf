"""Options that several commands have, and how their values are read and completed."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.errors import SixgateError


def use_case_names(incomplete: str) -> list[str]:
    """Return the use cases whose names begin with `incomplete`, for the shell's completion."""
    from pipelines.settings import Settings
    from pipelines.use_case import names

    return [name for name in names(Settings.load().reference) if name.startswith(incomplete)]


UseCaseOption = Annotated[
    str,
    typer.Option(
        "--use-case",
        "-u",
        help="Name of the use case, a folder in reference/.",
        autocompletion=use_case_names,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]


def parse_time(text: str | None) -> datetime:
    """Parse the value of --as-of, in UTC unless it names another offset; now when it is empty."""
    if not text:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SixgateError(
            f"--as-of {text!r} is not a time: write it as 2026-01-31T12:00:00+00:00"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
