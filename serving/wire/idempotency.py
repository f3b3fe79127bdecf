"""Answers a request with an `Idempotency-Key` as the first request with that key was answered.

Answers are in the memory of one worker, and are bounded in time, number and bytes for each API key.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from serving.wire.problems import Problem

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
WINDOW = 3600.0  # seconds
MOST_KEYS = 10_000
MOST_BYTES = 16 * 2**20
_VALID_KEY = re.compile(rb"[!-~]{1,255}")
RULE = "must be 1 to 255 visible ASCII characters"


@dataclass
class _First:
    """The first request with a key, and its answer, which may be still on its way."""

    digest: bytes
    at: float
    answer: asyncio.Future[bytes]
    size: int = 0


@dataclass
class _OfCaller:
    """What is kept for one API key, oldest first."""

    firsts: OrderedDict[bytes, _First]
    size: int = 0


class FirstAnswers:
    """The answers of one worker by API key and idempotency key.

    Only successes are kept: a request that failed may be sent again with the same key.
    """

    def __init__(
        self,
        *,
        window: float = WINDOW,
        most_keys: int = MOST_KEYS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = window
        self._most_keys = most_keys
        self._most_bytes = most_bytes
        self._clock = clock
        self._callers: dict[str, _OfCaller] = {}

    async def answer(
        self, caller: str, key: bytes, request: bytes, make: Callable[[], Awaitable[bytes]]
    ) -> tuple[bytes, bool]:
        """Return the answer to a request, and whether an earlier request had the same key.

        `request` is all that must be equal: route and body. A request that arrives while the first
        one is being answered gets the same answer. Raises the 422 Problem for a key that is
        invalid, or that another request has used.
        """
        if not _VALID_KEY.fullmatch(key):
            raise _refusal(key, RULE)
        of_caller = self._callers.setdefault(caller, _OfCaller(OrderedDict()))
        self._drop_old(of_caller)
        digest = hashlib.sha256(request).digest()
        first = of_caller.firsts.get(key)
        if first is not None:
            if first.digest != digest:
                raise _refusal(key, "was used for another request; send each request with its own")
            return await asyncio.shield(first.answer), True
        first = _First(digest, self._clock(), asyncio.ensure_future(make()))
        of_caller.firsts[key] = first
        first.answer.add_done_callback(lambda _: self._settle(of_caller, key, first))
        return await asyncio.shield(first.answer), False

    def _settle(self, of_caller: _OfCaller, key: bytes, first: _First) -> None:
        """Keep a success within the bounds; forget a failure."""
        if of_caller.firsts.get(key) is not first:
            return
        if first.answer.cancelled() or first.answer.exception() is not None:
            del of_caller.firsts[key]
            return
        first.size = len(first.answer.result())
        of_caller.size += first.size
        while of_caller.size > self._most_bytes or len(of_caller.firsts) > self._most_keys:
            self._drop_oldest(of_caller)

    def _drop_old(self, of_caller: _OfCaller) -> None:
        expired = self._clock() - self._window
        while of_caller.firsts:
            oldest = next(iter(of_caller.firsts.values()))
            if oldest.at > expired:
                return
            self._drop_oldest(of_caller)

    def _drop_oldest(self, of_caller: _OfCaller) -> None:
        _, oldest = of_caller.firsts.popitem(last=False)
        of_caller.size -= oldest.size


def _refusal(key: bytes, rule: str) -> Problem:
    value = key.decode(errors="replace")[:255]
    return Problem(
        422,
        f"Idempotency-Key: {value!r} {rule}",
        field="Idempotency-Key",
        value=value,
        rule=rule,
    )
