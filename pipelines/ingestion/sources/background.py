"""Runs calls in a thread, in order and one at a time, beside the caller."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Background:
    """Runs calls in a thread; use it in a `with` block.

    A call waits for the one before it, so at most one is under way. `wait` waits for the last, and
    raises what it raised.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[Any] | None = None

    def run(self, call: Callable[..., object], *arguments: object) -> None:
        """Start a call when the one before it has ended; raises what that one raised."""
        self.wait()
        self._last = self._pool.submit(call, *arguments)

    def wait(self) -> None:
        """Wait for the call that is under way."""
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
