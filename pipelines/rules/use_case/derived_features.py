"""Derived features, computed by the same compiled expressions for one row and for many."""

import numexpr
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.expression import Formula

# Rows that are computed at a time. numexpr gives fewer than 2,048 rows to no thread pool, so that a
# single row never waits for one, and several steps can run side by side.
BLOCK = 1024


class Deriver:
    """A contract's `derived` expressions, compiled once."""

    def __init__(self, contract: Contract) -> None:
        self._raw = len(contract.raw)
        self._width = len(contract.columns)
        position = {name: index for index, name in enumerate(contract.raw)}
        formulas = [contract.formula(derived) for derived in contract.derived]
        self._compiled = [_compiled(formula, position) for formula in formulas]

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Append the derived columns: (n, raw) → (n, raw + derived).

        A result that is not finite is missing (NaN).
        """
        if not self._compiled:
            return raw
        columns = np.empty((len(raw), self._width))
        columns[:, : self._raw] = raw
        return self.fill(columns)

    def fill(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the derived columns of (n, raw + derived) in place, from the raw columns."""
        n = len(columns)
        if n <= BLOCK:
            self._fill_block(columns)
            return columns
        for start in range(0, n, BLOCK):
            self._fill_block(columns[start : start + BLOCK])
        return columns

    def _fill_block(self, columns: NDArray[np.float64]) -> None:
        for index, (expression, inputs) in enumerate(self._compiled, start=self._raw):
            arguments = [columns[:, position] for position in inputs]
            value = expression(*arguments)
            finite = np.isfinite(value)
            columns[:, index] = np.where(finite, value, np.nan)


def _compiled(formula: Formula, position: dict[str, int]) -> tuple["numexpr.NumExpr", list[int]]:
    signature = [(name, np.float64) for name in formula.inputs]
    expression = numexpr.NumExpr(formula.text, signature=signature)
    inputs = [position[name] for name in formula.inputs]
    return expression, inputs
