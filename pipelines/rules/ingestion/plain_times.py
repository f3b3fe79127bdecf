"""Parses times of the most frequent form, which needs no regular expression."""

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SIZE = len("2026-01-31 10:00:00")
MARKS = {4: b"-", 7: b"-", 10: b" T", 13: b":", 16: b":"}


def parse_plain_times(text: pa.StringArray) -> pa.TimestampArray | None:
    """Return times (n,) in UTC if all of them are written as `2026-01-31 10:00:00`, else None."""
    if not len(text) or text.null_count:
        return None
    _, offsets_buffer, data = text.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, len(text) + 1, text.offset * 4)
    if not (np.diff(offsets) == SIZE).all():
        return None
    size = int(offsets[-1] - offsets[0])
    characters = np.frombuffer(data, np.uint8, size, int(offsets[0])).reshape(-1, SIZE)
    for place, marks in MARKS.items():
        if not np.isin(characters[:, place], np.frombuffer(marks, np.uint8)).all():
            return None
    with contextlib.suppress(pa.ArrowInvalid):
        return pc.assume_timezone(pc.cast(text, pa.timestamp("us")), "UTC")
    return None
