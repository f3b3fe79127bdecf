"""When a candidate is trained, on which data, and how."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from pipelines.rules.use_case.policy_sections.values import (
    AboveZero,
    Count,
    Duration,
    Factor,
    Inside,
    PolicySection,
    Positive,
    PositiveDuration,
    Schedule,
    Share,
)


class Threshold(PolicySection, frozen=True):
    """How the score is chosen from which on a row is flagged."""

    metric: Literal["f1", "cost", "alerts"] = "f1"
    """`f1` gives the best F1 on the newest training rows, `cost` the least cost of errors, `alerts`
    as many flagged rows as investigators can work off."""
    false_alarm: AboveZero = 1.0
    """Cost of a flagged negative, with `metric: cost`."""
    miss: AboveZero = 1.0
    """Cost of a positive that is not flagged, with `metric: cost`."""
    per_day: Positive | None = None
    """Largest number of flagged rows of a day (UTC), with `metric: alerts`."""
    per_share: Inside | None = None
    """Largest share of flagged rows, with `metric: alerts`: for rows whose event time says
    nothing, and for snapshots that are a sample of the traffic."""


class Training(PolicySection, frozen=True):
    """The search for a candidate."""

    seed: Count = 7
    """The same rows and the same seed give the same model."""
    trees: Positive = 300
    """Largest number of trees of a model."""
    trials: Positive = 25
    """Sets of parameters that a guided search tries."""
    folds: Positive = 4
    """Folds of the search, forward in time, over the newest two thirds of the training rows."""
    rows: Positive = 200_000
    """Rows that the search uses, evenly over time. The model is fitted on all rows."""
    budget: PositiveDuration = timedelta(minutes=10)
    """Time for the search. No trial starts after it."""
    real_rows: Positive = 10_000
    """Labelled real rows in the evaluation window from which on reference rows no longer train."""
    real_positives: Positive = 200
    """Real rows of the rarer class that are needed for the same."""
    imbalance: Literal["weights", "smote", "none"] = "weights"
    """What balances the classes: class weights, SMOTE, or nothing."""
    threshold: Threshold = Threshold()
    """How the score is chosen from which on a row is flagged."""
    estimators: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("logistic", "xgboost")
    """Estimators to train: names of the entry-point group `sixgate.estimators`. The best candidate
    becomes the challenger."""


class Validation(PolicySection, frozen=True):
    """How bad data may be before a run fails."""

    quarantine_share: Share = 0.01
    """Share of rows that may break the contract."""
    missing_share: Share = 0.05
    """Share of rows in which a feature may be missing, above the share in the baseline."""
    skew_share: Share = 0.01
    """Share of the transactions both logged and ingested in which a feature may differ."""
    outside_share: Share = 0.05
    """Share of rows in which a feature may be outside the range of the baseline. Above it, the run
    warns and continues."""
    refused_share: Share = 0.05
    """Share of a field's values in requests that may be refused, or be unknown and taken as missing
    or as `other`. Above it, an alert opens."""
    repeated_share: Share = 0.05
    """Share of predictions that may repeat the transaction id of an earlier one. Above it, an alert
    opens."""
    unmatched_share: Share = 0.05
    """Share of labels that may match no prediction after a day. Above it, an alert opens."""
    leak: Share = 0.99
    """ROC-AUC that a single feature may reach."""
    label_factor: Factor = 10.0
    """How many times as frequent, or as rare, as in the baseline positives may be."""
    freshness: PositiveDuration = timedelta(days=14)
    """How far the newest matured prediction may be behind the newest that could have matured."""


class Retraining(PolicySection, frozen=True):
    """When retraining may start."""

    schedule: Schedule = "0 3 * * 1"
    """When a run starts without drift. The default is Mondays at 03:00 UTC."""
    cooldown: Duration = timedelta(days=7)
    """Shortest time between two runs that train, unless a person forces one."""
    per_week: Positive = 3
    """Largest number of runs that train, in any seven days."""
    labels: Count = 200
    """Smallest number of matured labels in the evaluation window."""
    waiting: Literal["supersede", "wait"] = "supersede"
    """What a run does while an approved candidate waits for its review: supersede it, or wait."""
