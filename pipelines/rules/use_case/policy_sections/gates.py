"""How a candidate is judged: the thresholds of the six gates, and the rows of their evidence."""

from datetime import timedelta
from typing import Literal

import msgspec

from pipelines.rules.use_case.policy_sections.values import (
    Inside,
    PolicySection,
    Positive,
    PositiveDuration,
    Share,
)


class Gates(PolicySection, frozen=True):
    """Thresholds of the six gates.

    A decision is replayed under the policy that it stores. A key that is added later is missing in
    it, so the default of such a key must leave the outcome of a gate as it was.
    """

    f1_improvement: Share = 0.02
    """Smallest gain of F1, relative to the champion's F1."""
    level: Inside = 0.03
    """Nominal one-sided level of the test that the challenger ranks better."""
    resamples: Positive = 10_000
    """Resamples of the bootstrap that bounds the gain of F1."""
    brier_degradation: Share = 0.01
    """Largest rise of the Brier score over that of the champion."""
    samples: Positive = 200
    """Smallest number of labelled rows."""
    positives: Positive = 20
    """Smallest number of positives among the labelled rows."""
    label_coverage: Share = 0.3
    """Smallest share of the matured predictions that is labelled."""
    recall: Share = 0.4
    """Smallest share of the positives that the model must find."""
    roc_auc: Share = 0.72
    """Smallest ROC-AUC of the model."""
    band_coverage: Share = 0.0
    """Smallest labelled share of each band of scores, so that labels for some scores only do not
    decide. 0 reports the shares only."""
    slice_recall: Share = 0.0
    """Smallest recall in each slice with enough positives. 0 reports the worst slice only."""
    flagged_share: Share | None = None
    """Largest share of the labelled rows that the model may flag. Null reports the share only."""


class Evaluation(PolicySection, frozen=True):
    """Which rows are training data and which are held out."""

    window: PositiveDuration = timedelta(days=60)
    """How far back labelled predictions are used."""
    split: Literal["time", "id"] = "time"
    """`time` holds out the newest rows, and tunes on the newest that train. `id` draws both by a
    hash of the transaction id, for rows whose event time says nothing. Then no gate shows how the
    model does on newer rows."""
    holdout: Inside = 0.3
    """Share of the rows that no training uses: the newest ones, unless `split` is `id`."""
    slices: dict[str, str] = msgspec.field(default_factory=dict)
    """Parts of the data in which a model may be worse than overall: a name and a condition on
    features for each."""
