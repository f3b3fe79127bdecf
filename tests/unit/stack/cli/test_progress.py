"""Lines of progress."""

import io
import re
import time

from rich.console import Console

from stack.cli.progress import timed_printer


def test_a_line_begins_with_the_seconds_since_the_start() -> None:
    output = io.StringIO()
    say = timed_printer(Console(file=output, width=80), time.monotonic() - 12)
    say("mlflow is healthy")
    assert re.fullmatch(r" +1[2-9] s  mlflow is healthy\n", output.getvalue())
