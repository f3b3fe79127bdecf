"""Splits by transaction id, for rows whose event time says nothing.

A transaction is on the same side in every run, whatever other rows there are.
"""

import hashlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SALT = b"sixgate split"  # so that the split is independent of other uses of such a hash

COST = (
    "rows are split by transaction id, not by time: no gate shows how the model does on newer "
    "rows, and rows of one entity are on both sides"
)


def positions_of(ids: pa.StringArray) -> NDArray[np.float64]:
    """Return a number (n,) from 0 to 1 for each transaction id, as if drawn at random."""
    hashes = (
        hashlib.blake2b(name.encode(), digest_size=8, salt=SALT).digest()
        for name in ids.to_pylist()
    )
    return np.frombuffer(b"".join(hashes), dtype=">u8") / 2**64


def is_held_out(ids: pa.StringArray, share: float) -> NDArray[np.bool_]:
    """Mark the rows (n,) that are held out, about `share` of all."""
    return positions_of(ids) >= 1 - share


def order(ids: pa.StringArray) -> NDArray[np.int64]:
    """Return the order of rows by their number, in which the last ones tune the model."""
    return np.argsort(positions_of(ids), kind="stable").astype(np.int64)
