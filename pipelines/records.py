"""What the stores return: frozen, with the columns' names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answered prediction; `features` in the contract's column order, NaN where missing."""

    prediction_id: UUID
    scored_at: datetime
    use_case: str
    transaction_id: str
    entity_key: str | None
    event_time: datetime
    model_version: int
    contract_hash: str
    features: list[float]
    score: float
    predicted_label: int
    threshold: float
    replica: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """The truth about one transaction, 1 for the positive class."""

    transaction_id: str
    label: int
    labelled_at: datetime


@dataclass(frozen=True, kw_only=True)
class LabelReceipt:
    """What became of posted labels: new, changing an earlier one, or already known."""

    accepted: int
    corrected: int
    duplicate: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One retraining run and what was decided; undecided while `verdict` is None."""

    id: int
    use_case: str
    run_id: str
    trigger: str
    requested_by: str | None
    request_reason: str | None
    params: dict[str, Any]
    as_of: datetime
    champion_version: int | None
    challenger_version: int | None
    evidence_source: str | None
    dataset: dict[str, Any] | None
    gates: list[dict[str, Any]] | None
    policy: dict[str, Any]
    verdict: str | None
    reason: str | None
    reviewer: str | None
    review_comment: str | None
    evidence_hash: str | None
    git_sha: str | None
    opened_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RecordedReview:
    """What a person answered about a decision; `comment` is None when nothing was said."""

    reviewer: str
    approved: bool
    comment: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A registered model version; `digest` names its serving files, `run_id` the retraining run that made it."""

    use_case: str
    version: int
    run_id: str
    mlflow_run_id: str
    kind: str
    digest: str
    contract_hash: str
    threshold: float
    metrics: dict[str, float]
    data_hash: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One state of one promotion or rollback."""

    id: int
    promotion_id: UUID
    use_case: str
    from_version: int | None
    from_digest: str | None
    to_version: int
    to_digest: str
    action: str
    state: str
    actor: str
    reason: str
    decision_id: int | None
    evidence_hash: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Replica:
    """What one replica serves, as it last said; `error` when it refused a model."""

    replica: str
    use_case: str
    version: int | None
    digest: str | None
    error: str | None
    loaded_at: datetime | None
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of one drift check; `feature` is empty for figures of the whole window.

    `model_version` says whose figure it is, or against whose training data a comparison is; 0 is the frozen baseline.
    """

    check_id: str
    window_start: datetime
    window_end: datetime
    metric: str
    value: float | None
    n: int
    feature: str = ""
    model_version: int = 0
    expected: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class CheckTime:
    """Where a drift check stands among others: the end of its window, and its moment within it."""

    check_id: str
    window_end: datetime
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something a person should look at; one is open per cause."""

    id: int
    use_case: str
    cause: str
    severity: str
    state: str
    message: str
    check_id: str | None
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_severity: str | None
    comment: str | None
    woke_at: datetime | None
    woke_run: str | None
    report: str | None
    told: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a score is what it is: contributions in log-odds, in the order of the contract's columns, adding up with
    `base_value` to the score's."""

    prediction_id: UUID
    model_version: int
    status: str
    contributions: list[float] | None
    base_value: float | None
    attempts: int
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One prediction that is to be explained now; without features and score it is no longer logged."""

    prediction_id: UUID
    scored_at: datetime
    features: list[float] | None
    score: float | None
