"""The share of the rows that a model flags, which costs work, and its limit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.gates.verdict import FurtherValue
from pipelines.rules.statistics.confidence_intervals import wilson


@dataclass(frozen=True, kw_only=True)
class FlaggedShare:
    """How many of the labelled rows a model flags; `limit` is None where the policy has none."""

    flagged: int
    rows: int
    limit: float | None

    @property
    def observed(self) -> float:
        """The share of the rows that are flagged."""
        return self.flagged / self.rows

    @property
    def is_within(self) -> bool:
        """Whether the share does not exceed the limit; as with recall, no interval decides."""
        return self.limit is None or self.observed <= self.limit

    @property
    def needs(self) -> str:
        """What the gate requires of the share; empty without a limit."""
        return "" if self.limit is None else f"at most {self.limit:.2%} of the rows flagged"

    @property
    def judged(self) -> dict[str, FurtherValue]:
        """The share, its limit and Wilson's 95 % interval; empty without a limit."""
        if self.limit is None:
            return {}
        low, high = wilson(self.flagged, self.rows)
        value = FurtherValue(observed=self.observed, threshold=self.limit, low=low, high=high)
        return {"flagged_share": value}

    def __str__(self) -> str:
        text = f"flags {self.flagged:,} of {self.rows:,} rows, {self.observed:.2%}"
        if self.limit is None:
            return text
        low, high = wilson(self.flagged, self.rows)
        return f"{text} (interval {low:.2%} to {high:.2%}, limit {self.limit:.2%})"


def flagged_share(flags: NDArray[np.bool_], limit: float | None) -> FlaggedShare:
    """Count the flags of n rows (n,), at least one row."""
    return FlaggedShare(flagged=int(flags.sum()), rows=len(flags), limit=limit)
