"""Rate limits per API key, counted by the `limits` library; a lease saves most of its calls."""

import math
import time
from collections.abc import Callable

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from pipelines.errors import UseCaseError
from serving.wire.problems import Problem

SHARE = 100  # a lease is a hundredth of the limit


class RateLimit:
    """One worker's share of the limit, in rows; a lease is counted in full when it is taken."""

    def __init__(
        self,
        limit: str,
        *,
        workers: int = 1,
        refused: Callable[[str], None] = lambda caller: None,
    ) -> None:
        """`refused` is called with the name of each caller that exceeds its limit."""
        try:
            total = parse(limit)
        except ValueError as error:
            raise UseCaseError(
                f"SIXGATE_RATE_LIMIT: {limit!r} is not a valid limit: "
                "write it like 1000/second or 50000/minute"
            ) from error
        share = max(1, total.amount // workers)
        self._item: RateLimitItem = type(total)(share, total.multiples)
        self._lease = max(1, share // SHARE)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._refused = refused
        self._remaining: dict[str, int] = {}

    def take(self, caller: str, rows: int = 1) -> None:
        """Count rows of a caller, or raise a 429 Problem with the seconds to wait."""
        remaining = self._remaining.get(caller, 0)
        if remaining >= rows:
            self._remaining[caller] = remaining - rows
        elif rows < self._lease and self._hit(caller, self._lease):
            self._remaining[caller] = remaining + self._lease - rows
        elif not self._hit(caller, rows):
            self._refused(caller)
            raise self._exceeded(caller)

    def _hit(self, caller: str, rows: int) -> bool:
        """Count rows if they fit; `hit` alone counts refused rows too, which uses up the limit."""
        fits = self._limiter.test(self._item, caller, cost=rows)
        return fits and self._limiter.hit(self._item, caller, cost=rows)

    def _exceeded(self, caller: str) -> Problem:
        reset_time = self._limiter.get_window_stats(self._item, caller).reset_time
        seconds = max(1, math.ceil(reset_time - time.time()))
        return Problem(
            429,
            f"the key {caller!r} exceeds its limit of {self._item}: retry in {seconds} s",
            retry_after=seconds,
        )
