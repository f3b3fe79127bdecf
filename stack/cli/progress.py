"""Lines that say how far a command is."""

import time
from collections.abc import Callable

from rich.console import Console


def timed_printer(console: Console, start: float) -> Callable[[str], None]:
    """Return a function that prints a line with the seconds since `start`."""

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - start:5.0f} s[/]  {line}")

    return say
