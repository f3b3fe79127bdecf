"""Identifiers that carry their time: uuid v7 (RFC 9562)."""

import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pipelines.errors import UnknownPrediction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_noise = random.Random().getrandbits  # noqa: S311 (seeded by the system; ids have to differ, not to be secret)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def at(ms: int) -> datetime:
    """The moment of a count of milliseconds."""
    return EPOCH + timedelta(milliseconds=ms)


def uuid7(ms: int) -> str:
    """Make an id of that millisecond, as text: 48 bits of time, 74 random ones."""
    noise = _noise(74)
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031  # the fastest way
        ms >> 16, ms & 0xFFFF, noise >> 62, 0x8000 | noise >> 48 & 0x3FFF, noise & 0xFFFFFFFFFFFF,
    )  # fmt: skip


def moment(prediction_id: UUID) -> datetime:
    """The time in a prediction's id; an id that no replica can have made raises UnknownPrediction."""
    try:
        if prediction_id.version == 7:
            return at(prediction_id.int >> 80)
    except OverflowError:
        pass
    raise UnknownPrediction(f"no prediction has the id {prediction_id}: take the prediction_id from an answer")
