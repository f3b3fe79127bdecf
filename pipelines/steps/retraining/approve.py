"""Pass an APPROVED decision on to promotion.

Only this task emits the candidate asset. It also points MLflow's challenger alias to the candidate.
"""

from typing import Any

from pipelines.context import Context
from pipelines.errors import StepSkipped
from pipelines.rules.promotion.eligibility import promotion_id, state_of
from pipelines.stores.registry_client import CHALLENGER


def run(context: Context) -> dict[str, Any]:
    """Return the decision's id; raises StepSkipped unless the verdict is APPROVED."""
    decision = context.decisions.of_run(context.name, context.run_id)
    if decision.verdict != "APPROVED":
        verdict = decision.verdict or "no verdict"
        reason = decision.reason or "the run has not decided yet"
        raise StepSkipped(f"{verdict}: {reason}")
    entries = context.ledger.of(promotion_id(context.name, decision.id))
    if state_of(entries) is None:  # a promotion that began has moved the aliases already
        context.registry.point(context.name, decision.challenger_version, CHALLENGER)
    return {"decision_id": decision.id}
