"""Logged rows of every recorded contract, converted to the columns of one."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.contract_projection import Projection
from pipelines.rules.use_case.converted_contract import accepting
from pipelines.stores import arrow_reads

log = logging.getLogger(__name__)
ContractOf = Callable[[str], Contract | None]


class RowConverter:
    """Converts logged features to the columns of `target`; `contract_of` finds a contract by hash.

    Rows of a contract that is not recorded can't be read. `unreadable` counts them by hash.
    """

    def __init__(self, target: Contract, contract_of: ContractOf) -> None:
        self.target = target
        self.unreadable: Counter[str] = Counter()
        self._contract_of = contract_of
        self._projections: dict[str, Projection | None] = {}

    @property
    def earlier(self) -> list[Contract]:
        """The other contracts of the rows that were converted so far."""
        return [
            projection.source
            for contract_hash, projection in self._projections.items()
            if projection is not None and contract_hash != self.target.hash
        ]

    @property
    def accepting(self) -> Contract:
        """The target with the rules that all rows converted so far were accepted by."""
        return accepting(self.target, self.earlier)

    @property
    def absent(self) -> set[str]:
        """The target's columns that some of the rows converted so far do not have."""
        projections = [projection for projection in self._projections.values() if projection]
        return {name for projection in projections for name in projection.absent}

    def arrow(
        self, hashes: pa.Array, features: pa.Array
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Convert n logged rows: contract hashes (n,), and lists of each contract's columns (n,).

        A hash that is NULL stands for the target's. Returns which rows were readable (n,), and the
        features (m, target.columns) of those.
        """
        n = len(hashes)
        width = len(self.target.columns)
        if hashes.null_count == n:
            return np.ones(n, bool), arrow_reads.matrix(features, width)
        import pyarrow.compute as pc  # slow, and not needed by most roll-ups

        hashes = hashes.fill_null(self.target.hash)
        names = hashes.unique().to_pylist()
        if len(names) == 1 and (single := self._projection(names[0])) and single.is_identity:
            return np.ones(n, bool), arrow_reads.matrix(features, width)
        readable = np.zeros(n, bool)
        converted = np.full((n, width), np.nan)
        for name in names:
            chosen = pc.equal(hashes, name)
            rows = np.flatnonzero(arrow_reads.vector(chosen.cast(pa.int8())))
            if projection := self._projection(name):
                width_then = len(projection.source.columns)
                logged = arrow_reads.matrix(features.filter(chosen), width_then)
                converted[rows] = projection.complete(logged)
                readable[rows] = True
            else:
                self.unreadable[name] += len(rows)
        return readable, converted if readable.all() else converted[readable]

    def rows(self, rows: Sequence[tuple[str, Sequence[float | None]]]) -> NDArray[np.float64]:
        """Convert logged rows, each a contract hash and its features; unreadable ones are left out.

        Missing values are None or NaN.
        """
        hashes = pa.array([contract_hash for contract_hash, _ in rows], pa.string())
        features = pa.array([list(row) for _, row in rows], pa.list_(pa.float64()))
        _, converted = self.arrow(hashes, features)
        return converted

    def row(self, contract_hash: str, features: Sequence[float]) -> list[float]:
        """Convert one logged row; every feature is missing when the contract is not recorded."""
        if self.width(contract_hash) != len(features):
            return [float("nan")] * len(self.target.columns)
        converted: list[float] = self.rows([(contract_hash, features)])[0].tolist()
        return converted

    def width(self, contract_hash: str | None) -> int | None:
        """Return how many columns a contract has; None when it is not recorded."""
        projection = self._projection(contract_hash) if contract_hash else None
        return len(projection.source.columns) if projection else None

    def warn_of_unreadable(self) -> None:
        """Log how many rows could not be read, by contract."""
        for contract_hash, count in self.unreadable.items():
            log.warning(
                "%s logged rows are left out: their contract %s is not recorded",
                f"{count:,}",
                contract_hash,
            )

    def _projection(self, contract_hash: str) -> Projection | None:
        if contract_hash not in self._projections:
            self._projections[contract_hash] = self._new_projection(contract_hash)
        return self._projections[contract_hash]

    def _new_projection(self, contract_hash: str) -> Projection | None:
        if contract_hash == self.target.hash:
            return Projection(self.target, self.target)
        source = self._contract_of(contract_hash)
        return Projection(source, self.target) if source else None
