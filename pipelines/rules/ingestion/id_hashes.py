"""Hashes of ids, and a filter that remembers which hashes it has seen."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_WORD = 8
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def hash_ids(ids: pa.StringArray) -> Hashes:
    """Return a hash (n,) of each id; equal ids have equal hashes. Ids must not be null."""
    _, offsets_buffer, data = ids.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, len(ids) + 1, ids.offset * 4)
    padding = b"\0" * _WORD
    content = np.frombuffer(data[offsets[0] : offsets[-1]].to_pybytes() + padding, np.uint8)
    starts = (offsets[:-1] - offsets[0]).astype(np.int64)
    lengths = np.diff(offsets)
    # A word may begin at any byte.
    words = np.ndarray(len(content) - _WORD + 1, "<u8", content, strides=(1,))
    hashes = lengths.astype(np.uint64) * _FACTORS[1]
    for number in range(-(-int(lengths.max(initial=0)) // _WORD)):
        rest = lengths - _WORD * number
        rows = np.flatnonzero(rest > 0)
        bits = np.minimum(rest[rows], _WORD).astype(np.uint64) * np.uint64(8)
        word = words[starts[rows] + _WORD * number]
        word &= np.uint64(2**64 - 1) >> (np.uint64(64) - bits)
        hashes[rows] = _mixed(hashes[rows] ^ word)
    return hashes


def _mixed(hashes: Hashes) -> Hashes:
    for factor in _FACTORS:
        hashes *= factor
        hashes ^= hashes >> np.uint64(32)
    return hashes


class SeenFilter:
    """A Bloom filter of fixed size: what was added is found; a few others are found too.

    At 20 million ids, it takes 2 % of the others for seen.
    """

    PROBES = 2

    def __init__(self, *, bits: int = 28) -> None:
        self._bits = np.zeros(1 << (bits - 3), np.uint8)
        self._shift = np.uint64(64 - bits)

    def add(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Add hashes (n,); return which may have been added before, or equal an earlier one."""
        seen = np.ones(len(hashes), bool)
        for probe in self._probes(hashes):
            byte = (probe >> np.uint64(3)).astype(np.int64)
            bit = np.left_shift(1, probe & np.uint64(7), dtype=np.uint8, casting="unsafe")
            unset = np.flatnonzero(self._bits[byte] & bit == 0)
            seen[unset] = False
            while len(unset):  # of several bits of one byte, an assignment sets one
                self._bits[byte[unset]] |= bit[unset]
                unset = unset[self._bits[byte[unset]] & bit[unset] == 0]
        return seen | _repeated_within(hashes)

    def _probes(self, hashes: Hashes) -> list[Hashes]:
        other = hashes * _FACTORS[0] | np.uint64(1)
        return [(hashes + np.uint64(i) * other) >> self._shift for i in range(self.PROBES)]


def _repeated_within(hashes: Hashes) -> NDArray[np.bool_]:
    """Mark the hashes (n,) that are equal to an earlier one."""
    again = np.zeros(len(hashes), bool)
    ordered = np.sort(hashes)
    if (ordered[1:] == ordered[:-1]).any():
        order = np.argsort(hashes, kind="stable")
        again[order[1:][hashes[order[1:]] == hashes[order[:-1]]]] = True
    return again
