"""The types of the API's responses, and of request bodies that do not depend on a contract."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from pipelines.rules.explanation.reason_codes import reasons
from pipelines.rules.model.risk_band import RiskBand
from pipelines.rules.use_case.contract import Contract
from serving.wire.row_types import TextId, Timestamp

MAX_LABELS = 10_000


class PredictionOut(msgspec.Struct, gc=False):
    """One prediction."""

    transaction_id: str
    prediction_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    score: float
    predicted_label: int
    threshold: float
    risk: RiskBand
    model_version: int


class PredictionsOut(msgspec.Struct):
    """The predictions of a batch, in the order of its rows."""

    predictions: list[PredictionOut]


class LabelReceiptOut(msgspec.Struct):
    """How many posted labels were new, changed an earlier label, or were already stored."""

    accepted: int
    corrected: int
    duplicate: int


class LabelIn(msgspec.Struct, forbid_unknown_fields=True):
    """The label of one transaction."""

    transaction_id: TextId
    label: Annotated[Literal[0, 1], Meta(description="1 for the positive class")]
    labelled_at: Timestamp | None = None


class LabelsIn(msgspec.Struct, forbid_unknown_fields=True):
    """A list of labels."""

    labels: Annotated[list[LabelIn], Meta(min_length=1, max_length=MAX_LABELS)]


class LoggedPredictionOut(msgspec.Struct):
    """A stored prediction; `logged` is false while it is in the journal only."""

    prediction_id: UUID
    transaction_id: str
    entity_key: str | None
    event_time: datetime
    scored_at: datetime
    score: float
    predicted_label: int
    threshold: float
    model_version: int
    contract_hash: str
    replica: str
    logged: bool
    features: dict[str, Any]


class Contribution(msgspec.Struct):
    """How much one feature moved the score, in log-odds; `reason` says the same in words."""

    feature: str
    value: Any
    contribution: float
    description: str
    reason: str


def contributions(
    contract: Contract,
    contract_hash: str,
    features: Sequence[float],
    values: Sequence[float],
) -> list[Contribution]:
    """Join contributions (columns,) with the features (columns,) of a row, the largest first.

    `contract_hash` is the hash of the contract under which the row was scored.
    """
    return [
        Contribution(
            feature=reason.feature,
            value=reason.value,
            contribution=reason.contribution,
            description=reason.description,
            reason=reason.words,
        )
        for reason in reasons(contract, contract_hash, features, values)
    ]


class ExplanationOut(msgspec.Struct, omit_defaults=True):
    """The explanation of a score: sigmoid(base_value + sum of contributions) is the score."""

    prediction_id: UUID
    status: Literal["PENDING", "COMPLETED", "FAILED", "NOT_REQUESTED"]
    model_version: int | None = None
    base_value: float | None = None
    contributions: list[Contribution] | None = None
    error: str | None = None


class ExplainedOut(msgspec.Struct):
    """One row's score with its explanation, neither of which is logged.

    sigmoid(base_value + sum of contributions) is the score.
    """

    score: float
    predicted_label: int
    threshold: float
    risk: RiskBand
    model_version: int
    base_value: float
    contributions: list[Contribution]


class ModelOut(msgspec.Struct):
    """The model in service."""

    use_case: str
    version: int
    digest: str
    kind: str
    threshold: float
    contract_hash: str
    loaded_at: datetime
    columns: tuple[str, ...]


class ProblemOut(msgspec.Struct, omit_defaults=True):
    """RFC 9457; `field`, `value`, `rule` and `row` are present when a value breaks a rule.

    `hint` is the likely cause, where one is known.
    """

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    value: Any = None
    rule: str | None = None
    row: int | None = None
    hint: str | None = None


class JobLinks(msgspec.Struct):
    """Where a job is found; `result` is null until it has SUCCEEDED."""

    self: str
    result: str | None = None


class ScoringJobOut(msgspec.Struct, kw_only=True):
    """A file to be scored.

    The counts are null until it was read. `refused` are rows that break the contract, which are not
    in the result, and `error` says why a job FAILED.
    """

    job_id: UUID
    state: Literal["QUEUED", "RUNNING", "SUCCEEDED", "FAILED"]
    file_name: str
    format: Literal["csv", "parquet"]
    is_logged: bool
    requested_at: datetime
    finished_at: datetime | None
    model_version: int | None
    rows: int | None
    flagged: int | None
    refused: int | None
    error: str | None
    links: JobLinks


class LiveHello(msgspec.Struct, tag="hello"):
    """The first message.

    `replica` is the worker whose predictions are sent, `model_version` the model in service there,
    and `sample` the share of predictions that is sent.
    """

    use_case: str
    replica: str
    model_version: int | None
    sample: float


class LivePrediction(msgspec.Struct, tag="prediction", kw_only=True):
    """A prediction of this worker."""

    scored_at: datetime
    transaction_id: str
    prediction_id: str
    score: float
    predicted_label: int
    threshold: float
    risk: RiskBand
    model_version: int


class LiveReload(msgspec.Struct, tag="reload"):
    """Another version is in service; `model_version` is null when none is any more."""

    model_version: int | None
    former_version: int | None
    at: datetime


class LiveContract(msgspec.Struct, tag="contract"):
    """Another contract is in force; rows of the former one are still accepted."""

    contract_hash: str
    former_hash: str
    at: datetime


class LiveAlert(msgspec.Struct, tag="alert"):
    """An alert was opened or resolved, or its severity changed."""

    id: int
    cause: str
    severity: str
    state: str
    message: str
    at: datetime


class LiveMissed(msgspec.Struct, tag="missed"):
    """`count` messages were dropped here, because the client read too slowly."""

    count: int
