"""Which predictions a policy selects to be explained.

All of them, or the flagged ones and a sample of the others, or none. A digest of its id puts each
prediction into one of `BUCKETS` buckets, and a selection takes the first buckets. So the selection
of a prediction never changes while the policy stays the same. `sql/queries/explanations.sql`
applies a selection to the log.
"""

import math
from dataclasses import dataclass

BUCKETS = 10_000


@dataclass(frozen=True)
class Selection:
    """How many of the buckets are selected, of flagged predictions and of the others."""

    flagged: int
    others: int

    def share(self, predicted_label: int, bucket: int) -> float | None:
        """Return the share of predictions with this label that is selected; 1 / share is a weight.

        None if the prediction's own bucket is not selected.
        """
        selected = self.flagged if predicted_label == 1 else self.others
        return selected / BUCKETS if bucket < selected else None


def selection(select: str, sample: float) -> Selection:
    """Return the selection of a policy's `explanation.select` and `explanation.sample`.

    A sample is rounded up to a whole number of buckets. Predictions whose explanation is only
    `requested` are selected by no policy.
    """
    if select == "all":
        return Selection(flagged=BUCKETS, others=BUCKETS)
    if select == "flagged":
        return Selection(flagged=BUCKETS, others=math.ceil(sample * BUCKETS))
    return Selection(flagged=0, others=0)
