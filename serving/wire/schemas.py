"""What the API says: the types of its answers and of the bodies that no contract shapes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from pipelines.rules.explanation.reason_codes import reasons
from pipelines.rules.use_case.contract import Contract
from serving.wire.request_decoding import Key, Moment

MAX_LABELS = 10_000
Risk = Literal["low", "medium", "high"]


class PredictionOut(msgspec.Struct, gc=False):
    """One prediction, as it was answered."""

    transaction_id: str
    prediction_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    score: float
    predicted_label: int
    threshold: float
    risk: Risk
    model_version: int


class PredictionsOut(msgspec.Struct):
    """The predictions of a batch, in the order of its rows."""

    predictions: list[PredictionOut]


class LabelReceiptOut(msgspec.Struct):
    """What became of posted labels: new, changing an earlier one, or already known."""

    accepted: int
    corrected: int
    duplicate: int


class LabelIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a transaction turned out to be."""

    transaction_id: Key
    label: Annotated[Literal[0, 1], Meta(description="1 for the positive class")]
    labelled_at: Moment | None = None


class LabelsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Labels as they arrive."""

    labels: Annotated[list[LabelIn], Meta(min_length=1, max_length=MAX_LABELS)]


class LoggedPredictionOut(msgspec.Struct):
    """A prediction as it was logged; `logged` is false while it waits in the journal."""

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
    """How far one feature moved the score, in log-odds, and the same in words."""

    feature: str
    value: Any
    contribution: float
    description: str
    reason: str


def contributions(
    contract: Contract, contract_hash: str, features: Sequence[float], values: Sequence[float]
) -> list[Contribution]:  # fmt: skip
    """Contributions beside the features of a row that was made under a contract, the largest first."""
    found = reasons(contract, contract_hash, features, values)
    return [Contribution(r.feature, r.value, r.contribution, r.description, r.words) for r in found]


class ExplanationOut(msgspec.Struct, omit_defaults=True):
    """Why a score is what it is: sigmoid(base_value + sum of contributions) is the score."""

    prediction_id: UUID
    status: Literal["PENDING", "COMPLETED", "FAILED", "NOT_REQUESTED"]
    model_version: int | None = None
    base_value: float | None = None
    contributions: list[Contribution] | None = None
    error: str | None = None


class ExplainedOut(msgspec.Struct):
    """One row's score, and why: sigmoid(base_value + sum of contributions) is the score. Nothing of it is logged."""

    score: float
    predicted_label: int
    threshold: float
    risk: Risk
    model_version: int
    base_value: float
    contributions: list[Contribution]


class ModelOut(msgspec.Struct):
    """What serves now."""

    use_case: str
    version: int
    digest: str
    kind: str
    threshold: float
    contract_hash: str
    loaded_at: datetime
    columns: tuple[str, ...]


class ProblemOut(msgspec.Struct, omit_defaults=True):
    """RFC 9457; field, value, rule and row are there when a request is refused for one of them."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    value: Any = None
    rule: str | None = None
    row: int | None = None


class LiveHello(msgspec.Struct, tag="hello"):
    """The first message: who sends (one worker's predictions), what serves there, and the share that is shown."""

    use_case: str
    replica: str
    model_version: int | None
    sample: float


class LivePrediction(msgspec.Struct, tag="prediction", kw_only=True):
    """A prediction as it was answered."""

    scored_at: datetime
    transaction_id: str
    prediction_id: str
    score: float
    predicted_label: int
    threshold: float
    risk: Risk
    model_version: int


class LiveReload(msgspec.Struct, tag="reload"):
    """Another version serves from now on; None when nothing does any more."""

    model_version: int | None
    former_version: int | None
    at: datetime


class LiveAlert(msgspec.Struct, tag="alert"):
    """An alert was opened or resolved, or became more or less severe."""

    id: int
    cause: str
    severity: str
    state: str
    message: str
    at: datetime


class LiveMissed(msgspec.Struct, tag="missed"):
    """So many messages were left out here, because they were not taken fast enough."""

    count: int
