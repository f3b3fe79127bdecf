"""What happens to one use case, as it happens: whoever listens too slowly misses messages, and is told how many."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from serving.wire.schemas import LiveMissed, LivePrediction, PredictionOut

WAITING = 1000  # messages a listener may be behind
LISTENERS = 100

_encode = msgspec.json.Encoder().encode


class Listener:
    """One that listens: its share of the predictions, and what waits for it."""

    def __init__(self, sample: float) -> None:
        self._sample, self._due = sample, 0.0
        self._waiting: deque[bytes] = deque()
        self._missed = 0
        self._news = asyncio.Event()

    def takes(self) -> bool:
        """Whether the next prediction is in the sample: evenly spaced, `sample` of them all."""
        self._due += self._sample
        if self._due < 1:
            return False
        self._due -= 1
        return True

    def offer(self, message: bytes) -> None:
        """Have a message wait, or count it as missed."""
        if len(self._waiting) < WAITING:
            self._waiting.append(message)
        else:
            self._missed += 1
        self._news.set()

    async def next(self, seconds: float) -> bytes | None:
        """Wait some seconds for a message; what was missed is told after what waited before it."""
        if not self._waiting and not self._missed:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
        if self._waiting:
            return self._waiting.popleft()
        if self._missed:
            missed, self._missed = self._missed, 0
            return _encode(LiveMissed(missed))
        return None


class LiveFeed:
    """The listeners of one use case on this worker."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def join(self, sample: float) -> Listener | None:
        """Let somebody listen; None when there are too many already."""
        if len(self.listeners) >= LISTENERS:
            return None
        self._loop = asyncio.get_running_loop()
        listener = Listener(sample)
        self.listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self.listeners.discard(listener)

    def show(self, scored_at: datetime, answers: Sequence[PredictionOut]) -> None:
        """Offer predictions to those whose sample takes them; called by the loop's thread, and only if somebody listens."""
        for answer in answers:
            takers = [listener for listener in self.listeners if listener.takes()]
            if takers:
                message = _encode(
                    LivePrediction(scored_at=scored_at, **msgspec.structs.asdict(answer))
                )
                for listener in takers:
                    listener.offer(message)

    def tell(self, event: msgspec.Struct) -> None:
        """Offer an event to all; from any thread."""
        if self._loop and self.listeners:
            self._loop.call_soon_threadsafe(self._offer, _encode(event))

    def _offer(self, message: bytes) -> None:
        for listener in self.listeners:
            listener.offer(message)
