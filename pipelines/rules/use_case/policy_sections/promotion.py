"""How a candidate becomes Production, and how a new champion is guarded."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from pipelines.rules.use_case.policy_sections.values import (
    AboveZero,
    Duration,
    Factor,
    PolicySection,
    Positive,
    PositiveDuration,
)


class Review(PolicySection, frozen=True):
    """When a person must approve a candidate."""

    when: Literal["never", "always", "on_drift"] = "never"
    """Which candidates need a review. `on_drift`: those of a run that drift started."""
    timeout: PositiveDuration = timedelta(days=3)
    """How long a reviewer has. Without an answer the candidate is rejected."""


class FinalValidation(PolicySection, frozen=True):
    """The limits of a candidate's trial in the scoring server, before it is promoted."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000
    """Newest logged requests that are tried. They also warm up the servers at the promotion."""
    parity: AboveZero = 0.00001
    """Largest difference between a score and that of the training library."""
    p99: PositiveDuration = timedelta(milliseconds=10)
    """99th percentile of the time of a request, without the network."""
    memory_mb: Positive = 400
    """Memory of a worker that holds the model, in MiB."""


class Promotion(PolicySection, frozen=True):
    """The promotion itself."""

    acknowledge_within: PositiveDuration = timedelta(seconds=30)
    """How long replicas have to acknowledge a promotion."""


class Guard(PolicySection, frozen=True):
    """How a new champion is compared with its decision. If it performs worse, it is rolled back."""

    bake: Duration = timedelta(days=7)
    """How long a new champion is compared with its decision."""
    predictions: Positive = 500
    """Smallest number of predictions in the drift window with which its flagged share is judged."""
    flagged: Factor = 3.0
    """How many times the share that it flagged in the evidence it may flag. Needs no labels."""
