"""Let an APPROVED verdict through: this task alone emits the candidate asset, and MLflow's alias names the candidate."""

from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.promotion.eligibility import promotion_id, state_of
from pipelines.stores.registry_client import CHALLENGER


def run(context: Context) -> dict[str, Any]:
    """Pass on the decision's number, or skip with the verdict's reason."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict != "APPROVED":
        raise StepSkipped(
            f"{decision.verdict or 'no verdict'}: {decision.reason or 'the run has not decided yet'}"
        )
    if (
        state_of(context.ledger.of(promotion_id(context.name, decision.id))) is None
    ):  # else it is candidate no more
        context.registry.point(context.name, decision.challenger_version, CHALLENGER)
    return {"decision_id": decision.id}
