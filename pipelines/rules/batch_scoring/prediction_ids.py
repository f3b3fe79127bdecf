"""Prediction ids of a job, which are the same whenever the job is repeated.

They are UUIDs of version 7 (RFC 9562), like those of the scoring server: 48 bits of time, then 34
bits of the job and 40 bits of the row's number.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROW_BITS = 40
MOST_ROWS = 1 << ROW_BITS
DASHES = (8, 13, 18, 23)
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def to_milliseconds(moment: datetime) -> datetime:
    """Round a time down to milliseconds, which is what an id can hold."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def prediction_ids(job: UUID, scored_at: datetime, rows: NDArray[np.int64]) -> NDArray[np.bytes_]:
    """Return the ids (n,) of rows, given by their numbers in the file, as text of 36 characters."""
    mark = int.from_bytes(hashlib.sha256(job.bytes).digest()[:8], "big")
    ms = (scored_at - EPOCH) // timedelta(milliseconds=1)
    high = ms << 16 | 0x7 << 12 | mark & 0xFFF
    low = 0b10 << 62 | (mark >> 12 & 0x3FFFFF) << ROW_BITS
    numbers = np.empty((len(rows), 2), ">u8")
    numbers[:, 0] = high
    numbers[:, 1] = np.uint64(low) | rows.astype(np.uint64)
    return _as_text(numbers.view(np.uint8).reshape(len(rows), 16))


def _as_text(content: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Write 16 bytes each (n, 16) as hexadecimal digits with dashes (n,)."""
    digits = np.empty((len(content), 32), np.uint8)
    digits[:, 0::2] = _HEX[content >> 4]
    digits[:, 1::2] = _HEX[content & 0xF]
    text = np.full((len(content), 36), ord("-"), np.uint8)
    places = [place for place in range(36) if place not in DASHES]
    text[:, places] = digits
    return text.view("S36").reshape(len(content))
