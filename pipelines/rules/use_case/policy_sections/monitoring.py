"""How live traffic is measured, when an alert opens, and who is notified."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from pipelines.rules.use_case.policy_sections.values import (
    Count,
    Inside,
    NotNegative,
    PolicySection,
    Positive,
    PositiveDuration,
    Schedule,
    Share,
)


class Severe(PolicySection, frozen=True):
    """When drift is severe: then it starts a retraining."""

    k: Positive = 3
    """Buckets, among the last `n`, in which there must be dataset drift. The newest is one."""
    n: Positive = 4
    """Disjoint buckets that are compared."""


class Drift(PolicySection, frozen=True):
    """How a drift check measures drift, and when it raises an alert."""

    schedule: Schedule = "*/5 * * * *"
    """When a drift check runs."""
    window: PositiveDuration = timedelta(hours=24)
    """How far back a drift check compares predictions."""
    step: PositiveDuration = timedelta(hours=1)
    """Length of a bucket. Counts are kept for each bucket; `window` is a multiple of it."""
    reference: Literal["training", "baseline"] = "training"
    """What alerts compare with. `training`: the champion's evaluation data, the newest rows of its
    decision, because retraining can correct that drift. `baseline`: the frozen baseline. Both
    comparisons are stored."""
    ignore: tuple[str, ...] = ()
    """Features that change with the hour, the day or the season, and raise no alert."""
    rows: Positive = 200
    """Smallest number of rows in a window or a bucket that give a metric."""
    psi: NotNegative = 0.1
    """PSI above which a feature drifts, beyond what equal samples of these sizes would show."""
    level: Inside = 0.001
    """Chi-square p-value below which a feature drifts, corrected for many features."""
    inspect_share: Share = 0.2
    """Share of drifting features above which an alert asks a person to look (INSPECT)."""
    warning_features: Count = 5
    """Number of drifting features above which an alert warns (WARNING)."""
    dataset_share: Share = 0.5
    """Share of drifting features from which on there is dataset drift (ALERT)."""
    severe: Severe = Severe()
    """When drift is severe: then it starts a retraining."""


class Performance(PolicySection, frozen=True):
    """The floors of the champion's metrics on matured predictions."""

    window: PositiveDuration = timedelta(days=7)
    """How far back matured predictions are judged."""
    positives: Positive = 20
    """Smallest number of positive labels with which the champion is judged."""
    level: Inside = 0.001
    """A metric is below its floor when chance explains the distance with a smaller probability."""
    recall: Share = 0.4
    """Floor of the recall."""
    roc_auc: Share = 0.72
    """Floor of the ROC-AUC."""


class Alerts(PolicySection, frozen=True):
    """Where notifications of alerts are sent."""

    notify: tuple[str, ...] = ("log",)
    """Targets: `log`, or the id of an Airflow connection (SMTP, Slack webhook, HTTP)."""


class Report(PolicySection, frozen=True):
    """Evidently's report on drift. It is written when an alert opens, and at intervals."""

    rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5000
    """Rows of the sample that the report describes."""
    every: PositiveDuration = timedelta(days=1)
    """Time between two reports while no alert opens."""
    keep: PositiveDuration = timedelta(days=90)
    """When a report is deleted."""
