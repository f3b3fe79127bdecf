"""The records that stores return: frozen dataclasses whose fields are named as the columns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One logged prediction; `features` are in the contract's column order, NaN where missing.

    `contract_hash` names the contract of the features, `model_contract_hash` that of the model.
    """

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
    model_contract_hash: str | None = None  # None in predictions of before it was kept


@dataclass(frozen=True, kw_only=True)
class Label:
    """The label of one transaction, 1 for the positive class."""

    transaction_id: str
    label: int
    labelled_at: datetime


@dataclass(frozen=True, kw_only=True)
class LabelReceipt:
    """How many posted labels were new, changed an earlier one, or repeated it."""

    accepted: int
    corrected: int
    duplicate: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One retraining run and its verdict, which is None until the run is decided."""

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
    """A person's answer to the review of a decision; `comment` is None when it was left empty."""

    reviewer: str
    approved: bool
    comment: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A registered model version.

    `digest` identifies its serving files, and `run_id` is the retraining run that trained it.
    """

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
class ContractVersion:
    """One application of a contract; rows of it are accepted until `ended_at`.

    `models` are the versions that were trained under it, and `replicas` is the number of servers
    that have it as the current one.
    """

    contract_hash: str
    applied_at: datetime
    ended_at: datetime | None
    replicas: int
    models: list[int]


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
    """What one replica serves, as it last reported; `error` is set when it rejected a model."""

    replica: str
    use_case: str
    version: int | None
    digest: str | None
    error: str | None
    loaded_at: datetime | None
    seen_at: datetime
    contract_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of one drift check; `feature` is empty for metrics of the whole window.

    `model_version` is the version that was measured or, for a comparison, the version whose
    training data is the reference; 0 is the frozen baseline.
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
    """The order of drift checks: the end of the window, then the time the check was made for."""

    check_id: str
    window_end: datetime
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something that a person should look at; at most one alert is open per cause."""

    id: int
    use_case: str
    cause: str
    severity: str
    state: str
    message: str
    check_id: str | None
    model_version: int | None  # the version that the alert is about, None when it is about none
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    resolution: str | None  # why it was resolved
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_severity: str | None
    comment: str | None
    woke_at: datetime | None
    woke_run: str | None
    report: str | None
    notified: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The explanation of one score: a contribution in log-odds for each column of the contract.

    The contributions and `base_value` add up to the log-odds of the score.
    """

    prediction_id: UUID
    model_version: int
    status: str
    contributions: list[float] | None
    base_value: float | None
    attempts: int
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One prediction to explain now; features and score are None if it is no longer logged.

    The contract hash names the features.
    """

    prediction_id: UUID
    scored_at: datetime
    contract_hash: str | None
    features: list[float] | None
    score: float | None


@dataclass(frozen=True, kw_only=True)
class ScoringJob:
    """A file to be scored; the counts are None until it was scored.

    `model_version` and `scored_at` are those of its first start, which a repeated job keeps.
    """

    job_id: UUID
    use_case: str
    origin: str
    file_name: str
    format: str
    is_logged: bool
    state: str
    requested_by: str | None
    requested_at: datetime
    model_version: int | None
    scored_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    rows: int | None
    flagged: int | None
    refused: int | None
    quarantine: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An ingested snapshot; `imports` has each import of the same content, newest last.

    `rows` and `quarantined` are None when the file can't be read, `file` and `ingested_at` when an
    earlier release ingested it.
    """

    id: str
    rows: int | None
    quarantined: int | None
    bytes: int
    file: str | None
    ingested_at: str | None
    imports: list[dict[str, Any]]
    used_by: list[str]
