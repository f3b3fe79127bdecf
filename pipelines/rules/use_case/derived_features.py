"""Derived features, computed by the same compiled expressions for one row and for many."""

import numexpr
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.expression import Formula

# A single row must not wait for a thread pool, and several steps run side by side.
numexpr.set_num_threads(1)


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
        for index, (expression, inputs) in enumerate(self._compiled, start=self._raw):
            arguments = [columns[:, position] for position in inputs]
            value = expression(*arguments)
            finite = np.isfinite(value)
            columns[:, index] = np.where(finite, value, np.nan)
        return columns


def _compiled(formula: Formula, position: dict[str, int]) -> tuple["numexpr.NumExpr", list[int]]:
    signature = [(name, np.float64) for name in formula.inputs]
    expression = numexpr.NumExpr(formula.text, signature=signature)
    inputs = [position[name] for name in formula.inputs]
    return expression, inputs
