"""The live feed of one use case; a listener that reads too slowly misses messages."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from serving.wire.schemas import LiveMissed, LivePrediction, PredictionOut

MAX_PENDING = 1000  # messages per listener
MAX_LISTENERS = 100

_encode = msgspec.json.Encoder().encode


class Listener:
    """One connection: its share of the predictions, and its pending messages."""

    def __init__(self, sample: float) -> None:
        self._sample = sample
        self._due = 0.0
        self._pending: deque[bytes] = deque()
        self._missed = 0
        self._changed = asyncio.Event()

    def takes_next(self) -> bool:
        """Whether the next prediction is in the sample, which is evenly spaced."""
        self._due += self._sample
        if self._due < 1:
            return False
        self._due -= 1
        return True

    def offer(self, message: bytes) -> None:
        """Queue a message, or count it as missed when the queue is full."""
        if len(self._pending) < MAX_PENDING:
            self._pending.append(message)
        else:
            self._missed += 1
        self._changed.set()

    async def next(self, seconds: float) -> bytes | None:
        """Return the next message; None when there is none within `seconds`.

        The number of missed messages follows the messages that were queued before them.
        """
        if not self._pending and not self._missed:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        if self._pending:
            return self._pending.popleft()
        if self._missed:
            message = _encode(LiveMissed(self._missed))
            self._missed = 0
            return message
        return None


class LiveFeed:
    """The listeners of one use case on this worker."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def join(self, sample: float) -> Listener | None:
        """Add a listener; None when there are `MAX_LISTENERS` already."""
        if len(self.listeners) >= MAX_LISTENERS:
            return None
        self._loop = asyncio.get_running_loop()
        listener = Listener(sample)
        self.listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Remove a listener."""
        self.listeners.discard(listener)

    def publish_predictions(
        self, scored_at: datetime, predictions: Sequence[PredictionOut]
    ) -> None:
        """Offer each prediction to the listeners that sample it.

        Only the event loop's thread calls this, and only if there are listeners.
        """
        for prediction in predictions:
            takers = [listener for listener in self.listeners if listener.takes_next()]
            if not takers:
                continue
            fields = msgspec.structs.asdict(prediction)
            message = _encode(LivePrediction(scored_at=scored_at, **fields))
            for listener in takers:
                listener.offer(message)

    def publish(self, event: msgspec.Struct) -> None:
        """Offer an event to all listeners; may be called from any thread."""
        if self._loop and self.listeners:
            self._loop.call_soon_threadsafe(self._offer, _encode(event))

    def _offer(self, message: bytes) -> None:
        for listener in self.listeners:
            listener.offer(message)
