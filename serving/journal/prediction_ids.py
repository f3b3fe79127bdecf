"""Identifiers that carry their time: uuid v7 (RFC 9562)."""

import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pipelines.errors import UnknownPrediction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOISE = 20  # hexadecimal digits drawn for an id; 18 and a half are used
VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_noise = random.Random().randbytes  # noqa: S311 (seeded by the system; ids have to differ, not to be secret)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def at(ms: int) -> datetime:
    """The moment of a count of milliseconds."""
    return EPOCH + timedelta(milliseconds=ms)


def uuid7(ms: int, count: int = 1) -> list[str]:
    """Make ids of that millisecond, as text: 48 bits of time, 74 random ones."""
    time = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7"
    noise = _noise(NOISE * count // 2).hex()
    return [
        f"{time}{noise[at : at + 3]}-{VARIANT[noise[at + 3]]}{noise[at + 4 : at + 7]}-{noise[at + 7 : at + 19]}"
        for at in range(0, NOISE * count, NOISE)
    ]


def moment(prediction_id: UUID) -> datetime:
    """The time in a prediction's id; an id that no replica can have made raises UnknownPrediction."""
    try:
        if prediction_id.version == 7:
            return at(prediction_id.int >> 80)
    except OverflowError:
        pass
    raise UnknownPrediction(
        f"no prediction has the id {prediction_id}: take the prediction_id from an answer"
    )
