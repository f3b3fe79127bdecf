"""`sixgate explain`: how each feature contributed to the score of a prediction."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from pipelines.cli.shared.options import JsonOption, UseCaseOption
from pipelines.errors import SixgateError

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.context import Context
    from pipelines.records import Explanation, Prediction
    from pipelines.rules.explanation.reason_codes import Reason

JSON_FIELDS = (
    "prediction_id",
    "transaction_id",
    "scored_at",
    "model_version",
    "score",
    "threshold",
    "predicted_label",
)


def explain(
    prediction_id: Annotated[UUID, typer.Argument(help="The prediction_id returned by /predict.")],
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Explain the score of a logged prediction.

    Shows the contribution of each feature in log-odds as a bar, and the
    reasons as text. An explanation that is not stored yet is computed by the
    model version that made the prediction, and stored.

    Example:
      sixgate explain 0199f3c2-6a51-7c1e-8d1b-4f0a5b6c7d8e
    """
    from pipelines.context import context
    from pipelines.reporting.tables import console, explanation_view
    from pipelines.rules.explanation.reason_codes import reasons
    from pipelines.settings import Settings
    from pipelines.stores.row_conversion import RowConverter

    with closing(context(Settings.load(), use_case, "explain", datetime.now(UTC))) as step_context:
        prediction = step_context.predictions.get(use_case, prediction_id)
        explanation = step_context.explanations.get(use_case, prediction_id)
        if explanation is None or explanation.status != "COMPLETED":
            explanation = _compute(step_context, prediction)
        contract = step_context.models.of_version(
            use_case, prediction.model_version, step_context.use_case.contract
        )
        converter = RowConverter(contract, step_context.models.recorded_contract)
        features = converter.row(prediction.contract_hash, prediction.features)
    base_value = explanation.base_value
    assert base_value is not None
    feature_reasons = reasons(
        contract,
        contract.hash,
        features,
        explanation.contributions or [],
    )
    if as_json:
        document = _json_document(prediction, base_value, feature_reasons)
        typer.echo(json.dumps(document, default=str, indent=2))
    else:
        console().print(*explanation_view(prediction, base_value, feature_reasons), sep="\n")


def _json_document(
    prediction: "Prediction", base_value: float, feature_reasons: "Sequence[Reason]"
) -> dict[str, object]:
    document = {name: getattr(prediction, name) for name in JSON_FIELDS}
    document["base_value"] = base_value
    document["reasons"] = [asdict(reason) for reason in feature_reasons]
    return document


def _compute(context: "Context", prediction: "Prediction") -> "Explanation":
    """Compute and store an explanation, as the explain step does."""
    from pipelines.records import Claimed
    from pipelines.steps.explanation.explain import load, write

    policy = context.use_case.policy.explanation
    context.explanations.request(prediction, select=policy.select, sample=policy.sample)
    row = Claimed(
        prediction_id=prediction.prediction_id,
        scored_at=prediction.scored_at,
        contract_hash=prediction.contract_hash,
        features=prediction.features,
        score=prediction.score,
    )
    _, errors = write(context, load(context, prediction.model_version), [row])
    if errors:
        reason = errors[prediction.prediction_id]
        raise SixgateError(f"prediction {prediction.prediction_id} can't be explained: {reason}")
    explanation = context.explanations.get(context.name, prediction.prediction_id)
    assert explanation
    return explanation
