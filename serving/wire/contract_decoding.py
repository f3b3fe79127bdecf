"""Decodes rows of the current contract, and rows of earlier contracts that are still accepted."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from pipelines.records import Label
from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from serving.wire.label_decoding import LabelDecoder
from serving.wire.problems import Problem
from serving.wire.request_decoding import RequestDecoder, Transaction

Counts = Counter[tuple[str, str]]
Rows = list[Transaction]


class RowDecoder(Protocol):
    """Decodes request bodies to rows of one contract."""

    row_type: type[msgspec.Struct]
    batch_type: type[msgspec.Struct]
    counts: Counts

    def decode_row(self, body: bytes) -> Transaction:
        """Decode one row, or raise a 422 Problem."""

    def decode_batch(self, body: bytes) -> list[Transaction]:
        """Decode a batch, or raise a 422 Problem that names the row at fault."""


def row_decoder(
    contract: Contract, earlier: Sequence[Contract], counts: Counts, taken: Counter[str]
) -> RowDecoder:
    """Return the decoder of a contract, which adds to `counts`, and to `taken` for earlier ones.

    Without earlier contracts it costs no more than the contract's own decoder.
    """
    if not earlier:
        return RequestDecoder(contract, counts)
    return ContractDecoder(contract, earlier, counts, taken)


class ContractDecoder:
    """Tries the current contract, then the earlier ones in their order.

    Rows of an earlier contract are converted to the current one. A body that all contracts refuse
    is answered by the current one. `taken` counts the rows by the hash of their contract, without
    those of the current one.
    """

    def __init__(
        self,
        contract: Contract,
        earlier: Sequence[Contract],
        counts: Counts,
        taken: Counter[str],
    ) -> None:
        self.counts = counts
        self.taken = taken
        self._current = RequestDecoder(contract)
        self._earlier = [_EarlierDecoder(former, contract) for former in earlier]
        self.row_type = self._current.row_type
        self.batch_type = self._current.batch_type

    def decode_row(self, body: bytes) -> Transaction:
        """Decode one row, or raise a 422 Problem."""
        try:
            row = self._current.decode_row(body)
        except Problem as problem:
            (row,) = self._of_earlier(problem, lambda decoder: [decoder.decode_row(body)])
            return row
        self._add(self._current.counts)
        return row

    def decode_batch(self, body: bytes) -> list[Transaction]:
        """Decode a batch of one contract, or raise a 422 Problem that names the row at fault."""
        try:
            rows = self._current.decode_batch(body)
        except Problem as problem:
            return self._of_earlier(problem, lambda decoder: decoder.decode_batch(body))
        self._add(self._current.counts)
        return rows

    def _of_earlier(self, problem: Problem, read: Callable[[RequestDecoder], Rows]) -> Rows:
        for earlier in self._earlier:
            try:
                rows = read(earlier.decoder)
            except Problem:
                earlier.decoder.counts.clear()
                continue
            self._current.counts.clear()
            self._add(earlier.decoder.counts)
            self.taken[earlier.contract_hash] += len(rows)
            return [earlier.converted(row) for row in rows]
        self._add(self._current.counts)
        raise problem

    def _add(self, counts: Counts) -> None:
        """Count what one decoder refused or treated; only the deciding decoder's counts stay."""
        if counts:
            self.counts.update(counts)
            counts.clear()


class _EarlierDecoder:
    """Decodes rows of an earlier contract, and converts them to the current one."""

    def __init__(self, earlier: Contract, current: Contract) -> None:
        self.contract_hash = earlier.hash
        self.decoder = RequestDecoder(earlier)
        self._project = Projection(earlier, current)
        self._width = len(current.raw)

    def converted(self, row: Transaction) -> Transaction:
        raw = np.frombuffer(row.raw).reshape(1, -1)
        current = self._project(raw)[:, : self._width]
        return msgspec.structs.replace(row, raw=current.tobytes())


class LabelDecoders:
    """Decodes labels as the current contract names them, or else an earlier one."""

    def __init__(self, contract: Contract, earlier: Sequence[Contract], refused: Counts) -> None:
        self._refused = refused
        self._decoders = [LabelDecoder(each, Counter()) for each in (contract, *earlier)]

    def decode(self, body: bytes) -> list[Label]:
        """Decode a body, or raise the 422 Problem of the current contract."""
        current, *earlier = self._decoders
        try:
            return current.decode(body)
        except Problem:
            for decoder in earlier:
                try:
                    return decoder.decode(body)
                except Problem:
                    continue
            self._refused.update(current.refused)
            raise
        finally:
            for decoder in self._decoders:
                decoder.refused.clear()
