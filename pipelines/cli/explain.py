"""`sixgate explain`: why a prediction came out as it did."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from pipelines.cli.decisions import JsonOption, UseCaseOption
from pipelines.errors import SixgateError
from pipelines.records import Claimed, Explanation, Prediction
from pipelines.settings import Settings

if TYPE_CHECKING:  # the command line lists its commands, and must stay light
    from pipelines.context import Context


def explain(
    prediction_id: Annotated[UUID, typer.Argument(help="As the answer named it.")],
    use_case: UseCaseOption = "fraud",
    as_json: JsonOption = False,
) -> None:
    """Show why a logged prediction was scored so: a bar for each feature, in log-odds, and the reasons in words.

    One that nobody explained yet is explained now, by the model version that scored it, and kept.
    """
    from pipelines.context import context
    from pipelines.reporting.tables import console, explanation_view
    from pipelines.rules.explanation.reason_codes import reasons

    wired = context(Settings.load(), use_case, "explain", datetime.now(UTC))
    try:
        prediction = wired.predictions.get(use_case, prediction_id)
        known = wired.explanations.get(use_case, prediction_id)
        if known is None or known.status != "COMPLETED":
            known = _now(wired, prediction)
        contract = wired.models.contract(prediction.contract_hash, wired.use_case.contract)
    finally:
        wired.close()
    assert known.base_value is not None
    found = reasons(
        contract, prediction.contract_hash, prediction.features, known.contributions or []
    )
    if as_json:
        names = (
            "prediction_id",
            "transaction_id",
            "scored_at",
            "model_version",
            "score",
            "threshold",
            "predicted_label",
        )
        shown = {name: getattr(prediction, name) for name in names} | {
            "base_value": known.base_value
        }
        typer.echo(
            json.dumps(
                shown | {"reasons": [asdict(reason) for reason in found]}, default=str, indent=2
            )
        )
        return
    console().print(*explanation_view(prediction, known.base_value, found), sep="\n")


def _now(wired: "Context", prediction: Prediction) -> Explanation:
    """Compute and keep it, as the explain step does."""
    from pipelines.steps.explanation.explain import load, write

    policy = wired.use_case.policy.explanation
    wired.explanations.request(prediction, select=policy.select, sample=policy.sample)
    row = Claimed(
        prediction_id=prediction.prediction_id, scored_at=prediction.scored_at, features=prediction.features,
        score=prediction.score,
    )  # fmt: skip
    _, wrong = write(wired, load(wired, prediction.model_version), [row])
    if wrong:
        raise SixgateError(
            f"prediction {prediction.prediction_id} can't be explained: {wrong[prediction.prediction_id]}"
        )
    found = wired.explanations.get(wired.name, prediction.prediction_id)
    assert found
    return found
