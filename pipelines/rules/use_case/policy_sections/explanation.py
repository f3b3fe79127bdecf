"""Which predictions are explained."""

from typing import Annotated, Literal

import msgspec

from pipelines.rules.use_case.policy_sections.values import (
    PolicySection,
    Positive,
    Schedule,
    Share,
)


class ExplanationPolicy(PolicySection, frozen=True):
    """Which predictions are explained, and in which parts."""

    schedule: Schedule = "*/15 * * * *"
    """When new predictions are explained."""
    select: Literal["all", "flagged", "requested"] = "flagged"
    """Predictions to explain: all, the flagged ones with a sample of the others, or those that were
    requested."""
    sample: Share = 0.05
    """Share of the predictions that are not flagged, with `select: flagged`."""
    chunk: Positive = 20_000
    """Predictions of one task."""
    limit: Positive = 200_000
    """Predictions of one run. Requested ones come first."""
    # Fewer attempts would not separate a row that ends its process from the others.
    attempts: Annotated[int, msgspec.Meta(ge=3, le=10)] = 3
    """How often a chunk is tried."""
    drift: Share = 0.15
    """How far the features' shares of the total contribution may move from those of training,
    beyond what chance explains, before an alert opens."""
