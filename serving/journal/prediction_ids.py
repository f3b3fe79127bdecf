"""Prediction ids that carry their creation time: UUID version 7 (RFC 9562)."""

import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pipelines.errors import UnknownPrediction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOISE = 20  # hexadecimal digits drawn for an id; 18 and a half are used
VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
# Seeded by the operating system: ids have to be unique, not secret.
_noise = random.Random().randbytes  # noqa: S311


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def datetime_of(ms: int) -> datetime:
    """Convert milliseconds since 1970 to a time in UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def uuid7(ms: int, count: int = 1) -> list[str]:
    """Create `count` ids of one millisecond, as text: 48 bits of time, 74 random bits."""
    time = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7"
    noise = _noise(NOISE * count // 2).hex()
    # One dense expression per id, because this runs for every row.
    return [
        f"{time}{noise[i : i + 3]}-{VARIANT[noise[i + 3]]}{noise[i + 4 : i + 7]}"
        f"-{noise[i + 7 : i + 19]}"
        for i in range(0, NOISE * count, NOISE)
    ]


def created_at(prediction_id: UUID) -> datetime:
    """The creation time in a prediction's id.

    An id that no replica can have issued raises UnknownPrediction.
    """
    try:
        if prediction_id.version == 7:
            return datetime_of(prediction_id.int >> 80)
    except OverflowError:
        pass
    raise UnknownPrediction(
        f"no prediction has the id {prediction_id}: use a prediction_id returned by /predict"
    )
