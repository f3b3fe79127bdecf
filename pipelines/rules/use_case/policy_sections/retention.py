"""How long rows are kept."""

from datetime import timedelta

from pipelines.rules.use_case.policy_sections.values import PolicySection, PositiveDuration


class Retention(PolicySection, frozen=True):
    """How long rows are kept in the database."""

    predictions: PositiveDuration = timedelta(days=400)
    """Predictions and explanations. At least `evaluation.window`; retraining reads rows that are
    older by `label_maturity`."""
    metrics: PositiveDuration = timedelta(days=400)
    """Metrics and counts of drift checks."""
