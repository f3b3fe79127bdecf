"""How much each key may ask for: the `limits` library counts, and a lease spares it most of the questions."""

import math
import time
from collections.abc import Callable

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from pipelines.errors import UseCaseError
from serving.wire.problems import Problem

SHARE = 100  # a lease is a hundredth of the limit


class Rate:
    """One worker's share of the limit, a row counting as one; what a lease holds is counted when it is taken."""

    def __init__(
        self, limit: str, *, workers: int = 1, refused: Callable[[str], None] = lambda caller: None
    ) -> None:
        """`refused` hears of every caller who asked for too much."""
        try:
            whole = parse(limit)
        except ValueError as error:
            raise UseCaseError(
                f"SIXGATE_RATE_LIMIT: {limit!r} is no limit: write it as 1000/second or 50000/minute"
            ) from error
        self._item: RateLimitItem = type(whole)(max(1, whole.amount // workers), whole.multiples)
        self._lease = max(1, self._item.amount // SHARE)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._refused = refused
        self._left: dict[str, int] = {}

    def take(self, caller: str, rows: int = 1) -> None:
        """Let a caller have some rows, or raise a 429 Problem that says when to come back."""
        left = self._left.get(caller, 0)
        if left >= rows:
            self._left[caller] = left - rows
        elif rows < self._lease and self._limiter.hit(self._item, caller, cost=self._lease):
            self._left[caller] = left + self._lease - rows
        elif not self._limiter.hit(self._item, caller, cost=rows):
            self._refused(caller)
            reset = self._limiter.get_window_stats(self._item, caller).reset_time
            seconds = max(1, math.ceil(reset - time.time()))
            raise Problem(
                429,
                f"the key {caller!r} asked for more than {self._item}: come back in {seconds} s",
                retry_after=seconds,
            )
