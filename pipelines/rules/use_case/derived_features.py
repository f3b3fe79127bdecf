"""Derived features: the same compiled expressions for one row and for a million."""

import numexpr
import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.contract import Contract
from pipelines.rules.use_case.expression import Formula

numexpr.set_num_threads(1)  # one row must not wait for a pool, and steps run side by side


class Deriver:
    """A contract's `derived` expressions, compiled once."""

    def __init__(self, contract: Contract) -> None:
        position = {name: index for index, name in enumerate(contract.raw)}
        self._raw, self._width = len(contract.raw), len(contract.columns)
        self._steps = [
            _compiled(contract.formula(derived), position) for derived in contract.derived
        ]

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Append the derived columns: (n, raw) → (n, raw + derived); a result that is not finite is missing (NaN)."""
        if not self._steps:
            return raw
        columns = np.empty((len(raw), self._width))
        columns[:, : self._raw] = raw
        return self.fill(columns)

    def fill(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the derived columns of (n, raw + derived) in place, from the raw ones that are there."""
        for at, (expression, inputs) in enumerate(self._steps, start=self._raw):
            value = expression(*(columns[:, index] for index in inputs))
            columns[:, at] = np.where(np.isfinite(value), value, np.nan)
        return columns


def _compiled(formula: Formula, position: dict[str, int]) -> tuple["numexpr.NumExpr", list[int]]:
    compiled = numexpr.NumExpr(
        formula.text, signature=[(name, np.float64) for name in formula.inputs]
    )
    return compiled, [position[name] for name in formula.inputs]
