"""When rows of the baseline, which are no real traffic, may train a model, and how that is said."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.rules.use_case.policy_sections.training import Training

REFERENCE = "REFERENCE"  # source of evidence that is no real traffic
FROM_BASELINE = "reference"  # history that is the baseline
NO_HISTORY = "none"  # history of a model that real rows alone trained
IMPORTED = "history"  # in place of a snapshot's id: all rows that the ingest DAG imported
REAL = ("LOGGED", "INGESTED")  # sources of evidence


def real_rows_suffice(labels: NDArray[np.int8], training: Training) -> bool:
    """Whether labels (n,) of real rows, −1 where unknown, are enough to train without the baseline.

    Each class must be there as often as the policy's `real_positives` says.
    """
    labelled = labels[labels >= 0]
    positives = int(labelled.sum())
    rarest = min(positives, len(labelled) - positives)
    return len(labelled) >= training.real_rows and rarest >= training.real_positives


def reference_warning(reference_rows: int, train_rows: int) -> str | None:
    """Say how many of the training rows are rows of the baseline; None without one."""
    if not reference_rows:
        return None
    return (
        f"{reference_rows:,} of {train_rows:,} training rows are reference rows (the baseline of "
        "the use case), not real traffic"
    )


def reference_note(dataset: Mapping[str, Any] | None) -> str | None:
    """The warning about a decision's dataset; None when only real rows trained its model."""
    if not dataset:
        return None
    return reference_warning(
        int(dataset.get("reference_rows", 0)), int(dataset.get("train_rows", 0))
    )
